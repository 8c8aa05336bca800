//! The short way from a finding: asks for an exception of it alone, or ends it.

use super::href;
use crate::call::{ApproveException, Call, Triage};
use crate::error::WebError;
use crate::finding;
use crate::form::{Form, Pressed};
use crate::frame::Flash;
use crate::route::Route;
use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use plumbline_core::exception::{ExceptionKind, MOST_DAYS, REASON, Scope};
use plumbline_core::id::FindingId;
use plumbline_store::exception::{self, NewException};
use plumbline_store::{finding as findings, reconcile};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post("/findings/{finding}/accept", accept), Route::post("/findings/{finding}/reopen", reopen)]
}

/// The form on the page of a finding, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct AcceptForm {
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) days: String,
    #[serde(default)]
    pub(crate) as_kind: String,
}

/// What a form lacks: the sentence stands beside the field.
#[derive(Debug, Clone, Default)]
pub(crate) struct AcceptErrors {
    pub(crate) reason: Option<&'static str>,
    pub(crate) days: Option<&'static str>,
}

impl AcceptForm {
    /// The reason and the number of days, or what is wrong with them.
    pub(super) fn read(&self) -> Result<(&str, TimeDelta), AcceptErrors> {
        let reason = self.reason.trim();
        let days = self.days.trim().parse::<i64>().ok().filter(|days| (1..=MOST_DAYS).contains(days));
        let errors = AcceptErrors {
            reason: (!REASON.contains(&reason.chars().count()))
                .then_some("Say in 10 to 2,000 characters why the finding may stay as it is."),
            days: days.is_none().then_some("A whole number of days, from 1 to 365."),
        };
        match days {
            Some(days) if errors.reason.is_none() => Ok((reason, TimeDelta::days(days))),
            _ => Err(errors),
        }
    }

    fn kind(&self) -> ExceptionKind {
        ExceptionKind::parse(&self.as_kind).unwrap_or(ExceptionKind::AcceptedRisk)
    }
}

/// Asks for an exception of an open finding.
async fn accept(mut call: Call<Triage>, id: web::Path<Uuid>, form: Form<AcceptForm>) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    let (reason, length) = match form.0.read() {
        Ok((reason, length)) => (reason.to_owned(), length),
        Err(errors) => {
            let page = finding::read(&mut call, id, form.0.clone(), errors).await?;
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
    };
    let found = findings::get(&mut call.tx, id).await?;
    if found.state != "open" {
        return Err(WebError::Conflict("Only an open finding can be left out of the net score.".to_owned()));
    }
    let (kind, mint, until) = (form.0.kind(), call.visit().state.mint.clone(), call.now + length);
    let new = NewException {
        kind,
        scope: &Scope::Finding(id),
        reason: &reason,
        by: call.actor.id,
        expires_at: until,
        renews: None,
        attachment: None,
    };
    let exception = exception::ask(&mut call.tx, new, &mint).await?;
    let detail = json!({
        "finding": id, "check": found.check_id, "resource": found.resource_uid, "kind": kind, "until": until, "reason": reason,
    });
    call.record("exception.asked", &exception.to_string(), detail).await?;
    call.done(
        &href(exception),
        Flash::good("It waits for the approval of somebody else. Until then the finding is open."),
    )
    .await
}

/// Ends the finding's own exception.
async fn reopen(
    mut call: Call<ApproveException>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    findings::get(&mut call.tx, id).await?;
    reconcile::try_lock(&mut call.tx).await?;
    let (by, now, weighing) = (call.actor.id, call.now, call.catalogue().weighing());
    let ids = exception::own_in_force(&mut call.tx, id).await?;
    if ids.is_empty() {
        return Err(WebError::Conflict(
            "The finding has no exception of its own. End the one that covers it, with all that it covers.".to_owned(),
        ));
    }
    for exception in &ids {
        exception::end(&mut call.tx, *exception, by, now).await?;
        call.record("exception.ended", &exception.to_string(), json!({ "finding": id })).await?;
    }
    let mint = call.visit().state.mint.clone();
    let back = reconcile::lift(&mut call.tx, &ids, Some(by), &weighing, &mint).await?;
    let said = if back > 0 {
        "Its exception is ended. The finding is open."
    } else {
        "Its exception is ended. Another one still covers the finding."
    };
    call.done(&format!("/findings/{id}"), Flash::good(said)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_and_an_end_are_asked_for() {
        let bare = AcceptForm::default().read().expect_err("nothing typed");
        assert!(bare.reason.is_some() && bare.days.is_some());
        let form = AcceptForm {
            reason: "Behind a reviewed proxy".to_owned(),
            days: " 30 ".to_owned(),
            as_kind: "false_positive".to_owned(),
        };
        assert_eq!(form.read().expect("sound").1, TimeDelta::days(30));
        assert_eq!(form.kind(), ExceptionKind::FalsePositive);
    }
}
