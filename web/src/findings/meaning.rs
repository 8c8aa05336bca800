//! What a filter means for one tenant: its words turned into what the store understands.

use super::checks::{self, checks_of, is_of_check};
use super::query::Query;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::filter::{Asks, Field, Filter, Mistake, Relation, Word, hours, nearest};
use plumbline_core::glob;
use plumbline_core::id::PersonId;
use plumbline_policy::Catalogue;
use plumbline_store::finding::{Condition, FindingFilter, FindingState, Search, What};
use plumbline_store::tenant::member;
use plumbline_store::{StoreError, TenantTx, finding, resource, source, triage};
use std::collections::BTreeSet;

/// Resources that a search text is looked up in.
const FOUND: i64 = 200;
/// Values of a facet that a pattern is tried on.
pub(super) const KNOWN: i64 = 20_000;

/// Who reads the list, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) me: PersonId,
    pub(crate) now: DateTime<Utc>,
}

/// Why a filter means nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A word names what is not there.
    #[error("{0}")]
    Mistake(Mistake),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a filter means: the same for the list, its sums, and what is done to all that it shows.
pub(crate) async fn meaning(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    query: &Query,
    reader: Reader,
) -> Result<FindingFilter, Refusal> {
    if let Some(mistake) = &query.mistake {
        return Err(Refusal::Mistake(mistake.clone()));
    }
    let mut meant = Meant { tx, catalogue, query, filter: FindingFilter::default() };
    meant.few();
    meant.checks().await?;
    meant.accounts_and_regions().await?;
    meant.sources().await?;
    meant.search().await?;
    for word in &query.filter.words {
        meant.word(word, reader).await?;
    }
    Ok(meant.filter)
}

struct Meant<'a> {
    tx: &'a mut TenantTx,
    catalogue: &'a Catalogue,
    query: &'a Query,
    filter: FindingFilter,
}

impl Meant<'_> {
    fn words(&self) -> &Filter {
        &self.query.filter
    }

    /// The fields that have few values.
    fn few(&mut self) {
        let words = self.words();
        let stages = words.chosen(Field::Stage);
        let states = if words.has(Field::State) || !words.has(Field::Stage) {
            self.query.chosen(Field::State)
        } else {
            stages.iter().map(|stage| state_of(stage).to_owned()).collect()
        };
        let contradicts = |field: &Field| words.has(*field) && words.chosen(*field).is_empty();
        let nothing =
            [Field::Severity, Field::Exposure, Field::Criticality, Field::Stage, Field::Likelihood, Field::Blast]
                .iter()
                .any(contradicts)
                || (words.has(Field::State) && words.chosen(Field::State).is_empty());
        self.filter = FindingFilter {
            states: parsed(&states, FindingState::parse),
            severities: parsed(&words.chosen(Field::Severity), plumbline_core::verdict::Severity::parse),
            exposures: parsed(&words.chosen(Field::Exposure), plumbline_core::risk::Exposure::parse),
            criticalities: parsed(&words.chosen(Field::Criticality), plumbline_core::risk::Criticality::parse),
            nothing,
            ..FindingFilter::default()
        };
        let more = [
            (Field::Stage, What::Stages as fn(Vec<String>) -> What),
            (Field::Likelihood, What::Likelihoods),
            (Field::Blast, What::Blasts),
        ];
        for (field, what) in more {
            let chosen = self.words().chosen(field);
            if !chosen.is_empty() && chosen.len() < field.values().len() {
                self.filter.more.push(Condition { not: false, what: what(chosen) });
            }
        }
    }

    /// What the catalogue says of checks becomes lists of them, for which there are sums and indexes.
    async fn checks(&mut self) -> Result<(), Refusal> {
        let of_check = |word: &&Word| word.field().is_some_and(is_of_check);
        let by_check: Vec<&Word> = self.query.filter.words.iter().filter(of_check).collect();
        let by_severity: Vec<&Word> = self.query.filter.of(Field::Severity).collect();
        if by_check.is_empty() && by_severity.is_empty() {
            return Ok(());
        }
        for word in &by_check {
            self.known_framework(word)?;
        }
        let known = checks::known(self.tx, self.catalogue).await?;
        let left = |but: &[Field]| checks_of(self.catalogue, &self.query.filter, &known, but).into_iter().collect();
        let (checks, counted) = ((!by_check.is_empty()).then(|| left(&[Field::Severity])), left(&[]));
        self.filter.checks = checks;
        self.filter.counted_checks = Some(counted);
        Ok(())
    }

    fn known_framework(&self, word: &Word) -> Result<(), Refusal> {
        let Asks::Value(Field::Framework, _, values) = &word.asks else { return Ok(()) };
        let ids = || self.catalogue.frameworks().map(|framework| framework.id.as_str());
        let unknown = values.iter().find(|value| !ids().any(|id| means(value, id)));
        let Some(value) = unknown else { return Ok(()) };
        Err(self.mistake(value, format!("There is no framework “{value}”."), nearest(value, ids())))
    }

    async fn accounts_and_regions(&mut self) -> Result<(), Refusal> {
        for (field, facet) in [(Field::Account, "account"), (Field::Region, "region")] {
            let words: Vec<Word> = self.words().of(field).cloned().collect();
            if words.is_empty() {
                continue;
            }
            let needs_all =
                words.iter().any(|word| word.not || values(word).iter().any(|value| glob::is_pattern(value)));
            let known = if needs_all {
                let counts = finding::values(self.tx, facet, KNOWN).await?;
                counts.into_iter().map(|count| count.value).collect()
            } else {
                words.iter().flat_map(values).cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
            };
            let left: Vec<String> = known.into_iter().filter(|value| words.iter().all(|w| meets(w, value))).collect();
            self.filter.nothing |= left.is_empty();
            match field {
                Field::Account => self.filter.accounts = left,
                _ => self.filter.regions = left,
            }
        }
        Ok(())
    }

    async fn sources(&mut self) -> Result<(), Refusal> {
        let words: Vec<Word> = self.words().of(Field::Source).cloned().collect();
        if words.is_empty() {
            return Ok(());
        }
        let mut names: Vec<(uuid::Uuid, String)> =
            source::names(self.tx).await?.into_iter().map(|source| (source.source_id, source.name)).collect();
        for value in words.iter().flat_map(values) {
            let by_id = value.parse::<uuid::Uuid>();
            let known = names.iter().any(|(_, name)| means(&value.to_lowercase(), &name.to_lowercase()));
            match by_id {
                // A source that was removed has its id for a name.
                Ok(id) if !names.iter().any(|(known, _)| *known == id) => names.push((id, value.clone())),
                Err(_) if !known && !glob::is_pattern(value) => {
                    let near = nearest(value, names.iter().map(|(_, name)| name.as_str()));
                    let near = near.map(|name| Word::is(Field::Source, vec![name.to_owned()]).to_string());
                    let near = near.as_deref().and_then(|word| word.split_once(':')).map(|(_, value)| value);
                    return Err(self.mistake(value, format!("There is no source “{value}”."), near));
                }
                _ => {}
            }
        }
        if words.iter().any(|word| word.not) {
            let seen = finding::values(self.tx, "source", KNOWN).await?;
            for id in seen.iter().filter_map(|count| count.value.parse::<uuid::Uuid>().ok()) {
                if !names.iter().any(|(known, _)| *known == id) {
                    names.push((id, id.to_string()));
                }
            }
        }
        let says = |word: &Word, id: uuid::Uuid, name: &str| {
            let named = values(word)
                .iter()
                .any(|value| value.parse() == Ok(id) || means(&value.to_lowercase(), &name.to_lowercase()));
            named != word.not
        };
        let left = names.iter().filter(|(id, name)| words.iter().all(|word| says(word, *id, name)));
        self.filter.sources = left.map(|(id, _)| *id).collect();
        self.filter.nothing |= self.filter.sources.is_empty();
        Ok(())
    }

    async fn search(&mut self) -> Result<(), Refusal> {
        let text = self.words().text();
        if !text.is_empty() {
            self.filter.search = Some(found(self.tx, self.catalogue, &text).await?);
        }
        Ok(())
    }

    /// What no sums are kept by.
    async fn word(&mut self, word: &Word, reader: Reader) -> Result<(), Refusal> {
        let what = match &word.asks {
            Asks::Text(text) if word.not => What::Search(found(self.tx, self.catalogue, text).await?),
            Asks::Text(_) => return Ok(()),
            Asks::Flag(Field::Overdue) => What::DueBefore(reader.now),
            Asks::Flag(_) => What::Unassigned,
            Asks::Value(field, relation, values) => match field {
                Field::Age => age(*relation, first(values), reader.now),
                Field::Due => due(*relation, first(values), reader.now),
                Field::Owner => What::Assignees(self.owners(values, reader.me).await?),
                Field::Team => What::Teams(self.teams(values).await?),
                Field::Namespace => {
                    What::Labelled(labels(values, |value| ("namespace".to_owned(), Some(value.to_owned()))))
                }
                Field::Tag => What::Labelled(labels(values, tag)),
                Field::Resource => What::Resources(values.clone()),
                Field::Cve => What::Subjects(subjects(values)),
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

    async fn owners(&mut self, values: &[String], me: PersonId) -> Result<Vec<uuid::Uuid>, Refusal> {
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
                return Err(self.mistake(value, says, None));
            }
            owners.extend(found.iter().map(|member| member.person.0));
        }
        Ok(once(owners))
    }

    async fn teams(&mut self, values: &[String]) -> Result<Vec<uuid::Uuid>, Refusal> {
        let teams = triage::teams(self.tx).await?;
        let mut ids = Vec::new();
        for value in values {
            let Some(team) = teams.iter().find(|team| team.name.to_lowercase() == value.to_lowercase()) else {
                let near = nearest(value, teams.iter().map(|team| team.name.as_str()));
                return Err(self.mistake(value, format!("There is no team “{value}”."), near));
            };
            ids.push(team.team_id);
        }
        Ok(once(ids))
    }

    /// A word of the filter that names what is not there.
    fn mistake(&self, value: &str, says: String, near: Option<&str>) -> Refusal {
        let typed = &self.query.typed;
        let at = typed.find(value).map_or(0..0, |start| start..start + value.len());
        let ask = near.map_or_else(String::new, |near| format!(" Did you mean “{near}”?"));
        let instead = near.map(|near| typed.replacen(value, near, 1));
        Refusal::Mistake(Mistake { at, word: value.to_owned(), says: format!("{says}{ask}"), instead })
    }
}

/// What a text is found in: titles and ids of checks, names and uids of resources.
async fn found(tx: &mut TenantTx, catalogue: &Catalogue, text: &str) -> Result<Search, StoreError> {
    let wanted = text.to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let matches = |title: &str| {
        let title = title.to_lowercase();
        words.iter().all(|word| title.contains(word))
    };
    let checks = catalogue.checks().filter(|check| check.id == wanted || matches(&check.title));
    Ok(Search {
        checks: checks.map(|check| check.id.clone()).collect(),
        resources: resource::search(tx, text, FOUND).await?,
    })
}

/// Each once: what is named twice would be listed twice.
fn once(mut ids: Vec<uuid::Uuid>) -> Vec<uuid::Uuid> {
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

fn parsed<T: PartialEq>(words: &[String], parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let mut values = Vec::new();
    for value in words.iter().filter_map(|word| parse(word)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

pub(super) fn values(word: &Word) -> &[String] {
    match &word.asks {
        Asks::Value(_, _, values) => values,
        Asks::Text(_) | Asks::Flag(_) => &[],
    }
}

fn first(values: &[String]) -> &str {
    values.first().map_or("", String::as_str)
}

fn meets(word: &Word, text: &str) -> bool {
    values(word).iter().any(|value| means(value, text)) != word.not
}

/// Whether a value means a text: it is the text, or a pattern of it.
pub(super) fn means(value: &str, text: &str) -> bool {
    value == text || (glob::is_pattern(value) && glob::matches(value, text))
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

fn labels(values: &[String], label: impl Fn(&str) -> (String, Option<String>)) -> Vec<(String, Option<String>)> {
    values.iter().map(|value| label(value)).collect()
}

fn tag(value: &str) -> (String, Option<String>) {
    match value.split_once('=') {
        Some((key, value)) => (format!("tag:{key}"), Some(value.to_owned())),
        None => (format!("tag:{value}"), None),
    }
}

/// Flaws are named in capitals; other subjects as they are.
fn subjects(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| [value.clone(), value.to_uppercase()]).collect::<BTreeSet<_>>().into_iter().collect()
}
