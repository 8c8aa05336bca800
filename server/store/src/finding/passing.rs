//! What a filter's words mean that say nothing lasting: of work, people, time and paths, and what is searched for.

use super::FindingState;
use super::filter::{Condition, FindingFilter, Search, What};
use super::meaning::{Reader, Refusal, mistake, narrowing, parsed};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::tenant::member;
use crate::{resource, triage};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::filter::{Asks, Field, Filter, Relation, Terms, Word, hours, nearest};
use plumbline_core::id::PersonId;
use uuid::Uuid;

/// Resources that a search text is looked up in.
const FOUND: i64 = 200;

/// Adds them to what the lasting words mean.
pub(super) async fn add(
    tx: &mut TenantTx,
    terms: &Terms,
    words: &Filter,
    typed: &str,
    reader: Reader,
    mut filter: FindingFilter,
) -> Result<FindingFilter, Refusal> {
    let text = words.text();
    if !text.is_empty() {
        filter.search = Some(found(tx, terms, &text).await?);
    }
    let mut meant = Meant { tx, terms, typed, filter };
    meant.stages(words);
    for word in &words.words {
        meant.word(word, reader).await?;
    }
    Ok(meant.filter)
}

struct Meant<'a> {
    tx: &'a mut TenantTx,
    terms: &'a Terms,
    typed: &'a str,
    filter: FindingFilter,
}

impl Meant<'_> {
    /// Where work stands; where no state is said, it follows from that.
    fn stages(&mut self, words: &Filter) {
        if !words.has(Field::State) && words.has(Field::Stage) {
            let states: Vec<String> =
                words.chosen(Field::Stage).iter().map(|stage| state_of(stage).to_owned()).collect();
            self.filter.states = parsed(&states, FindingState::parse);
        }
        let stages = narrowing(words, Field::Stage).map(What::Stages);
        self.filter.more.extend(stages.map(|what| Condition { not: false, what }));
    }

    /// What no sums are kept by.
    async fn word(&mut self, word: &Word, reader: Reader) -> Result<(), Refusal> {
        let what = match &word.asks {
            Asks::Text(text) if word.not => What::Search(found(self.tx, self.terms, text).await?),
            Asks::Text(_) => return Ok(()),
            Asks::Flag(Field::Overdue) => What::DueBefore(reader.now),
            Asks::Flag(_) => What::Unassigned,
            Asks::Value(field, relation, values) => match field {
                Field::Age => age(*relation, first(values), reader.now),
                Field::Due => due(*relation, first(values), reader.now),
                Field::Owner => What::Assignees(self.owners(values, reader.me).await?),
                Field::Team => What::Teams(self.teams(values).await?),
                Field::Path if values.len() > 1 => return Ok(()),
                Field::Path => {
                    let not = word.not != values.iter().any(|value| value == "no");
                    self.filter.more.push(Condition { not, what: What::OnPath });
                    return Ok(());
                }
                _ => return Ok(()),
            },
        };
        self.filter.more.push(Condition { not: word.not, what });
        Ok(())
    }

    async fn owners(&mut self, values: &[String], me: PersonId) -> Result<Vec<Uuid>, Refusal> {
        let mut owners = Vec::new();
        let members = if values.iter().all(|value| is_me(value)) { Vec::new() } else { member::list(self.tx).await? };
        for value in values {
            if is_me(value) {
                owners.push(me.0);
                continue;
            }
            let wanted = value.to_lowercase();
            let named = |email: &str| email == wanted || email.split('@').next() == Some(wanted.as_str());
            let found: Vec<_> = members.iter().filter(|member| named(&member.email.to_lowercase())).collect();
            if found.is_empty() {
                let says = format!("No member has the address “{value}”: owner:me, or a member’s e-mail address.");
                return Err(self.refuse(value, says, None));
            }
            owners.extend(found.iter().map(|member| member.person.0));
        }
        Ok(once(owners))
    }

    async fn teams(&mut self, values: &[String]) -> Result<Vec<Uuid>, Refusal> {
        let teams = triage::teams(self.tx).await?;
        let mut ids = Vec::new();
        for value in values {
            let Some(team) = teams.iter().find(|team| team.name.to_lowercase() == value.to_lowercase()) else {
                let near = nearest(value, teams.iter().map(|team| team.name.as_str()));
                return Err(self.refuse(value, format!("There is no team “{value}”."), near));
            };
            ids.push(team.team_id);
        }
        Ok(once(ids))
    }

    fn refuse(&self, value: &str, says: String, near: Option<&str>) -> Refusal {
        Refusal::Mistake(mistake(self.typed, value, says, near))
    }
}

/// What a text is found in: titles and ids of checks, names and uids of resources.
async fn found(tx: &mut TenantTx, terms: &Terms, text: &str) -> Result<Search, StoreError> {
    let wanted = text.to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let matches = |title: &str| {
        let title = title.to_lowercase();
        words.iter().all(|word| title.contains(word))
    };
    let checks = terms.checks.iter().filter(|check| check.id == wanted || matches(&check.title));
    Ok(Search {
        checks: checks.map(|check| check.id.clone()).collect(),
        resources: resource::search(tx, text, FOUND).await?,
    })
}

/// Each once: what is named twice would be listed twice.
fn once(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn state_of(stage: &str) -> &'static str {
    match stage {
        "accepted" | "false_positive" => "accepted",
        "resolved" => "resolved",
        _ => "open",
    }
}

fn first(values: &[String]) -> &str {
    values.first().map_or("", String::as_str)
}

fn is_me(value: &str) -> bool {
    value.eq_ignore_ascii_case("me")
}

fn before(now: DateTime<Utc>, length: &str) -> DateTime<Utc> {
    now - TimeDelta::hours(hours(length).unwrap_or(0))
}

fn age(relation: Relation, length: &str, now: DateTime<Utc>) -> What {
    match relation {
        Relation::Over | Relation::AtLeast => What::OpenedBefore(before(now, length)),
        _ => What::OpenedAfter(before(now, length)),
    }
}

fn due(relation: Relation, length: &str, now: DateTime<Utc>) -> What {
    let at = now + TimeDelta::hours(hours(length).unwrap_or(0));
    match relation {
        Relation::Is => What::NoDue,
        Relation::Over | Relation::AtLeast => What::DueAfter(at),
        Relation::Under | Relation::AtMost => What::DueBefore(at),
    }
}
