//! A connection test: who we are, which accounts let us in, and which permissions are missing.
//!
//! What is missing is found by trying: every reader begins in the home region and is stopped at its first resource, so
//! that a test takes seconds in an account of any size.

use crate::accounts::{self, Account};
use crate::budget::AccountBudget;
use crate::client::{Clients, in_region};
use crate::reader::{ReadError, Reader, Scope};
use crate::run::key;
use crate::services;
use crate::settings::Settings;
use aws_config::SdkConfig;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::{CollectError, Event, ProbeLine};
use plumbline_core::kind::{Kinds, Per};
use plumbline_core::resource::Resource;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::sync::mpsc;

/// Member accounts that are tried; an organization may have thousands.
const ACCOUNTS: usize = 25;
const AT_ONCE: usize = 16;
/// How long one reader may take to its first resource.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) async fn probe(settings: &Settings, clients: &Clients) -> Result<Vec<ProbeLine>, CollectError> {
    let (account, arn) = accounts::identity(clients).await?;
    let mut lines = vec![line("Identity", true, arn)];
    match accounts::discover(clients, settings, &account).await {
        Err(error) => lines.push(broken("Accounts", &error)),
        Ok(found) => {
            if found.len() > 1 {
                lines.push(line("Accounts", true, format!("{} found", found.len())));
            }
            let members: Vec<&Account> = found.iter().filter(|account| !account.is_own).take(ACCOUNTS).collect();
            lines.extend(try_members(clients, members).await);
        }
    }
    let config = clients.account(&account, true).await;
    match accounts::regions(&config, settings).await {
        Err(error) => lines.push(broken("Regions", &error)),
        Ok((enabled, _)) => lines.push(line("Regions", true, enabled.join(", "))),
    }
    lines.extend(try_services(settings, &account, &config).await);
    Ok(lines)
}

fn line(what: &str, ok: bool, detail: impl Into<String>) -> ProbeLine {
    ProbeLine { what: what.to_owned(), ok, detail: detail.into() }
}

fn broken(what: &str, error: &ReadError) -> ProbeLine {
    line(what, false, accounts::refused(error.clone()).to_string())
}

/// Tries the role in member accounts. Only those that do not let us in are told one by one.
async fn try_members(clients: &Clients, members: Vec<&Account>) -> Vec<ProbeLine> {
    let tries: Vec<_> = members.into_iter().map(|account| try_member(clients, account)).collect();
    stream::iter(tries).buffered(8).filter_map(|line| async { line }).collect().await
}

async fn try_member(clients: &Clients, account: &Account) -> Option<ProbeLine> {
    let config = clients.account(&account.id, false).await;
    let who = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
    let error = who.err()?;
    Some(broken(&format!("Account {}", account.id), &crate::reader::describe("sts:AssumeRole", &error)))
}

/// Tries every reader in the home region; one line a service.
async fn try_services(settings: &Settings, account: &str, config: &SdkConfig) -> Vec<ProbeLine> {
    let per: BTreeMap<&str, Per> = Kinds::builtin().iter().map(|kind| (kind.reader.as_str(), kind.per)).collect();
    let budget = AccountBudget::new().region();
    let tries: Vec<_> = services::readers()
        .map(|reader| {
            let region = if per.get(reader.name) == Some(&Per::Account) { "global" } else { &settings.home_region };
            let (sink, events) = mpsc::channel(1);
            let scope = Scope {
                key: key(account, region, reader.name),
                partition: settings.partition(),
                home_region: settings.home_region.clone(),
                account_name: None,
                regions: Arc::new(BTreeSet::from([settings.home_region.clone()])),
                config: in_region(config, &settings.home_region),
                budget: budget.clone(),
                sink,
                calls: AtomicU32::new(0),
            };
            try_reader(scope, reader, events)
        })
        .collect();
    let tried: Vec<Tried> = stream::iter(tries).buffer_unordered(AT_ONCE).collect().await;
    let mut by_service: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in tried {
        by_service.entry(one.service).or_default().extend(one.problems);
    }
    by_service.into_iter().map(|(service, problems)| service_line(&service, &problems)).collect()
}

fn service_line(service: &str, problems: &BTreeSet<String>) -> ProbeLine {
    if problems.is_empty() {
        return line(service, true, "can be read");
    }
    line(service, false, problems.iter().cloned().collect::<Vec<_>>().join("; "))
}

struct Tried {
    service: String,
    problems: Vec<String>,
}

/// Runs a reader until its first resource has come out, or it has ended.
async fn try_reader(scope: Scope, reader: Reader, mut events: mpsc::Receiver<Event>) -> Tried {
    let service = scope.key.service().to_owned();
    let reading = async { (reader.read)(&scope).await };
    let first = async {
        let event = events.recv().await;
        events.close();
        event
    };
    let Ok((read, first)) = tokio::time::timeout(PATIENCE, async {
        tokio::pin!(reading);
        let mut seen = None;
        tokio::select! {
            read = &mut reading => return (read, seen),
            event = first => seen = event,
        }
        (reading.await, seen)
    })
    .await
    else {
        return Tried { service, problems: vec![format!("{} did not answer in time", reader.name)] };
    };
    let mut problems = match first {
        Some(Event::Resource(resource)) => unread(&resource),
        _ => Vec::new(),
    };
    match read {
        Ok(()) | Err(ReadError::Closed) => {}
        Err(ReadError::Denied { permission, .. }) => problems.push(format!("missing {permission}")),
        Err(ReadError::Failed(detail)) => problems.push(detail),
    }
    Tried { service, problems }
}

fn unread(resource: &Resource) -> Vec<String> {
    let refused = resource.unread.values().filter(|why| why.denied);
    refused.map(|why| format!("missing {}", why.permission)).collect()
}
