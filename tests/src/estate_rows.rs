//! One of each thing that a link can name, put straight into the tables: what tests of routes need and no more.

use crate::app::{TestApp, noon};
use plumbline_core::id::{
    AuditId, BillId, ExceptionId, FindingId, FixId, PathId, PersonId, PlanId, ResourceId, RunId, SourceId, TrackerId,
    ViewId,
};
use plumbline_software::layer::Software;
use plumbline_store::tenant::Tenant;
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

/// The ids of one tenant's things, by the name that a route's path has for them.
pub type Named = BTreeMap<&'static str, String>;

/// Puts one source, run, resource, image, component, finding and fix into a tenant. `member` is one of its members.
pub async fn one_of_each(app: &TestApp, tenant: &Tenant, member: PersonId) -> Named {
    let check = app_check();
    let source = SourceId::mint(&app.mint);
    let run = RunId::mint(&app.mint);
    let resource = ResourceId::derive(source, "arn:aws:s3:::ledger");
    let finding = FindingId::derive(resource, &check.id);
    let fix = FixId::derive(source, &check.fix_key, "111122223333");
    let image = ResourceId::derive(source, "registry.example.com/shop@sha256:a");
    let component = ResourceId::derive(source, "lodash");
    let bill = BillId::mint(&app.mint);
    let plan = PlanId::mint(&app.mint);
    let (team, bulk) = (AuditId::mint(&app.mint), AuditId::mint(&app.mint));
    let view = ViewId::mint(&app.mint);
    let exception = ExceptionId::mint(&app.mint);
    let tracker = TrackerId::mint(&app.mint);
    let attack_path = PathId::mint(&app.mint);
    let software = hex(&Software::default().pack());
    let (t, now) = (tenant.id, noon().to_rfc3339());
    let sql = format!(
        "insert into sources (tenant_id, source_id, provider, name, settings, poll_seconds, created_at, last_run_id)
         values ('{t}', '{source}', 'aws', 'Payments', '{{}}', 900, '{now}', '{run}');
         insert into runs (tenant_id, run_id, source_id, state, started_at, finished_at, scopes_planned, scopes_complete)
         values ('{t}', '{run}', '{source}', 'complete', '{now}', '{now}', 1, 1);
         insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader,
             attributes, unread, tags, digest, exposure, criticality, first_seen, changed_at)
         values ('{t}', '{resource}', '{source}', '{kind}', 'arn:aws:s3:::ledger', 'ledger', '111122223333', 'eu-west-1',
             'eu-west-1', 's3.buckets', '{{}}', '{{}}', '{{}}', '\\x00', 'none', 'normal', '{now}', '{now}');
         insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader,
             attributes, unread, tags, digest, exposure, criticality, first_seen, changed_at)
         values ('{t}', '{image}', '{source}', 'image', 'registry.example.com/shop@sha256:a', 'shop:1.0',
             'registry.example.com', 'shop', 'shop', 'registry.images', '{{\"Software\": \"software a\"}}', '{{}}', '{{}}',
             '\\x00', 'none', 'normal', '{now}', '{now}');
         insert into memories (tenant_id, key, content, kept_at) values ('{t}', 'software a', '\\x{software}', '{now}');
         insert into bills (tenant_id, bill_id, source_id, kind, name, version, format, made, software, components, left_out,
             examples, uploaded_at, uploaded_by)
         values ('{t}', '{bill}', '{source}', 'application', 'till', '1.0', 'SPDX', '', 'bill/a', 0, 0, '[]', '{now}', '{member}');
         insert into packages (tenant_id, package_id, type, name, version, purl, judged)
         values ('{t}', '{component}', 'npm', 'lodash', '4.17.20', 'pkg:npm/lodash@4.17.20', true);
         insert into installations (tenant_id, software, package_id, path, layer)
         values ('{t}', 'software a', '{component}', 'app/package-lock.json', 0);
         insert into verdicts (tenant_id, resource_id, check_id, verdict, since)
         values ('{t}', '{resource}', '{check}', 'fail', '{now}');
         insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
             exposure, criticality, loss, risk, fix_id, observed, message, first_seen, opened_at)
         values ('{t}', '{finding}', '{source}', '{resource}', '{check}', 'open', 'high', '111122223333', 'eu-west-1', 'none',
             'normal', 700, 20, '{fix}', '{{}}', '', '{now}', '{now}');
         insert into fixes (tenant_id, fix_id, source_id, fix_key, target, account, region, open_findings, resources, loss, gain)
         values ('{t}', '{fix}', '{source}', '{fix_key}', '111122223333', '111122223333', 'eu-west-1', 1, 1, 700, 1.5);
         insert into fix_checks (tenant_id, fix_id, check_id, findings, loss) values ('{t}', '{fix}', '{check}', 1, 700);
         insert into plans (tenant_id, plan_id, name, part, target, due, score_then, score_planned, at_least, made_by, made_at)
         values ('{t}', '{plan}', 'To 85', 'whole', 85, '2026-12-24', 70, 86, 1, '{member}', '{now}');
         insert into plan_fixes (tenant_id, plan_id, fix_id, place) values ('{t}', '{plan}', '{fix}', 1);
         insert into teams (tenant_id, team_id, name, created_at) values ('{t}', '{team}', 'Payments', '{now}');
         insert into bulk_actions (tenant_id, bulk_id, person_id, actor, at, action, q, detail, findings)
         values ('{t}', '{bulk}', '{member}', 'Somebody', '{now}', 'start', 'severity=high', 'in progress', 0);
         insert into finding_comments (tenant_id, finding_id, comment_no, at, person_id, author, body, mentioned)
         overriding system value values ('{t}', '{finding}', 1, '{now}', '{member}', 'Somebody', 'Looked at it.', '{{}}');
         insert into inbox (tenant_id, person_id, item_no, at, kind, subject, link)
         overriding system value values ('{t}', '{member}', 1, '{now}', 'assigned', 'Given to you', '/findings/{finding}');
         insert into views (tenant_id, view_id, person_id, name, filter, sort, shared, created_at)
         values ('{t}', '{view}', '{member}', 'Worst', 'severity:critical', 'risk', true, '{now}');
         insert into exceptions (tenant_id, exception_id, finding_id, scope, reason, requested_by, created_at, expires_at)
         values ('{t}', '{exception}', '{finding}', '{{\"finding\": \"{finding}\"}}', 'known for the length of a test',
             '{member}', '{now}', '{now}'::timestamptz + interval '30 days');
         insert into trackers (tenant_id, tracker_id, kind, name, base_url, project, settings, created_at)
         values ('{t}', '{tracker}', 'github', 'Issues', 'https://api.github.com', 'shop/api', '{{}}', '{now}');
         insert into exception_attachments (tenant_id, exception_id, name, media_type, content)
         values ('{t}', '{exception}', 'attachment.txt', 'text/plain', 'seen');
         insert into attack_paths (tenant_id, path_id, entrance_id, foothold_id, target_id, goal, likelihood, risk, length, steps,
             first_seen)
         values ('{t}', '{attack_path}', '{resource}', '{resource}', '{resource}', 'data', 'open', 60, 0,
             '[{{\"resource\": \"{resource}\", \"relation\": \"\", \"needs\": []}}]', '{now}');",
        kind = check.kind,
        check = check.id,
        fix_key = check.fix_key,
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.pool).await.expect("one of each");
    BTreeMap::from([
        ("source", source.to_string()),
        ("run", run.to_string()),
        ("resource", resource.to_string()),
        ("image", image.to_string()),
        ("component", component.to_string()),
        ("attack_path", attack_path.to_string()),
        ("bill", bill.to_string()),
        ("finding", finding.to_string()),
        ("fix", fix.to_string()),
        ("plan", plan.to_string()),
        ("exception", exception.to_string()),
        ("tracker", tracker.to_string()),
        ("person", member.to_string()),
        ("team", team.to_string()),
        ("bulk", bulk.to_string()),
        ("comment", "1".to_owned()),
        ("item", "1".to_owned()),
        ("view", view.to_string()),
    ])
}

/// As Postgres writes bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct AnyCheck {
    id: String,
    kind: String,
    fix_key: String,
}

/// Any check of the content; rows have to name one that the pages know.
fn app_check() -> AnyCheck {
    let check = plumbline_policy::Catalogue::builtin().checks().next().expect("a check");
    AnyCheck { id: check.id.clone(), kind: check.resource.clone(), fix_key: check.fix.key.clone() }
}
