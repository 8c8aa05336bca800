//! Dark or light, kept in a cookie.

use crate::call::Visitor;
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{THEME_COOKIE, Theme};
use crate::route::Route;
use crate::sign_in::local_path;
use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use serde::Deserialize;

#[derive(Deserialize)]
struct Choice {
    theme: Theme,
    #[serde(default)]
    back: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::post("/theme", choose)]
}

async fn choose(visitor: Visitor, form: Form<Choice>) -> Result<HttpResponse, WebError> {
    let cookie = Cookie::build(THEME_COOKIE, form.0.theme.as_str())
        .path("/")
        .max_age(Duration::days(365))
        .http_only(true)
        .secure(visitor.state.config.secure_cookies())
        .same_site(SameSite::Lax)
        .finish();
    let mut answer = visitor.go(local_path(&form.0.back));
    answer.add_cookie(&cookie).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(answer)
}
