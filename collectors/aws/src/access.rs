//! The access that the collector needs, and whether it has it.

use crate::accounts;
use crate::client::Clients;
use crate::settings::Settings;
use plumbline_core::collect::{AccessRecipe, CollectError, ProbeLine};
use plumbline_core::kind::Kinds;
use serde_json::{Value, json};

/// The exact read-only policy, from the kind catalogue.
pub(crate) fn policy() -> Value {
    let mut actions: Vec<&str> = Kinds::builtin().permissions().into_iter().collect();
    actions.extend(["ec2:DescribeRegions", "organizations:ListAccounts"]);
    actions.sort_unstable();
    actions.dedup();
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "PlumblineRead", "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
}

pub(crate) fn recipes(settings: &Value) -> Vec<AccessRecipe> {
    let _ = settings;
    vec![AccessRecipe {
        title: "IAM policy".to_owned(),
        language: "json".to_owned(),
        text: serde_json::to_string_pretty(&policy()).unwrap_or_default(),
    }]
}

pub(crate) async fn probe(settings: &Settings, clients: &Clients) -> Result<Vec<ProbeLine>, CollectError> {
    let (account, arn) = accounts::identity(clients).await?;
    let _ = settings;
    Ok(vec![ProbeLine { what: "Identity".to_owned(), ok: true, detail: format!("{arn} in account {account}") }])
}
