//! EC2: the region's settings, machines and what they run from, disks, and the network around them.
//!
//! A VPC shared from another account is listed in every account that takes part in it. It is reported where it is owned,
//! so that it is one resource and its owner gets the finding.

mod groups;
mod images;
mod instances;
mod interfaces;
mod links;
mod region;
mod storage;
mod templates;
mod vpcs;

use crate::attributes::object;
use crate::reader::{Build, Reader, Scope, reader};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Tag;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[
    reader!("ec2.addresses", interfaces::addresses),
    reader!("ec2.flow_logs", links::flow_logs),
    reader!("ec2.images", images::images),
    reader!("ec2.instances", instances::instances),
    reader!("ec2.internet_gateways", links::internet_gateways),
    reader!("ec2.key_pairs", templates::key_pairs),
    reader!("ec2.launch_templates", templates::launch_templates),
    reader!("ec2.nat_gateways", links::nat_gateways),
    reader!("ec2.network_acls", vpcs::network_acls),
    reader!("ec2.network_interfaces", interfaces::network_interfaces),
    reader!("ec2.prefix_lists", groups::prefix_lists),
    reader!("ec2.region", region::region),
    reader!("ec2.route_tables", vpcs::route_tables),
    reader!("ec2.security_groups", groups::security_groups),
    reader!("ec2.snapshots", storage::snapshots),
    reader!("ec2.subnets", vpcs::subnets),
    reader!("ec2.volumes", storage::volumes),
    reader!("ec2.vpc_endpoints", links::vpc_endpoints),
    reader!("ec2.vpc_peering_connections", links::vpc_peering_connections),
    reader!("ec2.vpcs", vpcs::vpcs),
];

/// Items of one listing whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 16;

/// The longest page that all of the paged listings allow.
const PAGE: i32 = 500;

fn client(scope: &Scope) -> Client {
    Client::new(&scope.config)
}

/// The ARN, which EC2 itself tells for few of its resources: `arn:aws:ec2:<region>:<account>:<noun>/<id>`. Those of images
/// and snapshots, which anyone may share with anyone, name no account.
fn uid(scope: &Scope, noun: &str, id: &str) -> String {
    match noun {
        "image" | "snapshot" => format!("arn:{}:ec2:{}::{noun}/{id}", scope.partition, scope.region()),
        _ => scope.arn("ec2", &format!("{noun}/{id}")),
    }
}

/// The same, of something that may not be there.
fn maybe_uid(scope: &Scope, noun: &str, id: Option<&str>) -> Option<String> {
    id.filter(|id| !id.is_empty()).map(|id| uid(scope, noun, id))
}

/// Begins a resource that is called by its `Name` tag, or else by its id. `noun` is the word in its ARN.
fn resource(scope: &Scope, noun: &str, id: &str, tags: &[Tag]) -> Build {
    let kind = match noun {
        "elastic-ip" => "aws.ec2.address".to_owned(),
        "natgateway" => "aws.ec2.nat_gateway".to_owned(),
        "vpc-flow-log" => "aws.ec2.flow_log".to_owned(),
        _ => format!("aws.ec2.{}", noun.replace('-', "_")),
    };
    let named = tags.iter().find(|tag| tag.key() == Some("Name")).and_then(Tag::value).filter(|name| !name.is_empty());
    scope
        .resource(&kind, uid(scope, noun, id), named.unwrap_or(id))
        .tags(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))))
}

/// Whether the thing belongs to the account being read; where EC2 names no owner, it does.
fn is_own(scope: &Scope, owner: Option<&str>) -> bool {
    owner.is_none_or(|owner| owner.is_empty() || owner == scope.account())
}

fn group_identifiers(groups: &[aws_sdk_ec2::types::GroupIdentifier]) -> Vec<Value> {
    groups.iter().map(|g| object! { "GroupId" => g.group_id(), "GroupName" => g.group_name() }).collect()
}
