//! What is installed in one image, worst first.

use crate::words;
use plumbline_core::id::ResourceId;
use plumbline_store::software::{self, ImageComponent};
use plumbline_store::{PageRequest, StoreError, TenantTx};
use url::form_urlencoded;

const PAGE: i64 = 40;

/// What the address of the page says of the components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// All of them, and not only those with flaws or in doubt.
    all: bool,
    after: Option<String>,
}

impl Query {
    pub(crate) fn parse(address: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "all" => query.all = true,
                "after" => query.after = Some(value),
                _ => {}
            }
        }
        query
    }

    fn href(image: ResourceId, all: bool, after: Option<&str>) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        if all {
            out.append_pair("all", "yes");
        }
        if let Some(after) = after {
            out.append_pair("after", after);
        }
        let text = out.finish();
        let separator = if text.is_empty() { "" } else { "?" };
        format!("/resources/{image}{separator}{text}#components")
    }
}

/// A page of the components.
pub(crate) struct Components {
    pub(crate) lines: Vec<Line>,
    pub(crate) all: bool,
    /// The address with all of them, or with the bad ones alone.
    pub(crate) other: String,
    pub(crate) first: bool,
    pub(crate) start: String,
    pub(crate) next: Option<String>,
}

pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) licence: String,
    pub(crate) path: String,
    /// As people count, from 1.
    pub(crate) layer: i32,
    pub(crate) unjudged: Option<String>,
    pub(crate) flaws: i64,
    pub(crate) fixable: i64,
    /// The class and the word of the worst flaw.
    pub(crate) worst: Option<(&'static str, &'static str)>,
}

impl Components {
    pub(crate) async fn read(
        tx: &mut TenantTx,
        image: ResourceId,
        software: &str,
        query: &Query,
    ) -> Result<Self, StoreError> {
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let found = software::components_of_image(tx, software, query.all, &page).await?;
        Ok(Self {
            lines: found.items.into_iter().map(Line::of).collect(),
            all: query.all,
            other: Query::href(image, !query.all, None),
            first: query.after.is_none(),
            start: Query::href(image, query.all, None),
            next: found.next.map(|after| Query::href(image, query.all, Some(&after))),
        })
    }
}

impl Line {
    fn of(row: ImageComponent) -> Self {
        Self {
            id: row.package_id.to_string(),
            name: row.name,
            version: row.version,
            kind: row.kind,
            licence: row.licence,
            path: row.path,
            layer: row.layer.saturating_add(1),
            unjudged: row.unjudged,
            flaws: row.flaws,
            fixable: row.fixable,
            worst: worst(row.worst),
        }
    }
}

fn worst(rank: i32) -> Option<(&'static str, &'static str)> {
    match rank {
        5.. => Some(("critical", "exploited")),
        4 => Some(("critical", "critical")),
        3 => Some(("high", "high")),
        2 => Some(("medium", "medium")),
        1 => Some(("low", "low")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let image = ResourceId(uuid::Uuid::nil());
        let href = Query::href(image, true, Some("[4,\"a b\"]"));
        assert_eq!(href, format!("/resources/{image}?all=yes&after=%5B4%2C%22a+b%22%5D#components"));
        let asked = href.split('#').next().expect("an address");
        assert_eq!(Query::parse(asked), Query { all: true, after: Some("[4,\"a b\"]".to_owned()) });
        assert_eq!(Query::href(image, false, None), format!("/resources/{image}#components"));
    }
}
