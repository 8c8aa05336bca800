//! `docs/CONTENT.md` counts what there is.

use plumbline_core::layer::Layer;
use plumbline_core::verdict::Severity;
use plumbline_policy::check::Check;
use plumbline_policy::{Catalogue, Control, Framework};
use std::collections::BTreeSet;

/// 2804 as "2,804".
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { digits } else { format!("{head},{tail}") }
}

fn layer(layer: Layer, checks: &[&Check]) -> String {
    let of: Vec<&&Check> = checks.iter().filter(|check| check.layer == layer).collect();
    let cases: usize = of.iter().map(|check| check.cases.len()).sum();
    let by_severity = Severity::ALL.map(|one| of.iter().filter(|check| check.severity == one).count().to_string());
    format!("| {} | {} | {} | {} |", layer.title(), of.len(), grouped(cases), by_severity.join(" | "))
}

fn framework(framework: &Framework) -> String {
    let all = framework.controls.len();
    let attested = framework.controls.iter().filter(|control| Control::is_attested(control)).count();
    let checks: BTreeSet<&String> = framework.controls.iter().flat_map(|control| &control.checks).collect();
    let title = format!("{} {}", framework.title, framework.version);
    format!("| {title} | {all} | {} | {attested} | {} |", all - attested, checks.len())
}

#[test]
fn the_page_about_the_content_counts_what_there_is() {
    let catalogue = Catalogue::builtin();
    let checks: Vec<&Check> = catalogue.checks().collect();
    let mut lines: Vec<String> = Layer::ALL
        .into_iter()
        .filter(|one| checks.iter().any(|check| check.layer == *one))
        .map(|one| layer(one, &checks))
        .collect();
    lines.extend(catalogue.frameworks().map(framework));
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONTENT.md")).expect("the page");

    let lacking: Vec<&String> = lines.iter().filter(|line| !page.lines().any(|of_page| of_page == *line)).collect();
    assert!(lacking.is_empty(), "docs/CONTENT.md is to have the lines:\n{lacking:#?}");
}
