//! Background work: poll a source, decide, reconcile.
//!
//! A worker keeps nothing of its own: it leases a job, does it, and writes the result in one transaction that the lease
//! fences. Killed at any instant it leaves a lease that runs out and a run that the next worker marks as failed.

mod again;
mod bills;
mod collect;
mod criticality;
mod deliveries;
mod evaluate;
pub mod feeds;
mod hosts;
mod images;
mod intake;
mod known_bad;
pub mod mail;
mod matching;
mod memory;
mod neighbours;
mod probe;
mod rules;
pub mod tickets;
mod triage;
mod wake;
mod weigh;

use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::collect::Collector;
use plumbline_core::id::{Mint, TenantId};
use plumbline_core::score::Weighing;
use plumbline_policy::Catalogue;
use plumbline_store::identity::session;
use plumbline_store::job::{self, Lease, Task};
use plumbline_store::seal::Keyring;
use plumbline_store::{Database, StoreError, TenantTx, bill, exception, reconcile};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a job is ours without a sign of life.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long to wait when there was nothing to do.
const IDLE: Duration = Duration::from_millis(500);
/// How often one job is tried before it is given up; a poll comes round again anyway.
const ATTEMPTS: i32 = 5;
/// So many resources or fixes are settled within seconds, which is how long a run waits for a job that looks at all of them.
pub const BATCH: i64 = 10_000;
/// How long ended jobs are kept.
const KEEP_JOBS: TimeDelta = TimeDelta::days(2);

/// Everything that work needs.
pub struct Worker {
    pub database: Database,
    pub keyring: Arc<Keyring>,
    pub mint: Arc<Mint>,
    pub catalogue: &'static Catalogue,
    pub weighing: Arc<Weighing>,
    pub collectors: Vec<Arc<dyn Collector>>,
    /// Sends mails; none where the operator named no server, and then none is sent.
    pub mailer: Option<Arc<mail::Mailer>>,
    /// Speaks to the trackers that tenants name.
    pub outside: tickets::Outside,
    /// How many resources or fixes a job that looks at all of a tenant's takes in one transaction; see [`BATCH`].
    pub batch: i64,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl Worker {
    /// Works until told to stop, on `slots` jobs at a time. On stop, jobs under way are broken off; their leases run out.
    pub async fn run(self: Arc<Self>, slots: usize, stop: CancellationToken) {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..slots {
            let (worker, stop) = (self.clone(), stop.clone());
            running.spawn(async move { worker.slot(stop).await });
        }
        while running.join_next().await.is_some() {}
    }

    async fn slot(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let worked = tokio::select! {
                worked = self.work_once(&stop) => worked,
                () = stop.cancelled() => return,
            };
            let wait = match worked {
                Ok(true) => continue,
                Ok(false) => IDLE,
                Err(error) => {
                    tracing::warn!(%error, "the queue does not answer");
                    IDLE * 4
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Leases and does one job. False when there was none.
    ///
    /// # Errors
    /// When the queue does not answer; an error of the job itself is written to the job.
    pub async fn work_once(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let mut holder = [0u8; 16];
        self.mint.fill(&mut holder);
        let mut queue = self.database.queue().await?;
        let lease = job::lease(&mut queue, Uuid::from_bytes(holder), self.now(), LEASE).await?;
        queue.commit().await?;
        let Some(lease) = lease else { return Ok(false) };
        tracing::info!(tenant = %lease.tenant, job = %lease.job, task = ?lease.task, attempt = lease.attempt, "job leased");
        let done = if lease.attempt > ATTEMPTS {
            Err(anyhow::anyhow!("given up after {ATTEMPTS} tries"))
        } else {
            self.work_on(&lease, stop).await
        };
        if let Err(error) = done {
            tracing::warn!(job = %lease.job, error = %format!("{error:#}"), "job not done");
            self.give_back(&lease, &format!("{error:#}")).await;
        }
        let mut queue = self.database.queue().await?;
        job::forget(&mut queue, self.now() - KEEP_JOBS).await?;
        queue.commit().await?;
        let mut identity = self.database.identity().await?;
        session::forget_expired(&mut identity, self.now()).await?;
        identity.commit().await?;
        Ok(true)
    }

    async fn work_on(&self, lease: &Lease, stop: &CancellationToken) -> anyhow::Result<()> {
        match &lease.task {
            Task::Collect { source_id } => collect::collect(self, lease, *source_id, stop).await,
            Task::Probe { source_id } => probe::probe(self, lease, *source_id).await,
            Task::EndExceptions => self.end_exceptions(lease).await,
            Task::Match => matching::rematch(self, lease).await,
            Task::JudgeImages => rules::judge_anew(self, lease).await,
            Task::Regroup => self.regroup(lease).await,
            Task::ApplyOwners | Task::ApplyDue => triage::apply(self, lease).await,
            Task::Remind => triage::remind(self, lease).await,
            Task::SendMail => mail::send(self, lease).await,
            Task::OpenTicket { ticket_id } => tickets::open(self, lease, *ticket_id).await,
            Task::FollowTracker { tracker_id } => tickets::follow(self, lease, *tracker_id).await,
            Task::TestTracker { tracker_id } => tickets::test(self, lease, *tracker_id).await,
            Task::WeighCriticality => criticality::weigh_anew(self, lease).await,
        }
    }

    async fn regroup(&self, lease: &Lease) -> anyhow::Result<()> {
        loop {
            let mut tx = self.begin_batch(lease).await?;
            if !reconcile::regroup(&mut tx, &self.weighing, self.batch, self.now()).await? {
                job::finish(&mut tx, lease, self.now(), None).await?;
                return Ok(tx.commit().await?);
            }
            self.commit_batch(tx, lease).await?;
        }
    }

    /// Begins a transaction that holds the tenant's lock, of a job that is done a batch at a time so that no run waits for
    /// all of it.
    async fn begin_batch(&self, lease: &Lease) -> anyhow::Result<TenantTx> {
        let mut tx = self.database.tenant(lease.tenant).await?;
        job::fence(&mut tx, lease).await?;
        reconcile::lock(&mut tx).await?;
        Ok(tx)
    }

    /// Keeps what a batch did, and the job ours for the next one.
    async fn commit_batch(&self, tx: TenantTx, lease: &Lease) -> anyhow::Result<()> {
        tx.commit().await?;
        let mut queue = self.database.queue().await?;
        let ours = job::prolong(&mut queue, lease, self.now() + LEASE).await?;
        queue.commit().await?;
        anyhow::ensure!(ours, "another worker has taken this job over");
        Ok(())
    }

    /// Ends exceptions whose time is over, tells of those that end soon, and comes back when there is more to do.
    async fn end_exceptions(&self, lease: &Lease) -> anyhow::Result<()> {
        let mut tx = self.database.tenant(lease.tenant).await?;
        job::fence(&mut tx, lease).await?;
        reconcile::end_expired(&mut tx, &self.weighing, &self.mint).await?;
        job::finish(&mut tx, lease, self.now(), None).await?;
        if let Some(next) = exception::next_notice(&mut tx).await? {
            job::enqueue(&mut tx, &Task::EndExceptions, next, &self.mint).await?;
        }
        Ok(tx.commit().await?)
    }

    /// A job that failed is ended as failed; a poll is put back for its next time, so that no source stays stuck.
    async fn give_back(&self, lease: &Lease, error: &str) {
        let given = async {
            let mut tx = self.database.tenant(lease.tenant).await?;
            job::fence(&mut tx, lease).await?;
            job::finish(&mut tx, lease, self.now(), Some(error)).await?;
            if !matches!(lease.task, Task::Probe { .. } | Task::TestTracker { .. }) {
                job::enqueue(&mut tx, &lease.task, self.now() + TimeDelta::minutes(1), &self.mint).await?;
            }
            tx.commit().await
        };
        if let Err(error) = given.await {
            tracing::warn!(job = %lease.job, %error, "the job could not be given back; its lease will run out");
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.mint.now()
    }

    /// What reads a tenant's sources of a provider. Documents that were handed in are the tenant's own rows.
    fn collector(&self, provider: &str, tenant: TenantId) -> Option<Arc<dyn Collector>> {
        if provider == bill::PROVIDER {
            return Some(Arc::new(bills::Bills::new(self.database.clone(), tenant)));
        }
        self.collectors.iter().find(|collector| collector.provider() == provider).cloned()
    }
}
