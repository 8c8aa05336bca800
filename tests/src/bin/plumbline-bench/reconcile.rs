//! Rows a second of a reconcile, beside COPY of the same rows into a table that has nothing but columns.

use crate::cluster::{Cluster, keyring};
use crate::table::{Table, median, number, per_second, rate};
use anyhow::Context;
use plumbline_core::collect::Connection;
use plumbline_core::id::{FindingId, FixId, Mint, ResourceId, RunId, SourceId, TenantId};
use plumbline_core::resource::Resource;
use plumbline_core::risk::{Criticality, Exposure, Guards, Risk};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::reconcile::{self, Decided, Failure, ScopeEnd, Settled, Staged};
use plumbline_store::run::{self, RunEnd};
use plumbline_store::source::{self, NewSource};
use plumbline_store::{Database, group, tenant};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Findings of one resource.
const EACH: usize = 5;
/// Of so many resources, one changes from round to round.
const ONE_IN: usize = 50;
const ROUNDS: usize = 5;
const KIND: &str = "aws.s3.bucket";
const COPY: &str = "copy bench_bare (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
    exposure, criticality, loss, risk, fix_id, observed, message, first_seen, opened_at, resolved_at, times_reopened, subject)
    from stdin";

struct Estate<'a> {
    database: &'a Database,
    mint: &'a Mint,
    tenant: TenantId,
    source: SourceId,
    checks: Vec<&'static Check>,
    resources: usize,
}

pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, arriving: usize) -> anyhow::Result<()> {
    let estate = Estate::new(cluster, arriving / EACH).await?;
    let rows = estate.resources * EACH;
    let bare = median(estate.copies(cluster).await?);
    let copied = per_second(rows, bare);
    table.row("reconcile", format!("COPY of {rows} rows into a bare table"), format!("{} rows/s", number(copied)));
    let first = estate.round(0, (0..estate.resources).collect()).await?;
    let words = |took: Duration| {
        format!("{} rows/s, {:.1} × COPY's time", rate(rows, took), took.as_secs_f64() / bare.as_secs_f64())
    };
    table.row("reconcile", format!("{rows} new findings"), words(first.0));
    let mut times = Vec::new();
    let mut moved = 0;
    for number in 1..=ROUNDS {
        let changed = (0..estate.resources).filter(|resource| resource % ONE_IN == number).collect();
        let (took, settled) = estate.round(number, changed).await?;
        times.push(took);
        moved = moved.max(settled.resolved.unsigned_abs());
    }
    let label = format!("{rows} findings of which 98 % are unchanged ({moved} resolved)");
    table.row("reconcile", label, words(median(times)));
    let again = estate.round(ROUNDS, Vec::new()).await?;
    table.row("reconcile", format!("{rows} findings, all unchanged"), words(again.0));
    Ok(())
}

impl<'a> Estate<'a> {
    async fn new(cluster: &'a Cluster, resources: usize) -> anyhow::Result<Self> {
        let mint: &Mint = &cluster.mint;
        let mut tx = cluster.database.identity().await?;
        let tenant = tenant::create(&mut tx, "Reconciled", mint).await?.id;
        tx.commit().await?;
        let mut tx = cluster.database.tenant(tenant).await?;
        let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
        let new = NewSource { provider: "aws", name: "Bench", poll_seconds: 900, connection: &connection };
        let source = source::create(&mut tx, &new, &keyring()?, mint).await?;
        group::name_keys(&mut tx, &["team".to_owned()]).await?;
        // There is nothing yet to reckon.
        reconcile::regroup(&mut tx, &Catalogue::builtin().weighing(), 1, mint.now()).await?;
        tx.commit().await?;
        let checks: Vec<&Check> =
            Catalogue::builtin().checks().filter(|check| check.resource == KIND).take(EACH).collect();
        anyhow::ensure!(checks.len() == EACH, "the content has fewer than {EACH} checks of {KIND}");
        Ok(Self { database: &cluster.database, mint, tenant, source, checks, resources })
    }

    fn account(resource: usize) -> String {
        format!("{}", 100_000_000_000 + resource % 40)
    }

    fn region(resource: usize) -> String {
        ["eu-west-1", "us-east-1", "ap-southeast-2"][resource / 40 % 3].to_owned()
    }

    fn staged(&self, number: usize, resource: usize) -> Staged {
        let uid = format!("arn:aws:s3:::bench-{resource}");
        let mut attributes = Map::new();
        attributes.insert("Name".to_owned(), json!(format!("bench-{resource}")));
        attributes.insert("Round".to_owned(), json!(number));
        let seen = Resource {
            scope: ScopeKey {
                account: Self::account(resource),
                region: Self::region(resource),
                reader: "s3.buckets".to_owned(),
            },
            kind: KIND.to_owned(),
            name: format!("bench-{resource}"),
            region: Self::region(resource),
            attributes,
            unread: BTreeMap::new(),
            // A key that makes groups, of forty values.
            tags: BTreeMap::from([("team".to_owned(), format!("team-{}", resource % 40))]),
            edges: Vec::new(),
            uid,
        };
        let id = ResourceId::derive(self.source, &seen.uid);
        let digest = reconcile::digest(&seen);
        Staged {
            id,
            resource: seen,
            digest,
            exposure: Exposure::Private,
            criticality: Criticality::Normal,
            guards: Guards::NONE,
        }
    }

    /// What the checks say of one resource in a round. What changed shows something else, or passes from now on.
    fn decided(&self, number: usize, resource: usize) -> Vec<Decided> {
        let id = ResourceId::derive(self.source, &format!("arn:aws:s3:::bench-{resource}"));
        let changed = if (1..=number).contains(&(resource % ONE_IN)) { resource % ONE_IN } else { 0 };
        let decide = |(at, check): (usize, &&'static Check)| {
            let fixed = changed > 0 && at == 0;
            Decided {
                resource: id,
                check: check.id.clone(),
                verdict: if fixed { Verdict::Pass } else { Verdict::Fail },
                message: String::new(),
                missing: None,
                failures: if fixed { Vec::new() } else { vec![self.failure(check, id, resource, changed)] },
            }
        };
        self.checks.iter().enumerate().map(decide).collect()
    }

    fn failure(&self, check: &Check, id: ResourceId, resource: usize, changed: usize) -> Failure {
        Failure {
            finding: FindingId::derive(id, &check.id),
            subject: String::new(),
            message: String::new(),
            risk: Risk::of(check.severity, Exposure::Private, Criticality::Normal),
            account: Self::account(resource),
            region: Self::region(resource),
            observed: observed(resource, changed),
            fix: FixId::derive(self.source, &check.fix.key, &Self::account(resource)),
            fix_key: check.fix.key.clone(),
            fix_target: Self::account(resource),
        }
    }

    /// One run, as the worker does it: what changed is staged while the run goes on; then everything else in one
    /// transaction, which is what is measured.
    async fn round(&self, number: usize, changed: Vec<usize>) -> anyhow::Result<(Duration, Settled)> {
        let run = RunId::mint(self.mint);
        let mut tx = self.database.tenant(self.tenant).await?;
        run::begin(&mut tx, self.source, run, self.mint.now()).await?;
        tx.commit().await?;
        for batch in changed.chunks(500) {
            let batch: Vec<Staged> = batch.iter().map(|resource| self.staged(number, *resource)).collect();
            let mut tx = self.database.tenant(self.tenant).await?;
            reconcile::stage(&mut tx, run, &batch).await?;
            tx.commit().await?;
        }
        let pages: Vec<Vec<Decided>> = (0..self.resources)
            .collect::<Vec<_>>()
            .chunks(1000)
            .map(|page| page.iter().flat_map(|resource| self.decided(number, *resource)).collect())
            .collect();
        let ended: Vec<ScopeEnd> =
            (0..120).map(|n| ScopeEnd { key: self.staged(0, n).resource.scope, outcome: Outcome::Complete }).collect();
        let weighing = Catalogue::builtin().weighing();

        let began = Instant::now();
        let mut tx = self.database.tenant(self.tenant).await?;
        reconcile::lock(&mut tx).await?;
        let now = self.mint.now();
        reconcile::merge(&mut tx, self.source, run, &[], now).await?;
        reconcile::sight(&mut tx, self.source, run, &ended, now).await?;
        reconcile::open_decisions(&mut tx).await?;
        for page in &pages {
            reconcile::decide(&mut tx, page).await?;
        }
        let settled = reconcile::settle(&mut tx, self.source, Some(run), &weighing, false, false, now).await?;
        run::end(&mut tx, run, RunEnd::Complete, None, now).await?;
        tx.commit().await?;
        Ok((began.elapsed(), settled))
    }

    /// The same rows as text, into a table without keys, three times.
    async fn copies(&self, cluster: &Cluster) -> anyhow::Result<Vec<Duration>> {
        let mut text = String::new();
        for resource in 0..self.resources {
            for check in &self.checks {
                let id = ResourceId::derive(self.source, &format!("arn:aws:s3:::bench-{resource}"));
                let f = self.failure(check, id, resource, 0);
                writeln!(
                    text,
                    "{}\t{}\t{}\t{id}\t{}\topen\t{}\t{}\t{}\tprivate\tnormal\t{}\t{}\t{}\t{}\t\t2026-01-01\t2026-01-01\t\\N\t0\t",
                    self.tenant, f.finding, self.source, check.id, f.risk.severity.as_str(), f.account, f.region,
                    f.risk.loss(), f.risk.shown(), f.fix, f.observed
                )
                .context("rows as text")?;
            }
        }
        let mut connection = cluster.admin().await?;
        sqlx::query("drop table if exists bench_bare").execute(&mut connection).await?;
        sqlx::query("create table bench_bare (like findings including defaults)").execute(&mut connection).await?;
        let mut times = Vec::new();
        for _ in 0..3 {
            sqlx::query("truncate bench_bare").execute(&mut connection).await?;
            let bytes = text.clone().into_bytes();
            let began = Instant::now();
            let mut copy = connection.copy_in_raw(COPY).await?;
            copy.send(bytes).await?;
            copy.finish().await?;
            times.push(began.elapsed());
        }
        sqlx::query("drop table bench_bare").execute(&mut connection).await?;
        Ok(times)
    }
}

/// About what a rule shows of what it saw; without a backslash, so that it is the same in COPY's text.
fn observed(resource: usize, changed: usize) -> Value {
    json!({
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": false, "BlockPublicPolicy": true, "IgnorePublicAcls": false, "RestrictPublicBuckets": true
        },
        "Bucket": format!("bench-{resource}"),
        "Statements": [{ "Sid": format!("Round{changed}"), "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"] }],
    })
}
