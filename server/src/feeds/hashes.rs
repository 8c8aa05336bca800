//! Lists of known bad files, from a file: streamed, since public ones have millions of lines.

use super::Imported;
use anyhow::{Context, ensure};
use plumbline_core::id::Mint;
use plumbline_software::hash_list::{Line, Reader};
use plumbline_store::Database;
use plumbline_store::image_rules::{self, BadHash};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use tokio::sync::mpsc;

/// Hashes that are written in one statement.
const BATCH: usize = 20_000;
/// The longest line that is taken into memory.
const LONGEST_LINE: u64 = 64 << 10;

pub(super) async fn import(database: &Database, mint: &Mint, name: &str, path: &Path) -> anyhow::Result<Imported> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (sender, mut batches) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || read(file, &sender));
    let mut tx = database.feeds().await?;
    image_rules::begin(&mut tx).await?;
    while let Some(batch) = batches.recv().await {
        image_rules::add(&mut tx, &batch).await?;
    }
    let (entries, unreadable) = reading.await??;
    ensure!(entries > 0, "{} holds no SHA-256 hash", path.display());
    ensure!(
        unreadable <= entries,
        "{} is no list of SHA-256 hashes: {unreadable} of its lines are something else",
        path.display()
    );
    let origin = path.display().to_string();
    let changed = image_rules::end(&mut tx, name, &origin, unreadable.cast_signed(), mint.now()).await?;
    tx.commit().await?;
    Ok(Imported { entries, unreadable, changed })
}

/// Sends the hashes in batches. Returns how many there are, and how many lines are none.
fn read(file: impl Read, sender: &mpsc::Sender<Vec<BadHash>>) -> anyhow::Result<(u64, u64)> {
    let (mut reader, mut file) = (Reader::default(), BufReader::new(file));
    let (mut batch, mut entries, mut unreadable) = (Vec::new(), 0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        match reader.line(&String::from_utf8_lossy(&line)) {
            Line::Hash { sha256, name } => batch.push(BadHash { sha256, name }),
            Line::Nothing => {}
            Line::Unreadable => unreadable += 1,
        }
        if batch.len() >= BATCH {
            entries += batch.len() as u64;
            sender.blocking_send(std::mem::take(&mut batch)).context("the database does not take any more")?;
        }
    }
    entries += batch.len() as u64;
    sender.blocking_send(batch).context("the database does not take any more")?;
    Ok((entries, unreadable))
}
