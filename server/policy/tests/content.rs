//! Walks the content: every check file is well-formed, its cases hold, and every reference resolves.
//!
//! `PLUMBLINE_CHECKS=s3` limits the cases to check ids that contain the word, while writing them.

use plumbline_core::kind::Kinds;
use plumbline_core::verdict::Verdict;
use plumbline_policy::check::{Case, CaseResource, Check};
use plumbline_policy::{Catalogue, Decision, Evaluator, Missing, Related, Subject};
use std::collections::BTreeMap;

const NOW: &str = "2026-01-15T12:00:00Z";

fn catalogue() -> Catalogue {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    Catalogue::from_folder(folder).unwrap_or_else(|error| panic!("{error}"))
}

/// Read from disk, so that writing a check needs no rebuild.
fn kinds() -> Kinds {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/kinds");
    let files: Vec<(String, String)> = entries(std::path::Path::new(folder))
        .iter()
        .flat_map(|provider| entries(provider))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a readable file")))
        .collect();
    Kinds::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).expect("a valid catalogue")
}

fn entries(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the kind catalogue");
    entries.map(|entry| entry.expect("an entry of it").path()).collect()
}

/// A case names what matters; what else the check needs is there as null: read, and there is none.
fn subject(kind: &str, resource: &CaseResource, needs: &[String], number: usize) -> Subject {
    let mut attributes = resource.attributes.clone();
    for need in needs.iter().filter(|need| !resource.unread.contains(*need)) {
        attributes.entry(need.clone()).or_insert(serde_json::Value::Null);
    }
    let uid = resource.uid.clone().unwrap_or_else(|| format!("case:{kind}:{number}"));
    let mut subject = Subject {
        kind: kind.to_owned(),
        name: uid.clone(),
        uid,
        account: resource.account.clone().unwrap_or_else(|| "111122223333".to_owned()),
        region: resource.region.clone().unwrap_or_else(|| "eu-west-1".to_owned()),
        tags: resource.tags.clone(),
        attributes,
        unread: resource.unread.iter().map(|a| (a.clone(), missing(a))).collect(),
        ..Subject::default()
    }
    .with_facts();
    subject.facts.extend(resource.facts.clone());
    subject
}

fn missing(what: &str) -> Missing {
    Missing { what: what.to_owned(), permission: format!("read:{what}"), detail: "AccessDenied".to_owned() }
}

fn decide(evaluator: &mut Evaluator, catalogue: &Catalogue, check: &Check, case: &Case) -> Result<Decision, String> {
    let judged = subject(&check.resource, &case.resource, &check.needs, 0);
    let mut seen: BTreeMap<&str, Vec<Subject>> = BTreeMap::new();
    for (name, relation) in &check.related {
        let resources = case.related.get(name).map_or(&[][..], Vec::as_slice);
        let subjects =
            resources.iter().enumerate().map(|(n, r)| subject(&relation.kind, r, &relation.needs, n + 1)).collect();
        seen.insert(name, subjects);
    }
    let related = seen
        .iter()
        .map(|(name, subjects)| {
            let blind = if case.blind.contains(*name) { vec![missing(name)] } else { Vec::new() };
            ((*name).to_owned(), Related { resources: subjects.iter().collect(), blind })
        })
        .collect();
    let compiled = catalogue.compiled(&check.id).ok_or("not compiled")?;
    let now = case.now.as_deref().unwrap_or(NOW);
    Ok(evaluator.evaluate(compiled, &judged, &related, now))
}

fn run(catalogue: &Catalogue, check: &Check, case: &Case) -> Result<(), String> {
    let decision = decide(&mut Evaluator::new(), catalogue, check, case)?;
    if decision.verdict == case.expect {
        return Ok(());
    }
    Err(format!(
        "{}: case \"{}\": expected {}, got {} ({}) {}",
        check.id,
        case.name,
        case.expect.as_str(),
        decision.verdict.as_str(),
        decision.message,
        decision.observed
    ))
}

/// An evaluator that has seen other resources says what one says that has seen none.
#[test]
fn what_is_remembered_is_what_would_be_said() {
    let catalogue = catalogue();
    let mut evaluator = Evaluator::new();
    for check in catalogue.checks() {
        for case in check.cases.iter().chain(&check.cases) {
            let remembered = decide(&mut evaluator, &catalogue, check, case);
            let anew = decide(&mut Evaluator::new(), &catalogue, check, case);
            assert_eq!(remembered, anew, "{}: {}", check.id, case.name);
        }
    }
}

#[test]
fn every_case_holds() {
    let catalogue = catalogue();
    let wanted = std::env::var("PLUMBLINE_CHECKS").unwrap_or_default();
    let wrong: Vec<String> = catalogue
        .checks()
        .filter(|check| check.id.contains(&wanted))
        .flat_map(|check| check.cases.iter().filter_map(|case| run(&catalogue, check, case).err()))
        .collect();
    assert!(wrong.is_empty(), "{} cases do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_check_shows_a_pass_a_fail_and_an_unknown() {
    let catalogue = catalogue();
    let lacking: Vec<String> = catalogue
        .checks()
        .flat_map(|check| {
            [Verdict::Pass, Verdict::Fail, Verdict::Unknown]
                .into_iter()
                .filter(|verdict| !check.cases.iter().any(|case| case.expect == *verdict))
                .map(|verdict| format!("{} has no case that is {}", check.id, verdict.as_str()))
        })
        .collect();
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

/// Either something was not read, or the rule itself says that what it looks at tells nothing. A rule that reached no
/// verdict is neither.
#[test]
fn every_unknown_says_what_is_not_known() {
    let catalogue = catalogue();
    let cases = catalogue.checks().flat_map(|check| check.cases.iter().map(move |case| (check, case)));
    let wrong: Vec<String> = cases
        .filter(|(_, case)| case.expect == Verdict::Unknown)
        .filter_map(|(check, case)| {
            let decision = decide(&mut Evaluator::new(), &catalogue, check, case)
                .unwrap_or_else(|error| panic!("{}: {error}", check.id));
            let hides = !decision.missing.is_empty();
            let says = !decision.message.is_empty() && !decision.message.starts_with("The rule did not decide");
            (!hides && !says).then(|| format!("{}: case \"{}\" does not say what is missing", check.id, case.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A failure that is told apart has its fix among those of the catalogue, or nobody could say what that fix is.
#[test]
fn every_fix_that_a_failure_names_is_of_some_check() {
    let catalogue = catalogue();
    let cases = catalogue.checks().flat_map(|check| check.cases.iter().map(move |case| (check, case)));
    let mut wrong = Vec::new();
    for (check, case) in cases.filter(|(_, case)| case.expect == Verdict::Fail) {
        let decision = decide(&mut Evaluator::new(), &catalogue, check, case)
            .unwrap_or_else(|error| panic!("{}: {error}", check.id));
        let keys = decision.failures.iter().filter_map(|failure| failure.fix_key.as_deref());
        wrong.extend(
            keys.filter(|key| catalogue.fix(key).is_none()).map(|key| format!("{}: no check has {key}", check.id)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_and_attribute_that_a_check_names_is_collected() {
    let catalogue = catalogue();
    let kinds = kinds();
    let mut wrong = Vec::new();
    for check in catalogue.checks() {
        let own = std::iter::once((check.resource.as_str(), &check.needs));
        let related = check.related.values().map(|r| (r.kind.as_str(), &r.needs));
        for (name, needs) in own.chain(related) {
            let Some(kind) = kinds.get(name) else {
                wrong.push(format!("{}: no collector reads {name}", check.id));
                continue;
            };
            for need in needs {
                if kind.permission_for(need).is_none() {
                    wrong.push(format!("{}: {name} has no attribute {need}", check.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A step of an attack path is looked for where it can be: containers are left, identities administer.
#[test]
fn what_a_check_opens_fits_what_it_judges() {
    use plumbline_core::path::Opens;
    use plumbline_core::stack::WORKLOADS;
    let catalogue = catalogue();
    let fits = |check: &Check| match check.opens {
        Some(Opens::Escape) => WORKLOADS.contains(&check.resource.as_str()),
        Some(Opens::Admin) => check.resource.starts_with("aws.iam.") || check.resource == "kubernetes.subject",
        _ => true,
    };
    let wrong: Vec<&str> = catalogue.checks().filter(|check| !fits(check)).map(|check| check.id.as_str()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(Opens::ALL.into_iter().all(|opens| !catalogue.openings().of(opens).is_empty()), "each is opened by some");
}

#[test]
fn every_framework_names_checks_that_exist() {
    let catalogue = catalogue();
    let wrong: Vec<String> = catalogue
        .frameworks()
        .flat_map(|framework| framework.controls.iter().map(move |control| (framework, control)))
        .flat_map(|(framework, control)| control.checks.iter().map(move |check| (framework, control, check)))
        .filter(|(_, _, check)| catalogue.check(check).is_none())
        .map(|(framework, control, check)| format!("{} {}: no check {check}", framework.id, control.id))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
