//! Reads this machine as its agent does, and prints the report as JSON: `cargo run -p plumbline-host --example report`.

use plumbline_core::clock::{Clock, SystemClock};
use plumbline_host::agent::Host;
use std::io::Write;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).unwrap_or_else(|| "/".to_owned());
    let report = Host::at(Path::new(&root)).report("example", "00000000", SystemClock.now());
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?)
}
