//! The audit log: who did what, newest first.

use crate::call::{Call, ReadAudit};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::text;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Days, NaiveDate, Utc};
use plumbline_core::id::PersonId;
use plumbline_store::tenant::{audit, member};
use plumbline_store::{Page, PageRequest};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;
use uuid::Uuid;

const SIZE: i64 = 50;

/// One entry, as a row.
struct EntryRow {
    at: String,
    machine_at: String,
    actor: String,
    action: String,
    object: String,
    detail: String,
}

/// One choice of a filter.
struct Choice {
    value: String,
    title: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    people: Vec<Choice>,
    actions: Vec<Choice>,
    from: String,
    until: String,
    narrowed: bool,
    list: EntryList,
}

/// What htmx swaps when the filter or the page changes.
#[derive(Template)]
#[template(path = "audit_list.html")]
struct EntryList {
    entries: Vec<EntryRow>,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
struct Asked {
    #[serde(default)]
    person: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    after: Option<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/audit", list)]
}

async fn list(mut call: Call<ReadAudit>, asked: web::Query<Asked>) -> Result<HttpResponse, WebError> {
    let request = PageRequest { after: asked.after.clone(), size: SIZE };
    let found = audit::list(&mut call.tx, &asked.filter(), &request).await?;
    let list = EntryList::of(found, &asked);
    if call.wants_fragment() {
        return call.page(&list);
    }
    let people = member::list(&mut call.tx).await?;
    let actions = audit::actions(&mut call.tx).await?;
    let page = AuditPage {
        frame: call.frame(Nav::Audit),
        people: people
            .into_iter()
            .map(|member| Choice::new(member.person.to_string(), member.name, &asked.person))
            .collect(),
        actions: actions.into_iter().map(|action| Choice::new(action.clone(), words(&action), &asked.action)).collect(),
        from: asked.from.clone(),
        until: asked.until.clone(),
        narrowed: asked.narrows(),
        list,
    };
    call.page(&page)
}

impl Choice {
    fn new(value: String, title: String, chosen: &str) -> Self {
        Self { chosen: value == chosen, value, title }
    }
}

impl Asked {
    fn filter(&self) -> audit::Filter {
        audit::Filter {
            person: self.person.parse::<Uuid>().ok().map(PersonId),
            action: Some(self.action.clone()).filter(|action| !action.is_empty()),
            from: day(&self.from),
            until: day(&self.until).and_then(|last| last.checked_add_days(Days::new(1))),
        }
    }

    fn narrows(&self) -> bool {
        [&self.person, &self.action, &self.from, &self.until].iter().any(|field| !field.is_empty())
    }

    fn next(&self, after: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in
            [("person", &self.person), ("action", &self.action), ("from", &self.from), ("until", &self.until)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/audit?{}", query.append_pair("after", after).finish())
    }
}

/// The first instant of a day as a date field sends it.
fn day(text: &str) -> Option<DateTime<Utc>> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}

impl EntryList {
    fn of(found: Page<audit::Audited>, asked: &Asked) -> Self {
        let next = found.next.as_deref().map(|after| asked.next(after));
        Self { entries: found.items.into_iter().map(EntryRow::of).collect(), next }
    }
}

impl EntryRow {
    fn of(entry: audit::Audited) -> Self {
        Self {
            at: text::when(entry.at),
            machine_at: text::machine(entry.at),
            actor: entry.actor,
            action: words(&entry.action),
            object: entry.object,
            detail: particulars(&entry.detail),
        }
    }
}

/// "member.role_changed" as people read it: "Member: role changed".
fn words(action: &str) -> String {
    let (noun, what) = action.split_once('.').unwrap_or(("", action));
    let what = what.replace('_', " ");
    let noun = noun.replace('_', " ");
    let mut letters = noun.chars();
    match letters.next() {
        Some(first) => format!("{}{}: {what}", first.to_uppercase(), letters.as_str()),
        None => what,
    }
}

/// "from: analyst, to: owner".
fn particulars(detail: &Value) -> String {
    let Some(fields) = detail.as_object() else { return String::new() };
    let shown = fields.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{}: {text}", name.replace('_', " ")),
        other => format!("{}: {other}", name.replace('_', " ")),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_and_its_particulars_read_as_words() {
        assert_eq!(words("member.role_changed"), "Member: role changed");
        assert_eq!(particulars(&serde_json::json!({ "from": "analyst", "to": "owner" })), "from: analyst, to: owner");
    }
}
