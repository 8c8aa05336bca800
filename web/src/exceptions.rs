//! The register of exceptions: what is left out of the net score, until when, by whom and why.

mod ask;
mod export;
mod finding;
mod one;

pub(crate) use finding::{AcceptErrors, AcceptForm};

use crate::call::{Call, ManageMembers, ReadPosture};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::exception::{ExceptionKind, ExceptionState, Scope};
use plumbline_core::role::Permission;
use plumbline_policy::Catalogue;
use plumbline_store::exception::{self, Counts, Exception, FourEyes, Names, Standing};
use plumbline_store::{PageRequest, StoreError};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

const PAGE: i64 = 40;
const PATH: &str = "/exceptions";

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/exceptions", index), Route::post("/exceptions/four-eyes", set_four_eyes)];
    routes.extend(export::routes());
    routes.extend(ask::routes());
    routes.extend(one::routes());
    routes.extend(finding::routes());
    routes
}

/// The address of an exception.
pub(crate) fn href(id: impl std::fmt::Display) -> String {
    format!("{PATH}/{id}")
}

/// How a state looks.
pub(crate) fn class(state: &str) -> &'static str {
    match ExceptionState::parse(state) {
        Some(ExceptionState::Asked) => "is-note",
        Some(ExceptionState::InForce) => "is-accepted",
        Some(ExceptionState::Refused) => "is-bad",
        _ => "is-none",
    }
}

pub(crate) fn state_words(state: &str) -> &'static str {
    ExceptionState::parse(state).map_or("", ExceptionState::title)
}

pub(crate) fn kind_words(kind: &str) -> &'static str {
    ExceptionKind::parse(kind).map_or("", ExceptionKind::title)
}

/// What a scope covers, in one line.
fn scope_words(scope: &Scope, names: &Names, catalogue: &Catalogue) -> String {
    let gone = (String::new(), "something that is gone".to_owned());
    match scope {
        Scope::Finding(id) => {
            let (check, resource) = names.get(&id.0).unwrap_or(&gone);
            format!("{} on {resource}", words::check(catalogue, check))
        }
        Scope::Resource(id) => format!("Everything on {}", names.get(&id.0).unwrap_or(&gone).1),
        Scope::Fix(id) => {
            let (key, target) = names.get(&id.0).unwrap_or(&gone);
            let title = catalogue.fix(key).map_or(key.as_str(), |check| check.fix.title.as_str());
            format!("What the fix “{title}” closes in {target}")
        }
        Scope::Filter(line) => format!("What fits {}", line_words(line, names)),
    }
}

/// A filter as people read it: with the names of sources for their ids.
fn line_words(line: &str, names: &Names) -> String {
    exception::line_words(line, |id| names.get(&id).map(|(_, name)| name.clone()))
}

/// The share of the gross loss, in words.
fn share(loss: i64, gross: i64) -> String {
    if gross <= 0 || loss <= 0 {
        return "none of the loss".to_owned();
    }
    let tenths = loss.saturating_mul(1000) / gross;
    if tenths == 0 {
        "less than 0.1 % of the loss".to_owned()
    } else {
        format!("{}.{} % of the loss", tenths / 10, tenths % 10)
    }
}

/// What is to be looked at of an exception: a class and a word each.
fn flags(row: &Exception, gross: i64, now: DateTime<Utc>) -> Vec<(&'static str, &'static str)> {
    let mut flags = Vec::new();
    if row.is_unused() {
        flags.push(("is-none", "unused"));
    }
    if row.is_over_broad(gross) {
        flags.push(("is-high", "over-broad"));
    }
    if row.is_expiring(now) {
        flags.push(("is-warning", "expiring"));
    }
    if row.two_eyes {
        flags.push(("is-warning", "approved by its asker"));
    }
    flags
}

struct Line {
    href: String,
    what: String,
    kind: &'static str,
    class: &'static str,
    state: &'static str,
    reason: String,
    asker: String,
    approver: Option<String>,
    until: String,
    covers: String,
    share: String,
    flags: Vec<(&'static str, &'static str)>,
    /// Where it is asked for anew, where it ends soon or its time was over.
    renew: Option<String>,
}

impl Line {
    fn of(row: &Exception, names: &Names, catalogue: &Catalogue, gross: i64, now: DateTime<Utc>) -> Self {
        Self {
            href: href(row.exception_id),
            what: scope_words(&row.scope, names, catalogue),
            kind: kind_words(&row.kind),
            class: class(&row.state),
            state: state_words(&row.state),
            reason: row.reason.chars().take(140).collect(),
            asker: former(row.asker.as_ref()),
            approver: row.approver.clone(),
            until: text::day(row.ended_at.unwrap_or(row.expires_at)),
            covers: text::plural(row.covers, "finding"),
            share: share(row.covers_loss, gross),
            flags: flags(row, gross, now),
            renew: (row.is_expiring(now) || row.ended_how.as_deref() == Some("expired"))
                .then(|| format!("/exceptions/new?renew={}", row.exception_id)),
        }
    }
}

/// The name of somebody, or that they are gone.
fn former(name: Option<&String>) -> String {
    name.cloned().unwrap_or_else(|| "a former member".to_owned())
}

struct Tab {
    title: &'static str,
    count: String,
    href: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "exceptions/index.html")]
struct Index {
    frame: Frame,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    next: Option<String>,
    first: bool,
    may_ask: bool,
    may_set: bool,
    four_eyes: FourEyes,
    any: bool,
}

/// The words of the address, with what each narrows to.
const TABS: [(&str, &str, Option<Standing>); 9] = [
    ("", "All", None),
    ("waiting", "Waiting for approval", Some(Standing::Of(ExceptionState::Asked))),
    ("in_force", "In force", Some(Standing::Of(ExceptionState::InForce))),
    ("expiring", "Expiring", Some(Standing::Expiring)),
    ("unused", "Unused", Some(Standing::Unused)),
    ("over_broad", "Over-broad", Some(Standing::OverBroad)),
    ("refused", "Refused", Some(Standing::Of(ExceptionState::Refused))),
    ("withdrawn", "Withdrawn", Some(Standing::Of(ExceptionState::Withdrawn))),
    ("ended", "Ended", Some(Standing::Of(ExceptionState::Ended))),
];

fn counted(counts: &Counts, standing: Option<Standing>) -> i64 {
    match standing {
        None => counts.all,
        Some(Standing::Unused) => counts.unused,
        Some(Standing::OverBroad) => counts.over_broad,
        Some(Standing::Expiring) => counts.expiring,
        Some(Standing::Of(ExceptionState::Asked)) => counts.asked,
        Some(Standing::Of(ExceptionState::InForce)) => counts.in_force,
        Some(Standing::Of(ExceptionState::Refused)) => counts.refused,
        Some(Standing::Of(ExceptionState::Withdrawn)) => counts.withdrawn,
        Some(Standing::Of(ExceptionState::Ended)) => counts.ended,
    }
}

fn index_href(standing: &str, after: Option<&str>) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    if !standing.is_empty() {
        out.append_pair("standing", standing);
    }
    if let Some(after) = after {
        out.append_pair("after", after);
    }
    let text = out.finish();
    if text.is_empty() { PATH.to_owned() } else { format!("{PATH}?{text}") }
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (mut word, mut after) = (String::new(), None);
    for (key, value) in words::query(&call.visit().here) {
        match key.as_ref() {
            "standing" => word = value,
            "after" => after = Some(value),
            _ => {}
        }
    }
    let (word, _, standing) = TABS.into_iter().find(|(one, ..)| *one == word).unwrap_or(TABS[0]);
    let (now, catalogue) = (call.now, call.catalogue());
    let counts = exception::counts(&mut call.tx, now).await?;
    let page = PageRequest { after: after.clone(), size: PAGE };
    let found = exception::list(&mut call.tx, standing, counts.gross_loss, now, &page).await?;
    let names = exception::names(&mut call.tx, found.items.iter().map(|row| &row.scope.0)).await?;
    let tab = |(one, title, standing): (&'static str, &'static str, Option<Standing>)| Tab {
        title,
        count: text::number(counted(&counts, standing)),
        href: index_href(one, None),
        chosen: one == word,
    };
    let page = Index {
        tabs: TABS.into_iter().map(tab).collect(),
        lines: found.items.iter().map(|row| Line::of(row, &names, catalogue, counts.gross_loss, now)).collect(),
        next: found.next.map(|after| index_href(word, Some(&after))),
        first: after.is_none(),
        may_ask: call.may(Permission::Triage),
        may_set: call.may(Permission::ManageMembers),
        four_eyes: exception::four_eyes(&mut call.tx).await?,
        any: counts.all > 0,
        frame: call.frame(Nav::Exceptions),
    };
    call.page(&page)
}

#[derive(Deserialize)]
struct FourEyesForm {
    #[serde(default)]
    four_eyes: String,
}

async fn set_four_eyes(mut call: Call<ManageMembers>, form: Form<FourEyesForm>) -> Result<HttpResponse, WebError> {
    let on = form.0.four_eyes != "off";
    let (by, now) = (call.actor.id, call.now);
    match exception::set_four_eyes(&mut call.tx, on, by, now).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse(PATH, Flash::bad(words))),
        other => other?,
    }
    call.record("exceptions.four_eyes_changed", if on { "on" } else { "off" }, json!({ "four_eyes": on })).await?;
    let said = if on {
        "From now on somebody else approves."
    } else {
        "The only approver may now approve what they asked for themselves. The register says so of each."
    };
    call.done(PATH, Flash::good(said)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_said_to_the_tenth() {
        assert_eq!(share(0, 100), "none of the loss");
        assert_eq!(share(55, 1000), "5.5 % of the loss");
        assert_eq!(share(1, 100_000), "less than 0.1 % of the loss");
    }
}
