//! Known bad files in images: found when an image is taken apart, and again whenever the lists of them change.
//!
//! The database has the beginnings of the hashes of an image's files. Where one begins as a listed hash does, the memory
//! is asked for the whole; no registry is.

use anyhow::Context;
use plumbline_software::layer::Software;
use plumbline_store::image_rules::{self, SeenFile, prefix};
use plumbline_store::{TenantTx, bill, memory};
use std::collections::HashSet;

/// Images that are looked into at a time.
const AT_ONCE: usize = 200;

/// Takes in the files of an image that was just read, and finds the bad ones among them.
pub(crate) async fn take_in(tx: &mut TenantTx, key: &str, whole: &Software) -> anyhow::Result<()> {
    if key.starts_with(bill::KEYS) {
        // A bill of materials lists packages; of files it says nothing, and that is not none.
        return Ok(());
    }
    let hashes = whole.executables.iter().filter_map(|(_, file)| bytes(&file.sha256));
    let mut prefixes: Vec<i64> = hashes.map(|sha256| prefix(&sha256)).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let dropped = i64::try_from(whole.dropped.executables).unwrap_or(i64::MAX);
    image_rules::hold(tx, key, &prefixes, dropped).await?;
    let key = key.to_owned();
    let listed = image_rules::find_suspects(tx, std::slice::from_ref(&key)).await?.remove(&key).unwrap_or_default();
    let seen = if listed.is_empty() { Vec::new() } else { bad_files(&key, whole, &listed) };
    image_rules::replace(tx, std::slice::from_ref(&key), &seen).await?;
    Ok(())
}

/// Finds the bad files of all images anew. Returns the software of which they changed.
pub(crate) async fn find_all(tx: &mut TenantTx) -> anyhow::Result<Vec<String>> {
    let mut changed = Vec::new();
    for software in image_rules::all_software(tx).await?.chunks(AT_ONCE) {
        let mut seen = Vec::new();
        for (key, listed) in image_rules::find_suspects(tx, software).await? {
            let kept = memory::recall(tx, std::slice::from_ref(&key)).await?.remove(&key);
            let kept = kept.with_context(|| format!("{key} is not kept any more"))?;
            let whole = Software::unpack(&kept).with_context(|| format!("what is kept as {key}"))?;
            seen.extend(bad_files(&key, &whole, &listed));
        }
        changed.extend(image_rules::replace(tx, software, &seen).await?);
    }
    Ok(changed)
}

/// The files whose whole hash is listed.
fn bad_files(key: &str, whole: &Software, listed: &HashSet<Vec<u8>>) -> Vec<SeenFile> {
    let files = whole.executables.iter().filter_map(|(layer, file)| {
        let sha256 = bytes(&file.sha256).filter(|sha256| listed.contains(sha256))?;
        let layer = i32::try_from(*layer).unwrap_or(i32::MAX);
        Some(SeenFile { software: key.to_owned(), sha256, path: file.path.clone(), layer })
    });
    files.collect()
}

/// A hash out of its hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (hex.len() == 64).then(|| (0..64).step_by(2).map(digit).collect()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_or_refused() {
        assert_eq!(bytes(&"0f".repeat(32)), Some(vec![15; 32]));
        for odd in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(bytes(odd), None, "{odd}");
        }
    }
}
