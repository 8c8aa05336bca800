//! What is known of hosts beyond what their agents report: the flaws of their packages, and until when they get fixes.
//!
//! A host is not built on anything: the fix of all its flaws is to upgrade its packages, once.

use crate::images::{by_software, end_of_life, flaw_fact, software_of};
use plumbline_policy::Subject;
use plumbline_store::TenantTx;
use plumbline_store::software;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Upgrades the packages of a host.
const UPGRADE: &str = "host-upgrade-packages";

/// Adds the facts to a page of hosts.
pub(crate) async fn enrich(tx: &mut TenantTx, subjects: &mut [&mut Subject]) -> anyhow::Result<()> {
    let software: Vec<String> = subjects.iter().filter_map(|subject| software_of(subject)).collect();
    let flaws = by_software(software::of_images(tx, &software).await?);
    let unjudged: HashMap<String, (i64, Vec<String>)> = software::unjudged_of_images(tx, &software)
        .await?
        .into_iter()
        .map(|(software, count, examples)| (software, (count, examples)))
        .collect();
    for subject in subjects.iter_mut() {
        let software = software_of(subject).unwrap_or_default();
        let rows = flaws.get(&software).map_or(&[][..], Vec::as_slice);
        let found: Vec<Value> = rows
            .chunk_by(|a, b| a.flaw_id == b.flaw_id)
            .map(|rows| flaw_fact(rows, UPGRADE, &subject.uid, None))
            .collect();
        let (count, examples) = unjudged.get(&software).cloned().unwrap_or_default();
        subject.facts.insert("flaws".to_owned(), Value::Array(found));
        subject.facts.insert("unjudged".to_owned(), json!({ "count": count, "examples": examples }));
        subject.facts.insert("end_of_life".to_owned(), json!(end_of_life(subject)));
    }
    Ok(())
}
