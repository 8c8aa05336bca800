//! Findings: one with its story, and where to find the lists.

mod arms;
mod checks;
mod chosen;
mod facets;
mod filter;
mod known;
mod list;
mod meaning;
mod passing;
mod way;

pub use checks::checks_of;
pub(crate) use chosen::rows;
pub use chosen::{MOST_CHOSEN, matching, ticked};
pub use facets::{FacetCount, Facets, Total, facets, label_values, tag_keys, values};
pub use filter::{Condition, FindingFilter, Search, What};
pub(crate) use filter::{Rows, looked_label, narrowed, narrowed_rows};
pub(crate) use known::Known;
pub use list::{FindingRow, Order, counted_list, list};
pub use meaning::{Reader, Refusal, meaning};
pub(crate) use meaning::{labels_of, lasting_meaning};

/// The query of lines of a list, from a source that names the findings `f`; with its `where` still to come.
macro_rules! rows_of {
    ($from:literal) => {
        concat!(
            "select f.finding_id, f.check_id, f.subject, f.state, f.stage, f.severity, f.risk, f.account, f.region,
                 f.exposure, f.criticality, f.likelihood, f.blast, p.name as assignee, f.team_id, f.due_at, f.resource_id,
                 r.name as resource_name, r.kind as resource_kind, f.opened_at
             from ",
            $from,
            " join resources r on r.tenant_id = f.tenant_id and r.resource_id = f.resource_id
             left join people p on p.person_id = f.assignee_id "
        )
    };
}
pub(crate) use rows_of;

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, FixId, ResourceId};
use serde_json::Value;
use uuid::Uuid;

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingState {
    Open,
    /// Its risk is accepted for a time.
    Accepted,
    Resolved,
}

impl FindingState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Accepted, Self::Resolved];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Resolved => "resolved",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One finding with what is known of its resource and of the scope that lists it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FindingDetail {
    pub finding_id: Uuid,
    pub resource_id: Uuid,
    pub fix_id: Uuid,
    pub source_id: Uuid,
    pub source_name: String,
    pub check_id: String,
    /// Which of several failures of the check this is, such as a flaw of an image; empty where there is one.
    pub subject: String,
    pub state: String,
    pub severity: String,
    pub account: String,
    pub region: String,
    pub exposure: String,
    pub criticality: String,
    pub risk: i16,
    pub observed: Value,
    pub message: String,
    pub first_seen: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub times_reopened: i32,
    pub resource_name: String,
    pub resource_kind: String,
    pub resource_uid: String,
    pub retired_at: Option<DateTime<Utc>>,
    pub verdict: Option<String>,
    /// What the check misses now, when its verdict is unknown.
    pub missing: Option<Value>,
    /// How reading the scope ended last; none when it was never tried.
    pub scope_outcome: Option<String>,
    pub scope_permission: Option<String>,
    pub scope_detail: Option<String>,
    pub scope_complete_at: Option<DateTime<Utc>>,
}

/// One finding.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, finding: FindingId) -> Result<FindingDetail, StoreError> {
    sqlx::query_as(
        "select f.finding_id, f.resource_id, f.fix_id, f.source_id, s.name as source_name, f.check_id, f.subject, f.state, f.severity,
             f.account, f.region, f.exposure, f.criticality, f.risk, f.observed, f.message, f.first_seen, f.opened_at,
             f.resolved_at, f.times_reopened,
             r.name as resource_name, r.kind as resource_kind, r.uid as resource_uid, r.retired_at,
             v.verdict, v.missing,
             c.outcome as scope_outcome, c.permission as scope_permission, c.detail as scope_detail,
             c.complete_at as scope_complete_at
         from findings f
         join sources s on s.tenant_id = f.tenant_id and s.source_id = f.source_id
         join resources r on r.tenant_id = f.tenant_id and r.resource_id = f.resource_id
         left join verdicts v
             on v.tenant_id = f.tenant_id and v.resource_id = f.resource_id and v.check_id = f.check_id
         left join scopes c
             on c.tenant_id = f.tenant_id and c.source_id = r.source_id and c.account = r.account
            and c.region = r.scope_region and c.reader = r.reader
         where f.tenant_id = $1 and f.finding_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}

/// Something that happened to a finding.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FindingEvent {
    pub at: DateTime<Utc>,
    pub event: String,
    pub run_id: Option<Uuid>,
    /// Who did it; none when a run did, or when the person has left.
    pub person: Option<String>,
    pub detail: Value,
}

/// The latest hundred things that happened to a finding, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn history(tx: &mut TenantTx, finding: FindingId) -> Result<Vec<FindingEvent>, StoreError> {
    let events = sqlx::query_as(
        "select e.at, e.event, e.run_id, p.name as person, e.detail
         from finding_events e left join people p on p.person_id = e.person_id
         where e.tenant_id = $1 and e.finding_id = $2 order by e.event_no desc limit 100",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(events)
}

/// The findings of one resource, open ones first; at most two hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn of_resource(tx: &mut TenantTx, resource: ResourceId) -> Result<Vec<FindingRow>, StoreError> {
    let rows = sqlx::query_as(concat!(
        rows_of!("findings f"),
        "where f.tenant_id = $1 and f.resource_id = $2
             order by f.state = 'resolved', f.risk desc, f.finding_id limit 200"
    ))
    .bind(tx.tenant().0)
    .bind(resource.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Open findings that one fix closes, riskiest first, `size` of them after the cursor.
///
/// # Errors
/// When the database does not answer.
pub async fn of_fix(
    tx: &mut TenantTx,
    fix: FixId,
    page: &crate::PageRequest,
) -> Result<crate::Page<FindingRow>, StoreError> {
    let (risk, id) = list::position(page.after.as_deref(), i16::MAX);
    let rows = sqlx::query_as(concat!(
        rows_of!("findings f"),
        "where f.tenant_id = $1 and f.fix_id = $2 and f.state = 'open'
               and f.risk <= $3 and (f.risk < $3 or f.finding_id > $4)
             order by f.risk desc, f.finding_id limit $5"
    ))
    .bind(tx.tenant().0)
    .bind(fix.0)
    .bind(risk)
    .bind(id)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(crate::Page::cut(rows, page.size, FindingRow::cursor))
}

/// These findings, as far as they are there, the greatest risk first.
///
/// # Errors
/// When the database does not answer.
pub async fn these(tx: &mut TenantTx, findings: &[Uuid]) -> Result<Vec<FindingRow>, StoreError> {
    let rows = sqlx::query_as(concat!(
        rows_of!("findings f"),
        "where f.tenant_id = $1 and f.finding_id = any($2) order by f.risk desc, f.finding_id"
    ))
    .bind(tx.tenant().0)
    .bind(findings)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
