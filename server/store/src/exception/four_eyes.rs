//! Whether one person's approval of their own request counts, and who should hear of a request.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::inbox::{self, Kind, Notice};
use chrono::{DateTime, Utc};
use plumbline_core::id::{ExceptionId, Mint, PersonId};
use plumbline_core::role::{Permission, Role};
use uuid::Uuid;

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

fn approving() -> Vec<&'static str> {
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

/// Tells everybody who may approve an exception that it waits for them.
pub(super) async fn notify_approvers(tx: &mut TenantTx, exception: ExceptionId, mint: &Mint) -> Result<(), StoreError> {
    let told = sqlx::query_as(
        "select m.person_id, p.name || ' asks for an exception: ' || regexp_replace(left(e.reason, 120), '\\s+', ' ', 'g')
         from members m
         join exceptions e on e.tenant_id = $1 and e.exception_id = $2
         join people p on p.person_id = e.requested_by
         where m.tenant_id = $1 and m.role = any($3) and m.person_id <> e.requested_by",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(approving())
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::ExceptionAsked, exception, told, mint).await
}

/// Tells whoever asked for an exception what became of it.
pub(super) async fn notify_asker(
    tx: &mut TenantTx,
    exception: ExceptionId,
    became: &str,
    mint: &Mint,
) -> Result<(), StoreError> {
    let told = sqlx::query_as(
        "select requested_by, 'Your exception ' || $3 || ': ' || regexp_replace(left(reason, 120), '\\s+', ' ', 'g')
         from exceptions where tenant_id = $1 and exception_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(became)
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::Exception, exception, told, mint).await
}

/// Tells each of these people a sentence of their own.
async fn tell(
    tx: &mut TenantTx,
    kind: Kind,
    exception: ExceptionId,
    told: Vec<(Uuid, String)>,
    mint: &Mint,
) -> Result<(), StoreError> {
    let link = format!("/exceptions/{exception}");
    let notice = |(person, subject)| Notice { person: PersonId(person), subject, link: link.clone() };
    let notices: Vec<Notice> = told.into_iter().map(notice).collect();
    inbox::tell_many(tx, kind, &notices, mint.now()).await?;
    inbox::wake(tx, mint).await
}
