//! How reachable a resource is, from its own attributes and facts.
//!
//! A first reading: the provider says "public" of the thing itself. What reaches it through a network is not looked at
//! here; where nothing is said, a resource counts as reachable within a network.

use crate::engine::Subject;
use plumbline_core::risk::Exposure;
use serde_json::Value;

/// The exposure of a resource whose facts have been worked out.
#[must_use]
pub fn exposure(subject: &Subject) -> Exposure {
    let at = |pointer: &str| lookup(subject, pointer);
    let yes = |pointer: &str| at(pointer).and_then(Value::as_bool) == Some(true);
    let is = |pointer: &str, word: &str| at(pointer).and_then(Value::as_str) == Some(word);
    let some = |pointer: &str| at(pointer).is_some_and(|value| !value.is_null());
    let open_policy = subject.facts.get("policy").and_then(|p| p.get("public")).and_then(Value::as_array);
    let anyone = open_policy.is_some_and(|statements| !statements.is_empty());
    let internet = match subject.kind.as_str() {
        "aws.account" | "aws.iam.root_user" | "aws.cloudfront.distribution" => true,
        "aws.iam.user" => at("CredentialReport/password_enabled").is_some_and(|v| v == "true" || v == true),
        "aws.ec2.instance" | "aws.ec2.network_interface" => {
            some("PublicIpAddress") || some("Association/PublicIp") || has_items(at("Ipv6Addresses"))
        }
        "aws.ec2.snapshot" | "aws.rds.snapshot" | "aws.rds.cluster_snapshot" | "aws.ec2.image" => {
            yes("Public")
                || text_has(at("CreateVolumePermissions"), "all")
                || text_has(at("DBSnapshotAttributes"), "all")
                || text_has(at("DBClusterSnapshotAttributes"), "all")
        }
        "aws.ec2.security_group" => subject.facts.get("ingress").is_some_and(opens),
        "aws.elb.load_balancer" => is("Scheme", "internet-facing"),
        "aws.rds.instance" | "aws.rds.cluster" => yes("PubliclyAccessible"),
        "aws.eks.cluster" => yes("resourcesVpcConfig/endpointPublicAccess"),
        "aws.lambda.function" => text_has(at("FunctionUrlConfigs"), "NONE") || anyone,
        "aws.s3.bucket" => (anyone && !blocks(at("PublicAccessBlockConfiguration"))) || yes("PolicyStatus/IsPublic"),
        "kubernetes.service" | "kubernetes.ingress" | "kubernetes.gateway" => reach(subject) == Some("internet"),
        // Whoever reaches the API server is that subject.
        "kubernetes.subject" => is("name", "system:anonymous") || is("name", "system:unauthenticated"),
        "kubernetes.cluster" => yes("anonymous/api"),
        _ => anyone,
    };
    match subject.kind.as_str() {
        _ if internet => Exposure::Internet,
        "aws.cloudtrail.trail"
        | "aws.logs.log_group"
        | "aws.logs.metric_filter"
        | "aws.cloudwatch.alarm"
        | "aws.config.recorder" => Exposure::None,
        "kubernetes.service" if reach(subject) == Some("cluster") => Exposure::None,
        _ => Exposure::Private,
    }
}

/// How far what a cluster publishes can be reached, as its facts say.
fn reach(subject: &Subject) -> Option<&str> {
    let fact = subject.kind.strip_prefix("kubernetes.")?;
    subject.facts.get(fact)?.get("reach")?.as_str()
}

fn lookup<'a>(subject: &'a Subject, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('/');
    let first = subject.attributes.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn has_items(value: Option<&Value>) -> bool {
    value.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

/// Whether a fact on ports and protocols says of any that it is open.
fn opens(fact: &Value) -> bool {
    match fact {
        Value::Bool(open) => *open,
        Value::Array(ranges) => !ranges.is_empty(),
        Value::Object(members) => members.values().any(opens),
        _ => false,
    }
}

/// Whether a word stands anywhere inside, as a value by itself.
fn text_has(value: Option<&Value>, word: &str) -> bool {
    match value {
        Some(Value::String(text)) => text == word,
        Some(Value::Array(list)) => list.iter().any(|item| text_has(Some(item), word)),
        Some(Value::Object(members)) => members.values().any(|item| text_has(Some(item), word)),
        _ => false,
    }
}

fn blocks(configuration: Option<&Value>) -> bool {
    let on = |name: &str| configuration.and_then(|c| c.get(name)).and_then(Value::as_bool) == Some(true);
    on("RestrictPublicBuckets")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subject(kind: &str, attributes: Value) -> Subject {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        Subject { kind: kind.to_owned(), account: "111122223333".to_owned(), attributes, ..Subject::default() }
            .with_facts()
    }

    #[test]
    fn an_instance_with_a_public_address_is_on_the_internet() {
        let public = subject("aws.ec2.instance", json!({ "PublicIpAddress": "203.0.113.9" }));
        let private = subject("aws.ec2.instance", json!({ "PublicIpAddress": null }));
        assert_eq!(exposure(&public), Exposure::Internet);
        assert_eq!(exposure(&private), Exposure::Private);
    }

    #[test]
    fn a_security_group_is_as_exposed_as_it_opens() {
        let group = |range: &str| {
            let rule = json!({ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{ "CidrIp": range }] });
            subject("aws.ec2.security_group", json!({ "IpPermissions": [rule] }))
        };
        assert_eq!(exposure(&group("0.0.0.0/0")), Exposure::Internet);
        assert_eq!(exposure(&group("10.0.0.0/8")), Exposure::Private);
    }

    #[test]
    fn what_a_cluster_publishes_is_as_exposed_as_it_says() {
        let service = |kind: &str| exposure(&subject("kubernetes.service", json!({ "spec": { "type": kind } })));
        assert_eq!(service("LoadBalancer"), Exposure::Internet);
        assert_eq!(service("NodePort"), Exposure::Private);
        assert_eq!(service("ClusterIP"), Exposure::None);
        let ingress =
            |class: &str| exposure(&subject("kubernetes.ingress", json!({ "spec": { "ingressClassName": class } })));
        assert_eq!((ingress("nginx"), ingress("internal")), (Exposure::Internet, Exposure::Private));
    }

    #[test]
    fn a_kind_that_is_not_known_is_private() {
        assert_eq!(exposure(&subject("aws.other.thing", json!({}))), Exposure::Private);
    }
}
