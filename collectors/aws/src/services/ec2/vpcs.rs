//! VPCs and what divides them: subnets, route tables, network ACLs.

use super::{client, is_own, maybe_uid, resource};
use crate::attributes::object;
use crate::reader::{ReadError, Scope};
use aws_sdk_ec2::types::{NetworkAclEntry, Route, RouteTable, RouteTableAssociation, VpcIpv6CidrBlockAssociation};
use serde_json::Value;

pub(super) async fn vpcs(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_vpcs().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeVpcs", pages.try_next()).await? {
        for found in page.vpcs().iter().filter(|vpc| is_own(scope, vpc.owner_id())) {
            let Some(id) = found.vpc_id() else { continue };
            let build = resource(scope, "vpc", id, found.tags())
                .set("VpcId", id)
                .set("CidrBlock", found.cidr_block())
                .set(
                    "CidrBlockAssociationSet",
                    found
                        .cidr_block_association_set()
                        .iter()
                        .map(|a| {
                            object! {
                                "CidrBlock" => a.cidr_block(),
                                "CidrBlockState" => a.cidr_block_state().and_then(|s| s.state()).map(|v| v.as_str()),
                            }
                        })
                        .collect::<Vec<_>>(),
                )
                .set(
                    "Ipv6CidrBlockAssociationSet",
                    found.ipv6_cidr_block_association_set().iter().map(ipv6_block).collect::<Vec<_>>(),
                )
                .set("IsDefault", found.is_default())
                .set("State", found.state().map(|v| v.as_str()))
                .set("InstanceTenancy", found.instance_tenancy().map(|v| v.as_str()))
                .set("OwnerId", found.owner_id())
                .set("DhcpOptionsId", found.dhcp_options_id());
            scope.emit(build).await?;
        }
    }
    Ok(())
}

fn ipv6_block(association: &VpcIpv6CidrBlockAssociation) -> Value {
    object! {
        "Ipv6CidrBlock" => association.ipv6_cidr_block(),
        "Ipv6CidrBlockState" => association.ipv6_cidr_block_state().and_then(|s| s.state()).map(|v| v.as_str()),
    }
}

pub(super) async fn subnets(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_subnets().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeSubnets", pages.try_next()).await? {
        for found in page.subnets().iter().filter(|subnet| is_own(scope, subnet.owner_id())) {
            let Some(id) = found.subnet_id() else { continue };
            let build = resource(scope, "subnet", id, found.tags())
                .set("SubnetId", id)
                .set("VpcId", found.vpc_id())
                .set("CidrBlock", found.cidr_block())
                .set(
                    "Ipv6CidrBlockAssociationSet",
                    found
                        .ipv6_cidr_block_association_set()
                        .iter()
                        .map(|a| object! { "Ipv6CidrBlock" => a.ipv6_cidr_block() })
                        .collect::<Vec<_>>(),
                )
                .set("AvailabilityZone", found.availability_zone())
                .set("MapPublicIpOnLaunch", found.map_public_ip_on_launch())
                .set("AssignIpv6AddressOnCreation", found.assign_ipv6_address_on_creation())
                .set("DefaultForAz", found.default_for_az())
                .set("State", found.state().map(|v| v.as_str()))
                .set("OwnerId", found.owner_id())
                .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()));
            scope.emit(build).await?;
        }
    }
    Ok(())
}

pub(super) async fn network_acls(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_network_acls().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeNetworkAcls", pages.try_next()).await? {
        for found in page.network_acls().iter().filter(|acl| is_own(scope, acl.owner_id())) {
            let Some(id) = found.network_acl_id() else { continue };
            let mut build = resource(scope, "network-acl", id, found.tags())
                .set("NetworkAclId", id)
                .set("VpcId", found.vpc_id())
                .set("IsDefault", found.is_default())
                .set("OwnerId", found.owner_id())
                .set("Entries", found.entries().iter().map(acl_entry).collect::<Vec<_>>())
                .set("Associations", found.associations().iter().map(|a| object! {
                    "NetworkAclAssociationId" => a.network_acl_association_id(), "SubnetId" => a.subnet_id(),
                }).collect::<Vec<_>>())
                .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()));
            for association in found.associations() {
                build = build.edge("subnet", maybe_uid(scope, "subnet", association.subnet_id()));
            }
            scope.emit(build).await?;
        }
    }
    Ok(())
}

fn acl_entry(entry: &NetworkAclEntry) -> Value {
    object! {
        "RuleNumber" => entry.rule_number(),
        "Egress" => entry.egress(),
        "Protocol" => entry.protocol(),
        "RuleAction" => entry.rule_action().map(|v| v.as_str()),
        "CidrBlock" => entry.cidr_block(),
        "Ipv6CidrBlock" => entry.ipv6_cidr_block(),
        "PortRange" => entry.port_range().map(|range| object! { "From" => range.from(), "To" => range.to() }),
        "IcmpTypeCode" => entry.icmp_type_code().map(|icmp| object! { "Type" => icmp.r#type(), "Code" => icmp.code() }),
    }
}

pub(super) async fn route_tables(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_route_tables().max_results(100).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeRouteTables", pages.try_next()).await? {
        for found in page.route_tables().iter().filter(|table| is_own(scope, table.owner_id())) {
            route_table(scope, found).await?;
        }
    }
    Ok(())
}

async fn route_table(scope: &Scope, found: &RouteTable) -> Result<(), ReadError> {
    let Some(id) = found.route_table_id() else { return Ok(()) };
    let mut build = resource(scope, "route-table", id, found.tags())
        .set("RouteTableId", id)
        .set("VpcId", found.vpc_id())
        .set("OwnerId", found.owner_id())
        .set("Routes", found.routes().iter().map(route).collect::<Vec<_>>())
        .set("Associations", found.associations().iter().map(association).collect::<Vec<_>>())
        .set("PropagatingVgws", found.propagating_vgws().iter().map(|g| g.gateway_id()).collect::<Vec<_>>())
        .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()));
    for association in found.associations() {
        build = build.edge("subnet", maybe_uid(scope, "subnet", association.subnet_id()));
    }
    for route in found.routes() {
        let gateway = route.gateway_id().filter(|gateway| gateway.starts_with("igw-"));
        build = build
            .edge("internet_gateway", maybe_uid(scope, "internet-gateway", gateway))
            .edge("nat_gateway", maybe_uid(scope, "natgateway", route.nat_gateway_id()))
            .edge(
                "vpc_peering_connection",
                maybe_uid(scope, "vpc-peering-connection", route.vpc_peering_connection_id()),
            );
    }
    scope.emit(build).await
}

fn route(route: &Route) -> Value {
    object! {
        "DestinationCidrBlock" => route.destination_cidr_block(),
        "DestinationIpv6CidrBlock" => route.destination_ipv6_cidr_block(),
        "DestinationPrefixListId" => route.destination_prefix_list_id(),
        "GatewayId" => route.gateway_id(),
        "EgressOnlyInternetGatewayId" => route.egress_only_internet_gateway_id(),
        "NatGatewayId" => route.nat_gateway_id(),
        "TransitGatewayId" => route.transit_gateway_id(),
        "VpcPeeringConnectionId" => route.vpc_peering_connection_id(),
        "NetworkInterfaceId" => route.network_interface_id(),
        "InstanceId" => route.instance_id(),
        "Origin" => route.origin().map(|v| v.as_str()),
        "State" => route.state().map(|v| v.as_str()),
    }
}

fn association(association: &RouteTableAssociation) -> Value {
    object! {
        "Main" => association.main(),
        "SubnetId" => association.subnet_id(),
        "GatewayId" => association.gateway_id(),
        "State" => association.association_state().and_then(|s| s.state()).map(|v| v.as_str()),
    }
}
