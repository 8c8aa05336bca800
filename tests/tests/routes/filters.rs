//! What the words of a filter mean: every page of a list against a plain evaluation of the same words.

use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::risk::Exposure;
use plumbline_core::role::Role;
use plumbline_core::verdict::Verdict;
use plumbline_policy::Catalogue;
use plumbline_tests::app::noon;
use plumbline_tests::builders::{Estate, NewResource, check};
use plumbline_tests::{Answer, TestApp};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

/// All that is known of a finding, for the plain evaluation.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Fact {
    finding_id: Uuid,
    check_id: String,
    state: String,
    stage: String,
    severity: String,
    risk: i16,
    account: String,
    region: String,
    exposure: String,
    criticality: String,
    likelihood: String,
    blast: String,
    subject: String,
    assignee_id: Option<Uuid>,
    team_id: Option<Uuid>,
    opened_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    name: String,
    kind: String,
    tags: sqlx::types::Json<serde_json::Value>,
    attributes: sqlx::types::Json<serde_json::Value>,
    paths_cut: i32,
}

impl Fact {
    fn due_within(&self, days: i64) -> bool {
        self.state == "open" && self.due_at.is_some_and(|due| due < noon() + TimeDelta::days(days))
    }

    fn age(&self) -> TimeDelta {
        noon() - self.opened_at
    }

    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.0[key].as_str()
    }

    fn check(&self) -> &'static plumbline_policy::Check {
        Catalogue::builtin().check(&self.check_id).expect("a check of the catalogue")
    }
}

/// A hundred and forty findings of three checks that differ in everything a filter can ask.
async fn estate(app: &TestApp) -> (Uuid, Vec<Fact>) {
    let estate = Estate::of(app).await;
    let exposures = [Exposure::Internet, Exposure::Private, Exposure::None];
    for at in 0..140_usize {
        let check = check([0, 7, 19][at % 3]);
        let name = format!("{}-{at:03}", ["web", "api", "job"][at % 5 % 3]);
        let new = NewResource {
            exposure: exposures[at % 7 % 3],
            region: ["eu-west-1", "eu-central-1", "us-east-1"][at % 4 % 3],
            tags: json!({ "team": format!("t{}", at % 6), "env": if at % 2 == 0 { "prod" } else { "dev" } }),
            attributes: if at % 3 == 0 {
                json!({ "metadata": { "namespace": format!("n{}", at % 4) } })
            } else {
                json!({})
            },
            ..NewResource::of(check, &name)
        };
        let resource = estate.resource(&new).await;
        estate.verdict(resource, check, Verdict::Fail).await;
    }
    let me = app.join(&app.tenant, Role::Analyst, "analyst@harborlane.example.com").await;
    for change in [
        "create table n as select finding_id, row_number() over (order by finding_id) as n from findings",
        "update findings f set risk = 1 + (n.n * 7) % 23, opened_at = timestamptz '2026-11-30T12:00:00Z' - (n.n % 50) * interval '1 day',
             account = case n.n % 5 when 0 then '444455556666' else account end,
             criticality = (array['low', 'normal', 'high'])[1 + n.n % 3],
             likelihood = (array['exploited', 'likely', 'open', 'possible', 'unlikely'])[1 + n.n % 5],
             blast = (array['none', 'none', 'secrets', 'machine', 'admin'])[1 + (n.n / 3) % 5],
             subject = case when n.n % 9 = 0 then 'CVE-2031-000' || n.n % 4 else '' end,
             state = case n.n % 11 when 0 then 'resolved' when 1 then 'accepted' else 'open' end
         from n where n.finding_id = f.finding_id",
        "update findings f set stage = case state when 'resolved' then 'resolved' when 'accepted' then
                 case when n.n % 2 = 0 then 'accepted' else 'false_positive' end
                 else (array['open', 'open', 'in_progress', 'awaiting_proof', 'reopened'])[1 + n.n % 5] end,
             due_at = case when n.n % 3 <> 0 then timestamptz '2026-11-30T12:00:00Z' + (n.n % 40 - 20) * interval '1 day' + interval '1 hour' end
         from n where n.finding_id = f.finding_id",
        "insert into teams (tenant_id, team_id, name, created_at)
         select tenant_id, md5(tenant_id || u.team)::uuid, u.team, now() from tenants, unnest(array['shop', 'core']) u (team) where tenant_id = (select tenant_id from findings limit 1)",
        "update findings f set team_id = t.team_id from n, teams t
         where n.finding_id = f.finding_id and t.name = case n.n % 7 when 0 then 'shop' when 1 then 'core' end",
        "drop table n",
    ] {
        let change = change.replace("2026-11-30T12:00:00Z", &noon().to_rfc3339());
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&app.pool).await.expect("a change");
    }
    sqlx::query("update findings set assignee_id = $1 where finding_id in (select finding_id from findings order by risk, finding_id limit 20)")
        .bind(me.0)
        .execute(&app.pool)
        .await
        .expect("an owner");
    estate.add_up(40.0).await;
    sqlx::query("update fixes set paths_cut = 2 where fix_id = (select min(fix_id::text)::uuid from fixes)")
        .execute(&app.pool)
        .await
        .expect("a path");
    (me.0, facts(app).await)
}

async fn facts(app: &TestApp) -> Vec<Fact> {
    sqlx::query_as(
        "select f.finding_id, f.check_id, f.state, f.stage, f.severity, f.risk, f.account, f.region, f.exposure, f.criticality,
             f.likelihood, f.blast, f.subject, f.assignee_id, f.team_id, f.opened_at, f.due_at, r.name, r.kind, r.tags,
             r.attributes, x.paths_cut
         from findings f join resources r using (tenant_id, resource_id) join fixes x using (tenant_id, fix_id)",
    )
    .fetch_all(&app.pool)
    .await
    .expect("the facts")
}

/// The ids on all pages of a list, in their order, and what its caption says.
async fn listed(analyst: &mut plumbline_tests::browser::Browser, filter: &str, sort: &str) -> (Vec<Uuid>, String) {
    let line = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", filter).finish();
    let mut path = Some(format!("/findings?{line}&sort={sort}"));
    let (mut ids, mut caption) = (Vec::new(), String::new());
    while let Some(next) = path {
        let page: Answer = analyst.get(&next).await;
        assert_eq!(page.status, 200, "{filter}");
        assert!(page.texts("#filter-says").concat().is_empty(), "{filter}: {:?}", page.texts("#filter-says"));
        if caption.is_empty() {
            caption = page.texts("caption").first().cloned().unwrap_or_default();
        }
        ids.extend(page.attributes("[data-row] input", "value").iter().map(|id| id.parse::<Uuid>().expect("an id")));
        path = page.attribute(".pager a.button", "href");
    }
    (ids, caption)
}

/// A filter, and the same in plain words of the test.
type Case = (&'static str, Box<dyn Fn(&Fact) -> bool>);

fn cases(me: Uuid, shop: Uuid) -> Vec<Case> {
    fn case(filter: &'static str, holds: impl Fn(&Fact) -> bool + 'static) -> Case {
        (filter, Box::new(holds))
    }
    let open = |fact: &Fact| fact.state == "open";
    vec![
        case("", open),
        case("state:any", |_| true),
        case("state:accepted,resolved", |f| f.state != "open"),
        case("-state:open", |f| f.state != "open"),
        case("stage:in_progress", |f| f.stage == "in_progress"),
        case("stage:false_positive,resolved", |f| ["false_positive", "resolved"].contains(&f.stage.as_str())),
        case("-stage:open,reopened state:open", |f| ["in_progress", "awaiting_proof"].contains(&f.stage.as_str())),
        case("severity>=medium", move |f| open(f) && f.severity != "low"),
        case("-severity:low", move |f| open(f) && f.severity != "low"),
        case("severity<low", |_| false),
        case("key:cloud", move |f| open(f) && f.check().layer.as_str() == "cloud"),
        case("-key:cloud", |_| false),
        case("exposure:internet,none", move |f| open(f) && f.exposure != "private"),
        case("exposure>none criticality>=normal", move |f| open(f) && f.exposure != "none" && f.criticality != "low"),
        case("exposure:internet region:eu-west-1", move |f| {
            open(f) && f.exposure == "internet" && f.region == "eu-west-1"
        }),
        case("likelihood>=likely", move |f| open(f) && ["likely", "exploited"].contains(&f.likelihood.as_str())),
        case("likelihood:exploited state:any", |f| f.likelihood == "exploited"),
        case("blast:admin", move |f| open(f) && f.blast == "admin"),
        case("blast>none", move |f| open(f) && f.blast != "none"),
        case("age>30d", move |f| open(f) && f.age() > TimeDelta::days(30)),
        case("age<1w", move |f| open(f) && f.age() <= TimeDelta::days(7)),
        case("-age>30d age>48h", move |f| open(f) && f.age() <= TimeDelta::days(30) && f.age() > TimeDelta::hours(48)),
        case("due<7d", move |f| f.due_within(7)),
        case("due>7d", move |f| open(f) && f.due_at.is_some() && !f.due_within(7)),
        case("due:none", move |f| open(f) && f.due_at.is_none()),
        case("overdue", move |f| f.due_within(0)),
        case("-overdue", move |f| open(f) && !f.due_within(0)),
        case("owner:me", move |f| open(f) && f.assignee_id == Some(me)),
        case("owner:analyst", move |f| open(f) && f.assignee_id == Some(me)),
        case("owner:me,analyst", move |f| open(f) && f.assignee_id == Some(me)),
        case("team:shop", move |f| open(f) && f.team_id == Some(shop)),
        case("team:core,shop due<7d", move |f| f.due_within(7) && f.team_id.is_some()),
        case("-team:shop state:any", move |f| f.team_id != Some(shop)),
        case("team:shop tag:env=prod severity>=low", move |f| {
            open(f) && f.team_id == Some(shop) && f.tag("env") == Some("prod")
        }),
        case("resource:web- blast>none", move |f| open(f) && f.name.starts_with("web-") && f.blast != "none"),
        case("unassigned", move |f| open(f) && f.assignee_id.is_none() && f.team_id.is_none()),
        case("-unassigned state:any", |f| f.assignee_id.is_some() || f.team_id.is_some()),
        case("account:4444*", move |f| open(f) && f.account == "444455556666"),
        case("-account:4444*", move |f| open(f) && f.account != "444455556666"),
        case("account:444455556666 region:us-east-1", move |f| {
            open(f) && f.account == "444455556666" && f.region == "us-east-1"
        }),
        case("account:nowhere", |_| false),
        case("region:eu-*", move |f| open(f) && f.region.starts_with("eu-")),
        case("-region:eu-west-1,us-east-1", move |f| open(f) && f.region == "eu-central-1"),
        case("source:production", open),
        case("-source:Production", |_| false),
        case("source:prod* region:us-east-1", move |f| open(f) && f.region == "us-east-1"),
        case("namespace:n0", move |f| open(f) && f.attributes.0["metadata"]["namespace"] == "n0"),
        case("-namespace:n0", move |f| open(f) && f.attributes.0["metadata"]["namespace"] != "n0"),
        case("tag:team=t3", move |f| open(f) && f.tag("team") == Some("t3")),
        case("tag:team=t3,team=t4,nothing", move |f| open(f) && ["t3", "t4"].contains(&f.tag("team").unwrap_or(""))),
        case("tag:team=t3,env=prod", move |f| open(f) && (f.tag("team") == Some("t3") || f.tag("env") == Some("prod"))),
        case("tag:env=prod -tag:team=t2", move |f| {
            open(f) && f.tag("env") == Some("prod") && f.tag("team") != Some("t2")
        }),
        case("tag:env", open),
        case("resource:web-", move |f| open(f) && f.name.starts_with("web-")),
        case("-resource:web-,api-", move |f| open(f) && f.name.starts_with("job-")),
        case("cve:cve-2031-0001", move |f| open(f) && f.subject == "CVE-2031-0001"),
        case("path:yes", move |f| open(f) && f.paths_cut > 0),
        case("path:no", move |f| open(f) && f.paths_cut == 0),
        case("job", move |f| open(f) && f.name.starts_with("job")),
        case("-job", move |f| open(f) && !f.name.starts_with("job")),
        case("kind:aws.*", move |f| open(f) && f.kind.starts_with("aws.")),
        case("framework:cis_aws_*", move |f| {
            let mut frameworks =
                Catalogue::builtin().frameworks().filter(|framework| framework.id.starts_with("cis_aws_"));
            open(f)
                && frameworks
                    .any(|framework| framework.controls.iter().any(|control| control.checks.contains(&f.check_id)))
        }),
        case("exposure:internet likelihood>=open owner:me state:any", move |f| {
            f.exposure == "internet"
                && !["possible", "unlikely"].contains(&f.likelihood.as_str())
                && f.assignee_id == Some(me)
        }),
        case("severity:high,critical account:444455556666 web", move |f| {
            open(f)
                && ["high", "critical"].contains(&f.severity.as_str())
                && f.account == "444455556666"
                && f.name.starts_with("web")
        }),
    ]
}

fn in_order(mut facts: Vec<Fact>, sort: &str) -> Vec<Uuid> {
    match sort {
        "due" => {
            facts.retain(|fact| fact.state == "open" && fact.due_at.is_some());
            facts.sort_by_key(|fact| (fact.due_at, fact.finding_id));
        }
        "newest" => facts.sort_by_key(|fact| std::cmp::Reverse((fact.opened_at, fact.finding_id))),
        "oldest" => facts.sort_by_key(|fact| (fact.opened_at, fact.finding_id)),
        _ => facts.sort_by_key(|fact| (std::cmp::Reverse(fact.risk), fact.finding_id)),
    }
    facts.into_iter().map(|fact| fact.finding_id).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn every_page_is_what_a_plain_evaluation_gives_in_order(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (me, facts) = estate(&app).await;
    let mut analyst = app.analyst().await;
    let mut wrong = Vec::new();

    let shop: Uuid =
        sqlx::query_scalar("select team_id from teams where name = 'shop'").fetch_one(&app.pool).await.expect("a team");
    for (at, (filter, holds)) in cases(me, shop).iter().enumerate() {
        let meant: Vec<Fact> = facts.iter().filter(|fact| holds(fact)).cloned().collect();
        // What teams and members have to do has an order of its own.
        let others = if filter.starts_with("team:") || *filter == "owner:me" {
            vec!["due"]
        } else {
            ["due", "newest", "oldest"].get(at % 9).copied().into_iter().collect()
        };
        for sort in ["risk"].into_iter().chain(others) {
            let (ids, caption) = listed(&mut analyst, filter, sort).await;
            if ids != in_order(meant.clone(), sort) {
                wrong.push(format!("{filter} by {sort}: {} shown, {} meant", ids.len(), meant.len()));
            }
            let said = caption.split(' ').next().and_then(|count| count.parse::<usize>().ok());
            if said.is_some_and(|said| said != meant.len()) {
                wrong.push(format!("{filter}: says {caption}, {} meant", meant.len()));
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// More checks than a page has lines are read by where each begins.
#[sqlx::test(migrations = "../migrations")]
async fn what_many_checks_find_is_one_ranking(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for at in 0..75 {
        let resource = estate.resource(&NewResource::of(check(at), &format!("r-{at:02}"))).await;
        for check in [check(at), check((at + 1) % 75)] {
            estate.verdict(resource, check, Verdict::Fail).await;
        }
    }
    sqlx::query("update findings f set risk = 1 + (('x' || left(md5(finding_id::text), 4))::bit(16)::int % 9)")
        .execute(&app.pool)
        .await
        .expect("risks");
    estate.add_up(40.0).await;
    let mut analyst = app.analyst().await;

    let meant = in_order(facts(&app).await, "risk");
    let (shown, caption) = listed(&mut analyst, "key:cloud", "risk").await;

    assert!(meant.len() > 100 && caption.starts_with(&format!("{} findings", meant.len())), "{caption}");
    assert_eq!(shown, meant);
}

/// What some thousand resources are marked with is looked for at the top of the ranking, and by the resources where it is
/// not there.
#[sqlx::test(migrations = "../migrations")]
async fn a_tag_of_thousands_is_found_wherever_it_ranks(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let first = estate.resource(&NewResource::of(check(0), "first")).await;
    estate.verdict(first, check(0), Verdict::Fail).await;
    for more in [
        "insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader, attributes,
             unread, tags, digest, exposure, criticality, first_seen, changed_at)
         select tenant_id, md5(n::text)::uuid, source_id, kind, uid || n, 'more-' || n, account, region, scope_region, reader, '{}', '{}',
             jsonb_build_object('wave', case when n % 3 = 0 then 'one' else 'two' end), digest, exposure, criticality, first_seen, changed_at
         from resources, generate_series(1, 7500) n",
        "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, stage, severity, account, region, exposure,
             criticality, likelihood, loss, risk, fix_id, observed, message, subject, first_seen, opened_at)
         select f.tenant_id, md5('f' || n)::uuid, source_id, md5(n::text)::uuid, check_id, state, stage, severity, account, region,
             exposure, criticality, likelihood, loss, 10 + n % 7, fix_id, observed, message, subject, first_seen, opened_at
         from findings f, generate_series(1, 7500) n",
    ] {
        sqlx::query(more).execute(&app.pool).await.expect("more of it");
    }
    estate.add_up(40.0).await;
    let mut analyst = app.analyst().await;

    for raised in [0_i16, 50] {
        sqlx::query("update findings f set risk = f.risk + $1 from resources r where r.resource_id = f.resource_id and r.tags ->> 'wave' = 'two'")
            .bind(raised)
            .execute(&app.pool)
            .await
            .expect("risks");
        let meant = facts(&app).await.into_iter().filter(|fact| fact.tag("wave") == Some("one")).collect();
        let page = analyst.get("/findings?q=tag:wave%3Done").await;
        let shown = page.attributes("[data-row] input", "value");
        let shown: Vec<Uuid> = shown.iter().map(|id| id.parse().expect("an id")).collect();
        assert_eq!(shown, in_order(meant, "risk")[..50], "others raised by {raised}");
    }
}

/// Beside a severity stand the numbers that the list would have.
#[sqlx::test(migrations = "../migrations")]
async fn the_numbers_beside_a_severity_are_those_of_the_lists(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (_, facts) = estate(&app).await;
    let mut analyst = app.analyst().await;
    let severity = facts[0].severity.clone();
    let page = analyst.get(&format!("/findings?q=severity:{severity}")).await;
    let facets = page.texts(".facet");

    for region in ["eu-west-1", "eu-central-1", "us-east-1"] {
        let meant = facts.iter().filter(|f| f.state == "open" && f.severity == severity && f.region == region).count();
        let shown = facets.iter().find(|facet| facet.starts_with("Region")).expect("regions");
        assert!(shown.contains(&format!("{region}{meant}")), "{region} has {meant}: {shown}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_mistake_is_named_with_what_was_meant_and_keeps_what_was_typed(pool: PgPool) {
    let app = TestApp::start(pool).await;
    estate(&app).await;
    let mut analyst = app.analyst().await;

    let page = analyst.get("/findings?q=severty%3Ahigh").await;
    assert_eq!(page.attribute("#q", "value").as_deref(), Some("severty:high"));
    assert!(page.texts("#filter-says")[0].contains("Did you mean “severity”?"));
    assert_eq!(page.attribute("#filter-says a", "href").as_deref(), Some("/findings?q=severity%3Ahigh"));
    assert!(page.texts("[data-row]").is_empty(), "nothing is shown that was not asked for");

    for (typed, says) in [
        ("source:Producton", "There is no source “Producton”. Did you mean “Production”?"),
        ("team:payments", "There is no team “payments”."),
        ("owner:nobody", "No member has the address “nobody”"),
        ("framework:cis", "There is no framework “cis”."),
    ] {
        let line = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", typed).finish();
        let page = analyst.get(&format!("/findings?{line}")).await;
        assert!(page.texts("#filter-says")[0].contains(says), "{typed}: {:?}", page.texts("#filter-says"));
    }
    let fragment = analyst.fragment("/findings?q=severty%3Ahigh").await;
    assert!(fragment.body.trim_start().starts_with("<p id=\"filter-says\""), "the list stays: {}", fragment.body);
}

#[sqlx::test(migrations = "../migrations")]
async fn completions_are_names_then_values_with_how_many_have_them(pool: PgPool) {
    let app = TestApp::start(pool).await;
    estate(&app).await;
    let mut analyst = app.analyst().await;
    let mut offered = async |typed: &str| {
        let at = typed.encode_utf16().count().to_string();
        let line = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", typed)
            .append_pair("at", &at)
            .finish();
        let page = analyst.fragment(&format!("/findings/complete?{line}")).await;
        (page.texts("li > :first-child"), page.attributes("li", "data-line"))
    };

    assert_eq!(offered("key:cloud sever").await, (vec!["severity:".into()], vec!["key:cloud severity:".into()]));
    assert_eq!(offered("severity>=h").await.1, ["severity>=high "]);
    assert_eq!(offered("account:44").await.0, ["444455556666"]);
    assert_eq!(offered("tag:te").await.0, ["team"]);
    assert_eq!(offered("tag:team=t").await.0.len(), 6);
    assert_eq!(offered("namespace:n").await.0, ["n0", "n1", "n2", "n3"]);
    assert_eq!(offered("source:\"pro").await.1, ["source:Production "]);
    assert_eq!(offered("owner:m").await.0, ["me"]);
    assert!(offered("web").await.0.is_empty() && offered("").await.0.is_empty());
}

/// `docs/FILTERS.md` shows the table of fields that the parser has.
#[test]
fn the_documentation_has_the_fields_that_the_parser_has() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FILTERS.md")).expect("the page");
    for info in &plumbline_core::filter::FIELDS {
        let line = format!("| `{}` | {} | {} | `{}` |", info.word, info.about, info.shape.words(), info.example);
        assert!(docs.contains(&line), "docs/FILTERS.md lacks the line: {line}");
        assert!(plumbline_core::filter::parse(info.example).is_ok(), "{}", info.example);
    }
}
