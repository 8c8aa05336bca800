//! The few parameters that decide security, of each parameter group once.

use crate::attributes::object;
use crate::reader::{Detail, Scope};
use aws_sdk_rds::Client;
use aws_sdk_rds::types::Parameter;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell};

/// Parameters kept: those that force encrypted connections, by engine, and those that turn auditing on.
const KEPT: [&str; 12] = [
    "audit_logs",
    "general_log",
    "log_connections",
    "log_disconnections",
    "log_statement",
    "neptune_enable_audit_log",
    "neptune_enforce_ssl",
    "rds.force_ssl",
    "require_secure_transport",
    "server_audit_logging",
    "slow_query_log",
    "tls",
];

/// Parameter groups already read in this scope; many instances share one.
pub(super) struct Groups<'a> {
    scope: &'a Scope,
    client: &'a Client,
    clusters: bool,
    read: Mutex<BTreeMap<String, Arc<OnceCell<Detail<Value>>>>>,
}

impl<'a> Groups<'a> {
    pub(super) fn of_instances(scope: &'a Scope, client: &'a Client) -> Self {
        Self { scope, client, clusters: false, read: Mutex::default() }
    }

    pub(super) fn of_clusters(scope: &'a Scope, client: &'a Client) -> Self {
        Self { scope, client, clusters: true, read: Mutex::default() }
    }

    /// The kept parameters of one group, as the API's list of objects.
    pub(super) async fn get(&self, group: &str) -> Detail<Value> {
        let cell = self.read.lock().await.entry(group.to_owned()).or_default().clone();
        cell.get_or_init(|| async {
            let listed = if self.clusters { self.of_cluster(group).await } else { self.of_instance(group).await };
            listed.map(|parameters| parameters.iter().map(parameter).collect())
        })
        .await
        .clone()
    }

    async fn of_instance(&self, group: &str) -> Detail<Vec<Parameter>> {
        let mut found = Vec::new();
        let mut pages = self.client.describe_db_parameters().db_parameter_group_name(group).into_paginator().send();
        loop {
            match self.scope.detail("Parameters", "rds:DescribeDBParameters", &[], pages.try_next()).await {
                Detail::Read(Some(page)) => found.extend(page.parameters().iter().filter(|p| kept(p)).cloned()),
                Detail::Read(None) | Detail::Absent => return Detail::Read(found),
                Detail::Unread(unread) => return Detail::Unread(unread),
            }
        }
    }

    async fn of_cluster(&self, group: &str) -> Detail<Vec<Parameter>> {
        let mut found = Vec::new();
        let call = self.client.describe_db_cluster_parameters().db_cluster_parameter_group_name(group);
        let mut pages = call.into_paginator().send();
        loop {
            match self.scope.detail("Parameters", "rds:DescribeDBClusterParameters", &[], pages.try_next()).await {
                Detail::Read(Some(page)) => found.extend(page.parameters().iter().filter(|p| kept(p)).cloned()),
                Detail::Read(None) | Detail::Absent => return Detail::Read(found),
                Detail::Unread(unread) => return Detail::Unread(unread),
            }
        }
    }
}

fn kept(parameter: &Parameter) -> bool {
    parameter.parameter_name().is_some_and(|name| KEPT.contains(&name))
}

fn parameter(parameter: &Parameter) -> Value {
    object! {
        "ParameterName" => parameter.parameter_name(),
        "ParameterValue" => parameter.parameter_value(),
        "Source" => parameter.source(),
    }
}
