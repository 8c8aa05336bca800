//! A check: one rule for one kind of resource, and everything a person needs to act on it.

use plumbline_core::layer::Layer;
use plumbline_core::path::Opens;
use plumbline_core::verdict::{Effort, Severity, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One file of `checks/`, as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Equal to the file's name; retired rather than reused.
    pub id: String,
    /// The compliant state, as a sentence.
    pub title: String,
    pub severity: Severity,
    /// The kind of resource it judges.
    pub resource: String,
    /// Attributes without which it cannot decide.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Other resources that the rule looks at, by the name the rule knows them by.
    #[serde(default)]
    pub related: BTreeMap<String, Relation>,
    /// The one verdict that holds even where something in `needs` or `related` was not seen: `pass` for "at least one
    /// exists", `fail` for "none may exist".
    #[serde(default)]
    pub partial: Option<Verdict>,
    /// What a failure opens to an attacker, if it opens anything; attack paths are made of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Opens>,
    /// Why it matters: what happens to those who do not comply.
    pub why: String,
    /// Rego that defines `status`, and may define `observed` (an object) and `message` (a string).
    pub rule: String,
    /// What the rule wants to see, in one line.
    pub expected: String,
    pub remediation: Remediation,
    pub effort: Effort,
    pub fix: FixRule,
    /// The provider's documentation of what is judged.
    #[serde(default)]
    pub references: Vec<String>,
    pub cases: Vec<Case>,
    /// Taken from the folder the file is in.
    #[serde(skip, default = "cloud")]
    pub layer: Layer,
}

fn cloud() -> Layer {
    Layer::Cloud
}

impl Check {
    /// Whether the verdict can change while nothing but time does.
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.rule.contains("input.now")
    }

    /// Whether the verdict can change by what the tenant or the operator says alone: where images may come from, which files
    /// are known to be bad.
    #[must_use]
    pub fn depends_on_rules(&self) -> bool {
        ["input.facts.allowed", "input.facts.bad_files"].iter().any(|fact| self.rule.contains(fact))
    }
}

/// Kinds of which one sets what many others are: what is mended there is mended for all of them.
const RULES_OTHERS: [&str; 6] = [
    "aws.autoscaling.launch_configuration",
    "aws.ec2.launch_template",
    "aws.ecr.registry",
    "aws.organizations.organization",
    "kubernetes.cluster",
    "kubernetes.namespace",
];

impl Check {
    /// Whether its fix is applied upstream: to a base image, an account, a region, or what sets how other resources are made.
    #[must_use]
    pub fn fixes_upstream(&self) -> bool {
        self.fix.per != FixTarget::Resource
            || self.fix.key == "image-bump-base"
            || RULES_OTHERS.contains(&self.resource.as_str())
    }
}

/// Resources that a rule looks at beside the one it judges.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    pub kind: String,
    pub within: Within,
    /// For `within: edge`, the relation followed; empty for any.
    #[serde(default)]
    pub edge: String,
    /// Attributes of those resources without which the check cannot decide.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// Where related resources are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Within {
    /// All of that kind in the same account.
    Account,
    /// All of that kind in the same account and region.
    Region,
    /// All of that kind in the same source, whichever account.
    Source,
    /// Those that the judged resource points to.
    Edge,
    /// Those that point to the judged resource.
    Inbound,
}

/// How to bring a resource into the compliant state, three ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remediation {
    pub console: String,
    pub cli: String,
    pub terraform: String,
}

/// The fix that closes a failure, and what one such fix covers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixRule {
    /// Checks that share a key (and a target) are closed by the same action.
    pub key: String,
    /// The action, as an order: "Turn on …".
    pub title: String,
    pub per: FixTarget,
}

/// How far one application of a fix reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FixTarget {
    Account,
    Region,
    Resource,
}

/// An example with its verdict, run by the tests and shown to those who write checks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub expect: Verdict,
    #[serde(flatten)]
    pub resource: CaseResource,
    #[serde(default)]
    pub related: BTreeMap<String, Vec<CaseResource>>,
    /// Relations of which a part was not seen.
    #[serde(default)]
    pub blind: BTreeSet<String>,
    /// The instant of evaluation; RFC 3339.
    #[serde(default)]
    pub now: Option<String>,
}

/// A resource of a case, with only what matters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CaseResource {
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Attributes that could not be read.
    #[serde(default)]
    pub unread: BTreeSet<String>,
    #[serde(default)]
    pub uid: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub account: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Facts that attributes alone do not give, such as the flaws of an image: laid over those worked out of them.
    #[serde(default)]
    pub facts: Map<String, Value>,
}
