//! The static files, embedded. A page names each with a hash of its content, so that browsers may keep it for good.

use crate::call::Visitor;
use crate::error::WebError;
use crate::route::Route;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

#[derive(Deserialize)]
struct Version {
    v: Option<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/static/{path:.*}", file)]
}

/// The address of a file as a page names it.
#[must_use]
pub fn url(path: &str) -> String {
    match Files::get(path) {
        Some(file) => format!("/static/{path}?v={}", hash(&file)),
        None => format!("/static/{path}"),
    }
}

fn hash(file: &EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..6])
}

async fn file(
    _anybody: Visitor,
    path: web::Path<String>,
    version: web::Query<Version>,
) -> Result<HttpResponse, WebError> {
    let file = Files::get(&path).ok_or(WebError::NotFound)?;
    let hash = hash(&file);
    let keep = if version.v.as_ref() == Some(&hash) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .content_type(content_type(&path))
        .insert_header((header::CACHE_CONTROL, keep))
        .insert_header((header::ETAG, format!("\"{hash}\"")))
        .body(file.data.into_owned()))
}

fn content_type(path: &str) -> String {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    if kind.type_() == "text" { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}
