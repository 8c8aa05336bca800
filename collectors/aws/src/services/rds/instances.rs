//! Database instances, with the parameters that decide security.

use super::parameters::Groups;
use super::{group_uids, groups, secret};
use crate::attributes::object;
use crate::reader::{Build, Detail, ReadError, Scope, side_by_side};
use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbInstance, DbSubnetGroup};
use serde_json::{Value, json};

const AT_ONCE: usize = 6;

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let parameters = Groups::of_instances(scope, &client);
    let mut pages = client.describe_db_instances().max_records(100).into_paginator().send();
    while let Some(page) = scope.call("rds:DescribeDBInstances", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.db_instances().iter().map(|found| instance(scope, &parameters, found))).await?;
    }
    Ok(())
}

async fn instance(scope: &Scope, parameters: &Groups<'_>, found: &DbInstance) -> Result<(), ReadError> {
    let Some(id) = found.db_instance_identifier() else { return Ok(()) };
    let arn = found.db_instance_arn().map_or_else(|| scope.arn("rds", &format!("db:{id}")), ToOwned::to_owned);
    let settings = match found.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()) {
        Some(group) => parameters.get(group).await,
        None => Detail::Read(json!([])),
    };
    let resource = scope
        .resource("aws.rds.instance", arn, id)
        .set_all(identity(found))
        .set_all(protection(found))
        .set_all(network(found))
        .detail("Parameters", settings)
        .tags(found.tag_list().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
    scope.emit(edges(scope, found, resource)).await
}

fn identity(found: &DbInstance) -> Value {
    object! {
        "DBInstanceIdentifier" => found.db_instance_identifier(),
        "DBInstanceArn" => found.db_instance_arn(),
        "DbiResourceId" => found.dbi_resource_id(),
        "DBInstanceClass" => found.db_instance_class(),
        "DBInstanceStatus" => found.db_instance_status(),
        "Engine" => found.engine(),
        "EngineVersion" => found.engine_version(),
        "EngineLifecycleSupport" => found.engine_lifecycle_support(),
        "LicenseModel" => found.license_model(),
        "InstanceCreateTime" => found.instance_create_time(),
        "MasterUsername" => found.master_username(),
        "MasterUserSecret" => found.master_user_secret().map(secret),
        "AllocatedStorage" => found.allocated_storage(),
        "StorageType" => found.storage_type(),
        "DBClusterIdentifier" => found.db_cluster_identifier(),
        "ReadReplicaSourceDBInstanceIdentifier" => found.read_replica_source_db_instance_identifier(),
        "ReadReplicaSourceDBClusterIdentifier" => found.read_replica_source_db_cluster_identifier(),
        "ReadReplicaDBInstanceIdentifiers" => found.read_replica_db_instance_identifiers(),
        "DBParameterGroups" => found.db_parameter_groups().iter().map(|group| object! {
            "DBParameterGroupName" => group.db_parameter_group_name(),
            "ParameterApplyStatus" => group.parameter_apply_status(),
        }).collect::<Vec<_>>(),
        "OptionGroupMemberships" => found.option_group_memberships().iter().map(|group| object! {
            "OptionGroupName" => group.option_group_name(),
            "Status" => group.status(),
        }).collect::<Vec<_>>(),
    }
}

fn protection(found: &DbInstance) -> Value {
    object! {
        "StorageEncrypted" => found.storage_encrypted(),
        "KmsKeyId" => found.kms_key_id(),
        "BackupRetentionPeriod" => found.backup_retention_period(),
        "CopyTagsToSnapshot" => found.copy_tags_to_snapshot(),
        "MultiAZ" => found.multi_az(),
        "AutoMinorVersionUpgrade" => found.auto_minor_version_upgrade(),
        "CACertificateIdentifier" => found.ca_certificate_identifier(),
        "CertificateDetails" => found.certificate_details().map(|certificate| object! {
            "CAIdentifier" => certificate.ca_identifier(),
            "ValidTill" => certificate.valid_till(),
        }),
        "MonitoringInterval" => found.monitoring_interval(),
        "MonitoringRoleArn" => found.monitoring_role_arn(),
        "IAMDatabaseAuthenticationEnabled" => found.iam_database_authentication_enabled(),
        "PerformanceInsightsEnabled" => found.performance_insights_enabled(),
        "PerformanceInsightsKMSKeyId" => found.performance_insights_kms_key_id(),
        "EnabledCloudwatchLogsExports" => found.enabled_cloudwatch_logs_exports(),
        "DeletionProtection" => found.deletion_protection(),
        "DomainMemberships" => found.domain_memberships().iter().map(|membership| object! {
            "Domain" => membership.domain(),
            "Status" => membership.status(),
        }).collect::<Vec<_>>(),
        "ActivityStreamStatus" => found.activity_stream_status().map(|word| word.as_str()),
    }
}

fn network(found: &DbInstance) -> Value {
    object! {
        "Endpoint" => found.endpoint().map(|endpoint| object! {
            "Address" => endpoint.address(),
            "Port" => endpoint.port(),
        }),
        "VpcSecurityGroups" => groups(found.vpc_security_groups()),
        "DBSubnetGroup" => found.db_subnet_group().map(subnet_group),
        "AvailabilityZone" => found.availability_zone(),
        "PubliclyAccessible" => found.publicly_accessible(),
        "NetworkType" => found.network_type(),
    }
}

fn subnet_group(group: &DbSubnetGroup) -> Value {
    object! {
        "DBSubnetGroupName" => group.db_subnet_group_name(),
        "VpcId" => group.vpc_id(),
        "Subnets" => group.subnets().iter()
            .map(|subnet| object! { "SubnetIdentifier" => subnet.subnet_identifier() })
            .collect::<Vec<_>>(),
    }
}

fn edges(scope: &Scope, found: &DbInstance, mut resource: Build) -> Build {
    for group in group_uids(scope, found.vpc_security_groups()) {
        resource = resource.edge("security_group", Some(group));
    }
    if let Some(group) = found.db_subnet_group() {
        resource = resource.edge("vpc", group.vpc_id().map(|vpc| scope.arn("ec2", &format!("vpc/{vpc}"))));
        for subnet in group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier()) {
            resource = resource.edge("subnet", Some(scope.arn("ec2", &format!("subnet/{subnet}"))));
        }
    }
    // A source in another region is named by its ARN.
    let source = found.read_replica_source_db_instance_identifier();
    let source =
        source.map(|id| if id.starts_with("arn:") { id.to_owned() } else { scope.arn("rds", &format!("db:{id}")) });
    resource
        .edge("cluster", found.db_cluster_identifier().map(|id| scope.arn("rds", &format!("cluster:{id}"))))
        .edge("replica_of", source)
        .edge("key", found.kms_key_id().and_then(|key| crate::services::kms::key_uid(scope, key)))
        .edge("role", found.monitoring_role_arn())
        .edge("secret", found.master_user_secret().and_then(|secret| secret.secret_arn()))
}
