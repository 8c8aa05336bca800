//! Security groups with the prefix lists that their rules name, and the account's own prefix lists.

use super::{client, is_own, maybe_uid, resource, uid};
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope};
use aws_sdk_ec2::types::{IpPermission, SecurityGroup};
use plumbline_core::resource::Unread;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ENTRIES: &str = "ec2:GetManagedPrefixListEntries";

/// Prefix list id → its entries.
type Lists = BTreeMap<String, Result<Vec<Value>, Unread>>;

pub(super) async fn security_groups(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_security_groups().max_results(super::PAGE).into_paginator().send();
    let mut lists = Lists::new();
    while let Some(page) = scope.call("ec2:DescribeSecurityGroups", pages.try_next()).await? {
        for found in page.security_groups().iter().filter(|g| is_own(scope, g.owner_id())) {
            security_group(scope, &mut lists, found).await?;
        }
    }
    Ok(())
}

async fn security_group(scope: &Scope, lists: &mut Lists, found: &SecurityGroup) -> Result<(), ReadError> {
    let Some(id) = found.group_id() else { return Ok(()) };
    let named = prefix_list_ids(found);
    let mut build = resource(scope, "security-group", id, found.tags())
        .set("GroupId", id)
        .set("GroupName", found.group_name())
        .set("Description", found.description())
        .set("VpcId", found.vpc_id())
        .set("OwnerId", found.owner_id())
        .set("IpPermissions", found.ip_permissions().iter().map(permission).collect::<Vec<_>>())
        .set("IpPermissionsEgress", found.ip_permissions_egress().iter().map(permission).collect::<Vec<_>>())
        .edge("vpc", maybe_uid(scope, "vpc", found.vpc_id()));
    for list in &named {
        build = build.edge("prefix_list", Some(uid(scope, "prefix-list", list)));
    }
    for rule in found.ip_permissions().iter().chain(found.ip_permissions_egress()) {
        for pair in rule.user_id_group_pairs().iter().filter(|pair| is_own(scope, pair.user_id())) {
            build = build.edge("references", maybe_uid(scope, "security-group", pair.group_id()));
        }
    }
    scope.emit(build.detail("PrefixLists", resolve(scope, lists, &named).await)).await
}

fn prefix_list_ids(found: &SecurityGroup) -> BTreeSet<String> {
    let rules = found.ip_permissions().iter().chain(found.ip_permissions_egress());
    rules.flat_map(|rule| rule.prefix_list_ids()).filter_map(|list| list.prefix_list_id().map(str::to_owned)).collect()
}

/// The entries of the lists that a group's rules name, whoever owns the lists. Each list is asked for once.
async fn resolve(scope: &Scope, lists: &mut Lists, named: &BTreeSet<String>) -> Detail<Vec<Value>> {
    let mut resolved = Vec::new();
    for id in named {
        if !lists.contains_key(id) {
            lists.insert(id.clone(), entries(scope, id).await);
        }
        match lists.get(id) {
            Some(Ok(entries)) => resolved.push(object! { "PrefixListId" => id, "Entries" => entries }),
            Some(Err(unread)) => return Detail::Unread(unread.clone()),
            None => {}
        }
    }
    Detail::Read(resolved)
}

async fn entries(scope: &Scope, id: &str) -> Result<Vec<Value>, Unread> {
    let mut pages = client(scope).get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().send();
    let mut entries = Vec::new();
    loop {
        match scope.detail("Entries", ENTRIES, &[], pages.try_next()).await {
            Detail::Read(Some(page)) => entries.extend(
                page.entries().iter().map(|e| object! { "Cidr" => e.cidr(), "Description" => e.description() }),
            ),
            Detail::Read(None) | Detail::Absent => return Ok(entries),
            Detail::Unread(unread) => return Err(unread),
        }
    }
}

/// A rule as EC2 writes it. Fields that do not apply to its protocol are null.
fn permission(rule: &IpPermission) -> Value {
    object! {
        "IpProtocol" => rule.ip_protocol(),
        "FromPort" => rule.from_port(),
        "ToPort" => rule.to_port(),
        "IpRanges" => rule.ip_ranges().iter()
            .map(|r| object! { "CidrIp" => r.cidr_ip(), "Description" => r.description() }).collect::<Vec<_>>(),
        "Ipv6Ranges" => rule.ipv6_ranges().iter()
            .map(|r| object! { "CidrIpv6" => r.cidr_ipv6(), "Description" => r.description() }).collect::<Vec<_>>(),
        "PrefixListIds" => rule.prefix_list_ids().iter()
            .map(|l| object! { "PrefixListId" => l.prefix_list_id(), "Description" => l.description() }).collect::<Vec<_>>(),
        "UserIdGroupPairs" => rule.user_id_group_pairs().iter().map(|pair| object! {
            "GroupId" => pair.group_id(),
            "UserId" => pair.user_id(),
            "VpcId" => pair.vpc_id(),
            "VpcPeeringConnectionId" => pair.vpc_peering_connection_id(),
            "PeeringStatus" => pair.peering_status(),
            "Description" => pair.description(),
        }).collect::<Vec<_>>(),
    }
}

pub(super) async fn prefix_lists(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_managed_prefix_lists().into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeManagedPrefixLists", pages.try_next()).await? {
        // Those of AWS itself are the same in every account.
        for found in page.prefix_lists().iter().filter(|list| list.owner_id() == Some(scope.account())) {
            let Some(id) = found.prefix_list_id() else { continue };
            let build = resource(scope, "prefix-list", id, found.tags())
                .set("PrefixListId", id)
                .set("PrefixListName", found.prefix_list_name())
                .set("AddressFamily", found.address_family())
                .set("State", found.state().map(|v| v.as_str()))
                .set("MaxEntries", found.max_entries())
                .set("Version", found.version())
                .set("OwnerId", found.owner_id());
            let entries = entries(scope, id).await.map_or_else(Detail::Unread, Detail::Read);
            scope.emit(build.detail("Entries", entries)).await?;
        }
    }
    Ok(())
}
