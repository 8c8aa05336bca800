//! ECR: the registry of each region, and every repository with its policies.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{RegistryScanningConfiguration, ReplicationConfiguration, Repository};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("ecr.registry", registry), reader!("ecr.repositories", repositories)];

/// Repositories whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 12;

async fn registry(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer = scope.call("ecr:DescribeRegistry", client.describe_registry().send()).await?;
    let scanning = scope
        .detail(
            "scanningConfiguration",
            "ecr:GetRegistryScanningConfiguration",
            &[],
            client.get_registry_scanning_configuration().send(),
        )
        .await
        .map(|answer| answer.scanning_configuration().map(scanning_configuration));
    let policy = scope
        .detail(
            "policyText",
            "ecr:GetRegistryPolicy",
            &["RegistryPolicyNotFoundException"],
            client.get_registry_policy().send(),
        )
        .await
        .map(|answer| answer.policy_text().map(document));
    let resource = scope
        .resource("aws.ecr.registry", registry_arn(scope), scope.account())
        .set("registryId", answer.registry_id().unwrap_or(scope.account()))
        .set("replicationConfiguration", answer.replication_configuration().map(replication))
        .detail("scanningConfiguration", scanning)
        .detail("policyText", policy)
        .detail("pullThroughCacheRules", pull_through_cache(scope, &client).await);
    scope.emit(resource).await
}

fn registry_arn(scope: &Scope) -> String {
    scope.arn("ecr", "registry")
}

fn scanning_configuration(found: &RegistryScanningConfiguration) -> Value {
    let rules: Vec<Value> = found
        .rules()
        .iter()
        .map(|rule| {
            let filters: Vec<Value> = rule
                .repository_filters()
                .iter()
                .map(|f| object! { "filter" => f.filter(), "filterType" => f.filter_type().as_str() })
                .collect();
            object! { "scanFrequency" => rule.scan_frequency().as_str(), "repositoryFilters" => filters }
        })
        .collect();
    object! { "scanType" => found.scan_type().map(|t| t.as_str()), "rules" => rules }
}

fn replication(found: &ReplicationConfiguration) -> Value {
    let rules: Vec<Value> = found
        .rules()
        .iter()
        .map(|rule| {
            let destinations: Vec<Value> = rule
                .destinations()
                .iter()
                .map(|d| object! { "region" => d.region(), "registryId" => d.registry_id() })
                .collect();
            let filters: Vec<Value> = rule
                .repository_filters()
                .iter()
                .map(|f| object! { "filter" => f.filter(), "filterType" => f.filter_type().as_str() })
                .collect();
            object! { "destinations" => destinations, "repositoryFilters" => filters }
        })
        .collect();
    object! { "rules" => rules }
}

async fn pull_through_cache(scope: &Scope, client: &Client) -> Detail<Vec<Value>> {
    let mut rules = Vec::new();
    let mut pages = client.describe_pull_through_cache_rules().into_paginator().send();
    loop {
        let page =
            scope.detail("pullThroughCacheRules", "ecr:DescribePullThroughCacheRules", &[], pages.try_next()).await;
        match page {
            Detail::Read(Some(page)) => rules.extend(page.pull_through_cache_rules().iter().map(|rule| {
                object! {
                    "ecrRepositoryPrefix" => rule.ecr_repository_prefix(),
                    "upstreamRegistryUrl" => rule.upstream_registry_url(),
                    "upstreamRegistry" => rule.upstream_registry().map(|r| r.as_str()),
                    "upstreamRepositoryPrefix" => rule.upstream_repository_prefix(),
                    "credentialArn" => rule.credential_arn(),
                    "customRoleArn" => rule.custom_role_arn(),
                    "createdAt" => rule.created_at(),
                }
            })),
            Detail::Read(None) | Detail::Absent => return Detail::Read(rules),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

async fn repositories(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_repositories().into_paginator().send();
    while let Some(page) = scope.call("ecr:DescribeRepositories", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.repositories().iter().map(|found| repository(scope, &client, found))).await?;
    }
    Ok(())
}

async fn repository(scope: &Scope, client: &Client, found: &Repository) -> Result<(), ReadError> {
    let (Some(arn), Some(name)) = (found.repository_arn(), found.repository_name()) else { return Ok(()) };
    let policy = scope
        .detail(
            "policyText",
            "ecr:GetRepositoryPolicy",
            &["RepositoryPolicyNotFoundException"],
            client.get_repository_policy().repository_name(name).send(),
        )
        .await
        .map(|answer| answer.policy_text().map(document));
    let lifecycle = scope
        .detail(
            "lifecyclePolicyText",
            "ecr:GetLifecyclePolicy",
            &["LifecyclePolicyNotFoundException"],
            client.get_lifecycle_policy().repository_name(name).send(),
        )
        .await
        .map(|answer| answer.lifecycle_policy_text().map(document));
    let tags = scope
        .detail("tags", "ecr:ListTagsForResource", &[], client.list_tags_for_resource().resource_arn(arn).send())
        .await
        .map(|answer| {
            answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect::<Vec<_>>()
        });
    let mut resource = scope
        .resource("aws.ecr.repository", arn, name)
        .set_all(described(found))
        .detail("policyText", policy)
        .detail("lifecyclePolicyText", lifecycle)
        .edge("registry", Some(registry_arn(scope)))
        .edge("key", found.encryption_configuration().and_then(|e| e.kms_key()).filter(|key| key.starts_with("arn:")));
    if let Detail::Read(tags) = &tags {
        resource = resource.tags(tags.clone());
    }
    let named = tags.map(|tags| tags.into_iter().collect::<std::collections::HashMap<String, String>>());
    scope.emit(resource.detail("tags", named)).await
}

fn described(found: &Repository) -> Value {
    let exclusions: Vec<Value> = found
        .image_tag_mutability_exclusion_filters()
        .iter()
        .map(|f| object! { "filter" => f.filter(), "filterType" => f.filter_type().as_str() })
        .collect();
    object! {
        "repositoryName" => found.repository_name(),
        "repositoryUri" => found.repository_uri(),
        "registryId" => found.registry_id(),
        "createdAt" => found.created_at(),
        "imageTagMutability" => found.image_tag_mutability().map(|m| m.as_str()),
        "imageTagMutabilityExclusionFilters" => exclusions,
        "imageScanningConfiguration" =>
            found.image_scanning_configuration().map(|s| object! { "scanOnPush" => s.scan_on_push() }),
        "encryptionConfiguration" => found.encryption_configuration().map(|e| {
            object! { "encryptionType" => e.encryption_type().as_str(), "kmsKey" => e.kms_key() }
        }),
    }
}

/// The repository that an image reference of ECR's own form names:
/// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:tag][@digest]`.
pub(super) fn repository_of(partition: &str, image: &str) -> Option<String> {
    let (host, path) = image.split_once('/')?;
    let (account, rest) = host.split_once('.')?;
    let region = ["dkr.ecr.", "dkr.ecr-fips."].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let region = region.split_once(".amazonaws.com")?.0;
    let name = path.split('@').next()?;
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let sound = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty();
    sound.then(|| format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reference_names_its_repository() {
        let arn = Some("arn:aws:ecr:eu-west-1:111122223333:repository/team/app".to_owned());
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(repository_of("aws", &format!("{host}/team/app")), arn);
        assert_eq!(repository_of("aws", &format!("{host}/team/app:1.2")), arn);
        assert_eq!(repository_of("aws", &format!("{host}/team/app:1.2@sha256:00")), arn);
        assert_eq!(repository_of("aws", "docker.io/library/nginx:1"), None);
        assert_eq!(repository_of("aws", "nginx"), None);
    }
}
