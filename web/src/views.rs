//! Views: lists of findings that somebody keeps under a name, alone or for all members.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::findings::{Query, Refusal};
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::ViewId;
use plumbline_core::role::Permission;
use plumbline_store::finding::Order;
use plumbline_store::view::{self, NewView, View};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

const PATH: &str = "/views";
const TAKEN: &str = "You keep a view of that name already.";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/views", show),
        Route::post("/views", keep),
        Route::get("/views/{view}", open),
        Route::post("/views/{view}", change),
        Route::post("/views/{view}/remove", remove),
        Route::post("/views/{view}/default", open_with),
    ]
}

/// The list that a view is.
pub(crate) fn href(view: &View) -> String {
    let order = Order::parse(&view.sort).unwrap_or_default();
    Query::typed(&view.filter, order).href()
}

/// A view in a list of them.
pub(crate) struct ViewLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) filter: String,
    pub(crate) href: String,
    pub(crate) shared: bool,
    pub(crate) own: bool,
    pub(crate) is_default: bool,
    /// Who shares it.
    pub(crate) by: String,
    /// Whether the list shown is it.
    pub(crate) current: bool,
    /// Why its change was refused, and what was typed.
    pub(crate) refused: Option<String>,
}

impl ViewLine {
    fn of(view: &View, shown: &str) -> Self {
        let href = href(view);
        Self {
            id: view.view_id.to_string(),
            name: view.name.clone(),
            filter: view.filter.clone(),
            current: href == shown,
            href,
            shared: view.shared,
            own: view.own,
            is_default: view.is_default,
            by: view.person.clone().unwrap_or_else(|| "somebody who left".to_owned()),
            refused: None,
        }
    }
}

/// The views beside a list of findings.
pub(crate) struct Views {
    pub(crate) lines: Vec<ViewLine>,
    pub(crate) may_share: bool,
}

impl Views {
    pub(crate) async fn read(call: &mut Call<ReadPosture>, query: &Query) -> Result<Self, Refusal> {
        let me = call.actor.id;
        let shown = query.from(None).href();
        let lines = view::list(&mut call.tx, me).await?.iter().map(|view| ViewLine::of(view, &shown)).collect();
        Ok(Self { lines, may_share: call.may(Permission::Triage) })
    }
}

#[derive(Template)]
#[template(path = "views.html")]
struct Page {
    frame: Frame,
    lines: Vec<ViewLine>,
    may_share: bool,
    typed: Typed,
    refused: Option<String>,
}

/// What is typed to keep a list.
#[derive(Debug, Clone, Default, Deserialize)]
struct Typed {
    name: String,
    /// The filter.
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    shared: String,
}

impl Typed {
    fn name(&self) -> Result<&str, String> {
        let name = self.name.trim();
        match name.chars().count() {
            1..=80 => Ok(name),
            _ => Err("A name of 1 to 80 characters.".to_owned()),
        }
    }

    /// The filter, which has to be understood to be kept.
    fn filter(&self) -> Result<Query, String> {
        let query = Query::typed(self.q.trim(), Order::parse(&self.sort).unwrap_or_default());
        match query.refused() {
            Some(says) => Err(says),
            None if self.q.chars().count() > 1000 => Err("A filter of at most 1,000 characters.".to_owned()),
            None => Ok(query),
        }
    }
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let query = Query::parse(&call.visit().here);
    let (q, sort) = query.as_typed();
    let typed = Typed { q: q.to_owned(), sort: sort.to_owned(), ..Typed::default() };
    let page = page(&mut call, typed, None).await?;
    call.page(&page)
}

async fn page(call: &mut Call<ReadPosture>, typed: Typed, refused: Option<String>) -> Result<Page, WebError> {
    let me = call.actor.id;
    let lines = view::list(&mut call.tx, me).await?.iter().map(|view| ViewLine::of(view, "")).collect();
    let may_share = call.may(Permission::Triage);
    Ok(Page { frame: call.frame(Nav::Findings), lines, may_share, typed, refused })
}

/// Says beside the form why nothing was kept.
async fn refuse(mut call: Call<ReadPosture>, typed: Typed, says: String) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, typed, Some(says)).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

async fn keep(mut call: Call<ReadPosture>, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    let typed = form.0;
    let shared = shares(&call, &typed.shared)?;
    let (name, query) = match (typed.name(), typed.filter()) {
        (Ok(name), Ok(query)) => (name.to_owned(), query),
        (Err(says), _) | (_, Err(says)) => return refuse(call, typed, says).await,
    };
    if taken(&mut call, None, &name).await? {
        return refuse(call, typed, TAKEN.to_owned()).await;
    }
    let (filter, sort) = query.as_typed();
    let id = ViewId::mint(call.mint());
    let (person, now) = (call.actor.id, call.now);
    let new = NewView { view: id, person, name: &name, filter, sort, shared, now };
    view::keep(&mut call.tx, &new).await?;
    call.record("view.kept", &id.to_string(), json!({ "name": name, "filter": filter, "shared": shared })).await?;
    call.done(&query.href(), Flash::good(format!("The list is kept as “{name}”."))).await
}

/// Whether the caller keeps another view of that name.
async fn taken(call: &mut Call<ReadPosture>, but: Option<ViewId>, name: &str) -> Result<bool, WebError> {
    let views = view::list(&mut call.tx, call.actor.id).await?;
    Ok(views.iter().any(|view| view.own && view.name == name && Some(ViewId(view.view_id)) != but))
}

/// Whether a view is to be shared, which takes a permission.
fn shares(call: &Call<ReadPosture>, typed: &str) -> Result<bool, WebError> {
    let shared = !typed.is_empty();
    if shared && !call.may(Permission::Triage) { Err(WebError::Forbidden) } else { Ok(shared) }
}

async fn open(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let me = call.actor.id;
    let view = view::get(&mut call.tx, ViewId(*id), me).await?;
    Ok(call.visit().go(&href(&view)))
}

async fn change(mut call: Call<ReadPosture>, id: web::Path<Uuid>, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    let (id, me) = (ViewId(*id), call.actor.id);
    own(&mut call, id).await?;
    let shared = shares(&call, &form.0.shared)?;
    let says = match form.0.name() {
        Ok(name) if taken(&mut call, Some(id), name).await? => Err(TAKEN.to_owned()),
        Ok(name) => Ok(name.to_owned()),
        Err(says) => Err(says),
    };
    let name = match says {
        Ok(name) => name,
        Err(says) => {
            let mut page = page(&mut call, Typed::default(), None).await?;
            for line in page.lines.iter_mut().filter(|line| line.id == id.to_string()) {
                line.name.clone_from(&form.0.name);
                line.refused = Some(says.clone());
            }
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
    };
    view::change(&mut call.tx, id, me, &name, shared).await?;
    call.record("view.changed", &id.to_string(), json!({ "name": name, "shared": shared })).await?;
    call.done(PATH, Flash::good(format!("“{name}” is changed."))).await
}

async fn remove(
    mut call: Call<ReadPosture>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (id, me) = (ViewId(*id), call.actor.id);
    let view = own(&mut call, id).await?;
    view::remove(&mut call.tx, id, me).await?;
    call.record("view.removed", &id.to_string(), json!({ "name": view.name })).await?;
    call.done(PATH, Flash::good(format!("“{}” is removed.", view.name))).await
}

/// Has the caller's list open with a view; with none, where it does already.
async fn open_with(
    mut call: Call<ReadPosture>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (id, me) = (ViewId(*id), call.actor.id);
    let view = view::get(&mut call.tx, id, me).await?;
    view::open_with(&mut call.tx, me, (!view.is_default).then_some(id)).await?;
    call.record("view.opened_with", &id.to_string(), json!({ "opened_with": !view.is_default })).await?;
    let said = if view.is_default {
        "Your list opens with what is open again.".to_owned()
    } else {
        format!("Your list opens with “{}”.", view.name)
    };
    call.done(PATH, Flash::good(said)).await
}

/// A view of the caller's own; another's shared one may be opened and not changed.
async fn own(call: &mut Call<ReadPosture>, id: ViewId) -> Result<View, WebError> {
    let view = view::get(&mut call.tx, id, call.actor.id).await?;
    if view.own { Ok(view) } else { Err(WebError::Forbidden) }
}
