//! One run over a source: accounts, regions, scopes.

use crate::accounts::{self, Account};
use crate::budget::AccountBudget;
use crate::client::{Clients, in_region};
use crate::reader::{ReadError, Reader, Scope, side_by_side};
use crate::services;
use crate::settings::{Access, Operator, Patience, Secret, Settings};
use async_trait::async_trait;
use aws_config::SdkConfig;
use plumbline_core::collect::{AccessRecipe, CollectError, Collector, Connection, Errand, Event, ProbeLine, Sink};
use plumbline_core::kind::{Kinds, Per};
use plumbline_core::scope::{Outcome, ScopeKey};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Accounts read at once.
const ACCOUNTS: usize = 4;
/// Scopes of one account read at once; its budget of calls is what really limits them.
const SCOPES: usize = 64;
/// How long one scope may take, whatever it is doing.
const SCOPE_TIME: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// The collector of AWS accounts and organizations.
#[derive(Debug, Clone, Default)]
pub struct AwsCollector {
    operator: Operator,
    patience: Patience,
}

impl AwsCollector {
    #[must_use]
    pub fn new(operator: Operator) -> Self {
        Self { operator, patience: Patience::default() }
    }

    /// The same with another patience than the usual one.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    async fn open(&self, connection: &Connection) -> Result<(Settings, Clients), CollectError> {
        let settings = Settings::of(connection, &self.operator)?;
        let secret = Secret::of(connection)?;
        let clients = Clients::open(&settings, &secret, &self.operator, &self.patience).await?;
        Ok((settings, clients))
    }
}

#[async_trait]
impl Collector for AwsCollector {
    fn provider(&self) -> &'static str {
        "aws"
    }

    fn entry_permission(&self) -> &'static str {
        "sts:AssumeRole"
    }

    fn check(&self, connection: &Connection) -> Result<(), CollectError> {
        Settings::of(connection, &self.operator)?;
        Secret::of(connection).map(|_| ())
    }

    fn access(&self, settings: &Value) -> Vec<AccessRecipe> {
        crate::access::recipes(settings, &self.operator)
    }

    async fn probe(&self, connection: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        let (settings, clients) = self.open(connection).await?;
        crate::probe::probe(&settings, &clients).await
    }

    async fn collect(&self, connection: &Connection, errand: Errand) -> Result<(), CollectError> {
        let (settings, clients) = self.open(connection).await?;
        let Errand { sink, cancel, .. } = errand;
        let run = Run { settings, clients, sink };
        tokio::select! {
            done = run.all_accounts() => done,
            () = cancel.cancelled() => Err(CollectError::Cancelled),
        }
    }
}

struct Run {
    settings: Settings,
    clients: Clients,
    sink: Sink,
}

impl Run {
    async fn all_accounts(&self) -> Result<(), CollectError> {
        let (own, _) = accounts::identity(&self.clients).await?;
        let found = accounts::discover(&self.clients, &self.settings, &own).await;
        if matches!(self.settings.access, Access::Organization { .. }) {
            let scope = key(&own, "global", "organizations.accounts");
            self.send(Event::Planned(vec![scope.clone()])).await?;
            let outcome = found.as_ref().map_or_else(|error| error.clone().into_outcome(), |_| Outcome::Complete);
            self.ended(scope, outcome, 1).await?;
        }
        // Where the members could not be listed, the management account itself can still be read.
        let accounts = found.unwrap_or_else(|_| vec![Account { id: own.clone(), name: None, is_own: true }]);
        side_by_side(ACCOUNTS, accounts.iter().map(|account| self.account(account))).await
    }

    /// Reads one account. An account that does not let us in is a failed or denied scope, not an error.
    async fn account(&self, account: &Account) -> Result<(), CollectError> {
        let config = self.clients.account(&account.id, account.is_own).await;
        let regions = accounts::regions(&config, &self.settings).await;
        let (enabled, disabled) = match regions {
            Ok(found) => found,
            Err(error) => {
                let detail = self.blind_account(account, error).await?;
                self.note(format!("account {}: {detail}", account.id)).await?;
                return Ok(());
            }
        };
        if !disabled.is_empty() {
            self.note(format!("account {}: not enabled and so not read: {}", account.id, disabled.join(", "))).await?;
        }
        let planned = plan(&account.id, &enabled);
        self.send(Event::Planned(planned.iter().map(|(key, _)| key.clone()).collect())).await?;
        self.scopes(account, &config, planned).await
    }

    /// Every scope of the account ends as the call that opens it did.
    async fn blind_account(&self, account: &Account, error: ReadError) -> Result<String, CollectError> {
        let scopes: Vec<ScopeKey> = plan(&account.id, &[]).into_iter().map(|(key, _)| key).collect();
        let outcome = error.into_outcome();
        self.send(Event::Planned(scopes.clone())).await?;
        for scope in scopes {
            self.ended(scope, outcome.clone(), 0).await?;
        }
        Ok(match outcome {
            Outcome::Denied { permission, detail } => format!("{permission} was refused: {detail}"),
            Outcome::Failed { detail } => detail,
            Outcome::Complete => String::new(),
        })
    }

    async fn scopes(
        &self,
        account: &Account,
        config: &SdkConfig,
        planned: Vec<(ScopeKey, Reader)>,
    ) -> Result<(), CollectError> {
        let budget = AccountBudget::new();
        let mut regions = BTreeMap::new();
        for (key, _) in &planned {
            regions.entry(key.region.clone()).or_insert_with(|| {
                let region = if key.region == "global" { &self.settings.home_region } else { &key.region };
                (in_region(config, region), budget.region())
            });
        }
        let read: Arc<BTreeSet<String>> = Arc::new(regions.keys().filter(|name| *name != "global").cloned().collect());
        let scopes = planned.into_iter().map(|(key, reader)| {
            let (config, budget) = regions[&key.region].clone();
            let scope = Scope {
                key,
                partition: self.settings.partition(),
                home_region: self.settings.home_region.clone(),
                regions: read.clone(),
                account_name: account.name.clone(),
                config,
                budget,
                sink: self.sink.clone(),
                calls: AtomicU32::new(0),
            };
            self.scope(scope, reader)
        });
        side_by_side(SCOPES, scopes).await
    }

    async fn scope(&self, scope: Scope, reader: Reader) -> Result<(), CollectError> {
        let outcome = match tokio::time::timeout(SCOPE_TIME, (reader.read)(&scope)).await {
            Ok(Ok(())) => Outcome::Complete,
            Ok(Err(ReadError::Closed)) => return Err(CollectError::Cancelled),
            Ok(Err(error)) => error.into_outcome(),
            Err(_) => Outcome::Failed { detail: format!("not finished after {} s", SCOPE_TIME.as_secs()) },
        };
        let calls = scope.calls.load(Ordering::Relaxed);
        self.ended(scope.key, outcome, calls).await
    }

    async fn ended(&self, scope: ScopeKey, outcome: Outcome, api_calls: u32) -> Result<(), CollectError> {
        self.send(Event::Ended { scope, outcome, api_calls }).await
    }

    async fn note(&self, text: String) -> Result<(), CollectError> {
        self.send(Event::Note(text)).await
    }

    async fn send(&self, event: Event) -> Result<(), CollectError> {
        self.sink.send(event).await.map_err(|_| CollectError::Cancelled)
    }
}

pub(crate) fn key(account: &str, region: &str, reader: &str) -> ScopeKey {
    ScopeKey { account: account.to_owned(), region: region.to_owned(), reader: reader.to_owned() }
}

/// The scopes of an account, those of one region after those of another, so that regions are read side by side.
fn plan(account: &str, regions: &[String]) -> Vec<(ScopeKey, Reader)> {
    let per: BTreeMap<&str, Per> = Kinds::builtin().iter().map(|kind| (kind.reader.as_str(), kind.per)).collect();
    let mut planned = Vec::new();
    for reader in services::readers() {
        match per.get(reader.name) {
            Some(Per::Account) => planned.push((key(account, "global", reader.name), reader)),
            Some(Per::Region) => {
                planned.extend(regions.iter().map(|region| (key(account, region, reader.name), reader)));
            }
            None => {}
        }
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reader_is_in_the_catalogue_and_every_aws_kind_has_a_reader() {
        let named: BTreeSet<&str> = services::readers().map(|reader| reader.name).collect();
        let wanted: BTreeSet<&str> =
            Kinds::builtin().iter().filter(|k| k.kind.starts_with("aws.")).map(|k| k.reader.as_str()).collect();
        assert_eq!(named, wanted);
    }

    #[test]
    fn no_reader_is_registered_twice() {
        let names: Vec<&str> = services::readers().map(|reader| reader.name).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), distinct.len());
    }
}
