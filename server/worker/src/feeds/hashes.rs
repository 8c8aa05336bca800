//! Lists of known bad files, from a file: streamed, since public ones have millions of lines.

use super::{Imported, Intake};
use anyhow::{Context, ensure};
use plumbline_software::hash_list::{Line, Reader};
use plumbline_store::image_rules::{self, BadHash};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use tokio::sync::mpsc;

/// Hashes that are written in one statement.
const BATCH: usize = 20_000;
/// The longest line that is taken into memory.
const LONGEST_LINE: u64 = 64 << 10;

pub(super) async fn take(intake: &Intake<'_>) -> anyhow::Result<Imported> {
    let file = File::open(intake.path).context("it cannot be read")?;
    let (sender, mut batches) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || read(file, &sender));
    let mut tx = intake.database.feeds().await?;
    image_rules::begin(&mut tx).await?;
    while let Some(batch) = batches.recv().await {
        image_rules::add(&mut tx, &batch).await?;
    }
    let (entries, unreadable) = reading.await??;
    ensure!(entries > 0, "it holds no SHA-256 hash");
    ensure!(unreadable <= entries, "it is no list of SHA-256 hashes: {unreadable} of its lines are something else");
    intake.check(&mut tx, entries).await?;
    let named = unreadable.cast_signed();
    let changed = image_rules::end(&mut tx, intake.name, intake.origin, named, intake.mint.now()).await?;
    intake.close(tx).await?;
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
