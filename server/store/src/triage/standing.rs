//! Where one finding stands in triage.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::FindingId;
use uuid::Uuid;

/// The state of the work on a finding, whose it is, and by when it is due.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Standing {
    pub stage: String,
    pub claimed_at: Option<DateTime<Utc>>,
    pub team_id: Option<Uuid>,
    pub team: Option<String>,
    pub assignee_id: Option<Uuid>,
    pub assignee: Option<String>,
    /// A person said whose it is, and no rule changes that.
    pub owned_by_hand: bool,
    pub due_at: Option<DateTime<Utc>>,
    pub due_by_hand: bool,
}

/// Where a finding stands.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn standing(tx: &mut TenantTx, finding: FindingId) -> Result<Standing, StoreError> {
    sqlx::query_as(
        "select f.stage, f.claimed_at, f.team_id, t.name as team, f.assignee_id, p.name as assignee, f.owned_by_hand,
             f.due_at, f.due_by_hand
         from findings f
         left join teams t on t.tenant_id = f.tenant_id and t.team_id = f.team_id
         left join people p on p.person_id = f.assignee_id
         where f.tenant_id = $1 and f.finding_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}
