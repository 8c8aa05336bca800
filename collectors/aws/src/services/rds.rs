//! RDS and what shares its API (Aurora, DocumentDB, Neptune): instances, clusters and the snapshots that people made.

mod clusters;
mod instances;
mod parameters;
mod snapshots;

use crate::attributes::object;
use crate::reader::{Reader, Scope, reader};
use aws_sdk_rds::types::{MasterUserSecret, VpcSecurityGroupMembership};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[
    reader!("rds.instances", instances::read),
    reader!("rds.clusters", clusters::read),
    reader!("rds.snapshots", snapshots::of_instances),
    reader!("rds.cluster_snapshots", snapshots::of_clusters),
];

fn groups(groups: &[VpcSecurityGroupMembership]) -> Vec<Value> {
    groups
        .iter()
        .map(|group| object! { "VpcSecurityGroupId" => group.vpc_security_group_id(), "Status" => group.status() })
        .collect()
}

fn group_uids(scope: &Scope, groups: &[VpcSecurityGroupMembership]) -> Vec<String> {
    let ids = groups.iter().filter_map(VpcSecurityGroupMembership::vpc_security_group_id);
    ids.map(|id| scope.arn("ec2", &format!("security-group/{id}"))).collect()
}

fn secret(secret: &MasterUserSecret) -> Value {
    object! {
        "SecretArn" => secret.secret_arn(),
        "SecretStatus" => secret.secret_status(),
        "KmsKeyId" => secret.kms_key_id(),
    }
}
