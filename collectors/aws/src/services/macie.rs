//! Macie: whether it is on in each region, and what it looks through.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader};
use aws_sdk_macie2::Client;
use aws_sdk_macie2::types::JobSummary;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("macie.status", status)];

/// How Macie answers in a region where the account has not turned it on: as a refusal, told apart from a real one only by
/// its text.
fn is_off(code: &str, message: &str) -> bool {
    match code {
        "AccessDeniedException" => message.contains("Macie is not enabled"),
        "ResourceNotFoundException" => true,
        _ => false,
    }
}

async fn status(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer = scope.unless_off("macie2:GetMacieSession", is_off, client.get_macie_session().send()).await?;
    let status = answer.as_ref().and_then(|session| session.status()).map(|word| word.as_str().to_owned());
    let is_on = status.as_deref() == Some("ENABLED");
    let resource = scope
        .resource("aws.macie.status", scope.arn("macie2", "status"), scope.region())
        .set("Enabled", is_on)
        .set("status", status)
        .set_all(object! {
            "findingPublishingFrequency" =>
                answer.as_ref().and_then(|s| s.finding_publishing_frequency()).map(|word| word.as_str().to_owned()),
            "serviceRole" => answer.as_ref().and_then(|session| session.service_role()),
            "createdAt" => answer.as_ref().and_then(|session| session.created_at()).copied(),
            "updatedAt" => answer.as_ref().and_then(|session| session.updated_at()).copied(),
        })
        .edge("role", answer.as_ref().and_then(|session| session.service_role()));
    if !is_on {
        let off = resource
            .set("automatedDiscovery", Value::Null)
            .set("classificationJobs", Vec::<Value>::new())
            .set("classificationExportConfiguration", Value::Null);
        return scope.emit(off).await;
    }
    let call = client.get_automated_discovery_configuration().send();
    let discovery = scope
        .detail("automatedDiscovery", "macie2:GetAutomatedDiscoveryConfiguration", &[], call)
        .await
        .map(|answer| object! { "status" => answer.status().map(|word| word.as_str()) });
    let call = client.get_classification_export_configuration().send();
    let export = scope
        .detail("classificationExportConfiguration", "macie2:GetClassificationExportConfiguration", &[], call)
        .await
        .map(|answer| {
            answer.configuration().and_then(|config| config.s3_destination()).map(|to| {
                object! { "s3Destination" => object! { "bucketName" => to.bucket_name(), "kmsKeyArn" => to.kms_key_arn() } }
            })
        });
    let bucket = match &export {
        Detail::Read(Some(export)) => export.pointer("/s3Destination/bucketName").and_then(Value::as_str),
        _ => None,
    };
    let bucket = bucket.map(|name| format!("arn:{}:s3:::{name}", scope.partition));
    let resource = resource
        .edge("export_bucket", bucket)
        .detail("automatedDiscovery", discovery)
        .detail("classificationExportConfiguration", export)
        .detail("classificationJobs", jobs(scope, &client).await);
    scope.emit(resource).await
}

async fn jobs(scope: &Scope, client: &Client) -> Detail<Vec<Value>> {
    let mut listed = Vec::new();
    let mut pages = client.list_classification_jobs().into_paginator().send();
    loop {
        let call = pages.try_next();
        match scope.detail("classificationJobs", "macie2:ListClassificationJobs", &[], call).await {
            Detail::Read(Some(page)) => listed.extend(page.items().iter().map(job)),
            Detail::Read(None) | Detail::Absent => return Detail::Read(listed),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

fn job(found: &JobSummary) -> Value {
    object! {
        "name" => found.name(),
        "jobType" => found.job_type().map(|word| word.as_str()),
        "jobStatus" => found.job_status().map(|word| word.as_str()),
        "createdAt" => found.created_at().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_off;

    #[test]
    fn a_real_refusal_does_not_mean_that_macie_is_off() {
        assert!(is_off("AccessDeniedException", "Macie is not enabled"));
        assert!(!is_off("AccessDeniedException", "User is not authorized to perform: macie2:GetMacieSession"));
    }
}
