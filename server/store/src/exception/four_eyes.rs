//! Whether one person's approval of their own request counts.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::PersonId;
use plumbline_core::role::{Permission, Role};

/// How a tenant approves exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FourEyes {
    /// Whether somebody else approves, as it is set.
    pub on: bool,
    /// How many members may approve.
    pub approvers: i64,
}

impl FourEyes {
    /// Whether an asker may approve their own: only where nobody else could.
    #[must_use]
    pub fn own_allowed(self) -> bool {
        !self.on && self.approvers <= 1
    }
}

pub(super) fn approving() -> Vec<&'static str> {
    Role::ALL.into_iter().filter(|role| role.may(Permission::ApproveException)).map(Role::as_str).collect()
}

/// How this tenant approves.
///
/// # Errors
/// When the database does not answer.
pub async fn four_eyes(tx: &mut TenantTx) -> Result<FourEyes, StoreError> {
    let (on, approvers) = sqlx::query_as(
        "select coalesce((select four_eyes from exception_policies where tenant_id = $1), true),
             (select count(*) from members where tenant_id = $1 and role = any($2))",
    )
    .bind(tx.tenant().0)
    .bind(approving())
    .fetch_one(tx.conn())
    .await?;
    Ok(FourEyes { on, approvers })
}

/// Switches four eyes on or off.
///
/// # Errors
/// [`StoreError::Conflict`] when they are switched off while there is more than one approver.
pub async fn set_four_eyes(tx: &mut TenantTx, on: bool, by: PersonId, now: DateTime<Utc>) -> Result<(), StoreError> {
    if !on && four_eyes(tx).await?.approvers > 1 {
        return Err(StoreError::Conflict(
            "There is more than one owner or CISO, so that somebody else can approve.".to_owned(),
        ));
    }
    sqlx::query(
        "insert into exception_policies (tenant_id, four_eyes, changed_by, changed_at) values ($1, $2, $3, $4)
         on conflict (tenant_id) do update set four_eyes = excluded.four_eyes, changed_by = excluded.changed_by,
             changed_at = excluded.changed_at",
    )
    .bind(tx.tenant().0)
    .bind(on)
    .bind(by.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}
