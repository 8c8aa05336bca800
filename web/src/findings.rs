//! The list of findings: one line of words that narrows it, facets that write the same words, and pages, all in the
//! address.

mod complete;
mod counts;
mod line;
mod query;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::facets::{self, Chip};
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, views};
use actix_web::HttpResponse;
use askama::Template;
use counts::Counts;
pub(crate) use line::FindingLine;
use plumbline_core::filter::{FIELDS, FieldInfo, Mistake};
use plumbline_core::role::Permission;
use plumbline_policy::Catalogue;
use plumbline_store::finding::{FindingFilter, Order, Total};
pub(crate) use plumbline_store::finding::{Reader, Refusal};
use plumbline_store::tenant::member;
use plumbline_store::triage::Team;
use plumbline_store::{PageRequest, TenantTx, finding, source, triage, view};
pub(crate) use query::Query;

const PAGE: i64 = 50;
/// What is typed into the filter, at most.
pub(crate) const LONGEST: usize = 1000;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/findings", index),
        Route::get("/findings/filter", explain),
        Route::get("/findings/complete", complete::complete),
    ]
}

#[derive(Template)]
#[template(path = "findings/filter.html")]
struct ExplainPage {
    frame: Frame,
    fields: &'static [FieldInfo],
}

/// What can be typed into the filter.
async fn explain(call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    call.page(&ExplainPage { frame: call.frame(Nav::Findings), fields: &FIELDS })
}

/// The list of a filter.
pub(crate) fn href_of(filter: &str) -> String {
    Query::typed(filter, Order::Risk).href()
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let here = call.visit().here.clone();
    if here == "/findings"
        && let Some(view) = view::default_of(&mut call.tx, call.actor.id).await?
    {
        return Ok(call.visit().go(&views::href(&view)));
    }
    let query = Query::parse(&here);
    let list = match List::read(&mut call, &query).await {
        Err(Refusal::Mistake(mistake)) if call.wants_fragment() => return refuse(&call, &query, &mistake),
        Err(Refusal::Mistake(mistake)) => List::refused(&mut call, &query, &mistake).await?,
        Err(Refusal::Store(error)) => return Err(error.into()),
        Ok(list) => list,
    };
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Findings), list })
}

/// Says what is not understood, and leaves the list and the address as they are.
fn refuse(call: &Call<ReadPosture>, query: &Query, mistake: &Mistake) -> Result<HttpResponse, WebError> {
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("HX-Retarget", "#filter-says")).insert_header(("HX-Reswap", "outerHTML"));
    answer.insert_header(("HX-Push-Url", "false"));
    call.visit().page_with(answer, &Says { mistake: Some(Refused::of(mistake, query)) })
}

async fn meaning(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    query: &Query,
    reader: Reader,
) -> Result<FindingFilter, Refusal> {
    match &query.mistake {
        Some(mistake) => Err(Refusal::Mistake(mistake.clone())),
        None => finding::meaning(tx, catalogue.terms(), &query.filter, &query.typed, reader).await,
    }
}

/// What a filter in an address means, for what is done to all that the list of it shows.
pub(crate) async fn filter(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    address: &str,
    reader: Reader,
) -> Result<FindingFilter, WebError> {
    let query = Query::parse(&format!("?{address}"));
    match meaning(tx, catalogue, &query, reader).await {
        Ok(filter) => Ok(filter),
        Err(Refusal::Mistake(mistake)) => Err(WebError::Invalid(mistake.to_string())),
        Err(Refusal::Store(error)) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "findings/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

/// What is not understood of a filter.
#[derive(Template)]
#[template(path = "findings/_says.html")]
struct Says {
    mistake: Option<Refused>,
}

struct Refused {
    says: String,
    /// The filter with the nearest word that would be understood, and its list.
    instead: Option<(String, String)>,
}

impl Refused {
    fn of(mistake: &Mistake, query: &Query) -> Self {
        let instead = mistake.instead.as_ref().map(|typed| {
            let mended = Query { typed: typed.clone(), after: None, ..query.clone() };
            (typed.clone(), mended.href())
        });
        Self { says: mistake.to_string(), instead }
    }
}

/// An order of the list, and the list in it.
struct Sort {
    title: &'static str,
    href: String,
    chosen: bool,
}

/// The list with its facets.
#[derive(Template)]
#[template(path = "findings/_list.html")]
struct List {
    facets: Vec<facets::Facet>,
    chips: Vec<Chip>,
    sorts: Vec<Sort>,
    views: views::Views,
    typed: String,
    sort: &'static str,
    mistake: Option<Refused>,
    /// How many the filter leaves; none where only counting them would tell.
    total: Option<String>,
    caption: String,
    findings: Vec<FindingLine>,
    next: Option<String>,
    first: bool,
    start: String,
    narrowed: bool,
    /// Whether there is anything to look at in any state.
    any: bool,
    has_sources: bool,
    may_triage: bool,
    /// What the list is, as its address has it: for what is done to all of it.
    line: String,
    /// Where an exception of all of it is asked for.
    accept: String,
    teams: Vec<Team>,
    /// Whom findings can be given to.
    people: Vec<(String, String)>,
    csrf: String,
}

impl List {
    async fn read(call: &mut Call<ReadPosture>, query: &Query) -> Result<Self, Refusal> {
        let (catalogue, now) = (call.catalogue(), call.now);
        let reader = Reader { me: call.actor.id, now };
        let filter = meaning(&mut call.tx, catalogue, query, reader).await?;
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let (rows, total) = finding::counted_list(&mut call.tx, &filter, query.order, &page).await?;
        let sources = source::names(&mut call.tx).await?;
        let counts = Counts::read(&mut call.tx, catalogue, query, &filter).await?;
        let mut list = Self::empty(call, query).await?;
        let line = |row| FindingLine::of(row, catalogue, now).of_team(row, &list.teams);
        list.findings = rows.items.iter().map(line).collect();
        list.next = rows.next.map(|after| query.from(Some(&after)).href());
        list.facets = counts.view(catalogue, query, &sources);
        list.chips = counts::chips(catalogue, query);
        list.total = match total {
            Total::Exactly(findings) => Some(text::plural(findings, "finding")),
            Total::MoreThan(findings) => Some(format!("{}+ findings", text::number(findings))),
            Total::Unknown => None,
        };
        list.caption = list.captioned(query.order);
        list.any = counts.any();
        list.has_sources = !sources.is_empty();
        Ok(list)
    }

    /// What stands around the findings.
    async fn empty(call: &mut Call<ReadPosture>, query: &Query) -> Result<Self, Refusal> {
        let may_triage = call.may(Permission::Triage);
        let sorts = Order::ALL.map(|order| Sort {
            title: title(order),
            href: query.ordered(order).href(),
            chosen: order == query.order,
        });
        let line = query.line();
        Ok(Self {
            facets: Vec::new(),
            chips: Vec::new(),
            sorts: sorts.into(),
            views: views::Views::read(call, query).await?,
            typed: query.typed.clone(),
            sort: query.order.as_str(),
            mistake: None,
            total: None,
            caption: String::new(),
            findings: Vec::new(),
            next: None,
            first: query.after.is_none(),
            start: query.from(None).href(),
            narrowed: query.is_narrowed(),
            any: true,
            has_sources: true,
            may_triage,
            accept: format!("/exceptions/new?{}", crate::fixes::pair("q", &query.typed)),
            line: if line.is_empty() { "q=".to_owned() } else { line },
            teams: triage::teams(&mut call.tx).await?,
            people: if may_triage { people(call).await? } else { Vec::new() },
            csrf: call.csrf(),
        })
    }

    /// A list of nothing that says what was not understood, and keeps what was typed.
    async fn refused(call: &mut Call<ReadPosture>, query: &Query, mistake: &Mistake) -> Result<Self, WebError> {
        match Self::empty(call, query).await {
            Ok(list) => Ok(Self { mistake: Some(Refused::of(mistake, query)), ..list }),
            Err(Refusal::Store(error)) => Err(error.into()),
            Err(Refusal::Mistake(mistake)) => Err(WebError::Invalid(mistake.to_string())),
        }
    }

    fn captioned(&self, order: Order) -> String {
        let what = self.total.as_deref().unwrap_or("Findings");
        let continued = if self.first { "" } else { ", continued" };
        let order = match order {
            Order::Risk => "riskiest first",
            Order::Due => "due next first",
            Order::Newest => "newest first",
            Order::Oldest => "oldest first",
        };
        format!("{what}, {order}{continued}")
    }
}

async fn people(call: &mut Call<ReadPosture>) -> Result<Vec<(String, String)>, Refusal> {
    let members = member::list(&mut call.tx).await?;
    let me = ("me".to_owned(), "Me".to_owned());
    let others = members.into_iter().filter(|member| member.person != call.actor.id);
    Ok([me].into_iter().chain(others.map(|member| (member.person.to_string(), member.name))).collect())
}

fn title(order: Order) -> &'static str {
    match order {
        Order::Risk => "Risk",
        Order::Due => "Due",
        Order::Newest => "Newest",
        Order::Oldest => "Oldest",
    }
}
