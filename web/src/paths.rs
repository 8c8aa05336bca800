//! Attack paths: how somebody on the internet comes to what is worth having, and which fix cuts the way.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::fixes;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::{FixId, PathId, ResourceId};
use plumbline_core::path::{Goal, Opens};
use plumbline_core::risk::Likelihood;
use plumbline_policy::Catalogue;
use plumbline_store::path::{Hold, Need, PathRow, PathSums, Place, Step};
use plumbline_store::{PageRequest, StoreError, TenantTx, fix, path};
use std::collections::HashMap;
use uuid::Uuid;

const PAGE: i64 = 40;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/paths", index), Route::get("/paths/{attack_path}", show)]
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let after = words::query(&call.visit().here).find(|(key, _)| key == "after").map(|(_, value)| value);
    let catalogue = call.catalogue();
    let list = List::read(&mut call.tx, catalogue, after).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Paths), list })
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let catalogue = call.catalogue();
    let one = One::read(&mut call.tx, catalogue, PathId(id.into_inner()), call.now).await?;
    call.page(&OnePage { frame: call.frame(Nav::Paths), one })
}

#[derive(Template)]
#[template(path = "paths/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

#[derive(Template)]
#[template(path = "paths/one.html")]
struct OnePage {
    frame: Frame,
    one: One,
}

/// The ranked list, or its further pages.
#[derive(Template)]
#[template(path = "paths/_list.html")]
struct List {
    paths: Vec<Line>,
    next: Option<String>,
    first: bool,
    /// What was left out, where something was.
    cut: Option<String>,
}

/// One path in a list.
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) risk: i16,
    /// The severity by whose colour its risk is shown.
    pub(crate) colour: &'static str,
    pub(crate) title: String,
    /// From where, and how it is taken.
    pub(crate) way: String,
    pub(crate) length: String,
    /// Id and name of the best fix that cuts it.
    pub(crate) fix: Option<(String, String)>,
}

impl Line {
    pub(crate) fn of(row: &PathRow, fix: Option<(String, String)>) -> Self {
        let likelihood = Likelihood::parse(&row.likelihood).unwrap_or(Likelihood::Possible);
        let entrance = if row.entrance_name == row.foothold_name {
            String::new()
        } else {
            format!(" through {} {}", words::kind(&row.entrance_kind).to_lowercase(), row.entrance_name)
        };
        Self {
            id: row.path_id.to_string(),
            risk: row.risk,
            colour: colour(row.risk),
            title: title(row),
            way: format!(
                "By {} {}{entrance}; {}",
                words::kind(&row.foothold_kind).to_lowercase(),
                row.foothold_name,
                taken(likelihood),
            ),
            length: match row.length {
                0 => "At once".to_owned(),
                steps => text::plural(steps.into(), "step"),
            },
            fix,
        }
    }
}

/// The severity that a path's risk looks like.
fn colour(risk: i16) -> &'static str {
    match risk {
        70.. => "critical",
        50..70 => "high",
        30..50 => "medium",
        _ => "low",
    }
}

/// What the path leads to.
fn title(row: &PathRow) -> String {
    let goal = Goal::parse(&row.goal).map_or("something worth having", Goal::words);
    format!("From the internet to {goal}: {}", row.target_name)
}

/// How its foothold is taken.
fn taken(likelihood: Likelihood) -> &'static str {
    match likelihood {
        Likelihood::Exploited => "a flaw in it is being exploited",
        Likelihood::Likely => "a flaw in it is likely to be exploited",
        Likelihood::Open => "it is open to whoever comes by",
        Likelihood::Possible | Likelihood::Unlikely => "it can be taken over",
    }
}

/// Titles of fixes, each looked up once.
async fn titles(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    rows: &[PathRow],
) -> Result<HashMap<Uuid, String>, StoreError> {
    let mut titles = HashMap::new();
    for id in rows.iter().filter_map(|row| row.fix_id) {
        if titles.contains_key(&id) {
            continue;
        }
        if let Some(found) = fix::find(tx, FixId(id)).await? {
            titles.insert(id, fixes::title(&found, catalogue));
        }
    }
    Ok(titles)
}

/// Rows as lines, each with its best fix.
pub(crate) async fn lines(tx: &mut TenantTx, catalogue: &Catalogue, rows: &[PathRow]) -> Result<Vec<Line>, StoreError> {
    let titles = titles(tx, catalogue, rows).await?;
    let best = |row: &PathRow| row.fix_id.and_then(|id| Some((id.to_string(), titles.get(&id)?.clone())));
    Ok(rows.iter().map(|row| Line::of(row, best(row))).collect())
}

impl List {
    async fn read(tx: &mut TenantTx, catalogue: &Catalogue, after: Option<String>) -> Result<Self, StoreError> {
        let first = after.is_none();
        let found = path::list(tx, &PageRequest { after, size: PAGE }).await?;
        let sums = path::sums(tx).await?;
        Ok(Self {
            paths: lines(tx, catalogue, &found.items).await?,
            next: found.next.map(|after| format!("/paths?{}", fixes::pair("after", &after))),
            first,
            cut: cut(sums),
        })
    }
}

/// What was left out of the list, in words.
fn cut(sums: PathSums) -> Option<String> {
    let (footholds, paths) = (path::MOST_FOOTHOLDS, path::MOST_PATHS);
    if sums.footholds > footholds {
        return Some(format!(
            "{} resources can be taken over from the internet; the riskiest {} were followed.",
            text::number(sums.footholds),
            text::number(footholds)
        ));
    }
    (sums.paths > paths).then(|| {
        format!("{} paths were found; the riskiest {} are kept.", text::number(sums.paths), text::number(paths))
    })
}

/// One path, drawn from top to bottom.
struct One {
    line: Line,
    goal: &'static str,
    likelihood: &'static str,
    first_seen: String,
    ago: String,
    stages: Vec<Stage>,
    cuts: Vec<Cut>,
}

/// One place on the path.
struct Stage {
    id: String,
    name: String,
    kind: String,
    /// How one comes here.
    how: &'static str,
    is_last: bool,
    needs: Vec<Needed>,
}

/// What has to be open at a place, and the findings by which it is.
struct Needed {
    words: &'static str,
    findings: Vec<Holding>,
    /// How many findings are not named.
    more: Option<String>,
}

struct Holding {
    id: String,
    risk: i16,
    severity: String,
    title: String,
}

/// A fix that cuts the path.
struct Cut {
    id: String,
    title: String,
    /// How many other paths it cuts.
    others: String,
}

impl One {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        id: PathId,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let row = path::get(tx, id).await?;
        let steps = &row.steps.0;
        let ids: Vec<ResourceId> = steps.iter().map(|step| ResourceId(step.resource)).collect();
        let places = path::places(tx, &ids).await?;
        let named: Vec<Uuid> = steps.iter().flat_map(|s| &s.needs).flat_map(|n| n.findings.iter().copied()).collect();
        let holds = path::holds(tx, &named).await?;
        let mut cuts = Vec::new();
        for (fix, paths) in path::cuts(tx, id).await? {
            if let Some(found) = fix::find(tx, fix).await? {
                cuts.push(Cut::of(fix, fixes::title(&found, catalogue), paths));
            }
        }
        let seen = Seen { catalogue, places: &places, holds: &holds };
        let last = steps.len().saturating_sub(1);
        Ok(Self {
            goal: Goal::parse(&row.goal).map_or("", Goal::words),
            likelihood: Likelihood::parse(&row.likelihood).map_or("", Likelihood::words),
            first_seen: text::when(row.first_seen),
            ago: text::ago(row.first_seen, now),
            stages: steps.iter().enumerate().map(|(at, step)| seen.stage(step, at == last)).collect(),
            cuts,
            line: Line::of(&row, None),
        })
    }
}

impl Cut {
    fn of(fix: FixId, title: String, paths: i32) -> Self {
        let others = match paths.saturating_sub(1) {
            0 => "cuts this path alone".to_owned(),
            more => format!("cuts {} too", text::plural(more.into(), "other path")),
        };
        Self { id: fix.to_string(), title, others }
    }
}

/// What the steps name.
struct Seen<'a> {
    catalogue: &'a Catalogue,
    places: &'a HashMap<Uuid, Place>,
    holds: &'a HashMap<Uuid, Hold>,
}

impl Seen<'_> {
    fn stage(&self, step: &Step, is_last: bool) -> Stage {
        let place = self.places.get(&step.resource);
        let name = place.map_or("", |place| if place.name.is_empty() { &place.uid } else { &place.name });
        Stage {
            id: step.resource.to_string(),
            name: name.to_owned(),
            kind: place.map_or("", |place| words::kind(&place.kind)).to_owned(),
            how: how(&step.relation),
            is_last,
            needs: step.needs.iter().map(|need| self.needed(need)).collect(),
        }
    }

    fn needed(&self, need: &Need) -> Needed {
        let findings: Vec<Holding> =
            need.findings.iter().filter_map(|id| self.holds.get(id)).map(|hold| self.holding(hold)).collect();
        let hidden = need.count - i64::try_from(findings.len()).unwrap_or(0);
        Needed {
            words: Opens::parse(&need.opens).map_or("", Opens::words),
            findings,
            more: (hidden > 0).then(|| text::plural(hidden, "more finding")),
        }
    }

    fn holding(&self, hold: &Hold) -> Holding {
        let check = words::check(self.catalogue, &hold.check_id);
        let subject = words::subject(&hold.subject);
        Holding {
            id: hold.finding_id.to_string(),
            risk: hold.risk,
            severity: hold.severity.clone(),
            title: if subject.is_empty() { check.to_owned() } else { format!("{subject}: {check}") },
        }
    }
}

/// How one comes to a place from the one before it.
fn how(relation: &str) -> &'static str {
    match relation {
        "" | "reach" => "reached from the internet",
        "service_account" => "runs as",
        "cloud_role" | "role" => "acts as",
        "policy" => "is allowed by",
        "secret" => "is given",
        "node" | "daemon" | "machine" => "runs on",
        "image" => "is made of",
        _ => "leads to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_said() {
        assert_eq!(cut(PathSums { footholds: 3, paths: 40 }), None);
        assert!(cut(PathSums { footholds: 3, paths: 10_001 }).is_some_and(|said| said.starts_with("10,001 paths")));
        assert!(cut(PathSums { footholds: 6_000, paths: 1 }).is_some_and(|said| said.contains("5,000")));
    }

    #[test]
    fn a_fix_says_how_many_other_paths_it_cuts() {
        let cut = |paths| Cut::of(FixId(Uuid::nil()), String::new(), paths).others;
        assert_eq!((cut(1).as_str(), cut(2).as_str()), ("cuts this path alone", "cuts 1 other path too"));
    }
}
