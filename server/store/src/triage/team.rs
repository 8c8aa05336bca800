//! Teams: members under one name, who own findings together.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::PersonId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A team.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Team {
    pub team_id: Uuid,
    pub name: String,
    pub members: i64,
}

/// All teams by name.
///
/// # Errors
/// When the database does not answer.
pub async fn teams(tx: &mut TenantTx) -> Result<Vec<Team>, StoreError> {
    let rows = sqlx::query_as(
        "select t.team_id, t.name, count(m.person_id) as members
         from teams t left join team_members m on m.tenant_id = $1 and m.team_id = t.team_id
         where t.tenant_id = $1 group by t.team_id, t.name order by lower(t.name)",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Makes a team.
///
/// # Errors
/// [`StoreError::Conflict`] when there is one of that name.
pub async fn create_team(tx: &mut TenantTx, id: Uuid, name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("insert into teams (tenant_id, team_id, name, created_at) values ($1, $2, $3, $4)")
        .bind(tx.tenant().0)
        .bind(id)
        .bind(name)
        .bind(now)
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::on_constraint(error, "teams_name", "There is a team of that name already."))?;
    Ok(())
}

/// Ends a team. Its findings are nobody's; returns its name. The caller holds [`crate::reconcile::lock`].
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of that id.
pub async fn remove_team(tx: &mut TenantTx, team: Uuid) -> Result<String, StoreError> {
    let name: Option<String> =
        sqlx::query_scalar("delete from teams where tenant_id = $1 and team_id = $2 returning name")
            .bind(tx.tenant().0)
            .bind(team)
            .fetch_optional(tx.conn())
            .await?;
    let name = name.ok_or(StoreError::NotFound)?;
    super::disown(tx, super::Leaving::Team(team)).await?;
    Ok(name)
}

/// Who is in a team.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of that id.
pub async fn members_of(tx: &mut TenantTx, team: Uuid) -> Result<(String, Vec<PersonId>), StoreError> {
    let name: Option<String> = sqlx::query_scalar("select name from teams where tenant_id = $1 and team_id = $2")
        .bind(tx.tenant().0)
        .bind(team)
        .fetch_optional(tx.conn())
        .await?;
    let name = name.ok_or(StoreError::NotFound)?;
    let people: Vec<Uuid> =
        sqlx::query_scalar("select person_id from team_members where tenant_id = $1 and team_id = $2")
            .bind(tx.tenant().0)
            .bind(team)
            .fetch_all(tx.conn())
            .await?;
    Ok((name, people.into_iter().map(PersonId).collect()))
}

/// Who is in each team.
///
/// # Errors
/// When the database does not answer.
pub async fn members_of_all(tx: &mut TenantTx) -> Result<BTreeMap<Uuid, Vec<PersonId>>, StoreError> {
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("select team_id, person_id from team_members where tenant_id = $1 order by team_id, person_id")
            .bind(tx.tenant().0)
            .fetch_all(tx.conn())
            .await?;
    let mut of_team: BTreeMap<Uuid, Vec<PersonId>> = BTreeMap::new();
    for (team, person) in rows {
        of_team.entry(team).or_default().push(PersonId(person));
    }
    Ok(of_team)
}

/// Says who is in a team; whoever is no member of the tenant is left out.
///
/// # Errors
/// When the database does not answer.
pub async fn set_members(tx: &mut TenantTx, team: Uuid, people: &[PersonId]) -> Result<(), StoreError> {
    let people: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    sqlx::query("delete from team_members where tenant_id = $1 and team_id = $2 and person_id <> all($3)")
        .bind(tx.tenant().0)
        .bind(team)
        .bind(&people)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into team_members (tenant_id, team_id, person_id)
         select $1, $2, person_id from members where tenant_id = $1 and person_id = any($3)
         on conflict do nothing",
    )
    .bind(tx.tenant().0)
    .bind(team)
    .bind(&people)
    .execute(tx.conn())
    .await?;
    Ok(())
}
