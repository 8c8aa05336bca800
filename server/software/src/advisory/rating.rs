//! How severe a flaw is, from whatever its databases say of that.

use super::cvss;
use super::osv::{Advisory, Affected, Measure};
use serde::{Deserialize, Serialize};

/// The four grades of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The grade of a score, as CVSS 3 and 4 divide them. A score of zero, which CVSS calls "none", is low here: there is
    /// an advisory after all.
    #[must_use]
    pub fn of_score(score: f64) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            _ => Self::Low,
        }
    }

    /// The grade of a word that some database uses.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" => Some(Self::Critical),
            "high" | "important" => Some(Self::High),
            "medium" | "moderate" => Some(Self::Medium),
            "low" | "minor" | "negligible" | "unimportant" | "none" => Some(Self::Low),
            _ => None,
        }
    }
}

/// How pressing a distribution finds a flaw in its own package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Debian's `unimportant` (no flaw as the package is used), Ubuntu's `negligible`.
    Unimportant,
    Low,
    Medium,
    High,
    Critical,
    /// Not looked at yet.
    Unassigned,
}

impl Urgency {
    /// Of Debian's urgency or Ubuntu's priority.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim_end_matches('*').trim().to_ascii_lowercase().as_str() {
            "unimportant" | "negligible" => Some(Self::Unimportant),
            "low" => Some(Self::Low),
            "medium" => Some(Self::Medium),
            "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            "not yet assigned" | "untriaged" | "undefined" => Some(Self::Unassigned),
            _ => None,
        }
    }

    fn severity(self) -> Option<Severity> {
        match self {
            Self::Unimportant | Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
            Self::Critical => Some(Severity::Critical),
            Self::Unassigned => None,
        }
    }
}

/// How severe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    pub severity: Severity,
    /// 0.0 to 10.0, where there is a score.
    pub score: Option<f64>,
    /// The CVSS vector of the score.
    pub vector: Option<String>,
    /// False where nobody has rated it; it is then taken as medium.
    pub rated: bool,
}

impl Rating {
    /// What a flaw is taken as that nobody has rated.
    pub const UNRATED: Self = Self { severity: Severity::Medium, score: None, vector: None, rated: false };

    /// Of an advisory as a whole: its newest vector, else its database's word, else the word before a summary's colon
    /// (`Important: thing security update`, as Red Hat and its clones write).
    #[must_use]
    pub fn of(advisory: &Advisory) -> Option<Self> {
        of_measures(&advisory.severity)
            .or_else(|| of_word(advisory.word.as_deref()?))
            .or_else(|| of_word(advisory.summary.split_once(':')?.0))
    }

    /// Of one package, where the advisory rates it apart. A notice that tells of no flaw is low unless it is rated.
    #[must_use]
    pub fn of_affected(affected: &Affected) -> Option<Self> {
        of_measures(&affected.severity)
            .or_else(|| of_word(affected.word.as_deref()?))
            .or_else(|| affected.informational.as_ref().map(|_| Self { severity: Severity::Low, ..Self::UNRATED }))
    }

    /// Of a distribution's urgency.
    #[must_use]
    pub fn of_urgency(urgency: Urgency) -> Option<Self> {
        urgency.severity().map(Self::of_severity)
    }

    fn of_severity(severity: Severity) -> Self {
        Self { severity, score: None, vector: None, rated: true }
    }

    fn of_score(score: f64, vector: Option<&str>) -> Self {
        let vector = vector.map(str::to_owned);
        Self { severity: Severity::of_score(score), score: Some(score), vector, rated: true }
    }

    /// What it rests on, the better the greater: the version of the vector, none for a word.
    #[must_use]
    pub fn basis(&self) -> Option<cvss::Version> {
        self.vector.as_deref().and_then(cvss::score).map(|(version, _)| version)
    }
}

/// The newest version of CVSS first, of one version the highest score; then plain scores, then words.
fn of_measures(measures: &[Measure]) -> Option<Rating> {
    let scored = measures.iter().filter_map(|one| cvss::score(&one.score).map(|score| (score, one)));
    let best = scored.max_by(|((a, x), _), ((b, y), _)| a.cmp(b).then(x.total_cmp(y)));
    best.map(|((_, score), measure)| Rating::of_score(score, Some(&measure.score)))
        .or_else(|| measures.iter().find_map(of_number))
        .or_else(|| measures.iter().find_map(|measure| of_word(&measure.score)))
}

fn of_number(measure: &Measure) -> Option<Rating> {
    let score: f64 = measure.score.trim().parse().ok()?;
    (0.0..=10.0).contains(&score).then(|| Rating::of_score(score, None))
}

fn of_word(word: &str) -> Option<Rating> {
    Severity::of_word(word).map(Rating::of_severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "AV:N/AC:L/Au:N/C:C/I:C/A:C";
    const V3: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";
    const V4: &str = "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";

    fn rating(rest: &str) -> Option<Rating> {
        Rating::of(&Advisory::read(format!(r#"{{"id":"X-1",{rest}}}"#).as_bytes()).unwrap())
    }

    fn vectors(vectors: &[&str]) -> String {
        let all: Vec<_> = vectors.iter().map(|one| format!(r#"{{"type":"CVSS","score":"{one}"}}"#)).collect();
        format!(r#""severity":[{}],"database_specific":{{"severity":"LOW"}}"#, all.join(","))
    }

    #[test]
    fn grades_begin_at_nine_seven_and_four() {
        for (score, severity) in [
            (10.0, Severity::Critical),
            (9.0, Severity::Critical),
            (8.9, Severity::High),
            (7.0, Severity::High),
            (6.9, Severity::Medium),
            (4.0, Severity::Medium),
            (3.9, Severity::Low),
            (0.0, Severity::Low),
        ] {
            assert_eq!(Severity::of_score(score), severity, "{score}");
        }
    }

    #[test]
    fn the_newest_vector_counts_however_low_its_score() {
        let best = rating(&vectors(&[V2, V4, V3])).unwrap();
        assert_eq!((best.vector.as_deref(), best.score, best.severity), (Some(V4), Some(7.3), Severity::High));
        assert_eq!(rating(&vectors(&[V3, V2])).unwrap().score, Some(7.5));
        assert_eq!(rating(&vectors(&[V2, "CVSS:4.0/broken"])).unwrap().basis(), Some(cvss::Version::V2));
    }

    #[test]
    fn without_a_vector_the_databases_word_counts() {
        let word = rating(r#""database_specific":{"severity":"MODERATE"}"#).unwrap();
        assert_eq!((word.severity, word.score, word.rated), (Severity::Medium, None, true));
        assert_eq!(rating(r#""summary":"Important: thing security update""#).unwrap().severity, Severity::High);
        assert_eq!(rating(r#""severity":[{"type":"Ubuntu","score":"negligible"}]"#).unwrap().severity, Severity::Low);
        assert_eq!(rating(r#""severity":[{"type":"CVSS_V3","score":"9.1"}]"#).unwrap().severity, Severity::Critical);
    }

    #[test]
    fn what_nobody_rates_has_no_rating() {
        assert_eq!(rating(r#""summary":"Thing: a flaw""#), None);
        assert_eq!(Rating::of_urgency(Urgency::Unassigned), None);
    }

    #[test]
    fn debians_urgencies_are_read_with_their_asterisks() {
        assert_eq!(Urgency::parse("medium**"), Some(Urgency::Medium));
        assert_eq!(Urgency::parse("not yet assigned"), Some(Urgency::Unassigned));
        assert_eq!(Urgency::parse("end-of-life"), None);
        assert_eq!(Rating::of_urgency(Urgency::Unimportant).unwrap().severity, Severity::Low);
    }
}
