//! What an account has set for EC2 in one region.

use super::client;
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope};
use serde_json::Value;

pub(super) async fn region(scope: &Scope) -> Result<(), ReadError> {
    let encryption = encryption(scope);
    let key = default_key(scope);
    let snapshots = snapshot_block(scope);
    let images = image_block(scope);
    let console = serial_console(scope);
    let metadata = metadata_defaults(scope);
    let internet = internet_block(scope);
    let (encryption, key, snapshots, images, console, metadata, internet) =
        futures::join!(encryption, key, snapshots, images, console, metadata, internet);
    let resource = scope
        .resource("aws.region", scope.arn("ec2", "region"), scope.region())
        .detail("EbsEncryptionByDefault", encryption)
        .detail("EbsDefaultKmsKeyId", key)
        .detail("SnapshotBlockPublicAccessState", snapshots)
        .detail("ImageBlockPublicAccessState", images)
        .detail("SerialConsoleAccessEnabled", console)
        .detail("InstanceMetadataDefaults", metadata)
        .detail("VpcBlockPublicAccessOptions", internet);
    scope.emit(resource).await
}

async fn encryption(scope: &Scope) -> Detail<Option<bool>> {
    let call = client(scope).get_ebs_encryption_by_default().send();
    scope
        .detail("EbsEncryptionByDefault", "ec2:GetEbsEncryptionByDefault", &[], call)
        .await
        .map(|answer| answer.ebs_encryption_by_default())
}

async fn default_key(scope: &Scope) -> Detail<Option<String>> {
    let call = client(scope).get_ebs_default_kms_key_id().send();
    scope
        .detail("EbsDefaultKmsKeyId", "ec2:GetEbsDefaultKmsKeyId", &[], call)
        .await
        .map(|answer| answer.kms_key_id().map(str::to_owned))
}

async fn snapshot_block(scope: &Scope) -> Detail<Option<String>> {
    let call = client(scope).get_snapshot_block_public_access_state().send();
    scope
        .detail("SnapshotBlockPublicAccessState", "ec2:GetSnapshotBlockPublicAccessState", &[], call)
        .await
        .map(|answer| answer.state().map(|state| state.as_str().to_owned()))
}

async fn image_block(scope: &Scope) -> Detail<Option<String>> {
    let call = client(scope).get_image_block_public_access_state().send();
    scope
        .detail("ImageBlockPublicAccessState", "ec2:GetImageBlockPublicAccessState", &[], call)
        .await
        .map(|answer| answer.image_block_public_access_state().map(str::to_owned))
}

async fn serial_console(scope: &Scope) -> Detail<Option<bool>> {
    let call = client(scope).get_serial_console_access_status().send();
    scope
        .detail("SerialConsoleAccessEnabled", "ec2:GetSerialConsoleAccessStatus", &[], call)
        .await
        .map(|answer| answer.serial_console_access_enabled())
}

async fn metadata_defaults(scope: &Scope) -> Detail<Option<Value>> {
    let call = client(scope).get_instance_metadata_defaults().send();
    scope.detail("InstanceMetadataDefaults", "ec2:GetInstanceMetadataDefaults", &[], call).await.map(|answer| {
        answer.account_level().map(|level| {
            object! {
                "HttpTokens" => level.http_tokens().map(|v| v.as_str()),
                "HttpTokensEnforced" => level.http_tokens_enforced().map(|v| v.as_str()),
                "HttpPutResponseHopLimit" => level.http_put_response_hop_limit(),
                "HttpEndpoint" => level.http_endpoint().map(|v| v.as_str()),
                "InstanceMetadataTags" => level.instance_metadata_tags().map(|v| v.as_str()),
                "ManagedBy" => level.managed_by().map(|v| v.as_str()),
            }
        })
    })
}

async fn internet_block(scope: &Scope) -> Detail<Option<Value>> {
    let call = client(scope).describe_vpc_block_public_access_options().send();
    scope.detail("VpcBlockPublicAccessOptions", "ec2:DescribeVpcBlockPublicAccessOptions", &[], call).await.map(
        |answer| {
            answer.vpc_block_public_access_options().map(|options| {
                object! {
                    "State" => options.state().map(|v| v.as_str()),
                    "InternetGatewayBlockMode" => options.internet_gateway_block_mode().map(|v| v.as_str()),
                    "ExclusionsAllowed" => options.exclusions_allowed().map(|v| v.as_str()),
                    "ManagedBy" => options.managed_by().map(|v| v.as_str()),
                }
            })
        },
    )
}
