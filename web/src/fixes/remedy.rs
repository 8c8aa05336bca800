//! How to bring about what a check expects, with the names filled in.

use super::names::{self, Names, Target};
use super::snippet::{Language, filled, manifest_patch};
use plumbline_policy::Check;
use plumbline_store::fix::FixSubject;
use serde_json::Value;

/// Resources of a fix that have a command of their own.
const COMMANDS: usize = 20;
/// Lines of what was observed that are set against what is expected.
const LINES: usize = 24;

/// How to bring about what a check expects, three ways, for one resource; and the command for each of the others.
pub(crate) struct Remedy {
    pub(crate) console: String,
    pub(crate) cli: String,
    pub(crate) terraform: String,
    /// The strategic merge patch, where the command applies one.
    pub(crate) patch: Option<String>,
    pub(crate) references: Vec<String>,
    pub(crate) diff: Vec<DiffLine>,
    pub(crate) others: Vec<Command>,
    /// How many more there are than have a command here.
    pub(crate) more: usize,
}

/// A command for one resource.
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) cli: String,
}

/// One line of what is seen (`old`) or wanted.
pub(crate) struct DiffLine {
    pub(crate) old: bool,
    pub(crate) text: String,
}

impl Remedy {
    /// For one resource.
    pub(crate) fn of(check: &Check, target: &Target<'_>) -> Self {
        let cli = cli(check, target);
        Self {
            console: check.remediation.console.clone(),
            patch: manifest_patch(&cli),
            cli,
            terraform: filled(&check.remediation.terraform, &names::of(target), Language::Hcl),
            references: check.references.clone(),
            diff: Vec::new(),
            others: Vec::new(),
            more: 0,
        }
    }

    /// For the resources that a fix mends; where none of them is known any more, for the place that it is applied to.
    pub(super) fn of_fix(check: &Check, account: &str, region: &str, subjects: &[&FixSubject]) -> Self {
        let Some((first, others)) = subjects.split_first() else {
            return Self::of_place(check, &names::of_place(account, region));
        };
        let one = Self::of(check, &target(first));
        let mut commands: Vec<Command> = Vec::new();
        for other in others {
            let filled = cli(check, &target(other));
            if filled != one.cli && commands.iter().all(|known| known.cli != filled) {
                commands.push(Command { name: other.name.clone(), cli: filled });
            }
        }
        let more = commands.len().saturating_sub(COMMANDS - 1);
        commands.truncate(COMMANDS - 1);
        Self { diff: diff(&first.observed, &check.expected), others: commands, more, ..one }
    }

    fn of_place(check: &Check, names: &Names) -> Self {
        let cli = filled(&check.remediation.cli, names, Language::Shell);
        Self {
            console: check.remediation.console.clone(),
            patch: manifest_patch(&cli),
            cli,
            terraform: filled(&check.remediation.terraform, names, Language::Hcl),
            references: check.references.clone(),
            diff: Vec::new(),
            others: Vec::new(),
            more: 0,
        }
    }
}

fn target(subject: &FixSubject) -> Target<'_> {
    Target {
        kind: &subject.kind,
        uid: &subject.uid,
        name: &subject.name,
        account: &subject.account,
        region: &subject.region,
        attributes: subject.attributes.as_ref(),
    }
}

/// The command for a resource. Remediations of workloads speak of a deployment; another kind goes by its own word.
fn cli(check: &Check, target: &Target<'_>) -> String {
    let mut text = check.remediation.cli.clone();
    if let Some(word) = names::workload_word(target) {
        text = text
            .replace("deployment NAME", &format!("{word} NAME"))
            .replace("deployment/NAME", &format!("{word}/NAME"));
    }
    filled(&text, &names::of(target), Language::Shell)
}

/// What was observed, as the provider says it, against what is expected.
fn diff(observed: &Value, expected: &str) -> Vec<DiffLine> {
    let text = serde_json::to_string_pretty(observed).unwrap_or_default();
    let inner = text.strip_prefix("{\n").and_then(|text| text.strip_suffix("\n}"));
    let seen: Vec<&str> = inner.map_or_else(Vec::new, |text| text.lines().collect());
    let mut lines: Vec<DiffLine> = seen
        .iter()
        .take(LINES)
        .map(|line| DiffLine { old: true, text: line.strip_prefix("  ").unwrap_or(line).to_owned() })
        .collect();
    if seen.len() > LINES {
        lines.push(DiffLine { old: true, text: format!("… {} more lines", seen.len() - LINES) });
    }
    if !lines.is_empty() {
        lines.push(DiffLine { old: false, text: expected.to_owned() });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_policy::Catalogue;
    use serde_json::json;

    fn workload(name: &str, kind: &str) -> FixSubject {
        FixSubject {
            check_id: String::new(),
            kind: "kubernetes.workload".to_owned(),
            uid: format!("k8s://c/{}s/shop/{name}", kind.to_ascii_lowercase()),
            name: format!("shop/{name}"),
            account: "c".to_owned(),
            region: "shop".to_owned(),
            attributes: Some(json!({ "kind": kind, "template": { "spec": { "containers": [{ "name": "app" }] } } })),
            observed: json!({ "hostPID": true }),
        }
    }

    #[test]
    fn each_workload_has_a_command_of_its_own_with_its_own_words() {
        let check = Catalogue::builtin().check("kubernetes_workload_no_host_pid").expect("in the content");
        let (api, db) = (workload("api", "Deployment"), workload("db", "StatefulSet"));

        let remedy = Remedy::of_fix(check, "c", "", &[&api, &db, &db]);

        assert!(remedy.cli.contains("-n shop patch deployment api"), "{}", remedy.cli);
        assert!(remedy.patch.is_some_and(|patch| patch.starts_with("spec:")));
        assert_eq!(remedy.others.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["shop/db"]);
        assert!(remedy.others[0].cli.contains("-n shop patch statefulset db"));
        assert_eq!(remedy.diff[0].text, "\"hostPID\": true");
        assert!(remedy.diff.last().is_some_and(|line| !line.old && line.text == check.expected));
    }

    #[test]
    fn no_remediation_of_the_content_breaks_when_it_is_filled() {
        for check in Catalogue::builtin().checks() {
            let uid = format!("k8s://c/things/shop/{}", "x".repeat(9));
            let subject = FixSubject { kind: check.resource.clone(), uid, ..workload("api", "Deployment") };
            let remedy = Remedy::of_fix(check, "111122223333", "eu-west-1", &[&subject]);
            assert_eq!(remedy.cli.lines().count(), check.remediation.cli.lines().count(), "{}", check.id);
            assert_eq!(remedy.terraform.lines().count(), check.remediation.terraform.lines().count(), "{}", check.id);
        }
    }
}
