//! What could be typed next into the filter.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use plumbline_core::filter::{FIELDS, Field, Shape, Word};
use plumbline_core::role::Permission;
use plumbline_store::tenant::member;
use plumbline_store::{StoreError, finding, source, triage};
use std::collections::BTreeSet;

/// Completions that are shown at once.
const SHOWN: usize = 12;
/// Values that are looked through for them.
const KNOWN: i64 = 2_000;

/// What stands where the cursor is.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    /// Where what is completed begins, in bytes.
    start: usize,
    /// The field whose value it is; none for a field's own name.
    field: Option<Field>,
    /// What is typed of it already.
    begins: &'a str,
}

impl<'a> Place<'a> {
    /// Of a cursor behind so many bytes.
    fn of(typed: &'a str, at: usize) -> Self {
        let before = typed.get(..at).unwrap_or(typed);
        let mut start = 0;
        let mut quoted = false;
        for (place, letter) in before.char_indices() {
            quoted ^= letter == '"';
            if letter.is_whitespace() && !quoted {
                start = place + letter.len_utf8();
            }
        }
        let word = before.get(start..).unwrap_or("");
        let bare = word.trim_start_matches('-');
        start += word.len() - bare.len();
        let name = bare.find([':', '<', '>']).and_then(|end| Some((Field::parse(bare.get(..end)?)?, end)));
        let Some((field, end)) = name else { return Self { start, field: None, begins: bare } };
        let value = bare.get(end..).unwrap_or("");
        let begun = value.trim_start_matches([':', '<', '>', '=']);
        let last = begun.rfind(',').map_or(0, |comma| comma + 1);
        let begins = begun.get(last..).unwrap_or("");
        let start = start + bare.len() - begins.len();
        Self { start, field: Some(field), begins: begins.trim_start_matches('"') }
    }
}

/// The byte behind which a cursor stands that a browser counts in UTF-16 units.
fn bytes(typed: &str, units: usize) -> usize {
    let mut left = units;
    for (place, letter) in typed.char_indices() {
        if left < letter.len_utf16() {
            return place;
        }
        left -= letter.len_utf16();
    }
    typed.len()
}

/// One thing that could be typed.
struct Completion {
    label: String,
    about: String,
    /// The whole filter with it, and where the cursor stands then.
    line: String,
    at: usize,
}

#[derive(Template)]
#[template(path = "findings/_completions.html")]
struct Completions {
    completions: Vec<Completion>,
}

/// A value, and what is said beside it.
type Value = (String, String);

pub(super) async fn complete(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (mut typed, mut at, mut lasting) = (String::new(), usize::MAX, false);
    // As it was typed, with its spaces.
    let here = call.visit().here.clone();
    let line = here.split_once('?').map_or("", |(_, line)| line);
    for (key, value) in url::form_urlencoded::parse(line.as_bytes()) {
        match key.as_ref() {
            "q" if value.len() <= 1000 && !value.contains('\0') => typed = value.into_owned(),
            "lasting" => lasting = true,
            "at" => at = value.parse().unwrap_or(usize::MAX),
            _ => {}
        }
    }
    let at = bytes(&typed, at);
    let place = Place::of(&typed, at);
    let values = match place.field {
        None => names(place.begins, lasting),
        Some(field) => values(&mut call, field, place.begins).await?,
    };
    let is_name = place.field.is_none();
    let completions = values.into_iter().take(SHOWN).map(|value| put(&typed, at, &place, value, is_name)).collect();
    call.page(&Completions { completions })
}

/// The filter with a completion in its place.
fn put(typed: &str, at: usize, place: &Place<'_>, (value, about): Value, is_name: bool) -> Completion {
    let printed = match place.field {
        Some(field) => printed(field, &value),
        None => value.clone(),
    };
    let (before, after) = (typed.get(..place.start).unwrap_or(""), typed.get(at..).unwrap_or(""));
    let space = if after.is_empty() && !(is_name && printed.ends_with([':', '<', '>'])) { " " } else { "" };
    let to = format!("{before}{printed}{space}");
    let at = to.encode_utf16().count();
    Completion { label: value, about, line: format!("{to}{after}"), at }
}

/// A value as it is typed.
fn printed(field: Field, value: &str) -> String {
    let word = Word::is(field, vec![value.to_owned()]).to_string();
    word.split_once(':').map_or_else(String::new, |(_, value)| value.to_owned())
}

/// The fields whose names begin so; of an exception, those that it may have.
fn names(begins: &str, lasting: bool) -> Vec<Value> {
    let begins = begins.to_lowercase();
    if begins.is_empty() {
        return Vec::new();
    }
    let taken = |field: Field| !lasting || field.passing().is_none();
    let named = FIELDS.iter().filter(|info| info.word.starts_with(&begins) && taken(info.field));
    let typed = |info: &plumbline_core::filter::FieldInfo| match info.shape {
        Shape::Flag => info.word.to_owned(),
        Shape::Length { .. } if info.field == Field::Due => format!("{}<", info.word),
        Shape::Length { .. } => format!("{}>", info.word),
        _ => format!("{}:", info.word),
    };
    named.map(|info| (typed(info), info.about.to_owned())).filter(|(typed, _)| *typed != begins).collect()
}

/// The values of a field that begin so.
async fn values(call: &mut Call<ReadPosture>, field: Field, begins: &str) -> Result<Vec<Value>, StoreError> {
    let plain = |values: Vec<String>| values.into_iter().map(|value| (value, String::new())).collect::<Vec<_>>();
    let mut found: Vec<Value> = match field {
        Field::Exposure | Field::Criticality | Field::Account | Field::Region | Field::Check => {
            let counts = finding::values(&mut call.tx, field.word(), KNOWN).await?;
            counts.into_iter().map(|count| (count.value, text::plural(count.findings, "finding"))).collect()
        }
        Field::Source => plain(source::names(&mut call.tx).await?.into_iter().map(|source| source.name).collect()),
        Field::Team => plain(triage::teams(&mut call.tx).await?.into_iter().map(|team| team.name).collect()),
        Field::Owner => owners(call).await?,
        Field::Framework => {
            let frameworks = call.catalogue().frameworks();
            frameworks.map(|framework| (framework.id.clone(), framework.title.clone())).collect()
        }
        Field::Kind => {
            let kinds: BTreeSet<&str> = call.catalogue().checks().map(|check| check.resource.as_str()).collect();
            kinds.into_iter().map(|kind| (kind.to_owned(), words::kind(kind).to_owned())).collect()
        }
        Field::Namespace => plain(finding::label_values(&mut call.tx, "namespace", begins, 50).await?),
        Field::Tag => tags(call, begins).await?,
        Field::Age | Field::Due => plain(["1d", "7d", "30d", "90d"].map(str::to_owned).into()),
        _ => plain(field.values().iter().map(|value| (*value).to_owned()).collect()),
    };
    let begins = begins.to_lowercase();
    found.retain(|(value, _)| value.to_lowercase().starts_with(&begins));
    // What is typed whole needs no completion.
    if found.len() == 1 && found.iter().all(|(value, _)| value.to_lowercase() == begins) {
        found.clear();
    }
    Ok(found)
}

/// Members by their addresses, for those who give findings to them.
async fn owners(call: &mut Call<ReadPosture>) -> Result<Vec<Value>, StoreError> {
    let mut owners = vec![("me".to_owned(), call.actor.name.clone())];
    if call.may(Permission::Triage) {
        let members = member::list(&mut call.tx).await?;
        owners.extend(members.into_iter().map(|member| (member.email, member.name)));
    }
    Ok(owners)
}

/// Keys of tags, or behind a `=` the values of one.
async fn tags(call: &mut Call<ReadPosture>, begins: &str) -> Result<Vec<Value>, StoreError> {
    let Some((key, value)) = begins.split_once('=') else {
        let keys = finding::tag_keys(&mut call.tx, 200).await?;
        return Ok(keys.into_iter().map(|key| (key, String::new())).collect());
    };
    let values = finding::label_values(&mut call.tx, &format!("tag:{key}"), value, 50).await?;
    Ok(values.into_iter().map(|value| (format!("{key}={value}"), String::new())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_cursor_is_a_name_or_a_value() {
        let of = |typed: &'static str| {
            let place = Place::of(typed, typed.len());
            (place.start, place.field, place.begins)
        };
        assert_eq!(of("key:images sev"), (11, None, "sev"));
        assert_eq!(of("-sev"), (1, None, "sev"));
        assert_eq!(of("severity>=h"), (10, Some(Field::Severity), "h"));
        assert_eq!(of("region:a,b"), (9, Some(Field::Region), "b"));
        assert_eq!(of("source:\"prod re"), (7, Some(Field::Source), "prod re"));
        assert_eq!(of("web arn:aws"), (4, None, "arn:aws"));
    }

    #[test]
    fn a_completion_stands_where_the_word_stood() {
        let typed = "source:\"pro key:images";
        let at = 11;
        let done = put(typed, at, &Place::of(typed, at), ("prod registry".to_owned(), String::new()), false);
        assert_eq!((done.line.as_str(), done.at), ("source:\"prod registry\" key:images", 22));
        let name = put("é sev", 6, &Place::of("é sev", 6), ("severity:".to_owned(), String::new()), true);
        assert_eq!((name.line.as_str(), name.at), ("é severity:", 11));
    }

    #[test]
    fn an_exception_is_offered_lasting_words_alone() {
        let named = |lasting| names("s", lasting).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(named(true), ["severity:", "source:"]);
        assert!(named(false).contains(&"state:".to_owned()));
    }

    #[test]
    fn a_cursor_is_counted_as_browsers_do() {
        assert_eq!(["", "ab", "éb", "😀b"].map(|typed| bytes(typed, 2)), [0, 2, 3, 4]);
    }
}
