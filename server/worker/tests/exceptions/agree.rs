//! What a line shows in the list is what an exception of the same line covers, in the preview, in force and in thought: of
//! every word that an exception may have, over a mixed estate.

use crate::estate::{Estate, all_read, bucket};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::filter::{FIELDS, Field, parse};
use plumbline_core::id::PersonId;
use plumbline_store::finding::{self, Order, Reader};
use plumbline_store::{PageRequest, exception};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::PgPool;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A hundred and twenty resources of several kinds and names, in a few places, some of them tagged, and about four failures
/// on each; all of it as a run would have left it.
pub(super) async fn mix(estate: &Estate) {
    estate.run(all_read(&[bucket("b", false)])).await;
    for sql in [
        "insert into sources (tenant_id, source_id, provider, name, settings, poll_seconds, created_at)
         select tenant_id, gen_random_uuid(), provider, 'prod registry', settings, poll_seconds, created_at from sources",
        "insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader,
             attributes, unread, tags, digest, exposure, criticality, first_seen, changed_at)
         select r.tenant_id, gen_random_uuid(), (select source_id from sources order by name offset n % 2 limit 1),
             (array['aws.s3.bucket', 'aws.ec2.instance', 'kubernetes.workload'])[1 + n % 3], 'uid-' || n,
             (array['sandbox-', 'Sandbox-', 'team/api-', 'team/deep/', 'ü-', ''])[1 + n % 6] || n, (n % 4)::text || '11122223333',
             (array['eu-west-1', 'eu-central-1', 'us-east-1'])[1 + n / 2 % 3], r.scope_region, r.reader,
             case when n % 5 < 2 then jsonb_build_object('metadata', jsonb_build_object('namespace', 'shop' || n % 2))
                 else '{}' end, r.unread,
             case n % 4 when 0 then '{}' when 1 then '{\"team\": \"lab\"}' when 2 then '{\"team\": \"shop\", \"env\": \"dev, or so\"}'
                 else '{\"env\": \"\"}' end::jsonb,
             r.digest, 'none', 'low', r.first_seen, r.changed_at
         from resources r cross join generate_series(1, 120) n where r.name = 'b'",
        "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
             exposure, criticality, likelihood, blast, loss, risk, fix_id, observed, message, subject, first_seen, opened_at)
         select f.tenant_id, gen_random_uuid(), r.source_id, r.resource_id, c.id, 'open',
             c.severity, r.account, r.region,
             (array['none', 'private', 'internet'])[1 + (n + m / 2) % 3], (array['low', 'normal', 'high'])[1 + (n / 3 + m) % 3],
             (array['unlikely', 'possible', 'open', 'likely', 'exploited'])[1 + (n + 2 * m) % 5],
             (array['none', 'secrets', 'machine', 'admin'])[1 + (n / 2 + m) % 4], 100 + n + m, n % 100, f.fix_id, f.observed,
             f.message, case m % 3 when 0 then '' when 1 then 'CVE-2031-000' || n % 3 else 'pkg' || n % 2 end, f.first_seen,
             f.opened_at
         from findings f
         cross join (select *, row_number() over (order by uid) as n from resources where uid like 'uid-%') r
         cross join generate_series(0, 3) m
         cross join lateral (select id, severity from (select *, row_number() over (order by id) as place from checks_given
             where kind = r.kind) c where place = 1 + (n + m) % 3) c
         where f.resource_id = (select resource_id from resources where name = 'b')",
        "delete from finding_counts",
        "insert into finding_counts
         select tenant_id, check_id, state, source_id, account, region, exposure, criticality, count(*), sum(loss)
         from findings group by 1, 2, 3, 4, 5, 6, 7, 8",
        "delete from check_states",
        "insert into check_states (tenant_id, check_id, source_id, passed, failed, unknown, not_applicable, loss, net_loss)
         select tenant_id, check_id, source_id, 0, count(distinct resource_id), 0, 0, sum(loss), sum(loss)
         from findings group by 1, 2, 3",
    ] {
        if sql.contains("checks_given") {
            give_checks(estate).await;
        }
        sqlx::query(sql).execute(&estate.pool).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// Three checks of each of the kinds, of different severities where it has such.
async fn give_checks(estate: &Estate) {
    let mut given: Vec<(&str, &str, &str)> = Vec::new();
    for kind in ["aws.s3.bucket", "aws.ec2.instance", "kubernetes.workload"] {
        let mut of_kind: Vec<_> = estate.worker.catalogue.checks().filter(|check| check.resource == kind).collect();
        let mut seen = BTreeSet::new();
        of_kind.sort_by_cached_key(|check| !seen.insert(check.severity));
        let three = of_kind.into_iter().take(3);
        given.extend(three.map(|check| (check.id.as_str(), kind, check.severity.as_str())));
    }
    assert_eq!(given.len(), 9);
    sqlx::query("create table checks_given (id text, kind text, severity text)")
        .execute(&estate.pool)
        .await
        .expect("a table");
    for (id, kind, severity) in given {
        let sql = "insert into checks_given values ($1, $2, $3)";
        sqlx::query(sql).bind(id).bind(kind).bind(severity).execute(&estate.pool).await.expect("a check");
    }
}

/// The findings that the list of a line shows.
pub(super) async fn shown(estate: &Estate, line: &str) -> BTreeSet<Uuid> {
    let typed = format!("{line} state:any");
    let words = parse(&typed).unwrap_or_else(|mistake| panic!("{typed}: {mistake}"));
    let reader = Reader { me: PersonId(Uuid::nil()), now: estate.worker.mint.now() };
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let terms = estate.worker.catalogue.terms();
    let filter = finding::meaning(&mut tx, terms, &words, &typed, reader).await;
    let filter = filter.unwrap_or_else(|refusal| panic!("{typed}: {refusal}"));
    let page = PageRequest { after: None, size: 100_000 };
    let found = finding::list(&mut tx, &filter, Order::Risk, &page).await.expect("a list");
    found.items.into_iter().map(|row| row.finding_id).collect()
}

/// Values that a word about a field may name: some that are there, some that are not, and patterns.
fn values(estate: &Estate, field: Field, ids: &[String]) -> Vec<String> {
    let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    match field {
        Field::Check => [&own(&["aws_*", "*_s3_*", "no_such_check"])[..], ids].concat(),
        Field::Framework => {
            let frameworks = estate.worker.catalogue.frameworks().map(|framework| framework.id.clone());
            frameworks.chain(["cis_*".to_owned()]).collect()
        }
        Field::Control => own(&["2.1.1", "2.*", "5.1", "1.?"]),
        Field::Source => own(&["scripted", "\"prod registry\"", "Scripted"]),
        Field::Account => own(&["011122223333", "1*", "?1112222333?", "none"]),
        Field::Region => own(&["eu-west-1", "eu-*", "us-east-1", "mars"]),
        Field::Kind => own(&["aws.s3.bucket", "aws.*", "kubernetes.workload", "image"]),
        Field::Namespace => own(&["shop0", "shop1", "shop*"]),
        Field::Tag => own(&["team", "team=lab", "team=la", "env=", "env", "\"env=dev, or so\""]),
        Field::Resource => {
            own(&["sandbox-", "SAND", "sandbox-*", "team/*", "team/**", "uid-7", "**-1?", "ü-", "\"\\\\\""])
        }
        Field::Cve => own(&["CVE-2031-0001", "cve-2031-0002", "pkg1", "PKG1"]),
        few => own(few.values()),
    }
}

fn word(estate: &Estate, rng: &mut StdRng, ids: &[String], field: Field) -> String {
    let values = values(estate, field, ids);
    let mut one = || values[rng.random_range(0..values.len())].clone();
    let (first, second) = (one(), one());
    let ordered = matches!(field.info().shape, plumbline_core::filter::Shape::Ordered(_));
    let how = if ordered { [":", ">=", "<=", ">", "<"][rng.random_range(0..5)] } else { ":" };
    let named = if how == ":" && rng.random_bool(0.4) && first != second { format!("{first},{second}") } else { first };
    format!("{}{}{how}{named}", if rng.random_bool(0.3) { "-" } else { "" }, field.word())
}

/// Lines of one to three words, of every field an exception may have at least six.
fn lines(estate: &Estate, ids: &[String]) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(17);
    let fields: Vec<Field> = FIELDS.iter().map(|info| info.field).filter(|field| field.passing().is_none()).collect();
    let mut lines = Vec::new();
    for field in &fields {
        for _ in 0..8 {
            let mut words = vec![word(estate, &mut rng, ids, *field)];
            for _ in 0..rng.random_range(0..3) {
                let other = fields[rng.random_range(0..fields.len())];
                words.push(word(estate, &mut rng, ids, other));
            }
            lines.push(words.join(" "));
        }
    }
    lines
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_list_the_preview_the_cover_and_the_thought_of_a_line_agree(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    estate.judge_by_all_checks();
    mix(&estate).await;
    let ids: Vec<String> =
        sqlx::query_scalar("select id from checks_given").fetch_all(&estate.pool).await.expect("checks");
    let terms = estate.worker.catalogue.terms();
    let (mut kept, mut nonempty) = (Vec::new(), 0);
    for typed in lines(&estate, &ids) {
        let list = shown(&estate, &typed).await;
        nonempty += usize::from(!list.is_empty());
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let line = exception::line(&mut tx, terms, &typed).await.unwrap_or_else(|error| panic!("{typed}: {error}"));
        let scope = Scope::Filter(line.clone());
        let preview = exception::preview(&mut tx, &scope, &estate.worker.weighing).await.expect("a preview");
        let thought =
            exception::in_thought(&mut tx, terms, std::slice::from_ref(&line), &[], &Default::default()).await;
        let thought = thought.expect("a thought");
        let count = i64::try_from(list.len()).expect("few");
        assert_eq!((preview.findings, thought.counts[0], thought.at_least), (count, (count, false), false), "{typed}");
        assert_eq!(thought.taken.values().sum::<i64>(), preview.loss, "{typed}");
        kept.push((typed, line, list));
    }
    assert!(nonempty * 2 > kept.len(), "most lines leave something: {nonempty} of {}", kept.len());
    all_together(&estate, &kept).await;

    // In force at once, and one over everything that puts all findings before them.
    let now = estate.worker.mint.now();
    sqlx::query(
        "insert into exceptions (tenant_id, exception_id, state, kind, scope, reason, requested_by, approved_by, created_at,
             expires_at, decided_at)
         select $1, gen_random_uuid(), 'in_force', 'accepted_risk', jsonb_build_object('filter', line),
             'a line of the test: ' || place, gen_random_uuid(), gen_random_uuid(), $3, $3 + interval '30 days', $3
         from unnest($2::text[]) with ordinality l (line, place)",
    )
    .bind(estate.tenant.0)
    .bind(kept.iter().map(|(_, line, _)| line.clone()).collect::<Vec<_>>())
    .bind(now)
    .execute(&estate.pool)
    .await
    .expect("in force");
    estate.except(&Scope::Filter("severity>=low".to_owned()), ExceptionKind::AcceptedRisk, 30).await;
    for (place, (typed, _, list)) in kept.iter().enumerate() {
        let covered: Vec<(Uuid, i64)> = sqlx::query_as(
            "select x.finding_id, e.covers from exceptions e join exception_findings x using (tenant_id, exception_id)
             where e.reason = $1 and x.until is null",
        )
        .bind(format!("a line of the test: {}", place + 1))
        .fetch_all(&estate.pool)
        .await
        .expect("covered");
        assert!(covered.iter().all(|(_, covers)| usize::try_from(*covers) == Ok(list.len())), "{typed}");
        assert_eq!(covered.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>(), *list, "{typed}");
    }
}

/// Of several lines together each finding counts once, and what fixes take is theirs.
async fn all_together(estate: &Estate, kept: &[(String, String, BTreeSet<Uuid>)]) {
    let fix: Uuid = sqlx::query_scalar("select gen_random_uuid()").fetch_one(&estate.pool).await.expect("an id");
    sqlx::query("update findings set fix_id = $1 where risk % 3 = 0")
        .bind(fix)
        .execute(&estate.pool)
        .await
        .expect("fixed");
    for some in kept.chunks(4) {
        let ids: BTreeSet<Uuid> = some.iter().flat_map(|(.., list)| list.iter().copied()).collect();
        let (wanted,): (i64,) = sqlx::query_as(
            "select coalesce(sum(loss), 0)::bigint from findings where finding_id = any($1) and fix_id <> $2",
        )
        .bind(ids.into_iter().collect::<Vec<_>>())
        .bind(fix)
        .fetch_one(&estate.pool)
        .await
        .expect("a sum");
        let lines: Vec<String> = some.iter().map(|(_, line, _)| line.clone()).collect();
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let terms = estate.worker.catalogue.terms();
        let fixes = [plumbline_core::id::FixId(fix)];
        let thought =
            exception::in_thought(&mut tx, terms, &lines, &fixes, &Default::default()).await.expect("a thought");
        assert_eq!((thought.taken.values().sum::<i64>(), thought.at_least), (wanted, false), "{lines:?}");
    }
}
