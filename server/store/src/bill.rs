//! Bills of materials that people hand in.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::seal::Keyring;
use crate::source::{self, NewSource};
use chrono::{DateTime, SecondsFormat, Utc};
use plumbline_core::collect::Connection;
use plumbline_core::id::{BillId, Mint, PersonId, SourceId};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

/// The provider of the source that all of them are in.
pub const PROVIDER: &str = "sbom";
/// What the keys begin with under which the memory has what bills list: it knows of no files.
pub const KEYS: &str = "bill/";
/// The most bills that a tenant keeps.
const MOST: i64 = 2_000;
/// How often the source is read beside the times when something is handed in: what a registry has found meanwhile is left to it.
const POLL_SECONDS: i32 = 3600;
const NAME: &str = "Bills of materials";

/// A bill on its way in.
#[derive(Debug, Clone)]
pub struct NewBill {
    /// `image` or `application`.
    pub kind: &'static str,
    pub name: String,
    pub version: String,
    pub format: &'static str,
    pub made: String,
    pub software: String,
    pub distribution: Option<Value>,
    pub components: i64,
    pub left_out: i64,
    pub examples: Vec<String>,
}

/// A bill that was handed in.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BillRow {
    pub bill_id: Uuid,
    pub kind: String,
    pub name: String,
    pub version: String,
    pub format: String,
    pub made: String,
    pub software: String,
    pub distribution: Option<Value>,
    pub components: i64,
    pub left_out: i64,
    pub examples: Json<Vec<String>>,
    pub uploaded_at: DateTime<Utc>,
    pub removed_at: Option<DateTime<Utc>>,
}

impl BillRow {
    /// The uid of the resource that it tells of.
    #[must_use]
    pub fn uid(&self) -> String {
        match self.kind.as_str() {
            "image" => format!("{}@{}", self.name, self.version),
            _ => format!("application:{}@{}", self.name, self.version),
        }
    }
}

macro_rules! bill_rows {
    ($rest:literal) => {
        concat!(
            "select b.bill_id, b.kind, b.name, b.version, b.format, b.made, b.software, b.distribution, b.components, b.left_out,
                 b.examples, b.uploaded_at, b.removed_at
             from bills b where b.tenant_id = $1 and b.source_id = $2 ",
            $rest
        )
    };
}

/// The source that the tenant's bills are in; none before the first.
///
/// # Errors
/// When the database does not answer.
pub async fn source(tx: &mut TenantTx) -> Result<Option<SourceId>, StoreError> {
    let id: Option<Uuid> = sqlx::query_scalar(
        "select source_id from sources where tenant_id = $1 and provider = $2 and removed_at is null
         order by created_at limit 1",
    )
    .bind(tx.tenant().0)
    .bind(PROVIDER)
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(SourceId))
}

/// The source that the tenant's bills are in, made when there is none.
///
/// # Errors
/// [`StoreError::Conflict`] when another source has its name.
pub async fn source_or_new(tx: &mut TenantTx, keyring: &Keyring, mint: &Mint) -> Result<SourceId, StoreError> {
    // One of two that hand in the first at the same time waits for the other.
    sqlx::query("select pg_advisory_xact_lock(hashtext('plumbline bills'), hashtext($1::text))")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    if let Some(source) = source(tx).await? {
        return Ok(source);
    }
    let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
    let new = NewSource { provider: PROVIDER, name: NAME, poll_seconds: POLL_SECONDS, connection: &connection };
    source::create(tx, &new, keyring, mint).await.map_err(|error| match error {
        StoreError::Conflict(_) => StoreError::Conflict(format!(
            "Another source is called “{NAME}”, which is the name of this one: rename it first."
        )),
        other => other,
    })
}

/// An image that was read from a registry.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RegistryImage {
    pub software: String,
    pub resource_id: Uuid,
    pub name: String,
    pub source_name: String,
}

/// The images of registries whose software is kept under one of these keys.
///
/// # Errors
/// When the database does not answer.
pub async fn registry_images(tx: &mut TenantTx, software: &[String]) -> Result<Vec<RegistryImage>, StoreError> {
    let rows = sqlx::query_as(
        "select r.software, r.resource_id, r.name, s.name as source_name from resources r
         join sources s on s.tenant_id = $1 and s.source_id = r.source_id
         where r.tenant_id = $1 and r.software = any($2) and r.kind = 'image' and r.reader = 'registry.images'
           and r.retired_at is null",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Hands a bill in. One of the same thing takes the place of the former.
///
/// # Errors
/// [`StoreError::Conflict`] when there would be too many.
pub async fn hand_in(
    tx: &mut TenantTx,
    source: SourceId,
    bill: &NewBill,
    person: PersonId,
    mint: &Mint,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into bills (tenant_id, bill_id, source_id, kind, name, version, format, made, software, distribution,
             components, left_out, examples, uploaded_at, uploaded_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (tenant_id, source_id, kind, name, version) do update set format = excluded.format,
             made = excluded.made, software = excluded.software, distribution = excluded.distribution,
             components = excluded.components, left_out = excluded.left_out, examples = excluded.examples,
             uploaded_at = excluded.uploaded_at, uploaded_by = excluded.uploaded_by, removed_at = null",
    )
    .bind(tx.tenant().0)
    .bind(BillId::mint(mint).0)
    .bind(source.0)
    .bind(bill.kind)
    .bind(&bill.name)
    .bind(&bill.version)
    .bind(bill.format)
    .bind(&bill.made)
    .bind(&bill.software)
    .bind(&bill.distribution)
    .bind(bill.components)
    .bind(bill.left_out)
    .bind(Json(&bill.examples))
    .bind(mint.now())
    .bind(person.0)
    .execute(tx.conn())
    .await?;
    let count: i64 =
        sqlx::query_scalar("select count(*) from bills where tenant_id = $1 and source_id = $2 and removed_at is null")
            .bind(tx.tenant().0)
            .bind(source.0)
            .fetch_one(tx.conn())
            .await?;
    if count > MOST {
        return Err(StoreError::Conflict(format!("At most {MOST} bills of materials are kept. Take some away first.")));
    }
    Ok(())
}

/// Takes a bill away. Returns what it was of.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of that id.
pub async fn take_away(tx: &mut TenantTx, bill: BillId, now: DateTime<Utc>) -> Result<(SourceId, String), StoreError> {
    let row: Option<(Uuid, String)> = sqlx::query_as(
        "update bills set removed_at = $3 where tenant_id = $1 and bill_id = $2 and removed_at is null
         returning source_id, name || ' ' || version",
    )
    .bind(tx.tenant().0)
    .bind(bill.0)
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    let (source, of) = row.ok_or(StoreError::NotFound)?;
    Ok((SourceId(source), of.trim_end().to_owned()))
}

/// All bills of a source, those that were taken away too: what a run reads.
///
/// # Errors
/// When the database does not answer.
pub async fn all(tx: &mut TenantTx, source: SourceId) -> Result<Vec<BillRow>, StoreError> {
    let rows = sqlx::query_as(bill_rows!("order by b.kind, b.name, b.version"))
        .bind(tx.tenant().0)
        .bind(source.0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// A page of the bills that are there, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, source: SourceId, page: &PageRequest) -> Result<Page<BillRow>, StoreError> {
    let after = page.after.as_deref().and_then(|after| after.split_once('~'));
    let after = after.and_then(|(at, id)| Some((at.parse::<DateTime<Utc>>().ok()?, id.parse::<Uuid>().ok()?)));
    let (at, id) = after.map_or((None, Uuid::nil()), |(at, id)| (Some(at), id));
    let rows = sqlx::query_as(bill_rows!(
        "and b.removed_at is null and ($3::timestamptz is null or b.uploaded_at < $3 or b.uploaded_at = $3 and b.bill_id > $4)
         order by b.uploaded_at desc, b.bill_id limit $5"
    ))
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(at)
    .bind(id)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    let cursor =
        |row: &BillRow| format!("{}~{}", row.uploaded_at.to_rfc3339_opts(SecondsFormat::Micros, true), row.bill_id);
    Ok(Page::cut(rows, page.size, cursor))
}
