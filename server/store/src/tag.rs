//! Tags over time: which digest each led to, and when that changed.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{ResourceId, SourceId};
use uuid::Uuid;

/// The repositories of a source of which this run saw something new, and what their tags lead to now.
macro_rules! seen_now {
    ($then:literal) => {
        concat!(
            "with repository as materialized (
                 select r.resource_id, r.retired_at is not null as gone, coalesce(r.attributes -> 'Tags', '[]') as tags,
                     (r.attributes ->> 'TagCount')::bigint <= jsonb_array_length(r.attributes -> 'Tags') as whole,
                     r.attributes -> 'SelectedTags' as selected
                 from resources r
                 where r.tenant_id = $1 and r.source_id = $2 and r.kind = 'registry.repository'
                   and (r.retired_at = $3 or r.retired_at is null and jsonb_typeof(r.attributes -> 'SelectedTags') = 'array'
                       and (r.changed_at = $3 or not exists (
                           select from image_tags t where t.tenant_id = $1 and t.repository_id = r.resource_id)))
             ), leads as materialized (
                 select distinct on (r.resource_id, 2) r.resource_id, e ->> 'tag' as tag, e ->> 'digest' as digest
                 from repository r cross join lateral jsonb_array_elements(r.selected) e
                 where not r.gone
             ) ",
            $then
        )
    };
}

/// Follows the tags of a source's repositories, as its run just saw them. To be called once the run's resources are merged.
///
/// # Errors
/// When the database does not answer.
pub async fn follow(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let left = seen_now!(
        "update image_tags t set left_at = $3, how = case
             when exists (select from leads l where l.resource_id = t.repository_id and l.tag = t.tag) then 'moved'
             when r.gone or (r.whole and not r.tags ? t.tag) then 'removed'
             else 'unseen' end
         from repository r
         where t.tenant_id = $1 and t.repository_id = r.resource_id and t.left_at is null and not exists (
             select from leads l where l.resource_id = t.repository_id and l.tag = t.tag and l.digest = t.digest)"
    );
    let again = seen_now!(
        "update image_tags t set left_at = null, how = null
         from leads l
         where t.tenant_id = $1 and t.repository_id = l.resource_id and t.tag = l.tag and t.digest = l.digest
           and t.how = 'unseen' and not exists (
               select from image_tags o where o.tenant_id = $1 and o.repository_id = t.repository_id and o.tag = t.tag
                   and o.first_seen > t.first_seen)"
    );
    let new = seen_now!(
        "insert into image_tags (tenant_id, repository_id, tag, digest, first_seen)
         select $1, l.resource_id, l.tag, l.digest, $3 from leads l
         where not exists (
             select from image_tags t where t.tenant_id = $1 and t.repository_id = l.resource_id and t.tag = l.tag
                 and t.left_at is null)
         order by l.resource_id, l.tag"
    );
    for sql in [left, again, new] {
        sqlx::query(sql).bind(tx.tenant().0).bind(source.0).bind(now).execute(tx.conn()).await?;
    }
    Ok(())
}

/// A stretch of time in which a tag led to a digest, with what came before and after it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TagStretch {
    pub tag: String,
    pub digest: String,
    pub first_seen: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    pub how: Option<String>,
    /// The image with the digest, if it was read as one.
    pub image_id: Option<Uuid>,
    pub from_digest: Option<String>,
    pub from_id: Option<Uuid>,
    pub to_digest: Option<String>,
    pub to_id: Option<Uuid>,
}

/// The stretches of a repository's tags, newest first; of these digests only, where any is named. `uid` is the
/// repository's.
///
/// # Errors
/// When the database does not answer.
pub async fn stretches(
    tx: &mut TenantTx,
    repository: ResourceId,
    uid: &str,
    digests: Option<&[String]>,
    at_most: i64,
) -> Result<Vec<TagStretch>, StoreError> {
    let rows = sqlx::query_as(
        "with chosen as materialized (
             select tag, digest, first_seen, left_at, how from image_tags
             where tenant_id = $1 and repository_id = $2 and ($4::text[] is null or digest = any($4))
             order by first_seen desc, tag limit $5
         )
         select c.tag, c.digest, c.first_seen, c.left_at, c.how, i.resource_id as image_id,
             b.digest as from_digest, bi.resource_id as from_id, a.digest as to_digest, ai.resource_id as to_id
         from chosen c
         left join image_tags b on b.tenant_id = $1 and b.repository_id = $2 and b.tag = c.tag
             and b.left_at = c.first_seen and b.how = 'moved'
         left join image_tags a on a.tenant_id = $1 and a.repository_id = $2 and a.tag = c.tag
             and a.first_seen = c.left_at and c.how = 'moved'
         left join resources i on i.tenant_id = $1 and i.uid = $3 || '@' || c.digest and i.kind = 'image'
         left join resources bi on bi.tenant_id = $1 and bi.uid = $3 || '@' || b.digest and bi.kind = 'image'
         left join resources ai on ai.tenant_id = $1 and ai.uid = $3 || '@' || a.digest and ai.kind = 'image'
         order by c.first_seen desc, c.tag",
    )
    .bind(tx.tenant().0)
    .bind(repository.0)
    .bind(uid)
    .bind(digests)
    .bind(at_most)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
