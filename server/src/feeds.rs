//! `plumbline import`: what is known of flaws, from files, so that it works without a way out too.

mod hashes;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use plumbline_core::id::Mint;
use plumbline_software::advisory::{Advisory, Notice, bundle, ecosystem, epss, kev};
use plumbline_store::Database;
use plumbline_store::feed::{self, Entry, Exploited, Forecast, Import};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;
use tokio::sync::mpsc;

/// Advisories, and forecasts, that are written in one statement.
const BATCH: usize = 2000;
/// References of an advisory that are kept.
const REFERENCES: usize = 10;

/// What a feed holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeedKind {
    /// Advisories in the OSV format: a zip, or a folder of JSON files
    Osv,
    /// The catalogue of known exploited vulnerabilities: its JSON file
    Kev,
    /// The exploit prediction scores: their CSV file, plain or gzipped
    Epss,
    /// Known bad files: their SHA-256 hashes, as sha256sum or a public list writes them
    Hashes,
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    pub entries: u64,
    pub unreadable: u64,
    /// Packages of which an advisory now says something else.
    pub changed: u64,
}

/// Imports a feed from a path.
///
/// # Errors
/// When nothing of it can be read, or the database does not answer; nothing is changed then.
pub async fn import(
    database: &Database,
    mint: &Mint,
    name: &str,
    kind: FeedKind,
    path: &Path,
) -> anyhow::Result<Imported> {
    ensure!(!name.is_empty() && name.len() <= 60, "a feed's name has 1 to 60 letters");
    match kind {
        FeedKind::Osv => advisories(database, mint, name, path).await,
        FeedKind::Kev => exploited(database, mint, name, path).await,
        FeedKind::Epss => forecasts(database, mint, name, path).await,
        FeedKind::Hashes => hashes::import(database, mint, name, path).await,
    }
}

async fn advisories(database: &Database, mint: &Mint, name: &str, path: &Path) -> anyhow::Result<Imported> {
    let (sender, mut batches) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || read_bundle(&path, &sender)
    });
    let mut tx = database.feeds().await?;
    feed::begin(&mut tx).await?;
    while let Some(batch) = batches.recv().await {
        feed::add(&mut tx, &batch).await?;
    }
    let (outcome, dated) = reading.await??;
    ensure!(outcome.read > 0, "{} holds no advisory that can be read", path.display());
    ensure!(outcome.complete, "{} was not read to its end", path.display());
    let import = Import {
        feed: name,
        origin: &path.display().to_string(),
        dated: &dated,
        entries: outcome.read.cast_signed(),
        unreadable: outcome.unreadable.cast_signed(),
        named: outcome.named.iter().take(20).map(|(name, why)| format!("{name}: {why}")).collect(),
    };
    let changed = feed::merge(&mut tx, &import, mint.now()).await?;
    tx.commit().await?;
    Ok(Imported { entries: outcome.read, unreadable: outcome.unreadable, changed })
}

/// Sends a bundle's advisories in batches. Returns how it went, and the latest date in it.
fn read_bundle(path: &Path, sender: &mpsc::Sender<Vec<Entry>>) -> anyhow::Result<(bundle::Outcome, String)> {
    let (mut batch, mut dated) = (Vec::new(), String::new());
    let outcome = bundle::read(path, |advisory| {
        if let Some(modified) = advisory.modified.as_ref().filter(|modified| **modified > dated) {
            dated.clone_from(modified);
        }
        batch.push(entry(&advisory));
        if batch.len() < BATCH {
            return ControlFlow::Continue(());
        }
        match sender.blocking_send(std::mem::take(&mut batch)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    sender.blocking_send(batch).context("the database does not take any more")?;
    Ok((outcome, dated))
}

/// An advisory as the store takes it.
#[must_use]
pub fn entry(advisory: &Advisory) -> Entry {
    let packages = advisory.affected.iter().filter(|affected| !affected.name.is_empty()).map(|affected| {
        (ecosystem::scope(&affected.ecosystem).into_owned(), affected.name.clone(), serde_json::json!(affected))
    });
    Entry {
        id: advisory.id.clone(),
        notice: serde_json::json!(Notice::of(advisory)),
        summary: advisory.summary.clone(),
        published: advisory.published.clone().unwrap_or_default(),
        modified: advisory.modified.clone().unwrap_or_default(),
        references: advisory.references.iter().take(REFERENCES).cloned().collect(),
        packages: packages.collect(),
    }
}

async fn exploited(database: &Database, mint: &Mint, name: &str, path: &Path) -> anyhow::Result<Imported> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let catalogue = kev::Catalogue::read(&bytes)?;
    ensure!(!catalogue.exploited.is_empty(), "{} names no flaw", path.display());
    let told: BTreeSet<&str> = catalogue.exploited.iter().map(|one| one.cve.as_str()).collect();
    let all: Vec<Exploited> = catalogue
        .exploited
        .iter()
        .map(|one| Exploited {
            flaw: one.cve.clone(),
            name: one.name.clone(),
            added: one.added.clone(),
            due: one.due.clone(),
            ransomware: one.ransomware,
        })
        .collect();
    let import = Import {
        feed: name,
        origin: &path.display().to_string(),
        dated: &catalogue.released,
        entries: i64::try_from(told.len())?,
        unreadable: 0,
        named: Vec::new(),
    };
    let mut tx = database.feeds().await?;
    feed::replace_exploited(&mut tx, &import, &all, mint.now()).await?;
    tx.commit().await?;
    Ok(Imported { entries: told.len() as u64, unreadable: 0, changed: 0 })
}

async fn forecasts(database: &Database, mint: &Mint, name: &str, path: &Path) -> anyhow::Result<Imported> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (sender, mut batches) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || read_forecasts(file, &sender));
    let mut tx = database.feeds().await?;
    while let Some(batch) = batches.recv().await {
        feed::write_forecasts(&mut tx, &batch).await?;
    }
    let edition = reading.await??;
    ensure!(edition.forecasts > 0, "{} holds no forecast", path.display());
    let import = Import {
        feed: name,
        origin: &path.display().to_string(),
        dated: &edition.date,
        entries: edition.forecasts.cast_signed(),
        unreadable: edition.unreadable.cast_signed(),
        named: Vec::new(),
    };
    feed::end_forecasts(&mut tx, &import, mint.now()).await?;
    tx.commit().await?;
    Ok(Imported { entries: edition.forecasts, unreadable: edition.unreadable, changed: 0 })
}

fn read_forecasts(file: File, sender: &mpsc::Sender<Vec<Forecast>>) -> anyhow::Result<epss::Edition> {
    // A file may name a flaw twice, and one statement can not write a row twice.
    let mut batch: std::collections::BTreeMap<String, Forecast> = std::collections::BTreeMap::new();
    let mut broken = false;
    let edition = epss::read(BufReader::new(file), |forecast| {
        #[expect(clippy::cast_possible_truncation, reason = "probabilities of a few decimals")]
        let row = Forecast {
            flaw: forecast.cve.clone(),
            probability: forecast.probability as f32,
            percentile: forecast.percentile as f32,
        };
        batch.insert(forecast.cve, row);
        if batch.len() >= BATCH {
            broken |= sender.blocking_send(std::mem::take(&mut batch).into_values().collect()).is_err();
        }
    })?;
    ensure!(!broken, "the database does not take any more");
    sender.blocking_send(batch.into_values().collect()).context("the database does not take any more")?;
    Ok(edition)
}
