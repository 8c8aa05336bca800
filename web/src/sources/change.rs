//! What can be done to a source: changed, tested, paused, run, removed.

use super::aws::external_id_of;
use super::cluster::ClusterForm;
use super::connect::{Changed, FormPage, probe};
use super::form::{Credential, FormErrors, Provider, SourceForm};
use super::href;
use super::registry::RegistryForm;
use crate::call::{Call, ManageSources, RunSource};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::Flash;
use crate::route::Route;
use actix_web::{HttpResponse, web};
use plumbline_core::collect::Connection;
use plumbline_core::id::SourceId;
use plumbline_store::job::{self, Task};
use plumbline_store::source::{self, SourceChange, SourceRow};
use plumbline_store::{StoreError, agent, reconcile};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sources/{source}/edit", edit),
        Route::post("/sources/{source}", change),
        Route::post("/sources/{source}/credentials", credentials),
        Route::post("/sources/{source}/test", test),
        Route::post("/sources/{source}/pause", pause),
        Route::post("/sources/{source}/resume", resume),
        Route::post("/sources/{source}/remove", remove),
        Route::post("/sources/{source}/run", run),
    ]
}

/// A source that can be changed: one that is not removed.
pub(super) async fn connected<P>(call: &mut Call<P>, id: SourceId) -> Result<SourceRow, WebError> {
    let row = source::get(&mut call.tx, id).await?;
    if row.removed_at.is_some() {
        return Err(WebError::Conflict("This source is removed.".to_owned()));
    }
    Ok(row)
}

/// The form of a stored source.
fn stored(row: &SourceRow) -> Result<SourceForm, WebError> {
    let provider = Provider::of(&row.provider).ok_or(WebError::NotFound)?;
    Ok(SourceForm::stored(provider, &row.name, row.poll_seconds, &row.settings))
}

fn changed<P>(row: &SourceRow, call: &Call<P>) -> Changed {
    let external_id = external_id_of(&row.settings, call.tenant.id);
    Changed { href: href(row.source_id), name: row.name.clone(), external_id }
}

async fn edit(mut call: Call<ManageSources>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let row = connected(&mut call, SourceId(*id)).await?;
    let form = stored(&row)?;
    let page = FormPage::of(&call, form, FormErrors::default(), Some(changed(&row, &call)));
    call.page(&page)
}

async fn change(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    form: Form<SourceForm>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = connected(&mut call, id).await?;
    let form = form.0.over(&stored(&row)?);
    match try_change(&mut call, id, &row, &form).await? {
        None => {
            call.record("source.changed", form.name.trim(), json!({ "source_id": id })).await?;
            call.done(&href(id), Flash::good("The source is changed.")).await
        }
        Some(errors) => {
            let page = FormPage::of(&call, form, errors, Some(changed(&row, &call)));
            call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
        }
    }
}

async fn try_change(
    call: &mut Call<ManageSources>,
    id: SourceId,
    row: &SourceRow,
    form: &SourceForm,
) -> Result<Option<FormErrors>, WebError> {
    let settings = form.settings(&external_id_of(&row.settings, call.tenant.id));
    let keyring = call.visit().state.keyring.clone();
    let kept = source::open_connection(&mut call.tx, &keyring, id).await?.secret;
    let (new, missing) = secret_of(form, row);
    let connection = Connection { settings, secret: new.clone().unwrap_or(kept) };
    let collector = call.collector(&row.provider)?;
    let mut errors = form.check(collector.as_ref());
    errors.add("secret", missing);
    errors.hear(collector.as_ref(), &connection);
    if errors.any() {
        return Ok(Some(errors));
    }
    let poll_seconds = form.seconds().unwrap_or(row.poll_seconds);
    let change = SourceChange { name: form.name.trim(), poll_seconds, settings: &connection.settings };
    match source::change(&mut call.tx, id, &change).await {
        Ok(()) => {}
        Err(StoreError::Conflict(words)) => return Ok(Some(FormErrors::beside("name", words))),
        Err(other) => return Err(other.into()),
    }
    if let Some(secret) = new {
        replace(call, id, form.name.trim(), &secret).await?;
    }
    Ok(None)
}

const AGAIN: &str = "It would be used otherwise than before: type it again.";

/// The secret that takes the stored one's place, and what is missing of it. Nobody sends a secret where it was not
/// meant to go without knowing it: another way in, token service or wire takes it anew.
fn secret_of(form: &SourceForm, row: &SourceRow) -> (Option<SecretString>, Option<&'static str>) {
    let (registry, cluster) = (&form.registry, &form.cluster);
    match form.provider {
        Provider::Aws | Provider::Host => (None, None),
        Provider::Docker if form.docker.is_socket() => (None, None),
        Provider::Docker if form.docker.types_secret() => (Some(form.docker.secret()), form.docker.check_secret()),
        Provider::Docker => (None, None),
        Provider::Kubernetes if cluster.needs_none() => {
            let had = !ClusterForm::stored(&row.settings).needs_none();
            (had.then(|| cluster.secret()), None)
        }
        Provider::Kubernetes if cluster.types_secret() => (Some(cluster.secret()), cluster.check_secret()),
        Provider::Kubernetes if cluster.uses_secret_otherwise(&row.settings) => (None, Some(AGAIN)),
        Provider::Kubernetes => (None, None),
        Provider::Registry if registry.needs_none() => {
            let had = !RegistryForm::stored(&row.settings).needs_none();
            (had.then(|| registry.secret()), None)
        }
        Provider::Registry if registry.types_secret() => (Some(registry.secret()), registry.check_secret()),
        Provider::Registry if registry.uses_secret_otherwise(&row.settings) => (None, Some(AGAIN)),
        Provider::Registry => (None, None),
    }
}

/// A new secret for a source that has one; the rest of it stays.
async fn credentials(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    form: Form<SourceForm>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = connected(&mut call, id).await?;
    let form = stored(&row)?.with_secret_of(form.0);
    if form.credential() == Credential::None {
        return Err(WebError::Conflict("This source is entered without a secret of its own.".to_owned()));
    }
    let connection = Connection { settings: row.settings.clone(), secret: form.secret() };
    let wrong = form.check_secret().map(str::to_owned);
    let wrong = wrong.or(call.collector(&row.provider)?.check(&connection).err().map(|error| error.to_string()));
    if let Some(wrong) = wrong {
        return Ok(call.refuse(&href(id), Flash::bad(wrong)));
    }
    replace(&mut call, id, &row.name, &connection.secret).await?;
    call.done(&href(id), Flash::good("The new credential is stored, and is being tried.")).await
}

/// Puts another secret in the stored one's place, and tries it.
async fn replace(
    call: &mut Call<ManageSources>,
    id: SourceId,
    name: &str,
    secret: &SecretString,
) -> Result<(), WebError> {
    let (mint, keyring) = (call.visit().state.mint.clone(), call.visit().state.keyring.clone());
    source::replace_secret(&mut call.tx, id, secret, &keyring, &mint).await?;
    probe(&mut call.tx, id, &mint).await?;
    call.record("source.credentials_replaced", name, json!({ "source_id": id })).await
}

async fn test(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    connected(&mut call, id).await?;
    let mint = call.visit().state.mint.clone();
    probe(&mut call.tx, id, &mint).await?;
    call.done(&href(id), Flash::good("The connection is being tested.")).await
}

async fn pause(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = connected(&mut call, id).await?;
    source::pause(&mut call.tx, id, true).await?;
    job::withdraw(&mut call.tx, &Task::Collect { source_id: id }).await?;
    call.record("source.paused", &row.name, json!({ "source_id": id })).await?;
    call.done(&href(id), Flash::good("The source is paused. What was seen stays as it is.")).await
}

async fn resume(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = connected(&mut call, id).await?;
    source::pause(&mut call.tx, id, false).await?;
    enqueue(&mut call, id).await?;
    call.record("source.resumed", &row.name, json!({ "source_id": id })).await?;
    call.done(&href(id), Flash::good("The source is read again. A run begins now.")).await
}

async fn run(mut call: Call<RunSource>, id: web::Path<Uuid>, _form: Form<Pressed>) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = connected(&mut call, id).await?;
    if row.paused {
        return Ok(call.refuse(&href(id), Flash::bad("The source is paused. Resume it first.")));
    }
    enqueue(&mut call, id).await?;
    call.record("source.run_requested", &row.name, json!({ "source_id": id })).await?;
    call.done(&href(id), Flash::good("A run begins as soon as a worker is free.")).await
}

async fn enqueue<P>(call: &mut Call<P>, id: SourceId) -> Result<(), WebError> {
    let (mint, now) = (call.visit().state.mint.clone(), call.now);
    Ok(job::enqueue(&mut call.tx, &Task::Collect { source_id: id }, now, &mint).await?)
}

/// Removal is asked twice: the box must be ticked.
#[derive(Debug, Deserialize)]
struct RemoveForm {
    #[serde(default)]
    sure: String,
}

async fn remove(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    form: Form<RemoveForm>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = connected(&mut call, id).await?;
    if form.0.sure != "yes" {
        return Ok(call.refuse(&href(id), Flash::bad("Tick the box to remove the source.")));
    }
    let now = call.now;
    // Before any row is touched: a run that is settling holds it while it comes to the same rows.
    reconcile::try_lock(&mut call.tx).await?;
    for task in [Task::Collect { source_id: id }, Task::Probe { source_id: id }] {
        job::withdraw(&mut call.tx, &task).await?;
    }
    if let Some(run) = row.last_run_id {
        source::request_cancel(&mut call.tx, id, plumbline_core::id::RunId(run)).await?;
    }
    agent::forget(&mut call.tx, id).await?;
    source::remove(&mut call.tx, id, now).await?;
    let weighing = call.catalogue().weighing();
    reconcile::disconnect(&mut call.tx, id, &weighing, now).await?;
    // What others were reached through may be gone with it.
    let mint = call.visit().state.mint.clone();
    job::enqueue(&mut call.tx, &Task::Match, now, &mint).await?;
    call.record("source.removed", &row.name, json!({ "source_id": id })).await?;
    call.done("/sources", Flash::good(format!("{} is removed. Its history is kept.", row.name))).await
}
