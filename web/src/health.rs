//! Whether this server can answer.

use crate::call::Visitor;
use crate::error::WebError;
use crate::route::Route;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/healthz", healthz)]
}

async fn healthz(visitor: Visitor) -> Result<&'static str, WebError> {
    visitor.ping().await?;
    Ok("ok\n")
}
