//! Posture: the score now, what it does not see, where it is going and what would raise it.

mod changes;
mod groups;
mod part;
mod parts;

use crate::call::{Call, ReadPosture};
use crate::charts::{self, Trend};
use crate::error::WebError;
use crate::fixes::FixLine;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::runs::Running;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use changes::Change;
use chrono::{DateTime, TimeDelta, Utc};
use parts::PartLine;
use plumbline_core::kind::{Kind, Kinds};
use plumbline_core::layer::Layer;
use plumbline_core::role::Permission;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::fix::{FixFilter, FixSort};
use plumbline_store::posture::{CheckState, PartStanding, Posture};
use plumbline_store::source::SourceName;
use plumbline_store::{PageRequest, StoreError, TenantTx, fix, posture, source, triage};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/", show), Route::get("/posture", show)];
    routes.extend(changes::routes());
    routes.extend(groups::routes());
    routes.extend(part::routes());
    routes
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let running = Running::read(&mut call, None, "/posture".to_owned()).await?;
    if call.wants_fragment() {
        return running.again(&call);
    }
    let catalogue = call.catalogue();
    let body = Body::read(&mut call.tx, catalogue, call.now).await?;
    let may_connect = call.may(Permission::ManageSources);
    call.page(&Page { frame: call.frame(Nav::Posture), running, body, may_connect })
}

#[derive(Template)]
#[template(path = "posture/index.html")]
struct Page {
    frame: Frame,
    running: Running,
    body: Body,
    may_connect: bool,
}

/// How far back the trend goes, at most.
const TREND: TimeDelta = TimeDelta::days(90);

/// The score now.
struct Now {
    score: i32,
    /// Without accepted risk; none when it is the same.
    gross: Option<i32>,
    coverage: i32,
    /// If everything that is unknown failed; none when it is the same, or not known of an older posture.
    bound: Option<i32>,
    open: String,
}

impl Now {
    fn of(posture: &Posture) -> Self {
        let (score, gross) = (charts::whole(posture.score), charts::whole(posture.gross_score));
        Self {
            score,
            gross: (posture.score - posture.gross_score > 0.005).then_some(gross),
            coverage: charts::percent(posture.coverage),
            bound: posture.bound().map(charts::whole).filter(|bound| *bound != score),
            open: text::plural(posture.open_findings, "open finding"),
        }
    }
}

/// One of the six keys.
struct Key {
    word: &'static str,
    title: &'static str,
    score: Option<i32>,
    /// If everything that is unknown failed, and what could be decided; where that is not all.
    unsure: Option<String>,
    failing: String,
    /// What would connect it; only shown without a score.
    connect: &'static str,
    can_connect: bool,
}

/// What keeps the score from seeing everything.
struct Unknown {
    verdicts: String,
    blind_scopes: Option<String>,
    one_blind: bool,
    checks: Vec<UnknownCheck>,
    permissions: Vec<Lacking>,
}

struct UnknownCheck {
    title: String,
    resource: String,
    verdicts: String,
}

struct Lacking {
    name: String,
    /// What could be decided or read with it.
    cures: String,
}

/// What the page shows.
struct Body {
    now: Option<Now>,
    trend: Option<Trend>,
    keys: Vec<Key>,
    parts: Vec<PartLine>,
    unknown: Option<Unknown>,
    fixes: Vec<FixLine>,
    changes: Vec<Change>,
    /// How many open findings are late.
    late: i64,
    /// When something was last read.
    read_at: Option<String>,
    has_sources: bool,
}

impl Body {
    /// Reads everything the page shows: a dozen statements, each a page long or a sum that is kept.
    async fn read(tx: &mut TenantTx, catalogue: &Catalogue, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let latest = posture::latest(tx).await?;
        let states = posture::check_states(tx).await?;
        let sources = source::names(tx).await?;
        let fixes =
            fix::list(tx, &FixFilter::default(), FixSort::Recommended, &PageRequest { after: None, size: 5 }).await?;
        let changes = posture::changes(tx, 8).await?;
        let read_at = source::read_at(tx).await?;
        Ok(Self {
            trend: trend(tx, now).await?,
            keys: Layer::ALL
                .into_iter()
                .map(|layer| key(layer, catalogue, &states, latest.as_ref(), &sources))
                .collect(),
            parts: latest.as_ref().map_or_else(Vec::new, |latest| parts::lines(latest, catalogue, &sources)),
            unknown: unknown(tx, catalogue, &states).await?,
            now: latest.as_ref().map(Now::of),
            fixes: fixes.items.iter().map(|row| FixLine::of(row, catalogue)).collect(),
            changes: changes.iter().map(|entry| Change::of(entry, catalogue, now)).collect(),
            late: triage::overdue(tx, now).await?,
            read_at: read_at.map(|at| text::ago(at, now)),
            has_sources: !sources.is_empty(),
        })
    }
}

async fn trend(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Option<Trend>, StoreError> {
    let Some(began) = posture::began(tx).await? else { return Ok(None) };
    let points = posture::trend(tx, began.max(now - TREND), now, 60).await?;
    Ok(Trend::of(&points))
}

fn key(
    layer: Layer,
    catalogue: &Catalogue,
    states: &BTreeMap<String, CheckState>,
    latest: Option<&Posture>,
    sources: &[SourceName],
) -> Key {
    let checks: Vec<&Check> = catalogue.checks().filter(|check| check.layer == layer).collect();
    let judged = checks.iter().any(|check| states.contains_key(&check.id));
    let failing: i64 = checks.iter().filter_map(|check| states.get(&check.id)).map(|state| state.failed).sum();
    let word = format!("layer:{}", layer.as_str());
    let score = latest.filter(|_| judged).and_then(|posture| posture.part(&word));
    let providers: BTreeSet<&str> =
        checks.iter().filter_map(|check| Kinds::builtin().get(&check.resource)).map(Kind::provider).collect();
    let waits = sources.iter().any(|source| providers.contains(source.provider.as_str()));
    Key {
        word: layer.as_str(),
        title: layer.title(),
        score: score.map(charts::whole),
        unsure: latest.filter(|_| judged).and_then(|posture| posture.standing(&word)).and_then(|own| unsure(&own)),
        failing: if failing == 0 { "Nothing fails".to_owned() } else { format!("{} fail", text::number(failing)) },
        connect: if waits { "Waiting for the first run" } else { missing(layer) },
        can_connect: !waits && !providers.is_empty(),
    }
}

/// What is not known of a part, in words; none where everything is.
pub(crate) fn unsure(own: &PartStanding) -> Option<String> {
    let (bound, coverage) = (own.bound?, own.coverage?);
    (coverage < 1.0).then(|| format!("{} at worst, {} % known", charts::whole(bound), charts::percent(coverage)))
}

/// What a layer without a source lacks.
fn missing(layer: Layer) -> &'static str {
    match layer {
        Layer::Images => "Connect a registry, or a cloud account that has one",
        Layer::Hosts => "Connect the hosts that run containers",
        Layer::Activity => "Connect what watches containers while they run",
        Layer::Orchestration => "Connect a cluster, or a cloud account that runs one",
        Layer::Cloud => "Connect a cloud account",
        Layer::Delivery => "Connect a pipeline",
    }
}

async fn unknown(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    states: &BTreeMap<String, CheckState>,
) -> Result<Option<Unknown>, StoreError> {
    let mut undecided: Vec<&CheckState> = states.values().filter(|state| state.unknown > 0).collect();
    let blind = states.values().map(|state| state.blind_scopes).sum::<i64>();
    if undecided.is_empty() && blind == 0 {
        return Ok(None);
    }
    undecided.sort_by_key(|state| std::cmp::Reverse(state.unknown));
    let ids: Vec<String> = undecided.iter().take(30).map(|state| state.check_id.clone()).collect();
    Ok(Some(Unknown {
        verdicts: text::plural(undecided.iter().map(|state| state.unknown).sum(), "verdict"),
        blind_scopes: (blind > 0).then(|| text::plural(blind, "scope")),
        one_blind: blind == 1,
        checks: undecided.iter().take(4).map(|state| unknown_check(state, catalogue)).collect(),
        permissions: lacking(tx, &ids).await?,
    }))
}

/// The permissions that would cure most: those whose lack hides whole scopes first, then those that hide attributes.
async fn lacking(tx: &mut TenantTx, checks: &[String]) -> Result<Vec<Lacking>, StoreError> {
    let scopes = posture::denied_scopes(tx).await?;
    let attributes = posture::missing_permissions(tx, checks).await?;
    let of_scopes = scopes
        .into_iter()
        .take(4)
        .map(|denied| Lacking { name: denied.permission, cures: text::plural(denied.scopes, "scope") });
    let of_attributes = attributes.into_iter().map(|missing| Lacking {
        name: missing.permission,
        cures: format!("{} of {}", text::plural(missing.verdicts, "verdict"), text::plural(missing.checks, "check")),
    });
    Ok(of_scopes.chain(of_attributes).take(7).collect())
}

fn unknown_check(state: &CheckState, catalogue: &Catalogue) -> UnknownCheck {
    let kind = catalogue.check(&state.check_id).map_or("", |check| words::kind(&check.resource));
    UnknownCheck {
        title: words::check(catalogue, &state.check_id).to_owned(),
        resource: kind.to_owned(),
        verdicts: text::number(state.unknown),
    }
}
