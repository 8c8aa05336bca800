//! A small estate as its page tells it, and a collector that reads it.

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

/// Attributes that resources are like.
pub(crate) type Shapes = BTreeMap<String, Map<String, Value>>;

/// One small estate.
#[derive(Deserialize)]
pub(crate) struct Small {
    pub(crate) name: String,
    pub(crate) why: String,
    resources: Vec<Seen>,
    #[serde(default)]
    flaws: Vec<Flaw>,
    pub(crate) order: Vec<String>,
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// Findings whose risk is accepted.
    #[serde(default)]
    pub(crate) accepted: Vec<String>,
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

    fn resources(&self, shapes: &Shapes) -> Vec<Resource> {
        self.resources.iter().map(|one| self.resource(one, shapes)).collect()
    }

    fn resource(&self, one: &Seen, shapes: &Shapes) -> Resource {
        let is_image = one.kind == "image";
        let account = if is_image { "registry.example.com" } else { "111122223333" };
        let (repository, tag) = one.name.split_once(':').unwrap_or((&one.name, "1"));
        let region = if is_image { repository } else { "shop" };
        let reader = Kinds::builtin().get(&one.kind).expect("a kind of the catalogue").reader.clone();
        let mut attributes = match &one.like {
            Some(like) => shapes.get(like).unwrap_or_else(|| panic!("no shape {like}")).clone(),
            None => Map::new(),
        };
        if is_image {
            let own = json!({ "Software": one.name, "ComponentCount": 1, "Unreadable": [], "Tags": [tag],
                "Layers": [{ "digest": one.name }] });
            for (name, value) in own.as_object().cloned().unwrap_or_default() {
                attributes.entry(name).or_insert(value);
            }
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

    /// A source that lists this estate, and what is wrong with its images.
    pub(crate) async fn polling(&self, pool: &PgPool, shapes: &Shapes) -> Polling {
        let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
        let polling = Polling::new(pool.clone(), Told(self.resources(shapes)), &connection).await.expect("a source");
        self.tell_flaws(pool).await;
        polling
    }
}
