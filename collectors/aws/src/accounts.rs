//! Which accounts and regions there are to read.

use crate::client::{Clients, in_region};
use crate::reader::{ReadError, describe};
use crate::settings::{Access, Settings};
use aws_config::SdkConfig;
use plumbline_core::collect::CollectError;

/// An account to read.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// The one whose identity we hold without assuming a member role.
    pub(crate) is_own: bool,
}

/// Who we are, in the account that the settings name.
pub(crate) async fn identity(clients: &Clients) -> Result<(String, String), CollectError> {
    let who = aws_sdk_sts::Client::new(clients.base())
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| refused(describe("sts:GetCallerIdentity", &error)))?;
    let account = who.account().unwrap_or_default().to_owned();
    if account.is_empty() {
        return Err(CollectError::Unreachable("The endpoint answered, but not as AWS does: no account id.".to_owned()));
    }
    Ok((account, who.arn().unwrap_or_default().to_owned()))
}

pub(crate) fn refused(error: ReadError) -> CollectError {
    match error {
        ReadError::Denied { permission, detail } => {
            CollectError::Refused(format!("{permission} was refused: {detail}"))
        }
        ReadError::Failed(detail) => CollectError::Unreachable(detail),
        ReadError::Closed => CollectError::Cancelled,
    }
}

/// The accounts of the source: the one we are in, and for an organization every active member.
pub(crate) async fn discover(clients: &Clients, settings: &Settings, own: &str) -> Result<Vec<Account>, ReadError> {
    let mut accounts = vec![Account { id: own.to_owned(), name: None, is_own: true }];
    if !matches!(settings.access, Access::Organization { .. }) {
        return Ok(accounts);
    }
    let client = aws_sdk_organizations::Client::new(clients.base());
    let mut pages = client.list_accounts().into_paginator().send();
    while let Some(page) = pages.try_next().await.map_err(|e| describe("organizations:ListAccounts", &e))? {
        for account in page.accounts() {
            let Some(id) = account.id() else { continue };
            let active = account.status().is_none_or(|status| status.as_str() == "ACTIVE");
            if id == own {
                accounts[0].name = account.name().map(ToOwned::to_owned);
            } else if active {
                accounts.push(Account {
                    id: id.to_owned(),
                    name: account.name().map(ToOwned::to_owned),
                    is_own: false,
                });
            }
        }
    }
    Ok(accounts)
}

/// The regions enabled in an account, and those that are not.
pub(crate) async fn regions(config: &SdkConfig, settings: &Settings) -> Result<(Vec<String>, Vec<String>), ReadError> {
    let client = aws_sdk_ec2::Client::new(&in_region(config, &settings.home_region));
    let answer =
        client.describe_regions().all_regions(true).send().await.map_err(|e| describe("ec2:DescribeRegions", &e))?;
    let (mut enabled, mut disabled) = (Vec::new(), Vec::new());
    for region in answer.regions() {
        let Some(name) = region.region_name() else { continue };
        if !settings.regions.is_empty() && !settings.regions.iter().any(|wanted| wanted == name) {
            continue;
        }
        if region.opt_in_status() == Some("not-opted-in") {
            disabled.push(name.to_owned());
        } else {
            enabled.push(name.to_owned());
        }
    }
    if enabled.is_empty() {
        return Err(ReadError::Failed("no region is enabled, which no account can be in".to_owned()));
    }
    enabled.sort();
    disabled.sort();
    Ok((enabled, disabled))
}
