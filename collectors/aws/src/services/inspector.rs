//! Inspector: what it scans in each region.

use crate::attributes::object;
use crate::reader::{ReadError, Reader, Scope, reader};
use aws_sdk_inspector2::Client;
use aws_sdk_inspector2::types::{AccountState, FailedAccount, ResourceState, State};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("inspector.status", status)];

async fn status(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let call = client.batch_get_account_status().account_ids(scope.account()).send();
    let answer = scope.call("inspector2:BatchGetAccountStatus", call).await?;
    if let Some(failed) = answer.failed_accounts().iter().find(|failed| failed.account_id() == scope.account()) {
        return Err(refused(failed));
    }
    let Some(found) = answer.accounts().iter().find(|found| found.account_id() == scope.account()) else {
        return Err(ReadError::Failed(
            "inspector2:BatchGetAccountStatus: the answer leaves this account out".to_owned(),
        ));
    };
    emit(scope, &client, found).await
}

fn refused(failed: &FailedAccount) -> ReadError {
    let detail = format!("{}: {}", failed.error_code().as_str(), failed.error_message());
    if failed.error_code().as_str() == "ACCESS_DENIED" {
        return ReadError::Denied { permission: "inspector2:BatchGetAccountStatus".to_owned(), detail };
    }
    ReadError::Failed(detail)
}

async fn emit(scope: &Scope, client: &Client, found: &AccountState) -> Result<(), ReadError> {
    let is_on = found.state().is_some_and(|state| state.status().as_str() == "ENABLED");
    let resource = scope
        .resource("aws.inspector.status", scope.arn("inspector2", "status"), scope.region())
        .set("accountId", found.account_id())
        .set("state", found.state().map(state))
        .set("resourceState", found.resource_state().map(resource_state));
    if !is_on {
        return scope.emit(resource.set("ecrConfiguration", Value::Null).set("ec2DeepInspection", Value::Null)).await;
    }
    let ecr = scope
        .detail("ecrConfiguration", "inspector2:GetConfiguration", &[], client.get_configuration().send())
        .await
        .map(|answer| {
            answer.ecr_configuration().and_then(|ecr| ecr.rescan_duration_state()).map(|rescan| {
                object! {
                    "rescanDuration" => rescan.rescan_duration().map(|word| word.as_str()),
                    "status" => rescan.status().map(|word| word.as_str()),
                }
            })
        });
    let call = client.get_ec2_deep_inspection_configuration().send();
    let deep = scope
        .detail("ec2DeepInspection", "inspector2:GetEc2DeepInspectionConfiguration", &[], call)
        .await
        .map(|answer| answer.status().map(|word| object! { "status" => word.as_str() }));
    scope.emit(resource.detail("ecrConfiguration", ecr).detail("ec2DeepInspection", deep)).await
}

fn state(state: &State) -> Value {
    object! { "status" => state.status().as_str(), "errorCode" => state.error_code().as_str() }
}

fn resource_state(found: &ResourceState) -> Value {
    object! {
        "ec2" => found.ec2().map(state),
        "ecr" => found.ecr().map(state),
        "lambda" => found.lambda().map(state),
        "lambdaCode" => found.lambda_code().map(state),
        "codeRepository" => found.code_repository().map(state),
    }
}
