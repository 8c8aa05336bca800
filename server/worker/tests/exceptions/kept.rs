//! Exceptions that were asked for before they were lines cover what they covered.

use super::agree::{mix, shown};
use crate::estate::Estate;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::types::Json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The migration that makes lines of them.
const LINES: i64 = 20_261_130_120_000;

/// The condition that they were compared with findings by.
const COVERED: &str = "select f.finding_id from findings f join resources r using (tenant_id, resource_id),
         (select $1::jsonb as s) old
     where (s -> 'checks' is null or s -> 'checks' ? f.check_id)
       and (s -> 'layer' is null or f.check_id = any($2))
       and (s -> 'severity_at_most' is null
            or array_position(array['low', 'medium', 'high', 'critical'], f.severity)
               <= array_position(array['low', 'medium', 'high', 'critical'], s ->> 'severity_at_most'))
       and (s -> 'account' is null or f.account = s ->> 'account')
       and (s -> 'region' is null or f.region = s ->> 'region')
       and (s -> 'source' is null or f.source_id = (s ->> 'source')::uuid)
       and (s -> 'kind' is null or r.kind = s ->> 'kind')
       and (s -> 'tag' is null or r.tags ->> (s -> 'tag' ->> 0) = s -> 'tag' ->> 1)
       and (s -> 'name' is null or r.name ~ $3)
       and (s -> 'subject' is null or f.subject = s ->> 'subject')";

/// What was kept, and the line that it becomes.
fn kept() -> Vec<(Value, String)> {
    let lines = [
        (json!({ "checks": ["a", "b", "a"], "layer": "cloud" }), "check:a,b key:cloud"),
        (json!({ "layer": "cloud", "tag": ["team", "lab"] }), "key:cloud tag:team=lab"),
        (json!({ "severity_at_most": "medium", "region": "eu-west-1" }), "severity<=medium region:eu-west-1"),
        (json!({ "account": "111122223333", "kind": "aws.s3.bucket" }), "account:111122223333 kind:aws.s3.bucket"),
        (json!({ "tag": ["env", "dev, or so"] }), "tag:\"env=dev, or so\""),
        (json!({ "tag": ["env", ""] }), "tag:env="),
        (json!({ "tag": ["env", "a\"b\\c"] }), "tag:\"env=a\\\"b\\\\c\""),
        (json!({ "name": "sandbox-*" }), "resource:sandbox-*"),
        (json!({ "name": "team/**" }), "resource:team/**"),
        (json!({ "name": "Sandbox-1" }), "resource:Sandbox-1** -resource:Sandbox-1?**,Sandbox-1/**"),
        (json!({ "name": "team/api-2" }), "resource:team/api-2** -resource:team/api-2?**,team/api-2/**"),
        (json!({ "subject": "CVE-2031-0001" }), "cve:CVE-2031-0001"),
        (json!({ "subject": "pkg1" }), "cve:pkg1 -cve:PKG1"),
        (json!({ "region": "eu-*" }), "nothing-is-called:eu-*"),
    ];
    lines.into_iter().map(|(old, line)| (old, line.to_owned())).collect()
}

#[sqlx::test(migrations = false)]
async fn what_was_kept_as_fields_covers_the_same_as_a_line(pool: PgPool) {
    let all = sqlx::migrate!("../../migrations");
    let mut before = sqlx::migrate!("../../migrations");
    before.migrations.to_mut().retain(|migration| migration.version < LINES);
    before.run(&pool).await.expect("the schema before");
    for (place, (old, _)) in (0..).zip(kept()) {
        sqlx::query(
            "insert into exceptions (tenant_id, exception_id, state, kind, scope, reason, requested_by, created_at, expires_at)
             values (gen_random_uuid(), $1, 'asked', 'accepted_risk', $2, 'kept as it was asked for', gen_random_uuid(),
                 now(), now() + interval '9 days')",
        )
        .bind(Uuid::from_u128(place))
        .bind(json!({ "filter": old }))
        .execute(&pool)
        .await
        .expect("an exception");
    }

    all.run(&pool).await.expect("the schema now");

    let lines: Vec<Json<Value>> =
        sqlx::query_scalar("select scope from exceptions order by exception_id").fetch_all(&pool).await.expect("lines");
    let wanted: Vec<Value> = kept().into_iter().map(|(_, line)| json!({ "filter": line })).collect();
    assert_eq!(lines.into_iter().map(|Json(line)| line).collect::<Vec<_>>(), wanted);
    cover_the_same(pool).await;
}

async fn cover_the_same(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    estate.judge_by_all_checks();
    mix(&estate).await;
    let source: Uuid = sqlx::query_scalar("select source_id from sources where name = 'prod registry'")
        .fetch_one(&estate.pool)
        .await
        .expect("a source");
    let by_source = (json!({ "source": source, "severity_at_most": "low" }), format!("severity<=low source:{source}"));
    let catalogue = estate.worker.catalogue;
    let of_cloud: Vec<String> =
        catalogue.checks().filter(|check| check.layer.as_str() == "cloud").map(|check| check.id.clone()).collect();
    let mut some = 0;
    for (old, line) in kept().into_iter().chain([by_source]) {
        let name = old["name"].as_str().map(plumbline_core::glob::regex).unwrap_or_default();
        let covered: Vec<Uuid> = sqlx::query_scalar(COVERED)
            .bind(&old)
            .bind(&of_cloud)
            .bind(name)
            .fetch_all(&estate.pool)
            .await
            .expect("what was covered");
        some += usize::from(!covered.is_empty());
        let now = if line.starts_with("nothing") { BTreeSet::new() } else { shown(&estate, &line).await };
        assert_eq!(covered.into_iter().collect::<BTreeSet<_>>(), now, "{line}");
    }
    assert!(some >= 10, "most of them cover something: {some}");
}
