//! Views: filters of the list of findings that somebody keeps under a name, alone or for all members.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{PersonId, ViewId};
use uuid::Uuid;

/// One view, as one of its readers sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct View {
    pub view_id: Uuid,
    pub name: String,
    /// The filter as it is typed.
    pub filter: String,
    pub sort: String,
    pub shared: bool,
    /// Whether the reader keeps it.
    pub own: bool,
    /// Who keeps it; none when they have left.
    pub person: Option<String>,
    /// Whether the reader's list opens with it.
    pub is_default: bool,
}

macro_rules! views {
    ($rest:literal) => {
        concat!(
            "select v.view_id, v.name, v.filter, v.sort, v.shared, v.person_id = $2 as own, p.name as person,
                 d.view_id is not null as is_default
             from views v left join people p on p.person_id = v.person_id
             left join default_views d on d.tenant_id = v.tenant_id and d.person_id = $2 and d.view_id = v.view_id
             where v.tenant_id = $1 and (v.person_id = $2 or v.shared) ",
            $rest
        )
    };
}

/// A person's own views and those that others share, own ones first, by name; at most a hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, reader: PersonId) -> Result<Vec<View>, StoreError> {
    let views = sqlx::query_as(views!("order by v.person_id <> $2, lower(v.name), v.view_id limit 100"))
        .bind(tx.tenant().0)
        .bind(reader.0)
        .fetch_all(tx.conn())
        .await?;
    Ok(views)
}

/// One view that the person may see.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut TenantTx, view: ViewId, reader: PersonId) -> Result<View, StoreError> {
    sqlx::query_as(views!("and v.view_id = $3"))
        .bind(tx.tenant().0)
        .bind(reader.0)
        .bind(view.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// The view that a person's list opens with.
///
/// # Errors
/// When the database does not answer.
pub async fn default_of(tx: &mut TenantTx, reader: PersonId) -> Result<Option<View>, StoreError> {
    let view = sqlx::query_as(views!("and d.view_id is not null"))
        .bind(tx.tenant().0)
        .bind(reader.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(view)
}

/// What it takes to keep a view.
#[derive(Debug)]
pub struct NewView<'a> {
    pub view: ViewId,
    pub person: PersonId,
    pub name: &'a str,
    pub filter: &'a str,
    pub sort: &'a str,
    pub shared: bool,
    pub now: DateTime<Utc>,
}

/// Keeps a view.
///
/// # Errors
/// [`StoreError::Conflict`] when the person keeps another of that name.
pub async fn keep(tx: &mut TenantTx, new: &NewView<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into views (tenant_id, view_id, person_id, name, filter, sort, shared, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.tenant().0)
    .bind(new.view.0)
    .bind(new.person.0)
    .bind(new.name)
    .bind(new.filter)
    .bind(new.sort)
    .bind(new.shared)
    .bind(new.now)
    .execute(tx.conn())
    .await
    .map_err(in_words)?;
    Ok(())
}

/// Renames a view of one's own, and shares it or no longer.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] when the person keeps another of that name.
pub async fn change(
    tx: &mut TenantTx,
    view: ViewId,
    person: PersonId,
    name: &str,
    shared: bool,
) -> Result<(), StoreError> {
    let done =
        sqlx::query("update views set name = $4, shared = $5 where tenant_id = $1 and view_id = $2 and person_id = $3")
            .bind(tx.tenant().0)
            .bind(view.0)
            .bind(person.0)
            .bind(name)
            .bind(shared)
            .execute(tx.conn())
            .await
            .map_err(in_words)?;
    if !shared {
        // It is nobody else's to open with any more.
        sqlx::query("delete from default_views where tenant_id = $1 and view_id = $2 and person_id <> $3")
            .bind(tx.tenant().0)
            .bind(view.0)
            .bind(person.0)
            .execute(tx.conn())
            .await?;
    }
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Removes a view of one's own.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn remove(tx: &mut TenantTx, view: ViewId, person: PersonId) -> Result<(), StoreError> {
    let done = sqlx::query("delete from views where tenant_id = $1 and view_id = $2 and person_id = $3")
        .bind(tx.tenant().0)
        .bind(view.0)
        .bind(person.0)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Has a person's list open with a view, or with none.
///
/// # Errors
/// When the database does not answer.
pub async fn open_with(tx: &mut TenantTx, person: PersonId, view: Option<ViewId>) -> Result<(), StoreError> {
    sqlx::query("delete from default_views where tenant_id = $1 and person_id = $2")
        .bind(tx.tenant().0)
        .bind(person.0)
        .execute(tx.conn())
        .await?;
    if let Some(view) = view {
        sqlx::query("insert into default_views (tenant_id, person_id, view_id) values ($1, $2, $3)")
            .bind(tx.tenant().0)
            .bind(person.0)
            .bind(view.0)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

fn in_words(error: sqlx::Error) -> StoreError {
    StoreError::on_constraint(error, "views_name", "You keep a view of that name already.")
}
