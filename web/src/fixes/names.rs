//! The names that remediations leave open, in capitals, and what a resource says of them. What it does not say stays open: a
//! placeholder that is seen is filled in by whoever copies it, a wrong value is not.

use serde_json::Value;

/// What a remediation is applied to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) kind: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) name: &'a str,
    pub(crate) account: &'a str,
    /// Empty where it has none.
    pub(crate) region: &'a str,
    pub(crate) attributes: Option<&'a Value>,
}

/// A word in capitals, and what stands in its place.
pub(super) type Names = Vec<(&'static str, String)>;

/// The names that are known where a remediation is applied to no single resource.
pub(super) fn of_place(account: &str, region: &str) -> Names {
    // Only an account of a cloud is what is meant by one.
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let known = [("ACCOUNT", account), ("ACCOUNT_ID", account), ("REGION", region)];
    let is_known = |value: &str| !value.is_empty() && value != "global";
    known.into_iter().filter(|(_, value)| is_known(value)).map(|(word, value)| (word, value.to_owned())).collect()
}

/// The names that are known of a resource.
pub(super) fn of(target: &Target<'_>) -> Names {
    let mut names = match target.kind.split_once('.') {
        Some(("kubernetes", _)) => of_cluster(target),
        _ if target.kind == "image" => of_image(target),
        _ => own(target).into_iter().map(|(word, value)| (word, value.to_owned())).collect(),
    };
    names.extend(of_place(target.account, target.region));
    names.retain(|(_, value)| !value.is_empty());
    names
}

/// What stands behind the last of these signs.
fn last(uid: &str) -> &str {
    uid.rsplit(['/', ':']).next().unwrap_or_default()
}

/// What stands behind a word of a uid.
fn behind<'a>(uid: &'a str, word: &str) -> &'a str {
    uid.split_once(word).map_or("", |(_, rest)| rest)
}

/// One of the parts of `kind/cluster/name`.
fn part(uid: &str, place: usize) -> &str {
    uid.rsplit(':').next().and_then(|path| path.split('/').nth(place)).unwrap_or_default()
}

/// The one word that a kind's remediations know a resource by, and what it is.
fn own<'a>(target: &Target<'a>) -> Vec<(&'static str, &'a str)> {
    let (uid, name) = (target.uid, target.name);
    match target.kind {
        "aws.s3.bucket" => vec![("BUCKET", behind(uid, ":::"))],
        "aws.ec2.security_group" => vec![("GROUP_ID", last(uid))],
        "aws.ec2.instance" => vec![("INSTANCE_ID", last(uid))],
        "aws.ec2.image" => vec![("AMI_ID", last(uid))],
        "aws.ec2.vpc" => vec![("VPC_ID", last(uid))],
        "aws.ec2.subnet" => vec![("SUBNET_ID", last(uid))],
        "aws.ec2.volume" => vec![("VOLUME_ID", last(uid))],
        "aws.ec2.snapshot" => vec![("SNAPSHOT_ID", last(uid))],
        "aws.ec2.network_acl" => vec![("ACL_ID", last(uid))],
        "aws.ec2.route_table" => vec![("ROUTE_TABLE_ID", last(uid))],
        "aws.ec2.vpc_endpoint" => vec![("ENDPOINT_ID", last(uid))],
        "aws.ec2.launch_template" => vec![("TEMPLATE_ID", last(uid))],
        "aws.dynamodb.table" => vec![("TABLE", behind(uid, ":table/")), ("TABLE_ARN", uid)],
        "aws.lambda.function" => vec![("FUNCTION", behind(uid, ":function:")), ("FUNCTION_ARN", uid)],
        "aws.ecr.repository" => vec![("REPOSITORY", behind(uid, ":repository/"))],
        "aws.ecs.cluster" | "aws.eks.cluster" => vec![("CLUSTER", behind(uid, ":cluster/"))],
        "aws.rds.cluster" => vec![("CLUSTER", behind(uid, ":cluster:"))],
        "aws.rds.instance" => vec![("INSTANCE", behind(uid, ":db:"))],
        "aws.rds.snapshot" => vec![("SNAPSHOT", behind(uid, ":snapshot:")), ("SNAPSHOT_ARN", uid)],
        "aws.rds.cluster_snapshot" => vec![("SNAPSHOT", behind(uid, ":cluster-snapshot:")), ("SNAPSHOT_ARN", uid)],
        "aws.efs.file_system" => vec![("FILE_SYSTEM", last(uid))],
        // An old ARN of a service has no cluster in it.
        "aws.ecs.service" | "aws.eks.node_group" | "aws.eks.addon" if part(uid, 2).is_empty() => Vec::new(),
        "aws.eks.node_group" => vec![("CLUSTER", part(uid, 1)), ("NAME", part(uid, 2))],
        "aws.eks.addon" => vec![("CLUSTER", part(uid, 1)), ("ADDON", part(uid, 2))],
        "aws.ecs.service" => vec![("CLUSTER", part(uid, 1)), ("SERVICE", part(uid, 2))],
        "aws.ecs.task_definition" => {
            vec![("FAMILY", behind(uid, ":task-definition/").split(':').next().unwrap_or_default())]
        }
        "aws.elb.load_balancer" => vec![("LOAD_BALANCER_ARN", uid)],
        "aws.iam.user" | "aws.iam.role" | "aws.iam.group" | "aws.iam.server_certificate" => vec![("NAME", last(uid))],
        "aws.iam.policy" => vec![("NAME", last(uid)), ("POLICY_ARN", uid)],
        "aws.iam.saml_provider" | "aws.iam.oidc_provider" => vec![("PROVIDER_ARN", uid)],
        "aws.kms.key" => vec![("KEY_ID", last(uid))],
        "aws.logs.log_group" => vec![("LOG_GROUP", behind(uid, ":log-group:").trim_end_matches(":*"))],
        // Six letters that AWS adds end the ARN of a secret.
        "aws.secretsmanager.secret" => {
            let name = behind(uid, ":secret:").rsplit_once('-').map_or("", |(name, _)| name);
            vec![("SECRET_ARN", uid), ("SECRET", name)]
        }
        "aws.sns.topic" => vec![("TOPIC_ARN", uid), ("TOPIC", last(uid))],
        "aws.sqs.queue" => vec![("QUEUE", last(uid))],
        "aws.cloudtrail.trail" => vec![("TRAIL", behind(uid, ":trail/")), ("TRAIL_ARN", uid)],
        "aws.cloudfront.distribution" => vec![("DISTRIBUTION_ID", last(uid))],
        "aws.autoscaling.group" => vec![("GROUP", behind(uid, ":autoScalingGroupName/"))],
        "aws.cloudwatch.alarm" => vec![("ALARM", behind(uid, ":alarm:"))],
        "docker.container" => vec![("NAME", name)],
        _ => Vec::new(),
    }
}

/// An object is `k8s://cluster/plural/namespace/name`.
fn of_cluster(target: &Target<'_>) -> Names {
    let path: Vec<&str> = target.uid.trim_start_matches("k8s://").split('/').collect();
    let (namespace, name) = match path.as_slice() {
        [_, _, namespace, name] => (*namespace, *name),
        [_, _, name] => ("", *name),
        _ => return Vec::new(),
    };
    match target.kind {
        "kubernetes.namespace" => vec![("NAMESPACE", name.to_owned())],
        "kubernetes.node" => vec![("NODE", name.to_owned())],
        // What is named there is the subject's roles and bindings.
        "kubernetes.subject" | "kubernetes.cluster" | "kubernetes.control_plane_component" => Vec::new(),
        "kubernetes.workload" => {
            let container = target.attributes.and_then(only_container).unwrap_or_default();
            vec![("NAMESPACE", namespace.to_owned()), ("NAME", name.to_owned()), ("CONTAINER", container)]
        }
        _ => vec![("NAMESPACE", namespace.to_owned()), ("NAME", name.to_owned())],
    }
}

/// The name of the container, where there is one alone.
fn only_container(attributes: &Value) -> Option<String> {
    let containers = attributes.pointer("/template/spec/containers")?.as_array()?;
    let [container] = containers.as_slice() else { return None };
    container.get("name")?.as_str().map(str::to_owned)
}

/// What kubectl calls a workload of the kind that this one is, where remediations speak of a deployment.
pub(super) fn workload_word(target: &Target<'_>) -> Option<String> {
    let kind = target.attributes?.get("kind")?.as_str()?;
    let is_word = kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    (target.kind == "kubernetes.workload" && is_word && kind != "Deployment").then(|| kind.to_ascii_lowercase())
}

/// An image is `host/repository@digest`.
fn of_image(target: &Target<'_>) -> Names {
    let digest = target.uid.split_once('@').map_or("", |(_, digest)| digest);
    let of = [("HOST", target.account), ("REPOSITORY", target.region), ("DIGEST", digest)];
    of.into_iter().map(|(word, value)| (word, value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(kind: &str, uid: &str, attributes: Option<&Value>) -> Names {
        of(&Target { kind, uid, name: "a tag may say", account: "111122223333", region: "eu-west-1", attributes })
    }

    fn value(names: &Names, word: &str) -> Option<String> {
        names.iter().find(|(name, _)| *name == word).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_resource_says_what_it_is_called() {
        let known = [
            ("aws.s3.bucket", "arn:aws:s3:::ledger", "BUCKET", "ledger"),
            ("aws.ec2.security_group", "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1", "GROUP_ID", "sg-1"),
            ("aws.ecs.service", "arn:aws:ecs:eu-west-1:111122223333:service/shop/api", "CLUSTER", "shop"),
            ("aws.ecs.task_definition", "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7", "FAMILY", "api"),
            ("aws.secretsmanager.secret", "arn:aws:secretsmanager:eu-west-1:1:secret:a-b-Xy12Zz", "SECRET", "a-b"),
            ("aws.logs.log_group", "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/x:*", "LOG_GROUP", "/aws/x"),
            ("kubernetes.workload", "k8s://c/statefulsets/shop/db", "NAME", "db"),
            ("kubernetes.workload", "k8s://c/statefulsets/shop/db", "NAMESPACE", "shop"),
            ("kubernetes.namespace", "k8s://c/namespaces/shop", "NAMESPACE", "shop"),
        ];
        for (kind, uid, word, wanted) in known {
            assert_eq!(value(&names(kind, uid, None), word).as_deref(), Some(wanted), "{kind}");
        }
    }

    #[test]
    fn what_it_does_not_say_stays_open() {
        assert_eq!(value(&names("aws.ec2.security_group", "arn:…/sg-1", None), "TRUSTED_CIDR"), None);
        assert_eq!(value(&names("kubernetes.subject", "k8s://c/subjects/User/mara", None), "NAME"), None);
        assert_eq!(value(&names("aws.ecs.service", "arn:aws:ecs:eu-west-1:1:service/api", None), "CLUSTER"), None);
        let two = json!({ "template": { "spec": { "containers": [{ "name": "a" }, { "name": "b" }] } } });
        let one = json!({ "template": { "spec": { "containers": [{ "name": "a" }] } } });
        let container =
            |of| value(&names("kubernetes.workload", "k8s://c/deployments/shop/api", Some(of)), "CONTAINER");
        assert_eq!((container(&two), container(&one).as_deref()), (None, Some("a")));
    }
}
