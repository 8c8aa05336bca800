//! Whom a policy with principals lets in.

use super::condition::Named;
use super::pattern::{covers, overlap};
use super::principal::{Aws, Principals, aws};
use super::statement::{Effect, Policy, Statement, UNREADABLE};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Access {
    pub(super) public: Vec<Value>,
    pub(super) external: Vec<Value>,
    pub(super) organizations: BTreeSet<String>,
    pub(super) services: Vec<Value>,
    pub(super) federated: Vec<Value>,
    pub(super) canonical_users: BTreeSet<String>,
    pub(super) deleted_principals: BTreeSet<String>,
}

pub(super) fn of(policy: &Policy, account: &str) -> Access {
    let mut access = Access::default();
    let denies: Vec<&Statement> = policy.statements.iter().filter(|s| stops_strangers(s)).collect();
    for statement in policy.statements.iter().filter(|s| s.effect == Effect::Allow) {
        if statement.principals.is_everyone() || statement.not_principals != Principals::None {
            access.everyone(statement, &denies, account);
        }
        access.named(statement, account);
    }
    if !policy.valid {
        access.public.push(json!({
            "sid": UNREADABLE, "actions": ["*"], "resources": ["*"], "conditions": [],
        }));
    }
    access
}

impl Access {
    /// A statement that allows everyone: public, unless its conditions or a deny leave only those whom they name.
    fn everyone(&mut self, statement: &Statement, denies: &[&Statement], account: &str) {
        let conditioned = is_conditioned(statement);
        let pins: Vec<_> = statement.conditions.iter().filter(|c| c.pins(&statement.conditions)).collect();
        if !pins.is_empty() {
            for named in pins.iter().flat_map(|c| c.named()) {
                self.add(&named, statement, conditioned, account);
            }
            return;
        }
        let actions: Vec<&str> = if statement.actions.is_empty() {
            vec!["*"]
        } else {
            statement.actions.iter().map(String::as_str).collect()
        };
        let (mut open, mut stopped) = (Vec::new(), Vec::<&Statement>::new());
        for action in actions {
            let by: Vec<&Statement> =
                denies.iter().copied().filter(|deny| takes_away(deny, action, statement)).collect();
            if by.is_empty() {
                open.push(action);
            } else {
                stopped.extend(by);
            }
        }
        for deny in stopped {
            for named in deny.conditions.iter().flat_map(|c| c.named()) {
                self.add(&named, statement, true, account);
            }
            for value in deny.not_principals.aws() {
                if let Aws::Account(id) = aws(value) {
                    self.add(&Named::Account(id), statement, true, account);
                }
            }
        }
        if !open.is_empty() {
            let resources = if statement.resources.is_empty() { vec!["*"] } else { texts(&statement.resources) };
            let conditions: Vec<&str> = statement.conditions.iter().map(|c| c.key.as_str()).collect();
            self.public.push(json!({
                "sid": statement.sid, "actions": open, "resources": resources, "conditions": conditions,
            }));
        }
    }

    /// Those that the statement calls by name.
    fn named(&mut self, statement: &Statement, account: &str) {
        let conditioned = is_conditioned(statement);
        for value in statement.principals.aws() {
            match aws(value) {
                Aws::Everyone => {}
                Aws::Account(id) => self.add(&Named::Account(id), statement, conditioned, account),
                Aws::Service(name) => self.add(&Named::Service(name), statement, conditioned, account),
                Aws::Deleted(id) => {
                    self.deleted_principals.insert(id.to_owned());
                }
            }
        }
        for service in statement.principals.of("Service") {
            self.add(&Named::Service(service), statement, conditioned, account);
        }
        for provider in statement.principals.of("Federated") {
            let keys: Vec<&str> = statement
                .conditions
                .iter()
                .filter(|c| c.restricts(&statement.conditions))
                .map(|c| c.key.as_str())
                .collect();
            self.federated.push(json!({ "provider": provider, "sid": statement.sid, "conditions": keys }));
        }
        self.canonical_users.extend(statement.principals.of("CanonicalUser").map(ToOwned::to_owned));
    }

    fn add(&mut self, named: &Named<'_>, statement: &Statement, conditioned: bool, account: &str) {
        let (list, entry) = match named {
            Named::Account(id) if *id == account => return,
            Named::Organization(id) => {
                self.organizations.insert((*id).to_owned());
                return;
            }
            Named::Account(id) => (
                &mut self.external,
                json!({
                    "account": id, "sid": statement.sid, "actions": statement.actions, "conditioned": conditioned,
                }),
            ),
            Named::Service(name) => {
                (&mut self.services, json!({ "service": name, "sid": statement.sid, "conditioned": conditioned }))
            }
        };
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}

fn is_conditioned(statement: &Statement) -> bool {
    statement.conditions.iter().any(|c| c.restricts(&statement.conditions))
}

fn texts(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

/// A deny that applies to every stranger, whatever he does to be another.
fn stops_strangers(statement: &Statement) -> bool {
    let for_all = match &statement.not_principals {
        Principals::None => statement.principals.is_everyone_named_so(),
        others => !others.is_everyone(),
    };
    statement.effect == Effect::Deny
        && for_all
        && statement.conditions.iter().all(super::condition::Condition::holds_for_strangers)
}

/// Whether the deny covers the action on all resources of the statement.
fn takes_away(deny: &Statement, action: &str, statement: &Statement) -> bool {
    let acts = if deny.actions.is_empty() {
        deny.not_actions.iter().all(|not| !overlap(not, action))
    } else {
        deny.actions.iter().any(|pattern| covers(pattern, action))
    };
    let resources = if statement.resources.is_empty() { vec!["*"] } else { texts(&statement.resources) };
    let reaches = |resource: &&str| {
        if deny.resources.is_empty() {
            deny.not_resources.iter().all(|not| !overlap(not, resource))
        } else {
            deny.resources.iter().any(|pattern| covers(pattern, resource))
        }
    };
    acts && resources.iter().all(reaches)
}
