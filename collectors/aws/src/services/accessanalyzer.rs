//! IAM Access Analyzer: the analyzers of each region, and a summary of the region.

use crate::attributes::object;
use crate::reader::{ReadError, Reader, Scope, reader};
use aws_sdk_accessanalyzer::Client;
use aws_sdk_accessanalyzer::types::AnalyzerSummary;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("accessanalyzer.analyzers", analyzers)];

async fn analyzers(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_analyzers().into_paginator().send();
    let mut all: Vec<Value> = Vec::new();
    while let Some(page) = scope.call("access-analyzer:ListAnalyzers", pages.try_next()).await? {
        for found in page.analyzers() {
            analyzer(scope, found).await?;
            all.push(object! {
                "arn" => found.arn(), "name" => found.name(),
                "type" => found.r#type().as_str(), "status" => found.status().as_str(),
            });
        }
    }
    let name = format!("Access Analyzer in {}", scope.region());
    let uid = scope.arn("access-analyzer", "region");
    scope.emit(scope.resource("aws.accessanalyzer.region", uid, name).set("analyzers", all)).await
}

async fn analyzer(scope: &Scope, found: &AnalyzerSummary) -> Result<(), ReadError> {
    let resource = scope
        .resource("aws.accessanalyzer.analyzer", found.arn(), found.name())
        .set("name", found.name())
        .set("type", found.r#type().as_str())
        .set("status", found.status().as_str())
        .set("statusReason", found.status_reason().map(|reason| object! { "code" => reason.code().as_str() }))
        .set("createdAt", *found.created_at())
        .set("lastResourceAnalyzed", found.last_resource_analyzed())
        .set("lastResourceAnalyzedAt", found.last_resource_analyzed_at())
        .set("managedBy", found.managed_by())
        .tags(found.tags().into_iter().flatten());
    scope.emit(resource).await
}
