//! Requests of ours to addresses that a tenant names: a provider's issuer is a tenant's words, and the request goes out
//! from inside our network. Unless the operator allows it, only public addresses are spoken to, and only over TLS.
//!
//! Redirects are not followed, answers are short, and nothing waits for long.

use plumbline_core::address::is_inside;
use plumbline_outside::Reach;
use std::time::Duration;
use url::Url;

const MOST_BYTES: usize = 1024 * 1024;

/// Why a request did not go out or come back.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("the answer is longer than it should be")]
    TooLong,
    #[error("{0}")]
    Malformed(#[from] openidconnect::http::Error),
}

/// Checks an address as typed. The sentence is for the person who typed it.
///
/// # Errors
/// When it is no web address, or not one that may be spoken to.
pub fn check_url(text: &str, private_allowed: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("The issuer is not a web address: {error}."))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("The issuer is an address without user name, query or fragment.".to_owned());
    }
    may_go(&url, private_allowed)?;
    Ok(url)
}

fn may_go(url: &Url, private_allowed: bool) -> Result<(), String> {
    if url.host().is_none() {
        return Err("The address names no host.".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if private_allowed => {}
        _ => return Err("The address must begin with https://.".to_owned()),
    }
    if !private_allowed && is_inside(url) {
        return Err("The address is not a public one, which this installation does not allow.".to_owned());
    }
    Ok(())
}

/// Speaks to the outside.
#[derive(Debug, Clone)]
pub struct Outside {
    client: reqwest::Client,
    private_allowed: bool,
}

impl Outside {
    /// Makes one; `private_allowed` lifts the guard.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(private_allowed: bool) -> Result<Self, OutsideError> {
        let client = plumbline_outside::client(Reach::allowed(private_allowed))
            .https_only(!private_allowed)
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10));
        Ok(Self { client: client.build()?, private_allowed })
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When the address may not be spoken to, nobody answers in time, or the answer is too long.
    pub async fn send(&self, request: openidconnect::HttpRequest) -> Result<openidconnect::HttpResponse, OutsideError> {
        let request = reqwest::Request::try_from(request)?;
        may_go(request.url(), self.private_allowed).map_err(OutsideError::Refused)?;
        let mut answer = self.client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(OutsideError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut made = openidconnect::http::Response::builder().status(answer.status());
        if let Some(headers) = made.headers_mut() {
            *headers = answer.headers().clone();
        }
        Ok(made.body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_in_disguise_is_refused() {
        for typed in [
            "https://127.1/",
            "https://0x7f000001",
            "https://2130706433",
            "https://[::ffff:127.0.0.1]",
            "http://id.example.com",
            "file:///etc/passwd",
            "https://a:b@example.com",
            "https://example.com/?x",
        ] {
            assert!(check_url(typed, false).is_err(), "{typed}");
        }
        assert!(check_url("https://id.example.com/realm", false).is_ok());
        assert!(check_url("http://127.0.0.1:4000", true).is_ok());
    }
}
