//! What is installed in a cluster by EKS, and which pods hold which role.

use super::{AT_ONCE, cluster_arn, cluster_names, described, tags};
use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_eks::Client;
use aws_sdk_eks::types::PodIdentityAssociationSummary;

pub(super) async fn addons(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    for cluster in cluster_names(scope, &client).await? {
        let mut pages = client.list_addons().cluster_name(&cluster).into_paginator().send();
        while let Some(Some(page)) = described(scope, "eks:ListAddons", pages.try_next()).await? {
            let names = page.addons().iter().map(|name| addon(scope, &client, &cluster, name));
            side_by_side(AT_ONCE, names).await?;
        }
    }
    Ok(())
}

async fn addon(scope: &Scope, client: &Client, cluster: &str, name: &str) -> Result<(), ReadError> {
    let call = client.describe_addon().cluster_name(cluster).addon_name(name).send();
    let Some(answer) = described(scope, "eks:DescribeAddon", call).await? else { return Ok(()) };
    let Some(found) = answer.addon() else { return Ok(()) };
    let uid = found.addon_arn().map_or_else(|| scope.arn("eks", &format!("addon/{cluster}/{name}")), ToOwned::to_owned);
    let issues = found.health().map(|h| h.issues()).unwrap_or_default();
    let issues: Vec<_> =
        issues.iter().map(|i| object! { "code" => i.code().map(|c| c.as_str()), "message" => i.message() }).collect();
    let resource = scope
        .resource("aws.eks.addon", uid, format!("{cluster}/{name}"))
        .set_all(object! {
            "addonName" => found.addon_name(),
            "clusterName" => found.cluster_name(),
            "addonVersion" => found.addon_version(),
            "status" => found.status().map(|s| s.as_str()),
            "health" => object! { "issues" => issues },
            "publisher" => found.publisher(),
            "owner" => found.owner(),
            "serviceAccountRoleArn" => found.service_account_role_arn(),
            "podIdentityAssociations" => found.pod_identity_associations(),
            "createdAt" => found.created_at(),
            "modifiedAt" => found.modified_at(),
        })
        .tags(tags(found.tags()))
        .edge("cluster", Some(cluster_arn(scope, cluster)))
        .edge("role", found.service_account_role_arn());
    scope.emit(resource).await
}

pub(super) async fn pod_identity_associations(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    for cluster in cluster_names(scope, &client).await? {
        let mut pages = client.list_pod_identity_associations().cluster_name(&cluster).into_paginator().send();
        while let Some(Some(page)) = described(scope, "eks:ListPodIdentityAssociations", pages.try_next()).await? {
            let all = page.associations().iter().map(|found| association(scope, &client, &cluster, found));
            side_by_side(AT_ONCE, all).await?;
        }
    }
    Ok(())
}

async fn association(
    scope: &Scope,
    client: &Client,
    cluster: &str,
    listed: &PodIdentityAssociationSummary,
) -> Result<(), ReadError> {
    let Some(id) = listed.association_id() else { return Ok(()) };
    let call = client.describe_pod_identity_association().cluster_name(cluster).association_id(id).send();
    let Some(answer) = described(scope, "eks:DescribePodIdentityAssociation", call).await? else { return Ok(()) };
    let Some(found) = answer.association() else { return Ok(()) };
    let uid = found
        .association_arn()
        .map_or_else(|| scope.arn("eks", &format!("podidentityassociation/{cluster}/{id}")), ToOwned::to_owned);
    let pod =
        format!("{cluster}/{}/{}", found.namespace().unwrap_or_default(), found.service_account().unwrap_or_default());
    let resource = scope
        .resource("aws.eks.pod_identity_association", uid, pod)
        .set_all(object! {
            "associationId" => found.association_id(),
            "clusterName" => found.cluster_name(),
            "namespace" => found.namespace(),
            "serviceAccount" => found.service_account(),
            "roleArn" => found.role_arn(),
            "targetRoleArn" => found.target_role_arn(),
            "disableSessionTags" => found.disable_session_tags(),
            "ownerArn" => found.owner_arn(),
            "createdAt" => found.created_at(),
        })
        .tags(tags(found.tags()))
        .edge("cluster", Some(cluster_arn(scope, cluster)))
        .edge("role", found.role_arn())
        .edge("role", found.target_role_arn());
    scope.emit(resource).await
}
