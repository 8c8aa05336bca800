//! A resolver that refuses answers that are out of reach. It is the one that the client itself uses, so that a name which
//! changes its answer between check and use gains nothing.

use plumbline_core::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

/// Which addresses a name may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Anywhere,
    Public,
    Inside,
}

/// Resolves as the system does, and refuses answers that are out of reach.
pub(crate) struct Guarded(pub(crate) Reach);

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
