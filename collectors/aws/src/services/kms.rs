//! KMS: every key with its state; policy, rotation and grants of those that the customer manages.
//!
//! A key that AWS manages has nothing that its user could set: past its description nothing is asked, and what would be
//! asked is null.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_kms::Client;
use aws_sdk_kms::types::{GrantListEntry, KeyMetadata, Tag};
use plumbline_core::resource::Unread;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const READERS: &[Reader] = &[reader!("kms.keys", keys)];

const AT_ONCE: usize = 8;

const DESCRIBED: [&str; 14] = [
    "KeyManager",
    "KeyState",
    "Enabled",
    "KeySpec",
    "KeyUsage",
    "Origin",
    "ExpirationModel",
    "ValidTo",
    "CreationDate",
    "DeletionDate",
    "Description",
    "CustomKeyStoreId",
    "MultiRegion",
    "MultiRegionConfiguration",
];
const ROTATION: [&str; 3] = ["KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate"];

/// The ARN of a key that another resource names by ARN or by id. An alias names no key by itself.
pub(super) fn key_uid(scope: &Scope, named: &str) -> Option<String> {
    if named.starts_with("arn:") {
        return (!named.contains(":alias/")).then(|| named.to_owned());
    }
    let id = named.strip_prefix("key/").unwrap_or(named);
    (!id.is_empty() && !id.starts_with("alias/")).then(|| scope.arn("kms", &format!("key/{id}")))
}

type Aliases = Result<BTreeMap<String, Vec<String>>, Unread>;

async fn keys(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let aliases = aliases(scope, &client).await;
    let mut pages = client.list_keys().limit(1000).into_paginator().send();
    while let Some(page) = scope.call("kms:ListKeys", pages.try_next()).await? {
        let found = page.keys().iter().filter_map(|key| Some((key.key_id()?, key.key_arn()?)));
        side_by_side(AT_ONCE, found.map(|(id, arn)| key(scope, &client, &aliases, id, arn))).await?;
        if page.truncated() && page.next_marker().is_none() {
            return Err(scope.truncated("kms:ListKeys"));
        }
    }
    Ok(())
}

/// Key id → names, of the whole region; one listing instead of one call a key.
async fn aliases(scope: &Scope, client: &Client) -> Aliases {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut pages = client.list_aliases().limit(100).into_paginator().send();
    loop {
        match scope.detail("Aliases", "kms:ListAliases", &[], pages.try_next()).await {
            Detail::Read(Some(page)) => {
                for alias in page.aliases() {
                    if let (Some(key), Some(name)) = (alias.target_key_id(), alias.alias_name()) {
                        names.entry(key.to_owned()).or_default().push(name.to_owned());
                    }
                }
            }
            Detail::Read(None) | Detail::Absent => return Ok(names),
            Detail::Unread(unread) => return Err(unread),
        }
    }
}

async fn key(scope: &Scope, client: &Client, aliases: &Aliases, id: &str, arn: &str) -> Result<(), ReadError> {
    let described = scope
        .detail("KeyManager", "kms:DescribeKey", &[], client.describe_key().key_id(arn).send())
        .await
        .map(|answer| answer.key_metadata().map_or_else(|| json!({}), metadata));
    let by_aws = matches!(&described, Detail::Read(key) if key["KeyManager"] == "AWS");
    let primary = match &described {
        Detail::Read(key) => key["MultiRegionConfiguration"]["PrimaryKey"]["Arn"].as_str().map(ToOwned::to_owned),
        _ => None,
    };
    let own = match aliases {
        Ok(names) => Detail::Read(names.get(id).cloned().unwrap_or_default()),
        Err(unread) => Detail::Unread(unread.clone()),
    };
    let name = match &own {
        Detail::Read(names) => names.first().map_or(id, String::as_str).to_owned(),
        _ => id.to_owned(),
    };
    let mut resource = scope
        .resource("aws.kms.key", arn, name)
        .set("KeyId", id)
        .set("Arn", arn)
        .details(&DESCRIBED, described)
        .detail("Aliases", own)
        .edge("primary_key", primary.filter(|primary| primary != arn));
    if by_aws {
        resource = resource.details(&ROTATION, Detail::Absent).details(&["Policy", "Grants", "Tags"], Detail::Absent);
        return scope.emit(resource).await;
    }
    let (rotation, policy, grants, tags) = tokio::join!(
        rotation(scope, client, arn),
        policy(scope, client, arn),
        grants(scope, client, arn),
        tags(scope, client, arn),
    );
    if let Detail::Read(tags) = &tags {
        resource = resource.tags(tags.iter().map(|tag| (tag.tag_key(), tag.tag_value())));
    }
    let tags = tags.map(|tags| {
        tags.iter().map(|tag| object! { "TagKey" => tag.tag_key(), "TagValue" => tag.tag_value() }).collect::<Value>()
    });
    let resource =
        resource.details(&ROTATION, rotation).detail("Policy", policy).detail("Grants", grants).detail("Tags", tags);
    scope.emit(resource).await
}

async fn rotation(scope: &Scope, client: &Client, arn: &str) -> Detail<Value> {
    let call = client.get_key_rotation_status().key_id(arn).send();
    // Asymmetric and HMAC keys, keys in custom stores, and keys about to go have no rotation to speak of.
    let none = ["UnsupportedOperationException", "KMSInvalidStateException"];
    scope.detail("KeyRotationEnabled", "kms:GetKeyRotationStatus", &none, call).await.map(|answer| {
        object! {
            "KeyRotationEnabled" => answer.key_rotation_enabled(),
            "RotationPeriodInDays" => answer.rotation_period_in_days(),
            "NextRotationDate" => answer.next_rotation_date(),
        }
    })
}

async fn policy(scope: &Scope, client: &Client, arn: &str) -> Detail<Option<Value>> {
    let call = client.get_key_policy().key_id(arn).policy_name("default").send();
    scope
        .detail("Policy", "kms:GetKeyPolicy", &["NotFoundException"], call)
        .await
        .map(|answer| answer.policy().map(document))
}

/// The grants, of each grantee one: a key of a busy account has tens of thousands, and few who hold them.
async fn grants(scope: &Scope, client: &Client, arn: &str) -> Detail<Value> {
    let mut holders = BTreeMap::new();
    let mut pages = client.list_grants().key_id(arn).limit(100).into_paginator().send();
    loop {
        match scope.detail("Grants", "kms:ListGrants", &["KMSInvalidStateException"], pages.try_next()).await {
            Detail::Read(Some(page)) => {
                for found in page.grants() {
                    let holder = found.grantee_principal().or(found.grantee_service_principal()).unwrap_or_default();
                    holders.entry(holder.to_owned()).or_insert_with(|| grant(found));
                }
            }
            Detail::Read(None) | Detail::Absent => return Detail::Read(holders.into_values().collect()),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

fn grant(grant: &GrantListEntry) -> Value {
    object! {
        "GrantId" => grant.grant_id(),
        "Name" => grant.name(),
        "CreationDate" => grant.creation_date(),
        "GranteePrincipal" => grant.grantee_principal(),
        "IssuingAccount" => grant.issuing_account(),
        "Operations" => grant.operations().iter().map(|operation| operation.as_str()).collect::<Vec<_>>(),
    }
}

async fn tags(scope: &Scope, client: &Client, arn: &str) -> Detail<Vec<Tag>> {
    let call = client.list_resource_tags().key_id(arn).send();
    scope.detail("Tags", "kms:ListResourceTags", &[], call).await.map(|answer| answer.tags().to_vec())
}

fn metadata(key: &KeyMetadata) -> Value {
    object! {
        "KeyManager" => key.key_manager().map(|word| word.as_str()),
        "KeyState" => key.key_state().map(|word| word.as_str()),
        "Enabled" => key.enabled(),
        "KeySpec" => key.key_spec().map(|word| word.as_str()),
        "KeyUsage" => key.key_usage().map(|word| word.as_str()),
        "Origin" => key.origin().map(|word| word.as_str()),
        "ExpirationModel" => key.expiration_model().map(|word| word.as_str()),
        "ValidTo" => key.valid_to(),
        "CreationDate" => key.creation_date(),
        "DeletionDate" => key.deletion_date(),
        "Description" => key.description(),
        "CustomKeyStoreId" => key.custom_key_store_id(),
        "MultiRegion" => key.multi_region(),
        "MultiRegionConfiguration" => key.multi_region_configuration().map(|regions| object! {
            "MultiRegionKeyType" => regions.multi_region_key_type().map(|word| word.as_str()),
            "PrimaryKey" => regions.primary_key().map(|key| object! { "Arn" => key.arn(), "Region" => key.region() }),
            "ReplicaKeys" => regions.replica_keys().iter()
                .map(|key| object! { "Arn" => key.arn(), "Region" => key.region() })
                .collect::<Vec<_>>(),
        }),
    }
}
