//! Reads an account and prints what was read, one JSON document a line.
//!
//! `cargo run --example collect -- --endpoint http://127.0.0.1:5005 --only s3.buckets`
//! Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

use plumbline_aws::{AwsCollector, Operator};
use plumbline_core::collect::{Collector, Connection, Errand, Event};
use secrecy::SecretString;
use serde_json::json;
use std::io::Write;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut endpoint = None;
    let mut only = String::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--endpoint" => endpoint = words.next(),
            "--only" => only = words.next().unwrap_or_default(),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let secret = json!({
        "access_key_id": std::env::var("AWS_ACCESS_KEY_ID")?,
        "secret_access_key": std::env::var("AWS_SECRET_ACCESS_KEY")?,
    });
    let connection = Connection {
        settings: json!({ "access": { "by": "access_key" }, "endpoint": endpoint,
            "regions": ["eu-west-1", "us-east-1", "ap-southeast-2"] }),
        secret: SecretString::from(secret.to_string()),
    };
    let (sink, mut events) = tokio::sync::mpsc::channel(256);
    let collector = AwsCollector::new(Operator { private_endpoints: true, ..Operator::default() });
    let run = tokio::spawn(async move { collector.collect(&connection, Errand::alone(sink)).await });
    let mut out = std::io::stdout().lock();
    while let Some(event) = events.recv().await {
        match event {
            Event::Resource(resource) if resource.scope.reader.starts_with(&only) => {
                writeln!(out, "{}", serde_json::to_string(&resource)?)?;
            }
            Event::Ended { scope, outcome, api_calls } if scope.reader.starts_with(&only) => {
                writeln!(out, "# {scope} {outcome:?} ({api_calls} calls)")?;
            }
            Event::Note(note) => writeln!(out, "# {note}")?,
            _ => {}
        }
    }
    run.await??;
    Ok(())
}
