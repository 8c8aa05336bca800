//! Connecting a source: what it is, and then its form.

use super::aws::external_id;
use super::cluster::CLUSTER_WAYS;
use super::form::{FormErrors, Interval, Provider, SourceForm};
use super::href;
use super::registry::WAYS;
use crate::call::{Call, ManageSources};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::words;
use actix_web::HttpResponse;
use askama::Template;
use plumbline_core::collect::AccessRecipe;
use plumbline_core::id::SourceId;
use plumbline_store::job::{self, Task};
use plumbline_store::source::{self, NewSource};
use plumbline_store::{StoreError, TenantTx};
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/sources/new", new), Route::post("/sources", create)]
}

/// The first step: what is connected.
#[derive(Template)]
#[template(path = "sources/choose.html")]
struct ChoicePage {
    frame: Frame,
    aws: bool,
    kubernetes: bool,
    registry: bool,
    docker: bool,
    host: bool,
}

/// The form, for a new source or one that is changed.
#[derive(Template)]
#[template(path = "sources/form.html")]
pub(super) struct FormPage {
    pub(super) frame: Frame,
    pub(super) form: SourceForm,
    pub(super) errors: FormErrors,
    pub(super) intervals: Vec<Interval>,
    pub(super) external_id: String,
    pub(super) recipes: Vec<AccessRecipe>,
    /// The source that is changed; none for a new one.
    pub(super) changes: Option<Changed>,
}

/// The source that a form changes.
pub(super) struct Changed {
    pub(super) href: String,
    pub(super) name: String,
    pub(super) external_id: String,
}

impl FormPage {
    pub(super) fn of<P>(call: &Call<P>, form: SourceForm, errors: FormErrors, changes: Option<Changed>) -> Self {
        let external_id =
            changes.as_ref().map_or_else(|| external_id(call.tenant.id), |changed| changed.external_id.clone());
        let settings = match (form.provider, &changes) {
            // Which registry or cluster it will be is not known before it is typed: the recipes of all are shown.
            (Provider::Registry | Provider::Kubernetes | Provider::Docker, None) => Value::Null,
            _ => form.settings(&external_id),
        };
        let collector = call.collector(form.provider.word());
        Self {
            frame: call.frame(Nav::Sources),
            intervals: form.intervals(),
            recipes: collector.map(|collector| collector.access(&settings)).unwrap_or_default(),
            form,
            errors,
            external_id,
            changes,
        }
    }
}

async fn new(call: Call<ManageSources>) -> Result<HttpResponse, WebError> {
    let word = words::query(&call.visit().here).find(|(key, _)| key == "provider").map(|(_, value)| value);
    let Some(provider) = word.as_deref().and_then(Provider::of) else {
        let reads = |provider: Provider| call.collector(provider.word()).is_ok();
        let page = ChoicePage {
            frame: call.frame(Nav::Sources),
            aws: reads(Provider::Aws),
            kubernetes: reads(Provider::Kubernetes),
            registry: reads(Provider::Registry),
            docker: reads(Provider::Docker),
            host: reads(Provider::Host),
        };
        return call.page(&page);
    };
    let page = FormPage::of(&call, SourceForm::new(provider), FormErrors::default(), None);
    call.page(&page)
}

async fn create(mut call: Call<ManageSources>, form: Form<SourceForm>) -> Result<HttpResponse, WebError> {
    let form = form.0;
    match try_create(&mut call, &form).await? {
        Ok(id) => {
            let detail = json!({ "provider": form.provider.word(), "source_id": id });
            call.record("source.connected", form.name.trim(), detail).await?;
            let said = match form.provider {
                Provider::Host => "The host is connected. Make a token now, with which its agent enrols.",
                _ => "The source is connected. Its first run begins now.",
            };
            call.done(&href(id), Flash::good(said)).await
        }
        Err(errors) => {
            let page = FormPage::of(&call, form, errors, None);
            call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
        }
    }
}

async fn try_create(
    call: &mut Call<ManageSources>,
    form: &SourceForm,
) -> Result<Result<SourceId, FormErrors>, WebError> {
    let connection = form.connection(&external_id(call.tenant.id));
    let collector = call.collector(form.provider.word())?;
    let mut errors = form.check(collector.as_ref());
    errors.add("secret", form.check_secret());
    errors.hear(collector.as_ref(), &connection);
    if errors.any() {
        return Ok(Err(errors));
    }
    let (mint, keyring) = (call.visit().state.mint.clone(), call.visit().state.keyring.clone());
    let new = NewSource {
        provider: form.provider.word(),
        name: form.name.trim(),
        poll_seconds: form.seconds().unwrap_or(3600),
        connection: &connection,
    };
    let id = match source::create(&mut call.tx, &new, &keyring, &mint).await {
        Ok(id) => id,
        Err(StoreError::Conflict(words)) => return Ok(Err(FormErrors::beside("name", words))),
        Err(other) => return Err(other.into()),
    };
    if form.provider == Provider::Host {
        // There is nothing to read before its agent reports.
        return Ok(Ok(id));
    }
    let now = call.now;
    job::enqueue(&mut call.tx, &Task::Collect { source_id: id }, now, &mint).await?;
    probe(&mut call.tx, id, &mint).await?;
    Ok(Ok(id))
}

/// Asks for a connection test.
pub(super) async fn probe(tx: &mut TenantTx, id: SourceId, mint: &plumbline_core::id::Mint) -> Result<(), StoreError> {
    source::begin_probe(tx, id, mint.now()).await?;
    job::enqueue(tx, &Task::Probe { source_id: id }, mint.now(), mint).await
}
