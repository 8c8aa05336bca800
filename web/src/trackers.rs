//! Trackers: where tickets are opened, and how.

use crate::call::{Call, ManageSources};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::text;
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::address::may_go;
use plumbline_core::id::TrackerId;
use plumbline_core::ticket::{TrackerKind, TrackerSettings};
use plumbline_store::TenantTx;
use plumbline_store::job::{self, Task};
use plumbline_store::ticket::{self, NewTracker, Tracker};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use uuid::Uuid;

const PATH: &str = "/settings/trackers";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/settings/trackers", index),
        Route::post("/settings/trackers", create),
        Route::post("/settings/trackers/{tracker}/test", test),
        Route::post("/settings/trackers/{tracker}/credential", credential),
        Route::post("/settings/trackers/{tracker}/remove", remove),
    ]
}

/// What was typed. The credential is read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TrackerForm {
    tracker_kind: String,
    name: String,
    address: String,
    project: String,
    email: String,
    issue_type: String,
    done_transition: String,
    /// Separated by commas.
    labels: String,
    leave_open: String,
    credential: SecretString,
}

/// What is wrong: each sentence stands beside its field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Errors {
    kind: Option<&'static str>,
    name: Option<String>,
    address: Option<String>,
    project: Option<&'static str>,
    email: Option<&'static str>,
    credential: Option<&'static str>,
}

/// `owner/repository`, a path of groups or a number, a key; nothing that would lead a request elsewhere.
fn project_of(kind: TrackerKind, typed: &str) -> Result<String, &'static str> {
    let project = typed.trim().trim_matches('/');
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let parts: Vec<&str> = project.split('/').collect();
    let sound = project.len() <= 200 && parts.iter().all(|one| part(one));
    match kind {
        TrackerKind::Webhook => Ok(String::new()),
        TrackerKind::Github if sound && parts.len() == 2 => Ok(project.to_owned()),
        TrackerKind::Github => Err("Write it as owner/repository."),
        TrackerKind::Gitlab if sound => Ok(project.to_owned()),
        TrackerKind::Gitlab => Err("Write the path of the project, such as group/project, or its number."),
        TrackerKind::Jira if sound && parts.len() == 1 => Ok(project.to_uppercase()),
        TrackerKind::Jira => Err("Write the key of the project, such as OPS."),
    }
}

/// An address that a request may go to.
fn address_of(kind: TrackerKind, typed: &str, private_allowed: bool) -> Result<String, String> {
    let typed = if typed.trim().is_empty() { kind.usual_address() } else { typed.trim() };
    let url = Url::parse(typed).map_err(|_| "Write the address as https://….".to_owned())?;
    may_go(&url, private_allowed)?;
    if url.scheme() != "https" && !private_allowed {
        return Err("The address must begin with https://.".to_owned());
    }
    if url.fragment().is_some() || (url.query().is_some() && kind != TrackerKind::Webhook) || typed.len() > 400 {
        return Err("Write the address without a query or fragment.".to_owned());
    }
    Ok(typed.trim_end_matches('/').to_owned())
}

/// An address as pages and the audit log show it: what stands behind the host of a webhook often is a secret of its own,
/// and is sealed with the credential.
fn shown(kind: TrackerKind, address: &str) -> String {
    match (kind, Url::parse(address)) {
        (TrackerKind::Webhook, Ok(url)) => format!("{}/…", url.origin().ascii_serialization()),
        _ => address.to_owned(),
    }
}

/// What was typed, sound.
struct Typed {
    kind: TrackerKind,
    address: String,
    project: String,
    settings: TrackerSettings,
}

impl TrackerForm {
    fn read(&self, private_allowed: bool) -> Result<Typed, Errors> {
        let Some(kind) = TrackerKind::parse(&self.tracker_kind) else {
            return Err(Errors { kind: Some("Choose one of them."), ..Errors::default() });
        };
        let (address, project) = (address_of(kind, &self.address, private_allowed), project_of(kind, &self.project));
        let settings = TrackerSettings {
            email: self.email.trim().to_owned(),
            issue_type: self.issue_type.trim().chars().take(100).collect(),
            done_transition: self.done_transition.trim().chars().take(100).collect(),
            labels: self
                .labels
                .split(',')
                .map(|label| label.trim().chars().take(50).collect::<String>())
                .filter(|label| !label.is_empty())
                .take(10)
                .collect(),
            leave_open: self.leave_open == "yes",
        };
        let named = (1..=120).contains(&self.name.trim().chars().count());
        let mailed = kind != TrackerKind::Jira || (settings.email.contains('@') && settings.email.len() <= 254);
        let errors = Errors {
            kind: None,
            name: (!named).then(|| "Give it a name of 1 to 120 characters.".to_owned()),
            address: address.as_ref().err().cloned(),
            project: project.as_ref().err().copied(),
            email: (!mailed).then_some("Jira takes the e-mail address that the token belongs to."),
            credential: wrong_credential(&self.credential),
        };
        match (address, project) {
            (Ok(address), Ok(project)) if errors == Errors::default() => Ok(Typed { kind, address, project, settings }),
            _ => Err(errors),
        }
    }
}

fn wrong_credential(secret: &SecretString) -> Option<&'static str> {
    let secret = secret.expose_secret();
    let sound = (8..=4096).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    (!sound).then_some("Type the token or secret: at least 8 letters, digits and signs, without spaces.")
}

/// A tracker, as a row.
struct Line {
    id: String,
    name: String,
    kind: &'static str,
    place: String,
    class: &'static str,
    state: String,
    error: Option<String>,
}

impl Line {
    fn of(row: &Tracker) -> Self {
        let error = row.test_error.clone().or_else(|| row.poll_error.clone());
        let (class, state) = match (&error, row.tested_at) {
            (Some(_), _) => ("is-failed", "Failing".to_owned()),
            (None, Some(at)) => ("is-ok", format!("Tested {}", text::when(at))),
            (None, None) => ("is-running", "Being tested".to_owned()),
        };
        let kind = TrackerKind::parse(&row.kind);
        let address = kind.map_or_else(String::new, |kind| shown(kind, &row.base_url));
        let place = if row.project.is_empty() { address } else { format!("{}, {address}", row.project) };
        Self {
            id: row.tracker_id.to_string(),
            name: row.name.clone(),
            kind: kind.map_or("", TrackerKind::title),
            place,
            class,
            state,
            error,
        }
    }
}

#[derive(Template)]
#[template(path = "trackers.html")]
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    form: TrackerForm,
    errors: Errors,
    kinds: [TrackerKind; 4],
}

async fn page<P>(call: &mut Call<P>, form: TrackerForm, errors: Errors) -> Result<Page, WebError> {
    let rows = ticket::trackers(&mut call.tx).await?;
    let lines = rows.iter().map(Line::of).collect();
    Ok(Page { frame: call.frame(Nav::Settings), lines, form, errors, kinds: TrackerKind::ALL })
}

async fn index(mut call: Call<ManageSources>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, TrackerForm::default(), Errors::default()).await?;
    call.page(&page)
}

async fn refuse(mut call: Call<ManageSources>, form: TrackerForm, errors: Errors) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, form, errors).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

async fn create(mut call: Call<ManageSources>, form: Form<TrackerForm>) -> Result<HttpResponse, WebError> {
    let form = form.0;
    let typed = match form.read(call.config().private_issuers) {
        Ok(typed) => typed,
        Err(errors) => return refuse(call, form, errors).await,
    };
    let (mint, keyring) = (call.visit().state.mint.clone(), call.visit().state.keyring.clone());
    let new = NewTracker {
        kind: typed.kind.as_str(),
        name: form.name.trim(),
        base_url: &typed.address,
        project: &typed.project,
        settings: &typed.settings,
        secret: &form.credential,
    };
    let taken = ticket::trackers(&mut call.tx).await?.iter().any(|row| row.name.eq_ignore_ascii_case(new.name));
    if taken {
        let errors = Errors { name: Some("Another tracker has this name.".to_owned()), ..Errors::default() };
        return refuse(call, form, errors).await;
    }
    let id = ticket::create(&mut call.tx, &new, &keyring, &mint).await?;
    let address = shown(typed.kind, &typed.address);
    let detail = json!({ "kind": typed.kind, "address": address, "project": typed.project, "tracker_id": id });
    call.record("tracker.connected", form.name.trim(), detail).await?;
    job::enqueue(&mut call.tx, &Task::TestTracker { tracker_id: id }, mint.now(), &mint).await?;
    job::enqueue(&mut call.tx, &Task::FollowTracker { tracker_id: id }, mint.now(), &mint).await?;
    call.done(PATH, Flash::good("The tracker is connected, and is being tested.")).await
}

/// A tracker that is connected.
pub(crate) async fn connected(tx: &mut TenantTx, id: TrackerId) -> Result<Tracker, WebError> {
    let row = ticket::tracker(tx, id).await?;
    if row.removed_at.is_some() { Err(WebError::NotFound) } else { Ok(row) }
}

async fn test(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = TrackerId(*id);
    connected(&mut call.tx, id).await?;
    let mint = call.visit().state.mint.clone();
    job::enqueue(&mut call.tx, &Task::TestTracker { tracker_id: id }, mint.now(), &mint).await?;
    call.done(PATH, Flash::good("The connection is being tested.")).await
}

#[derive(Deserialize)]
struct NewCredential {
    #[serde(default)]
    credential: SecretString,
}

async fn credential(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    form: Form<NewCredential>,
) -> Result<HttpResponse, WebError> {
    let id = TrackerId(*id);
    let row = connected(&mut call.tx, id).await?;
    if let Some(words) = wrong_credential(&form.0.credential) {
        return Ok(call.refuse(PATH, Flash::bad(words)));
    }
    let (mint, keyring) = (call.visit().state.mint.clone(), call.visit().state.keyring.clone());
    ticket::replace_secret(&mut call.tx, id, &form.0.credential, &keyring, &mint).await?;
    job::enqueue(&mut call.tx, &Task::TestTracker { tracker_id: id }, mint.now(), &mint).await?;
    call.record("tracker.credential_replaced", &row.name, json!({ "tracker_id": id })).await?;
    call.done(PATH, Flash::good("The new credential is stored, and is being tested.")).await
}

async fn remove(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (id, now) = (TrackerId(*id), call.now);
    let row = connected(&mut call.tx, id).await?;
    ticket::remove(&mut call.tx, id, now).await?;
    job::withdraw(&mut call.tx, &Task::FollowTracker { tracker_id: id }).await?;
    call.record("tracker.removed", &row.name, json!({ "tracker_id": id })).await?;
    call.done(PATH, Flash::good("The tracker is removed, and its credential with it. Its tickets stay as they are."))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_leads_nowhere_else() {
        assert_eq!(project_of(TrackerKind::Github, " shop/api/ "), Ok("shop/api".to_owned()));
        assert_eq!(project_of(TrackerKind::Jira, "ops"), Ok("OPS".to_owned()));
        for (kind, typed) in [
            (TrackerKind::Github, "../admin"),
            (TrackerKind::Github, "shop"),
            (TrackerKind::Gitlab, "shop/../x"),
            (TrackerKind::Jira, "OPS\" OR 1"),
        ] {
            assert!(project_of(kind, typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn an_address_is_public_and_over_tls() {
        assert_eq!(address_of(TrackerKind::Github, "", false), Ok("https://api.github.com".to_owned()));
        for typed in ["http://tracker.example.com", "https://127.0.0.1", "https://a:b@example.com", "nonsense"] {
            assert!(address_of(TrackerKind::Jira, typed, false).is_err(), "{typed}");
        }
        assert!(address_of(TrackerKind::Webhook, "http://127.0.0.1:9/", true).is_ok());
    }
}
