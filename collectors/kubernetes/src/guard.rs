//! Where a request may go: an API server's address is a tenant's word, and a request goes out from inside our network.
//!
//! Unless the operator allows it, nothing that is loopback, link-local (metadata services), private or reserved is spoken
//! to. Names are checked in the resolver that the client itself uses, so that an answer that changes between check and use
//! gains nothing; addresses given as such never reach a resolver and are checked in the URL. Redirects are not followed.

use plumbline_core::address::{is_inside, is_public};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use url::Url;

/// Checks a URL before a request goes there.
pub(crate) fn may_go(url: &Url, private_allowed: bool) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{} is neither https nor http", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address carries a user name or password".to_owned());
    }
    if url.host().is_none() {
        return Err("the address names no host".to_owned());
    }
    if !private_allowed && is_inside(url) {
        return Err("A loopback, link-local or private address is not allowed in this installation. The operator can \
                    allow it."
            .to_owned());
    }
    Ok(())
}

/// Resolves as the system does, and refuses answers that are not public.
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(format!("{} resolves to an address that is not public", name.as_str()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_disguise_is_refused() {
        for typed in ["http://127.1/", "http://0x7f000001/", "https://2130706433/", "https://[::ffff:127.0.0.1]/"] {
            assert!(may_go(&Url::parse(typed).unwrap(), false).is_err(), "{typed}");
        }
        assert!(may_go(&Url::parse("ftp://example.com/").unwrap(), true).is_err());
        assert!(may_go(&Url::parse("https://a:b@example.com/").unwrap(), true).is_err());
        assert!(may_go(&Url::parse("https://example.com/").unwrap(), false).is_ok());
        assert!(may_go(&Url::parse("http://127.0.0.1:5000/").unwrap(), true).is_ok());
    }
}
