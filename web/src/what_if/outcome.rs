//! What becomes of everything once a draft is done: reckoned from summaries alone.

use crate::charts;
use crate::compliance::{ControlState, control_href};
use crate::{text, words};
use chrono::DateTime;
use plumbline_core::layer::Layer;
use plumbline_core::score::{Losses, Weighing, score};
use plumbline_policy::{Catalogue, Control, Framework};
use plumbline_store::exception::Thought;
use plumbline_store::plan::{MOST_OVERDUE, Removals};
use plumbline_store::posture::CheckState;
use std::collections::BTreeMap;

/// Controls of a framework that are named.
const NAMED: usize = 12;

/// What a draft takes from checks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// By fixes: of the net and the gross loss alike.
    fixed: Losses,
    /// By fixes and exceptions together, of the net loss.
    net: Losses,
}

impl Taken {
    pub(super) fn of(removals: &Removals, thought: &Thought) -> Self {
        let fixed = fixed(removals);
        let mut net = fixed.clone();
        for (check, loss) in &thought.taken {
            *net.entry(check.clone()).or_default() += loss;
        }
        Self { fixed, net }
    }
}

/// What fixes take of each check.
pub(super) fn fixed(removals: &Removals) -> Losses {
    let mut fixed = Losses::new();
    for (check, loss) in removals.values().flatten() {
        *fixed.entry(check.clone()).or_default() += loss;
    }
    fixed
}

/// A score now and then.
pub(super) struct Move {
    pub(super) title: String,
    pub(super) now: String,
    pub(super) then: String,
    pub(super) delta: String,
    pub(super) moves: bool,
}

impl Move {
    fn of(title: impl Into<String>, now: f64, then: f64) -> Self {
        Self {
            title: title.into(),
            now: charts::tenths(now),
            then: charts::tenths(then),
            delta: words::points(then - now),
            moves: (then - now).abs() > 0.000_05,
        }
    }
}

pub(super) struct ControlLink {
    pub(super) href: String,
    pub(super) id: String,
    pub(super) title: String,
}

/// What becomes of a framework.
pub(super) struct OfFramework {
    pub(super) score: Move,
    /// Controls that hold then and do not now.
    pub(super) turned: Vec<ControlLink>,
    pub(super) more: Option<String>,
}

/// What becomes of everything.
pub(super) struct Outcome {
    pub(super) net: Move,
    pub(super) gross: Move,
    pub(super) layers: Vec<Move>,
    pub(super) frameworks: Vec<OfFramework>,
    /// Overdue findings that are none any more.
    pub(super) overdue: String,
    /// Whether the target is reached then; none without one.
    pub(super) target: Option<(i32, bool)>,
}

impl Outcome {
    pub(super) fn of(
        catalogue: &Catalogue,
        states: &BTreeMap<String, CheckState>,
        taken: &Taken,
        overdue: i64,
        target: Option<i32>,
    ) -> Self {
        let weighing = catalogue.weighing();
        let net: Losses = states.iter().map(|(id, state)| (id.clone(), state.net_loss)).collect();
        let gross: Losses = states.iter().map(|(id, state)| (id.clone(), state.loss)).collect();
        let (net_then, gross_then) = (less(&net, &taken.net), less(&gross, &taken.fixed));
        let whole = |losses: &Losses| score(&weighing.whole, losses).0;
        let then = mended(states, &gross_then);
        Self {
            net: Move::of("Score", whole(&net), whole(&net_then)),
            gross: Move::of("Gross", whole(&gross), whole(&gross_then)),
            layers: layers(&weighing, &net, &net_then),
            frameworks: catalogue
                .frameworks()
                .map(|framework| framework_of(framework, &weighing, (&net, &net_then), (states, &then)))
                .filter(|framework| framework.score.moves || !framework.turned.is_empty())
                .collect(),
            overdue: if overdue >= MOST_OVERDUE {
                format!("{} or more", text::number(MOST_OVERDUE))
            } else {
                text::number(overdue)
            },
            target: target.map(|target| (target, charts::whole(whole(&net_then)) >= target)),
        }
    }
}

fn less(losses: &Losses, taken: &Losses) -> Losses {
    let left = |check: &str, loss: i64| (loss - taken.get(check).copied().unwrap_or(0)).max(0);
    losses.iter().map(|(check, loss)| (check.clone(), left(check, *loss))).collect()
}

/// The checks as they stand when nothing is open of those that lost all.
fn mended(states: &BTreeMap<String, CheckState>, gross_then: &Losses) -> BTreeMap<String, CheckState> {
    let of = |state: &CheckState| match gross_then.get(&state.check_id) {
        Some(0) if state.failed > 0 && state.loss > 0 => {
            CheckState { passed: state.passed + state.failed, failed: 0, ..state.clone() }
        }
        _ => state.clone(),
    };
    states.iter().map(|(id, state)| (id.clone(), of(state))).collect()
}

fn layers(weighing: &Weighing, net: &Losses, then: &Losses) -> Vec<Move> {
    let of = |layer: Layer| {
        let controls = weighing.parts.get(&format!("layer:{}", layer.as_str()))?;
        Some(Move::of(words::layer(layer), score(controls, net).0, score(controls, then).0))
    };
    Layer::ALL.into_iter().filter_map(of).collect()
}

/// Whether the checks of a control let it hold; what people state does not count.
fn stands(control: &Control, checks: &BTreeMap<String, CheckState>) -> ControlState {
    ControlState::of(control, checks, None, DateTime::UNIX_EPOCH)
}

fn framework_of(
    framework: &Framework,
    weighing: &Weighing,
    net: (&Losses, &Losses),
    states: (&BTreeMap<String, CheckState>, &BTreeMap<String, CheckState>),
) -> OfFramework {
    let controls = weighing.parts.get(&format!("framework:{}", framework.id)).map_or(&[][..], Vec::as_slice);
    let mut turned: Vec<ControlLink> = framework
        .controls
        .iter()
        .filter(|control| !control.is_attested() && stands(control, states.0) == ControlState::Failing)
        .filter(|control| stands(control, states.1) == ControlState::Passing)
        .map(|control| ControlLink {
            href: control_href(&framework.id, &control.id),
            id: control.id.clone(),
            title: control.title.clone(),
        })
        .collect();
    let more = turned.len().saturating_sub(NAMED);
    turned.truncate(NAMED);
    OfFramework {
        score: Move::of(
            format!("{} {}", framework.title, framework.version),
            score(controls, net.0).0,
            score(controls, net.1).0,
        ),
        turned,
        more: (more > 0).then(|| text::number(i64::try_from(more).unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_core::id::FixId;

    fn state(id: &str, loss: i64, net_loss: i64) -> (String, CheckState) {
        (id.to_owned(), CheckState { check_id: id.to_owned(), loss, net_loss, failed: 1, ..CheckState::default() })
    }

    #[test]
    fn exceptions_take_of_the_net_loss_alone() {
        let of = |loss| Losses::from([("a".to_owned(), loss)]);
        let removals = Removals::from([(FixId(uuid::Uuid::nil()), of(400))]);
        let taken = Taken::of(&removals, &Thought { taken: of(300), ..Thought::default() });
        assert_eq!((taken.net["a"], taken.fixed["a"]), (700, 400));
    }

    #[test]
    fn only_what_is_mended_lets_a_control_hold() {
        let states = BTreeMap::from([state("a", 1000, 0), state("b", 500, 500)]);
        let then = mended(&states, &Losses::from([("a".to_owned(), 1000), ("b".to_owned(), 0)]));
        assert_eq!((then["a"].failed, then["b"].failed, then["b"].passed), (1, 0, 1));
    }
}
