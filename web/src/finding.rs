//! One finding: what is wrong, why it ranks where it does, how to fix it, and all that happened to it.

mod factors;
mod flaw;

use crate::call::{ApproveException, Call, ReadPosture};
use crate::error::WebError;
use crate::fixes::{self, Remedy};
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::tree::{self, Attribute};
use crate::{paths, text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use factors::{Factor, factors};
use flaw::FlawPart;
use plumbline_core::id::{FindingId, FixId};
use plumbline_core::role::Permission;
use plumbline_policy::Catalogue;
use plumbline_store::exception::Exception;
use plumbline_store::finding::{FindingDetail, FindingEvent};
use plumbline_store::{StoreError, TenantTx, exception, finding, fix, path, reconcile, stack};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/findings/{finding}", show),
        Route::post("/findings/{finding}/accept", accept),
        Route::post("/findings/{finding}/reopen", end_acceptance),
    ]
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let page = read(&mut call, FindingId(*id), AcceptForm::default(), AcceptErrors::default()).await?;
    call.page(&page)
}

/// Accepts the risk of an open finding for a time, with every number that follows from it.
async fn accept(
    mut call: Call<ApproveException>,
    id: web::Path<Uuid>,
    form: Form<AcceptForm>,
) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    let (reason, length) = match form.0.read() {
        Ok((reason, length)) => (reason.to_owned(), length),
        Err(errors) => {
            let page = read(&mut call, id, form.0.clone(), errors).await?;
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
    };
    reconcile::try_lock(&mut call.tx).await?;
    let found = finding::get(&mut call.tx, id).await?;
    if found.state != "open" {
        return Err(WebError::Conflict("Only the risk of an open finding can be accepted.".to_owned()));
    }
    let (by, now, mint) = (call.actor.id, call.now, call.visit().state.mint.clone());
    let (weighing, until) = (call.catalogue().weighing(), now + length);
    exception::open(&mut call.tx, id, &reason, by, until, &mint).await?;
    reconcile::apply_acceptance(&mut call.tx, &[id], true, Some(by), &weighing, now).await?;
    let detail = json!({ "check": found.check_id, "resource": found.resource_uid, "until": until, "reason": reason });
    call.record("finding.risk_accepted", &id.to_string(), detail).await?;
    let said = format!("The risk is accepted until {}.", text::day(until));
    call.done(&format!("/findings/{id}"), Flash::good(said)).await
}

/// Ends the acceptance of a finding's risk.
async fn end_acceptance(
    mut call: Call<ApproveException>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    let (by, now, weighing) = (call.actor.id, call.now, call.catalogue().weighing());
    reconcile::try_lock(&mut call.tx).await?;
    exception::end(&mut call.tx, id, now).await?;
    reconcile::apply_acceptance(&mut call.tx, &[id], false, Some(by), &weighing, now).await?;
    call.record("finding.acceptance_ended", &id.to_string(), json!({})).await?;
    call.done(&format!("/findings/{id}"), Flash::good("The risk is no longer accepted. The finding is open.")).await
}

async fn read<P>(call: &mut Call<P>, id: FindingId, form: AcceptForm, errors: AcceptErrors) -> Result<Page, WebError> {
    let catalogue = call.catalogue();
    let one = One::read(&mut call.tx, catalogue, id, call.now).await?;
    let may_accept = call.may(Permission::ApproveException);
    Ok(Page { frame: call.frame(Nav::Findings), one, may_accept, form, errors })
}

#[derive(Template)]
#[template(path = "findings/one.html")]
struct Page {
    frame: Frame,
    one: One,
    may_accept: bool,
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
    words: &'static str,
    person: Option<String>,
    at: String,
    ago: String,
}

struct Acceptance {
    reason: String,
    by: String,
    since: String,
    until: String,
    in_force: bool,
}

/// The form with which a risk is accepted, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
struct AcceptForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    days: String,
}

/// What a form lacks: the sentence stands beside the field.
#[derive(Debug, Clone, Default)]
struct AcceptErrors {
    reason: Option<&'static str>,
    days: Option<&'static str>,
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
        let region = if found.region == "global" { "" } else { found.region.as_str() };
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
            remedy: check.map(|check| Remedy::of(check, &found.account, region)),
            controls: controls_of(catalogue, &found.check_id),
            history: history.iter().map(|event| Happening::of(event, now)).collect(),
            acceptances: acceptances.iter().map(|accepted| Acceptance::of(accepted, now)).collect(),
            sight: Sight::of(&found, now),
            first_seen: text::when(found.first_seen),
            opened: text::ago(found.opened_at, now),
            resolved: found.resolved_at.map(|at| text::ago(at, now)),
            reopened: (found.times_reopened > 0).then(|| text::plural(found.times_reopened.into(), "time")),
        })
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
        Self {
            words: match event.event.as_str() {
                "opened" => "First seen",
                "resolved" => "Resolved",
                "reopened" => "Came back",
                "weighed" => "Weighs differently now",
                "accepted" => "Risk accepted",
                "acceptance_ended" => "Acceptance ended",
                _ => "Changed",
            },
            person: event.person.clone(),
            at: text::when(event.at),
            ago: text::ago(event.at, now),
        }
    }
}

impl Acceptance {
    fn of(accepted: &Exception, now: DateTime<Utc>) -> Self {
        let until = accepted.ended_at.unwrap_or(accepted.expires_at);
        Self {
            reason: accepted.reason.clone(),
            by: accepted.approved_by.clone().unwrap_or_else(|| "a former member".to_owned()),
            since: text::day(accepted.created_at),
            until: text::day(until),
            in_force: accepted.ended_at.is_none() && accepted.expires_at > now,
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

impl AcceptForm {
    /// The reason and the number of days, or what is wrong with them.
    fn read(&self) -> Result<(&str, TimeDelta), AcceptErrors> {
        let reason = self.reason.trim();
        let days = self.days.trim().parse::<i64>().ok().filter(|days| (1..=365).contains(days));
        let errors = AcceptErrors {
            reason: (!(10..=2000).contains(&reason.chars().count()))
                .then_some("Say in 10 to 2,000 characters why the risk is acceptable."),
            days: days.is_none().then_some("A whole number of days, from 1 to 365."),
        };
        match days {
            Some(days) if errors.reason.is_none() => Ok((reason, TimeDelta::days(days))),
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_and_an_end_are_asked_for() {
        let bare = AcceptForm::default().read().expect_err("nothing typed");
        assert!(bare.reason.is_some() && bare.days.is_some());
        let form = AcceptForm { reason: "Behind a reviewed proxy".to_owned(), days: " 30 ".to_owned() };
        assert_eq!(form.read().expect("sound").1, TimeDelta::days(30));
    }
}
