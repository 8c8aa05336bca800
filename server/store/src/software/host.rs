//! Hosts, as far as their software is concerned: which of them have a package of which something changed.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{ResourceId, SourceId};
use uuid::Uuid;

/// The hosts that any of these packages is installed on: source, account and id.
///
/// # Errors
/// When the database does not answer.
pub async fn hosts_with(
    tx: &mut TenantTx,
    packages: &[Uuid],
) -> Result<Vec<(SourceId, String, ResourceId)>, StoreError> {
    let rows: Vec<(Uuid, String, Uuid)> = sqlx::query_as(
        "select distinct r.source_id, r.account, r.resource_id
         from (select distinct software from installations where tenant_id = $1 and package_id = any($2)) i
         join resources r on r.tenant_id = $1 and r.software = i.software
             and r.retired_at is null and r.kind = 'host.machine'",
    )
    .bind(tx.tenant().0)
    .bind(packages)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(source, account, id)| (SourceId(source), account, ResourceId(id))).collect())
}
