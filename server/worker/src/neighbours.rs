//! What checks look at beside the resource that they judge.

use crate::evaluate::to_subject;
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_policy::check::{Relation, Within};
use plumbline_policy::{Missing, Subject};
use plumbline_store::subject::{edges_from, edges_to, of_kind};
use plumbline_store::{StoreError, TenantTx};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Resources held in memory at a time while a pool is filled.
const PAGE: i64 = 1000;

/// All resources of one kind, in an account or in the whole source.
struct Pool {
    subjects: Vec<Subject>,
    by_uid: HashMap<String, usize>,
    by_id: HashMap<ResourceId, usize>,
}

/// A kind, and whether beyond the account.
type PoolName = (String, bool);

/// The pools of one account, loaded when first looked at and kept until the account is done; those of the whole source are
/// kept for all accounts.
pub(crate) struct Neighbours {
    source: SourceId,
    account: String,
    accounts: BTreeSet<String>,
    pools: HashMap<PoolName, Arc<Pool>>,
}

/// What the resources of one page have around them.
pub(crate) struct Around {
    pools: HashMap<PoolName, Arc<Pool>>,
    outward: HashMap<ResourceId, Vec<(String, String)>>,
    inward: HashMap<String, Vec<(String, ResourceId)>>,
    /// For relations over the whole source: what of the kind is not seen, in any account.
    wide_gaps: HashMap<String, Vec<Missing>>,
}

fn name(relation: &Relation) -> PoolName {
    (relation.kind.clone(), relation.within == Within::Source)
}

impl Neighbours {
    pub(crate) fn new(source: SourceId, accounts: BTreeSet<String>) -> Self {
        Self { source, account: String::new(), accounts, pools: HashMap::new() }
    }

    /// Goes on to another account.
    pub(crate) fn enter(&mut self, account: &str) {
        account.clone_into(&mut self.account);
        self.pools.retain(|(_, wide), _| *wide);
    }

    /// Loads what a page of resources, given as (id, uid), has around it as far as the relations ask.
    pub(crate) async fn around(
        &mut self,
        tx: &mut TenantTx,
        page: &[(ResourceId, &str)],
        relations: &[&Relation],
    ) -> Result<Around, StoreError> {
        let mut around = Around {
            pools: HashMap::new(),
            outward: HashMap::new(),
            inward: HashMap::new(),
            wide_gaps: HashMap::new(),
        };
        for relation in relations {
            let name = name(relation);
            let pool = self.pool(tx, &name).await?;
            around.pools.insert(name, pool);
        }
        if relations.iter().any(|relation| relation.within == Within::Edge) {
            let ids: Vec<ResourceId> = page.iter().map(|(id, _)| *id).collect();
            for (from, label, to) in edges_from(tx, &ids).await? {
                around.outward.entry(from).or_default().push((label, to));
            }
        }
        if relations.iter().any(|relation| relation.within == Within::Inbound) {
            let uids: Vec<String> = page.iter().map(|(_, uid)| (*uid).to_owned()).collect();
            for (to, label, from) in edges_to(tx, &uids).await? {
                around.inward.entry(to).or_default().push((label, from));
            }
        }
        Ok(around)
    }

    async fn pool(&mut self, tx: &mut TenantTx, name: &PoolName) -> Result<Arc<Pool>, StoreError> {
        if let Some(pool) = self.pools.get(name) {
            return Ok(pool.clone());
        }
        let (kind, wide) = name;
        let accounts = if *wide { self.accounts.clone() } else { BTreeSet::from([self.account.clone()]) };
        let mut subjects = Vec::new();
        for account in accounts {
            let mut after = None;
            loop {
                let rows = of_kind(tx, self.source, kind, &account, after, PAGE).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.id());
                subjects.extend(rows.iter().map(to_subject));
            }
        }
        let by_uid = subjects.iter().enumerate().map(|(n, s)| (s.uid.clone(), n)).collect();
        let by_id = subjects.iter().enumerate().map(|(n, s)| (ResourceId::derive(self.source, &s.uid), n)).collect();
        let pool = Arc::new(Pool { subjects, by_uid, by_id });
        self.pools.insert(name.clone(), pool.clone());
        Ok(pool)
    }
}

impl Around {
    pub(crate) fn note_wide_gaps(&mut self, kind: &str, gaps: Vec<Missing>) {
        self.wide_gaps.insert(kind.to_owned(), gaps);
    }

    pub(crate) fn wide_gaps(&self, kind: &str) -> Vec<Missing> {
        self.wide_gaps.get(kind).cloned().unwrap_or_default()
    }

    /// The resources that a relation of the judged resource names.
    pub(crate) fn find(&self, relation: &Relation, id: ResourceId, judged: &Subject) -> Vec<&Subject> {
        let Some(pool) = self.pools.get(&name(relation)) else { return Vec::new() };
        let followed = |label: &str| relation.edge.is_empty() || label == relation.edge;
        match relation.within {
            Within::Account | Within::Source => pool.subjects.iter().collect(),
            Within::Region => pool.subjects.iter().filter(|s| s.region == judged.region).collect(),
            Within::Edge => {
                let edges = self.outward.get(&id).map_or(&[][..], Vec::as_slice);
                let ends =
                    edges.iter().filter(|(label, _)| followed(label)).filter_map(|(_, uid)| pool.by_uid.get(uid));
                ends.map(|n| &pool.subjects[*n]).collect()
            }
            Within::Inbound => {
                let edges = self.inward.get(&judged.uid).map_or(&[][..], Vec::as_slice);
                let ends = edges.iter().filter(|(label, _)| followed(label)).filter_map(|(_, id)| pool.by_id.get(id));
                ends.map(|n| &pool.subjects[*n]).collect()
            }
        }
    }
}
