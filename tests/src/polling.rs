//! A tenant with a real collector over a stand-in, polled by the real worker into a database.

use crate::app::keyring;
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use plumbline_core::clock::{Clock, FrozenClock, SystemClock};
use plumbline_core::collect::{Collector, Connection};
use plumbline_core::id::{Mint, SourceId, TenantId};
use plumbline_policy::Catalogue;
use plumbline_server::feeds::{self, FeedKind, Imported};
use plumbline_store::source::{self, NewSource};
use plumbline_store::{Database, TenantTx, job, tenant};
use plumbline_worker::Worker;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::SecretString;
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Everything that a page would show, as far as a loss of sight may or may not change it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// (resource, check) → verdict.
    pub verdicts: BTreeMap<(String, String), String>,
    /// (resource, check, which of several things it finds) → state.
    pub findings: BTreeMap<(String, String, String), String>,
    /// Resources that were not seen to be gone, with the scope that lists each.
    pub resources: BTreeMap<String, String>,
    /// `account/region/reader` → (outcome, permission).
    pub scopes: BTreeMap<String, (String, String)>,
    /// Net score, gross score, open findings.
    pub posture: (String, String, i64),
    pub coverage: f64,
}

pub struct Polling {
    pool: PgPool,
    clock: FrozenClock,
    database: Database,
    tenant: TenantId,
    source: SourceId,
    worker: Worker,
}

impl Polling {
    /// Connects a source in a database whose schema is up to date.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn new(pool: PgPool, collector: impl Collector + 'static, connection: &Connection) -> Result<Self> {
        // The seed's ages count from now.
        let clock = FrozenClock::at(SystemClock.now());
        let mint = Arc::new(Mint::new(Arc::new(clock.clone()), StdRng::seed_from_u64(7)));
        let database = Database::from_pool(pool.clone());
        let mut identity = database.identity().await?;
        let tenant = tenant::create(&mut identity, "Harbor Lane", &mint).await?.id;
        identity.commit().await?;
        let keyring = Arc::new(keyring());
        let provider = collector.provider();
        let new = NewSource { provider, name: "Harbor Lane", poll_seconds: 60, connection };
        let mut tx = database.tenant(tenant).await?;
        let source = source::create(&mut tx, &new, &keyring, &mint).await?;
        tx.commit().await?;
        let catalogue = Catalogue::builtin();
        let worker = Worker {
            database: database.clone(),
            keyring,
            mint,
            catalogue,
            weighing: Arc::new(catalogue.weighing()),
            collectors: vec![Arc::new(collector)],
            mailer: None,
            outside: plumbline_worker::tickets::Outside::new(true, None)?,
            batch: plumbline_worker::BATCH,
        };
        Ok(Self { pool, clock, database, tenant, source, worker })
    }

    /// From now on polls with another collector.
    pub fn collect_with(&mut self, collector: impl Collector + 'static) {
        self.worker.collectors = vec![Arc::new(collector)];
    }

    /// One poll, a minute after the last, and what there is to see after it.
    ///
    /// # Errors
    /// When the job failed; says what the worker wrote.
    pub async fn poll(&self) -> Result<Picture> {
        self.clock.advance(TimeDelta::minutes(1));
        let mut tx = self.database.tenant(self.tenant).await?;
        let task = job::Task::Collect { source_id: self.source };
        job::enqueue(&mut tx, &task, self.worker.mint.now(), &self.worker.mint).await?;
        tx.commit().await?;
        self.work().await
    }

    /// The instant at which its clock stands.
    #[must_use]
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// From now on polls with another credential.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replace_secret(&self, secret: &SecretString) -> Result<()> {
        let mut tx = self.database.tenant(self.tenant).await?;
        source::replace_secret(&mut tx, self.source, secret, &self.worker.keyring, &self.worker.mint).await?;
        Ok(tx.commit().await?)
    }

    /// Brings a feed in, as an operator does, and does the work that follows.
    ///
    /// # Errors
    /// When nothing of it can be read, or the work failed.
    pub async fn import(&self, name: &str, kind: FeedKind, path: &Path) -> Result<(Imported, Picture)> {
        let imported = feeds::import(&self.database, &self.worker.mint, name, kind, path).await?;
        Ok((imported, self.work().await?))
    }

    /// The tenant's own door to the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenant(&self) -> Result<TenantTx> {
        Ok(self.database.tenant(self.tenant).await?)
    }

    /// Does the job that is due, and looks at what there is to see after it.
    ///
    /// # Errors
    /// When there is none, or it failed.
    pub async fn work(&self) -> Result<Picture> {
        ensure!(self.worker.work_once(&CancellationToken::new()).await?, "there was a job");
        let failed: Vec<Option<String>> =
            sqlx::query_scalar("select error from jobs where state = 'failed'").fetch_all(&self.pool).await?;
        ensure!(failed.is_empty(), "{failed:?}");
        picture(&self.pool).await
    }
}

/// What is in a database with one source.
///
/// # Errors
/// When the database does not answer, or there is no posture yet.
pub async fn picture(pool: &PgPool) -> Result<Picture> {
    let verdicts: Vec<(String, String, String)> = sqlx::query_as(
        "select r.uid, v.check_id, v.verdict from verdicts v join resources r using (tenant_id, resource_id)",
    )
    .fetch_all(pool)
    .await?;
    let findings: Vec<(String, String, String, String)> = sqlx::query_as(
        "select r.uid, f.check_id, f.subject, f.state from findings f join resources r using (tenant_id, resource_id)",
    )
    .fetch_all(pool)
    .await?;
    let resources: Vec<(String, String)> = sqlx::query_as(
        "select uid, account || '/' || scope_region || '/' || reader from resources where retired_at is null",
    )
    .fetch_all(pool)
    .await?;
    let scopes: Vec<(String, String, String)> = sqlx::query_as(
        "select account || '/' || region || '/' || reader, outcome, coalesce(permission, '') from scopes",
    )
    .fetch_all(pool)
    .await?;
    let (score, gross, coverage, open): (f64, f64, f64, i64) =
        sqlx::query_as("select score, gross_score, coverage, open_findings from postures order by at desc limit 1")
            .fetch_optional(pool)
            .await?
            .context("a posture")?;
    Ok(Picture {
        verdicts: verdicts.into_iter().map(|(uid, check, verdict)| ((uid, check), verdict)).collect(),
        findings: findings.into_iter().map(|(uid, check, subject, state)| ((uid, check, subject), state)).collect(),
        resources: resources.into_iter().collect(),
        scopes: scopes.into_iter().map(|(scope, outcome, permission)| (scope, (outcome, permission))).collect(),
        posture: (format!("{score:.9}"), format!("{gross:.9}"), open),
        coverage,
    })
}

impl Picture {
    /// The scopes that are not seen.
    #[must_use]
    pub fn blind(&self) -> BTreeSet<&str> {
        let blind = self.scopes.iter().filter(|(_, (outcome, _))| outcome != "complete");
        blind.map(|(scope, _)| scope.as_str()).collect()
    }

    /// The outcomes of the scopes whose reader begins so.
    #[must_use]
    pub fn outcomes(&self, reader: &str) -> BTreeSet<&str> {
        let of = |scope: &str| scope.rsplit('/').next().is_some_and(|name| name.starts_with(reader));
        self.scopes.iter().filter(|(scope, _)| of(scope)).map(|(_, (outcome, _))| outcome.as_str()).collect()
    }

    /// Asserts what must hold whenever a poll saw less than the one before: nothing closed, nothing retired, nothing
    /// new, every verdict that changed is unknown, and every verdict on what is out of sight is unknown.
    ///
    /// # Panics
    /// When it does not.
    pub fn assert_only_lost_sight_since(&self, before: &Self) {
        let kept = changed("resource", &before.resources, &self.resources);
        assert!(kept.is_empty(), "no resource is retired and none appears: {kept:#?}");
        let kept = changed("finding", &before.findings, &self.findings);
        assert!(kept.is_empty(), "no finding opens, closes or goes: {kept:#?}");
        let decided: Vec<_> = self
            .verdicts
            .iter()
            .filter(|(key, verdict)| before.verdicts.get(*key) != Some(*verdict) && *verdict != "unknown")
            .collect();
        assert!(decided.is_empty(), "a verdict that changes becomes unknown: {decided:#?}");
        assert_eq!(self.verdicts.len(), before.verdicts.len(), "no verdict goes");
        let blind = self.blind();
        for ((uid, check), verdict) in &self.verdicts {
            if self.resources.get(uid).is_some_and(|scope| blind.contains(scope.as_str())) {
                assert_eq!(verdict, "unknown", "{check} on {uid}, which is out of sight");
            }
        }
        assert_eq!(self.posture, before.posture, "the score stands, for nothing was fixed");
        assert!(self.coverage <= before.coverage, "{} <= {}", self.coverage, before.coverage);
    }

    /// Asserts that two polls of the same saw the same.
    ///
    /// # Panics
    /// When they did not; lists what differs.
    pub fn assert_same_as(&self, before: &Self) {
        let mut lines = changed("scope", &before.scopes, &self.scopes);
        lines.extend(changed("resource", &before.resources, &self.resources));
        lines.extend(changed("verdict", &before.verdicts, &self.verdicts));
        lines.extend(changed("finding", &before.findings, &self.findings));
        assert!(lines.is_empty(), "{lines:#?}");
        assert_eq!(self, before);
    }
}

/// A line for each entry that is in one of both alone, or differs.
fn changed<K: Debug + Ord, V: Debug + PartialEq>(
    what: &str,
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
) -> Vec<String> {
    let keys: BTreeSet<&K> = before.keys().chain(now.keys()).collect();
    keys.into_iter()
        .filter(|key| before.get(key) != now.get(key))
        .map(|key| format!("{what} {key:?}: {:?} -> {:?}", before.get(key), now.get(key)))
        .collect()
}
