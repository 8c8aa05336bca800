//! The only way to read a form: its token is checked first.

use crate::again;
use crate::csrf;
use crate::error::WebError;
use crate::state::AppState;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures::future::LocalBoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

const FIELD: &str = "csrf";
const HEADER: &str = "x-csrf-token";

/// What was typed into a form of ours.
#[derive(Debug)]
pub struct Form<T>(pub T);

/// A form of nothing but its button.
#[derive(Debug, Deserialize)]
pub struct Pressed {}

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(req, payload);
        let req = req.clone();
        Box::pin(async move {
            let body = body.await.map_err(|_| WebError::TooLarge)?;
            check_type(&req)?;
            let fields = form_urlencoded::parse(&body).into_owned().collect();
            Ok(Self(read(&req, fields)?))
        })
    }
}

/// A body that is no form is refused before it is read as one: other sites cannot send JSON unasked, and we read none.
pub(crate) fn check_type(req: &HttpRequest) -> Result<(), WebError> {
    let form = req
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if form { Ok(()) } else { Err(WebError::Invalid("Forms are sent as application/x-www-form-urlencoded.".into())) }
}

pub(crate) fn read<T: DeserializeOwned>(req: &HttpRequest, fields: Vec<(String, String)>) -> Result<T, WebError> {
    let state = req.app_data::<web::Data<AppState>>().ok_or(WebError::Internal("no state".into()))?;
    let (secret, _) = csrf::secret_of(req, state)?;
    let in_header = req.headers().get(HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let in_field = fields.iter().find(|(name, _)| name == FIELD).map(|(_, value)| value.clone());
    let token = in_field.or(in_header).ok_or(WebError::Forged)?;
    if !secret.admits(&token) {
        return Err(WebError::Forged);
    }
    // The database keeps no text with a zero byte in it.
    if fields.iter().any(|(_, value)| value.contains('\0')) {
        return Err(WebError::Invalid("What was typed has a character in it that cannot be stored.".into()));
    }
    let typed: Vec<(String, String)> = fields.into_iter().filter(|(name, _)| name != FIELD).collect();
    again::remember(req, &typed, secret);
    let typed = form_urlencoded::Serializer::new(String::new()).extend_pairs(typed).finish();
    let typed = web::Query::<T>::from_query(&typed)
        .map_err(|_| WebError::Invalid("A field of the form is missing or not what it should be.".into()))?;
    Ok(typed.into_inner())
}
