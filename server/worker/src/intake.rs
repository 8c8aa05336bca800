//! What a run sees while it goes on: told apart from what is known, so that only new and changed resources are written.

use plumbline_core::collect::Event;
use plumbline_core::criticality::{Place, Rules};
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_policy::exposure::exposure;
use plumbline_policy::guard::guards;
use plumbline_policy::{Missing, Subject};
use plumbline_store::reconcile::{Known, ScopeEnd, ScopeSight, Staged, digest};
use plumbline_store::run::Progress;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The state of one run.
pub(crate) struct Intake {
    source: SourceId,
    known: HashMap<ResourceId, Known>,
    known_scopes: Vec<ScopeKey>,
    /// The content changed since the source was last evaluated: everything is to be decided anew.
    everything: bool,
    /// What the tenant says of how much depends on what.
    rules: Rules,
    seen: HashSet<ResourceId>,
    planned: BTreeSet<ScopeKey>,
    pub(crate) ended: Vec<ScopeEnd>,
    pub(crate) batch: Vec<Staged>,
    pub(crate) progress: Progress,
}

impl Intake {
    pub(crate) fn new(
        source: SourceId,
        (known, known_scopes): (HashMap<ResourceId, Known>, Vec<ScopeKey>),
        everything: bool,
        rules: Rules,
    ) -> Self {
        let seen = HashSet::with_capacity(known.len());
        Self {
            source,
            known,
            known_scopes,
            everything,
            rules,
            seen,
            planned: BTreeSet::new(),
            ended: Vec::new(),
            batch: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// Whether these are the rules that everything was weighed by.
    pub(crate) fn weighed_by(&self, rules: &Rules) -> bool {
        self.rules == *rules
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Planned(scopes) => {
                self.planned.extend(scopes);
                self.progress.scopes_planned = count(self.planned.len());
            }
            Event::Resource(resource) => self.resource(*resource),
            Event::Ended { scope, outcome, api_calls } => {
                self.progress.api_calls += i64::from(api_calls);
                self.end(scope, outcome);
            }
            Event::Note(note) => {
                if self.progress.notes.len() < 100 {
                    self.progress.notes.push(note);
                }
            }
        }
    }

    fn resource(&mut self, mut resource: Resource) {
        clean(&mut resource);
        let id = ResourceId::derive(self.source, &resource.uid);
        self.progress.resources_seen += i32::from(self.seen.insert(id));
        let digest = digest(&resource);
        let is_known = self.known.get(&id).is_some_and(|known| known.digest == digest);
        if is_known && !self.everything {
            return;
        }
        self.progress.resources_changed += i32::from(!is_known);
        let seen = subject(&resource);
        let mut exposure = exposure(&seen);
        let guards = guards(&seen);
        let mut criticality = self.rules.of(Place {
            account: &resource.scope.account,
            region: &resource.region,
            kind: &resource.kind,
            name: &resource.name,
            tags: &resource.tags,
        });
        // What could not be read may be what made it weigh: a lost sight never makes a finding lighter.
        if let Some(known) = self.known.get(&id).filter(|_| !resource.unread.is_empty()) {
            exposure = exposure.max(known.exposure);
            criticality = criticality.max(known.criticality);
        }
        self.batch.push(Staged { id, resource, digest, exposure, criticality, guards });
    }

    fn end(&mut self, key: ScopeKey, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Complete => &mut self.progress.scopes_complete,
            Outcome::Denied { .. } => &mut self.progress.scopes_denied,
            Outcome::Failed { .. } => &mut self.progress.scopes_failed,
        };
        *counter += 1;
        self.planned.insert(key.clone());
        self.progress.scopes_planned = count(self.planned.len());
        self.ended.push(ScopeEnd { key, outcome });
    }

    /// Ends every scope that was planned and not ended, or that is known and was not planned: it was not read.
    /// `broken` says why the run as a whole broke off, if it did.
    pub(crate) fn close(&mut self, known: &[ScopeSight], broken: Option<&str>) {
        let because = broken.unwrap_or("The run ended before this was read.");
        let ended: HashSet<ScopeKey> = self.ended.iter().map(|end| end.key.clone()).collect();
        let open: Vec<ScopeKey> = self.planned.iter().filter(|key| !ended.contains(key)).cloned().collect();
        for key in open {
            self.end(key, Outcome::Failed { detail: because.to_owned() });
        }
        let shut = self.shut_accounts();
        for scope in known {
            let key =
                ScopeKey { account: scope.account.clone(), region: scope.region.clone(), reader: scope.reader.clone() };
            if self.planned.contains(&key) {
                continue;
            }
            let outcome = shut.get(&key.account).cloned().unwrap_or_else(|| Outcome::Failed {
                detail: broken.unwrap_or("The source no longer lists this account, region or service.").to_owned(),
            });
            self.ended.push(ScopeEnd { key, outcome });
        }
    }

    /// Accounts of which nothing could be read, with how that ended.
    fn shut_accounts(&self) -> BTreeMap<String, Outcome> {
        let mut shut: BTreeMap<String, Outcome> = BTreeMap::new();
        for end in &self.ended {
            shut.entry(end.key.account.clone()).or_insert_with(|| end.outcome.clone());
        }
        for end in self.ended.iter().filter(|end| end.outcome.is_complete()) {
            shut.remove(&end.key.account);
        }
        shut
    }

    /// Known resources that a completely read scope no longer lists.
    pub(crate) fn gone(&self) -> Vec<ResourceId> {
        let complete: HashSet<&ScopeKey> =
            self.ended.iter().filter(|end| end.outcome.is_complete()).map(|end| &end.key).collect();
        let complete: Vec<bool> = self.known_scopes.iter().map(|key| complete.contains(key)).collect();
        self.known
            .iter()
            .filter(|(id, known)| complete.get(known.scope as usize) == Some(&true) && !self.seen.contains(id))
            .map(|(id, _)| *id)
            .collect()
    }
}

/// Postgres holds no NUL in text or jsonb; a provider's words may.
fn clean(resource: &mut Resource) {
    let mend = |text: &mut String| {
        if text.contains('\0') {
            *text = text.replace('\0', " ");
        }
    };
    for text in [&mut resource.uid, &mut resource.name, &mut resource.region] {
        mend(text);
    }
    for value in resource.attributes.values_mut() {
        clean_value(value);
    }
    if resource.tags.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
        let tags = std::mem::take(&mut resource.tags);
        resource.tags = tags.into_iter().map(|(k, v)| (k.replace('\0', " "), v.replace('\0', " "))).collect();
    }
    for edge in &mut resource.edges {
        mend(&mut edge.to);
    }
    for why in resource.unread.values_mut() {
        mend(&mut why.detail);
        mend(&mut why.permission);
    }
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', " "),
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        Value::Object(members) => {
            if members.keys().any(|key| key.contains('\0')) {
                let taken = std::mem::take(members);
                *members = taken.into_iter().map(|(key, value)| (key.replace('\0', " "), value)).collect();
            }
            members.values_mut().for_each(clean_value);
        }
        _ => {}
    }
}

fn count(of: usize) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

/// A resource just read, as the engine sees it.
fn subject(resource: &Resource) -> Subject {
    Subject {
        kind: resource.kind.clone(),
        uid: resource.uid.clone(),
        name: resource.name.clone(),
        account: resource.scope.account.clone(),
        region: resource.region.clone(),
        tags: resource.tags.clone(),
        attributes: resource.attributes.clone(),
        unread: resource.unread.iter().map(|(what, why)| (what.clone(), missing(what, why))).collect(),
        ..Subject::default()
    }
    .with_facts()
}

pub(crate) fn missing(what: &str, why: &plumbline_core::resource::Unread) -> Missing {
    Missing { what: what.to_owned(), permission: why.permission.clone(), detail: why.detail.clone() }
}
