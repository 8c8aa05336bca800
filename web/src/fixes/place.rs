//! Why a fix stands where it stands in the recommended order: each part of its place in words, with its number.

use crate::{text, words};
use plumbline_core::risk::order::{GAIN, PATHS};
use plumbline_store::fix::FixRow;

/// One part, as one line.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// How it enters: added, multiplied, and last what it comes to.
    pub(super) number: String,
    pub(super) words: &'static str,
}

/// All parts, and what they come to.
pub(super) fn parts(row: &FixRow, effort: &str) -> Vec<Part> {
    let place = row.place();
    let mut parts = vec![Part {
        name: "Risk that it closes",
        value: text::plural(row.open_findings, "finding"),
        number: format!("{:.1}", place.risk),
        words: "The risks taken together: the worst decides, and sixteen alike count as twice one",
    }];
    if place.paths > 0.0 {
        parts.push(Part {
            name: "Risk of the attack paths that it cuts",
            value: text::plural(row.paths_cut.into(), "path"),
            number: format!("+ {:.1}", PATHS * place.paths),
            words: "Of those that take a step: four alike count as twice one, all for half, as they are made of findings that count already",
        });
    }
    parts.push(Part {
        name: "Gain",
        value: format!("{} points", words::points(place.gain)),
        number: format!("+ {:.1}", GAIN * place.gain),
        words: "The score with it applied, less the score now; five for a point",
    });
    if place.upstream_factor() > 1.0 {
        parts.push(Part {
            name: "Upstream",
            value: if row.upstream { "Rules others".to_owned() } else { text::plural(row.resources, "resource") },
            number: format!("× {}", place.upstream_factor()),
            words: "What is mended here is not made wrong again further down",
        });
    }
    parts.push(Part {
        name: "Work",
        value: words::capital(effort),
        number: format!("× {}", place.ease),
        words: "Little weight: what is urgent is begun first even when it takes days",
    });
    parts.push(Part {
        name: "Place",
        value: "The greater, the sooner".to_owned(),
        number: format!("= {:.1}", row.rank),
        words: "By this number the queue is in its recommended order",
    });
    parts
}
