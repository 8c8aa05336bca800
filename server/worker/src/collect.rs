//! One poll of a source, from the first call to the last number.

use crate::LEASE;
use crate::Worker;
use crate::again::{again, reach_anew, surround};
use crate::deliveries::TenantDeliveries;
use crate::evaluate::evaluate;
use crate::intake::Intake;
use crate::matching;
use crate::memory::TenantMemory;
use crate::wake;
use chrono::TimeDelta;
use plumbline_core::collect::{CollectError, Collector, Connection, Errand};
use plumbline_core::id::{RunId, SourceId};
use plumbline_core::scope::Outcome;
use plumbline_store::job::{self, Lease, Task};
use plumbline_store::reconcile::{self, stage};
use plumbline_store::run::{self, RunEnd, Target};
use plumbline_store::{criticality, inbox, source, tag};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Events that may wait between collector and store; when full, the collector waits.
const EVENTS: usize = 512;
/// Resources written in one statement.
const BATCH: usize = 500;
/// Runs of a source that are kept.
const RUNS: i64 = 200;
/// How often progress is written and the lease prolonged.
const TICK: Duration = Duration::from_secs(2);

pub(crate) async fn collect(
    worker: &Worker,
    lease: &Lease,
    source: SourceId,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let target = run::target(&mut tx, source).await?;
    if target.removed || target.paused {
        job::finish(&mut tx, lease, worker.now(), None).await?;
        tx.commit().await?;
        return Ok(());
    }
    let run = RunId::mint(&worker.mint);
    run::begin(&mut tx, source, run, worker.now()).await?;
    let connection = source::open_connection(&mut tx, &worker.keyring, source).await;
    let everything = target.evaluated_version.as_deref() != Some(worker.catalogue.version());
    let known = reconcile::known(&mut tx, source).await?;
    let rules = criticality::rules(&mut tx).await?;
    tx.commit().await?;

    let mut poll =
        Poll { worker, lease, source, run, target, intake: Intake::new(source, known, everything, rules), everything };
    let read = match (connection, worker.collector(&poll.target.provider, lease.tenant)) {
        (Ok(connection), Some(collector)) => poll.read(collector, connection, stop).await?,
        (Ok(_), None) => Err(CollectError::Settings(format!("No collector reads {} here.", poll.target.provider))),
        (Err(error), _) => Err(CollectError::Settings(format!("The credential cannot be opened: {error}."))),
    };
    if stop.is_cancelled() {
        anyhow::bail!("the worker was told to stop");
    }
    poll.settle(read).await
}

struct Poll<'a> {
    worker: &'a Worker,
    lease: &'a Lease,
    source: SourceId,
    run: RunId,
    target: Target,
    intake: Intake,
    everything: bool,
}

impl Poll<'_> {
    /// Takes in what the collector streams. The outer error is ours: no database, or the lease lost.
    async fn read(
        &mut self,
        collector: Arc<dyn Collector>,
        connection: Connection,
        stop: &CancellationToken,
    ) -> anyhow::Result<Result<(), CollectError>> {
        let cancel = stop.child_token();
        let _broken_off = cancel.clone().drop_guard();
        let (sink, mut events) = mpsc::channel(EVENTS);
        let collecting = tokio::spawn({
            let cancel = cancel.clone();
            let memory = Arc::new(TenantMemory::of(self.worker, self.lease.tenant));
            let deliveries = Arc::new(TenantDeliveries::of(self.worker, self.lease.tenant, self.source));
            let standing = Some(wake::standing(self.worker, self.lease.tenant, self.source, self.target.poll_seconds));
            async move { collector.collect(&connection, Errand { sink, memory, deliveries, cancel, standing }).await }
        });
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    None => break,
                    Some(event) => {
                        self.intake.take(event);
                        if self.intake.batch.len() >= BATCH {
                            self.write_batch().await?;
                        }
                    }
                },
                _ = tick.tick() => if self.sign_of_life().await? {
                    cancel.cancel();
                },
            }
        }
        self.write_batch().await?;
        Ok(collecting.await?)
    }

    async fn write_batch(&mut self) -> anyhow::Result<()> {
        if self.intake.batch.is_empty() {
            return Ok(());
        }
        let mut tx = self.worker.database.tenant(self.lease.tenant).await?;
        stage(&mut tx, self.run, &self.intake.batch).await?;
        tx.commit().await?;
        self.intake.batch.clear();
        Ok(())
    }

    /// Prolongs the lease and writes progress. Returns whether somebody asked to cancel the run.
    async fn sign_of_life(&self) -> anyhow::Result<bool> {
        let mut queue = self.worker.database.queue().await?;
        let ours = job::prolong(&mut queue, self.lease, self.worker.now() + LEASE).await?;
        queue.commit().await?;
        anyhow::ensure!(ours, "another worker has taken this job over");
        let mut tx = self.worker.database.tenant(self.lease.tenant).await?;
        let cancel = run::progress(&mut tx, self.run, &self.intake.progress).await?;
        tx.commit().await?;
        Ok(cancel)
    }

    /// Everything that the run changes, in one transaction.
    async fn settle(mut self, read: Result<(), CollectError>) -> anyhow::Result<()> {
        let worker = self.worker;
        matching::prepare(worker, self.lease, self.run).await?;
        let mut tx = worker.database.tenant(self.lease.tenant).await?;
        // First: from here on the job is ours however long the lock and the rest take.
        job::fence(&mut tx, self.lease).await?;
        reconcile::lock(&mut tx).await?;
        let now = worker.now();
        if run::target(&mut tx, self.source).await?.removed {
            run::end(&mut tx, self.run, RunEnd::Cancelled, None, now).await?;
            job::finish(&mut tx, self.lease, now, None).await?;
            return Ok(tx.commit().await?);
        }
        // What this run saw was weighed as it came; where rules changed since, all is weighed by them afterwards.
        if !self.intake.weighed_by(&criticality::rules(&mut tx).await?) {
            job::enqueue(&mut tx, &Task::WeighCriticality, now, &worker.mint).await?;
        }
        self.close_scopes(&mut tx, &read).await?;
        let gone = self.intake.gone();
        reconcile::put_off(&mut tx).await?;
        let mut merged = reconcile::merge(&mut tx, self.source, self.run, &gone, now).await?;
        if !merged.changed.is_empty() || !merged.retired.is_empty() {
            reconcile::stir(&mut tx).await?;
        }
        let mut reached = reach_anew(&mut tx, &merged).await?;
        merged.also(reached.remove(&self.source).unwrap_or_default());
        tag::follow(&mut tx, self.source, now).await?;
        let turned = reconcile::sight(&mut tx, self.source, self.run, &self.intake.ended, now).await?;
        reconcile::open_decisions(&mut tx).await?;
        let sight = evaluate(worker, &mut tx, self.source, &merged, &turned, self.everything, now).await?;
        let settled =
            reconcile::settle(&mut tx, self.source, Some(self.run), &worker.weighing, self.everything, sight, now)
                .await?;
        reconcile::close_decisions(&mut tx).await?;
        again(worker, &mut tx, reached).await?;
        surround(worker, &mut tx).await?;
        inbox::wake(&mut tx, &worker.mint).await?;
        self.intake.progress.resources_retired = i32::try_from(merged.retired.len()).unwrap_or(i32::MAX);
        run::progress(&mut tx, self.run, &self.intake.progress).await?;
        if !matches!(read, Err(CollectError::Cancelled)) {
            run::evaluated(&mut tx, self.source, worker.catalogue.version()).await?;
        }
        let (how, error) = self.ending(&read);
        run::end(&mut tx, self.run, how, error.as_deref(), now).await?;
        run::forget(&mut tx, self.source, RUNS).await?;
        job::finish(&mut tx, self.lease, now, None).await?;
        let next = now + TimeDelta::seconds(i64::from(self.target.poll_seconds));
        job::enqueue(&mut tx, &Task::Collect { source_id: self.source }, next, &worker.mint).await?;
        tx.commit().await?;
        tracing::info!(source = %self.source, run = %self.run, end = how.as_str(), ?settled, "run ended");
        Ok(())
    }

    /// A cancelled run says nothing of what it did not come to; any other says that it was not read.
    async fn close_scopes(
        &mut self,
        tx: &mut plumbline_store::TenantTx,
        read: &Result<(), CollectError>,
    ) -> anyhow::Result<()> {
        let broken = match read {
            Err(CollectError::Cancelled) => return Ok(()),
            Err(error) => Some(error.to_string()),
            Ok(()) => None,
        };
        let known = reconcile::scopes_of(tx, self.source).await?;
        self.intake.close(&known, broken.as_deref());
        if let Err(CollectError::Refused(detail)) = read {
            let collector = self.worker.collector(&self.target.provider, self.lease.tenant);
            let permission = collector.as_ref().map_or("", |collector| collector.entry_permission());
            for end in self.intake.ended.iter_mut().filter(|end| !end.outcome.is_complete()) {
                end.outcome = Outcome::Denied { permission: permission.to_owned(), detail: detail.clone() };
            }
        }
        Ok(())
    }

    fn ending(&self, read: &Result<(), CollectError>) -> (RunEnd, Option<String>) {
        let progress = &self.intake.progress;
        match read {
            Err(CollectError::Cancelled) => (RunEnd::Cancelled, None),
            Err(error) => (RunEnd::Failed, Some(error.to_string())),
            Ok(()) if progress.scopes_complete == 0 => {
                (RunEnd::Failed, Some("Nothing could be read; the scopes say why.".to_owned()))
            }
            Ok(()) if progress.scopes_denied + progress.scopes_failed > 0 => (RunEnd::Partial, None),
            Ok(()) => (RunEnd::Complete, None),
        }
    }
}
