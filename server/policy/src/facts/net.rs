//! What a security group or a network ACL opens to the internet, port by port.
//!
//! Rules are weighed together and not one by one: two halves of the address space are the whole of it, and an ACL's
//! earlier denies take away from its later allows. Something is open to the internet when the public addresses that may
//! reach it are at least a sixteenth of IPv4's space, or a regional registry's whole block (/12) of IPv6's. Whatever has
//! an odd shape counts as wide open, so that it is never mistaken for closed.

use serde_json::{Value, json};

/// The first and the last of a run of addresses; IPv4 ones are their 32 bits.
type Span = (u128, u128);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    All,
    Tcp,
    Udp,
    Icmp,
    Other,
}

/// One rule: who may send what, or with `allow` false, may not.
#[derive(Debug, Clone)]
struct Rule {
    protocol: Protocol,
    ports: (u16, u16),
    v4: Vec<Span>,
    v6: Vec<Span>,
    allow: bool,
}

const EVERY_PORT: (u16, u16) = (0, u16::MAX);
/// A /4.
const MANY_V4: u128 = 1 << 28;
/// A /12.
const MANY_V6: u128 = 1 << 116;

/// What the rules of a security group (`IpPermissions` or `IpPermissionsEgress`) open to the internet. `lists` are the
/// entries of the prefix lists that its rules name.
pub(super) fn permissions(rules: &Value, lists: &Value) -> Value {
    let Some(rules) = rules.as_array() else { return everything() };
    opened(&rules.iter().map(|rule| permission(rule, lists)).collect::<Vec<_>>())
}

/// What a network ACL lets in from the internet, or out to it.
pub(super) fn acl_entries(entries: &Value, egress: bool) -> Value {
    let Some(entries) = entries.as_array() else { return everything() };
    let mut chosen: Vec<&Value> =
        entries.iter().filter(|e| e["Egress"].as_bool().unwrap_or(egress) == egress).collect();
    chosen.sort_by_key(|entry| entry["RuleNumber"].as_i64().unwrap_or(0));
    opened(&chosen.into_iter().map(acl_entry).collect::<Vec<_>>())
}

fn everything() -> Value {
    let all = json!({ "ipv4": [[0, u16::MAX]], "ipv6": [[0, u16::MAX]] });
    json!({ "tcp": all, "udp": all, "icmp": { "ipv4": true, "ipv6": true }, "all": { "ipv4": true, "ipv6": true } })
}

fn opened(rules: &[Rule]) -> Value {
    json!({
        "tcp": { "ipv4": ports(rules, Protocol::Tcp, Family::V4), "ipv6": ports(rules, Protocol::Tcp, Family::V6) },
        "udp": { "ipv4": ports(rules, Protocol::Udp, Family::V4), "ipv6": ports(rules, Protocol::Udp, Family::V6) },
        "icmp": { "ipv4": is_open(rules, Protocol::Icmp, Family::V4), "ipv6": is_open(rules, Protocol::Icmp, Family::V6) },
        "all": { "ipv4": is_open(rules, Protocol::All, Family::V4), "ipv6": is_open(rules, Protocol::All, Family::V6) },
    })
}

/// Whether a protocol without ports is open. `All` asks whether every protocol is, by rules for all of them.
fn is_open(rules: &[Rule], protocol: Protocol, family: Family) -> bool {
    let concerned = rules.iter().filter(|r| r.protocol == Protocol::All || r.protocol == protocol);
    is_wide(&admitted(concerned, family), family)
}

/// The ranges of ports that are open, in order and joined where they touch.
fn ports(rules: &[Rule], protocol: Protocol, family: Family) -> Vec<(u16, u16)> {
    let concerned: Vec<&Rule> =
        rules.iter().filter(|r| r.protocol == Protocol::All || r.protocol == protocol).collect();
    // Most groups let nobody in from outside, whatever the port.
    let anyone = concerned.iter().filter(|r| r.allow).flat_map(|r| spans(r, family)).copied().collect();
    if !is_wide(&joined(anyone), family) {
        return Vec::new();
    }
    let mut edges: Vec<u32> = vec![0];
    edges.extend(concerned.iter().flat_map(|r| [u32::from(r.ports.0), u32::from(r.ports.1) + 1]));
    edges.sort_unstable();
    edges.dedup();
    let mut open: Vec<(u16, u16)> = Vec::new();
    for (at, first) in edges.iter().enumerate() {
        let last = edges.get(at + 1).map_or(u32::from(u16::MAX), |next| next - 1);
        let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(last)) else { continue };
        let covering = concerned.iter().filter(|r| r.ports.0 <= first && last <= r.ports.1).copied();
        if is_wide(&admitted(covering, family), family) {
            match open.last_mut() {
                Some(before) if u32::from(before.1) + 1 == u32::from(first) => before.1 = last,
                _ => open.push((first, last)),
            }
        }
    }
    open
}

/// The addresses that the rules let in, the first that speaks of an address deciding.
fn admitted<'a>(rules: impl Iterator<Item = &'a Rule>, family: Family) -> Vec<Span> {
    let (mut allowed, mut denied) = (Vec::new(), Vec::new());
    for rule in rules {
        if rule.allow {
            allowed.extend(without(spans(rule, family), &denied));
        } else {
            denied.extend(without(spans(rule, family), &joined(allowed.clone())));
            denied = joined(denied);
        }
    }
    joined(allowed)
}

fn spans(rule: &Rule, family: Family) -> &[Span] {
    match family {
        Family::V4 => &rule.v4,
        Family::V6 => &rule.v6,
    }
}

fn is_wide(spans: &[Span], family: Family) -> bool {
    let size = |spans: &[Span]| {
        spans.iter().fold(0u128, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    };
    match family {
        Family::V4 => size(&without(spans, &reserved_v4())) >= MANY_V4,
        // Only 2000::/3 is used on the internet.
        Family::V6 => size(&without(spans, &[(0, (1 << 125) - 1), (1 << 126, u128::MAX)])) >= MANY_V6,
    }
}

/// Addresses that nobody on the internet has: private, shared, loopback, link-local, multicast and reserved ones.
fn reserved_v4() -> [Span; 8] {
    let net = |a: u128, b: u128, bits: u32| {
        let first = (a << 24) | (b << 16);
        (first, first + (1 << (32 - bits)) - 1)
    };
    [
        net(0, 0, 8),
        net(10, 0, 8),
        net(100, 64, 10),
        net(127, 0, 8),
        net(169, 254, 16),
        net(172, 16, 12),
        net(192, 168, 16),
        net(224, 0, 3),
    ]
}

/// Sorted, and joined where they touch or overlap.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (first, last) in spans {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

/// `spans` less `taken`, which is sorted and does not overlap.
fn without(spans: &[Span], taken: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    for &(first, last) in spans {
        let mut from = Some(first);
        for &(taken_first, taken_last) in taken {
            let Some(start) = from else { break };
            if taken_last < start || taken_first > last {
                continue;
            }
            if taken_first > start {
                left.push((start, taken_first - 1));
            }
            from = taken_last.checked_add(1).filter(|next| *next <= last);
        }
        left.extend(from.map(|start| (start, last)));
    }
    left
}

fn permission(rule: &Value, lists: &Value) -> Rule {
    let mut v4: Vec<Span> = Vec::new();
    let mut v6: Vec<Span> = Vec::new();
    for range in array(&rule["IpRanges"]) {
        add(&range["CidrIp"], &mut v4, &mut v6);
    }
    for range in array(&rule["Ipv6Ranges"]) {
        add(&range["CidrIpv6"], &mut v4, &mut v6);
    }
    for named in array(&rule["PrefixListIds"]) {
        let of_list = array(lists).iter().filter(|list| list["PrefixListId"] == named["PrefixListId"]);
        for entry in of_list.flat_map(|list| array(&list["Entries"])) {
            add(&entry["Cidr"], &mut v4, &mut v6);
        }
    }
    let protocol = protocol(&rule["IpProtocol"]);
    Rule { protocol, ports: range(protocol, &rule["FromPort"], &rule["ToPort"]), v4, v6, allow: true }
}

fn acl_entry(entry: &Value) -> Rule {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for block in [&entry["CidrBlock"], &entry["Ipv6CidrBlock"]] {
        if !block.is_null() {
            add(block, &mut v4, &mut v6);
        }
    }
    let protocol = protocol(&entry["Protocol"]);
    let ports = range(protocol, &entry["PortRange"]["From"], &entry["PortRange"]["To"]);
    let allow = !entry["RuleAction"].as_str().is_some_and(|action| action.eq_ignore_ascii_case("deny"));
    Rule { protocol, ports, v4, v6, allow }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn protocol(value: &Value) -> Protocol {
    let word = value.as_str().map(str::to_ascii_lowercase).or_else(|| value.as_i64().map(|n| n.to_string()));
    match word.as_deref() {
        Some("6" | "tcp") => Protocol::Tcp,
        Some("17" | "udp") => Protocol::Udp,
        Some("1" | "icmp" | "58" | "icmpv6") => Protocol::Icmp,
        None | Some("-1" | "all" | "") => Protocol::All,
        Some(_) => Protocol::Other,
    }
}

/// Rules for all protocols have no ports, and -1 stands for all of them.
fn range(protocol: Protocol, from: &Value, to: &Value) -> (u16, u16) {
    if protocol == Protocol::All {
        return EVERY_PORT;
    }
    let port = |value: &Value| value.as_i64().and_then(|port| u16::try_from(port).ok());
    match (port(from), port(to)) {
        (Some(from), Some(to)) if from <= to => (from, to),
        _ => EVERY_PORT,
    }
}

/// Adds a block to its family. One that is no address block is everyone.
fn add(block: &Value, v4: &mut Vec<Span>, v6: &mut Vec<Span>) {
    let text = block.as_str().unwrap_or_default().trim();
    if let Ok(net) = text.parse::<ipnet::Ipv4Net>() {
        v4.push((u32::from(net.network()).into(), u32::from(net.broadcast()).into()));
    } else if let Ok(net) = text.parse::<ipnet::Ipv6Net>() {
        v6.push((net.network().into(), net.broadcast().into()));
    } else if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
        v4.push((u32::from(address).into(), u32::from(address).into()));
    } else if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
        v6.push((address.into(), address.into()));
    } else {
        v4.push((0, u32::MAX.into()));
        v6.push((0, u128::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(protocol: &str, from: i64, to: i64, blocks: &[&str]) -> Value {
        let ranges: Vec<Value> = blocks.iter().map(|block| json!({ "CidrIp": block })).collect();
        json!({ "IpProtocol": protocol, "FromPort": from, "ToPort": to, "IpRanges": ranges })
    }

    fn tcp4(rules: Value) -> Value {
        permissions(&rules, &Value::Null)["tcp"]["ipv4"].clone()
    }

    #[test]
    fn halves_of_the_space_are_the_whole_of_it() {
        let one = rule("tcp", 22, 22, &["0.0.0.0/1", "128.0.0.0/1"]);
        assert_eq!(tcp4(json!([one])), json!([[22, 22]]));
        let two = json!([rule("tcp", 20, 25, &["16.0.0.0/5"]), rule("tcp", 22, 30, &["24.0.0.0/5"])]);
        assert_eq!(tcp4(two), json!([[22, 25]]));
    }

    #[test]
    fn private_addresses_are_nobody_on_the_internet() {
        let blocks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"];
        assert_eq!(tcp4(json!([rule("-1", -1, -1, &blocks)])), json!([]));
    }

    #[test]
    fn protocols_come_as_names_and_as_numbers() {
        assert_eq!(tcp4(json!([rule("6", 22, 22, &["0.0.0.0/0"])])), json!([[22, 22]]));
        assert_eq!(tcp4(json!([rule("17", 22, 22, &["0.0.0.0/0"])])), json!([]));
        assert_eq!(tcp4(json!([{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])), json!([[0, 65535]]));
        let ping = permissions(&json!([rule("icmp", -1, -1, &["0.0.0.0/0"])]), &Value::Null);
        assert_eq!(ping["icmp"]["ipv4"], json!(true));
        assert_eq!(ping["tcp"]["ipv4"], json!([]));
        assert_eq!(ping["all"]["ipv4"], json!(false));
    }

    #[test]
    fn all_of_ipv6_is_what_is_routed_of_it() {
        for block in ["::/0", "2000::/3", "2600::/12", "::/1"] {
            let rule =
                json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{ "CidrIpv6": block }] }]);
            assert_eq!(permissions(&rule, &Value::Null)["tcp"]["ipv6"], json!([[22, 22]]), "{block}");
        }
        for block in ["fd00::/8", "2001:db8::/32", "2001:db8::1/128"] {
            let rule =
                json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{ "CidrIpv6": block }] }]);
            assert_eq!(permissions(&rule, &Value::Null)["tcp"]["ipv6"], json!([]), "{block}");
        }
    }

    #[test]
    fn prefix_lists_stand_for_their_entries() {
        let rules = json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{ "PrefixListId": "pl-1" }] }]);
        let list = |block: &str| json!([{ "PrefixListId": "pl-1", "Entries": [{ "Cidr": block }] }]);
        assert_eq!(permissions(&rules, &list("0.0.0.0/0"))["tcp"]["ipv4"], json!([[22, 22]]));
        assert_eq!(permissions(&rules, &list("198.51.100.0/24"))["tcp"]["ipv4"], json!([]));
    }

    #[test]
    fn odd_shapes_are_open() {
        assert_eq!(permissions(&Value::Null, &Value::Null), everything());
        assert_eq!(tcp4(json!([rule("tcp", 22, 22, &["anywhere"])])), json!([[22, 22]]));
        assert_eq!(
            tcp4(json!([{ "IpProtocol": "tcp", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])),
            json!([[0, 65535]])
        );
    }

    fn entry(number: i64, action: &str, ports: (i64, i64), block: &str) -> Value {
        json!({ "RuleNumber": number, "Egress": false, "Protocol": "6", "RuleAction": action, "CidrBlock": block,
                "PortRange": { "From": ports.0, "To": ports.1 } })
    }

    #[test]
    fn the_first_entry_that_speaks_of_an_address_decides() {
        let all = entry(100, "allow", (0, 65535), "0.0.0.0/0");
        let denied_before = json!([all, entry(90, "deny", (22, 22), "0.0.0.0/0")]);
        assert_eq!(acl_entries(&denied_before, false)["tcp"]["ipv4"], json!([[0, 21], [23, 65535]]));
        let denied_after = json!([all, entry(110, "deny", (22, 22), "0.0.0.0/0")]);
        assert_eq!(acl_entries(&denied_after, false)["tcp"]["ipv4"], json!([[0, 65535]]));
        let partly = json!([entry(90, "deny", (22, 22), "198.51.100.0/24"), all]);
        assert_eq!(acl_entries(&partly, false)["tcp"]["ipv4"], json!([[0, 65535]]));
    }

    proptest! {
        #[test]
        fn what_is_left_and_what_was_taken_make_the_whole(
            spans in proptest::collection::vec((0u128..200, 0u128..50), 0..6),
            taken in proptest::collection::vec((0u128..200, 0u128..50), 0..6),
        ) {
            let of = |list: Vec<(u128, u128)>| joined(list.into_iter().map(|(first, size)| (first, first + size)).collect());
            let (spans, taken) = (of(spans), of(taken));
            let left = without(&spans, &taken);
            let within = |list: &[Span], x: u128| list.iter().any(|(first, last)| *first <= x && x <= *last);
            for x in 0..260 {
                prop_assert_eq!(within(&left, x), within(&spans, x) && !within(&taken, x));
            }
        }

        #[test]
        fn one_more_rule_never_closes_a_port(
            rules in proptest::collection::vec((0u16..100, 0u16..30, 0u8..8, 0u32..256), 0..6),
        ) {
            let written: Vec<Value> = rules
                .iter()
                .map(|(from, size, bits, top)| {
                    rule("tcp", i64::from(*from), i64::from(*from + *size), &[&format!("{top}.0.0.0/{bits}")])
                })
                .collect();
            let open = |count: usize| -> Vec<(u64, u64)> {
                serde_json::from_value(tcp4(Value::from(written[..count].to_vec()))).expect("ranges")
            };
            for count in 1..=written.len() {
                let (before, after) = (open(count - 1), open(count));
                for port in before.iter().flat_map(|(first, last)| *first..=*last) {
                    prop_assert!(after.iter().any(|(first, last)| *first <= port && port <= *last));
                }
            }
        }
    }
}
