//! Who may enter a cluster: its access entries with their policies, and its identity providers.

use crate::attributes::object;
use crate::reader::{Detail, Scope};
use aws_sdk_eks::Client;
use aws_sdk_eks::types::AccessEntry;
use futures::stream::{self, StreamExt};
use plumbline_core::resource::Unread;
use serde_json::Value;

/// Entries of one cluster that are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 6;
/// A cluster that authenticates by its config map alone has no access entries, and says so with this.
const NO_ENTRIES: [&str; 2] = ["InvalidRequestException", "ResourceNotFoundException"];

/// Every access entry; null where the cluster does not have such. One that cannot be read makes all of them unread.
pub(super) async fn entries(scope: &Scope, client: &Client, cluster: &str) -> Detail<Vec<Value>> {
    let mut principals: Vec<String> = Vec::new();
    let mut pages = client.list_access_entries().cluster_name(cluster).into_paginator().send();
    loop {
        match scope.detail("accessEntries", "eks:ListAccessEntries", &NO_ENTRIES, pages.try_next()).await {
            Detail::Read(Some(page)) => principals.extend_from_slice(page.access_entries()),
            Detail::Read(None) => break,
            Detail::Absent => return Detail::Absent,
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
    let reads: Vec<_> = principals.iter().map(|principal| entry(scope, client, cluster, principal)).collect();
    let mut waiting = stream::iter(reads).buffered(AT_ONCE);
    let mut entries = Vec::new();
    while let Some(entry) = waiting.next().await {
        match entry {
            Ok(entry) => entries.extend(entry),
            Err(unread) => return Detail::Unread(unread),
        }
    }
    Detail::Read(entries)
}

/// One entry; none when it was deleted since it was listed.
async fn entry(scope: &Scope, client: &Client, cluster: &str, principal: &str) -> Result<Option<Value>, Unread> {
    let call = client.describe_access_entry().cluster_name(cluster).principal_arn(principal).send();
    let gone = &["ResourceNotFoundException"];
    let found = match scope.detail("accessEntries", "eks:DescribeAccessEntry", gone, call).await {
        Detail::Read(answer) => answer.access_entry,
        Detail::Absent => None,
        Detail::Unread(unread) => return Err(unread),
    };
    let Some(found) = found else { return Ok(None) };
    let policies = policies(scope, client, cluster, principal).await?;
    Ok(Some(described(&found, principal, &policies)))
}

fn described(found: &AccessEntry, principal: &str, policies: &[Value]) -> Value {
    object! {
        "principalArn" => principal,
        "type" => found.r#type(),
        "username" => found.username(),
        "kubernetesGroups" => found.kubernetes_groups(),
        "createdAt" => found.created_at(),
        "associatedAccessPolicies" => policies,
    }
}

async fn policies(scope: &Scope, client: &Client, cluster: &str, principal: &str) -> Result<Vec<Value>, Unread> {
    let mut policies = Vec::new();
    let call = client.list_associated_access_policies().cluster_name(cluster).principal_arn(principal);
    let mut pages = call.into_paginator().send();
    loop {
        let gone = &["ResourceNotFoundException"];
        match scope.detail("accessEntries", "eks:ListAssociatedAccessPolicies", gone, pages.try_next()).await {
            Detail::Read(Some(page)) => policies.extend(page.associated_access_policies().iter().map(|policy| {
                let within = policy.access_scope().map(|s| {
                    object! { "type" => s.r#type().map(|t| t.as_str()), "namespaces" => s.namespaces() }
                });
                object! { "policyArn" => policy.policy_arn(), "accessScope" => within }
            })),
            Detail::Read(None) | Detail::Absent => return Ok(policies),
            Detail::Unread(unread) => return Err(unread),
        }
    }
}

/// The identity providers, by type and name.
pub(super) async fn identity_providers(scope: &Scope, client: &Client, cluster: &str) -> Detail<Vec<Value>> {
    let mut configs = Vec::new();
    let mut pages = client.list_identity_provider_configs().cluster_name(cluster).into_paginator().send();
    loop {
        let page =
            scope.detail("identityProviderConfigs", "eks:ListIdentityProviderConfigs", &[], pages.try_next()).await;
        match page {
            Detail::Read(Some(page)) => configs.extend(
                page.identity_provider_configs().iter().map(|c| object! { "type" => c.r#type(), "name" => c.name() }),
            ),
            Detail::Read(None) | Detail::Absent => return Detail::Read(configs),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}
