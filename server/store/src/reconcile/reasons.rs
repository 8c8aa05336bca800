//! What stands behind a change of the score beside its checks: how exposed the findings are, of what kind, whose, which fix
//! explains most of it, and the first of them.

use crate::door::TenantTx;
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many findings an entry of the ledger names.
pub const NAMED: i64 = 50;

/// What a ledger entry's `detail` says. Older ones are a list of checks alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reason {
    /// The checks that moved most.
    pub checks: Vec<MovedCheck>,
    /// Findings by exposure.
    pub exposures: BTreeMap<String, i64>,
    /// Resources by kind, the three commonest.
    pub kinds: BTreeMap<String, i64>,
    /// How many resources there are in all.
    pub resources: i64,
    /// Findings that are flaws, and those of them that are known to be exploited.
    pub flaws: i64,
    pub exploited: i64,
    /// The team that has most of them.
    pub team_id: Option<Uuid>,
    /// The group by tag that most of them are in: key and value.
    pub group: Option<(String, String)>,
    /// The fix that explains most of it.
    pub fix: Option<MovedFix>,
    /// The findings that moved most, [`NAMED`] at most.
    pub findings: Vec<Uuid>,
    /// The versions of the weights that everything is ranked by, before and now; where they changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranking: Option<(u32, u32)>,
}

/// One check's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedCheck {
    pub check_id: String,
    pub findings: i64,
    pub loss_delta: i64,
}

/// One fix's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedFix {
    pub fix_id: Uuid,
    pub key: String,
    pub target: String,
    pub findings: i64,
}

#[derive(sqlx::FromRow)]
struct Sum {
    cause: String,
    exposure: Option<String>,
    kind: Option<String>,
    team_id: Option<Uuid>,
    by_team: bool,
    findings: i64,
    resources: i64,
    flaws: i64,
    exploited: i64,
}

/// Reads what stands behind each cause out of `moved`, checks aside.
pub(super) async fn reasons(tx: &mut TenantTx) -> Result<BTreeMap<String, Reason>, StoreError> {
    let mut reasons: BTreeMap<String, Reason> = BTreeMap::new();
    for sum in sums(tx).await? {
        let reason = reasons.entry(sum.cause.clone()).or_default();
        match (sum.exposure, sum.kind, sum.by_team) {
            (Some(exposure), ..) => drop(reason.exposures.insert(exposure, sum.findings)),
            (_, Some(kind), _) => drop(reason.kinds.insert(kind, sum.resources)),
            // More than half of them.
            (.., true) if sum.findings * 2 > reason.exposures.values().sum::<i64>() => reason.team_id = sum.team_id,
            (.., true) => {}
            _ => {
                (reason.resources, reason.flaws, reason.exploited) = (sum.resources, sum.flaws, sum.exploited);
            }
        }
    }
    for reason in reasons.values_mut() {
        let mut kinds: Vec<(String, i64)> = std::mem::take(&mut reason.kinds).into_iter().collect();
        kinds.sort_by_key(|(_, resources)| std::cmp::Reverse(*resources));
        reason.kinds = kinds.into_iter().take(3).collect();
    }
    for (cause, fix_id, key, target, findings) in fixes(tx).await? {
        if let Some(reason) = reasons.get_mut(&cause) {
            reason.fix = Some(MovedFix { fix_id, key, target, findings });
        }
    }
    for (cause, key, value) in groups(tx).await? {
        if let Some(reason) = reasons.get_mut(&cause) {
            reason.group.get_or_insert((key, value));
        }
    }
    for (cause, findings) in named(tx).await? {
        reasons.entry(cause).or_default().findings = findings;
    }
    Ok(reasons)
}

/// Sums by cause alone and by cause and exposure, kind and team; those by exposure come first.
async fn sums(tx: &mut TenantTx) -> Result<Vec<Sum>, StoreError> {
    let sums = sqlx::query_as(
        "select m.cause, m.exposure, r.kind, f.team_id,
             grouping(f.team_id) = 0 as by_team, count(*) as findings, count(distinct m.resource_id) as resources,
             count(*) filter (where m.subject <> '') as flaws,
             count(*) filter (where m.observed ->> 'exploited' = 'true') as exploited
         from moved m
         left join resources r on r.tenant_id = $1 and r.resource_id = m.resource_id
         left join findings f on f.tenant_id = $1 and f.finding_id = m.finding_id
         where m.\"is\" is distinct from m.was or m.loss <> m.was_loss
         group by grouping sets ((m.cause), (m.cause, m.exposure), (m.cause, r.kind), (m.cause, f.team_id))
         order by grouping(m.exposure), grouping(f.team_id)",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(sums)
}

/// The fix that closed most, where it closed more than half of what a cause took away.
async fn fixes(tx: &mut TenantTx) -> Result<Vec<(String, Uuid, String, String, i64)>, StoreError> {
    let fixes = sqlx::query_as(
        "with closed as (
             select cause, was_fix as fix_id, count(*) as findings, sum(was_loss) as loss from moved
             where \"is\" = 'resolved' and was = 'open' group by cause, was_fix
         ), most as (
             select distinct on (cause) cause, fix_id, findings, loss, sum(loss) over (partition by cause) as whole
             from closed order by cause, loss desc, fix_id
         )
         select m.cause, m.fix_id, x.fix_key, x.target, m.findings
         from most m join fixes x on x.tenant_id = $1 and x.fix_id = m.fix_id
         where m.loss * 2 > m.whole",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(fixes)
}

/// The groups that more than half of a cause's findings are in, by the order of their keys.
async fn groups(tx: &mut TenantTx) -> Result<Vec<(String, String, String)>, StoreError> {
    let groups = sqlx::query_as(
        "with changed as (
             select cause, resource_id from moved where \"is\" is distinct from was or loss <> was_loss
         ), whole as (
             select cause, count(*) as findings from changed group by cause
         )
         select m.cause, k.tag_key, r.tags ->> k.tag_key
         from changed m
         join resources r on r.tenant_id = $1 and r.resource_id = m.resource_id
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
         join whole w on w.cause = m.cause
         group by m.cause, k.tag_key, k.place, r.tags ->> k.tag_key, w.findings
         having count(*) * 2 > w.findings
         order by m.cause, k.place",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(groups)
}

/// The findings that moved most, by cause.
async fn named(tx: &mut TenantTx) -> Result<Vec<(String, Vec<Uuid>)>, StoreError> {
    let named = sqlx::query_as(
        "select cause, array_agg(finding_id order by place) from (
             select cause, finding_id, row_number() over (partition by cause order by greatest(loss, was_loss) desc,
                 finding_id) as place
             from moved where \"is\" is distinct from was or loss <> was_loss
         ) m
         where place <= $1 group by cause",
    )
    .bind(NAMED)
    .fetch_all(tx.conn())
    .await?;
    Ok(named)
}
