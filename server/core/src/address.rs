//! Which addresses are on the public internet: a tenant's words may send a request of ours no further inside than that.

use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::LazyLock;
use url::{Host, Url};

/// Space that is not the public internet's: IANA's special-purpose registries, and what carries an address inside.
const NOT_PUBLIC: [&str; 26] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/3",
    "4000::/2",
    "8000::/1",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "64:ff9b::/96",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Whether an address is on the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    static NETS: LazyLock<Vec<IpNet>> =
        LazyLock::new(|| NOT_PUBLIC.iter().filter_map(|net| net.parse().ok()).collect());
    let address = address.to_canonical();
    !NETS.iter().any(|net| net.contains(&address))
}

/// Whether a URL names, by its number, an address that is not public. Such a one never reaches a resolver, which would
/// refuse it.
#[must_use]
pub fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Checks a URL of somebody else's before a request goes there.
///
/// # Errors
/// With why not.
pub fn may_go(url: &Url, private_allowed: bool) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_one() {
        assert!(NOT_PUBLIC.iter().all(|net| net.parse::<IpNet>().is_ok()));
    }

    #[test]
    fn what_is_inside_is_not_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::ffff:10.0.0.1",
            "fd00::1",
            "fe80::1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
    }

    #[test]
    fn what_is_outside_is_public() {
        for outside in ["52.94.5.1", "2600:1f18::1"] {
            assert!(is_public(outside.parse().expect("an address")), "{outside}");
        }
    }

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
