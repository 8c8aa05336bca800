//! Whether a control holds: the AND of its checks, or what a person states.

use crate::text;
use chrono::{DateTime, Utc};
use plumbline_policy::Control;
use plumbline_store::attestation::Attestation;
use plumbline_store::posture::CheckState;
use std::collections::BTreeMap;

/// How a control stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlState {
    Failing,
    /// A person states that it does not hold.
    StatedFailing,
    /// Something that it takes could not be read. Never a pass.
    Unknown,
    /// Only a person can say, and nobody has, or what was said is out of date. Not a failure.
    ToBeAttested,
    Passing,
    /// A person states that it holds.
    Attested,
    /// There is nothing to judge.
    NotApplicable,
}

impl ControlState {
    /// Worst first.
    pub(crate) const ALL: [Self; 7] = [
        Self::Failing,
        Self::StatedFailing,
        Self::Unknown,
        Self::ToBeAttested,
        Self::Passing,
        Self::Attested,
        Self::NotApplicable,
    ];

    pub(crate) fn of(
        control: &Control,
        checks: &BTreeMap<String, CheckState>,
        stated: Option<&Attestation>,
        now: DateTime<Utc>,
    ) -> Self {
        if control.is_attested() {
            return match stated.filter(|stated| stated.in_force(now)) {
                Some(stated) if stated.holds => Self::Attested,
                Some(_) => Self::StatedFailing,
                None => Self::ToBeAttested,
            };
        }
        let states = || control.checks.iter().filter_map(|id| checks.get(id));
        if states().any(|state| state.failed > 0) {
            Self::Failing
        } else if states().any(|state| state.unknown > 0 || state.blind_scopes > 0) {
            Self::Unknown
        } else if states().any(|state| state.passed > 0) {
            Self::Passing
        } else {
            Self::NotApplicable
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Failing => "Failing",
            Self::StatedFailing => "Stated not to hold",
            Self::Unknown => "Unknown",
            Self::ToBeAttested => "To be attested",
            Self::Passing => "Passing",
            Self::Attested => "Attested",
            Self::NotApplicable => "Nothing to judge",
        }
    }

    /// The word in exports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::StatedFailing => "stated_failing",
            Self::Unknown => "unknown",
            Self::ToBeAttested => "to_be_attested",
            Self::Passing => "passing",
            Self::Attested => "attested",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// The class that colours it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Failing | Self::StatedFailing => "is-fail",
            Self::Unknown => "is-unknown",
            Self::ToBeAttested => "is-warning",
            Self::Passing | Self::Attested => "is-pass",
            Self::NotApplicable => "is-not_applicable",
        }
    }
}

/// What stands behind the state of a control, in words.
pub(crate) fn detail(control: &Control, checks: &BTreeMap<String, CheckState>) -> String {
    if control.is_attested() {
        return "Stated by a person".to_owned();
    }
    let mut sum = CheckState::default();
    for state in control.checks.iter().filter_map(|id| checks.get(id)) {
        sum.failed += state.failed;
        sum.unknown += state.unknown;
        sum.passed += state.passed;
        sum.blind_scopes += state.blind_scopes;
    }
    let part = |count: i64, word: &str| (count > 0).then(|| format!("{} {word}", text::number(count)));
    let parts: Vec<String> = [
        part(sum.failed, "fail"),
        part(sum.unknown, "unknown"),
        (sum.blind_scopes > 0).then(|| format!("{} not read", text::plural(sum.blind_scopes, "scope"))),
        part(sum.passed, "pass"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        text::plural(i64::try_from(control.checks.len()).unwrap_or(0), "check")
    } else {
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(checks: &[&str]) -> Control {
        Control {
            id: "1".to_owned(),
            section: String::new(),
            title: String::new(),
            level: String::new(),
            assessment: "automated".to_owned(),
            checks: checks.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    fn states(all: &[(&str, CheckState)]) -> BTreeMap<String, CheckState> {
        all.iter().map(|(id, state)| ((*id).to_owned(), state.clone())).collect()
    }

    fn state_of(checks: &[&str], all: &[(&str, CheckState)]) -> ControlState {
        ControlState::of(&control(checks), &states(all), None, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_control_fails_when_one_of_its_checks_does() {
        let (pass, fail) =
            (CheckState { passed: 9, ..Default::default() }, CheckState { failed: 1, ..Default::default() });
        assert_eq!(state_of(&["a", "b"], &[("a", pass), ("b", fail)]), ControlState::Failing);
    }

    #[test]
    fn what_was_not_read_is_unknown_and_never_a_pass() {
        let blind = CheckState { passed: 9, blind_scopes: 1, ..Default::default() };
        assert_eq!(state_of(&["a"], &[("a", blind)]), ControlState::Unknown);
        let unknown = CheckState { passed: 9, unknown: 1, ..Default::default() };
        assert_eq!(state_of(&["a"], &[("a", unknown)]), ControlState::Unknown);
    }

    #[test]
    fn without_anything_to_judge_it_neither_passes_nor_fails() {
        assert_eq!(state_of(&["a"], &[]), ControlState::NotApplicable);
    }

    #[test]
    fn a_manual_control_waits_for_a_person_and_is_no_failure() {
        assert_eq!(state_of(&[], &[]), ControlState::ToBeAttested);
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(10);
        let stated = |holds, days| Attestation {
            framework_id: String::new(),
            control_id: "1".to_owned(),
            attested_at: DateTime::UNIX_EPOCH,
            holds,
            statement: String::new(),
            person: None,
            expires_at: DateTime::UNIX_EPOCH + chrono::TimeDelta::days(days),
            withdrawn_at: None,
        };
        let of = |stated| ControlState::of(&control(&[]), &BTreeMap::new(), Some(&stated), now);
        assert_eq!(of(stated(true, 11)), ControlState::Attested);
        assert_eq!(of(stated(false, 11)), ControlState::StatedFailing);
        assert_eq!(of(stated(true, 10)), ControlState::ToBeAttested);
    }
}
