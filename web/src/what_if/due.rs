//! What becomes of due dates: other terms in thought, less what the draft closes.

use super::draft::Draft;
use crate::call::Call;
use crate::error::WebError;
use crate::text;
use crate::triage::settings::{self, TermRow};
use plumbline_core::id::FixId;
use plumbline_store::triage::{self, Forecast, MOST_TAKEN};

/// A number now and then.
pub(super) struct Count {
    pub(super) now: String,
    pub(super) then: String,
    pub(super) moves: bool,
}

impl Count {
    fn of(now: i64, then: i64) -> Self {
        Self { now: text::number(now), then: text::number(then), moves: now != then }
    }
}

/// What is late and soon due of a team.
pub(super) struct DueLine {
    pub(super) team: Option<String>,
    /// Late, due within a week, and within thirty days.
    pub(super) counts: [Count; 3],
}

impl DueLine {
    fn of(row: &Forecast) -> Self {
        Self {
            team: row.team.clone(),
            counts: [
                Count::of(row.late, row.late_then),
                Count::of(row.week, row.week_then),
                Count::of(row.month, row.month_then),
            ],
        }
    }
}

/// What becomes of due dates.
pub(super) struct DueDates {
    pub(super) all: DueLine,
    pub(super) teams: Vec<DueLine>,
    /// So many findings of the draft were looked at and there are more; none where all were.
    pub(super) cut: Option<String>,
}

/// The terms as a form, and what becomes of due dates by them.
pub(super) struct Due {
    pub(super) exposures: Vec<&'static str>,
    pub(super) rows: Vec<TermRow>,
    /// How many terms are not those that hold.
    pub(super) changed: usize,
    pub(super) refused: Option<String>,
    /// None while a term makes no sense, and for an empty draft.
    pub(super) dates: Option<DueDates>,
}

impl Due {
    /// Reads the terms of the draft, of which those that hold anyhow are left out.
    pub(super) async fn read<P>(call: &mut Call<P>, draft: &mut Draft, fixes: &[FixId]) -> Result<Self, WebError> {
        let policy = triage::policy(&mut call.tx).await?;
        let mut typed = settings::fields(&policy);
        draft.days.retain(|name, days| typed.get(name).is_some_and(|holds| holds != days.trim()));
        typed.extend(draft.days.clone());
        let mut due = Self {
            exposures: settings::exposures(),
            rows: settings::rows(&typed),
            changed: draft.days.len(),
            refused: None,
            dates: None,
        };
        match settings::read(&typed) {
            Err(words) => due.refused = Some(words),
            Ok(_) if draft.is_empty() => {}
            Ok(next) => {
                let terms = call.catalogue().terms();
                let taken = triage::taken_off(&mut call.tx, terms, fixes, &draft.exceptions).await?;
                let rows = triage::forecast(&mut call.tx, &next, &taken.findings, call.now).await?;
                due.dates = Some(DueDates::of(&rows, taken.cut));
            }
        }
        Ok(due)
    }
}

impl DueDates {
    fn of(rows: &[Forecast], cut: bool) -> Self {
        let all = rows.iter().fold(Forecast::default(), |sum, row| Forecast {
            team: None,
            late: sum.late + row.late,
            week: sum.week + row.week,
            month: sum.month + row.month,
            late_then: sum.late_then + row.late_then,
            week_then: sum.week_then + row.week_then,
            month_then: sum.month_then + row.month_then,
        });
        Self {
            all: DueLine::of(&all),
            teams: rows.iter().map(DueLine::of).collect(),
            cut: cut.then(|| text::number(MOST_TAKEN)),
        }
    }
}
