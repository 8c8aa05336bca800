//! One exception: what it covers, who asked and decided, and what can be done about it.

use super::ask::{Effect, effect};
use super::{class, flags, former, href, kind_words, scope_words, share, state_words};
use crate::call::{ApproveException, Call, ReadPosture, Triage};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::exception::{REASON, Scope};
use plumbline_core::id::ExceptionId;
use plumbline_core::role::Permission;
use plumbline_store::exception::{self, Exception};
use plumbline_store::{StoreError, reconcile};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/exceptions/{exception}", show),
        Route::get("/exceptions/{exception}/attachment", attachment),
        Route::post("/exceptions/{exception}/approve", approve),
        Route::post("/exceptions/{exception}/refuse", refuse),
        Route::post("/exceptions/{exception}/withdraw", withdraw),
        Route::post("/exceptions/{exception}/end", end),
    ]
}

struct Covered {
    href: String,
    risk: i16,
    severity: String,
    title: String,
    resource: String,
}

struct Happening {
    words: String,
    at: String,
}

#[derive(Template)]
#[template(path = "exceptions/one.html")]
struct Page {
    frame: Frame,
    href: String,
    what: String,
    /// Where the one thing that it covers is shown.
    thing: Option<String>,
    kind: &'static str,
    class: &'static str,
    state: &'static str,
    flags: Vec<(&'static str, &'static str)>,
    reason: String,
    until: String,
    covers: String,
    share: String,
    covered: Vec<Covered>,
    more: Option<String>,
    history: Vec<Happening>,
    attachment: Option<String>,
    renews: Option<String>,
    waits: bool,
    /// What it would do now, for whoever may approve it.
    effect: Option<Effect>,
    may_approve: bool,
    /// Why the viewer may not approve this one.
    own: bool,
    may_withdraw: bool,
    may_end: bool,
    may_renew: Option<String>,
    typed: String,
    refused: Option<&'static str>,
}

fn history(row: &Exception) -> Vec<Happening> {
    let mut lines = vec![Happening {
        words: format!("Asked for by {}", former(row.asker.as_ref())),
        at: text::when(row.created_at),
    }];
    if let Some(at) = row.decided_at {
        let who = former(row.approver.as_ref());
        let words = match row.state.as_str() {
            "refused" => format!("Refused by {who}: {}", row.decision),
            "withdrawn" if row.decision.is_empty() => "Withdrawn".to_owned(),
            "withdrawn" => format!("Withdrawn: {}", row.decision),
            _ if row.two_eyes => format!("Approved by {who}, who asked for it: there was no other approver"),
            _ => format!("Approved by {who}"),
        };
        lines.push(Happening { words, at: text::when(at) });
    }
    if let Some(at) = row.ended_at {
        let words = match row.ended_how.as_deref() {
            Some("expired") => "Its time was over".to_owned(),
            Some("resolved") => "Ended: its finding was resolved".to_owned(),
            Some(_) => format!("Ended by {}", former(row.ender.as_ref())),
            None => "Ended".to_owned(),
        };
        lines.push(Happening { words, at: text::when(at) });
    }
    lines.reverse();
    lines
}

fn thing(scope: &Scope) -> Option<String> {
    match scope {
        Scope::Finding(id) => Some(format!("/findings/{id}")),
        Scope::Resource(id) => Some(format!("/resources/{id}")),
        Scope::Fix(id) => Some(format!("/fixes/{id}")),
        Scope::Filter(line) => Some(crate::findings::href_of(&format!("{line} state:open,accepted"))),
    }
}

async fn page<P>(
    call: &mut Call<P>,
    id: ExceptionId,
    typed: String,
    refused: Option<&'static str>,
) -> Result<Page, WebError> {
    let (now, catalogue, me) = (call.now, call.catalogue(), call.actor.id);
    let row = exception::get(&mut call.tx, id).await?;
    let names = exception::names(&mut call.tx, std::iter::once(&row.scope.0)).await?;
    let gross = exception::counts(&mut call.tx, now).await?.gross_loss;
    let covered = exception::covered(&mut call.tx, id).await?;
    let policy = exception::four_eyes(&mut call.tx).await?;
    let may_approve = row.state == "asked" && call.may(Permission::ApproveException);
    let effect = if may_approve { Some(effect(call, &row.scope.0).await?) } else { None };
    let (waits, in_force, mine) = (row.state == "asked", row.state == "in_force", row.requested_by == me.0);
    let shown = i64::try_from(covered.len()).unwrap_or(i64::MAX);
    Ok(Page {
        frame: call.frame(Nav::Exceptions),
        href: href(id),
        what: scope_words(&row.scope, &names, catalogue),
        thing: thing(&row.scope),
        kind: kind_words(&row.kind),
        class: class(&row.state),
        state: state_words(&row.state),
        flags: flags(&row, gross, now),
        until: text::when(row.expires_at),
        covers: text::plural(row.covers, "finding"),
        share: share(row.covers_loss, gross),
        more: (row.covers > shown).then(|| text::number(row.covers - shown)),
        covered: covered
            .iter()
            .map(|one| Covered {
                href: format!("/findings/{}", one.finding_id),
                risk: one.risk,
                severity: one.severity.clone(),
                title: words::check(catalogue, &one.check_id).to_owned(),
                resource: one.resource_name.clone(),
            })
            .collect(),
        history: history(&row),
        attachment: row.attachment.clone(),
        renews: row.renews.map(href),
        waits,
        effect,
        may_approve,
        own: mine && !policy.own_allowed(),
        may_withdraw: waits && mine && call.may(Permission::Triage),
        may_end: in_force && call.may(Permission::ApproveException),
        may_renew: (!waits && call.may(Permission::Triage)).then(|| format!("/exceptions/new?renew={id}")),
        reason: row.reason,
        typed,
        refused,
    })
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, ExceptionId(*id), String::new(), None).await?;
    call.page(&page)
}

/// Hands the attachment out as a download and as nothing else: `edge` adds `nosniff`.
async fn attachment(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let file = exception::attachment(&mut call.tx, ExceptionId(*id)).await?;
    let media_type =
        if file.media_type == "text/plain" { "text/plain; charset=utf-8".to_owned() } else { file.media_type };
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.name)))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"))
        .body(file.content))
}

async fn approve(
    mut call: Call<ApproveException>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = ExceptionId(*id);
    exception::get(&mut call.tx, id).await?;
    reconcile::try_lock(&mut call.tx).await?;
    let (by, now, mint) = (call.actor.id, call.now, call.visit().state.mint.clone());
    let weighing = call.catalogue().weighing();
    let row = match exception::approve(&mut call.tx, id, by, &mint).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse(&href(id), Flash::bad(words))),
        other => other?,
    };
    let moved = reconcile::put_in_force(&mut call.tx, id, Some(by), &weighing, now).await?;
    let detail = json!({
        "kind": row.kind, "scope": row.scope.0, "asked_by": row.asker, "until": row.expires_at, "findings": moved,
        "own": row.requested_by == by.0,
    });
    call.record("exception.approved", &id.to_string(), detail).await?;
    let moved = text::plural(i64::try_from(moved).unwrap_or(i64::MAX), "finding");
    let said = format!("It is in force until {}, and {moved} left the net score.", text::day(row.expires_at));
    call.done(&href(id), Flash::good(said)).await
}

#[derive(Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
}

async fn refuse(
    mut call: Call<ApproveException>,
    id: web::Path<Uuid>,
    form: Form<Why>,
) -> Result<HttpResponse, WebError> {
    let (id, why) = (ExceptionId(*id), form.0.reason.trim().to_owned());
    if !REASON.contains(&why.chars().count()) {
        let page = page(&mut call, id, why, Some("Say in 10 to 2,000 characters why not.")).await?;
        return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
    }
    let (by, mint) = (call.actor.id, call.visit().state.mint.clone());
    exception::refuse(&mut call.tx, id, by, &why, &mint).await?;
    call.record("exception.refused", &id.to_string(), json!({ "reason": why })).await?;
    call.done(&href(id), Flash::good("It is refused. What it names stays open.")).await
}

async fn withdraw(mut call: Call<Triage>, id: web::Path<Uuid>, _form: Form<Pressed>) -> Result<HttpResponse, WebError> {
    let (id, by, now) = (ExceptionId(*id), call.actor.id, call.now);
    exception::withdraw(&mut call.tx, id, by, now).await?;
    call.record("exception.withdrawn", &id.to_string(), json!({})).await?;
    call.done(&href(id), Flash::good("It is withdrawn.")).await
}

async fn end(
    mut call: Call<ApproveException>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (id, by, now) = (ExceptionId(*id), call.actor.id, call.now);
    exception::get(&mut call.tx, id).await?;
    reconcile::try_lock(&mut call.tx).await?;
    exception::end(&mut call.tx, id, by, now).await?;
    let weighing = call.catalogue().weighing();
    let mint = call.visit().state.mint.clone();
    let back = reconcile::lift(&mut call.tx, &[id], Some(by), &weighing, &mint).await?;
    call.record("exception.ended", &id.to_string(), json!({ "findings": back })).await?;
    let back = text::plural(i64::try_from(back).unwrap_or(i64::MAX), "finding");
    call.done(&href(id), Flash::good(format!("It is ended, and {back} came back."))).await
}
