//! A load balancer's listeners, and what the TLS policies that they name allow.

use super::Listeners;
use crate::attributes::object;
use crate::reader::{Build, Detail, Scope};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Action, Listener};
use serde_json::Value;
use std::collections::BTreeSet;

/// All listeners of one load balancer. Where one page fails, none of them counts as read.
pub(super) async fn of_load_balancer(scope: &Scope, client: &Client, arn: &str) -> Listeners {
    let mut pages = client.describe_listeners().load_balancer_arn(arn).into_paginator().send();
    let mut listeners = Vec::new();
    loop {
        match scope.detail("Listeners", "elasticloadbalancing:DescribeListeners", &[], pages.try_next()).await {
            Detail::Read(Some(page)) => listeners.extend(page.listeners.unwrap_or_default()),
            Detail::Read(None) | Detail::Absent => return Detail::Read(listeners),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

/// Every predefined policy with the protocol versions that it allows.
pub(super) async fn ssl_policies(scope: &Scope, client: &Client) -> Detail<Vec<Value>> {
    let mut policies = Vec::new();
    let mut marker = None;
    loop {
        let call = client.describe_ssl_policies().page_size(400).set_marker(marker).send();
        match scope.detail("SslPolicies", "elasticloadbalancing:DescribeSSLPolicies", &[], call).await {
            Detail::Read(answer) => {
                policies.extend(
                    answer
                        .ssl_policies()
                        .iter()
                        .map(|p| object! { "Name" => p.name(), "SslProtocols" => p.ssl_protocols() }),
                );
                marker = answer.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
                if marker.is_none() {
                    return Detail::Read(policies);
                }
            }
            Detail::Absent => return Detail::Read(policies),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

/// Of all policies, those that the listeners name.
pub(super) fn used(policies: &Detail<Vec<Value>>, listeners: &Listeners) -> Detail<Vec<Value>> {
    let listeners = match listeners {
        Detail::Read(listeners) => listeners.as_slice(),
        Detail::Absent => &[],
        Detail::Unread(unread) => return Detail::Unread(unread.clone()),
    };
    let named: BTreeSet<&str> = listeners.iter().filter_map(Listener::ssl_policy).collect();
    if named.is_empty() {
        return Detail::Read(Vec::new());
    }
    policies.clone().map(|all| {
        let is_named = |policy: &Value| policy["Name"].as_str().is_some_and(|name| named.contains(name));
        all.into_iter().filter(is_named).collect()
    })
}

pub(super) fn attributes(listener: &Listener) -> Value {
    object! {
        "ListenerArn" => listener.listener_arn(),
        "Port" => listener.port(),
        "Protocol" => listener.protocol().map(|v| v.as_str()),
        "SslPolicy" => listener.ssl_policy(),
        "Certificates" => listener.certificates().iter()
            .map(|c| object! { "CertificateArn" => c.certificate_arn() }).collect::<Vec<_>>(),
        "AlpnPolicy" => listener.alpn_policy(),
        "MutualAuthentication" => listener.mutual_authentication().map(|m| object! { "Mode" => m.mode() }),
        "DefaultActions" => listener.default_actions().iter().map(action).collect::<Vec<_>>(),
    }
}

/// An action without the client secret that an OIDC one may hold.
fn action(action: &Action) -> Value {
    object! {
        "Type" => action.r#type().map(|v| v.as_str()),
        "Order" => action.order(),
        "TargetGroupArn" => action.target_group_arn(),
        "ForwardConfig" => action.forward_config().map(|forward| object! {
            "TargetGroups" => forward.target_groups().iter()
                .map(|t| object! { "TargetGroupArn" => t.target_group_arn(), "Weight" => t.weight() }).collect::<Vec<_>>(),
        }),
        "RedirectConfig" => action.redirect_config().map(|redirect| object! {
            "Protocol" => redirect.protocol(),
            "Port" => redirect.port(),
            "Host" => redirect.host(),
            "StatusCode" => redirect.status_code().map(|v| v.as_str()),
        }),
        "FixedResponseConfig" => action.fixed_response_config().map(|fixed| object! { "StatusCode" => fixed.status_code() }),
    }
}

pub(super) fn with_edges(mut build: Build, listeners: &[Listener]) -> Build {
    for listener in listeners {
        for action in listener.default_actions() {
            build = build.edge("target_group", action.target_group_arn());
            for target in action.forward_config().iter().flat_map(|forward| forward.target_groups()) {
                build = build.edge("target_group", target.target_group_arn());
            }
        }
        for certificate in listener.certificates() {
            build = build.edge("certificate", certificate.certificate_arn());
        }
    }
    build
}
