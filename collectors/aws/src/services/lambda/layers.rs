//! The layers that the account publishes: the latest version of each, and who may use it.

use crate::attributes::document;
use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::LayersListItem;

/// Layers whose policies are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 12;

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_layers().into_paginator().send();
    while let Some(page) = scope.call("lambda:ListLayers", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.layers().iter().map(|found| layer(scope, &client, found))).await?;
    }
    Ok(())
}

async fn layer(scope: &Scope, client: &Client, found: &LayersListItem) -> Result<(), ReadError> {
    let (Some(arn), Some(name)) = (found.layer_arn(), found.layer_name()) else { return Ok(()) };
    let Some(latest) = found.latest_matching_version() else { return Ok(()) };
    let call = client.get_layer_version_policy().layer_name(name).version_number(latest.version()).send();
    let policy = scope
        .detail("Policy", "lambda:GetLayerVersionPolicy", &["ResourceNotFoundException"], call)
        .await
        .map(|answer| answer.policy().map(document));
    let runtimes: Vec<String> = latest.compatible_runtimes().iter().map(|r| r.as_str().to_owned()).collect();
    let architectures: Vec<String> = latest.compatible_architectures().iter().map(|a| a.as_str().to_owned()).collect();
    let resource = scope
        .resource("aws.lambda.layer", latest.layer_version_arn().unwrap_or(arn), name)
        .set_all(object! {
            "LayerName" => name,
            "LayerArn" => arn,
            "LayerVersionArn" => latest.layer_version_arn(),
            "Version" => latest.version(),
            "CreatedDate" => latest.created_date(),
            "CompatibleRuntimes" => runtimes,
            "CompatibleArchitectures" => architectures,
        })
        .detail("Policy", policy);
    scope.emit(resource).await
}
