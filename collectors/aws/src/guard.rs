//! Where a tenant may point us: an endpoint is a tenant's words, and a request goes out from inside our network.
//!
//! Unless the operator allows it, no name is resolved to, and no address given as, loopback, link-local (the metadata
//! service), private, carrier-grade NAT, multicast or reserved space. The check stands in the resolver that the client
//! itself uses, so a name that changes its answer between check and use gains nothing.

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use plumbline_core::address::{is_inside, is_public};
use std::net::IpAddr;
use url::Url;

/// Checks an endpoint as typed. Returns it as a URL without path, or a sentence for the person who typed it.
pub(crate) fn endpoint(text: &str, private_allowed: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("The endpoint is not a URL: {e}."))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("The endpoint must begin with https:// or http://.".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("The endpoint must not carry a user name or password.".to_owned());
    }
    if url.host().is_none() {
        return Err("The endpoint names no host.".to_owned());
    }
    if !private_allowed && is_inside(&url) {
        return Err("The endpoint is a loopback, link-local or private address, which this installation does not \
                    allow. The operator can allow it."
            .to_owned());
    }
    if !private_allowed && url.scheme() == "http" {
        return Err("The endpoint must use https://.".to_owned());
    }
    Ok(url)
}

/// Resolves names as the system does, and refuses answers that are not public.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicOnly;

impl ResolveDns for PublicOnly {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            if addresses.iter().any(|address| !is_public(*address)) {
                return Err(ResolveDnsError::new(format!("{name} resolves to an address that is not public")));
            }
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_disguise_is_refused() {
        for typed in ["http://127.1/", "http://0x7f000001/", "https://2130706433/", "https://[::ffff:127.0.0.1]/"] {
            assert!(endpoint(typed, false).is_err(), "{typed}");
        }
        assert!(endpoint("ftp://example.com", true).is_err());
        assert!(endpoint("https://user:secret@example.com", true).is_err());
        assert!(endpoint("https://aws.example.com", false).is_ok());
        assert!(endpoint("http://127.0.0.1:5005", true).is_ok());
    }
}
