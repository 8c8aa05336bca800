//! What people say on a finding, and who is told because they are named.

use super::triage::{Field, Typed, refuse};
use crate::call::{Call, ReadPosture, Triage};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::Flash;
use crate::route::Route;
use crate::text;
use crate::triage::wake;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, PersonId};
use plumbline_store::inbox::{self, Kind, Notice};
use plumbline_store::tenant::member;
use plumbline_store::triage::{self, Comment};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// Letters of a comment.
const COMMENT: usize = 4000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/findings/{finding}/comments", comment),
        Route::post("/findings/{finding}/comments/{comment}/remove", remove_comment),
        Route::get("/findings/{finding}/mentions", mentions),
    ]
}

/// One comment.
pub(super) struct CommentLine {
    pub(super) number: i64,
    pub(super) author: String,
    pub(super) at: String,
    pub(super) ago: String,
    pub(super) body: Option<String>,
    pub(super) is_yours: bool,
}

impl CommentLine {
    pub(super) fn of(comment: Comment, you: PersonId, now: DateTime<Utc>) -> Self {
        Self {
            number: comment.comment_no,
            author: comment.author,
            at: text::when(comment.at),
            ago: text::ago(comment.at, now),
            is_yours: comment.person_id == you.0 && comment.body.is_some(),
            body: comment.body,
        }
    }
}

#[derive(Deserialize)]
struct CommentForm {
    #[serde(default)]
    comment: String,
}

async fn comment(
    mut call: Call<Triage>,
    id: web::Path<Uuid>,
    form: Form<CommentForm>,
) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    triage::standing(&mut call.tx, id).await?;
    let body = form.0.comment.trim().to_owned();
    if body.is_empty() || body.chars().count() > COMMENT {
        let comment = Field::wrong(&form.0.comment, "A comment takes 1 to 4,000 characters.");
        return refuse(call, id, Typed { comment, ..Typed::default() }).await;
    }
    let (by, name, now) = (call.actor.id, call.actor.name.clone(), call.now);
    let mentioned = mentioned(&body, &member::list(&mut call.tx).await?);
    triage::comment(&mut call.tx, id, (by, &name), &body, &mentioned, now).await?;
    let others = mentioned.into_iter().filter(|person| *person != by);
    let notices: Vec<Notice> = others
        .map(|person| Notice {
            person,
            subject: format!("{name} mentions you: {body:.120}"),
            link: format!("/findings/{id}#comments"),
        })
        .collect();
    inbox::tell_many(&mut call.tx, Kind::Mentioned, &notices, now).await?;
    wake(&mut call).await?;
    call.record("finding.commented", &id.to_string(), json!({ "mentioned": notices.len() })).await?;
    call.done(&format!("/findings/{id}#comments"), Flash::good("Your comment is there.")).await
}

/// The members that a text names after `@`: by their address, what stands before its `@`, or their name without spaces.
fn mentioned(body: &str, members: &[member::Member]) -> Vec<PersonId> {
    let named: Vec<String> = body
        .split(|c: char| c.is_whitespace() || ",;()".contains(c))
        .filter_map(|word| word.strip_prefix('@'))
        .map(|word| word.trim_end_matches(['.', ':', '!', '?']).to_lowercase())
        .collect();
    let is_named = |member: &&member::Member| names(member).iter().any(|name| named.contains(name));
    members.iter().filter(is_named).map(|member| member.person).collect()
}

/// What a member is called after `@`, the shortest unambiguous first.
fn names(member: &member::Member) -> [String; 3] {
    let email = member.email.to_lowercase();
    let local = email.split('@').next().unwrap_or_default().to_owned();
    let name = member.name.to_lowercase().split_whitespace().collect();
    [local, name, email]
}

async fn remove_comment(
    mut call: Call<Triage>,
    path: web::Path<(Uuid, i64)>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (id, number) = path.into_inner();
    let (by, now) = (call.actor.id, call.now);
    triage::remove_comment(&mut call.tx, FindingId(id), number, by, now).await?;
    call.record("finding.comment_removed", &id.to_string(), json!({ "comment": number })).await?;
    call.done(&format!("/findings/{id}#comments"), Flash::good("Your comment is removed.")).await
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    comment: String,
    /// Who was picked for the word that is being typed.
    #[serde(default)]
    pick: String,
}

/// What can stand after the `@` that is being typed.
#[derive(Template)]
#[template(path = "findings/_mentions.html")]
struct Mentions {
    id: String,
    comment: String,
    /// Whether the text was just completed, so that typing goes on in it.
    picked: bool,
    /// Address word and name.
    people: Vec<(String, String)>,
}

async fn mentions(
    mut call: Call<ReadPosture>,
    id: web::Path<Uuid>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, WebError> {
    triage::standing(&mut call.tx, FindingId(*id)).await?;
    let (typed, pick) = (asked.comment.clone(), asked.pick.trim());
    let (before, word) = last_word(&typed);
    if !pick.is_empty() {
        let comment = format!("{before}@{pick} ");
        return call.page(&Mentions { id: id.to_string(), comment, picked: true, people: Vec::new() });
    }
    let mut people = Vec::new();
    if let Some(begun) = word.strip_prefix('@').map(str::to_lowercase) {
        for member in member::list(&mut call.tx).await? {
            let [local, name, _] = names(&member);
            if local.starts_with(&begun) || name.starts_with(&begun) {
                people.push((local, member.name));
            }
        }
        people.truncate(8);
    }
    call.page(&Mentions { id: id.to_string(), comment: typed, picked: false, people })
}

/// A text and the word at its end.
fn last_word(text: &str) -> (&str, &str) {
    let at = text.rfind(char::is_whitespace).map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_core::role::Role;

    fn member(name: &str, email: &str, id: u128) -> member::Member {
        member::Member {
            person: PersonId(Uuid::from_u128(id)),
            name: name.to_owned(),
            email: email.to_owned(),
            role: Role::Analyst,
            federated: false,
            joined_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn members_are_mentioned_by_address_or_name() {
        let members = [member("Ann Example", "ann@example.com", 1), member("Bo", "bo.b@example.com", 2)];
        let of = |text: &str| mentioned(text, &members).len();
        assert_eq!(of("@ann, look: @bo.b!"), 2);
        assert_eq!(of("@AnnExample and @ann@example.com"), 1);
        assert_eq!(of("ann @annabel mail ann@example.com"), 0);
    }

    #[test]
    fn the_word_being_typed_is_the_last() {
        assert_eq!(last_word("hello @an"), ("hello ", "@an"));
        assert_eq!(last_word("@an"), ("", "@an"));
        assert_eq!(last_word("hello\u{2003}"), ("hello\u{2003}", ""));
    }
}
