//! Who listens, as the kernel's own tables say.

use super::host::Host;
use crate::report::{Listener, Missing};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The table, the protocol, and the state that means "listens" there.
const TABLES: [(&str, &str, &str); 4] =
    [("tcp", "tcp", "0A"), ("tcp6", "tcp", "0A"), ("udp", "udp", "07"), ("udp6", "udp", "07")];

/// Listeners of the first process's network, for the agent may be in another. Ports that the kernel picks for somebody who
/// asks something are no listeners: a datagram socket above the usual start of those is passed over.
pub(super) fn read(host: &Host) -> Result<Vec<Listener>, Missing> {
    let mut found = Vec::new();
    for (table, protocol, listens) in TABLES {
        let first = host.text(&format!("/proc/1/net/{table}")).ok().flatten();
        let text = match first {
            Some(text) => text,
            None => host.text(&format!("/proc/self/net/{table}"))?.unwrap_or_default(),
        };
        found.extend(text.lines().skip(1).filter_map(|line| listener(line, protocol, listens)));
    }
    found.retain(|one| one.protocol == "tcp" || one.port < 32_768);
    found.sort();
    found.dedup();
    found.truncate(2_000);
    Ok(found)
}

fn listener(line: &str, protocol: &str, listens: &str) -> Option<Listener> {
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    if state != listens {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some(Listener {
        protocol: protocol.to_owned(),
        address: address_of(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
    })
}

/// Words of four bytes, each written as the machine's number: on all that we run on, lowest byte first.
fn address_of(hex: &str) -> Option<String> {
    let mut bytes = hex::decode(hex).ok()?;
    bytes.chunks_mut(4).for_each(<[u8]>::reverse);
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes.as_slice()).ok().map(|v6| Ipv6Addr::from(v6).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_connections() {
        let of = |line: &str| listener(line, "tcp", "0A").map(|one| format!("{} {}", one.address, one.port));
        assert_eq!(of("0: 0100007F:1F90 00000000:0000 0A 00000000:00000000").as_deref(), Some("127.0.0.1 8080"));
        assert_eq!(of("1: 00000000000000000000000001000000:0949 0:0 0A").as_deref(), Some("::1 2377"));
        assert_eq!(of("2: 00000000:0949 00000000:0000 0A").as_deref(), Some("0.0.0.0 2377"));
        assert_eq!(of("3: 0100007F:1F90 0100007F:A000 01 0"), None);
        assert_eq!(of("nonsense"), None);
    }
}
