//! Which checks are to be run on which resources after a run, and running them.
//!
//! A resource that did not change is not evaluated again, unless something that a check looks at beside it did: a related
//! resource, a scope coming into or going out of sight, the content itself, or time.

use crate::Worker;
use crate::hosts;
use crate::images::{self, Known};
use crate::intake::missing;
use crate::neighbours::{Around, Neighbours};
use crate::rules::{self, Rules};
use crate::weigh::weigh;
use chrono::{DateTime, SecondsFormat, Utc};
use plumbline_core::id::{FindingId, FixId, ResourceId, SourceId};
use plumbline_core::kind::Kinds;
use plumbline_core::scope::ScopeKey;
use plumbline_core::verdict::Verdict;
use plumbline_policy::check::{Check, FixTarget, Relation, Within};
use plumbline_policy::engine::Compiled;
use plumbline_policy::{Catalogue, Decision, Evaluator, Missing, OneOf, Related, Subject};
use plumbline_store::TenantTx;
use plumbline_store::reconcile::{self, Decided, Failure, Merged, ScopeSight};
use plumbline_store::subject::{self, StoredResource};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Resources held in memory at a time.
const PAGE: i64 = 1000;

/// Decides all that a run calls for, into the transaction's decisions. Returns whether what cannot be seen changed.
pub(crate) async fn evaluate(
    worker: &Worker,
    tx: &mut TenantTx,
    source: SourceId,
    merged: &Merged,
    turned: &[ScopeKey],
    everything: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let scopes = reconcile::scopes_of(tx, source).await?;
    let blind = blind_counts(worker.catalogue, &scopes);
    let sight_changed = reconcile::blind_scopes(tx, source, &blind).await?;
    let round = Round {
        source,
        catalogue: worker.catalogue,
        touched: Touched::of(merged, turned),
        everything,
        sight: Sight::of(&scopes),
        now: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        evaluators: Arc::default(),
        images: OnceCell::new(),
        ruled: rules::kinds(worker.catalogue),
        rules: OnceCell::new(),
    };
    let accounts: BTreeSet<&str> = scopes.iter().map(|scope| scope.account.as_str()).collect();
    let mut neighbours = Neighbours::new(source, round.accounts());
    for account in accounts {
        neighbours.enter(account);
        round.account(tx, account, &mut neighbours).await?;
    }
    Ok(sight_changed)
}

/// For each check, the scopes that would list what it judges and are not seen.
fn blind_counts(catalogue: &Catalogue, scopes: &[ScopeSight]) -> Vec<(String, i64)> {
    let mut by_reader: HashMap<&str, i64> = HashMap::new();
    for scope in scopes.iter().filter(|scope| scope.outcome != "complete") {
        *by_reader.entry(scope.reader.as_str()).or_default() += 1;
    }
    let reader = |kind: &str| Kinds::builtin().get(kind).map(|kind| kind.reader.as_str());
    let blind = |check: &Check| reader(&check.resource).and_then(|r| by_reader.get(r).copied()).unwrap_or(0);
    catalogue.checks().map(|check| (check.id.clone(), blind(check))).collect()
}

/// What a run moved: the kinds of each account of which something changed, went, or came into or out of sight.
#[derive(Default)]
struct Touched {
    changed: HashMap<(String, String), Vec<ResourceId>>,
    kinds: HashSet<(String, String)>,
    anywhere: HashSet<String>,
    /// Kinds of which all resources are to be decided anew, since how well they are seen changed.
    sight: HashSet<(String, String)>,
}

impl Touched {
    fn of(merged: &Merged, turned: &[ScopeKey]) -> Self {
        let mut touched = Self::default();
        for (account, kind, id) in &merged.changed {
            touched.changed.entry((account.clone(), kind.clone())).or_default().push(*id);
            touched.kind(account, kind);
        }
        for (account, kind) in &merged.retired {
            touched.kind(account, kind);
        }
        for scope in turned {
            for kind in Kinds::builtin().iter().filter(|kind| kind.reader == scope.reader) {
                touched.sight.insert((scope.account.clone(), kind.kind.clone()));
                touched.kind(&scope.account, &kind.kind);
            }
        }
        touched
    }

    fn kind(&mut self, account: &str, kind: &str) {
        self.kinds.insert((account.to_owned(), kind.to_owned()));
        self.anywhere.insert(kind.to_owned());
    }
}

/// Scopes that are not seen, by account and reader.
#[derive(Default)]
struct Sight {
    known: HashSet<(String, String)>,
    blind: HashMap<(String, String), Vec<(String, Missing)>>,
}

impl Sight {
    fn of(scopes: &[ScopeSight]) -> Self {
        let mut sight = Self::default();
        for scope in scopes {
            let key = (scope.account.clone(), scope.reader.clone());
            sight.known.insert(key.clone());
            if scope.outcome != "complete" {
                let gap = Missing {
                    what: format!("{}/{}/{}", scope.account, scope.region, scope.reader),
                    permission: scope.permission.clone().unwrap_or_default(),
                    detail: scope.detail.clone().unwrap_or_default(),
                };
                sight.blind.entry(key).or_default().push((scope.region.clone(), gap));
            }
        }
        sight
    }

    /// Why the scope that lists a resource is not seen, if it is not.
    fn gap(&self, account: &str, region: &str, reader: &str) -> Option<&Missing> {
        let gaps = self.blind.get(&(account.to_owned(), reader.to_owned()))?;
        gaps.iter().find(|(at, _)| at == region).map(|(_, gap)| gap)
    }

    /// What of a kind is not seen in an account; in one region of it, or in all.
    fn gaps(&self, account: &str, kind: &str, region: Option<&str>) -> Vec<Missing> {
        let Some(kind) = Kinds::builtin().get(kind) else { return Vec::new() };
        let key = (account.to_owned(), kind.reader.clone());
        if !self.known.contains(&key) {
            let what = format!("{account}/{}", kind.reader);
            let permission = kind.list.first().cloned().unwrap_or_default();
            return vec![Missing { what, permission, detail: "It was never read.".to_owned() }];
        }
        let here = |at: &str| region.is_none_or(|region| at == region || at == "global");
        let gaps = self.blind.get(&key).map_or(&[][..], Vec::as_slice);
        gaps.iter().filter(|(at, _)| here(at)).map(|(_, gap)| gap.clone()).collect()
    }
}

struct Round {
    source: SourceId,
    catalogue: &'static Catalogue,
    touched: Touched,
    everything: bool,
    sight: Sight,
    now: String,
    /// The tenant's images, read when the first one is judged.
    images: OnceCell<Known>,
    /// Kinds that are judged by what the tenant says of images, and what it says.
    ruled: BTreeSet<String>,
    rules: OnceCell<Rules>,
    /// Evaluators that are not in use; each keeps its machines warm.
    evaluators: Arc<Mutex<Vec<Evaluator>>>,
}

/// A stored resource as the engine sees it.
pub(crate) fn to_subject(row: &StoredResource) -> Subject {
    Subject {
        kind: row.kind.clone(),
        uid: row.uid.clone(),
        name: row.name.clone(),
        account: row.account.clone(),
        region: row.region.clone(),
        tags: row.tags.0.clone(),
        attributes: row.attributes.0.clone(),
        unread: row.unread.iter().map(|(what, why)| (what.clone(), missing(what, why))).collect(),
        ..Subject::default()
    }
    .with_facts()
}

/// A resource to be judged, with the stored row it came from.
struct Judged {
    row: StoredResource,
    subject: Subject,
}

impl Round {
    fn accounts(&self) -> BTreeSet<String> {
        self.sight.known.iter().map(|(account, _)| account.clone()).collect()
    }

    async fn account(&self, tx: &mut TenantTx, account: &str, neighbours: &mut Neighbours) -> anyhow::Result<()> {
        let kinds: BTreeSet<&str> = self.catalogue.checks().map(|check| check.resource.as_str()).collect();
        for kind in kinds {
            self.kind(tx, account, kind, neighbours).await?;
        }
        Ok(())
    }

    async fn kind(
        &self,
        tx: &mut TenantTx,
        account: &str,
        kind: &str,
        neighbours: &mut Neighbours,
    ) -> anyhow::Result<()> {
        let all = self.catalogue.for_kind(kind);
        let everywhere: Vec<Arc<Compiled>> =
            all.iter().filter(|c| self.concerns_all(account, &c.check)).cloned().collect();
        let changed = self.touched.changed.get(&(account.to_owned(), kind.to_owned()));
        if everywhere.is_empty() {
            for ids in changed.map_or(&[][..], Vec::as_slice).chunks(usize::try_from(PAGE)?) {
                let rows = subject::of_ids(tx, ids).await?;
                self.page(tx, rows, all, all, None, neighbours).await?;
            }
            return Ok(());
        }
        let changed: HashSet<ResourceId> = changed.into_iter().flatten().copied().collect();
        let mut after = None;
        loop {
            let rows = subject::of_kind(tx, self.source, kind, account, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id());
            self.page(tx, rows, all, &everywhere, Some(&changed), neighbours).await?;
        }
    }

    /// Whether a check is to be run on every resource of its kind in the account, changed or not.
    fn concerns_all(&self, account: &str, check: &Check) -> bool {
        let touched = |kind: &str| self.touched.kinds.contains(&(account.to_owned(), kind.to_owned()));
        let related = |within: Within, kind: &str| match within {
            Within::Source => self.touched.anywhere.contains(kind),
            Within::Account | Within::Region | Within::Edge | Within::Inbound => touched(kind),
        };
        self.everything
            || check.depends_on_time()
            // A new image may be a better base for the others.
            || (check.resource == "image" && touched("image"))
            || self.touched.sight.contains(&(account.to_owned(), check.resource.clone()))
            || check.related.values().any(|relation| related(relation.within, &relation.kind))
    }

    /// Decides a page of resources: those that changed by `all` checks, the others by `everywhere`. Images go by as many
    /// at a time as their flaws allow.
    async fn page(
        &self,
        tx: &mut TenantTx,
        rows: Vec<StoredResource>,
        all: &[Arc<Compiled>],
        everywhere: &[Arc<Compiled>],
        changed: Option<&HashSet<ResourceId>>,
        neighbours: &mut Neighbours,
    ) -> anyhow::Result<()> {
        if rows.first().is_none_or(|row| row.kind != "image") {
            return self.part(tx, rows, all, everywhere, changed, neighbours).await;
        }
        for part in images::parts(tx, rows).await? {
            self.part(tx, part, all, everywhere, changed, neighbours).await?;
        }
        Ok(())
    }

    async fn part(
        &self,
        tx: &mut TenantTx,
        rows: Vec<StoredResource>,
        all: &[Arc<Compiled>],
        everywhere: &[Arc<Compiled>],
        changed: Option<&HashSet<ResourceId>>,
        neighbours: &mut Neighbours,
    ) -> anyhow::Result<()> {
        let mut judged: Vec<Judged> = rows.into_iter().map(|row| Judged { subject: to_subject(&row), row }).collect();
        if judged.first().is_some_and(|one| matches!(one.row.kind.as_str(), "image" | "application")) {
            let mut subjects: Vec<&mut Subject> = judged.iter_mut().map(|one| &mut one.subject).collect();
            let known = self.images.get_or_try_init(|| Known::read(tx)).await?;
            images::enrich(tx, known, &mut subjects).await?;
        }
        if judged.first().is_some_and(|one| one.row.kind == "host.machine") {
            let mut subjects: Vec<&mut Subject> = judged.iter_mut().map(|one| &mut one.subject).collect();
            hosts::enrich(tx, &mut subjects).await?;
        }
        if judged.first().is_some_and(|one| self.ruled.contains(&one.row.kind)) {
            let mut subjects: Vec<&mut Subject> = judged.iter_mut().map(|one| &mut one.subject).collect();
            self.rules.get_or_try_init(|| Rules::read(tx)).await?.enrich(tx, &mut subjects).await?;
        }
        let relations: Vec<&Relation> = all.iter().flat_map(|compiled| compiled.check.related.values()).collect();
        let ids: Vec<(ResourceId, &str)> = judged.iter().map(|one| (one.row.id(), one.row.uid.as_str())).collect();
        let mut around = neighbours.around(tx, &ids, &relations).await?;
        for relation in relations.iter().filter(|relation| relation.within == Within::Source) {
            let gaps =
                self.accounts().iter().flat_map(|account| self.sight.gaps(account, &relation.kind, None)).collect();
            around.note_wide_gaps(&relation.kind, gaps);
        }
        let mut decided = Vec::new();
        let work = |judged: &[Judged]| {
            let mut evaluator = self.evaluator();
            let mut decided = Vec::new();
            for one in judged {
                let checks = if changed.is_none_or(|ids| ids.contains(&one.row.id())) { all } else { everywhere };
                for compiled in checks {
                    decided.push(self.judge(&mut evaluator, compiled, one, &around));
                }
            }
            self.put_back(evaluator);
            decided
        };
        let (left, right) = judged.split_at(judged.len() / 2);
        std::thread::scope(|threads| {
            let other = threads.spawn(|| work(left));
            decided.extend(work(right));
            let joined = other.join().map_err(|_| anyhow::anyhow!("an evaluator panicked"))?;
            decided.extend(joined);
            anyhow::Ok(())
        })?;
        reconcile::decide(tx, &decided).await?;
        Ok(())
    }

    fn evaluator(&self) -> Evaluator {
        self.evaluators.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put_back(&self, evaluator: Evaluator) {
        self.evaluators.lock().unwrap_or_else(PoisonError::into_inner).push(evaluator);
    }

    fn judge(&self, evaluator: &mut Evaluator, compiled: &Compiled, one: &Judged, around: &Around) -> Decided {
        let check = &compiled.check;
        let row = &one.row;
        let decision = match self.sight.gap(&row.account, &row.scope_region, &row.reader) {
            Some(gap) => Decision {
                verdict: Verdict::Unknown,
                observed: json!({}),
                message: "The resource was not seen in the last run.".to_owned(),
                missing: vec![gap.clone()],
                failures: Vec::new(),
            },
            None => {
                let related = self.related(check, one, around);
                evaluator.evaluate(compiled, &one.subject, &related, &self.now)
            }
        };
        self.decided(check, one, decision)
    }

    fn related<'a>(&self, check: &Check, one: &Judged, around: &'a Around) -> BTreeMap<String, Related<'a>> {
        let found = |relation: &Relation| {
            let region = (relation.within == Within::Region).then_some(one.subject.region.as_str());
            Related {
                resources: around.find(relation, one.row.id(), &one.subject),
                blind: match relation.within {
                    Within::Source => around.wide_gaps(&relation.kind),
                    _ => self.sight.gaps(&one.row.account, &relation.kind, region),
                },
            }
        };
        check.related.iter().map(|(name, relation)| (name.clone(), found(relation))).collect()
    }

    fn decided(&self, check: &Check, one: &Judged, decision: Decision) -> Decided {
        let failures =
            if decision.verdict == Verdict::Fail { self.failures(check, one, &decision) } else { Vec::new() };
        Decided {
            resource: one.row.id(),
            check: check.id.clone(),
            verdict: decision.verdict,
            message: decision.message,
            missing: (!decision.missing.is_empty()).then(|| json!(decision.missing)),
            failures,
        }
    }

    fn failures(&self, check: &Check, one: &Judged, decision: &Decision) -> Vec<Failure> {
        if decision.failures.is_empty() {
            let whole = OneOf {
                subject: String::new(),
                observed: decision.observed.clone(),
                message: decision.message.clone(),
                fix_target: None,
                fix_key: None,
            };
            return vec![self.failure(check, one, whole)];
        }
        let mut failures = Vec::with_capacity(decision.failures.len());
        let mut told: HashSet<&str> = HashSet::new();
        for of in decision.failures.iter().filter(|of| told.insert(of.subject.as_str())) {
            failures.push(self.failure(check, one, of.clone()));
        }
        failures
    }

    fn failure(&self, check: &Check, one: &Judged, of: OneOf) -> Failure {
        let row = &one.row;
        let finding = match of.subject.as_str() {
            "" => FindingId::derive(row.id(), &check.id),
            subject => FindingId::derive_of(row.id(), &check.id, subject),
        };
        let key = of.fix_key.unwrap_or_else(|| check.fix.key.clone());
        let target = of.fix_target.unwrap_or_else(|| match check.fix.per {
            FixTarget::Account => row.account.clone(),
            FixTarget::Region => format!("{}/{}", row.account, row.region),
            FixTarget::Resource => row.uid.clone(),
        });
        Failure {
            finding,
            risk: weigh(check, row, &of.subject, &of.observed),
            subject: of.subject,
            message: of.message,
            account: row.account.clone(),
            region: row.region.clone(),
            observed: of.observed,
            fix: FixId::derive(self.source, &key, &target),
            fix_key: key,
            fix_target: target,
        }
    }
}
