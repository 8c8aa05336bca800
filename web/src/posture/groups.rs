//! Groups by tag: how each value of the keys that the tenant named stands, and naming them.

use super::parts::Standing;
use crate::call::{Call, ManageRules, ReadPosture};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::part::Part;
use crate::route::Route;
use crate::{fixes, text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::TimeDelta;
use plumbline_core::role::Permission;
use plumbline_store::group::{self, GroupRow, MOST_KEYS};
use plumbline_store::job::{self, Task};
use plumbline_store::posture::{self, Posture};
use serde::Deserialize;
use serde_json::json;

const SETTINGS: &str = "/settings/groups";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/posture/groups", index),
        Route::get("/settings/groups", settings),
        Route::post("/settings/groups", name_keys),
    ]
}

/// A key as a choice.
struct Choice {
    words: String,
    href: String,
    chosen: bool,
}

/// One group, as a row.
struct GroupLine {
    key: String,
    value: String,
    href: String,
    open: String,
    standing: Option<Standing>,
    /// How far the score moved; none where it was not kept then.
    week: Option<Moved>,
    month: Option<Moved>,
}

struct Moved {
    points: String,
    rises: bool,
}

impl GroupLine {
    fn of(row: &GroupRow, now: Option<&Posture>, week: Option<&Posture>, month: Option<&Posture>) -> Self {
        let part = Part::Group { key: row.tag_key.clone(), value: row.tag_value.clone() };
        let name = part.word();
        let standing = now.and_then(|posture| posture.standing(&name));
        let since = |then: Option<&Posture>| {
            let delta = standing?.score - then?.part(&name)?;
            Some(Moved { points: words::points(delta), rises: delta >= 0.0 })
        };
        Self {
            key: row.tag_key.clone(),
            value: row.tag_value.clone(),
            href: part.href(),
            open: text::number(row.open_findings),
            standing: standing.map(|own| Standing::of(&own)),
            week: since(week),
            month: since(month),
        }
    }
}

#[derive(Template)]
#[template(path = "posture/groups.html")]
struct Page {
    frame: Frame,
    keys: Vec<Choice>,
    groups: Vec<GroupLine>,
    may_name: bool,
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let asked = words::query(&call.visit().here).find(|(key, _)| key == "key").map(|(_, value)| value);
    let keys = group::keys(&mut call.tx).await?;
    let chosen = asked.filter(|asked| keys.contains(asked));
    let rows = group::list(&mut call.tx, chosen.as_deref()).await?;
    let latest = posture::latest(&mut call.tx).await?;
    let week = posture::at(&mut call.tx, call.now - TimeDelta::days(7)).await?;
    let month = posture::at(&mut call.tx, call.now - TimeDelta::days(30)).await?;
    let choice = |key: Option<&String>| Choice {
        words: key.map_or_else(|| "All keys".to_owned(), Clone::clone),
        href: key
            .map_or_else(|| "/posture/groups".to_owned(), |key| format!("/posture/groups?{}", fixes::pair("key", key))),
        chosen: key == chosen.as_ref(),
    };
    let page = Page {
        frame: call.frame(Nav::Posture),
        keys: std::iter::once(choice(None))
            .chain(keys.iter().map(|key| choice(Some(key))))
            .filter(|_| !keys.is_empty())
            .collect(),
        groups: rows.iter().map(|row| GroupLine::of(row, latest.as_ref(), week.as_ref(), month.as_ref())).collect(),
        may_name: call.may(Permission::ManageRules),
    };
    call.page(&page)
}

#[derive(Template)]
#[template(path = "posture/group_settings.html")]
struct SettingsPage {
    frame: Frame,
    /// A key a line, as it is or as it was typed.
    keys: String,
    refused: Option<String>,
    may_name: bool,
}

async fn settings(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let keys = group::keys(&mut call.tx).await?.join("\n");
    let may_name = call.may(Permission::ManageRules);
    call.page(&SettingsPage { frame: call.frame(Nav::Settings), keys, refused: None, may_name })
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    keys: String,
}

async fn name_keys(mut call: Call<ManageRules>, form: Form<Keys>) -> Result<HttpResponse, WebError> {
    let typed = form.0.keys;
    let keys = match read(&typed) {
        Ok(keys) => keys,
        Err(words) => {
            let frame = call.frame(Nav::Settings);
            let page = SettingsPage { frame, keys: typed, refused: Some(words), may_name: true };
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
    };
    let before = group::keys(&mut call.tx).await?;
    if before == keys {
        return Ok(call.refuse(SETTINGS, Flash::good("Nothing changed: these keys were named before.")));
    }
    group::name_keys(&mut call.tx, &keys).await?;
    let (now, mint) = (call.now, call.visit().state.mint.clone());
    job::enqueue(&mut call.tx, &Task::Regroup, now, &mint).await?;
    call.record("groups.keys_named", "Groups by tag", json!({ "before": before, "keys": keys })).await?;
    call.done("/posture/groups", Flash::good("Kept. The groups are being reckoned anew.")).await
}

/// The keys, each once, in their order.
fn read(typed: &str) -> Result<Vec<String>, String> {
    let mut keys: Vec<String> = Vec::new();
    for (at, line) in typed.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || keys.iter().any(|key| key == line) {
            continue;
        }
        if line.chars().count() > 128 || line.chars().any(char::is_control) {
            return Err(format!("Line {at} is no tag key: it takes at most 128 letters."));
        }
        if line.contains('=') {
            return Err(format!("Line {at} names a value. Name the key alone: each of its values is a group."));
        }
        keys.push(line.to_owned());
    }
    if keys.len() > MOST_KEYS {
        return Err(format!("At most {MOST_KEYS} keys make groups; these are {}.", keys.len()));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_a_line_each_and_once() {
        assert_eq!(read(" team \n\nservice\nteam").unwrap(), ["team", "service"]);
        assert_eq!(read("a\nb\nc\nd\ne\nf").unwrap_err(), "At most 5 keys make groups; these are 6.");
        assert!(read(&"x".repeat(129)).unwrap_err().starts_with("Line 1"));
        assert!(read("env\nteam=payments").unwrap_err().starts_with("Line 2 names a value"));
    }
}
