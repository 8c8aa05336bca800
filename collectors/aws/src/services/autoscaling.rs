//! Auto Scaling groups, and the launch configurations that older ones start from.

use crate::attributes::object;
use crate::reader::{Build, ReadError, Reader, Scope, reader};
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::types::{
    AutoScalingGroup, BlockDeviceMapping, LaunchConfiguration, LaunchTemplateSpecification, MixedInstancesPolicy,
};
use serde_json::Value;

pub(super) const READERS: &[Reader] =
    &[reader!("autoscaling.groups", groups), reader!("autoscaling.launch_configurations", launch_configurations)];

async fn groups(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_auto_scaling_groups().max_records(100).into_paginator().send();
    while let Some(page) = scope.call("autoscaling:DescribeAutoScalingGroups", pages.try_next()).await? {
        for found in page.auto_scaling_groups() {
            group(scope, found).await?;
        }
    }
    Ok(())
}

async fn group(scope: &Scope, found: &AutoScalingGroup) -> Result<(), ReadError> {
    let Some(name) = found.auto_scaling_group_name() else { return Ok(()) };
    let uid = found.auto_scaling_group_arn().map_or_else(
        || scope.arn("autoscaling", &format!("autoScalingGroup:*:autoScalingGroupName/{name}")),
        str::to_owned,
    );
    let build = scope
        .resource("aws.autoscaling.group", uid, name)
        .tags(found.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))));
    scope.emit(with_edges(scope, with_attributes(build, found), found)).await
}

fn with_attributes(build: Build, found: &AutoScalingGroup) -> Build {
    build
        .set("AutoScalingGroupName", found.auto_scaling_group_name())
        .set("LaunchConfigurationName", found.launch_configuration_name())
        .set("LaunchTemplate", found.launch_template().map(specification))
        .set("MixedInstancesPolicy", found.mixed_instances_policy().map(mixed))
        .set("MinSize", found.min_size())
        .set("MaxSize", found.max_size())
        .set("DesiredCapacity", found.desired_capacity())
        .set("AvailabilityZones", found.availability_zones())
        .set("VPCZoneIdentifier", found.vpc_zone_identifier())
        .set("LoadBalancerNames", found.load_balancer_names())
        .set("TargetGroupARNs", found.target_group_arns())
        .set(
            "TrafficSources",
            found
                .traffic_sources()
                .iter()
                .map(|s| object! { "Identifier" => s.identifier(), "Type" => s.r#type() })
                .collect::<Vec<_>>(),
        )
        .set("HealthCheckType", found.health_check_type())
        .set("HealthCheckGracePeriod", found.health_check_grace_period())
        .set(
            "Instances",
            found
                .instances()
                .iter()
                .map(|i| {
                    object! {
                        "InstanceId" => i.instance_id(),
                        "LifecycleState" => i.lifecycle_state().map(|v| v.as_str()),
                        "HealthStatus" => i.health_status(),
                        "AvailabilityZone" => i.availability_zone(),
                    }
                })
                .collect::<Vec<_>>(),
        )
        .set(
            "SuspendedProcesses",
            found
                .suspended_processes()
                .iter()
                .map(|p| object! { "ProcessName" => p.process_name() })
                .collect::<Vec<_>>(),
        )
        .set("CapacityRebalance", found.capacity_rebalance())
        .set("MaxInstanceLifetime", found.max_instance_lifetime())
        .set(
            "EnabledMetrics",
            found
                .enabled_metrics()
                .iter()
                .map(|m| object! { "Metric" => m.metric(), "Granularity" => m.granularity() })
                .collect::<Vec<_>>(),
        )
        .set("CreatedTime", found.created_time())
        .set("Status", found.status())
}

fn specification(template: &LaunchTemplateSpecification) -> Value {
    object! {
        "LaunchTemplateId" => template.launch_template_id(),
        "LaunchTemplateName" => template.launch_template_name(),
        "Version" => template.version(),
    }
}

fn mixed(policy: &MixedInstancesPolicy) -> Value {
    object! {
        "LaunchTemplate" => policy.launch_template().map(|template| object! {
            "LaunchTemplateSpecification" => template.launch_template_specification().map(specification),
            "Overrides" => template.overrides().iter().map(|o| object! {
                "InstanceType" => o.instance_type(),
                "LaunchTemplateSpecification" => o.launch_template_specification().map(specification),
            }).collect::<Vec<_>>(),
        }),
    }
}

/// Every template that the group may start an instance from.
fn templates(found: &AutoScalingGroup) -> impl Iterator<Item = &LaunchTemplateSpecification> {
    let mixed = found.mixed_instances_policy().and_then(MixedInstancesPolicy::launch_template);
    let overrides = mixed.into_iter().flat_map(|template| template.overrides());
    found
        .launch_template()
        .into_iter()
        .chain(mixed.and_then(|template| template.launch_template_specification()))
        .chain(overrides.filter_map(|o| o.launch_template_specification()))
}

fn with_edges(scope: &Scope, mut build: Build, found: &AutoScalingGroup) -> Build {
    for template in templates(found) {
        let id = template.launch_template_id();
        build = build.edge("launch_template", id.map(|id| scope.arn("ec2", &format!("launch-template/{id}"))));
    }
    let subnets = found.vpc_zone_identifier().unwrap_or_default().split(',').map(str::trim);
    for subnet in subnets.filter(|subnet| !subnet.is_empty()) {
        build = build.edge("subnet", Some(scope.arn("ec2", &format!("subnet/{subnet}"))));
    }
    for target_group in found.target_group_arns() {
        build = build.edge("target_group", Some(target_group));
    }
    for instance in found.instances() {
        let id = instance.instance_id();
        build = build.edge("instance", id.map(|id| scope.arn("ec2", &format!("instance/{id}"))));
    }
    build
        .edge(
            "launch_configuration",
            found.launch_configuration_name().map(|name| launch_configuration_uid(scope, name)),
        )
        .edge("role", found.service_linked_role_arn())
}

/// A group knows its launch configuration by name, which is unique in a region; the ARN that AWS gives holds a random id
/// besides, so the uid is made from the name.
fn launch_configuration_uid(scope: &Scope, name: &str) -> String {
    scope.arn("autoscaling", &format!("launchConfiguration:*:launchConfigurationName/{name}"))
}

async fn launch_configurations(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_launch_configurations().max_records(100).into_paginator().send();
    while let Some(page) = scope.call("autoscaling:DescribeLaunchConfigurations", pages.try_next()).await? {
        for found in page.launch_configurations() {
            launch_configuration(scope, found).await?;
        }
    }
    Ok(())
}

/// User data is left out: it may hold secrets.
async fn launch_configuration(scope: &Scope, found: &LaunchConfiguration) -> Result<(), ReadError> {
    let Some(name) = found.launch_configuration_name() else { return Ok(()) };
    let mut build = scope
        .resource("aws.autoscaling.launch_configuration", launch_configuration_uid(scope, name), name)
        .set("LaunchConfigurationName", name)
        .set("ImageId", found.image_id())
        .set("InstanceType", found.instance_type())
        .set("KeyName", found.key_name().filter(|key| !key.is_empty()))
        .set("SecurityGroups", found.security_groups())
        .set("IamInstanceProfile", found.iam_instance_profile())
        .set("AssociatePublicIpAddress", found.associate_public_ip_address())
        .set(
            "MetadataOptions",
            found.metadata_options().map(|options| {
                object! {
                    "HttpTokens" => options.http_tokens().map(|v| v.as_str()),
                    "HttpPutResponseHopLimit" => options.http_put_response_hop_limit(),
                    "HttpEndpoint" => options.http_endpoint().map(|v| v.as_str()),
                }
            }),
        )
        .set("BlockDeviceMappings", found.block_device_mappings().iter().map(device).collect::<Vec<_>>())
        .set("InstanceMonitoring", found.instance_monitoring().map(|m| object! { "Enabled" => m.enabled() }))
        .set("EbsOptimized", found.ebs_optimized())
        .set("CreatedTime", found.created_time());
    for group in found.security_groups().iter().filter(|group| group.starts_with("sg-")) {
        build = build.edge("security_group", Some(scope.arn("ec2", &format!("security-group/{group}"))));
    }
    let image = found.image_id().map(|id| format!("arn:{}:ec2:{}::image/{id}", scope.partition, scope.region()));
    let key = found.key_name().filter(|key| !key.is_empty());
    let key = key.map(|key| scope.arn("ec2", &format!("key-pair/{key}")));
    scope.emit(build.edge("image", image).edge("key_pair", key)).await
}

fn device(mapping: &BlockDeviceMapping) -> Value {
    object! {
        "DeviceName" => mapping.device_name(),
        "NoDevice" => mapping.no_device(),
        "Ebs" => mapping.ebs().map(|ebs| object! {
            "SnapshotId" => ebs.snapshot_id(),
            "VolumeSize" => ebs.volume_size(),
            "VolumeType" => ebs.volume_type(),
            "Encrypted" => ebs.encrypted(),
        }),
    }
}
