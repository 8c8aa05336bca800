//! One line of a list of findings.

use crate::triage::last_day;
use crate::{text, words};
use chrono::{DateTime, Utc};
use plumbline_policy::Catalogue;
use plumbline_store::finding::FindingRow;
use plumbline_store::triage::Team;

/// One finding in a list.
pub(crate) struct FindingLine {
    pub(crate) id: String,
    pub(crate) risk: i16,
    pub(crate) severity: String,
    /// Where its work stands.
    pub(crate) stage: String,
    pub(crate) stage_words: String,
    /// Which of several failures of the check this is, such as a flaw; empty where there is one.
    pub(crate) subject: String,
    pub(crate) title: String,
    pub(crate) resource: String,
    pub(crate) kind: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// Reachable from the internet.
    pub(crate) exposed: bool,
    /// What the business depends on.
    pub(crate) critical: bool,
    /// How likely somebody uses it, where that is worth a word.
    pub(crate) likelihood: Option<&'static str>,
    pub(crate) owner: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) due: Option<Due>,
    pub(crate) opened: String,
    pub(crate) opened_at: String,
    pub(crate) state: String,
}

/// By when a finding is to be fixed.
pub(crate) struct Due {
    pub(crate) day: String,
    pub(crate) at: String,
    /// Its date has passed.
    pub(crate) over: bool,
}

impl Due {
    fn of(row: &FindingRow, now: DateTime<Utc>) -> Option<Self> {
        let at = row.due_at.filter(|_| row.state == "open")?;
        Some(Self { day: last_day(at), at: text::when(at), over: at <= now })
    }
}

impl FindingLine {
    pub(crate) fn of(row: &FindingRow, catalogue: &Catalogue, now: DateTime<Utc>) -> Self {
        Self {
            id: row.finding_id.to_string(),
            risk: row.risk,
            severity: row.severity.clone(),
            stage: row.stage.clone(),
            stage_words: row.stage.replace('_', " "),
            subject: words::subject(&row.subject),
            title: words::check(catalogue, &row.check_id).to_owned(),
            resource: row.resource_name.clone(),
            kind: words::kind(&row.resource_kind).to_owned(),
            account: row.account.clone(),
            region: row.region.clone(),
            exposed: row.exposure == "internet",
            critical: row.criticality == "high",
            likelihood: match row.likelihood.as_str() {
                "exploited" => Some("exploited"),
                "likely" => Some("likely exploited"),
                _ => None,
            },
            owner: row.assignee.clone(),
            team: None,
            due: Due::of(row, now),
            opened: text::ago(row.opened_at, now),
            opened_at: text::when(row.opened_at),
            state: row.state.clone(),
        }
    }

    /// With the name of the team whose it is.
    pub(super) fn of_team(mut self, row: &FindingRow, teams: &[Team]) -> Self {
        self.team = teams.iter().find(|team| Some(team.team_id) == row.team_id).map(|team| team.name.clone());
        self
    }
}
