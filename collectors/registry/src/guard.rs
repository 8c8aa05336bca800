//! Where a request may go: a registry's host, its token service and its redirects are other people's words, and a request
//! goes out from inside our network.
//!
//! Unless the operator allows it, nothing that is loopback, link-local (metadata services), private or reserved is spoken
//! to. Names are checked in the resolver that the client itself uses, so that an answer that changes between check and use
//! gains nothing; addresses given as such never reach a resolver and are checked in every URL, by `core`'s `may_go`.

use plumbline_core::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

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
