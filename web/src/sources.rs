//! Sources: what is connected, how to connect more, and how each is read.

mod agent;
mod aws;
mod change;
mod cluster;
mod connect;
mod docker;
mod form;
mod host;
mod one;
mod registry;
mod settings;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::role::Permission;
use plumbline_store::source::{self, SourceRow};
use settings::access_words;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/sources", index)];
    routes.extend(connect::routes());
    routes.extend(one::routes());
    routes.extend(change::routes());
    routes.extend(agent::routes());
    routes
}

/// The address of a source.
pub(crate) fn href(id: impl std::fmt::Display) -> String {
    format!("/sources/{id}")
}

/// How a source stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Removed,
    Paused,
    /// Connected, and not read yet.
    Waiting,
    Running,
    /// Read, all of it.
    Healthy,
    /// Read, with parts that were not.
    Partial,
    Failed,
}

impl Standing {
    pub(crate) fn of(row: &SourceRow) -> Self {
        match row.last_state.as_deref() {
            _ if row.removed_at.is_some() => Self::Removed,
            Some("running") => Self::Running,
            _ if row.paused => Self::Paused,
            None => Self::Waiting,
            Some("failed") => Self::Failed,
            Some(_) if row.blind_scopes > 0 => Self::Partial,
            Some("complete" | "partial") => Self::Healthy,
            Some(_) => Self::Waiting,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Removed => "Removed",
            Self::Paused => "Paused",
            Self::Waiting => "Waiting for its first run",
            Self::Running => "Running",
            Self::Healthy => "Read completely",
            Self::Partial => "Partly blind",
            Self::Failed => "Failing",
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Removed | Self::Paused => "is-paused",
            Self::Waiting | Self::Running => "is-running",
            Self::Healthy => "is-complete",
            Self::Partial => "is-partial",
            Self::Failed => "is-failed",
        }
    }
}

struct Line {
    href: String,
    name: String,
    provider: String,
    access: &'static str,
    standing: Standing,
    last_run: Option<(String, String)>,
    error: Option<String>,
    blind: Option<String>,
    resources: String,
    every: String,
}

impl Line {
    fn of(row: &SourceRow, now: DateTime<Utc>) -> Self {
        let href = href(row.source_id);
        let ended = row.last_finished_at.or(row.last_started_at);
        Self {
            last_run: row.last_run_id.zip(ended).map(|(run, at)| (format!("{href}/runs/{run}"), text::ago(at, now))),
            href,
            name: row.name.clone(),
            provider: words::provider(&row.provider).to_owned(),
            access: access_words(&row.settings),
            standing: Standing::of(row),
            error: row.last_error.clone(),
            blind: blind(row),
            resources: text::number(row.resources),
            every: every(row.poll_seconds),
        }
    }
}

/// How much of a source is not seen, in words. A run that got nowhere planned no scopes to compare with.
fn blind(row: &SourceRow) -> Option<String> {
    match row.blind_scopes {
        0 => None,
        blind if blind <= row.scopes => {
            Some(format!("{} of {}", text::number(blind), text::plural(row.scopes, "scope")))
        }
        blind => Some(text::plural(blind, "scope")),
    }
}

/// How often a source is read, in words.
pub(crate) fn every(seconds: i32) -> String {
    let length = words::span(TimeDelta::seconds(seconds.into()));
    format!("every {}", length.strip_prefix("1 ").unwrap_or(&length))
}

#[derive(Template)]
#[template(path = "sources/index.html")]
struct IndexPage {
    frame: Frame,
    sources: Vec<Line>,
    may_connect: bool,
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let sources = source::list(&mut call.tx).await?;
    let page = IndexPage {
        frame: call.frame(Nav::Sources),
        sources: sources.iter().map(|row| Line::of(row, call.now)).collect(),
        may_connect: call.may(Permission::ManageSources),
    };
    call.page(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_reads_well() {
        assert_eq!(every(3600), "every hour");
        assert_eq!(every(900), "every 15 minutes");
        assert_eq!(every(86_400), "every 24 hours");
    }
}
