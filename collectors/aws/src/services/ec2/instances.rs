//! Instances, and the roles that their instance profiles give them.

use super::{client, group_identifiers, is_own, maybe_uid, resource, uid};
use crate::attributes::object;
use crate::reader::{Build, Detail, ReadError, Scope};
use aws_sdk_ec2::types::{
    Instance, InstanceBlockDeviceMapping, InstanceMetadataOptionsResponse, InstanceNetworkInterface,
};
use plumbline_core::stack::machine_uid;
use serde_json::Value;
use std::collections::BTreeMap;

/// Instance profile ARN → the ARNs of its roles.
type Profiles = BTreeMap<String, Detail<Vec<String>>>;

pub(super) async fn instances(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_instances().max_results(super::PAGE).into_paginator().send();
    let mut profiles = Profiles::new();
    while let Some(page) = scope.call("ec2:DescribeInstances", pages.try_next()).await? {
        for reservation in page.reservations().iter().filter(|r| is_own(scope, r.owner_id())) {
            for found in reservation.instances() {
                let roles = roles(scope, &mut profiles, found).await;
                emit(scope, found, roles).await?;
            }
        }
    }
    Ok(())
}

/// The roles of the instance's profile. Many instances share few profiles, so each profile is asked for once.
async fn roles(scope: &Scope, profiles: &mut Profiles, found: &Instance) -> Detail<Vec<String>> {
    let Some(arn) = found.iam_instance_profile().and_then(|profile| profile.arn()) else { return Detail::Absent };
    if let Some(known) = profiles.get(arn) {
        return known.clone();
    }
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let call = aws_sdk_iam::Client::new(&scope.config).get_instance_profile().instance_profile_name(name).send();
    let roles = scope.detail("IamInstanceProfileRoles", "iam:GetInstanceProfile", &["NoSuchEntity"], call).await.map(
        |answer| {
            let profile = answer.instance_profile();
            profile.iter().flat_map(|profile| profile.roles()).map(|role| role.arn().to_owned()).collect()
        },
    );
    profiles.insert(arn.to_owned(), roles.clone());
    roles
}

async fn emit(scope: &Scope, found: &Instance, roles: Detail<Vec<String>>) -> Result<(), ReadError> {
    let Some(id) = found.instance_id() else { return Ok(()) };
    let mut build = with_edges(scope, with_attributes(resource(scope, "instance", id, found.tags()), found), found);
    if let Detail::Read(roles) = &roles {
        for role in roles {
            build = build.edge("role", Some(role));
        }
    }
    scope.emit(build.detail("IamInstanceProfileRoles", roles)).await
}

fn with_attributes(build: Build, found: &Instance) -> Build {
    build
        .set("InstanceId", found.instance_id())
        .set("InstanceType", found.instance_type().map(|v| v.as_str()))
        .set("ImageId", found.image_id())
        .set("State", found.state().map(|s| object! { "Name" => s.name().map(|v| v.as_str()), "Code" => s.code() }))
        .set("StateTransitionReason", found.state_transition_reason())
        .set("LaunchTime", found.launch_time())
        .set("PrivateIpAddress", found.private_ip_address())
        .set("PublicIpAddress", found.public_ip_address())
        .set("PublicDnsName", found.public_dns_name())
        .set("Ipv6Address", found.ipv6_address())
        .set("SubnetId", found.subnet_id())
        .set("VpcId", found.vpc_id())
        .set("KeyName", found.key_name())
        .set("IamInstanceProfile", found.iam_instance_profile().map(|p| object! { "Arn" => p.arn(), "Id" => p.id() }))
        .set("SecurityGroups", group_identifiers(found.security_groups()))
        .set("MetadataOptions", found.metadata_options().map(metadata))
        .set("BlockDeviceMappings", found.block_device_mappings().iter().map(device).collect::<Vec<_>>())
        .set("NetworkInterfaces", found.network_interfaces().iter().map(interface).collect::<Vec<_>>())
        .set("Monitoring", found.monitoring().map(|m| object! { "State" => m.state().map(|v| v.as_str()) }))
        .set("PlatformDetails", found.platform_details())
        .set("Architecture", found.architecture().map(|v| v.as_str()))
        .set("VirtualizationType", found.virtualization_type().map(|v| v.as_str()))
        .set(
            "Placement",
            found.placement().map(|p| {
                object! { "AvailabilityZone" => p.availability_zone(), "Tenancy" => p.tenancy().map(|v| v.as_str()) }
            }),
        )
        .set("EbsOptimized", found.ebs_optimized())
        .set("RootDeviceName", found.root_device_name())
        .set("RootDeviceType", found.root_device_type().map(|v| v.as_str()))
        .set("SourceDestCheck", found.source_dest_check())
        .set("InstanceLifecycle", found.instance_lifecycle().map(|v| v.as_str()))
        .set("EnclaveOptions", found.enclave_options().map(|e| object! { "Enabled" => e.enabled() }))
}

fn metadata(options: &InstanceMetadataOptionsResponse) -> Value {
    object! {
        "State" => options.state().map(|v| v.as_str()),
        "HttpTokens" => options.http_tokens().map(|v| v.as_str()),
        "HttpPutResponseHopLimit" => options.http_put_response_hop_limit(),
        "HttpEndpoint" => options.http_endpoint().map(|v| v.as_str()),
        "HttpProtocolIpv6" => options.http_protocol_ipv6().map(|v| v.as_str()),
        "InstanceMetadataTags" => options.instance_metadata_tags().map(|v| v.as_str()),
    }
}

fn device(mapping: &InstanceBlockDeviceMapping) -> Value {
    object! {
        "DeviceName" => mapping.device_name(),
        "Ebs" => mapping.ebs().map(|ebs| object! {
            "VolumeId" => ebs.volume_id(),
            "DeleteOnTermination" => ebs.delete_on_termination(),
            "Status" => ebs.status().map(|v| v.as_str()),
        }),
    }
}

fn interface(interface: &InstanceNetworkInterface) -> Value {
    object! {
        "NetworkInterfaceId" => interface.network_interface_id(),
        "InterfaceType" => interface.interface_type(),
        "Status" => interface.status().map(|v| v.as_str()),
        "SubnetId" => interface.subnet_id(),
        "VpcId" => interface.vpc_id(),
        "SourceDestCheck" => interface.source_dest_check(),
        "PrivateIpAddress" => interface.private_ip_address(),
        "Groups" => group_identifiers(interface.groups()),
        "Association" => interface.association().map(|a| object! {
            "PublicIp" => a.public_ip(), "IpOwnerId" => a.ip_owner_id(), "CarrierIp" => a.carrier_ip(),
        }),
        "Ipv6Addresses" => interface.ipv6_addresses().iter()
            .map(|a| object! { "Ipv6Address" => a.ipv6_address() }).collect::<Vec<_>>(),
    }
}

fn with_edges(scope: &Scope, mut build: Build, found: &Instance) -> Build {
    let own = found.security_groups().iter();
    let of_interfaces = found.network_interfaces().iter().flat_map(InstanceNetworkInterface::groups);
    for group in own.chain(of_interfaces) {
        build = build.edge("security_group", maybe_uid(scope, "security-group", group.group_id()));
    }
    for mapping in found.block_device_mappings() {
        build = build.edge("volume", maybe_uid(scope, "volume", mapping.ebs().and_then(|ebs| ebs.volume_id())));
    }
    build
        .edge("subnet", maybe_uid(scope, "subnet", found.subnet_id()))
        .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()))
        .edge("image", maybe_uid(scope, "image", found.image_id()))
        // As a node of a cluster names it, which knows neither account nor region.
        .edge("machine", found.instance_id().and_then(|id| machine_uid(&format!("aws:///{id}"))))
        .edge("instance_profile", found.iam_instance_profile().and_then(|profile| profile.arn()))
        // A key pair's id is not told with the instance; its uid goes by its name, which is unique in a region.
        .edge("key_pair", found.key_name().map(|name| uid(scope, "key-pair", name)))
}
