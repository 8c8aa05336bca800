//! How the parts stand: each framework and source, with what is not known of it.

use crate::charts;
use crate::part::Part;
use plumbline_policy::Catalogue;
use plumbline_store::posture::{PartStanding, Posture};
use plumbline_store::source::SourceName;

/// How many sources and how many groups the page lists; the worst first.
const MOST: usize = 25;

/// One part, as a row.
pub(super) struct PartLine {
    pub(super) title: String,
    pub(super) href: String,
    pub(super) sort: &'static str,
    pub(super) standing: Standing,
}

/// How something stands, as shown: scores rounded down.
pub(super) struct Standing {
    pub(super) score: i32,
    /// With accepted risk counted.
    pub(super) gross: Option<i32>,
    /// If everything that is unknown failed.
    pub(super) bound: Option<i32>,
    pub(super) coverage: Option<i32>,
}

impl Standing {
    pub(super) fn of(standing: &PartStanding) -> Self {
        Self {
            score: charts::whole(standing.score),
            gross: standing.gross.map(charts::whole),
            bound: standing.bound.map(charts::whole),
            coverage: standing.coverage.map(charts::percent),
        }
    }
}

/// The frameworks that anything is judged for, and the groups and sources that stand worst.
pub(super) fn lines(posture: &Posture, catalogue: &Catalogue, sources: &[SourceName]) -> Vec<PartLine> {
    let parts = Part::all(catalogue, sources);
    let frameworks = parts.iter().filter_map(|part| match part {
        Part::Framework(id) => {
            line(posture, &part.word(), "Framework", format!("/compliance/{id}"), || part.title(catalogue, sources))
        }
        _ => None,
    });
    let of_sources = parts.iter().filter_map(|part| match part {
        Part::Source(_) => line(posture, &part.word(), "Source", part.href(), || part.title(catalogue, sources)),
        _ => None,
    });
    let groups = Part::groups(posture)
        .filter_map(|part| line(posture, &part.word(), "Group", part.href(), || part.title(catalogue, sources)));
    let judged = frameworks.filter(|(_, line)| line.standing.coverage.is_some());
    let mut lines = worst(judged.collect(), usize::MAX);
    lines.extend(worst(groups.collect(), MOST));
    lines.extend(worst(of_sources.collect(), MOST));
    lines
}

fn line(
    posture: &Posture,
    name: &str,
    sort: &'static str,
    href: String,
    title: impl FnOnce() -> String,
) -> Option<(f64, PartLine)> {
    let standing = posture.standing(name)?;
    Some((standing.score, PartLine { title: title(), href, sort, standing: Standing::of(&standing) }))
}

fn worst(mut lines: Vec<(f64, PartLine)>, most: usize) -> Vec<PartLine> {
    lines.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    lines.into_iter().take(most).map(|(_, line)| line).collect()
}
