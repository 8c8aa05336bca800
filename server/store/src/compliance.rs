//! What stands behind a control: the resources that its checks judged.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::verdict::Verdict;
use serde_json::Value;
use uuid::Uuid;

/// One resource that a check judged.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Judged {
    pub resource_id: Uuid,
    pub check_id: String,
    pub name: String,
    pub kind: String,
    pub uid: String,
    pub account: String,
    pub region: String,
    pub since: DateTime<Utc>,
    pub message: String,
    pub missing: Option<Value>,
}

fn cursor(row: &Judged) -> String {
    format!("{}~{}", row.check_id, row.resource_id)
}

/// A page of the resources on which one of the checks has the verdict, by check and id.
///
/// # Errors
/// When the database does not answer.
pub async fn judged(
    tx: &mut TenantTx,
    checks: &[String],
    verdict: Verdict,
    page: &PageRequest,
) -> Result<Page<Judged>, StoreError> {
    let (check, id) = page
        .after
        .as_deref()
        .and_then(|text| text.split_once('~'))
        .and_then(|(check, id)| Some((check.to_owned(), id.parse::<Uuid>().ok()?)))
        .unwrap_or((String::new(), Uuid::nil()));
    let rows = sqlx::query_as(
        "select v.resource_id, e.check_id, r.name, r.kind, r.uid, r.account, r.region, v.since, v.message, v.missing
         from unnest($2::text[]) e (check_id)
         cross join lateral (
             select resource_id, since, message, missing from verdicts v
             where v.tenant_id = $1 and v.check_id = e.check_id and v.verdict = $3
               and v.resource_id > case when e.check_id = $4 then $5 else '00000000-0000-0000-0000-000000000000'::uuid end
             order by v.resource_id limit $6
         ) v
         join resources r on r.tenant_id = $1 and r.resource_id = v.resource_id
         where e.check_id collate \"C\" >= $4 collate \"C\"
         order by e.check_id collate \"C\", v.resource_id limit $6",
    )
    .bind(tx.tenant().0)
    .bind(checks)
    .bind(verdict.as_str())
    .bind(check)
    .bind(id)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, cursor))
}
