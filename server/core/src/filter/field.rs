//! The fields of the filter language: one table, from which the parser, the completions and the documentation are made.

/// What a word of a filter asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    State,
    Stage,
    Severity,
    Key,
    Exposure,
    Criticality,
    Likelihood,
    Blast,
    Age,
    Due,
    Overdue,
    Owner,
    Team,
    Unassigned,
    Check,
    Framework,
    Control,
    Source,
    Account,
    Region,
    Kind,
    Namespace,
    Tag,
    Resource,
    Cve,
    Path,
}

/// What may stand behind a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One of these, without an order.
    Choice(&'static [&'static str]),
    /// One of these, least first; may be compared.
    Ordered(&'static [&'static str]),
    /// Any text; `*` and `?` stand for other letters where the flag says so.
    Text { patterns: bool },
    /// A length of time: `12h`, `30d`, `2w`; compared. The flag says whether `none` is a value too.
    Length { none: bool },
    /// Stands alone.
    Flag,
}

impl Shape {
    /// What may stand behind the field, in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Choice(values) => values.join(", "),
            Self::Ordered(values) => format!("{}; may be compared", values.join(", ")),
            Self::Text { patterns: false } => "text".to_owned(),
            Self::Text { patterns: true } => "text; * and ? stand for other letters".to_owned(),
            Self::Length { none: false } => "compared with hours, days or weeks: 12h, 30d, 2w".to_owned(),
            Self::Length { none: true } => "compared with hours, days or weeks: 12h, 30d, 2w; or none".to_owned(),
            Self::Flag => "stands alone".to_owned(),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    pub field: Field,
    /// As it is typed.
    pub word: &'static str,
    pub shape: Shape,
    /// What it asks, in a few words.
    pub about: &'static str,
    pub example: &'static str,
}

/// The words of [`Field::Stage`].
pub const STAGES: &[&str] =
    &["open", "reopened", "in_progress", "awaiting_proof", "accepted", "false_positive", "resolved"];

const fn info(field: Field, word: &'static str, shape: Shape, about: &'static str, example: &'static str) -> FieldInfo {
    FieldInfo { field, word, shape, about, example }
}

const ANY_TEXT: Shape = Shape::Text { patterns: false };
const PATTERN: Shape = Shape::Text { patterns: true };

/// Every field, in the order in which people are shown them.
pub const FIELDS: [FieldInfo; 26] = [
    info(
        Field::State,
        "state",
        Shape::Choice(&["open", "accepted", "resolved", "any"]),
        "What the sums count it as; open where nothing is said, any for all",
        "state:open,accepted",
    ),
    info(Field::Stage, "stage", Shape::Choice(STAGES), "Where its work stands", "stage:in_progress"),
    info(
        Field::Severity,
        "severity",
        Shape::Ordered(&["low", "medium", "high", "critical"]),
        "How bad it is by itself",
        "severity>=high",
    ),
    info(
        Field::Key,
        "key",
        Shape::Choice(&["images", "hosts", "activity", "orchestration", "cloud", "delivery"]),
        "Which of the six keys its check belongs to",
        "key:images",
    ),
    info(
        Field::Exposure,
        "exposure",
        Shape::Ordered(&["none", "private", "internet"]),
        "From where its resource is reached",
        "exposure:internet",
    ),
    info(
        Field::Criticality,
        "criticality",
        Shape::Ordered(&["low", "normal", "high"]),
        "What the business loses with its resource",
        "criticality:high",
    ),
    info(
        Field::Likelihood,
        "likelihood",
        Shape::Ordered(&["unlikely", "possible", "open", "likely", "exploited"]),
        "How likely somebody uses it",
        "likelihood>=likely",
    ),
    info(
        Field::Blast,
        "blast",
        Shape::Ordered(&["none", "secrets", "machine", "admin"]),
        "What whoever takes its resource over has next",
        "blast:admin",
    ),
    info(Field::Age, "age", Shape::Length { none: false }, "How long it has been open", "age>30d"),
    info(
        Field::Due,
        "due",
        Shape::Length { none: true },
        "In what time it is due; none where no date is set",
        "due<7d",
    ),
    info(Field::Overdue, "overdue", Shape::Flag, "Its date has passed and it is open", "overdue"),
    info(Field::Owner, "owner", ANY_TEXT, "Whose it is: me, or a member’s address", "owner:me"),
    info(Field::Team, "team", ANY_TEXT, "Which team’s it is", "team:payments"),
    info(Field::Unassigned, "unassigned", Shape::Flag, "Neither a member’s nor a team’s", "unassigned"),
    info(Field::Check, "check", PATTERN, "The check’s id", "check:aws_s3_*"),
    info(Field::Framework, "framework", PATTERN, "A framework that has its check", "framework:cis_aws_5.0"),
    info(Field::Control, "control", PATTERN, "A control that has its check", "control:2.1.1"),
    info(Field::Source, "source", PATTERN, "The source’s name", "source:\"prod registry\""),
    info(Field::Account, "account", PATTERN, "The account", "account:1234*"),
    info(Field::Region, "region", PATTERN, "The region", "region:eu-west-1"),
    info(Field::Kind, "kind", PATTERN, "The kind of its resource", "kind:kubernetes.workload"),
    info(Field::Namespace, "namespace", ANY_TEXT, "The Kubernetes namespace of its resource", "namespace:shop"),
    info(Field::Tag, "tag", ANY_TEXT, "A tag of its resource: key=value, or a key alone", "tag:team=payments"),
    info(
        Field::Resource,
        "resource",
        PATTERN,
        "Its resource: the beginning of the name, a pattern of all of it, or the whole identifier",
        "resource:web-",
    ),
    info(Field::Cve, "cve", ANY_TEXT, "Which of several failures it is, such as a flaw", "cve:CVE-2031-0001"),
    info(Field::Path, "path", Shape::Choice(&["yes", "no"]), "Whether its fix cuts an attack path", "path:yes"),
];

impl Field {
    /// The field's line of the table.
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        FIELDS.iter().find(|info| info.field == self).unwrap_or(&FIELDS[0])
    }

    /// Why it says nothing lasting of a finding, so that an exception cannot be made of it; none where it does.
    #[must_use]
    pub fn passing(self) -> Option<&'static str> {
        match self {
            Self::State | Self::Stage => Some("where its work stands"),
            Self::Age | Self::Due | Self::Overdue => Some("what changes as time goes by"),
            Self::Owner | Self::Team | Self::Unassigned => Some("whose work it is, which others change"),
            Self::Path => Some("how other findings stand, which changes with these"),
            Self::Severity
            | Self::Key
            | Self::Exposure
            | Self::Criticality
            | Self::Likelihood
            | Self::Blast
            | Self::Check
            | Self::Framework
            | Self::Control
            | Self::Source
            | Self::Account
            | Self::Region
            | Self::Kind
            | Self::Namespace
            | Self::Tag
            | Self::Resource
            | Self::Cve => None,
        }
    }

    /// As it is typed.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.info().word
    }

    /// The field of a word, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        FIELDS.iter().find(|info| info.word.eq_ignore_ascii_case(word)).map(|info| info.field)
    }

    /// The values that it has, where these are few.
    #[must_use]
    pub fn values(self) -> &'static [&'static str] {
        match self.info().shape {
            Shape::Choice(values) | Shape::Ordered(values) => values,
            Shape::Text { .. } | Shape::Length { .. } | Shape::Flag => &[],
        }
    }
}

/// The hours of a length of time such as `12h`, `30d` or `2w`.
#[must_use]
pub fn hours(length: &str) -> Option<i64> {
    let unit = length.chars().next_back()?;
    let of = match unit.to_ascii_lowercase() {
        'h' => 1,
        'd' => 24,
        'w' => 168,
        _ => return None,
    };
    let count: u32 = length.strip_suffix(unit)?.parse().ok()?;
    // A century is as good as for ever, and no instant leaves the calendar.
    Some((i64::from(count) * of).min(876_000))
}

/// The word among `words` that is nearest to what was typed, if one is near.
#[must_use]
pub fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = if typed.chars().count() <= 4 { 1 } else { 2 };
    let near = |word: &'a str| {
        let far = distance(&typed, &word.to_lowercase());
        let begins = typed.len() >= 2 && word.to_lowercase().starts_with(&typed);
        (far <= allowed || begins).then_some((if begins { 0 } else { far }, word))
    };
    words.into_iter().filter_map(near).min_by_key(|(far, _)| *far).map(|(_, word)| word)
}

/// How many letters have to be put in, taken away, changed, or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(60).collect(), to.chars().take(60).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.iter().enumerate() {
        let mut next = vec![at + 1];
        for (across, other) in to.iter().enumerate() {
            let cost = usize::from(letter != other);
            let mut least = (row[across] + cost).min(row[across + 1] + 1).min(next[across] + 1);
            let swapped = at > 0 && across > 0 && from[at - 1] == *other && *letter == to[across - 1];
            if swapped {
                least = least.min(before[across - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_in_the_table_once() {
        for info in &FIELDS {
            assert_eq!(Field::parse(info.word), Some(info.field));
            assert_eq!(FIELDS.iter().filter(|other| other.word == info.word || other.field == info.field).count(), 1);
        }
    }

    #[test]
    fn the_nearest_word_is_the_one_that_was_meant() {
        let words = || FIELDS.iter().map(|info| info.word);
        for (typed, meant) in
            [("severty", "severity"), ("exposrue", "exposure"), ("Regoin", "region"), ("crit", "criticality")]
        {
            assert_eq!(nearest(typed, words()), Some(meant));
        }
        assert_eq!(nearest("colour", words()), None);
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!(["12h", "30d", "2w"].map(hours), [Some(12), Some(720), Some(336)]);
        assert_eq!(["", "d", "30", "3x", "-1d", "1é"].map(hours), [None; 6]);
    }
}
