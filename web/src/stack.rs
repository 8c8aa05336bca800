//! The stack around one resource, drawn from the internet down: how it is reached, what it leads on to, and what whoever has
//! it has next.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::words;
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::ResourceId;
use plumbline_store::stack::{self, Hop, Level, Stack};
use std::collections::HashMap;
use uuid::Uuid;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/resources/{resource}/stack", show)]
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let found = stack::around(&mut call.tx, ResourceId(id.into_inner())).await?;
    call.page(&Page::of(call.frame(Nav::Resources), found)?)
}

#[derive(Template)]
#[template(path = "resources/stack.html")]
struct Page {
    frame: Frame,
    id: String,
    name: String,
    kind: String,
    /// Whether the path begins on the internet.
    on_internet: bool,
    /// From the internet to the resource, which is the last.
    path: Vec<Line>,
    below: Vec<Line>,
    next: Vec<Line>,
    cut: bool,
}

impl Page {
    fn of(frame: Frame, stack: Stack) -> Result<Self, WebError> {
        let this = stack.path.last().ok_or(WebError::NotFound)?;
        Ok(Self {
            frame,
            id: this.resource_id.to_string(),
            name: this.name.clone(),
            kind: words::kind(&this.kind).to_owned(),
            on_internet: this.exposure == "internet",
            path: stack.path.iter().map(|level| Line::of(level, 0)).collect(),
            below: tree(&stack.below),
            next: tree(&stack.next),
            cut: stack.cut,
        })
    }
}

/// Hops as a tree that is read from top to bottom: each one under what it hangs on.
fn tree(hops: &[Hop]) -> Vec<Line> {
    let mut under: HashMap<Uuid, Vec<&Hop>> = HashMap::new();
    for hop in hops {
        under.entry(hop.from_id).or_default().push(hop);
    }
    let mut waiting: Vec<&Hop> = hops.iter().filter(|hop| hop.depth == 1).rev().collect();
    let mut lines = Vec::with_capacity(hops.len());
    while let Some(hop) = waiting.pop() {
        lines.push(Line::of(&hop.level, hop.depth));
        waiting.extend(under.remove(&hop.level.resource_id).unwrap_or_default().into_iter().rev());
    }
    lines
}

/// One resource of the stack.
struct Line {
    id: String,
    name: String,
    kind: String,
    depth: usize,
    on_internet: bool,
    /// Class, number and word of its open findings, worst first.
    open: Vec<(&'static str, i64)>,
}

impl Line {
    fn of(level: &Level, depth: usize) -> Self {
        let severities = ["critical", "high", "medium", "low"];
        Self {
            id: level.resource_id.to_string(),
            name: if level.name.is_empty() { level.uid.clone() } else { level.name.clone() },
            kind: words::kind(&level.kind).to_owned(),
            depth,
            on_internet: level.exposure == "internet",
            open: severities.into_iter().zip(level.open).filter(|(_, count)| *count > 0).collect(),
        }
    }
}
