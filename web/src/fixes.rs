//! The fix queue: what to do next, by what it gains; and one fix with everything it takes.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::FixId;
use plumbline_core::layer::Layer;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::fix::FixRow;
use plumbline_store::{PageRequest, StoreError, TenantTx, finding, fix, path, posture};
use url::form_urlencoded;
use uuid::Uuid;

const PAGE: i64 = 40;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/fixes", index), Route::get("/fixes/{fix}", show)]
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let query = Query::parse(&call.visit().here);
    let catalogue = call.catalogue();
    let list = List::read(&mut call.tx, catalogue, &query).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Fixes), list })
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let after = Query::parse(&call.visit().here).after;
    let catalogue = call.catalogue();
    let one = One::read(&mut call.tx, catalogue, FixId(*id), after).await?;
    call.page(&OnePage { frame: call.frame(Nav::Fixes), one })
}

#[derive(Template)]
#[template(path = "fixes/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

#[derive(Template)]
#[template(path = "fixes/one.html")]
struct OnePage {
    frame: Frame,
    one: One,
}

/// One fix in a list.
pub(crate) struct FixLine {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Where it is applied, in words.
    pub(crate) target: String,
    pub(crate) closes: String,
    pub(crate) gain: String,
    pub(crate) effort: &'static str,
    pub(crate) layer: &'static str,
}

impl FixLine {
    pub(crate) fn of(row: &FixRow, catalogue: &Catalogue) -> Self {
        let check = check_of(row, catalogue);
        Self {
            id: row.fix_id.to_string(),
            title: title(row, catalogue),
            target: target(row),
            closes: format!(
                "{} on {}",
                text::plural(row.open_findings, "finding"),
                text::plural(row.resources, "resource")
            ),
            gain: words::points(row.gain),
            effort: check.map_or("", |check| check.effort.as_str()),
            layer: check.map_or("", |check| words::layer(check.layer)),
        }
    }
}

/// The check whose fix this is. A check may hand a failure to another one's fix, so the fix's own key decides; the check
/// that it closes stands in when no check of the catalogue has the key any more.
fn check_of<'a>(row: &FixRow, catalogue: &'a Catalogue) -> Option<&'a Check> {
    let closed = row.check_id.as_deref().and_then(|id| catalogue.check(id));
    let own = closed.filter(|check| check.fix.key == row.fix_key);
    own.or_else(|| catalogue.fix(&row.fix_key)).or(closed)
}

/// What a fix is called.
pub(crate) fn title(row: &FixRow, catalogue: &Catalogue) -> String {
    match check_of(row, catalogue).filter(|check| check.fix.key == row.fix_key) {
        Some(check) => check.fix.title.clone(),
        None => words::capital(&row.fix_key.replace(['-', '_'], " ")),
    }
}

/// Where a fix is applied, in words.
fn target(row: &FixRow) -> String {
    let whole = whose(row);
    match &row.resource_name {
        // The account of an image is the host of its registry.
        Some(name) if row.fix_key.starts_with("image-") => format!("{name} in {}", row.account),
        Some(name) => format!("{name} in {whole}"),
        None if row.target == row.account => whole,
        None if row.target == format!("{}/{}", row.account, row.region) => format!("{whole}, {}", row.region),
        None => row.target.clone(),
    }
}

/// The account, where it is one of a cloud; a cluster, an engine or a machine is better known by what its source is called.
fn whose(row: &FixRow) -> String {
    let is_of_cloud = row.account.len() == 12 && row.account.bytes().all(|byte| byte.is_ascii_digit());
    if is_of_cloud { format!("account {}", row.account) } else { row.source_name.clone() }
}

/// The queue, or its further pages.
#[derive(Template)]
#[template(path = "fixes/_list.html")]
struct List {
    fixes: Vec<FixLine>,
    layers: Vec<LayerTab>,
    next: Option<String>,
    first: bool,
}

struct LayerTab {
    title: &'static str,
    href: String,
    chosen: bool,
}

/// What the address of the queue says.
#[derive(Debug, Clone, Default)]
struct Query {
    layer: Option<Layer>,
    after: Option<String>,
}

impl Query {
    fn parse(address: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "layer" => query.layer = Layer::parse(&value),
                "after" => query.after = Some(value),
                _ => {}
            }
        }
        query
    }
}

fn href(layer: Option<Layer>, after: Option<&str>) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    if let Some(layer) = layer {
        out.append_pair("layer", layer.as_str());
    }
    if let Some(after) = after {
        out.append_pair("after", after);
    }
    let text = out.finish();
    if text.is_empty() { "/fixes".to_owned() } else { format!("/fixes?{text}") }
}

impl List {
    async fn read(tx: &mut TenantTx, catalogue: &Catalogue, query: &Query) -> Result<Self, StoreError> {
        let keys: Option<Vec<String>> = query.layer.map(|layer| keys(catalogue, layer));
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let found = fix::list(tx, keys.as_deref(), &page).await?;
        Ok(Self {
            fixes: found.items.iter().map(|row| FixLine::of(row, catalogue)).collect(),
            layers: tabs(catalogue, query.layer),
            next: found.next.map(|after| href(query.layer, Some(&after))),
            first: query.after.is_none(),
        })
    }
}

fn keys(catalogue: &Catalogue, layer: Layer) -> Vec<String> {
    let mut keys: Vec<String> =
        catalogue.checks().filter(|check| check.layer == layer).map(|check| check.fix.key.clone()).collect();
    keys.dedup();
    keys
}

fn tabs(catalogue: &Catalogue, chosen: Option<Layer>) -> Vec<LayerTab> {
    let judged = |layer: &Layer| catalogue.checks().any(|check| check.layer == *layer);
    let tab = |layer: Option<Layer>| LayerTab {
        title: layer.map_or("All layers", words::layer),
        href: href(layer, None),
        chosen: layer == chosen,
    };
    std::iter::once(tab(None)).chain(Layer::ALL.into_iter().filter(judged).map(|layer| tab(Some(layer)))).collect()
}

/// One fix.
struct One {
    line: FixLine,
    /// For a move from one thing to another, such as a base image's newer tag: both.
    bump: Option<(String, String)>,
    resource: Option<String>,
    source: String,
    done: bool,
    /// How many things run the images that it mends; none where that is not known of any.
    runners: Option<String>,
    /// How many attack paths it cuts, where it cuts any.
    cuts: Option<String>,
    /// The score now and with the fix applied, each with one decimal; none before the first reconcile.
    scores: Option<(String, String)>,
    steps: Vec<Step>,
    findings: Vec<Closed>,
    next: Option<String>,
}

/// What to do for one check, and what of it is closed.
struct Step {
    id: String,
    title: String,
    severity: &'static str,
    findings: String,
    why: String,
    expected: String,
    remedy: Remedy,
}

/// How to bring about what a check expects, three ways, with the account and region filled in.
pub(crate) struct Remedy {
    pub(crate) console: String,
    pub(crate) cli: String,
    pub(crate) terraform: String,
    pub(crate) references: Vec<String>,
}

impl Remedy {
    pub(crate) fn of(check: &Check, account: &str, region: &str) -> Self {
        let fill = |text: &str| filled(text, &[("ACCOUNT", account), ("ACCOUNT_ID", account), ("REGION", region)]);
        Self {
            console: check.remediation.console.clone(),
            cli: fill(&check.remediation.cli),
            terraform: fill(&check.remediation.terraform),
            references: check.references.clone(),
        }
    }
}

/// Puts values in the place of words in capitals; only whole words, so that `ACCOUNT_NAME` stays.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (taken, left) =
            if word == 0 { rest.split_at(rest.chars().next().map_or(1, char::len_utf8)) } else { rest.split_at(word) };
        let value = values.iter().find(|(name, value)| *name == taken && !value.is_empty()).map(|(_, value)| *value);
        out.push_str(value.unwrap_or(taken));
        rest = left;
    }
    out
}

/// One finding that a fix closes.
struct Closed {
    id: String,
    risk: i16,
    /// Which of several failures of the check; empty where there is one.
    subject: String,
    check: String,
    resource: String,
    kind: String,
}

impl One {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        id: FixId,
        after: Option<String>,
    ) -> Result<Self, StoreError> {
        let row = fix::get(tx, id).await?;
        let closes = fix::checks(tx, id).await?;
        let findings = finding::of_fix(tx, id, &PageRequest { after, size: PAGE }).await?;
        let runners = if row.fix_key.starts_with("image-") { fix::runners(tx, id).await? } else { 0 };
        let cuts = path::cut_by(tx, id).await?;
        let score = posture::latest(tx).await?.map(|posture| posture.score);
        let region = if row.region == "global" { "" } else { row.region.as_str() };
        let steps = closes.iter().filter_map(|part| {
            let check = catalogue.check(&part.check_id)?;
            Some(Step::of(check, text::plural(part.findings, "finding"), Remedy::of(check, &row.account, region)))
        });
        Ok(Self {
            resource: row.resource_id.map(|id| id.to_string()),
            source: row.source_name.clone(),
            done: row.open_findings == 0,
            runners: (runners > 0).then(|| text::plural(runners, "workload")),
            cuts: (cuts > 0).then(|| text::plural(cuts.into(), "attack path")),
            scores: score.map(|score| (format!("{score:.1}"), format!("{:.1}", (score + row.gain).min(100.0)))),
            steps: steps.collect(),
            bump: row.target.split_once(" → ").map(|(from, to)| (from.to_owned(), to.to_owned())),
            next: findings.next.map(|after| format!("/fixes/{id}?{}", pair("after", &after))),
            findings: findings.items.iter().map(|row| Closed::of(row, catalogue)).collect(),
            line: FixLine::of(&row, catalogue),
        })
    }
}

impl Step {
    fn of(check: &Check, findings: String, remedy: Remedy) -> Self {
        Self {
            id: check.id.clone(),
            title: check.title.clone(),
            severity: check.severity.as_str(),
            findings,
            why: check.why.clone(),
            expected: check.expected.clone(),
            remedy,
        }
    }
}

impl Closed {
    fn of(row: &finding::FindingRow, catalogue: &Catalogue) -> Self {
        Self {
            id: row.finding_id.to_string(),
            risk: row.risk,
            subject: row.subject.clone(),
            check: words::check(catalogue, &row.check_id).to_owned(),
            resource: row.resource_name.clone(),
            kind: words::kind(&row.resource_kind).to_owned(),
        }
    }
}

/// One encoded pair of an address.
pub(crate) fn pair(key: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(key, value).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_filled_in() {
        let filled =
            filled("--account-id ACCOUNT --name ACCOUNT_NAME --region REGION", &[("ACCOUNT", "1"), ("REGION", "")]);
        assert_eq!(filled, "--account-id 1 --name ACCOUNT_NAME --region REGION");
    }
}
