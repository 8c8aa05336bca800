//! The stack: which edges lead from the internet inwards, from the cloud account down to the image.
//!
//! A collector tells edges of what it reads, each under the uid of its other end. Where that end was read by another
//! collector, the two meet, and one line goes from the load balancer through service and workload to the image.

/// An edge along which whoever reaches one end reaches the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// The kind at which the edge begins.
    pub from: &'static str,
    pub relation: &'static str,
    pub way: Way,
}

/// Which way one is led along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From where the edge begins to what it names.
    Along,
    /// From what the edge names to where it begins: a service behind a load balancer names the load balancer.
    Against,
    /// Between two resources that name the same third thing under this relation: the node and the instance that it is.
    Same,
}

const fn along(from: &'static str, relation: &'static str) -> Passage {
    Passage { from, relation, way: Way::Along }
}

const fn against(from: &'static str, relation: &'static str) -> Passage {
    Passage { from, relation, way: Way::Against }
}

const fn same(from: &'static str, relation: &'static str) -> Passage {
    Passage { from, relation, way: Way::Same }
}

/// All passages. What is reached is as exposed as what it is reached through.
pub const PASSAGES: &[Passage] = &[
    along("aws.elb.load_balancer", "target_group"),
    against("aws.ecs.service", "target_group"),
    along("aws.ecs.service", "task_definition"),
    along("aws.ecs.task_definition", "image"),
    along("aws.lambda.function", "image"),
    against("aws.autoscaling.group", "target_group"),
    along("aws.autoscaling.group", "instance"),
    same("kubernetes.node", "machine"),
    same("kubernetes.ingress", "address"),
    same("kubernetes.service", "address"),
    same("kubernetes.gateway", "address"),
    against("kubernetes.gateway_route", "gateway"),
    along("kubernetes.gateway_route", "service"),
    along("kubernetes.ingress", "service"),
    along("kubernetes.service", "workload"),
    along("kubernetes.workload", "image"),
    along("docker.container", "image"),
];

/// The passages that lead one way, as two lists: the kinds at which their edges begin, and the relations.
#[must_use]
pub fn pairs(passages: &[Passage], way: Way) -> (Vec<&'static str>, Vec<&'static str>) {
    passages.iter().filter(|passage| passage.way == way).map(|passage| (passage.from, passage.relation)).unzip()
}

/// What whoever has one resource has next: the blast radius of what is taken over.
pub const NEXT: &[Passage] = &[
    along("kubernetes.workload", "service_account"),
    against("kubernetes.subject", "service_account"),
    along("kubernetes.service_account", "cloud_role"),
    along("kubernetes.workload", "secret"),
    along("kubernetes.workload", "node"),
    same("aws.ec2.instance", "machine"),
    along("aws.ec2.instance", "role"),
    along("aws.ecs.task_definition", "role"),
    along("aws.ecs.task_definition", "secret"),
    along("aws.lambda.function", "role"),
    along("aws.iam.role", "policy"),
    along("docker.container", "daemon"),
];

/// What is in the hands of whoever has a workload that runs it: the files of its image.
pub const RUNS: &[Passage] = &[
    along("kubernetes.workload", "image"),
    along("docker.container", "image"),
    along("aws.ecs.task_definition", "image"),
    along("aws.lambda.function", "image"),
];

/// Relations that lead from a container out to its machine: only where the container can be left.
pub const OUT: &[&str] = &["node", "daemon"];

/// Machines that containers run on.
pub const MACHINES: &[&str] = &["kubernetes.node", "aws.ec2.instance", "docker.daemon"];

/// What is kept secret.
pub const SECRETS: &[&str] = &["kubernetes.secret", "aws.secretsmanager.secret", "aws.ssm.parameter"];

/// How far whatever is taken over is followed.
pub const STEPS: i32 = 8;

/// What runs: the kinds that a tenant means by its workloads.
pub const WORKLOADS: &[&str] =
    &["kubernetes.workload", "docker.container", "aws.ecs.task_definition", "aws.lambda.function"];

/// How far from the internet a path is followed: load balancer, ingress, service, workload, image, and room for more.
pub const DEPTH: i32 = 10;

/// The uid under which a machine in a cloud is known to whoever only knows the cloud's name for it, such as the
/// `providerID` of a node (`aws:///eu-west-1a/i-0abc`): `machine:aws/i-0abc`. None where it names no machine of a cloud.
#[must_use]
pub fn machine_uid(provider_id: &str) -> Option<String> {
    let (cloud, rest) = provider_id.split_once("://")?;
    let name = rest.rsplit('/').next().filter(|name| !name.is_empty())?;
    match cloud {
        "aws" if name.starts_with("i-") => Some(format!("machine:aws/{name}")),
        // The name of a machine is unique in its resource group or project only.
        "azure" | "gce" => Some(format!("machine:{cloud}/{}", rest.trim_start_matches('/').to_lowercase())),
        _ => None,
    }
}

/// The uid of a name in the domain name system, under which a load balancer is known to the cluster that asked for it.
#[must_use]
pub fn address_uid(hostname: &str) -> String {
    format!("dns:{}", hostname.trim_end_matches('.').to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_names_its_machine() {
        assert_eq!(machine_uid("aws:///eu-west-1a/i-0abc").as_deref(), Some("machine:aws/i-0abc"));
        assert_eq!(machine_uid("gce://shop/europe-west1-b/n1").as_deref(), Some("machine:gce/shop/europe-west1-b/n1"));
        assert_eq!(machine_uid("aws:///eu-west-1a/fargate-ip-10-0-0-1"), None);
        assert_eq!(machine_uid("kind://docker/lab/worker"), None);
        assert_eq!(machine_uid(""), None);
    }
}
