//! Network interfaces, which say what a security group really guards, and Elastic IP addresses.

use super::{client, group_identifiers, is_own, maybe_uid, resource};
use crate::attributes::object;
use crate::reader::{Build, ReadError, Scope};
use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceAssociation};
use serde_json::Value;

pub(super) async fn network_interfaces(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_network_interfaces().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeNetworkInterfaces", pages.try_next()).await? {
        for found in page.network_interfaces().iter().filter(|i| is_own(scope, i.owner_id())) {
            let Some(id) = found.network_interface_id() else { continue };
            let build = with_attributes(resource(scope, "network-interface", id, found.tag_set()), found);
            scope.emit(with_edges(scope, build, found)).await?;
        }
    }
    Ok(())
}

fn with_attributes(build: Build, found: &NetworkInterface) -> Build {
    build
        .set("NetworkInterfaceId", found.network_interface_id())
        .set("InterfaceType", found.interface_type().map(|v| v.as_str()))
        .set("Status", found.status().map(|v| v.as_str()))
        .set("Description", found.description())
        .set("RequesterId", found.requester_id())
        .set("RequesterManaged", found.requester_managed())
        .set(
            "Attachment",
            found.attachment().map(|a| {
                object! {
                    "AttachmentId" => a.attachment_id(),
                    "InstanceId" => a.instance_id(),
                    "InstanceOwnerId" => a.instance_owner_id(),
                    "Status" => a.status().map(|v| v.as_str()),
                }
            }),
        )
        .set("Association", found.association().map(association))
        .set("Groups", group_identifiers(found.groups()))
        .set(
            "PrivateIpAddresses",
            found
                .private_ip_addresses()
                .iter()
                .map(|a| {
                    object! {
                        "PrivateIpAddress" => a.private_ip_address(),
                        "Primary" => a.primary(),
                        "Association" => a.association().map(association),
                    }
                })
                .collect::<Vec<_>>(),
        )
        .set(
            "Ipv6Addresses",
            found.ipv6_addresses().iter().map(|a| object! { "Ipv6Address" => a.ipv6_address() }).collect::<Vec<_>>(),
        )
        .set("SourceDestCheck", found.source_dest_check())
        .set("SubnetId", found.subnet_id())
        .set("VpcId", found.vpc_id())
        .set("AvailabilityZone", found.availability_zone())
}

fn association(association: &NetworkInterfaceAssociation) -> Value {
    object! {
        "PublicIp" => association.public_ip(),
        "PublicDnsName" => association.public_dns_name(),
        "IpOwnerId" => association.ip_owner_id(),
        "AllocationId" => association.allocation_id(),
    }
}

fn with_edges(scope: &Scope, mut build: Build, found: &NetworkInterface) -> Build {
    for group in found.groups() {
        build = build.edge("security_group", maybe_uid(scope, "security-group", group.group_id()));
    }
    build
        .edge("subnet", maybe_uid(scope, "subnet", found.subnet_id()))
        .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()))
        .edge("instance", maybe_uid(scope, "instance", found.attachment().and_then(|a| a.instance_id())))
}

pub(super) async fn addresses(scope: &Scope) -> Result<(), ReadError> {
    let answer = scope.call("ec2:DescribeAddresses", client(scope).describe_addresses().send()).await?;
    for found in answer.addresses() {
        // An address of EC2-Classic has no allocation.
        let Some(id) = found.allocation_id().or(found.public_ip()) else { continue };
        let build = resource(scope, "elastic-ip", id, found.tags())
            .set("PublicIp", found.public_ip())
            .set("AllocationId", found.allocation_id())
            .set("AssociationId", found.association_id())
            .set("Domain", found.domain().map(|v| v.as_str()))
            .set("InstanceId", found.instance_id())
            .set("NetworkInterfaceId", found.network_interface_id())
            .set("PrivateIpAddress", found.private_ip_address())
            .set("NetworkBorderGroup", found.network_border_group())
            .set("ServiceManaged", found.service_managed().map(|v| v.as_str()))
            .edge("instance", maybe_uid(scope, "instance", found.instance_id()))
            .edge("network_interface", maybe_uid(scope, "network-interface", found.network_interface_id()));
        scope.emit(build).await?;
    }
    Ok(())
}
