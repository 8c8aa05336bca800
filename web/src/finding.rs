//! One finding: what is wrong, why it ranks where it does, how to fix it, and all that happened to it.

mod comments;
mod factors;
mod flaw;
mod triage;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::exceptions::{self, AcceptErrors, AcceptForm};
use crate::fixes::{self, Remedy, Target};
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::tree::{self, Attribute};
use crate::{paths, text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use factors::{Factor, factors};
use flaw::FlawPart;
use plumbline_core::exception::Scope;
use plumbline_core::id::{FindingId, FixId};
use plumbline_core::role::Permission;
use plumbline_policy::Catalogue;
use plumbline_store::exception::Exception;
use plumbline_store::finding::{FindingDetail, FindingEvent};
use plumbline_store::{StoreError, TenantTx, exception, finding, fix, path, stack};
use triage::{TriagePart, Typed};
use uuid::Uuid;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/findings/{finding}", show)];
    routes.extend(triage::routes());
    routes.extend(comments::routes());
    routes
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let page = read(&mut call, FindingId(*id), AcceptForm::default(), AcceptErrors::default()).await?;
    call.page(&page)
}

/// The page of a finding, with the form of an exception as it was typed.
pub(crate) async fn read<P>(
    call: &mut Call<P>,
    id: FindingId,
    form: AcceptForm,
    errors: AcceptErrors,
) -> Result<Page, WebError> {
    let catalogue = call.catalogue();
    let one = One::read(&mut call.tx, catalogue, id, call.now).await?;
    let (may_ask, may_end) = (call.may(Permission::Triage), call.may(Permission::ApproveException));
    let triage = TriagePart::read(call, id, Typed::default()).await?;
    Ok(Page { frame: call.frame(Nav::Findings), one, triage, may_ask, may_end, form, errors })
}

#[derive(Template)]
#[template(path = "findings/one.html")]
pub(crate) struct Page {
    frame: Frame,
    one: One,
    triage: TriagePart,
    may_ask: bool,
    may_end: bool,
    form: AcceptForm,
    errors: AcceptErrors,
}

/// What is seen of it now.
struct Sight {
    /// Whether the scope was read completely the last time it was tried, and the check could decide.
    clear: bool,
    words: String,
    permission: Option<String>,
    at: Option<String>,
}

struct FixLink {
    id: String,
    title: String,
    gain: String,
    closes: String,
}

struct ControlLink {
    framework: String,
    href: String,
    id: String,
    title: String,
}

struct Happening {
    words: String,
    /// What was said with it.
    note: Option<String>,
    person: Option<String>,
    at: String,
    ago: String,
}

struct Acceptance {
    href: String,
    kind: &'static str,
    class: &'static str,
    state: &'static str,
    reason: String,
    words: String,
    /// Whether it is in force, and of this finding alone.
    own: bool,
}

/// What the page shows of the finding.
struct One {
    id: String,
    title: String,
    /// Which of several failures of the check this is; empty where there is one.
    subject: String,
    /// What is known of the flaw, for a finding that is one.
    flaw: Option<FlawPart>,
    severity: String,
    state: String,
    risk: i16,
    layer: &'static str,
    message: String,
    why: String,
    expected: String,
    observed: Vec<Attribute>,
    factors: Vec<Factor>,
    /// The riskiest attack paths that hang on it, and how many there are.
    paths: Vec<paths::Line>,
    on_paths: Option<String>,
    resource: ResourceLink,
    /// How many workloads hang on the resource; none where none is known to.
    reaches: Option<String>,
    fix: Option<FixLink>,
    remedy: Option<Remedy>,
    controls: Vec<ControlLink>,
    history: Vec<Happening>,
    acceptances: Vec<Acceptance>,
    sight: Sight,
    first_seen: String,
    opened: String,
    resolved: Option<String>,
    reopened: Option<String>,
}

struct ResourceLink {
    id: String,
    name: String,
    kind: String,
    uid: String,
    account: String,
    region: String,
    source: String,
    source_id: String,
    retired: bool,
}

impl One {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        id: FindingId,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let found = finding::get(tx, id).await?;
        let history = finding::history(tx, id).await?;
        let acceptances = exception::of_finding(tx, id).await?;
        let fix = fix::find(tx, FixId(found.fix_id)).await?.filter(|fix| fix.open_findings > 0);
        let around = path::around(tx, id).await?;
        let on_paths = if around.paths > 0 { path::of_finding(tx, id).await? } else { Vec::new() };
        let check = catalogue.check(&found.check_id);
        let flaw = FlawPart::of(&found.subject, &found.observed);
        let reaches = stack::workloads_of(tx, &found.resource_uid).await?;
        Ok(Self {
            reaches: (reaches > 0).then(|| text::plural(reaches, "workload")),
            id: id.to_string(),
            title: words::check(catalogue, &found.check_id).to_owned(),
            subject: found.subject.clone(),
            severity: found.severity.clone(),
            state: found.state.clone(),
            risk: found.risk,
            layer: check.map_or("", |check| words::layer(check.layer)),
            message: found.message.clone(),
            why: check.map_or_else(String::new, |check| check.why.clone()),
            expected: check.map_or_else(String::new, |check| check.expected.clone()),
            observed: observed(&found, flaw.is_some()),
            flaw,
            factors: factors(&found, &around),
            paths: paths::lines(tx, catalogue, &on_paths).await?,
            on_paths: (around.paths > 0).then(|| text::plural(around.paths, "attack path")),
            resource: ResourceLink::of(&found),
            fix: fix.map(|fix| FixLink {
                id: fix.fix_id.to_string(),
                title: fixes::title(&fix, catalogue),
                gain: words::points(fix.gain),
                closes: text::plural(fix.open_findings, "finding"),
            }),
            remedy: check.map(|check| Remedy::of(check, &target(&found))),
            controls: controls_of(catalogue, &found.check_id),
            history: history.iter().map(|event| Happening::of(event, now)).collect(),
            acceptances: acceptances.iter().map(|row| Acceptance::of(row, id)).collect(),
            sight: Sight::of(&found, now),
            first_seen: text::when(found.first_seen),
            opened: text::ago(found.opened_at, now),
            resolved: found.resolved_at.map(|at| text::ago(at, now)),
            reopened: (found.times_reopened > 0).then(|| text::plural(found.times_reopened.into(), "time")),
        })
    }
}

/// What the finding's fix is applied to.
fn target(found: &FindingDetail) -> Target<'_> {
    Target {
        kind: &found.resource_kind,
        uid: &found.resource_uid,
        name: &found.resource_name,
        account: &found.account,
        region: &found.region,
        attributes: None,
    }
}

/// What was observed, as attributes; that of a flaw has its own place on the page.
fn observed(found: &FindingDetail, is_flaw: bool) -> Vec<Attribute> {
    if is_flaw {
        return Vec::new();
    }
    tree::document("Observed", &found.observed).into_iter().map(Attribute::in_words).collect()
}

impl ResourceLink {
    fn of(found: &FindingDetail) -> Self {
        Self {
            id: found.resource_id.to_string(),
            name: found.resource_name.clone(),
            kind: words::kind(&found.resource_kind).to_owned(),
            uid: found.resource_uid.clone(),
            account: found.account.clone(),
            region: found.region.clone(),
            source: found.source_name.clone(),
            source_id: found.source_id.to_string(),
            retired: found.retired_at.is_some(),
        }
    }
}

impl Happening {
    fn of(event: &FindingEvent, now: DateTime<Utc>) -> Self {
        let (words, note) = triage::happening(event);
        Self { words, note, person: event.person.clone(), at: text::when(event.at), ago: text::ago(event.at, now) }
    }
}

impl Acceptance {
    fn of(row: &Exception, finding: FindingId) -> Self {
        let asker = row.asker.as_deref().unwrap_or("a former member");
        let until = text::day(row.ended_at.unwrap_or(row.expires_at));
        let words = match (row.state.as_str(), row.approver.as_deref()) {
            ("asked", _) => format!("Asked for by {asker} on {}, until {until}", text::day(row.created_at)),
            (_, Some(approver)) => format!("Asked for by {asker}, decided by {approver}, until {until}"),
            (_, None) => format!("Asked for by {asker}, until {until}"),
        };
        Self {
            href: exceptions::href(row.exception_id),
            kind: exceptions::kind_words(&row.kind),
            class: exceptions::class(&row.state),
            state: exceptions::state_words(&row.state),
            reason: row.reason.clone(),
            words,
            own: row.state == "in_force" && row.scope.0 == Scope::Finding(finding),
        }
    }
}

impl Sight {
    fn of(found: &FindingDetail, now: DateTime<Utc>) -> Self {
        let at = found.scope_complete_at.map(text::when);
        let since = found
            .scope_complete_at
            .map_or_else(|| "at any time".to_owned(), |at| format!("since {}", text::ago(at, now)));
        if found.scope_outcome.as_deref() != Some("complete") {
            return Self {
                clear: false,
                words: format!("Not verified {since}. {}", lost(found)),
                permission: found.scope_permission.clone().filter(|permission| !permission.is_empty()),
                at,
            };
        }
        if found.state != "resolved" && found.verdict.as_deref() == Some("unknown") {
            let permission = found.missing.as_ref().and_then(|missing| missing.get(0)?.get("permission")?.as_str());
            return Self {
                clear: false,
                words: "The check can no longer decide: something it needs is not readable any more.".to_owned(),
                permission: permission.map(str::to_owned),
                at,
            };
        }
        let verified = found.scope_complete_at.map_or_else(|| "never".to_owned(), |at| text::ago(at, now));
        Self { clear: true, words: format!("Last verified {verified}"), permission: None, at }
    }
}

/// Why the scope of the finding was not read.
fn lost(found: &FindingDetail) -> String {
    match (found.scope_outcome.as_deref(), found.scope_detail.as_deref().map(|detail| detail.trim_end_matches('.'))) {
        (Some("denied"), _) => "The provider refuses the reading.".to_owned(),
        (_, Some(detail)) if !detail.is_empty() => format!("Reading it failed: {detail}."),
        _ => "Reading it failed.".to_owned(),
    }
}

/// The controls that a check belongs to, over all frameworks.
fn controls_of(catalogue: &Catalogue, check: &str) -> Vec<ControlLink> {
    let mut links = Vec::new();
    for framework in catalogue.frameworks() {
        for control in framework.controls.iter().filter(|control| control.checks.iter().any(|id| id == check)) {
            links.push(ControlLink {
                framework: format!("{} {}", framework.title, framework.version),
                href: crate::compliance::control_href(&framework.id, &control.id),
                id: control.id.clone(),
                title: control.title.clone(),
            });
        }
    }
    links
}
