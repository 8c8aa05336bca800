//! What a cluster's pods run on: node groups and Fargate profiles.

use super::{AT_ONCE, cluster_arn, cluster_names, described, security_group, subnet, tags};
use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_eks::Client;
use aws_sdk_eks::types::{FargateProfile, Nodegroup};
use serde_json::Value;

pub(super) async fn node_groups(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    for cluster in cluster_names(scope, &client).await? {
        let mut pages = client.list_nodegroups().cluster_name(&cluster).into_paginator().send();
        while let Some(Some(page)) = described(scope, "eks:ListNodegroups", pages.try_next()).await? {
            let names = page.nodegroups().iter().map(|name| node_group(scope, &client, &cluster, name));
            side_by_side(AT_ONCE, names).await?;
        }
    }
    Ok(())
}

async fn node_group(scope: &Scope, client: &Client, cluster: &str, name: &str) -> Result<(), ReadError> {
    let call = client.describe_nodegroup().cluster_name(cluster).nodegroup_name(name).send();
    let Some(answer) = described(scope, "eks:DescribeNodegroup", call).await? else { return Ok(()) };
    let Some(found) = answer.nodegroup() else { return Ok(()) };
    let uid = found
        .nodegroup_arn()
        .map_or_else(|| scope.arn("eks", &format!("nodegroup/{cluster}/{name}")), ToOwned::to_owned);
    let template = found.launch_template().and_then(|t| t.id());
    let mut resource = scope
        .resource("aws.eks.node_group", uid, format!("{cluster}/{name}"))
        .set_all(node_group_attributes(found))
        .tags(tags(found.tags()))
        .edge("cluster", Some(cluster_arn(scope, cluster)))
        .edge("role", found.node_role())
        .edge("launch_template", template.map(|id| scope.arn("ec2", &format!("launch-template/{id}"))));
    for id in found.subnets() {
        resource = resource.edge("subnet", Some(subnet(scope, id)));
    }
    let remote = found.resources().and_then(|r| r.remote_access_security_group());
    let sources = found.remote_access().map(|r| r.source_security_groups()).unwrap_or_default();
    for id in sources.iter().map(String::as_str).chain(remote) {
        resource = resource.edge("security_group", Some(security_group(scope, id)));
    }
    scope.emit(resource).await
}

fn node_group_attributes(found: &Nodegroup) -> Value {
    let issues = found.health().map(|h| h.issues()).unwrap_or_default();
    let issues: Vec<Value> =
        issues.iter().map(|i| object! { "code" => i.code().map(|c| c.as_str()), "message" => i.message() }).collect();
    let taints: Vec<Value> = found
        .taints()
        .iter()
        .map(|t| object! { "key" => t.key(), "value" => t.value(), "effect" => t.effect().map(|e| e.as_str()) })
        .collect();
    let groups = found.resources().map(|r| r.auto_scaling_groups()).unwrap_or_default();
    let groups: Vec<Value> = groups.iter().map(|g| object! { "name" => g.name() }).collect();
    object! {
        "nodegroupName" => found.nodegroup_name(),
        "clusterName" => found.cluster_name(),
        "version" => found.version(),
        "releaseVersion" => found.release_version(),
        "status" => found.status().map(|s| s.as_str()),
        "amiType" => found.ami_type().map(|t| t.as_str()),
        "capacityType" => found.capacity_type().map(|t| t.as_str()),
        "instanceTypes" => found.instance_types(),
        "diskSize" => found.disk_size(),
        "remoteAccess" => found.remote_access().map(|r| object! {
            "ec2SshKey" => r.ec2_ssh_key(),
            "sourceSecurityGroups" => r.source_security_groups(),
        }),
        "launchTemplate" => found.launch_template().map(|t| object! {
            "id" => t.id(),
            "name" => t.name(),
            "version" => t.version(),
        }),
        "nodeRole" => found.node_role(),
        "subnets" => found.subnets(),
        "scalingConfig" => found.scaling_config().map(|s| object! {
            "minSize" => s.min_size(),
            "maxSize" => s.max_size(),
            "desiredSize" => s.desired_size(),
        }),
        "updateConfig" => found.update_config().map(|u| object! {
            "maxUnavailable" => u.max_unavailable(),
            "maxUnavailablePercentage" => u.max_unavailable_percentage(),
        }),
        "nodeRepairConfig" => found.node_repair_config().map(|n| object! { "enabled" => n.enabled() }),
        "resources" => object! {
            "autoScalingGroups" => groups,
            "remoteAccessSecurityGroup" => found.resources().and_then(|r| r.remote_access_security_group()),
        },
        "labels" => found.labels().cloned(),
        "taints" => taints,
        "health" => object! { "issues" => issues },
        "createdAt" => found.created_at(),
        "modifiedAt" => found.modified_at(),
    }
}

pub(super) async fn fargate_profiles(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    for cluster in cluster_names(scope, &client).await? {
        let mut pages = client.list_fargate_profiles().cluster_name(&cluster).into_paginator().send();
        while let Some(Some(page)) = described(scope, "eks:ListFargateProfiles", pages.try_next()).await? {
            let names = page.fargate_profile_names().iter().map(|name| fargate_profile(scope, &client, &cluster, name));
            side_by_side(AT_ONCE, names).await?;
        }
    }
    Ok(())
}

async fn fargate_profile(scope: &Scope, client: &Client, cluster: &str, name: &str) -> Result<(), ReadError> {
    let call = client.describe_fargate_profile().cluster_name(cluster).fargate_profile_name(name).send();
    let Some(answer) = described(scope, "eks:DescribeFargateProfile", call).await? else { return Ok(()) };
    let Some(found) = answer.fargate_profile() else { return Ok(()) };
    let uid = found
        .fargate_profile_arn()
        .map_or_else(|| scope.arn("eks", &format!("fargateprofile/{cluster}/{name}")), ToOwned::to_owned);
    let mut resource = scope
        .resource("aws.eks.fargate_profile", uid, format!("{cluster}/{name}"))
        .set_all(fargate_attributes(found))
        .tags(tags(found.tags()))
        .edge("cluster", Some(cluster_arn(scope, cluster)))
        .edge("role", found.pod_execution_role_arn());
    for id in found.subnets() {
        resource = resource.edge("subnet", Some(subnet(scope, id)));
    }
    scope.emit(resource).await
}

fn fargate_attributes(found: &FargateProfile) -> Value {
    let selectors: Vec<Value> = found
        .selectors()
        .iter()
        .map(|s| object! { "namespace" => s.namespace(), "labels" => s.labels().cloned() })
        .collect();
    object! {
        "fargateProfileName" => found.fargate_profile_name(),
        "clusterName" => found.cluster_name(),
        "status" => found.status().map(|s| s.as_str()),
        "podExecutionRoleArn" => found.pod_execution_role_arn(),
        "subnets" => found.subnets(),
        "selectors" => selectors,
        "createdAt" => found.created_at(),
    }
}
