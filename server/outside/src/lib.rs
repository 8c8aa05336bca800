//! How a request of ours leaves for an address that somebody else names: a tenant's endpoint, a redirect, a feed.
//!
//! The request goes out from inside our network. Unless the operator allows it, nothing that is loopback, link-local
//! (metadata services), private or reserved is spoken to. Names are checked in the resolver that the client itself uses, so
//! that a name which changes its answer between check and use gains nothing. An address that is given as a number never
//! reaches a resolver: [`plumbline_core::address`] checks it in the URL, before each request.

use plumbline_core::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use std::sync::Arc;

/// Which addresses a name may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Anywhere,
    Public,
    /// Loopback, private and reserved space alone: where plain HTTP may go.
    Inside,
}

impl Reach {
    /// Anywhere where the operator allows private addresses, else the public internet.
    #[must_use]
    pub fn allowed(private: bool) -> Self {
        if private { Self::Anywhere } else { Self::Public }
    }
}

/// What all our clients have in common: no proxy, no redirect that is followed by itself, and names checked as they are
/// resolved.
pub fn client(reach: Reach) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("plumbline/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Guarded(reach)))
}

/// Resolves as the system does, and refuses answers that are out of reach.
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let odd = |address: &SocketAddr| match reach {
                Reach::Anywhere => false,
                Reach::Public => !is_public(address.ip()),
                Reach::Inside => is_public(address.ip()),
            };
            if found.iter().any(odd) {
                let not =
                    if reach == Reach::Public { "not public" } else { "public, and plain HTTP does not go there" };
                return Err(format!("{} resolves to an address that is {not}", name.as_str()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_checked_where_it_is_resolved() {
        let ask = |reach| async move { Guarded(reach).resolve("localhost".parse().unwrap()).await.map(|_| ()) };
        let why = ask(Reach::Public).await.unwrap_err().to_string();
        assert!(why.contains("not public"), "{why}");
        assert!(ask(Reach::Inside).await.is_ok() && ask(Reach::Anywhere).await.is_ok());
    }
}
