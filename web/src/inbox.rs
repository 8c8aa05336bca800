//! A member's own inbox: what they were told, and what of it they want by e-mail.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::text;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_store::inbox::{self, Item, Kind, Wanted};
use plumbline_store::{Page, PageRequest};
use serde::Deserialize;
use std::collections::BTreeMap;

const PAGE: i64 = 50;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/inbox", show),
        Route::post("/inbox/read", read_all),
        Route::get("/inbox/settings", settings),
        Route::post("/inbox/settings", keep),
        Route::post("/inbox/{item}/open", open),
    ]
}

#[derive(Template)]
#[template(path = "inbox/index.html")]
struct InboxPage {
    frame: Frame,
    list: List,
}

/// A page of it, which htmx asks for alone.
#[derive(Template)]
#[template(path = "inbox/_list.html")]
struct List {
    items: Vec<ItemRow>,
    next: Option<String>,
    only_unread: bool,
    /// The newest item shown, up to which all can be marked as read.
    newest: Option<i64>,
    any_unread: bool,
    csrf: String,
}

struct ItemRow {
    number: i64,
    kind: &'static str,
    subject: String,
    at: String,
    ago: String,
    unread: bool,
}

impl ItemRow {
    fn of(item: Item, now: DateTime<Utc>) -> Self {
        Self {
            number: item.item_no,
            kind: Kind::parse(&item.kind).map_or("", Kind::words),
            subject: item.subject,
            at: text::when(item.at),
            ago: text::ago(item.at, now),
            unread: item.read_at.is_none(),
        }
    }
}

impl List {
    fn of(found: Page<Item>, only_unread: bool, now: DateTime<Utc>, csrf: String) -> Self {
        let unread = if only_unread { "unread=yes&" } else { "" };
        Self {
            next: found.next.map(|after| format!("/inbox?{unread}after={after}")),
            newest: found.items.first().map(|item| item.item_no),
            any_unread: found.items.iter().any(|item| item.read_at.is_none()),
            items: found.items.into_iter().map(|item| ItemRow::of(item, now)).collect(),
            only_unread,
            csrf,
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    after: Option<String>,
    unread: Option<String>,
}

async fn show(mut call: Call<ReadPosture>, asked: web::Query<Asked>) -> Result<HttpResponse, WebError> {
    let (you, now, only_unread) = (call.actor.id, call.now, asked.unread.as_deref() == Some("yes"));
    let request = PageRequest { after: asked.after.clone(), size: PAGE };
    let found = inbox::list(&mut call.tx, you, only_unread, &request).await?;
    let list = List::of(found, only_unread, now, call.csrf());
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&InboxPage { frame: call.frame(Nav::Inbox), list })
}

/// Marks an item as read, and leads where it leads.
async fn open(
    mut call: Call<ReadPosture>,
    item: web::Path<i64>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (you, now) = (call.actor.id, call.now);
    let link = inbox::read(&mut call.tx, you, *item, now).await?;
    let answer = call.visit().go(&link);
    call.commit().await?;
    Ok(answer)
}

#[derive(Deserialize)]
struct UpTo {
    /// What came after it was not seen yet.
    up_to: Option<i64>,
}

async fn read_all(mut call: Call<ReadPosture>, form: Form<UpTo>) -> Result<HttpResponse, WebError> {
    let (you, now) = (call.actor.id, call.now);
    let count = inbox::read_all(&mut call.tx, you, form.0.up_to.unwrap_or(0), now).await?;
    let said = format!("{} marked as read.", text::plural(i64::try_from(count).unwrap_or(i64::MAX), "item"));
    call.done("/inbox", Flash::good(said)).await
}

#[derive(Template)]
#[template(path = "inbox/settings.html")]
struct SettingsPage {
    frame: Frame,
    email: String,
    kinds: Vec<KindRow>,
}

struct KindRow {
    word: &'static str,
    title: &'static str,
    choices: Vec<(&'static str, &'static str, bool)>,
}

async fn settings(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let you = call.actor.id;
    let wanted = inbox::wanted(&mut call.tx, you).await?;
    let row = |(kind, wanted): (Kind, Wanted)| KindRow {
        word: kind.as_str(),
        title: kind.words(),
        choices: Wanted::ALL.into_iter().map(|one| (one.as_str(), one.words(), one == wanted)).collect(),
    };
    let page = SettingsPage {
        frame: call.frame(Nav::Inbox),
        email: call.actor.email.clone(),
        kinds: wanted.into_iter().map(row).collect(),
    };
    call.page(&page)
}

async fn keep(mut call: Call<ReadPosture>, form: Form<BTreeMap<String, String>>) -> Result<HttpResponse, WebError> {
    let of = |kind: Kind| Some((kind, Wanted::parse(form.0.get(kind.as_str())?)?));
    let wanted: Vec<(Kind, Wanted)> = Kind::ALL.into_iter().filter_map(of).collect();
    let you = call.actor.id;
    inbox::set_wanted(&mut call.tx, you, &wanted).await?;
    call.done("/inbox/settings", Flash::good("Kept.")).await
}
