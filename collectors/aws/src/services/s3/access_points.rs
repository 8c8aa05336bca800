//! Access points: further doors to a bucket, each with a policy of its own.

use crate::attributes::{document, object};
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_s3control::Client;
use aws_sdk_s3control::types::AccessPoint;

const AT_ONCE: usize = 6;

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let client = super::control(scope);
    let mut pages = client.list_access_points().account_id(scope.account()).max_results(1000).into_paginator().send();
    while let Some(page) = scope.call("s3:ListAccessPoints", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.access_point_list().iter().map(|found| point(scope, &client, found))).await?;
    }
    Ok(())
}

async fn point(scope: &Scope, client: &Client, found: &AccessPoint) -> Result<(), ReadError> {
    let name = found.name();
    let arn =
        found.access_point_arn().map_or_else(|| scope.arn("s3", &format!("accesspoint/{name}")), ToOwned::to_owned);
    let (settings, policy) = tokio::join!(
        scope.detail(
            "PublicAccessBlockConfiguration",
            "s3:GetAccessPoint",
            &[],
            client.get_access_point().account_id(scope.account()).name(name).send(),
        ),
        scope.detail(
            "Policy",
            "s3:GetAccessPointPolicy",
            &["NoSuchAccessPointPolicy"],
            client.get_access_point_policy().account_id(scope.account()).name(name).send(),
        ),
    );
    let vpc = found.vpc_configuration().map(|vpc| vpc.vpc_id());
    let resource = scope
        .resource("aws.s3.access_point", &arn, name)
        .set("Name", name)
        .set("NetworkOrigin", found.network_origin().as_str())
        .set("VpcConfiguration", vpc.map(|id| object! { "VpcId" => id }))
        .set("Bucket", found.bucket())
        .set("BucketAccountId", found.bucket_account_id())
        .set("AccessPointArn", &arn)
        .set("Alias", found.alias())
        .detail(
            "PublicAccessBlockConfiguration",
            settings.map(|answer| answer.public_access_block_configuration().map(super::block)),
        )
        .detail("Policy", policy.map(|answer| answer.policy().map(document)))
        .edge("bucket", Some(format!("arn:{}:s3:::{}", scope.partition, found.bucket())))
        .edge("vpc", vpc.map(|id| scope.arn("ec2", &format!("vpc/{id}"))));
    scope.emit(resource).await
}
