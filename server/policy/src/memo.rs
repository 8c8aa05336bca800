//! What a rule reads of a resource, and what it said of the same before.
//!
//! A verdict depends on nothing but what the rule reads. Where its text says exactly which attributes and facts those are,
//! a resource that has the same there as an earlier one gets that one's decision, and the rule is not run: of ten thousand
//! volumes most are encrypted in one of two ways.

use crate::engine::{Decision, Related, Subject};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Decisions that one evaluator remembers, of all rules together.
const MOST: usize = 50_000;

/// A digest of what a rule reads, or of one part of it.
pub(crate) type Print = [u8; 16];

/// One part of a rule's input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Attribute(String),
    Attributes,
    Fact(String),
    Facts,
    Related,
    Account,
    Region,
    Tags,
    Now,
}

/// All that a rule reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reads(Vec<Part>);

impl Reads {
    /// Reads it off a rule and the functions that it imports. None where the text leaves open what is read, or where it reads
    /// what no two resources share.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut parts = Vec::new();
        for line in texts.flat_map(str::lines).filter(|line| !line.trim_start().starts_with('#')) {
            for (at, word) in line.match_indices("input") {
                let within_a_word = line[..at].ends_with(is_of_a_word);
                let rest = &line[at + word.len()..];
                if !within_a_word && !rest.starts_with(is_of_a_word) {
                    parts.push(part(&line[..at], rest)?);
                }
            }
        }
        parts.sort();
        parts.dedup();
        Some(Self(parts))
    }

    /// The digest of what a resource has in those places; the same for two exactly when a rule cannot tell them apart.
    pub(crate) fn print(&self, subject: &Subject, related: &BTreeMap<String, Related<'_>>, now: &str) -> Print {
        let prints = subject.prints();
        let mut all = Sha256::new();
        for part in &self.0 {
            match part {
                Part::Attribute(name) => add_member(&mut all, &prints.attributes, name),
                Part::Attributes => add_members(&mut all, &prints.attributes),
                Part::Fact(name) => add_member(&mut all, &prints.facts, name),
                Part::Facts => add_members(&mut all, &prints.facts),
                Part::Related => add_related(&mut all, related),
                Part::Account => all.update(of_text(&subject.account)),
                Part::Region => all.update(of_text(&subject.region)),
                Part::Tags => all.update(prints.tags),
                Part::Now => all.update(of_text(now)),
            }
        }
        cut(all)
    }
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The part that a reference names, from what stands before and after `input` in it.
fn part(before: &str, rest: &str) -> Option<Part> {
    let (first, rest) = word(rest.strip_prefix('.')?)?;
    let named = |rest| member(rest).or_else(|| before.ends_with("object.get(").then(|| key(rest)).flatten());
    match first {
        "attributes" => Some(named(rest).map_or(Part::Attributes, |name| Part::Attribute(name.to_owned()))),
        "facts" => Some(named(rest).map_or(Part::Facts, |name| Part::Fact(name.to_owned()))),
        "related" => Some(Part::Related),
        "account" => Some(Part::Account),
        "region" => Some(Part::Region),
        "tags" => Some(Part::Tags),
        "now" => Some(Part::Now),
        _ => None,
    }
}

/// The member that a reference goes on with: `.Name`.
fn member(rest: &str) -> Option<&str> {
    word(rest.strip_prefix('.')?).map(|(name, _)| name)
}

/// The member that `object.get` is asked for: `, "Name"` and `, ["Name"`.
fn key(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(", ")?;
    let rest = rest.strip_prefix('[').unwrap_or(rest).strip_prefix('"')?;
    word(rest).filter(|(_, rest)| rest.starts_with('"')).map(|(name, _)| name)
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c| !is_of_a_word(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What is not there is told from what is there as null.
fn add_member(all: &mut Sha256, prints: &BTreeMap<String, Print>, name: &str) {
    let print = prints.get(name);
    all.update([u8::from(print.is_some())]);
    all.update(print.copied().unwrap_or_default());
}

fn add_members(all: &mut Sha256, prints: &BTreeMap<String, Print>) {
    all.update(prints.len().to_be_bytes());
    for (name, print) in prints {
        all.update(of_text(name));
        all.update(print);
    }
}

fn add_related(all: &mut Sha256, related: &BTreeMap<String, Related<'_>>) {
    for (name, seen) in related {
        all.update(of_text(name));
        all.update(seen.resources.len().to_be_bytes());
        for resource in &seen.resources {
            all.update(resource.prints().whole);
        }
    }
}

fn of_text(text: &str) -> Print {
    cut(Sha256::new_with_prefix(text))
}

/// Members come in the order of their names, so that equal values are written alike.
fn of_json(value: &impl Serialize) -> Print {
    let mut hash = Sha256::new();
    // A value of ours can always be written; one that could not would only be remembered for itself.
    let written = serde_json::to_vec(value).unwrap_or_default();
    hash.update(written);
    cut(hash)
}

fn cut(hash: Sha256) -> Print {
    let mut print = Print::default();
    print.copy_from_slice(&hash.finalize()[..16]);
    print
}

/// The digests of a resource's parts.
#[derive(Debug, Clone)]
pub(crate) struct Prints {
    attributes: BTreeMap<String, Print>,
    facts: BTreeMap<String, Print>,
    tags: Print,
    /// Of the resource with all that it has.
    whole: Print,
}

impl Prints {
    pub(crate) fn of(subject: &Subject) -> Self {
        let each = |members: &serde_json::Map<String, Value>| -> BTreeMap<String, Print> {
            members.iter().map(|(name, value)| (name.clone(), of_json(value))).collect()
        };
        let (attributes, facts) = (each(&subject.attributes), each(&subject.facts));
        let tags = of_json(&subject.tags);
        let mut whole = Sha256::new();
        for text in [&subject.kind, &subject.uid, &subject.name, &subject.account, &subject.region] {
            whole.update(of_text(text));
        }
        add_members(&mut whole, &attributes);
        add_members(&mut whole, &facts);
        whole.update(tags);
        Self { attributes, facts, tags, whole: cut(whole) }
    }
}

/// What the rules of one evaluator said.
#[derive(Default)]
pub(crate) struct Memo {
    said: HashMap<(usize, Print), Decision>,
}

impl Memo {
    pub(crate) fn recall(&self, rule: usize, print: Print) -> Option<Decision> {
        self.said.get(&(rule, print)).cloned()
    }

    /// Keeps a decision. Those that tell many failures apart are as large as what they are about, and are not kept.
    pub(crate) fn keep(&mut self, rule: usize, print: Print, decision: &Decision) {
        if !decision.failures.is_empty() {
            return;
        }
        if self.said.len() >= MOST {
            self.said.clear();
        }
        self.said.insert((rule, print), decision.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reads(rule: &str) -> Option<Vec<Part>> {
        Reads::of([rule].into_iter()).map(|reads| reads.0)
    }

    fn subject(attributes: Value) -> Subject {
        Subject { attributes: attributes.as_object().cloned().unwrap_or_default(), ..Subject::default() }
    }

    #[test]
    fn what_a_rule_reads_is_what_its_references_name() {
        let attribute = |name: &str| Part::Attribute(name.to_owned());
        let rule =
            "status := 1 if {\n\tinput.attributes.Encrypted == true\n\tinput.facts.policy.public\n\tinput.now\n}";
        assert_eq!(reads(rule), Some(vec![attribute("Encrypted"), Part::Fact("policy".to_owned()), Part::Now]));
        assert_eq!(reads("x := input.attributes.A[0].b; y := input.attributes.A"), Some(vec![attribute("A")]));
        assert_eq!(reads("x := object.get(input.attributes, \"A\", null)"), Some(vec![attribute("A")]));
        assert_eq!(reads("x := object.get(input.attributes, [\"A\", \"b\"], null)"), Some(vec![attribute("A")]));
        assert_eq!(reads("x := input.attributes[name]"), Some(vec![Part::Attributes]));
        assert_eq!(reads("x := object.get(input.attributes, \"A-b\", 1)"), Some(vec![Part::Attributes]));
        assert_eq!(reads("x := lib.files(input.attributes, \"A\")"), Some(vec![Part::Attributes]));
        assert_eq!(reads("x := object.get(input.attributes, name, 1)"), Some(vec![Part::Attributes]));
        assert_eq!(reads("some x in input.related.trails"), Some(vec![Part::Related]));
        assert_eq!(reads("# input of another sort\nx := my_input.y; z := inputs"), Some(vec![]));
    }

    #[test]
    fn a_rule_that_leaves_open_what_it_reads_is_not_remembered() {
        let open =
            ["x := input", "x := input[\"attributes\"]", "x := input.uid", "x := y with input as z", "x := [input]"];
        for rule in open {
            assert_eq!(reads(rule), None, "{rule}");
        }
    }

    #[test]
    fn a_resource_that_differs_in_what_is_read_is_another() {
        let reads = Reads::of(["input.attributes.A; input.tags"].into_iter()).expect("both are named");
        let print = |attributes| reads.print(&subject(attributes), &BTreeMap::new(), "");
        assert_eq!(print(json!({ "A": 1, "B": 1 })), print(json!({ "A": 1, "B": 2 })));
        assert_ne!(print(json!({ "A": 1 })), print(json!({ "A": 2 })));
        assert_ne!(print(json!({ "A": null })), print(json!({})));
        let tagged = Subject { tags: [("A".to_owned(), "1".to_owned())].into(), ..subject(json!({ "A": 1 })) };
        assert_ne!(print(json!({ "A": 1 })), reads.print(&tagged, &BTreeMap::new(), ""));
    }

    #[test]
    fn what_is_around_a_resource_counts_whole() {
        let reads = Reads::of(["input.related.of"].into_iter()).expect("it is named");
        let print = |others: &[Subject]| {
            let seen = Related { resources: others.iter().collect(), blind: Vec::new() };
            reads.print(&Subject::default(), &[("of".to_owned(), seen)].into(), "")
        };
        let other = subject(json!({ "A": 1 }));
        let named = Subject { uid: "x".to_owned(), ..other.clone() };
        assert_eq!(print(std::slice::from_ref(&other)), print(&[subject(json!({ "A": 1 }))]));
        assert_ne!(print(std::slice::from_ref(&other)), print(&[]));
        assert_ne!(print(&[other]), print(&[named]));
    }
}
