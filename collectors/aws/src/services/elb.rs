//! Elastic Load Balancing (v2): load balancers with their listeners, and target groups.

mod listeners;

use crate::attributes::object;
use crate::reader::{Build, Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer};
use plumbline_core::stack::address_uid;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) const READERS: &[Reader] =
    &[reader!("elb.load_balancers", load_balancers), reader!("elb.target_groups", target_groups)];

/// Load balancers whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 16;
/// The most that one call for tags may ask for.
const TAGS_AT_ONCE: usize = 20;

type Tags = BTreeMap<String, String>;

async fn load_balancers(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let policies = listeners::ssl_policies(scope, &client).await;
    let mut pages = client.describe_load_balancers().page_size(100).into_paginator().send();
    while let Some(page) = scope.call("elasticloadbalancing:DescribeLoadBalancers", pages.try_next()).await? {
        for some in page.load_balancers().chunks(TAGS_AT_ONCE) {
            let tags = tags(scope, &client, some).await;
            let reads = some.iter().map(|found| load_balancer(scope, &client, found, &policies, &tags));
            side_by_side(AT_ONCE, reads).await?;
        }
    }
    Ok(())
}

async fn tags(scope: &Scope, client: &Client, some: &[LoadBalancer]) -> Detail<BTreeMap<String, Tags>> {
    let arns = some.iter().filter_map(|found| found.load_balancer_arn().map(str::to_owned)).collect();
    let call = client.describe_tags().set_resource_arns(Some(arns)).send();
    scope.detail("Tags", "elasticloadbalancing:DescribeTags", &[], call).await.map(|answer| {
        let described = answer.tag_descriptions().iter();
        described
            .map(|of| {
                let tags = of
                    .tags()
                    .iter()
                    .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())));
                (of.resource_arn().unwrap_or_default().to_owned(), tags.collect())
            })
            .collect()
    })
}

async fn load_balancer(
    scope: &Scope,
    client: &Client,
    found: &LoadBalancer,
    policies: &Detail<Vec<Value>>,
    tags: &Detail<BTreeMap<String, Tags>>,
) -> Result<(), ReadError> {
    let Some(arn) = found.load_balancer_arn() else { return Ok(()) };
    let (settings, listeners) =
        futures::join!(settings(scope, client, arn), listeners::of_load_balancer(scope, client, arn));
    let own_tags = tags.clone().map(|of| of.get(arn).cloned().unwrap_or_default());
    let mut build = scope.resource("aws.elb.load_balancer", arn, found.load_balancer_name().unwrap_or(arn));
    if let Detail::Read(tags) = &own_tags {
        build = build.tags(tags.clone());
    }
    let mut build = with_edges(scope, with_attributes(build, found), found);
    if let Detail::Read(listeners) = &listeners {
        build = listeners::with_edges(build, listeners);
    }
    let build = build
        .detail("Attributes", settings)
        .detail("SslPolicies", listeners::used(policies, &listeners))
        .detail("Listeners", listeners.map(|all| all.iter().map(listeners::attributes).collect::<Vec<_>>()))
        .detail("Tags", own_tags.map(|tags| Value::Object(tags.into_iter().map(|(k, v)| (k, v.into())).collect())));
    scope.emit(build).await
}

/// The load balancer's settings as one object. AWS gives them as pairs whose values are all text; so are these.
async fn settings(scope: &Scope, client: &Client, arn: &str) -> Detail<Value> {
    let call = client.describe_load_balancer_attributes().load_balancer_arn(arn).send();
    scope.detail("Attributes", "elasticloadbalancing:DescribeLoadBalancerAttributes", &[], call).await.map(|answer| {
        let pairs = answer.attributes().iter();
        Value::Object(
            pairs.filter_map(|a| Some((a.key()?.to_owned(), Value::from(a.value())))).collect::<Map<String, Value>>(),
        )
    })
}

fn with_attributes(build: Build, found: &LoadBalancer) -> Build {
    build
        .set("LoadBalancerArn", found.load_balancer_arn())
        .set("LoadBalancerName", found.load_balancer_name())
        .set("Type", found.r#type().map(|v| v.as_str()))
        .set("Scheme", found.scheme().map(|v| v.as_str()))
        .set("DNSName", found.dns_name())
        .set("VpcId", found.vpc_id())
        .set("State", found.state().map(|s| object! { "Code" => s.code().map(|v| v.as_str()), "Reason" => s.reason() }))
        .set(
            "AvailabilityZones",
            found
                .availability_zones()
                .iter()
                .map(|z| object! { "ZoneName" => z.zone_name(), "SubnetId" => z.subnet_id() })
                .collect::<Vec<_>>(),
        )
        .set("SecurityGroups", found.security_groups())
        .set("IpAddressType", found.ip_address_type().map(|v| v.as_str()))
        .set("CreatedTime", found.created_time())
        .set(
            "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
            found.enforce_security_group_inbound_rules_on_private_link_traffic(),
        )
}

fn with_edges(scope: &Scope, mut build: Build, found: &LoadBalancer) -> Build {
    for group in found.security_groups() {
        build = build.edge("security_group", Some(scope.arn("ec2", &format!("security-group/{group}"))));
    }
    for zone in found.availability_zones() {
        build = build.edge("subnet", zone.subnet_id().map(|id| scope.arn("ec2", &format!("subnet/{id}"))));
    }
    build
        .edge("vpc", found.vpc_id().map(|id| scope.arn("ec2", &format!("vpc/{id}"))))
        // As the cluster that asked for it names it.
        .edge("address", found.dns_name().map(address_uid))
}

async fn target_groups(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_target_groups().page_size(100).into_paginator().send();
    while let Some(page) = scope.call("elasticloadbalancing:DescribeTargetGroups", pages.try_next()).await? {
        for found in page.target_groups() {
            let Some(arn) = found.target_group_arn() else { continue };
            let mut build = scope
                .resource("aws.elb.target_group", arn, found.target_group_name().unwrap_or(arn))
                .set("TargetGroupArn", arn)
                .set("TargetGroupName", found.target_group_name())
                .set("Protocol", found.protocol().map(|v| v.as_str()))
                .set("ProtocolVersion", found.protocol_version())
                .set("Port", found.port())
                .set("VpcId", found.vpc_id())
                .set("TargetType", found.target_type().map(|v| v.as_str()))
                .set("IpAddressType", found.ip_address_type().map(|v| v.as_str()))
                .set("LoadBalancerArns", found.load_balancer_arns())
                .set("HealthCheckEnabled", found.health_check_enabled())
                .set("HealthCheckProtocol", found.health_check_protocol().map(|v| v.as_str()))
                .set("HealthCheckPort", found.health_check_port())
                .set("HealthCheckPath", found.health_check_path())
                .edge("vpc", found.vpc_id().map(|id| scope.arn("ec2", &format!("vpc/{id}"))));
            for balancer in found.load_balancer_arns() {
                build = build.edge("load_balancer", Some(balancer));
            }
            scope.emit(build).await?;
        }
    }
    Ok(())
}

type Listeners = Detail<Vec<Listener>>;
