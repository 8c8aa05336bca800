//! Which kinds a person wants by e-mail.

use super::Kind;
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::PersonId;
use std::collections::BTreeMap;

/// Whether and when something goes out by e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Never,
    AtOnce,
    /// Once a day with all others of the day.
    Daily,
}

impl Wanted {
    pub const ALL: [Self; 3] = [Self::Never, Self::AtOnce, Self::Daily];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::AtOnce => "at_once",
            Self::Daily => "daily",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wanted| wanted.as_str() == word)
    }

    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Never => "Not by e-mail",
            Self::AtOnce => "At once",
            Self::Daily => "Once a day",
        }
    }
}

/// How a person wants each kind, in the order of [`Kind::ALL`].
///
/// # Errors
/// When the database does not answer.
pub async fn wanted(tx: &mut TenantTx, person: PersonId) -> Result<Vec<(Kind, Wanted)>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select kind, mail from inbox_settings where tenant_id = $1 and person_id = $2")
            .bind(tx.tenant().0)
            .bind(person.0)
            .fetch_all(tx.conn())
            .await?;
    let said: BTreeMap<String, String> = rows.into_iter().collect();
    let of = |kind: Kind| said.get(kind.as_str()).and_then(|word| Wanted::parse(word)).unwrap_or(kind.mail());
    Ok(Kind::ALL.into_iter().map(|kind| (kind, of(kind))).collect())
}

/// Keeps how a person wants these kinds.
///
/// # Errors
/// When the database does not answer.
pub async fn set_wanted(tx: &mut TenantTx, person: PersonId, wanted: &[(Kind, Wanted)]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into inbox_settings (tenant_id, person_id, kind, mail)
         select $1, $2, * from unnest($3::text[], $4::text[])
         on conflict (tenant_id, person_id, kind) do update set mail = excluded.mail",
    )
    .bind(tx.tenant().0)
    .bind(person.0)
    .bind(wanted.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>())
    .bind(wanted.iter().map(|(_, wanted)| wanted.as_str()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}
