//! Small estates in the order in which an expert would take them: `golden/estates.yaml`, read through the real worker.

use async_trait::async_trait;
use plumbline_core::collect::{AccessRecipe, CollectError, Collector, Connection, Errand, Event, ProbeLine};
use plumbline_core::kind::Kinds;
use plumbline_core::resource::{Edge, Resource};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_tests::polling::Polling;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Deserialize)]
struct Golden {
    shapes: BTreeMap<String, Map<String, Value>>,
    estates: Vec<Small>,
}

/// One small estate.
#[derive(Deserialize)]
struct Small {
    name: String,
    why: String,
    resources: Vec<Seen>,
    #[serde(default)]
    flaws: Vec<Flaw>,
    order: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
}

#[derive(Deserialize)]
struct Seen {
    kind: String,
    name: String,
    #[serde(default)]
    like: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    edges: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Flaw {
    image: String,
    id: String,
    severity: String,
    cvss: f32,
    #[serde(default)]
    exploited: bool,
    epss: Option<f32>,
}

fn golden() -> Golden {
    serde_yaml_ng::from_str(include_str!("golden/estates.yaml")).expect("the page of estates")
}

/// Tells what it was given, each scope read to its end.
struct Told(Vec<Resource>);

#[async_trait]
impl Collector for Told {
    fn provider(&self) -> &'static str {
        "aws"
    }

    fn check(&self, _: &Connection) -> Result<(), CollectError> {
        Ok(())
    }

    fn access(&self, _: &Value) -> Vec<AccessRecipe> {
        Vec::new()
    }

    async fn probe(&self, _: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        Ok(Vec::new())
    }

    async fn collect(&self, _: &Connection, errand: Errand) -> Result<(), CollectError> {
        let scopes: BTreeSet<ScopeKey> = self.0.iter().map(|resource| resource.scope.clone()).collect();
        let mut events = vec![Event::Planned(scopes.iter().cloned().collect())];
        events.extend(self.0.iter().map(|resource| Event::Resource(Box::new(resource.clone()))));
        let ended = |scope| Event::Ended { scope, outcome: Outcome::Complete, api_calls: 1 };
        events.extend(scopes.into_iter().map(ended));
        for event in events {
            errand.sink.send(event).await.map_err(|_| CollectError::Cancelled)?;
        }
        Ok(())
    }
}

impl Small {
    fn uid(&self, name: &str) -> String {
        match self.resources.iter().find(|one| one.name == name) {
            Some(one) if one.kind == "image" => format!("registry.example.com/{name}@sha256:{name}"),
            _ => name.to_owned(),
        }
    }

    fn resources(&self, shapes: &BTreeMap<String, Map<String, Value>>) -> Vec<Resource> {
        self.resources.iter().map(|one| self.resource(one, shapes)).collect()
    }

    fn resource(&self, one: &Seen, shapes: &BTreeMap<String, Map<String, Value>>) -> Resource {
        let is_image = one.kind == "image";
        let account = if is_image { "registry.example.com" } else { "111122223333" };
        let region = if is_image { one.name.as_str() } else { "shop" };
        let reader = Kinds::builtin().get(&one.kind).expect("a kind of the catalogue").reader.clone();
        let mut attributes = match &one.like {
            Some(like) => shapes.get(like).unwrap_or_else(|| panic!("no shape {like}")).clone(),
            None => Map::new(),
        };
        if is_image {
            let own = json!({ "Software": one.name, "ComponentCount": 1, "Unreadable": [], "Tags": ["1"],
                "Layers": [{ "digest": one.name }] });
            attributes.extend(own.as_object().cloned().unwrap_or_default());
        }
        Resource {
            scope: ScopeKey { account: account.to_owned(), region: region.to_owned(), reader },
            kind: one.kind.clone(),
            uid: self.uid(&one.name),
            name: one.name.clone(),
            region: region.to_owned(),
            attributes,
            unread: BTreeMap::new(),
            tags: one.tags.clone(),
            edges: one
                .edges
                .iter()
                .map(|(relation, to)| Edge { relation: relation.clone(), to: self.uid(to) })
                .collect(),
        }
    }

    /// Says what is wrong with the images, as a match leaves it.
    async fn tell_flaws(&self, pool: &PgPool) {
        for (number, flaw) in (1u128..).zip(&self.flaws) {
            let package = Uuid::from_u128(number);
            let sql = format!(
                "insert into packages (tenant_id, package_id, type, name, version, purl, judged)
                 select tenant_id, '{package}', 'npm', 'p{number}', '1', 'pkg:npm/p{number}@1', true from tenants;
                 insert into installations (tenant_id, software, package_id, path, layer)
                 select tenant_id, '{image}', '{package}', 'list', 0 from tenants;
                 insert into package_flaws (tenant_id, package_id, flaw_id, aliases, advisories, severity, rated, cvss, exploited)
                 select tenant_id, '{package}', '{id}', '{{}}', '{{}}', '{severity}', true, {cvss}, {exploited} from tenants;
                 insert into forecasts (flaw_id, probability, percentile)
                 select '{id}', chance, 0.5 from (select {epss}::real as chance) f where chance is not null
                 on conflict do nothing",
                image = flaw.image,
                id = flaw.id,
                severity = flaw.severity,
                cvss = flaw.cvss,
                exploited = flaw.exploited,
                epss = flaw.epss.map_or_else(|| "null".to_owned(), |chance| chance.to_string()),
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("a flaw");
        }
    }

    /// The findings that the order names, with their risks, as the list has them.
    async fn ranked(&self, pool: &PgPool) -> Vec<(String, i16)> {
        let all: Vec<(String, i16)> = sqlx::query_as(
            "select case when f.subject = '' then f.check_id else f.subject end || ' on ' || r.name, f.risk
             from findings f join resources r using (tenant_id, resource_id) where f.state = 'open'
             order by f.risk desc, f.finding_id",
        )
        .fetch_all(pool)
        .await
        .expect("findings");
        all.into_iter().filter(|(name, _)| self.order.contains(name)).collect()
    }
}

async fn paths(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select a.goal || ' at ' || t.name || ' by ' || f.name from attack_paths a
         join resources t on t.resource_id = a.target_id join resources f on f.resource_id = a.foothold_id
         order by a.risk desc, a.path_id",
    )
    .fetch_all(pool)
    .await
    .expect("paths")
}

/// Every version of every row that a second look might touch.
async fn written(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select xmin::text from attack_paths union all select xmin::text from path_findings
         union all select xmin::text from path_cuts union all select xmin::text from path_sums
         union all select xmin::text from fixes union all select xmin::text from findings
         union all select xmin::text from resources order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("rows")
}

async fn holds(pool: PgPool, number: usize) {
    let golden = golden();
    let small = &golden.estates[number];
    let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
    let polling =
        Polling::new(pool.clone(), Told(small.resources(&golden.shapes)), &connection).await.expect("a source");
    small.tell_flaws(&pool).await;

    polling.poll().await.expect("polled");

    let ranked = small.ranked(&pool).await;
    let names: Vec<&String> = ranked.iter().map(|(name, _)| name).collect();
    assert_eq!(names, small.order.iter().collect::<Vec<_>>(), "{}: {} {ranked:?}", small.name, small.why);
    assert!(ranked.is_sorted_by(|a, b| a.1 > b.1), "{}: each is riskier than the next: {ranked:?}", small.name);
    assert_eq!(paths(&pool).await, small.paths, "{}: {}", small.name, small.why);
    let before = written(&pool).await;
    polling.poll().await.expect("polled again");
    assert_eq!(written(&pool).await, before, "{}: the same again writes nothing", small.name);
}

macro_rules! estates {
    ($($name:ident: $number:literal),+ $(,)?) => {
        $(#[sqlx::test(migrations = "../migrations")]
        async fn $name(pool: PgPool) {
            holds(pool, $number).await;
        })+

        #[test]
        fn every_estate_is_tried() {
            assert_eq!(golden().estates.len(), [$($number),+].len());
        }
    };
}

estates! {
    exploited_before_feared: 0,
    internet_before_inside: 1,
    production_before_development: 2,
    administrator_behind_before_none: 3,
    not_running_last: 4,
    confined_after_lax: 5,
    likely_before_unlikely: 6,
    public_data_before_escape: 7,
    path_to_administrator_before_secret: 8,
    escape_leads_to_the_cloud: 9,
    no_escape_no_path: 10,
    shorter_and_exploited_first: 11,
}
