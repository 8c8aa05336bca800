//! Secrets Manager: each secret's metadata and policy, never its value.

use crate::attributes::{document, object};
use crate::reader::{ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::SecretListEntry;

pub(super) const READERS: &[Reader] = &[reader!("secretsmanager.secrets", secrets)];

const AT_ONCE: usize = 8;

async fn secrets(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_secrets().max_results(100).into_paginator().send();
    while let Some(page) = scope.call("secretsmanager:ListSecrets", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.secret_list().iter().map(|found| secret(scope, &client, found))).await?;
    }
    Ok(())
}

async fn secret(scope: &Scope, client: &Client, found: &SecretListEntry) -> Result<(), ReadError> {
    let Some(arn) = found.arn() else { return Ok(()) };
    let policy = scope
        .detail(
            "ResourcePolicy",
            "secretsmanager:GetResourcePolicy",
            &[],
            client.get_resource_policy().secret_id(arn).send(),
        )
        .await
        .map(|answer| answer.resource_policy().map(document));
    let resource = scope
        .resource("aws.secretsmanager.secret", arn, found.name().unwrap_or(arn))
        .set_all(metadata(found))
        .detail("ResourcePolicy", policy)
        .tags(found.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
        .edge("key", found.kms_key_id().and_then(|key| super::kms::key_uid(scope, key)))
        .edge("function", found.rotation_lambda_arn());
    scope.emit(resource).await
}

fn metadata(found: &SecretListEntry) -> serde_json::Value {
    object! {
        "ARN" => found.arn(),
        "Name" => found.name(),
        "KmsKeyId" => found.kms_key_id(),
        "RotationEnabled" => found.rotation_enabled(),
        "RotationLambdaARN" => found.rotation_lambda_arn(),
        "RotationRules" => found.rotation_rules().map(|rules| object! {
            "AutomaticallyAfterDays" => rules.automatically_after_days(),
            "Duration" => rules.duration(),
            "ScheduleExpression" => rules.schedule_expression(),
        }),
        "LastRotatedDate" => found.last_rotated_date(),
        "LastChangedDate" => found.last_changed_date(),
        "LastAccessedDate" => found.last_accessed_date(),
        "NextRotationDate" => found.next_rotation_date(),
        "DeletedDate" => found.deleted_date(),
        "CreatedDate" => found.created_date(),
        "OwningService" => found.owning_service(),
        "PrimaryRegion" => found.primary_region(),
    }
}
