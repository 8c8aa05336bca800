//! Runs rules: compiles a check's Rego once, and evaluates it over resources.

use crate::catalogue::File;
use crate::check::Check;
use crate::facts;
use crate::memo::{Memo, Prints, Reads};
use plumbline_core::kind::Kinds;
use plumbline_core::verdict::Verdict;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program;
use regorus::rvm::vm::RegoVM;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The verdict alone, and the verdict with all that is said of it.
const STATUS: &str = "data.check.status";
const DECISION: &str = "data.check.decision";
/// The most steps of one rule on one resource: far more than thousands of flaws of an image take, and an end to whatever
/// would not end. The machine's own bound is a few hundred members of a list.
const STEPS: usize = 50_000_000;

/// A check with its rule as a program that threads share.
pub struct Compiled {
    pub check: Check,
    program: Arc<Program>,
    /// Which of all rules compiled by this process; evaluators keep what is theirs under it.
    number: usize,
    /// Whether the rule has something to say of what passes too.
    comments: bool,
    /// Whether it looks at the time or at other resources.
    looks_around: bool,
    /// What it reads, where its text says so.
    reads: Option<Reads>,
}

/// Numbers for rules.
static COMPILED: AtomicUsize = AtomicUsize::new(0);

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("check", &self.check.id).finish_non_exhaustive()
    }
}

/// A rule that is not valid Rego, or defines no `status`.
#[derive(Debug, thiserror::Error)]
#[error("rule: {0}")]
pub struct CompileError(String);

impl Compiled {
    /// Compiles the check's rule together with the shared functions that it imports.
    ///
    /// # Errors
    /// When the rule is not valid.
    pub fn new(check: Check, library: &[File]) -> Result<Self, CompileError> {
        let mut engine = regorus::Engine::new();
        let fail = |e: &dyn std::fmt::Display| CompileError(e.to_string());
        let functions = imported(&check.rule, library);
        for (name, text) in &functions {
            engine.add_policy(name.clone(), text.clone()).map_err(|e| fail(&e))?;
        }
        let failures = if defines(&check.rule, "failures") { ", \"failures\": failures" } else { "" };
        let module = format!(
            "package check\n\nimport rego.v1\n\n{}\n\ndefault observed := {{}}\n\ndefault message := \"\"\n\n\
             decision := {{\"status\": status, \"observed\": observed, \"message\": message{failures}}}\n",
            check.rule
        );
        engine.add_policy(format!("{}.rego", check.id), module).map_err(|e| fail(&e))?;
        let policy = engine.compile_with_entrypoint(&DECISION.into()).map_err(|e| fail(&e))?;
        let program = Compiler::compile_from_policy(&policy, &[STATUS, DECISION]).map_err(|e| fail(&e))?;
        let texts = || functions.iter().map(|(_, text)| text.as_str()).chain([check.rule.as_str()]);
        let reads = Reads::of(texts());
        let looks_around = !check.related.is_empty() || texts().any(|text| text.contains("input.now"));
        let comments = defines(&check.rule, "message");
        let number = COMPILED.fetch_add(1, Ordering::Relaxed);
        Ok(Self { program, number, comments, looks_around, reads, check })
    }
}

/// Whether a rule defines something by that name.
fn defines(rule: &str, name: &str) -> bool {
    rule.lines().any(|line| line.starts_with(name))
}

/// The library files a text imports, and those that they import.
fn imported<'a>(rule: &str, library: &'a [File]) -> Vec<&'a File> {
    let mut chosen: Vec<&File> = Vec::new();
    let mut texts = vec![rule.to_owned()];
    while let Some(text) = texts.pop() {
        for file in library {
            let name = file.0.trim_end_matches(".rego");
            let wanted = text.lines().any(|line| line.trim() == format!("import data.lib.{name}"));
            if wanted && !chosen.iter().any(|c| c.0 == file.0) {
                chosen.push(file);
                texts.push(file.1.clone());
            }
        }
    }
    chosen
}

/// A resource, as rules see it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Subject {
    pub kind: String,
    pub uid: String,
    pub name: String,
    pub account: String,
    pub region: String,
    pub tags: BTreeMap<String, String>,
    pub attributes: Map<String, Value>,
    /// Attribute → what it would take to read it.
    pub unread: BTreeMap<String, Missing>,
    /// See [`facts`]; filled by [`Subject::with_facts`].
    #[serde(default)]
    pub facts: Map<String, Value>,
    /// The resource as a rule's input, made once and shared by all rules that look at it.
    #[serde(skip)]
    pub input: Input,
}

/// A rule's input and the digests of its parts, made when first looked at.
#[derive(Debug, Clone, Default)]
pub struct Input {
    value: OnceLock<regorus::Value>,
    prints: OnceLock<Prints>,
}

/// The resource as rules see it, by its own names.
#[derive(Serialize)]
struct Document<'a> {
    kind: &'a str,
    uid: &'a str,
    name: &'a str,
    account: &'a str,
    region: &'a str,
    tags: &'a BTreeMap<String, String>,
    attributes: &'a Map<String, Value>,
    facts: &'a Map<String, Value>,
}

impl Subject {
    /// Works out the facts of the resource; to be called once after its attributes are set.
    #[must_use]
    pub fn with_facts(mut self) -> Self {
        self.facts = facts::of(&self.kind, &self.account, &self.attributes);
        self
    }

    fn input(&self) -> &regorus::Value {
        self.input.value.get_or_init(|| {
            let Self { kind, uid, name, account, region, tags, attributes, facts, .. } = self;
            let document = Document { kind, uid, name, account, region, tags, attributes, facts };
            // Through text, which is what the machine's own reader is fastest at.
            let text = serde_json::to_string(&document).unwrap_or_default();
            regorus::Value::from_json_str(&text).unwrap_or(regorus::Value::Undefined)
        })
    }

    pub(crate) fn prints(&self) -> &Prints {
        self.input.prints.get_or_init(|| Prints::of(self))
    }
}

/// Something a check needed and did not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// The attribute, or the scope, that was not read.
    pub what: String,
    /// The permission that reads it.
    pub permission: String,
    /// What the provider said.
    pub detail: String,
}

/// The resources of one relation, and what of it was not seen.
#[derive(Debug, Clone, Default)]
pub struct Related<'a> {
    pub resources: Vec<&'a Subject>,
    /// Scopes that list this kind and were not read completely.
    pub blind: Vec<Missing>,
}

/// What a check says, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub verdict: Verdict,
    /// What was seen, as the rule chose to show it.
    pub observed: Value,
    pub message: String,
    /// For an unknown verdict: what would have to be readable.
    pub missing: Vec<Missing>,
    /// For a failing verdict of a rule that tells failures apart: each of them.
    pub failures: Vec<OneOf>,
}

/// One of several failures of a check on one resource, as its rule says in `failures`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneOf {
    /// What tells it apart and stays the same as long as it fails, such as the id of a flaw.
    pub subject: String,
    #[serde(default)]
    pub observed: Value,
    #[serde(default)]
    pub message: String,
    /// What the fix is applied to; none for what the check's fix says.
    #[serde(default)]
    pub fix_target: Option<String>,
    /// Another of the catalogue's fixes, where it is a better one than the check's own.
    #[serde(default)]
    pub fix_key: Option<String>,
}

impl Decision {
    fn unknown(message: impl Into<String>, missing: Vec<Missing>) -> Self {
        Self { verdict: Verdict::Unknown, observed: json!({}), message: message.into(), missing, failures: Vec::new() }
    }
}

/// Evaluates checks on one thread; keeps a machine for each program it has run, and what rules said.
#[derive(Default)]
pub struct Evaluator {
    machines: HashMap<usize, RegoVM>,
    memo: Memo,
}

impl Evaluator {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what rules said; their machines stay warm. For measuring what remembering saves.
    pub fn forget(&mut self) {
        self.memo = Memo::default();
    }

    /// Decides one check on one resource. `now` is RFC 3339 in UTC.
    ///
    /// Where the check needs something that was not read, the verdict is unknown, unless the rule reached the verdict
    /// that the check declares to hold on partial sight.
    pub fn evaluate(
        &mut self,
        compiled: &Compiled,
        subject: &Subject,
        related: &BTreeMap<String, Related<'_>>,
        now: &str,
    ) -> Decision {
        let check = &compiled.check;
        let missing = missing(check, subject, related);
        if !missing.is_empty() && check.partial.is_none() {
            return Decision::unknown("Not everything this check needs could be read.", missing);
        }
        let decided = self.decide(compiled, subject, related, now);
        if missing.is_empty() || (check.partial == Some(decided.verdict)) {
            return decided;
        }
        Decision::unknown("Not everything this check needs could be read.", missing)
    }

    /// What the rule says, or said of a resource that it cannot tell from this one.
    fn decide(
        &mut self,
        compiled: &Compiled,
        subject: &Subject,
        related: &BTreeMap<String, Related<'_>>,
        now: &str,
    ) -> Decision {
        let Some(reads) = &compiled.reads else { return self.run(compiled, subject, related, now) };
        let print = reads.print(subject, related, now);
        if let Some(decision) = self.memo.recall(compiled.number, print) {
            return decision;
        }
        let decision = self.run(compiled, subject, related, now);
        self.memo.keep(compiled.number, print, &decision);
        decision
    }

    fn run(
        &mut self,
        compiled: &Compiled,
        subject: &Subject,
        related: &BTreeMap<String, Related<'_>>,
        now: &str,
    ) -> Decision {
        let machine = self.machines.entry(compiled.number).or_insert_with(|| {
            let mut machine = RegoVM::new();
            machine.set_max_instructions(STEPS);
            machine.load_program(compiled.program.clone());
            machine
        });
        machine.set_input(if compiled.looks_around {
            with_context(compiled, subject, related, now)
        } else {
            subject.input().clone()
        });
        ask(machine, compiled.comments)
            .unwrap_or_else(|error| Decision::unknown(format!("The rule did not decide: {error}"), Vec::new()))
    }
}

/// The resource with what is around it. Only references are copied.
fn with_context(
    compiled: &Compiled,
    subject: &Subject,
    related: &BTreeMap<String, Related<'_>>,
    now: &str,
) -> regorus::Value {
    let mut relations = regorus::Value::new_object();
    if let Ok(members) = relations.as_object_mut() {
        for name in compiled.check.related.keys() {
            let resources = related.get(name).map_or(&[][..], |r| r.resources.as_slice());
            let list: Vec<regorus::Value> = resources.iter().map(|r| r.input().clone()).collect();
            members.insert(name.as_str().into(), list.into());
        }
    }
    let mut input = subject.input().clone();
    if let Ok(members) = input.as_object_mut() {
        members.insert("now".into(), now.into());
        members.insert("related".into(), relations);
    }
    input
}

/// Runs a rule. Most of what is looked at passes, and of that there is nothing to say: what is observed is only worked out
/// for the rest.
fn ask(machine: &mut RegoVM, comments: bool) -> Result<Decision, String> {
    if !comments {
        let status = machine.execute_entry_point_by_name(STATUS).map_err(|error| error.to_string())?;
        let verdict = status.as_string().ok().and_then(|word| Verdict::parse(word));
        if let Some(verdict @ (Verdict::Pass | Verdict::NotApplicable)) = verdict {
            let (observed, message) = (json!({}), String::new());
            return Ok(Decision { verdict, observed, message, missing: Vec::new(), failures: Vec::new() });
        }
    }
    answer(&machine.execute_entry_point_by_name(DECISION).map_err(|error| error.to_string())?)
}

/// Reads what the rule answered; what it saw is turned into JSON only for a failure, where it is kept.
fn answer(value: &regorus::Value) -> Result<Decision, String> {
    let word = value["status"].as_string().map_err(|_| "it gave no status".to_owned())?;
    let verdict = Verdict::parse(word).ok_or_else(|| format!("{word} is not a verdict"))?;
    let message = value["message"].as_string().map(ToString::to_string).unwrap_or_default();
    let fails = verdict == Verdict::Fail;
    let observed = if fails { read(&value["observed"])? } else { json!({}) };
    let tells = fails && value["failures"] != regorus::Value::Undefined;
    let failures = if tells { read(&value["failures"])? } else { Vec::new() };
    Ok(Decision { verdict, observed, message, missing: Vec::new(), failures })
}

fn read<T: serde::de::DeserializeOwned>(value: &regorus::Value) -> Result<T, String> {
    let text = value.to_json_str().map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// What the check needs and does not have. An attribute that is neither there nor said to be unread was not read either:
/// a collector reports what there is none of as null.
fn missing(check: &Check, subject: &Subject, related: &BTreeMap<String, Related<'_>>) -> Vec<Missing> {
    let mut missing: Vec<Missing> = check.needs.iter().filter_map(|need| lacking(subject, need)).collect();
    for (name, relation) in &check.related {
        let Some(seen) = related.get(name) else { continue };
        missing.extend(seen.blind.iter().cloned());
        for resource in &seen.resources {
            missing.extend(relation.needs.iter().filter_map(|need| lacking(resource, need)));
        }
    }
    missing.sort();
    missing.dedup();
    missing
}

fn lacking(subject: &Subject, attribute: &str) -> Option<Missing> {
    if let Some(missing) = subject.unread.get(attribute) {
        return Some(missing.clone());
    }
    if subject.attributes.contains_key(attribute) {
        return None;
    }
    let permission = Kinds::builtin().get(&subject.kind).and_then(|kind| kind.permission_for(attribute));
    Some(Missing {
        what: attribute.to_owned(),
        permission: permission.unwrap_or_default().to_owned(),
        detail: "It was not reported.".to_owned(),
    })
}
