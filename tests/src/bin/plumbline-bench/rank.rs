//! Ranking anew: blast radius and attack paths over a whole estate, a run that changed one finding of a hundred, and a
//! change of a hundred thousand findings by a person with its undo.

use crate::Arguments;
use crate::cluster::Cluster;
use crate::pages::estate;
use crate::table::{Table, number, per_second};
use anyhow::Context;
use plumbline_core::id::{AuditId, FindingId, FixId, PersonId, ResourceId, SourceId, TenantId};
use plumbline_core::path::Opens;
use plumbline_core::risk::{Criticality, Exposure, Risk};
use plumbline_core::triage::Move;
use plumbline_core::verdict::{Severity, Verdict};
use plumbline_policy::Catalogue;
use plumbline_policy::guard::{ENFORCES_POLICIES, ISOLATES_NAMESPACE};
use plumbline_store::finding::{self, FindingFilter, FindingState};
use plumbline_store::reconcile::{self, Decided, Failure, Isolation};
use plumbline_store::triage::{self, Bulk, Change};
use serde_json::Value;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Findings that a person changes at once.
const CHANGED: usize = 100_000;

pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let mut admin = cluster.admin().await?;
    let made = estate::ensure(&mut admin, arguments.findings, arguments.tenants).await?;
    graph(&mut admin, made.heavy).await?;
    let ranked = Ranked { cluster, tenant: made.heavy, size: count(made.findings) };
    let (context, paths, found) = ranked.paths().await?;
    table.row("rank", format!("{}: blast radius and guards, from nothing", ranked.size), seconds(context));
    table.row("rank", format!("{}: {found} attack paths, from nothing", ranked.size), seconds(paths));
    let (context, paths, _) = ranked.paths().await?;
    table.row("rank", format!("{}: both again, nothing moved", ranked.size), seconds(context + paths));
    for (lot, which) in [(0, "a run, the first with this content,"), (1, "the next run")] {
        let decided = ranked.one_in_a_hundred(&mut admin, lot).await?;
        let (took, moved) = ranked.run(&decided).await?;
        let label = format!("{}: {which} moved {}: risk, fixes, gains, score and ledger", ranked.size, count(moved));
        table.row("rank", label, seconds(took));
    }
    let (context, paths, _) = ranked.paths().await?;
    table.row("rank", format!("{}: blast radius and paths after it", ranked.size), seconds(context + paths));
    let (changed, undone, findings) = ranked.bulk().await?;
    table.row("rank", format!("{}: {} put in progress", ranked.size, count(findings)), seconds(changed));
    table.row("rank", format!("{}: the same undone", ranked.size), seconds(undone));
    Ok(())
}

fn count(findings: usize) -> String {
    format!("{} findings", number(per_second(findings, Duration::from_secs(1))))
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}

/// Workloads on the internet with their images, accounts and roles, a part of which can be taken over or administers;
/// once.
async fn graph(admin: &mut PgConnection, tenant: TenantId) -> anyhow::Result<()> {
    let openings = Catalogue::builtin().openings();
    let one = |opens: Opens, prefix: &str| {
        openings.of(opens).into_iter().find(|check| check.starts_with(prefix)).context("a check that opens something")
    };
    let statements: Vec<&str> = include_str!("rank.sql").split(";\n").filter(|text| !text.trim().is_empty()).collect();
    for statement in statements {
        sqlx::query(statement)
            .bind(tenant.0)
            .bind(one(Opens::Admin, "aws_iam_role")?)
            .bind(one(Opens::Escape, "kubernetes")?)
            .execute(&mut *admin)
            .await
            .with_context(|| statement.trim().to_owned())?;
    }
    Ok(())
}

/// A finding as it is stored, with its fix.
type Stored = (Uuid, Uuid, Uuid, String, String, String, String, String, Value, Uuid, String, String);

struct Ranked<'a> {
    cluster: &'a Cluster,
    tenant: TenantId,
    size: String,
}

impl Ranked<'_> {
    async fn paths(&self) -> anyhow::Result<(Duration, Duration, i64)> {
        let openings = Catalogue::builtin().openings();
        let mut tx = self.cluster.database.tenant(self.tenant).await?;
        reconcile::lock(&mut tx).await?;
        let began = Instant::now();
        let isolation = Isolation { namespace: ISOLATES_NAMESPACE, network: ENFORCES_POLICIES };
        reconcile::context(&mut tx, &openings, isolation).await?;
        let context = began.elapsed();
        reconcile::find_paths(&mut tx, &openings, self.cluster.mint.now()).await?;
        let paths = began.elapsed() - context;
        let found = plumbline_store::path::sums(&mut tx).await?.paths;
        tx.commit().await?;
        Ok((context, paths, found))
    }

    /// What a run decides of one open finding of a hundred, others for each lot: it became reachable from the internet.
    async fn one_in_a_hundred(&self, admin: &mut PgConnection, lot: i32) -> anyhow::Result<Vec<Decided>> {
        let rows: Vec<Stored> = sqlx::query_as(
            "select f.finding_id, f.source_id, f.resource_id, f.check_id, f.severity, f.criticality, f.account, f.region,
                 f.observed, f.fix_id, x.fix_key, x.target
             from findings f join fixes x on x.tenant_id = f.tenant_id and x.fix_id = f.fix_id
             where f.tenant_id = $1 and f.state = 'open' and f.exposure <> 'internet' and f.subject = ''
               and f.source_id = (select source_id from sources where tenant_id = $1 order by source_id limit 1)
               and abs(hashtext(f.finding_id::text)) % 100 / 3 = $2",
        )
        .bind(self.tenant.0)
        .bind(lot)
        .fetch_all(admin)
        .await?;
        rows.into_iter().map(decided).collect()
    }

    async fn run(&self, decided: &[Decided]) -> anyhow::Result<(Duration, usize)> {
        let source = SourceId(self.source().await?);
        let weighing = Catalogue::builtin().weighing();
        let mut tx = self.cluster.database.tenant(self.tenant).await?;
        reconcile::lock(&mut tx).await?;
        let began = Instant::now();
        reconcile::put_off(&mut tx).await?;
        reconcile::open_decisions(&mut tx).await?;
        for page in decided.chunks(5000) {
            reconcile::decide(&mut tx, page).await?;
        }
        let now = self.cluster.mint.now();
        let settled = reconcile::settle(&mut tx, source, None, &weighing, false, false, now).await?;
        tx.commit().await?;
        Ok((began.elapsed(), usize::try_from(settled.weighed)?))
    }

    async fn source(&self) -> anyhow::Result<Uuid> {
        let mut admin = self.cluster.admin().await?;
        let source =
            sqlx::query_scalar("select source_id from sources where tenant_id = $1 order by source_id limit 1")
                .bind(self.tenant.0)
                .fetch_one(&mut admin)
                .await?;
        Ok(source)
    }

    async fn bulk(&self) -> anyhow::Result<(Duration, Duration, usize)> {
        let mint = &self.cluster.mint;
        let by = PersonId(Uuid::from_u128(1));
        let change = Change::Move(Move::Start);
        let id = AuditId::mint(mint).0;
        let bulk = Bulk { id, by, actor: "Bench", change: &change, q: "state=open", detail: "in progress" };
        let mut tx = self.cluster.database.tenant(self.tenant).await?;
        reconcile::lock(&mut tx).await?;
        let began = Instant::now();
        let filter = FindingFilter {
            states: vec![FindingState::Open],
            accounts: self.accounts().await?,
            ..FindingFilter::default()
        };
        finding::matching(&mut tx, &filter).await?;
        let changed = triage::record(&mut tx, &bulk, mint.now()).await?;
        tx.commit().await?;
        let took = began.elapsed();
        let mut tx = self.cluster.database.tenant(self.tenant).await?;
        reconcile::lock(&mut tx).await?;
        let began = Instant::now();
        triage::undo(&mut tx, id, by, mint.now()).await?;
        tx.commit().await?;
        Ok((took, began.elapsed(), usize::try_from(changed.changed)?))
    }

    /// So many accounts that they have as many open findings as are to be changed, about.
    async fn accounts(&self) -> anyhow::Result<Vec<String>> {
        let mut admin = self.cluster.admin().await?;
        let accounts = sqlx::query_scalar(
            "select account from (
                 select account, sum(sum(findings)) over (order by account) as so_far from finding_counts
                 where tenant_id = $1 and state = 'open' group by account
             ) a where so_far <= $2 or so_far = (select min(findings) from (
                 select sum(findings) as findings from finding_counts where tenant_id = $1 and state = 'open' group by account) m)",
        )
        .bind(self.tenant.0)
        .bind(i64::try_from(CHANGED)?)
        .fetch_all(&mut admin)
        .await?;
        Ok(accounts)
    }
}

fn decided(row: Stored) -> anyhow::Result<Decided> {
    let (finding, _, resource, check, severity, criticality, account, region, observed, fix, fix_key, fix_target) = row;
    let severity = Severity::parse(&severity).context("a severity")?;
    let criticality = Criticality::parse(&criticality).context("a criticality")?;
    let failure = Failure {
        finding: FindingId(finding),
        subject: String::new(),
        message: "Reachable from the internet.".to_owned(),
        risk: Risk::of(severity, Exposure::Internet, criticality),
        account,
        region,
        observed,
        fix: FixId(fix),
        fix_key,
        fix_target,
    };
    Ok(Decided {
        resource: ResourceId(resource),
        check,
        verdict: Verdict::Fail,
        message: failure.message.clone(),
        missing: None,
        failures: vec![failure],
    })
}
