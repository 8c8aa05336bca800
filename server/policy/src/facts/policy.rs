//! What an IAM policy document means: whom a resource policy or a trust policy lets in once its conditions and denies
//! are weighed, and what an identity policy grants.
//!
//! The answers lean to one side: a stranger is taken to be let in unless a condition surely keeps him out or a deny
//! surely stops him, and a document that cannot be understood is taken to let anyone in.
//!
//! Shape, for rules (`input.facts.policy`, `.trust`, `.identity`):
//! `present`, `valid` (an absent policy is valid), `public` [{sid, actions, resources, conditions}], `external`
//! [{account, sid, actions, conditioned}], `organizations` [ids], `services` [{service, sid, conditioned}], `federated`
//! [{provider, sid, conditions}], `canonical_users` [ids], `deleted_principals` [ids], `denies_insecure_transport`,
//! `admin` [sids], `full_services` [names], `broad_actions` [sensitive actions granted on everything], `escalations`
//! [names], and `statements`, normalised: each
//! {policy, sid, effect, principals, not_principals, actions, not_actions, resources, not_resources, conditions}, where a
//! condition is {operator, key, values, restricts}. Only identity policies have `full_services`, `broad_actions`
//! and `escalations`.

mod access;
mod condition;
pub(super) mod pattern;
mod principal;
pub(super) mod statement;
#[cfg(test)]
mod tests;

use super::escalation;
use pattern::covers;
use serde_json::{Value, json};
use statement::{Effect, Policy, Statement};

/// Facts of a resource policy or a trust policy. `own` are the resource's ARNs that a rule about the whole resource must
/// cover, each a list of spellings of which one is enough (one for each partition); empty when any resource will do.
pub(super) fn resource(account: &str, document: &Value, own: &[Vec<String>]) -> Value {
    let policy = Policy::read(document, true);
    let mut facts = common(&policy);
    let access = access::of(&policy, account);
    facts["public"] = access.public.into();
    facts["external"] = access.external.into();
    facts["organizations"] = access.organizations.into_iter().collect();
    facts["services"] = access.services.into();
    facts["federated"] = access.federated.into();
    facts["canonical_users"] = access.canonical_users.into_iter().collect();
    facts["deleted_principals"] = access.deleted_principals.into_iter().collect();
    facts["denies_insecure_transport"] = denies_insecure_transport(&policy, own).into();
    facts
}

/// Facts of one identity policy.
pub(super) fn identity(account: &str, document: &Value) -> Value {
    granted(account, &Policy::read(document, false))
}

/// Facts of a principal's inline policies together: `[{PolicyName, PolicyDocument}]`.
pub(super) fn identities(account: &str, list: &Value) -> Value {
    granted(account, &Policy::read_list(list))
}

/// The two ARNs of a bucket, in every partition.
pub(super) fn bucket_arns(name: &Value) -> Vec<Vec<String>> {
    let Some(name) = name.as_str() else { return Vec::new() };
    let spellings =
        |suffix: &str| ["aws", "aws-cn", "aws-us-gov"].iter().map(|p| format!("arn:{p}:s3:::{name}{suffix}")).collect();
    vec![spellings(""), spellings("/*")]
}

fn common(policy: &Policy) -> Value {
    json!({
        "present": policy.present,
        "valid": policy.valid,
        "public": [],
        "external": [],
        "organizations": [],
        "services": [],
        "federated": [],
        "canonical_users": [],
        "deleted_principals": [],
        "denies_insecure_transport": false,
        "admin": [],
        "statements": policy.statements.iter().map(Statement::to_json).collect::<Vec<_>>(),
    })
}

fn granted(account: &str, policy: &Policy) -> Value {
    let mut facts = common(policy);
    let mut admin: Vec<&str> = policy.statements.iter().filter(|s| is_admin(s)).map(|s| s.sid.as_str()).collect();
    let nothing_left = policy.statements.iter().any(denies_everything);
    if nothing_left {
        admin.clear();
    }
    if !policy.valid {
        admin.push(statement::UNREADABLE);
    }
    facts["admin"] = admin.into();
    facts["full_services"] = if nothing_left { json!([]) } else { full_services(policy) };
    facts["broad_actions"] = escalation::broad_actions(policy, account).into();
    facts["escalations"] = escalation::paths(policy, account).into();
    facts
}

fn is_admin(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
        && statement.is_unconditional()
        && statement.actions.iter().any(|action| covers(action, "*:*"))
        && statement.resources.iter().any(|resource| pattern::is_all_resources(resource))
}

fn denies_everything(statement: &Statement) -> bool {
    statement.effect == Effect::Deny
        && statement.conditions.is_empty()
        && statement.actions.iter().any(|action| covers(action, "*:*"))
        && statement.resources.iter().any(|resource| pattern::is_all_resources(resource))
}

/// The services of which everything is granted on every resource without condition; `*` for all of them.
fn full_services(policy: &Policy) -> Value {
    let mut services: Vec<&str> = policy
        .statements
        .iter()
        .filter(|s| s.effect == Effect::Allow && s.is_unconditional())
        .filter(|s| s.resources.iter().any(|resource| pattern::is_all_resources(resource)))
        .flat_map(|s| s.actions.iter())
        .filter_map(|action| {
            if covers(action, "*:*") {
                return Some("*");
            }
            let (service, rest) = action.split_once(':')?;
            (!rest.is_empty() && rest.bytes().all(|b| b == b'*')).then_some(service)
        })
        .collect();
    services.sort_unstable();
    services.dedup();
    services.into()
}

/// Whether every one of the resource's ARNs is closed to everyone who comes without TLS.
fn denies_insecure_transport(policy: &Policy, own: &[Vec<String>]) -> bool {
    let denies: Vec<&Statement> = policy.statements.iter().filter(|s| is_transport_deny(s)).collect();
    let covered = |spellings: &Vec<String>| {
        denies.iter().flat_map(|s| &s.resources).any(|pattern| spellings.iter().any(|arn| covers(pattern, arn)))
    };
    !denies.is_empty() && own.iter().all(covered)
}

fn is_transport_deny(statement: &Statement) -> bool {
    let all_actions =
        |action: &String| covers(action, "*:*") || action.split_once(':').is_some_and(|(_, rest)| rest == "*");
    let [condition] = statement.conditions.as_slice() else { return false };
    statement.effect == Effect::Deny
        && statement.principals.is_everyone_named_so()
        && statement.actions.iter().any(all_actions)
        && condition.is_insecure_transport()
}
