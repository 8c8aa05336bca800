//! Tags of a repository over time, in words.

use crate::text;
use chrono::{DateTime, Utc};
use plumbline_core::text::short_hashes;
use plumbline_store::tag::TagStretch;

/// Stretches that are shown.
pub(crate) const SHOWN: i64 = 50;

/// The tags of a repository, or of one image of it.
pub(crate) struct Tags {
    pub(crate) lines: Vec<TagLine>,
    /// Whether there may be older ones that are not shown.
    pub(crate) full: bool,
    /// Whether each line names its image: on the repository's page, not on the image's own.
    pub(crate) of_repository: bool,
}

impl Tags {
    pub(crate) fn of(rows: &[TagStretch], of_repository: bool, now: DateTime<Utc>) -> Self {
        let full = i64::try_from(rows.len()).is_ok_and(|count| count >= SHOWN);
        Self { lines: rows.iter().map(|row| TagLine::of(row, now)).collect(), full, of_repository }
    }
}

/// One tag for as long as it led to one digest.
pub(crate) struct TagLine {
    pub(crate) tag: String,
    pub(crate) image: Other,
    pub(crate) now: bool,
    pub(crate) since: String,
    pub(crate) machine_since: String,
    /// What it led to before.
    pub(crate) from: Option<Other>,
    /// When it ended, and how.
    pub(crate) end: Option<(String, &'static str)>,
    /// What it leads to instead.
    pub(crate) to: Option<Other>,
}

/// An image by its digest.
pub(crate) struct Other {
    /// None when it was not read as an image.
    pub(crate) href: Option<String>,
    pub(crate) digest: String,
}

impl Other {
    fn of(digest: &str, id: Option<uuid::Uuid>) -> Self {
        Self { href: id.map(|id| format!("/resources/{id}")), digest: short_hashes(digest) }
    }
}

impl TagLine {
    fn of(row: &TagStretch, now: DateTime<Utc>) -> Self {
        let how = match row.how.as_deref() {
            Some("moved") => "moved",
            Some("removed") => "removed",
            _ => "not followed any more",
        };
        Self {
            tag: row.tag.clone(),
            image: Other::of(&row.digest, row.image_id),
            now: row.left_at.is_none(),
            since: text::ago(row.first_seen, now),
            machine_since: text::machine(row.first_seen),
            from: row.from_digest.as_deref().map(|digest| Other::of(digest, row.from_id)),
            end: row.left_at.map(|at| (text::when(at), how)),
            to: row.to_digest.as_deref().map(|digest| Other::of(digest, row.to_id)),
        }
    }
}
