//! Facts: what the engine works out of a resource's attributes before any rule sees it.
//!
//! Some questions are a parser's or an algorithm's work and not a rule's: whom a resource policy lets in once its denies
//! and conditions are weighed, or whether a metric filter's pattern matches what it should. They are answered here, in
//! tested Rust, and a rule reads them as `input.facts`. A fact is worked out from the resource's own attributes alone.

mod alarm;
mod container;
mod escalation;
mod filter_pattern;
mod kubernetes;
mod net;
mod policy;
mod trail;

use serde_json::{Map, Value};

/// The facts of one resource; empty for most kinds. Each kind with facts has one arm.
#[must_use]
pub fn of(kind: &str, account: &str, attributes: &Map<String, Value>) -> Map<String, Value> {
    let at = |name: &str| attributes.get(name).unwrap_or(&Value::Null);
    let facts: Vec<(&str, Value)> = match kind {
        "aws.iam.user" => vec![("identity", policy::identities(account, at("UserPolicyList")))],
        "aws.iam.group" => vec![("identity", policy::identities(account, at("GroupPolicyList")))],
        "aws.iam.role" => vec![
            ("trust", policy::resource(account, at("AssumeRolePolicyDocument"), &[])),
            ("identity", policy::identities(account, at("RolePolicyList"))),
        ],
        "aws.iam.policy" => {
            let document = at("PolicyVersion").get("Document").unwrap_or(&Value::Null);
            vec![("identity", policy::identity(account, document))]
        }
        "aws.ecr.repository" | "aws.ecr.registry" => vec![("policy", policy::resource(account, at("policyText"), &[]))],
        "aws.ecs.task_definition" => vec![
            ("containers", container::containers(at("containerDefinitions"))),
            ("host_paths", container::host_paths(at("volumes"), at("containerDefinitions"))),
            ("windows", container::is_windows(at("runtimePlatform")).into()),
            ("fargate", container::is_fargate_only(at("requiresCompatibilities")).into()),
        ],
        "aws.lambda.function" => {
            let variables = at("Environment").get("Variables").unwrap_or(&Value::Null);
            vec![
                ("policy", policy::resource(account, at("Policy"), &[])),
                ("environment_secrets", container::secrets(variables)),
                ("image", container::image_of(at("Code"))),
            ]
        }
        "aws.s3.bucket" => {
            vec![("policy", policy::resource(account, at("Policy"), &policy::bucket_arns(at("Name"))))]
        }
        "aws.s3.access_point"
        | "aws.sqs.queue"
        | "aws.sns.topic"
        | "aws.kms.key"
        | "aws.lambda.layer"
        | "aws.dynamodb.table"
        | "aws.efs.file_system" => {
            vec![("policy", policy::resource(account, at("Policy"), &[]))]
        }
        "aws.organizations.organization" => vec![("policy", policy::resource(account, at("ResourcePolicy"), &[]))],
        "aws.secretsmanager.secret" => vec![("policy", policy::resource(account, at("ResourcePolicy"), &[]))],
        "aws.ec2.vpc_endpoint" => vec![("policy", policy::resource(account, at("PolicyDocument"), &[]))],
        "aws.ec2.security_group" => vec![
            ("ingress", net::permissions(at("IpPermissions"), at("PrefixLists"))),
            ("egress", net::permissions(at("IpPermissionsEgress"), at("PrefixLists"))),
        ],
        "aws.ec2.network_acl" => vec![("ingress", net::acl_entries(at("Entries"), false))],
        "aws.logs.metric_filter" => {
            return members(filter_pattern::facts(at("filterPattern"), at("fieldSelectionCriteria")));
        }
        "aws.cloudwatch.alarm" => vec![("any_of", alarm::any_of(at("AlarmRule")))],
        "aws.cloudtrail.trail" | "aws.cloudtrail.organization_trail" => {
            return members(trail::facts(at("EventSelectors"), at("AdvancedEventSelectors")));
        }
        kind if kind.starts_with("kubernetes.") => kubernetes::of(kind, attributes),
        _ => Vec::new(),
    };
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
