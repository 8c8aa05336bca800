//! Builders of what tests of pages look at. They name only what matters; the rest is one account in one region.

mod images;

pub use images::software_key;

use crate::app::{TestApp, noon};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{FindingId, FixId, ResourceId, RunId, SourceId, TenantId};
use plumbline_core::layer::Layer;
use plumbline_core::risk::{Criticality, Exposure, Risk};
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::{Database, reconcile};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

/// The account that things are in when nobody says otherwise.
pub const ACCOUNT: &str = "111122223333";
/// And the region.
pub const REGION: &str = "eu-west-1";

/// A source of a tenant, with what was seen in it.
pub struct Estate<'a> {
    app: &'a TestApp,
    pub tenant: TenantId,
    pub source: SourceId,
    pub run: RunId,
}

/// A resource to be put into an estate.
#[derive(Debug, Clone)]
pub struct NewResource<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    pub region: &'a str,
    pub exposure: Exposure,
    pub attributes: Value,
    pub unread: Value,
    pub tags: Value,
}

impl<'a> NewResource<'a> {
    /// A resource of the kind that a check judges.
    #[must_use]
    pub fn of(check: &'a Check, name: &'a str) -> Self {
        Self {
            kind: &check.resource,
            name,
            region: REGION,
            exposure: Exposure::Private,
            attributes: json!({}),
            unread: json!({}),
            tags: json!({}),
        }
    }
}

/// Some check of the cloud's layer, by its place in the order of ids.
#[must_use]
pub fn check(at: usize) -> &'static Check {
    let mut of_cloud = Catalogue::builtin().checks().filter(|check| check.layer == Layer::Cloud);
    of_cloud.nth(at).expect("that many checks")
}

impl<'a> Estate<'a> {
    /// Connects a source called Production in Harbor Lane, read once and completely.
    pub async fn of(app: &'a TestApp) -> Self {
        Self::in_tenant(app, app.tenant.id).await
    }

    /// The same in another tenant.
    pub async fn in_tenant(app: &'a TestApp, tenant: TenantId) -> Self {
        let estate = Self { app, tenant, source: SourceId::mint(&app.mint), run: RunId::mint(&app.mint) };
        let settings = json!({ "access": { "by": "access_key" }, "home_region": "us-east-1", "regions": [] });
        estate
            .sql(format!(
                "insert into sources (tenant_id, source_id, provider, name, settings, poll_seconds, created_at, last_run_id)
                 values ('{tenant}', '{source}', 'aws', 'Production', '{settings}', 900, '{now}', '{run}');
                 insert into runs (tenant_id, run_id, source_id, state, started_at, finished_at, scopes_planned,
                     scopes_complete, resources_seen)
                 values ('{tenant}', '{run}', '{source}', 'complete', '{now}', '{now}', 4, 4, 12)",
                source = estate.source,
                run = estate.run,
                now = noon().to_rfc3339(),
            ))
            .await;
        estate
    }

    async fn sql(&self, text: String) {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&self.app.pool).await.expect("rows");
    }

    /// Puts a resource in, listed by a scope that was read completely.
    pub async fn resource(&self, new: &NewResource<'_>) -> ResourceId {
        let uid = uid(new.name);
        let id = ResourceId::derive(self.source, &uid);
        self.sql(format!(
            "insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader,
                 attributes, unread, tags, digest, exposure, criticality, first_seen, changed_at)
             values ('{tenant}', '{id}', '{source}', '{kind}', '{uid}', '{name}', '{ACCOUNT}', '{region}', '{region}', '{reader}',
                 '{attributes}', '{unread}', '{tags}', '\\x00', '{exposure}', 'normal', '{now}', '{now}');
             insert into scopes (tenant_id, source_id, account, region, reader, outcome, last_run_id, tried_at, complete_at)
             values ('{tenant}', '{source}', '{ACCOUNT}', '{region}', '{reader}', 'complete', '{run}', '{now}', '{now}')
             on conflict do nothing",
            tenant = self.tenant,
            source = self.source,
            run = self.run,
            kind = new.kind,
            name = new.name,
            region = new.region,
            reader = new.kind,
            attributes = new.attributes,
            unread = new.unread,
            tags = new.tags,
            exposure = new.exposure.as_str(),
            now = noon().to_rfc3339(),
        ))
        .await;
        id
    }

    /// Follows the edges from everything that is on the internet, as the end of a run does.
    pub async fn reach(&self) {
        let mut tx = Database::from_pool(self.app.pool.clone()).tenant(self.tenant).await.expect("a door");
        reconcile::reach(&mut tx).await.expect("reached");
        tx.commit().await.expect("kept");
    }

    /// Says what a check decides on a resource. A failure becomes an open finding.
    pub async fn verdict(&self, resource: ResourceId, check: &Check, verdict: Verdict) -> FindingId {
        let missing = match verdict {
            Verdict::Unknown => "'[{\"what\":\"Policy\",\"permission\":\"s3:GetBucketPolicy\",\"detail\":\"denied\"}]'",
            _ => "null",
        };
        self.sql(format!(
            "insert into verdicts (tenant_id, resource_id, check_id, verdict, since, missing)
             values ('{}', '{resource}', '{}', '{}', '{}', {missing})",
            self.tenant,
            check.id,
            verdict.as_str(),
            noon().to_rfc3339(),
        ))
        .await;
        if verdict == Verdict::Fail {
            self.finding(resource, check).await;
        }
        FindingId::derive(resource, &check.id)
    }

    async fn finding(&self, resource: ResourceId, check: &Check) {
        let (exposure,): (String,) = sqlx::query_as("select exposure from resources where resource_id = $1")
            .bind(resource.0)
            .fetch_one(&self.app.pool)
            .await
            .expect("the resource");
        let exposure = Exposure::parse(&exposure).expect("an exposure");
        let risk = Risk::of(check.severity, exposure, Criticality::Normal);
        self.sql(format!(
            "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
                 exposure, criticality, loss, risk, fix_id, observed, message, first_seen, opened_at)
             select '{tenant}', '{finding}', '{source}', resource_id, '{check}', 'open', '{severity}', account, region, exposure,
                 criticality, {loss}, {shown}, '{fix}', '{{\"Seen\": true}}', 'It was seen.', '{now}', '{now}'
             from resources where resource_id = '{resource}';
             insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, run_id)
             values ('{tenant}', '{finding}', '{now}', 'opened', '{check}', {loss}, {loss}, '{run}');
             insert into fixes (tenant_id, fix_id, source_id, fix_key, target, account, region, open_findings, resources, loss, gain)
             values ('{tenant}', '{fix}', '{source}', '{key}', '{ACCOUNT}', '{ACCOUNT}', '{REGION}', 0, 0, 0, 0)
             on conflict do nothing",
            tenant = self.tenant,
            finding = FindingId::derive(resource, &check.id),
            source = self.source,
            run = self.run,
            check = check.id,
            severity = check.severity.as_str(),
            loss = risk.loss(),
            shown = risk.shown(),
            fix = self.fix(check),
            key = check.fix.key,
            now = noon().to_rfc3339(),
        ))
        .await;
    }

    /// The fix that closes a check's findings here.
    #[must_use]
    pub fn fix(&self, check: &Check) -> FixId {
        FixId::derive(self.source, &check.fix.key, ACCOUNT)
    }

    /// Brings the sums that pages read up to what was put in, and writes the posture.
    pub async fn add_up(&self, score: f64) {
        let tenant = self.tenant;
        self.sql(format!(
            "insert into finding_counts
             select tenant_id, check_id, state, source_id, account, region, exposure, criticality, count(*), sum(loss)
             from findings where tenant_id = '{tenant}' group by 1, 2, 3, 4, 5, 6, 7, 8;
             insert into check_states (tenant_id, check_id, source_id, loss, net_loss, passed, failed, unknown, not_applicable)
             select v.tenant_id, v.check_id, r.source_id, coalesce(sum(f.loss), 0), coalesce(sum(f.loss), 0),
                 count(*) filter (where verdict = 'pass'), count(*) filter (where verdict = 'fail'),
                 count(*) filter (where verdict = 'unknown'), count(*) filter (where verdict = 'not_applicable')
             from verdicts v join resources r using (tenant_id, resource_id)
             left join findings f using (tenant_id, resource_id, check_id)
             where v.tenant_id = '{tenant}' group by 1, 2, 3;
             insert into resource_counts
             select tenant_id, source_id, kind, account, region, count(*) from resources
             where tenant_id = '{tenant}' and retired_at is null group by 1, 2, 3, 4, 5;
             insert into fix_checks
             select tenant_id, fix_id, check_id, count(*), sum(loss) from findings where tenant_id = '{tenant}' group by 1, 2, 3;
             update fixes x set open_findings = n.findings, resources = n.findings, loss = n.loss, gain = n.loss / 1000.0
             from (select fix_id, sum(findings) as findings, sum(loss) as loss from fix_checks group by 1) n
             where x.fix_id = n.fix_id and x.tenant_id = '{tenant}'"
        ))
        .await;
        self.posture(noon(), score).await;
    }

    /// Writes the posture of an instant.
    pub async fn posture(&self, at: DateTime<Utc>, score: f64) {
        let parts = json!({ "layer:cloud": score, "framework:cis_aws_5.0": score });
        self.sql(format!(
            "insert into postures (tenant_id, at, run_id, catalogue_version, score, gross_score, coverage, open_findings, parts)
             values ('{}', '{}', '{}', 'test', {score}, {}, 0.875, 3, '{parts}')",
            self.tenant,
            at.to_rfc3339(),
            self.run,
            score - 1.5,
        ))
        .await;
    }

    /// Says why the score changed a while before noon.
    pub async fn changed(&self, cause: &str, delta: f64, findings: i64) {
        let at = noon() - TimeDelta::hours(1);
        self.sql(format!(
            "insert into score_ledger (tenant_id, at, cause, delta, gross_delta, findings, detail)
             values ('{}', '{}', '{cause}', {delta}, {delta}, {findings}, '[]')",
            self.tenant,
            at.to_rfc3339(),
        ))
        .await;
    }

    /// Draws an edge from one resource to the other's uid.
    pub async fn edge(&self, from: ResourceId, relation: &str, to: &str) {
        self.sql(format!(
            "insert into edges (tenant_id, from_id, relation, to_uid) values ('{}', '{from}', '{relation}', '{to}')",
            self.tenant
        ))
        .await;
    }

    /// Takes a region out of sight: what lists its resources is denied from now on.
    pub async fn blind(&self, region: &str, permission: &str) {
        self.sql(format!(
            "update scopes set outcome = 'denied', permission = '{permission}', tried_at = tried_at + interval '1 hour'
             where tenant_id = '{}' and region = '{region}'",
            self.tenant
        ))
        .await;
    }
}

/// The uid of a resource of an estate.
#[must_use]
pub fn uid(name: &str) -> String {
    format!("arn:aws:example:{REGION}:{ACCOUNT}:{name}")
}
