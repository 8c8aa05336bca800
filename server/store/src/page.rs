//! Keyset paging: one page, and where the next begins.

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PageRequest {
    /// The `next` of the page before.
    pub after: Option<String>,
    pub size: i64,
}

impl<T> Page<T> {
    /// Makes a page of `size` from up to `size + 1` rows; the surplus one tells that there is a next page, which begins
    /// after the last row kept.
    pub fn cut(mut rows: Vec<T>, size: i64, cursor: impl Fn(&T) -> String) -> Self {
        let size = usize::try_from(size).unwrap_or(0);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { items: rows, next }
    }

    /// The same page with each item turned into another.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}
