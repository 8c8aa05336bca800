//! A connection test: whether the registry answers, lets us in, lists its repositories and lets them be read.

use crate::client::Client;
use crate::error::ReadError;
use crate::settings::{Scheme, Settings, is_repository};
use crate::tags;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::ProbeLine;
use plumbline_core::glob;

/// Repositories that are tried; a list may name hundreds.
const TRIED: usize = 25;
const AT_ONCE: usize = 4;

pub(crate) async fn probe(settings: &Settings, client: &Client) -> Vec<ProbeLine> {
    let reach = reach(settings, client).await;
    let reached = reach.ok;
    let mut lines = vec![reach];
    if !reached {
        return lines;
    }
    lines.push(match client.ping().await {
        Ok(()) => line("Sign-in", true, format!("let in ({})", client.manner().await)),
        Err(error) => broken("Sign-in", &error),
    });
    let mut names: Vec<String> = settings.named().collect();
    if settings.needs_catalogue() {
        lines.push(catalogue(settings, client, &mut names).await);
    }
    let left = names.len().saturating_sub(TRIED);
    let tries: Vec<_> = names.iter().take(TRIED).map(|name| repository(client, name)).collect();
    lines.extend(stream::iter(tries).buffered(AT_ONCE).collect::<Vec<_>>().await);
    if left > 0 {
        lines.push(line("Repositories", true, format!("{left} more are not tried here")));
    }
    lines
}

async fn reach(settings: &Settings, client: &Client) -> ProbeLine {
    match client.reach().await {
        Ok(404) => line("Reach", false, "something answers there that is no registry (404 to /v2/)"),
        Ok(_) if settings.scheme == Scheme::Http => line("Reach", true, "answers over plain HTTP, unprotected"),
        Ok(_) if settings.ca.is_some() => {
            line("Reach", true, "answers; its certificate is good, with the given authority")
        }
        Ok(_) => line("Reach", true, "answers; its certificate is good"),
        Err(error) => broken("Reach", &error),
    }
}

async fn catalogue(settings: &Settings, client: &Client, names: &mut Vec<String>) -> ProbeLine {
    match client.catalogue().await {
        Ok(listed) => {
            let count = listed.len();
            let chosen = listed.into_iter().filter(|name| is_repository(name));
            names.extend(chosen.filter(|name| glob::selects(&settings.repositories, name)));
            names.sort();
            names.dedup();
            line("Catalogue", true, format!("{count} repositories, {} of them chosen", names.len()))
        }
        Err(error) => {
            let detail = format!("{error}. Name the repositories in full, or grant the catalogue.");
            line("Catalogue", false, detail)
        }
    }
}

/// Lists a repository's tags and asks for one of them, which is all that reading takes.
async fn repository(client: &Client, name: &str) -> ProbeLine {
    let read = async {
        let found = client.tags(name).await?;
        if let Some(tag) = found.iter().find(|tag| tags::is_tag(tag)) {
            client.resolve(name, tag).await?;
        }
        Ok::<_, ReadError>(found.len())
    };
    match read.await {
        Ok(count) => line(name, true, format!("can be read, {count} tags")),
        Err(error) => broken(name, &error),
    }
}

fn line(what: &str, ok: bool, detail: impl Into<String>) -> ProbeLine {
    ProbeLine { what: what.to_owned(), ok, detail: detail.into() }
}

fn broken(what: &str, error: &ReadError) -> ProbeLine {
    let detail = match error {
        ReadError::Denied { permission, detail } => format!("missing {permission}: {detail}"),
        other => other.to_string(),
    };
    line(what, false, detail)
}
