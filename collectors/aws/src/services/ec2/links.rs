//! What leads out of a VPC, and what records it: gateways, peering, endpoints, flow logs.

use super::{client, is_own, maybe_uid, resource};
use crate::attributes::{document, object};
use crate::reader::{ReadError, Scope};
use aws_sdk_ec2::types::{FlowLog, VpcEndpoint, VpcPeeringConnectionVpcInfo};
use serde_json::Value;

pub(super) async fn internet_gateways(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_internet_gateways().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeInternetGateways", pages.try_next()).await? {
        for found in page.internet_gateways().iter().filter(|gateway| is_own(scope, gateway.owner_id())) {
            let Some(id) = found.internet_gateway_id() else { continue };
            let mut build = resource(scope, "internet-gateway", id, found.tags())
                .set("InternetGatewayId", id)
                .set("OwnerId", found.owner_id())
                .set(
                    "Attachments",
                    found
                        .attachments()
                        .iter()
                        .map(|a| object! { "VpcId" => a.vpc_id(), "State" => a.state().map(|v| v.as_str()) })
                        .collect::<Vec<_>>(),
                );
            for attachment in found.attachments() {
                build = build.edge("vpc", maybe_uid(scope, "vpc", attachment.vpc_id()));
            }
            scope.emit(build).await?;
        }
    }
    Ok(())
}

pub(super) async fn nat_gateways(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_nat_gateways().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeNatGateways", pages.try_next()).await? {
        for found in page.nat_gateways() {
            let Some(id) = found.nat_gateway_id() else { continue };
            let build = resource(scope, "natgateway", id, found.tags())
                .set("NatGatewayId", id)
                .set("SubnetId", found.subnet_id())
                .set("VpcId", found.vpc_id())
                .set("State", found.state().map(|v| v.as_str()))
                .set("ConnectivityType", found.connectivity_type().map(|v| v.as_str()))
                .set("CreateTime", found.create_time())
                .set(
                    "NatGatewayAddresses",
                    found
                        .nat_gateway_addresses()
                        .iter()
                        .map(|a| {
                            object! {
                                "PublicIp" => a.public_ip(),
                                "PrivateIp" => a.private_ip(),
                                "AllocationId" => a.allocation_id(),
                                "NetworkInterfaceId" => a.network_interface_id(),
                            }
                        })
                        .collect::<Vec<_>>(),
                )
                .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()))
                .edge("subnet", maybe_uid(scope, "subnet", found.subnet_id()));
            scope.emit(build).await?;
        }
    }
    Ok(())
}

/// A connection is listed on both of its sides; each side is a resource of its own account and region.
pub(super) async fn vpc_peering_connections(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_vpc_peering_connections().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeVpcPeeringConnections", pages.try_next()).await? {
        for found in page.vpc_peering_connections() {
            let Some(id) = found.vpc_peering_connection_id() else { continue };
            let sides = [found.requester_vpc_info(), found.accepter_vpc_info()];
            let mut build = resource(scope, "vpc-peering-connection", id, found.tags())
                .set("VpcPeeringConnectionId", id)
                .set(
                    "Status",
                    found.status().map(|s| {
                        object! {
                            "Code" => s.code().map(|v| v.as_str()), "Message" => s.message(),
                        }
                    }),
                )
                .set("RequesterVpcInfo", sides[0].map(side))
                .set("AccepterVpcInfo", sides[1].map(side));
            for side in sides.into_iter().flatten() {
                let here = side.region().is_none_or(|region| region == scope.region());
                let vpc = side.vpc_id().filter(|_| here && is_own(scope, side.owner_id()));
                build = build.edge("vpc", maybe_uid(scope, "vpc", vpc));
            }
            scope.emit(build).await?;
        }
    }
    Ok(())
}

fn side(info: &VpcPeeringConnectionVpcInfo) -> Value {
    object! {
        "VpcId" => info.vpc_id(),
        "OwnerId" => info.owner_id(),
        "Region" => info.region(),
        "CidrBlock" => info.cidr_block(),
        "CidrBlockSet" => info.cidr_block_set().iter().map(|b| object! { "CidrBlock" => b.cidr_block() }).collect::<Vec<_>>(),
        "Ipv6CidrBlockSet" => info.ipv6_cidr_block_set().iter()
            .map(|b| object! { "Ipv6CidrBlock" => b.ipv6_cidr_block() }).collect::<Vec<_>>(),
        "PeeringOptions" => info.peering_options().map(|o| object! {
            "AllowDnsResolutionFromRemoteVpc" => o.allow_dns_resolution_from_remote_vpc(),
        }),
    }
}

pub(super) async fn vpc_endpoints(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_vpc_endpoints().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeVpcEndpoints", pages.try_next()).await? {
        for found in page.vpc_endpoints().iter().filter(|endpoint| is_own(scope, endpoint.owner_id())) {
            vpc_endpoint(scope, found).await?;
        }
    }
    Ok(())
}

async fn vpc_endpoint(scope: &Scope, found: &VpcEndpoint) -> Result<(), ReadError> {
    let Some(id) = found.vpc_endpoint_id() else { return Ok(()) };
    let mut build = resource(scope, "vpc-endpoint", id, found.tags())
        .set("VpcEndpointId", id)
        .set("VpcEndpointType", found.vpc_endpoint_type().map(|v| v.as_str()))
        .set("VpcId", found.vpc_id())
        .set("ServiceName", found.service_name())
        .set("State", found.state().map(|v| v.as_str()))
        .set("PolicyDocument", found.policy_document().map(document))
        .set("RouteTableIds", found.route_table_ids())
        .set("SubnetIds", found.subnet_ids())
        .set(
            "Groups",
            found
                .groups()
                .iter()
                .map(|g| object! { "GroupId" => g.group_id(), "GroupName" => g.group_name() })
                .collect::<Vec<_>>(),
        )
        .set("PrivateDnsEnabled", found.private_dns_enabled())
        .set("RequesterManaged", found.requester_managed())
        .set("OwnerId", found.owner_id())
        .set("CreationTimestamp", found.creation_timestamp())
        .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()));
    for subnet in found.subnet_ids() {
        build = build.edge("subnet", maybe_uid(scope, "subnet", Some(subnet)));
    }
    for table in found.route_table_ids() {
        build = build.edge("route_table", maybe_uid(scope, "route-table", Some(table)));
    }
    for group in found.groups() {
        build = build.edge("security_group", maybe_uid(scope, "security-group", group.group_id()));
    }
    scope.emit(build).await
}

pub(super) async fn flow_logs(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_flow_logs().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeFlowLogs", pages.try_next()).await? {
        for found in page.flow_logs() {
            flow_log(scope, found).await?;
        }
    }
    Ok(())
}

async fn flow_log(scope: &Scope, found: &FlowLog) -> Result<(), ReadError> {
    let Some(id) = found.flow_log_id() else { return Ok(()) };
    let destination = found.log_destination();
    let bucket = destination.filter(|arn| arn.contains(":s3:::")).and_then(|arn| arn.split('/').next());
    let group = destination
        .filter(|arn| arn.contains(":log-group:"))
        .map(|arn| arn.trim_end_matches(":*").to_owned())
        .or_else(|| found.log_group_name().map(|name| scope.arn("logs", &format!("log-group:{name}"))));
    let build = resource(scope, "vpc-flow-log", id, found.tags())
        .set("FlowLogId", id)
        .set("ResourceId", found.resource_id())
        .set("TrafficType", found.traffic_type().map(|v| v.as_str()))
        .set("FlowLogStatus", found.flow_log_status())
        .set("DeliverLogsStatus", found.deliver_logs_status())
        .set("DeliverLogsErrorMessage", found.deliver_logs_error_message())
        .set("DeliverLogsPermissionArn", found.deliver_logs_permission_arn())
        .set("LogDestinationType", found.log_destination_type().map(|v| v.as_str()))
        .set("LogDestination", destination)
        .set("LogGroupName", found.log_group_name())
        .set("LogFormat", found.log_format())
        .set("MaxAggregationInterval", found.max_aggregation_interval())
        .set("CreationTime", found.creation_time())
        .edge("resource", maybe_uid(scope, noun(found.resource_id()), found.resource_id()))
        .edge("role", found.deliver_logs_permission_arn())
        .edge("log_group", group)
        .edge("bucket", bucket);
    scope.emit(build).await
}

/// What a flow log watches, by its id: a VPC, a subnet, an interface, a transit gateway or an attachment of one.
fn noun(id: Option<&str>) -> &'static str {
    let id = id.unwrap_or_default();
    match id {
        _ if id.starts_with("subnet-") => "subnet",
        _ if id.starts_with("eni-") => "network-interface",
        _ if id.starts_with("tgw-attach-") => "transit-gateway-attachment",
        _ if id.starts_with("tgw-") => "transit-gateway",
        _ => "vpc",
    }
}
