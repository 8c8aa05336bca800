//! Triage beyond one finding: bulk actions, what is late, teams, and the rules of ownership and due dates.

mod bulk;
mod owners;
pub(crate) mod settings;
mod sla;
mod teams;

use crate::call::Call;
use crate::error::WebError;
use crate::route::Route;
use crate::text;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use plumbline_core::id::PersonId;
use plumbline_store::inbox::{self, Kind};
use plumbline_store::tenant::member;
use plumbline_store::triage::{self, Change};
use plumbline_store::{StoreError, TenantTx};
use uuid::Uuid;

pub(crate) fn routes() -> Vec<Route> {
    [bulk::routes(), sla::routes(), settings::routes(), teams::routes(), owners::routes()]
        .into_iter()
        .flatten()
        .collect()
}

/// One entry of a select.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) title: String,
    pub(crate) chosen: bool,
}

/// A change as it was typed, and what it does in words.
pub(crate) struct Reading {
    pub(crate) change: Change,
    pub(crate) words: String,
}

/// All teams and all members, to be chosen from.
pub(crate) async fn owners(tx: &mut TenantTx) -> Result<(Vec<Choice>, Vec<Choice>), StoreError> {
    let teams = triage::teams(tx).await?;
    let members = member::list(tx).await?;
    let of = |value: String, title: String| Choice { value, title, chosen: false };
    Ok((
        teams.into_iter().map(|team| of(team.team_id.to_string(), team.name)).collect(),
        members.into_iter().map(|member| of(member.person.to_string(), member.name)).collect(),
    ))
}

/// Reads to whom something is given; `me` is who asks.
pub(crate) async fn read_assign(
    tx: &mut TenantTx,
    team: &str,
    assignee: &str,
    you: PersonId,
) -> Result<Reading, WebError> {
    let nobody = || WebError::Invalid("There is no such team or member. Choose one of the list.".to_owned());
    let id = |text: &str| match text.trim() {
        "" => Ok(None),
        "me" => Ok(Some(you.0)),
        other => other.parse::<Uuid>().map(Some).map_err(|_| nobody()),
    };
    let (team, assignee) = (id(team)?, id(assignee)?.map(PersonId));
    let owner = match triage::owner_of(tx, team, assignee).await {
        Err(StoreError::NotFound) => return Err(nobody()),
        other => other?,
    };
    let words = match (owner.team, owner.assignee) {
        (Some(team), Some(assignee)) => format!("given to {assignee} of {team}"),
        (Some(owner), None) | (None, Some(owner)) => format!("given to {owner}"),
        (None, None) => "given back to the rules".to_owned(),
    };
    Ok(Reading { change: Change::Assign { team, assignee }, words })
}

/// Reads by which day something is due: as a date field sends it, or nothing for no due date.
pub(crate) fn read_due(text: &str, now: DateTime<Utc>) -> Result<Change, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Change::Due(None));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "A day, like 2027-01-31.")?;
    let end = day
        .checked_add_days(Days::new(1))
        .and_then(|next| next.and_hms_opt(0, 0, 0))
        .ok_or("A day, like 2027-01-31.")?;
    let end = end.and_utc();
    if end <= now {
        return Err("That day is over. Choose today or later.");
    }
    if end > now + TimeDelta::days(3660) {
        return Err("At most ten years from now.");
    }
    Ok(Change::Due(Some(end)))
}

/// The day at whose end something is due, as people read it.
pub(crate) fn last_day(due: DateTime<Utc>) -> String {
    text::day(due - TimeDelta::seconds(1))
}

/// The same, to be compared with other days.
pub(crate) fn last_date(due: DateTime<Utc>) -> NaiveDate {
    (due - TimeDelta::seconds(1)).date_naive()
}

/// The same as a date field wants it.
pub(crate) fn field_day(due: DateTime<Utc>) -> String {
    (due - TimeDelta::seconds(1)).format("%Y-%m-%d").to_string()
}

/// Tells a member that findings were given to them; not who gave them to themselves.
pub(crate) async fn tell_assigned<P>(
    call: &mut Call<P>,
    change: &Change,
    findings: i64,
    link: &str,
) -> Result<(), WebError> {
    let Change::Assign { assignee: Some(person), .. } = change else { return Ok(()) };
    if *person == call.actor.id || findings == 0 {
        return Ok(());
    }
    let subject = format!("{} gave you {}", call.actor.name, text::plural(findings, "finding"));
    let now = call.now;
    inbox::tell(&mut call.tx, *person, Kind::Assigned, &subject, link, now).await?;
    wake(call).await
}

/// Queues the sending of what goes out by e-mail.
pub(crate) async fn wake<P>(call: &mut Call<P>) -> Result<(), WebError> {
    let mint = call.visit().state.mint.clone();
    Ok(inbox::wake(&mut call.tx, &mint).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_due_at_the_end_of_its_day() {
        let now: DateTime<Utc> = "2026-11-30T12:00:00Z".parse().expect("an instant");
        let end = |text: &str| read_due(text, now);
        assert_eq!(end("2026-11-30"), Ok(Change::Due("2026-12-01T00:00:00Z".parse().ok())));
        assert_eq!(end(" "), Ok(Change::Due(None)));
        assert!(end("2026-11-29").is_err_and(|words| words.contains("over")));
        assert!(end("soon").is_err() && end("9999-12-31").is_err());
        let due: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().expect("an instant");
        assert_eq!((last_day(due), field_day(due)), ("30 Nov 2026".to_owned(), "2026-11-30".to_owned()));
    }
}
