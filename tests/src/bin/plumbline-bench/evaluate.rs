//! Verdicts a second: resources made of the checks' own cases, judged by every check of their kind.

use crate::table::{Table, number, per_second};
use plumbline_policy::check::{Case, CaseResource};
use plumbline_policy::engine::Compiled;
use plumbline_policy::{Catalogue, Evaluator, Related, Subject};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: &str = "2026-01-15T12:00:00Z";

/// A kind with what its resources may look like.
struct Kind {
    checks: Vec<Arc<Compiled>>,
    /// What is around a resource, by check.
    around: Vec<BTreeMap<String, Vec<Subject>>>,
    resources: Vec<Subject>,
}

pub(crate) fn measure(table: &mut Table, resources: usize) -> anyhow::Result<()> {
    let catalogue = Catalogue::builtin();
    let kinds = kinds(catalogue);
    let work: Vec<(&Kind, usize)> = (0..resources).map(|n| (&kinds[n % kinds.len()], n / kinds.len())).collect();
    let verdicts: usize = work.iter().map(|(kind, _)| kind.checks.len()).sum();
    judge(&work[..work.len() / 10], true);
    let size = format!("{} resources of {} kinds", number(per_second(resources, Duration::from_secs(1))), kinds.len());
    for (alike, remembers) in [("alike as the checks' cases are", true), ("every rule run on every one", false)] {
        let one = timed(|| {
            judge(&work, remembers);
            Ok(())
        })?;
        let two = timed(|| on_two_threads(&work, remembers))?;
        for (threads, took) in [("one thread", one), ("two threads", two)] {
            let words = format!("{} verdicts/s", number(per_second(verdicts, took)));
            table.row("evaluate", format!("{size}, {alike}: {threads}"), words);
        }
    }
    Ok(())
}

/// Every other one on another thread, so that both get the same mixture.
fn on_two_threads(work: &[(&Kind, usize)], remembers: bool) -> anyhow::Result<()> {
    let halves: [Vec<_>; 2] = [0, 1].map(|odd| work.iter().skip(odd).step_by(2).copied().collect());
    std::thread::scope(|threads| {
        let other = threads.spawn(|| judge(&halves[0], remembers));
        judge(&halves[1], remembers);
        other.join().map(drop).map_err(|_| anyhow::anyhow!("an evaluator panicked"))
    })
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

/// As the worker does it: a resource becomes a subject once, and every check of its kind looks at it.
fn judge(work: &[(&Kind, usize)], remembers: bool) -> usize {
    let mut evaluator = Evaluator::new();
    let mut failed = 0;
    for (kind, number) in work {
        if !remembers {
            evaluator.forget();
        }
        let one = &kind.resources[number % kind.resources.len()];
        // A stored resource comes without facts and without an input made for the engine.
        let subject = Subject { input: plumbline_policy::engine::Input::default(), ..one.clone() }.with_facts();
        for (compiled, around) in kind.checks.iter().zip(&kind.around) {
            let related = around
                .iter()
                .map(|(name, subjects)| {
                    (name.clone(), Related { resources: subjects.iter().collect(), blind: Vec::new() })
                })
                .collect();
            let decision = evaluator.evaluate(compiled, &subject, &related, NOW);
            failed += usize::from(decision.verdict == plumbline_core::verdict::Verdict::Fail);
        }
    }
    failed
}

fn kinds(catalogue: &Catalogue) -> Vec<Kind> {
    let mut names: Vec<&str> = catalogue.checks().map(|check| check.resource.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| kind(catalogue, name)).collect()
}

fn kind(catalogue: &Catalogue, name: &str) -> Kind {
    let checks = catalogue.for_kind(name).to_vec();
    let cases: Vec<&Case> = checks.iter().flat_map(|compiled| &compiled.check.cases).collect();
    // What no case says is there as null: read, and there is none.
    let mut everything: Map<String, Value> = Map::new();
    for compiled in &checks {
        everything.extend(compiled.check.needs.iter().map(|need| (need.clone(), Value::Null)));
    }
    for case in &cases {
        everything.extend(case.resource.attributes.clone());
    }
    let resources = cases.iter().enumerate().map(|(number, case)| {
        let mut attributes = everything.clone();
        attributes.extend(case.resource.attributes.clone());
        subject(name, &case.resource, attributes, number)
    });
    let around = checks.iter().map(|compiled| {
        let case = compiled.check.cases.iter().find(|case| case.blind.is_empty());
        let mut around = BTreeMap::new();
        for (relation, of) in &compiled.check.related {
            let cases = case.and_then(|case| case.related.get(relation)).map_or(&[][..], Vec::as_slice);
            let made = cases.iter().enumerate().map(|(number, case)| {
                let mut attributes: Map<String, Value> =
                    of.needs.iter().map(|need| (need.clone(), Value::Null)).collect();
                attributes.extend(case.attributes.clone());
                subject(&of.kind, case, attributes, number)
            });
            around.insert(relation.clone(), made.collect());
        }
        around
    });
    Kind { resources: resources.collect(), around: around.collect(), checks }
}

fn subject(kind: &str, case: &CaseResource, attributes: Map<String, Value>, number: usize) -> Subject {
    let uid = case.uid.clone().unwrap_or_else(|| format!("bench:{kind}:{number}"));
    Subject {
        kind: kind.to_owned(),
        name: uid.clone(),
        uid,
        account: case.account.clone().unwrap_or_else(|| "111122223333".to_owned()),
        region: case.region.clone().unwrap_or_else(|| "eu-west-1".to_owned()),
        tags: case.tags.clone(),
        attributes,
        ..Subject::default()
    }
    .with_facts()
}
