//! EKS: clusters with who may enter them, and what runs their pods.

mod access;
mod extras;
mod nodes;

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_eks::Client;
use aws_sdk_eks::types::{Cluster, VpcConfigResponse};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;
use std::collections::HashMap;

pub(super) const READERS: &[Reader] = &[
    reader!("eks.clusters", clusters),
    reader!("eks.node_groups", nodes::node_groups),
    reader!("eks.fargate_profiles", nodes::fargate_profiles),
    reader!("eks.addons", extras::addons),
    reader!("eks.pod_identity_associations", extras::pod_identity_associations),
];

/// Clusters, or things of one cluster, that are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 6;

async fn cluster_names(scope: &Scope, client: &Client) -> Result<Vec<String>, ReadError> {
    let mut names = Vec::new();
    let mut pages = client.list_clusters().into_paginator().send();
    while let Some(page) = scope.call("eks:ListClusters", pages.try_next()).await? {
        names.extend_from_slice(page.clusters());
    }
    Ok(names)
}

/// Describes one thing of a listing; none when it was deleted since.
async fn described<T, E>(
    scope: &Scope,
    permission: &str,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<Option<T>, ReadError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match scope.detail("", permission, &["ResourceNotFoundException"], call).await {
        Detail::Read(answer) => Ok(Some(answer)),
        Detail::Absent => Ok(None),
        Detail::Unread(unread) if unread.denied => {
            Err(ReadError::Denied { permission: unread.permission, detail: unread.detail })
        }
        Detail::Unread(unread) => Err(ReadError::Failed(unread.detail)),
    }
}

fn cluster_arn(scope: &Scope, name: &str) -> String {
    scope.arn("eks", &format!("cluster/{name}"))
}

fn subnet(scope: &Scope, id: &str) -> String {
    scope.arn("ec2", &format!("subnet/{id}"))
}

fn security_group(scope: &Scope, id: &str) -> String {
    scope.arn("ec2", &format!("security-group/{id}"))
}

fn tags(tags: Option<&HashMap<String, String>>) -> Vec<(String, String)> {
    tags.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

async fn clusters(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let names = cluster_names(scope, &client).await?;
    side_by_side(AT_ONCE, names.iter().map(|name| cluster(scope, &client, name))).await
}

async fn cluster(scope: &Scope, client: &Client, name: &str) -> Result<(), ReadError> {
    let call = client.describe_cluster().name(name).send();
    let Some(answer) = described(scope, "eks:DescribeCluster", call).await? else { return Ok(()) };
    let Some(found) = answer.cluster() else { return Ok(()) };
    let uid = found.arn().map_or_else(|| cluster_arn(scope, name), ToOwned::to_owned);
    let logs = scope.arn("logs", &format!("log-group:/aws/eks/{name}/cluster"));
    let issuer = found.identity().and_then(|i| i.oidc()).and_then(|o| o.issuer());
    let provider = issuer.map(|url| {
        let path = url.trim_start_matches("https://");
        format!("arn:{}:iam::{}:oidc-provider/{path}", scope.partition, scope.account())
    });
    let mut resource = scope
        .resource("aws.eks.cluster", uid, name)
        .set_all(attributes(found))
        .tags(tags(found.tags()))
        .detail("accessEntries", access::entries(scope, client, name).await)
        .detail("identityProviderConfigs", access::identity_providers(scope, client, name).await)
        .edge("role", found.role_arn())
        .edge("log_group", Some(logs))
        .edge("oidc_provider", provider);
    if let Some(vpc) = found.resources_vpc_config() {
        for group in vpc.security_group_ids().iter().map(String::as_str).chain(vpc.cluster_security_group_id()) {
            resource = resource.edge("security_group", Some(security_group(scope, group)));
        }
        for id in vpc.subnet_ids() {
            resource = resource.edge("subnet", Some(subnet(scope, id)));
        }
        resource = resource.edge("vpc", vpc.vpc_id().map(|id| scope.arn("ec2", &format!("vpc/{id}"))));
    }
    for config in found.encryption_config() {
        resource = resource.edge("key", config.provider().and_then(|p| p.key_arn()));
    }
    scope.emit(resource).await
}

fn attributes(found: &Cluster) -> Value {
    let mut all = object! {
        "name" => found.name(),
        "version" => found.version(),
        "platformVersion" => found.platform_version(),
        "status" => found.status().map(|s| s.as_str()),
        "endpoint" => found.endpoint(),
        "createdAt" => found.created_at(),
        "roleArn" => found.role_arn(),
        "resourcesVpcConfig" => found.resources_vpc_config().map(vpc_config),
        "kubernetesNetworkConfig" => found.kubernetes_network_config().map(|n| object! {
            "serviceIpv4Cidr" => n.service_ipv4_cidr(),
            "serviceIpv6Cidr" => n.service_ipv6_cidr(),
            "ipFamily" => n.ip_family().map(|f| f.as_str()),
        }),
        "deletionProtection" => found.deletion_protection(),
    };
    let security = security(found);
    if let (Value::Object(all), Value::Object(security)) = (&mut all, security) {
        all.extend(security);
    }
    all
}

fn security(found: &Cluster) -> Value {
    let logging: Vec<Value> = found
        .logging()
        .map(|l| l.cluster_logging())
        .unwrap_or_default()
        .iter()
        .map(|setup| {
            let types: Vec<String> = setup.types().iter().map(|t| t.as_str().to_owned()).collect();
            object! { "types" => types, "enabled" => setup.enabled() }
        })
        .collect();
    let encryption: Vec<Value> = found
        .encryption_config()
        .iter()
        .map(|e| {
            let provider = e.provider().map(|p| object! { "keyArn" => p.key_arn() });
            object! { "provider" => provider }
        })
        .collect();
    let issues = found.health().map(|h| h.issues()).unwrap_or_default();
    let issues: Vec<Value> =
        issues.iter().map(|i| object! { "code" => i.code().map(|c| c.as_str()), "message" => i.message() }).collect();
    let oidc = found.identity().and_then(|i| i.oidc()).map(|o| object! { "issuer" => o.issuer() });
    object! {
        "logging" => object! { "clusterLogging" => logging },
        "identity" => object! { "oidc" => oidc },
        "encryptionConfig" => encryption,
        "accessConfig" => found.access_config().map(|a| object! {
            "authenticationMode" => a.authentication_mode().map(|m| m.as_str()),
            "bootstrapClusterCreatorAdminPermissions" => a.bootstrap_cluster_creator_admin_permissions(),
        }),
        "upgradePolicy" => found.upgrade_policy().map(|u| object! { "supportType" => u.support_type().map(|t| t.as_str()) }),
        "computeConfig" => found.compute_config().map(|c| object! {
            "enabled" => c.enabled(),
            "nodePools" => c.node_pools(),
            "nodeRoleArn" => c.node_role_arn(),
        }),
        "health" => object! { "issues" => issues },
    }
}

fn vpc_config(found: &VpcConfigResponse) -> Value {
    object! {
        "subnetIds" => found.subnet_ids(),
        "securityGroupIds" => found.security_group_ids(),
        "clusterSecurityGroupId" => found.cluster_security_group_id(),
        "vpcId" => found.vpc_id(),
        "endpointPublicAccess" => found.endpoint_public_access(),
        "endpointPrivateAccess" => found.endpoint_private_access(),
        "publicAccessCidrs" => found.public_access_cidrs(),
    }
}
