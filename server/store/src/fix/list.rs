//! The queue itself: in one of five orders, each read in the order of an index.

use super::{FixRow, fix_rows};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::id::SourceId;
use uuid::Uuid;

/// One order: the key that it goes by, its type, and which way.
macro_rules! queue {
    ($key:literal, $type:literal, $beyond:literal, $way:literal) => {
        fix_rows!(
            concat!(
                "with top as (
                     select *, ",
                $key,
                " as sorted_by from fixes
                     where tenant_id = $1 and open_findings > 0
                       and ",
                $key,
                " ",
                $beyond,
                "= $2::text::",
                $type,
                "
                       and (",
                $key,
                " ",
                $beyond,
                " $2::text::",
                $type,
                " or fix_id > $3)
                       and ($4::text[] is null or fix_key = any($4)) and ($5::uuid is null or source_id = $5)
                       and ($6::uuid is null or assignee_id = $6) and ($7::uuid is null or team_id = $7)
                       and (not $8 or assignee_id is null and team_id is null)
                     order by ",
                $key,
                " ",
                $way,
                ", fix_id limit $9
                 ) "
            ),
            "top f",
            concat!("order by f.sorted_by ", $way, ", f.fix_id")
        )
    };
}

/// In which order fixes are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FixSort {
    /// By what is to be done first, all told: [`plumbline_core::fix::Place::rank`].
    #[default]
    Recommended,
    Gain,
    /// By the sum of the risks of what it closes.
    Risk,
    /// By how many attack paths it cuts.
    Paths,
    /// By when the first of its findings is due; those without a date last.
    Due,
}

impl FixSort {
    pub const ALL: [Self; 5] = [Self::Recommended, Self::Gain, Self::Risk, Self::Paths, Self::Due];

    /// The word in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::Gain => "gain",
            Self::Risk => "risk",
            Self::Paths => "paths",
            Self::Due => "due",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == word)
    }

    /// Before the first of all keys.
    fn top(self) -> &'static str {
        match self {
            Self::Recommended | Self::Gain => "Infinity",
            Self::Risk => "9223372036854775807",
            Self::Paths => "2147483647",
            Self::Due => "-infinity",
        }
    }

    fn key(self, row: &FixRow) -> String {
        match self {
            Self::Recommended => row.rank.to_string(),
            Self::Gain => row.gain.to_string(),
            Self::Risk => row.risk.to_string(),
            Self::Paths => row.paths_cut.to_string(),
            Self::Due => row.due_at.map_or_else(|| "infinity".to_owned(), |at| at.to_rfc3339()),
        }
    }

    fn is_key(self, text: &str) -> bool {
        match self {
            Self::Recommended | Self::Gain => text.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Risk => text.parse::<i64>().is_ok(),
            Self::Paths => text.parse::<i32>().is_ok(),
            Self::Due => text == "infinity" || text.parse::<DateTime<Utc>>().is_ok(),
        }
    }

    /// Reads a cursor; one that is none begins at the top.
    fn position(self, after: Option<&str>) -> (String, Uuid) {
        after
            .and_then(|text| text.split_once('~'))
            .and_then(|(key, id)| Some((key.to_owned(), id.parse().ok()?)))
            .filter(|(key, _)| self.is_key(key))
            .unwrap_or_else(|| (self.top().to_owned(), Uuid::nil()))
    }

    fn statement(self) -> &'static str {
        match self {
            Self::Recommended => queue!("rank", "float8", "<", "desc"),
            Self::Gain => queue!("gain", "float8", "<", "desc"),
            Self::Risk => queue!("risk", "bigint", "<", "desc"),
            Self::Paths => queue!("paths_cut", "integer", "<", "desc"),
            Self::Due => queue!("coalesce(due_at, 'infinity'::timestamptz)", "timestamptz", ">", ""),
        }
    }
}

/// Whose fixes are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixOwner {
    Person(Uuid),
    Team(Uuid),
    Nobody,
}

/// What narrows the queue.
#[derive(Debug, Clone, Default)]
pub struct FixFilter {
    /// Fixes of these keys alone.
    pub keys: Option<Vec<String>>,
    pub source: Option<SourceId>,
    pub owner: Option<FixOwner>,
}

/// A page of the fixes that close something.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    tx: &mut TenantTx,
    filter: &FixFilter,
    sort: FixSort,
    page: &PageRequest,
) -> Result<Page<FixRow>, StoreError> {
    let (key, id) = sort.position(page.after.as_deref());
    let (person, team) = match filter.owner {
        Some(FixOwner::Person(person)) => (Some(person), None),
        Some(FixOwner::Team(team)) => (None, Some(team)),
        _ => (None, None),
    };
    let rows = sqlx::query_as(sort.statement())
        .bind(tx.tenant().0)
        .bind(key)
        .bind(id)
        .bind(filter.keys.as_deref())
        .bind(filter.source.map(|source| source.0))
        .bind(person)
        .bind(team)
        .bind(filter.owner == Some(FixOwner::Nobody))
        .bind(page.size + 1)
        .fetch_all(tx.conn())
        .await?;
    Ok(Page::cut(rows, page.size, |row| format!("{}~{}", sort.key(row), row.fix_id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_none_begins_at_the_top() {
        let id = Uuid::nil();
        for text in [None, Some(""), Some("x~y"), Some("NaN~00000000-0000-0000-0000-000000000000"), Some("1.5~x")] {
            assert_eq!(FixSort::Gain.position(text), ("Infinity".to_owned(), id), "{text:?}");
        }
        assert_eq!(FixSort::Due.position(Some("yesterday~x")).0, "-infinity");
    }

    #[test]
    fn a_cursor_comes_back() {
        let id = Uuid::from_u128(7);
        for (sort, key) in [(FixSort::Gain, "0.1"), (FixSort::Risk, "12"), (FixSort::Due, "2026-12-01T00:00:00+00:00")]
        {
            assert_eq!(sort.position(Some(&format!("{key}~{id}"))), (key.to_owned(), id));
        }
    }
}
