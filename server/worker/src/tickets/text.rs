//! What a ticket says: what to do, where, what it closes, what it gains, and where to read on.

use plumbline_core::id::FixId;
use plumbline_core::text::short_hashes;
use plumbline_core::ticket::{Block, TicketText, marker};
use plumbline_policy::{Catalogue, Check};
use plumbline_store::fix::{self, FixRow};
use plumbline_store::{PageRequest, StoreError, TenantTx, finding};
use url::Url;

/// Checks that are told in full.
const CHECKS: usize = 5;
/// Findings that are named.
const FINDINGS: i64 = 20;

fn title(row: &FixRow, check: Option<&Check>) -> String {
    let what = check.map_or_else(|| row.fix_key.replace(['-', '_'], " "), |check| check.fix.title.clone());
    format!("{what}: {}", place(row))
}

fn counted(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// What it is applied to, as people call it.
fn place(row: &FixRow) -> String {
    short_hashes(row.resource_name.as_ref().unwrap_or(&row.target))
}

/// The text of a fix's ticket as things stand now.
pub(super) async fn text_of(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    links: Option<&Url>,
    id: FixId,
) -> Result<TicketText, StoreError> {
    let row = fix::get(tx, id).await?;
    let closes = fix::checks(tx, id).await?;
    let findings = finding::of_fix(tx, id, &PageRequest { after: None, size: FINDINGS }).await?;
    let checks: Vec<&Check> = closes.iter().filter_map(|part| catalogue.check(&part.check_id)).collect();
    let own = catalogue.fix(&row.fix_key).or_else(|| checks.first().copied());
    let mut text = TicketText::new(&title(&row, own));
    let mut facts = vec![
        format!("Where: {} in {}, {}", place(&row), row.account, row.source_name),
        format!("Closes {} on {}", counted(row.open_findings, "finding"), counted(row.resources, "resource")),
        format!("Gains {:.2} points of the score", row.gain),
    ];
    facts.extend(own.map(|check| format!("Effort: {}", check.effort.as_str())));
    text.blocks.push(Block::List(facts));
    for check in checks.iter().take(CHECKS) {
        text.blocks.push(Block::Heading(check.title.clone()));
        text.blocks.push(Block::Words(check.why.clone()));
        text.blocks.push(Block::Words(check.remediation.console.clone()));
        if !check.remediation.cli.trim().is_empty() {
            text.blocks.push(Block::Code(check.remediation.cli.clone()));
        }
    }
    if checks.len() > CHECKS {
        text.blocks.push(Block::Words(format!("And {}.", counted(as_i64(checks.len() - CHECKS), "more check"))));
    }
    text.blocks.push(Block::Heading("What it closes".to_owned()));
    let line = |row: &finding::FindingRow| {
        let check = catalogue.check(&row.check_id).map_or(row.check_id.as_str(), |check| check.title.as_str());
        let subject = if row.subject.is_empty() { String::new() } else { format!(" ({})", row.subject) };
        format!("{}: {check}{subject}, {}", short_hashes(&row.resource_name), row.severity)
    };
    let mut lines: Vec<String> = findings.items.iter().map(line).collect();
    if row.open_findings > FINDINGS {
        lines.push(format!("and {} more", row.open_findings - FINDINGS));
    }
    text.blocks.push(Block::List(lines));
    if let Some(url) = links.and_then(|links| links.join(&format!("/fixes/{id}")).ok()) {
        text.blocks.push(Block::Link("See it in Plumbline".to_owned(), url.into()));
    }
    text.blocks.push(Block::Words(format!("Leave this line: {}", marker(id))));
    Ok(text)
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
