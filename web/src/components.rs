//! What is installed in images: the list, found by name, and one component with its images and flaws.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::flaw::{self, Image};
use crate::flaws::{percent, score};
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_store::software::{self, ComponentFlaw, ComponentRow};
use plumbline_store::{PageRequest, StoreError, TenantTx};
use url::form_urlencoded;
use uuid::Uuid;

const PAGE: i64 = 50;
/// As many images as the store gives at most.
const MOST_IMAGES: usize = 200;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/components", index), Route::get("/components/{component}", show)]
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let query = Query::parse(&call.visit().here);
    let list = List::read(&mut call.tx, &query).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Components), list })
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let found = software::component(&mut call.tx, *id).await?;
    let flaws = software::component_flaws(&mut call.tx, *id).await?;
    let rows = software::component_images(&mut call.tx, *id).await?;
    let page = OnePage {
        frame: call.frame(Nav::Components),
        component: Component::of(&found),
        flaws: flaws.iter().map(FlawOfOne::of).collect(),
        flaws_cut: usize::try_from(found.flaws).is_ok_and(|all| all > flaws.len()),
        images: flaw::grouped(&rows, &[]),
        cut: rows.len() >= MOST_IMAGES,
    };
    call.page(&page)
}

#[derive(Template)]
#[template(path = "components/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

#[derive(Template)]
#[template(path = "components/one.html")]
struct OnePage {
    frame: Frame,
    component: Component,
    flaws: Vec<FlawOfOne>,
    /// Whether there are more flaws than are shown.
    flaws_cut: bool,
    images: Vec<Image>,
    /// Whether there may be more images than are shown.
    cut: bool,
}

/// What the address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Query {
    /// The beginning of a name.
    text: String,
    after: Option<String>,
}

impl Query {
    fn parse(address: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "q" => query.text = value,
                "after" => query.after = Some(value),
                _ => {}
            }
        }
        query
    }

    fn href(&self, after: Option<&str>) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            out.append_pair("q", &self.text);
        }
        if let Some(after) = after {
            out.append_pair("after", after);
        }
        let text = out.finish();
        if text.is_empty() { "/components".to_owned() } else { format!("/components?{text}") }
    }
}

/// One component.
struct Component {
    id: String,
    name: String,
    version: String,
    kind: String,
    distribution: String,
    licence: String,
    purl: String,
    unjudged: Option<String>,
    images: i64,
    flaws: i64,
}

impl Component {
    fn of(row: &ComponentRow) -> Self {
        Self {
            id: row.package_id.to_string(),
            name: row.name.clone(),
            version: row.version.clone(),
            kind: row.kind.clone(),
            distribution: row.distribution.clone(),
            licence: row.licence.clone(),
            purl: row.purl.clone(),
            unjudged: row.unjudged.clone(),
            images: row.images,
            flaws: row.flaws,
        }
    }

    fn images_text(&self) -> String {
        text::plural(self.images, "image")
    }
}

/// A flaw of the component.
struct FlawOfOne {
    id: String,
    href: String,
    severity: String,
    cvss: Option<String>,
    fixed_in: Option<String>,
    exploited: bool,
    epss: Option<String>,
}

impl FlawOfOne {
    fn of(row: &ComponentFlaw) -> Self {
        Self {
            id: row.flaw_id.clone(),
            href: flaw::href(&row.flaw_id),
            severity: row.severity.clone(),
            cvss: row.cvss.map(score),
            fixed_in: row.fixed_in.clone(),
            exploited: row.exploited,
            epss: row.probability.map(percent),
        }
    }
}

/// The list, or its further pages.
#[derive(Template)]
#[template(path = "components/_list.html")]
struct List {
    text: String,
    components: Vec<Component>,
    next: Option<String>,
    first: bool,
    start: String,
}

impl List {
    async fn read(tx: &mut TenantTx, query: &Query) -> Result<Self, StoreError> {
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let found = software::components(tx, &query.text, &page).await?;
        Ok(Self {
            text: query.text.clone(),
            components: found.items.iter().map(Component::of).collect(),
            next: found.next.map(|after| query.href(Some(&after))),
            first: query.after.is_none(),
            start: query.href(None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let query = Query::parse("/components?q=%40scope%2Ftool&after=a~b&colour=red");
        assert_eq!(query.href(query.after.as_deref()), "/components?q=%40scope%2Ftool&after=a%7Eb");
        assert_eq!(query.href(None), "/components?q=%40scope%2Ftool");
        assert_eq!(Query::parse("/components?q=").href(None), "/components");
    }
}
