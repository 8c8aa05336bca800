//! Reckoning a plan, and telling it.

use super::{Wanted, day, working_days};
use crate::error::WebError;
use crate::fixes::FixLine;
use crate::triage::last_date;
use crate::{charts, text};
use chrono::{DateTime, Utc};
use plumbline_core::id::FixId;
use plumbline_core::plan::{Outcome, Plan, Problem, Removal};
use plumbline_core::score::{Control, ControlWeight, Losses, Score, score};
use plumbline_policy::Catalogue;
use plumbline_store::fix::FixRow;
use plumbline_store::plan::{self, Removals};
use plumbline_store::{StoreError, TenantTx, fix, posture};
use std::collections::BTreeMap;

/// How many fixes of a plan a page lists.
const SHOWN: usize = 100;

/// What planning came to.
pub(super) struct Reckoned {
    ids: Vec<FixId>,
    outcome: Outcome,
    /// The unrounded score of the part.
    pub(super) now: f64,
    /// Whether there are more fixes than were considered.
    cut: bool,
}

impl Reckoned {
    pub(super) fn plan(&self) -> Option<&Plan> {
        if let Outcome::Reached(plan) = &self.outcome { Some(plan) } else { None }
    }

    pub(super) fn fixes_of(&self, plan: &Plan) -> Vec<FixId> {
        plan.fixes.iter().map(|at| self.ids[*at]).collect()
    }
}

/// Plans for what is wanted.
pub(super) async fn reckon(tx: &mut TenantTx, catalogue: &Catalogue, wanted: &Wanted) -> Result<Reckoned, WebError> {
    let weighing = catalogue.weighing();
    let controls = wanted.part.controls(&weighing);
    let within = wanted.part.within();
    let losses = plan::losses(tx, &within).await?;
    let checks = wanted.part.checks(&weighing);
    let (removals, cut) = plan::candidates(tx, &within, checks.as_deref(), &weighing).await?;
    let (ids, problem) = problem(controls, &losses, &removals, f64::from(wanted.target));
    // A few thousand fixes take a tenth of a second, which other requests need not wait for.
    let outcome =
        actix_web::web::block(move || problem.solve()).await.map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(Reckoned { ids, outcome, now: score(controls, &losses).0, cut })
}

/// The problem, in terms of controls: a check may stand in several, and a control may take several.
fn problem(controls: &[ControlWeight], losses: &Losses, removals: &Removals, target: f64) -> (Vec<FixId>, Problem) {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, check) in controls.iter().enumerate().flat_map(|(at, c)| c.checks.iter().map(move |check| (at, check))) {
        places.entry(check).or_default().push(at);
    }
    let removal = |of_fix: &Losses| {
        let mut of: BTreeMap<usize, i64> = BTreeMap::new();
        for (check, loss) in of_fix {
            for at in places.get(check.as_str()).into_iter().flatten() {
                *of.entry(*at).or_default() += loss;
            }
        }
        Removal { of: of.into_iter().collect() }
    };
    let loss_of = |control: &ControlWeight| control.checks.iter().filter_map(|check| losses.get(check)).sum();
    let problem = Problem {
        controls: controls.iter().map(|c| Control { weight: c.weight, loss: loss_of(c) }).collect(),
        fixes: removals.values().map(removal).collect(),
        target,
    };
    (removals.keys().copied().collect(), problem)
}

/// Somebody's part of the work.
pub(super) struct Load {
    pub(super) name: String,
    pub(super) fixes: String,
    pub(super) days: String,
}

/// What the page says.
pub(super) struct Answer {
    pub(super) now: String,
    /// The score with the plan done; or with everything done, where the target is out of reach.
    pub(super) then: String,
    pub(super) reached: bool,
    /// How good the answer is, in one sentence.
    pub(super) verdict: String,
    /// What else there is to know.
    pub(super) notes: Vec<String>,
    pub(super) fixes: Vec<FixLine>,
    /// How many more there are than are shown.
    pub(super) more: Option<String>,
    pub(super) work: Option<String>,
    pub(super) loads: Vec<Load>,
}

impl Answer {
    pub(super) async fn of(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        wanted: &Wanted,
        reckoned: &Reckoned,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let mut notes = notes(tx, reckoned.cut).await?;
        let (score, fixes) = match &reckoned.outcome {
            Outcome::Reached(plan) => (plan.score, reckoned.fixes_of(plan)),
            Outcome::OutOfReach { highest } => (*highest, Vec::new()),
        };
        let rows = in_order(fix::these(tx, &fixes).await?, &fixes);
        let due = rows.iter().filter(|row| row.due_at.is_some_and(|due| last_date(due) <= wanted.by)).count();
        if due > 0 {
            notes.push(due_anyway(due));
        }
        Ok(Self {
            now: charts::tenths(reckoned.now),
            then: charts::tenths(score.0),
            reached: reckoned.plan().is_some(),
            verdict: verdict(&reckoned.outcome, wanted.target),
            notes,
            work: (!rows.is_empty()).then(|| work(&rows, catalogue, wanted, now)),
            loads: loads(&rows, catalogue),
            more: (rows.len() > SHOWN).then(|| text::number(count(rows.len() - SHOWN))),
            fixes: rows.iter().take(SHOWN).map(|row| FixLine::at(row, catalogue, now)).collect(),
        })
    }
}

fn due_anyway(due: usize) -> String {
    if due == 1 {
        return "1 of these is due by then anyway.".to_owned();
    }
    format!("{} of these are due by then anyway.", text::number(count(due)))
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// "1 fix", "2 fixes".
pub(super) fn fixes_in_words(of: usize) -> String {
    if of == 1 { "1 fix".to_owned() } else { format!("{} fixes", text::number(count(of))) }
}

fn verdict(outcome: &Outcome, target: i16) -> String {
    match outcome {
        Outcome::Reached(plan) if plan.fixes.is_empty() => format!("The score is {target} or more already."),
        Outcome::Reached(plan) if plan.is_smallest() => {
            format!("{} do it, and no smaller set can.", fixes_in_words(plan.fixes.len()))
                .replace("1 fix do", "1 fix does")
        }
        Outcome::Reached(plan) => format!(
            "{} do it. No set of fewer than {} can, so at most {} too many.",
            fixes_in_words(plan.fixes.len()),
            text::number(count(plan.at_least)),
            text::number(count(plan.fixes.len() - plan.at_least))
        ),
        Outcome::OutOfReach { highest: Score(highest) } => {
            format!(
                "{target} is out of reach: with every fix done that was looked at, the score is {}.",
                charts::tenths(*highest)
            )
        }
    }
}

/// What the score leaves out, and what was left out of the reckoning.
async fn notes(tx: &mut TenantTx, cut: bool) -> Result<Vec<String>, StoreError> {
    let mut notes = Vec::new();
    if cut {
        notes.push(format!(
            "Chosen from the {} fixes that gain most; there are more. The bound holds for those.",
            text::number(plan::MOST)
        ));
    }
    let Some(latest) = posture::latest(tx).await? else { return Ok(notes) };
    if latest.score - latest.gross_score > 0.05 {
        notes.push(format!(
            "Accepted risks do not stand in the way of this score; with them counted, the whole tenant is at {}.",
            charts::tenths(latest.gross_score)
        ));
    }
    let unknown: i64 = posture::check_states(tx).await?.values().map(|state| state.unknown + state.blind_scopes).sum();
    if unknown > 0 {
        notes.push(format!(
            "{} could not be decided, and may turn out to be failures.",
            text::plural(unknown, "verdict or scope").replace("verdict or scopes", "verdicts or scopes")
        ));
    }
    Ok(notes)
}

/// The rows in the order of the plan.
fn in_order(mut rows: Vec<FixRow>, order: &[FixId]) -> Vec<FixRow> {
    let places: BTreeMap<FixId, usize> = order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    rows.sort_by_key(|row| places.get(&FixId(row.fix_id)).copied());
    rows
}

fn days_of<'a>(rows: impl IntoIterator<Item = &'a FixRow>, catalogue: &Catalogue) -> f64 {
    let natures = catalogue.natures();
    rows.into_iter().filter_map(|row| natures.get(&row.fix_key)).map(|nature| nature.effort.days()).sum()
}

fn work(rows: &[FixRow], catalogue: &Catalogue, wanted: &Wanted, now: DateTime<Utc>) -> String {
    let (days, there_are) = (days_of(rows, catalogue), working_days(now, wanted.by));
    let people = people(days, there_are);
    let until = text::plural(there_are, "working day");
    match people {
        _ if there_are == 0 => format!("About {days:.1} days of work, and no working day until {}.", day(wanted.by)),
        1 => format!("About {days:.1} days of work in {until}: one person can do it."),
        _ => format!("About {days:.1} days of work in {until}: it takes {people} people at once."),
    }
}

/// How many people it takes to do so many days of work in so many working days.
fn people(days: f64, there_are: i64) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "some thousand fixes, some hundred days"
    )]
    let people = (days / there_are.max(1) as f64).ceil() as i64;
    people.max(1)
}

/// Whose the fixes are, the greatest load first.
fn loads(rows: &[FixRow], catalogue: &Catalogue) -> Vec<Load> {
    let mut by_owner: BTreeMap<&str, Vec<&FixRow>> = BTreeMap::new();
    for row in rows {
        by_owner.entry(row.owner().unwrap_or_default()).or_default().push(row);
    }
    let mut loads: Vec<(f64, Load)> = by_owner
        .into_iter()
        .map(|(name, rows)| {
            let days = days_of(rows.iter().copied(), catalogue);
            let name = if name.is_empty() { "Nobody yet".to_owned() } else { name.to_owned() };
            (days, Load { name, fixes: fixes_in_words(rows.len()), days: format!("{days:.1} days") })
        })
        .collect();
    loads.sort_by(|a, b| b.0.total_cmp(&a.0));
    loads.into_iter().map(|(_, load)| load).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_core::score::ControlWeight;

    #[test]
    fn a_check_counts_in_each_of_its_controls() {
        let control =
            |checks: &[&str]| ControlWeight { weight: 1.0, checks: checks.iter().map(|c| (*c).to_owned()).collect() };
        let controls = [control(&["a", "b"]), control(&["b"])];
        let losses = Losses::from([("a".to_owned(), 10), ("b".to_owned(), 20), ("elsewhere".to_owned(), 5)]);
        let fix = FixId(uuid::Uuid::from_u128(1));
        let removals = Removals::from([(fix, Losses::from([("b".to_owned(), 15), ("elsewhere".to_owned(), 5)]))]);

        let (ids, problem) = problem(&controls, &losses, &removals, 90.0);

        assert_eq!((ids, problem.controls[0].loss, problem.controls[1].loss), (vec![fix], 30, 20));
        assert_eq!(problem.fixes[0].of, [(0, 15), (1, 15)]);
        assert_eq!(problem.score_with(&[]).0.to_bits(), score(&controls, &losses).0.to_bits());
    }

    #[test]
    fn the_gap_is_said() {
        let of = |fixes: usize, at_least| {
            verdict(&Outcome::Reached(Plan { fixes: (0..fixes).collect(), score: Score(90.0), at_least }), 85)
        };
        assert_eq!(of(12, 11), "12 fixes do it. No set of fewer than 11 can, so at most 1 too many.");
        assert_eq!(of(3, 3), "3 fixes do it, and no smaller set can.");
        assert_eq!(of(1, 1), "1 fix does it, and no smaller set can.");
    }

    #[test]
    fn one_is_told_in_the_singular() {
        assert_eq!(due_anyway(1), "1 of these is due by then anyway.");
        assert_eq!(due_anyway(1200), "1,200 of these are due by then anyway.");
    }

    #[test]
    fn work_that_does_not_fit_takes_more_people() {
        assert_eq!([people(0.1, 5), people(5.0, 5), people(5.1, 5), people(3.0, 0)], [1, 1, 2, 3]);
    }
}
