//! S3 and S3 Control: the account's settings, every bucket with its configuration, and access points.

mod access_points;
mod buckets;
mod configuration;

use crate::attributes::object;
use crate::reader::{ReadError, Reader, Scope, reader};
use aws_sdk_s3control::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[
    reader!("s3.account", account),
    reader!("s3.buckets", buckets::read),
    reader!("s3.access_points", access_points::read),
];

async fn account(scope: &Scope) -> Result<(), ReadError> {
    let client = control(scope);
    let call = client.get_public_access_block().account_id(scope.account()).send();
    let none = ["NoSuchPublicAccessBlockConfiguration"];
    let block = scope
        .detail("PublicAccessBlockConfiguration", "s3:GetAccountPublicAccessBlock", &none, call)
        .await
        .map(|answer| answer.public_access_block_configuration().map(block));
    let uid = scope.arn("s3", "account");
    scope
        .emit(scope.resource("aws.s3.account", uid, scope.account()).detail("PublicAccessBlockConfiguration", block))
        .await
}

fn block(block: &aws_sdk_s3control::types::PublicAccessBlockConfiguration) -> Value {
    object! {
        "BlockPublicAcls" => block.block_public_acls(),
        "IgnorePublicAcls" => block.ignore_public_acls(),
        "BlockPublicPolicy" => block.block_public_policy(),
        "RestrictPublicBuckets" => block.restrict_public_buckets(),
    }
}

/// S3 Control puts the account before the host's name, which cannot be done to an address: a stand-in at one is asked as
/// it is.
fn control(scope: &Scope) -> aws_sdk_s3control::Client {
    let config = aws_sdk_s3control::config::Builder::from(&scope.config);
    let endpoint = scope.config.endpoint_url().filter(|text| {
        url::Url::parse(text).is_ok_and(|url| matches!(url.host(), Some(url::Host::Ipv4(_) | url::Host::Ipv6(_))))
    });
    let config = match endpoint {
        Some(text) => config.endpoint_resolver(StandIn(text.to_owned())),
        None => config,
    };
    aws_sdk_s3control::Client::from_conf(config.build())
}

#[derive(Debug)]
struct StandIn(String);

impl ResolveEndpoint for StandIn {
    fn resolve_endpoint<'a>(&'a self, _params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}
