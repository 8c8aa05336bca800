//! What network policies, services, ingresses and gateways open and close.
//!
//! Shapes: of a network policy {ingress, egress, selects_all, denies_ingress, denies_egress, all_ingress, all_egress,
//! world_ingress}: which directions it governs, whether it governs every pod, lets nothing through, or lets everything
//! through, and whether any rule lets the whole internet in. Of a service {type, reach, ranges, open, node_ports,
//! external_ips}, of an ingress {class, reach, hosts, plain, snippets, catch_all}, of a gateway {class, reach, plain}:
//! `reach` is `internet`, `private` or `cluster`.

use super::{first, items, number, text, words};
use serde_json::{Value, json};
use std::net::IpAddr;

/// The facts of a network policy's specification.
pub(super) fn policy(spec: &Value) -> Value {
    let types = words(&spec["policyTypes"]);
    let has_egress = items(&spec["egress"]).next().is_some();
    let (ingress, egress) =
        if types.is_empty() { (true, has_egress) } else { (types.contains(&"Ingress"), types.contains(&"Egress")) };
    let all = |rules: &str, peers: &str| items(&spec[rules]).any(|rule| lets_all(rule, peers));
    json!({
        "ingress": ingress,
        "egress": egress,
        "selects_all": is_empty_selector(&spec["podSelector"]),
        "denies_ingress": ingress && items(&spec["ingress"]).next().is_none(),
        "denies_egress": egress && !has_egress,
        "all_ingress": ingress && all("ingress", "from"),
        "all_egress": egress && all("egress", "to"),
        "world_ingress": ingress && items(&spec["ingress"]).any(|rule| lets_world(rule, "from")),
        "world_egress": egress && items(&spec["egress"]).any(|rule| lets_world(rule, "to")),
    })
}

fn is_empty_selector(selector: &Value) -> bool {
    let labels = selector["matchLabels"].as_object().is_some_and(|labels| !labels.is_empty());
    !labels && items(&selector["matchExpressions"]).next().is_none()
}

/// A rule without ports, and without peers or with every address among them, lets everyone through.
fn lets_all(rule: &Value, peers: &str) -> bool {
    let every =
        |block: &Value| block["cidr"].as_str().is_some_and(is_world) && items(&block["except"]).next().is_none();
    let all = items(&rule[peers]).next().is_none() || items(&rule[peers]).any(|peer| every(&peer["ipBlock"]));
    all && items(&rule["ports"]).next().is_none()
}

fn lets_world(rule: &Value, peers: &str) -> bool {
    items(&rule[peers]).next().is_none()
        || items(&rule[peers]).any(|peer| peer["ipBlock"]["cidr"].as_str().is_some_and(is_world))
}

/// Every address of a family, or so many that it comes to the same: a sixteenth of IPv4, a registry's whole block of IPv6.
fn is_world(range: &str) -> bool {
    let Some((address, bits)) = range.trim().split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    match address.parse() {
        Ok(IpAddr::V4(_)) => bits <= 4,
        Ok(IpAddr::V6(v6)) => bits < 7 || (bits <= 12 && (v6.segments()[0] & 0xe000) == 0x2000),
        Err(_) => bits == 0,
    }
}

/// The facts of a service.
pub(super) fn service(metadata: &Value, spec: &Value, status: &Value) -> Value {
    let kind = text(&spec["type"]).unwrap_or("ClusterIP");
    let ranges = words(&spec["loadBalancerSourceRanges"]);
    let ports = items(&spec["ports"]).filter_map(|port| number(&port["nodePort"])).filter(|port| *port != 0);
    let external = words(&spec["externalIPs"]);
    let reach = match kind {
        "LoadBalancer" if is_internal(metadata, spec, status) => "private",
        "LoadBalancer" => "internet",
        _ if external.iter().any(|one| one.parse().is_ok_and(|address| !is_private(&address))) => "internet",
        "NodePort" => "private",
        _ if !external.is_empty() => "private",
        _ => "cluster",
    };
    json!({
        "type": kind,
        "reach": reach,
        "open": ranges.is_empty() || ranges.iter().any(|range| is_world(range)),
        "ranges": ranges,
        "node_ports": ports.collect::<Vec<_>>(),
        "external_ips": external,
    })
}

/// Whether a load balancer is for the network that it stands in. What it was given for an address says it best.
fn is_internal(metadata: &Value, spec: &Value, status: &Value) -> bool {
    let addresses: Vec<IpAddr> =
        items(&status["loadBalancer"]["ingress"]).filter_map(|one| one["ip"].as_str()?.parse().ok()).collect();
    if !addresses.is_empty() {
        return addresses.iter().all(is_private);
    }
    let note = |name: &str| metadata["annotations"][name].as_str().map(str::to_ascii_lowercase);
    let says = |name: &str, words: &[&str]| note(name).is_some_and(|word| words.contains(&word.as_str()));
    let scheme = "service.beta.kubernetes.io/aws-load-balancer-scheme";
    let class = text(&spec["loadBalancerClass"]).unwrap_or_default();
    let by_controller = ["service.k8s.aws/nlb", "eks.amazonaws.com/nlb"].contains(&class)
        || says("service.beta.kubernetes.io/aws-load-balancer-type", &["external", "nlb-ip"]);
    says("service.beta.kubernetes.io/aws-load-balancer-internal", &["true", "0.0.0.0/0"])
        || says(scheme, &["internal"])
        // The controller makes an internal one unless it is told otherwise.
        || (by_controller && !says(scheme, &["internet-facing"]))
        || says("service.beta.kubernetes.io/azure-load-balancer-internal", &["true"])
        || says("networking.gke.io/load-balancer-type", &["internal"])
        || says("cloud.google.com/load-balancer-type", &["internal"])
        || says("service.beta.kubernetes.io/openstack-internal-load-balancer", &["true"])
        || says("service.beta.kubernetes.io/oci-load-balancer-internal", &["true"])
        || says("service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type", &["private"])
}

fn is_private(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback() || (v6.segments()[0] & 0xfe00) == 0xfc00 || (v6.segments()[0] & 0xffc0) == 0xfe80
        }
    }
}

/// The facts of an ingress.
pub(super) fn ingress(metadata: &Value, spec: &Value) -> Value {
    let annotations = &metadata["annotations"];
    let class = first(&spec["ingressClassName"], &annotations["kubernetes.io/ingress.class"]);
    let hosts: Vec<&str> = items(&spec["rules"]).map(|rule| rule["host"].as_str().unwrap_or_default()).collect();
    let plain: Vec<&str> = hosts.iter().copied().filter(|host| !is_encrypted(host, annotations, spec)).collect();
    let catch_all = !spec["defaultBackend"].is_null() || hosts.contains(&"");
    let unencrypted = hosts.is_empty() && catch_all && !is_encrypted("", annotations, spec);
    json!({
        "class": class,
        "reach": if ingress_is_internal(class.as_str().unwrap_or_default(), annotations) { "private" } else { "internet" },
        "plain": if unencrypted { vec![""] } else { plain },
        "catch_all": catch_all,
        "hosts": hosts,
        "snippets": snippets(annotations),
    })
}

/// Whether the host is served with a certificate: of the ingress's own, or of the load balancer that it asks for.
fn is_encrypted(host: &str, annotations: &Value, spec: &Value) -> bool {
    /// Certificates that a cloud's load balancer is given.
    const BY_CLOUD: [&str; 4] = [
        "alb.ingress.kubernetes.io/certificate-arn",
        "networking.gke.io/managed-certificates",
        "ingress.gcp.kubernetes.io/pre-shared-cert",
        "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
    ];
    let by_cloud = BY_CLOUD.iter().any(|name| text(&annotations[*name]).is_some());
    let discovered =
        text(&annotations["alb.ingress.kubernetes.io/listen-ports"]).is_some_and(|ports| ports.contains("HTTPS"));
    by_cloud || discovered || items(&spec["tls"]).any(|tls| covers(&words(&tls["hosts"]), host))
}

/// A certificate for no host in particular is for all; one for `*.example.com` for each host below it.
fn covers(names: &[&str], host: &str) -> bool {
    names.is_empty()
        || names.iter().any(|name| {
            let below =
                name.strip_prefix("*.").zip(host.split_once('.')).is_some_and(|(domain, (_, rest))| domain == rest);
            name.eq_ignore_ascii_case(host) || below
        })
}

fn ingress_is_internal(class: &str, annotations: &Value) -> bool {
    let note = |name: &str| annotations[name].as_str().unwrap_or_default();
    let class = class.to_ascii_lowercase();
    let named = class.contains("internal") || class.contains("private");
    let alb = class == "alb" && note("alb.ingress.kubernetes.io/scheme") != "internet-facing";
    named || alb || note("appgw.ingress.kubernetes.io/use-private-ip") == "true"
}

/// Annotations that put text into the configuration of the proxy.
fn snippets(annotations: &Value) -> Vec<&String> {
    let all = annotations.as_object().into_iter().flatten().map(|(name, _)| name);
    all.filter(|name| name.ends_with("-snippet") || name.ends_with("-snippets")).collect()
}

/// The facts of a gateway.
pub(super) fn gateway(metadata: &Value, spec: &Value) -> Value {
    let class = text(&spec["gatewayClassName"]).unwrap_or_default().to_ascii_lowercase();
    let internal = ["internal", "private", "rilb", "mesh"].iter().any(|word| class.contains(word))
        || metadata["annotations"]["networking.gke.io/load-balancer-type"] == "Internal";
    let plain: Vec<&Value> =
        items(&spec["listeners"]).filter(|one| one["protocol"] == "HTTP").map(|one| &one["name"]).collect();
    json!({ "class": class, "reach": if internal { "private" } else { "internet" }, "plain": plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_denies_by_governing_and_allowing_nothing() {
        let deny = policy(&json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
        assert_eq!(
            (&deny["selects_all"], &deny["denies_ingress"], &deny["denies_egress"]),
            (&json!(true), &json!(true), &json!(true))
        );
        let one = policy(&json!({ "podSelector": { "matchLabels": { "app": "a" } }, "ingress": [{}] }));
        assert_eq!(
            (&one["selects_all"], &one["egress"], &one["all_ingress"]),
            (&json!(false), &json!(false), &json!(true))
        );
        let world = policy(
            &json!({ "ingress": [{ "from": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }], "ports": [{ "port": 443 }] }] }),
        );
        assert_eq!((&world["world_ingress"], &world["all_ingress"]), (&json!(true), &json!(false)));
        let block =
            |block: Value| policy(&json!({ "ingress": [{ "from": [{ "ipBlock": block }] }] }))["all_ingress"].clone();
        assert_eq!(block(json!({ "cidr": "0.0.0.0/0" })), true);
        assert_eq!(block(json!({ "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"] })), false);
    }

    #[test]
    fn a_load_balancer_is_on_the_internet_unless_something_says_otherwise() {
        let reach = |annotations: Value, status: Value| {
            service(&json!({ "annotations": annotations }), &json!({ "type": "LoadBalancer" }), &status)["reach"]
                .clone()
        };
        assert_eq!(reach(Value::Null, Value::Null), "internet");
        assert_eq!(
            reach(json!({ "service.beta.kubernetes.io/aws-load-balancer-internal": "TRUE" }), Value::Null),
            "private"
        );
        assert_eq!(
            reach(json!({ "service.beta.kubernetes.io/aws-load-balancer-type": "external" }), Value::Null),
            "private"
        );
        let given = |ip: &str| json!({ "loadBalancer": { "ingress": [{ "ip": ip }] } });
        assert_eq!(reach(Value::Null, given("10.0.0.4")), "private");
        assert_eq!(reach(Value::Null, given("203.0.113.4")), "internet");
    }

    #[test]
    fn ranges_are_open_where_there_are_none() {
        let open = |ranges: Value| {
            service(&Value::Null, &json!({ "type": "LoadBalancer", "loadBalancerSourceRanges": ranges }), &Value::Null)
                ["open"]
                .clone()
        };
        assert_eq!(
            (open(Value::Null), open(json!([])), open(json!(["0.0.0.0/0"])), open(json!(["::/0"]))),
            (json!(true), json!(true), json!(true), json!(true))
        );
        assert_eq!(open(json!(["198.51.100.0/24", "10.0.0.0/8", "fc00::/7", "odd"])), json!(false));
        assert_eq!((open(json!(["0.0.0.0/1", "128.0.0.0/1"])), open(json!(["2000::/3"]))), (json!(true), json!(true)));
    }

    #[test]
    fn an_address_of_the_internet_makes_a_service_its_part() {
        let reach = |spec: Value| service(&Value::Null, &spec, &Value::Null)["reach"].clone();
        assert_eq!(reach(json!({ "externalIPs": ["10.0.0.7"] })), "private");
        assert_eq!(reach(json!({ "externalIPs": ["10.0.0.7", "203.0.113.7"] })), "internet");
        assert_eq!(reach(json!({ "type": "NodePort", "externalIPs": ["2001:db8::7"] })), "internet");
        assert_eq!(reach(json!({ "type": "LoadBalancer", "loadBalancerClass": "eks.amazonaws.com/nlb" })), "private");
    }

    #[test]
    fn a_host_is_plain_where_no_certificate_covers_it() {
        let plain = |tls: Value| {
            ingress(
                &Value::Null,
                &json!({ "tls": tls, "rules": [{ "host": "a.example.com" }, { "host": "b.example.com" }] }),
            )["plain"]
                .clone()
        };
        assert_eq!(plain(Value::Null), json!(["a.example.com", "b.example.com"]));
        assert_eq!(plain(json!([{ "hosts": ["*.example.com"] }])), json!([]));
        assert_eq!(plain(json!([{ "hosts": ["A.example.com"], "secretName": "a" }])), json!(["b.example.com"]));
        assert_eq!(plain(json!([{ "secretName": "a" }])), json!([]));
        assert_eq!(ingress(&Value::Null, &json!({ "defaultBackend": {} }))["plain"], json!([""]));
    }

    #[test]
    fn an_ingress_is_internal_by_its_class() {
        let reach = |class: &str| ingress(&Value::Null, &json!({ "ingressClassName": class }))["reach"].clone();
        assert_eq!(
            (reach("nginx"), reach("nginx-internal"), reach("alb")),
            (json!("internet"), json!("private"), json!("private"))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_shape_panics(word in ".{0,20}") {
            for odd in [json!(word), json!([word]), json!({ word.clone(): word }), json!(3)] {
                policy(&json!({ "ingress": [odd], "egress": odd, "podSelector": odd, "policyTypes": odd }));
                service(&odd, &json!({ "type": word, "ports": [odd], "loadBalancerSourceRanges": [word] }), &odd);
                ingress(&odd, &json!({ "rules": [odd], "tls": [odd], "ingressClassName": word }));
                gateway(&odd, &json!({ "listeners": [odd], "gatewayClassName": word }));
            }
        }
    }
}
