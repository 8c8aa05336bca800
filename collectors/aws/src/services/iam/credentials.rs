//! The root user, MFA devices and certificates.

use super::report::{ROOT, Report};
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::VirtualMfaDevice;
use serde_json::{Map, Value};

pub(super) async fn root(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let report = Report::fetch(scope, &client).await;
    let row = report.row(ROOT);
    let devices = scope
        .detail("VirtualMFADevices", "iam:ListVirtualMFADevices", &[], {
            client.list_virtual_mfa_devices().into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        })
        .await
        .map(|devices| devices.iter().filter(|d| is_roots(d)).map(device).collect::<Vec<_>>());
    let resource = scope
        .resource("aws.iam.root_user", scope.arn("iam", "root-user"), "root user")
        .detail("SummaryMap", summary(scope, &client).await)
        .detail("VirtualMFADevices", devices)
        .detail("CredentialReportState", report.state)
        .detail("CredentialReport", row)
        .edge("account", Some(scope.arn("iam", "root")));
    scope.emit(resource).await
}

/// The account's counts and quotas, by name.
pub(in crate::services) async fn summary(scope: &Scope, client: &Client) -> Detail<Value> {
    let answer = scope.detail("SummaryMap", "iam:GetAccountSummary", &[], client.get_account_summary().send()).await;
    answer.map(|answer| {
        let counts = answer.summary_map().into_iter().flatten();
        Value::Object(
            counts.map(|(name, count)| (name.as_str().to_owned(), Value::from(*count))).collect::<Map<_, _>>(),
        )
    })
}

/// Whether a virtual device is the root user's, by its holder or by the name that the console gives it.
fn is_roots(device: &VirtualMfaDevice) -> bool {
    let holder = device.user().map(|user| user.arn());
    holder.is_some_and(|arn| arn.ends_with(":root")) || device.serial_number().ends_with(":mfa/root-account-mfa-device")
}

fn device(found: &VirtualMfaDevice) -> Value {
    object! {
        "SerialNumber" => found.serial_number(),
        "EnableDate" => found.enable_date(),
        "User" => found.user().map(|user| object! { "UserName" => user.user_name(), "Arn" => user.arn() }),
    }
}

pub(super) async fn virtual_mfa_devices(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_virtual_mfa_devices().into_paginator().send();
    while let Some(page) = scope.call("iam:ListVirtualMFADevices", pages.try_next()).await? {
        for found in page.virtual_mfa_devices() {
            let serial = found.serial_number();
            let resource = scope
                .resource("aws.iam.virtual_mfa_device", serial, serial.rsplit('/').next().unwrap_or(serial))
                .set_all(device(found))
                .edge("user", found.user().map(|user| user.arn().to_owned()));
            scope.emit(resource).await?;
        }
        super::whole(scope, "iam:ListVirtualMFADevices", page.is_truncated(), page.marker())?;
    }
    Ok(())
}

pub(super) async fn server_certificates(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_server_certificates().into_paginator().send();
    while let Some(page) = scope.call("iam:ListServerCertificates", pages.try_next()).await? {
        for found in page.server_certificate_metadata_list() {
            let resource = scope
                .resource("aws.iam.server_certificate", found.arn(), found.server_certificate_name())
                .set("ServerCertificateName", found.server_certificate_name())
                .set("ServerCertificateId", found.server_certificate_id())
                .set("Path", found.path())
                .set("UploadDate", found.upload_date())
                .set("Expiration", found.expiration());
            scope.emit(resource).await?;
        }
        super::whole(scope, "iam:ListServerCertificates", page.is_truncated(), page.marker())?;
    }
    Ok(())
}
