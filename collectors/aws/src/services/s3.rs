//! S3 and S3 Control: the account's settings, and every bucket with its configuration.

use crate::attributes::object;
use crate::reader::{ReadError, Reader, Scope, reader, side_by_side};

pub(super) const READERS: &[Reader] = &[reader!("s3.account", account), reader!("s3.buckets", buckets)];

/// Buckets whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 16;

async fn account(scope: &Scope) -> Result<(), ReadError> {
    let client = aws_sdk_s3control::Client::new(&scope.config);
    let call = client.get_public_access_block().account_id(scope.account()).send();
    let block = scope
        .detail(
            "PublicAccessBlockConfiguration",
            "s3:GetAccountPublicAccessBlock",
            &["NoSuchPublicAccessBlockConfiguration"],
            call,
        )
        .await
        .map(|answer| {
            answer.public_access_block_configuration().map(|block| {
                object! {
                    "BlockPublicAcls" => block.block_public_acls(),
                    "IgnorePublicAcls" => block.ignore_public_acls(),
                    "BlockPublicPolicy" => block.block_public_policy(),
                    "RestrictPublicBuckets" => block.restrict_public_buckets(),
                }
            })
        });
    let uid = scope.arn("s3", "account");
    scope.emit(scope.resource("aws.s3.account", uid, scope.account()).detail("PublicAccessBlockConfiguration", block)).await
}

async fn buckets(scope: &Scope) -> Result<(), ReadError> {
    let client = aws_sdk_s3::Client::new(&scope.config);
    let mut pages = client.list_buckets().into_paginator().send();
    while let Some(page) = scope.call("s3:ListAllMyBuckets", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.buckets().iter().map(|found| bucket(scope, found))).await?;
    }
    Ok(())
}

async fn bucket(scope: &Scope, found: &aws_sdk_s3::types::Bucket) -> Result<(), ReadError> {
    let Some(name) = found.name() else { return Ok(()) };
    let region = found.bucket_region().unwrap_or(&scope.home_region);
    let client = aws_sdk_s3::Client::new(&scope.config_in(region));
    let block = scope
        .detail(
            "PublicAccessBlockConfiguration",
            "s3:GetBucketPublicAccessBlock",
            &["NoSuchPublicAccessBlockConfiguration"],
            client.get_public_access_block().bucket(name).send(),
        )
        .await
        .map(|answer| {
            answer.public_access_block_configuration().map(|block| {
                object! {
                    "BlockPublicAcls" => block.block_public_acls(),
                    "IgnorePublicAcls" => block.ignore_public_acls(),
                    "BlockPublicPolicy" => block.block_public_policy(),
                    "RestrictPublicBuckets" => block.restrict_public_buckets(),
                }
            })
        });
    let resource = scope
        .resource("aws.s3.bucket", format!("arn:{}:s3:::{name}", scope.partition), name)
        .region(region)
        .set("Name", name)
        .set("CreationDate", found.creation_date())
        .set("BucketRegion", region)
        .detail("PublicAccessBlockConfiguration", block);
    scope.emit(resource).await
}
