//! Security Hub: whether it is on in each region, and which standards it judges by.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader};
use aws_sdk_securityhub::Client;
use aws_sdk_securityhub::types::StandardsSubscription;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("securityhub.hub", hub)];

const UID: &str = "hub/default";

/// How Security Hub answers in a region where the account has not turned it on. The same code also stands for a missing
/// permission, which the text tells apart.
fn is_off(code: &str, message: &str) -> bool {
    match code {
        "InvalidAccessException" => message.contains("not subscribed") || message.contains("not enabled"),
        "ResourceNotFoundException" => true,
        _ => false,
    }
}

async fn hub(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer = scope.unless_off("securityhub:DescribeHub", is_off, client.describe_hub().send()).await?;
    let uid = scope.arn("securityhub", UID);
    let resource = scope.resource("aws.securityhub.hub", uid, scope.region()).set("Enabled", answer.is_some());
    let Some(hub) = answer else {
        let off = resource.set_all(object! {
            "HubArn" => None::<String>,
            "SubscribedAt" => None::<String>,
            "AutoEnableControls" => None::<bool>,
            "ControlFindingGenerator" => None::<String>,
            "StandardsSubscriptions" => Vec::<Value>::new(),
            "Administrator" => None::<String>,
            "ProductSubscriptions" => Vec::<Value>::new(),
        });
        return scope.emit(off).await;
    };
    let call = client.get_administrator_account().send();
    let administrator =
        scope.detail("Administrator", "securityhub:GetAdministratorAccount", &[], call).await.map(|answer| {
            answer.administrator().map(|admin| {
                object! { "AccountId" => admin.account_id(), "MemberStatus" => admin.member_status() }
            })
        });
    let resource = resource
        .set("HubArn", hub.hub_arn())
        .set("SubscribedAt", hub.subscribed_at())
        .set("AutoEnableControls", hub.auto_enable_controls())
        .set("ControlFindingGenerator", hub.control_finding_generator().map(|word| word.as_str()))
        .detail("StandardsSubscriptions", standards(scope, &client).await)
        .detail("Administrator", administrator)
        .detail("ProductSubscriptions", products(scope, &client).await);
    scope.emit(resource).await
}

async fn standards(scope: &Scope, client: &Client) -> Detail<Vec<Value>> {
    let mut listed = Vec::new();
    let mut pages = client.get_enabled_standards().into_paginator().send();
    loop {
        let call = pages.try_next();
        match scope.detail("StandardsSubscriptions", "securityhub:GetEnabledStandards", &[], call).await {
            Detail::Read(Some(page)) => listed.extend(page.standards_subscriptions().iter().map(subscription)),
            Detail::Read(None) | Detail::Absent => return Detail::Read(listed),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

fn subscription(found: &StandardsSubscription) -> Value {
    object! {
        "StandardsArn" => found.standards_arn(),
        "StandardsSubscriptionArn" => found.standards_subscription_arn(),
        "StandardsStatus" => found.standards_status().map(|word| word.as_str()),
    }
}

async fn products(scope: &Scope, client: &Client) -> Detail<Vec<String>> {
    let mut listed = Vec::new();
    let mut pages = client.list_enabled_products_for_import().into_paginator().send();
    loop {
        let call = pages.try_next();
        match scope.detail("ProductSubscriptions", "securityhub:ListEnabledProductsForImport", &[], call).await {
            Detail::Read(Some(page)) => listed.extend(page.product_subscriptions().iter().cloned()),
            Detail::Read(None) | Detail::Absent => return Detail::Read(listed),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_off;

    #[test]
    fn only_a_missing_subscription_means_that_the_hub_is_off() {
        assert!(is_off("InvalidAccessException", "Account 111122223333 is not subscribed to AWS Security Hub"));
        assert!(!is_off("InvalidAccessException", "The account does not have permission to perform this action"));
        assert!(!is_off("AccessDeniedException", "User is not authorized to perform: securityhub:DescribeHub"));
    }
}
