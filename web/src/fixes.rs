//! The fix queue: what to do next, and one fix with everything it takes.

mod names;
mod one;
mod place;
mod queue;
mod remedy;
mod snippet;

pub(crate) use names::Target;
pub(crate) use remedy::Remedy;

use crate::route::Route;
use crate::triage::last_day;
use crate::{text, words};
use chrono::{DateTime, Utc};
use plumbline_core::risk::order;
use plumbline_core::text::short_hashes;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::fix::FixRow;
use url::form_urlencoded;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/fixes", queue::index), Route::get("/fixes/{fix}", one::show)]
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
    /// The sum of the risks of what it closes.
    pub(crate) risk: String,
    /// How many attack paths it cuts; none where it cuts none.
    pub(crate) paths: Option<String>,
    /// Whether it is applied to what others are made of.
    pub(crate) upstream: bool,
    pub(crate) owner: Option<String>,
    /// When the first of its findings is due.
    pub(crate) due: Option<String>,
    /// Whether that is over.
    pub(crate) late: bool,
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
            effort: order::effort(row.ease).as_str(),
            layer: check.map_or("", |check| words::layer(check.layer)),
            risk: text::number(row.risk),
            paths: (row.paths_cut > 0).then(|| text::number(row.paths_cut.into())),
            upstream: row.upstream || row.resources > 1,
            owner: row.owner().map(str::to_owned),
            due: row.due_at.map(last_day),
            late: false,
        }
    }

    /// The same, telling what should have been done by now.
    pub(crate) fn at(row: &FixRow, catalogue: &Catalogue, now: DateTime<Utc>) -> Self {
        Self { late: row.due_at.is_some_and(|due| due <= now), ..Self::of(row, catalogue) }
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
    short_hashes(&match &row.resource_name {
        // The account of an image is the host of its registry.
        Some(name) if row.fix_key.starts_with("image-") => format!("{name} in {}", row.account),
        // Several regions may have one of the name.
        Some(name) if is_of_cloud(row) && !matches!(row.region.as_str(), "" | "global") => {
            format!("{name} in {whole}, {}", row.region)
        }
        Some(name) => format!("{name} in {whole}"),
        None if row.target == row.account => whole,
        None if row.target == format!("{}/{}", row.account, row.region) => format!("{whole}, {}", row.region),
        None => row.target.clone(),
    })
}

/// The account, where it is one of a cloud; a cluster, an engine or a machine is better known by what its source is called.
fn whose(row: &FixRow) -> String {
    if is_of_cloud(row) { format!("account {}", row.account) } else { row.source_name.clone() }
}

fn is_of_cloud(row: &FixRow) -> bool {
    row.account.len() == 12 && row.account.bytes().all(|byte| byte.is_ascii_digit())
}

/// One encoded pair of an address.
pub(crate) fn pair(key: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(key, value).finish()
}
