//! Mails go out by a real SMTP server, once each, and again when they are not taken.

use crate::estate::Estate;
use crate::triage::member;
use plumbline_store::inbox::{self, Kind};
use plumbline_store::job::{self, Task};
use plumbline_worker::mail::Mailer;
use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgPool;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The server, until this is dropped.
struct Post {
    process: Child,
    output: BufReader<ChildStdout>,
    port: u64,
}

impl Post {
    fn start() -> Self {
        let python = std::env::var("PLUMBLINE_LAB_PYTHON").expect("a Python with aiosmtpd: run `./dev test`");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/lab/mail/server.py");
        let started = Command::new(python).arg(script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = started.expect("the server");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let port = line(&mut output)["port"].as_u64().expect("a port");
        Self { process, output, port }
    }

    /// The next mail that it took.
    fn next(&mut self) -> Value {
        line(&mut self.output)
    }
}

fn line(output: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON; is aiosmtpd installed?")
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn send(estate: &Estate) {
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    inbox::wake(&mut tx, &estate.worker.mint).await.expect("queued");
    tx.commit().await.expect("kept");
    while estate.worker.work_once(&CancellationToken::new()).await.expect("worked") {}
}

async fn states(estate: &Estate) -> Vec<(String, i32)> {
    sqlx::query_as("select state, attempts from mails order by mail_no").fetch_all(&estate.pool).await.expect("mails")
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_mail_goes_out_once_and_again_when_it_was_not_taken(pool: PgPool) {
    let mut post = Post::start();
    let mut estate = Estate::new(pool).await;
    let server = SecretString::from(format!("smtp://127.0.0.1:{}", post.port));
    let url = "https://plumbline.example.com".parse().expect("a URL");
    let mailer = Mailer::new(&server, "Plumbline <plumbline@example.com>", &url).expect("a mailer");
    Arc::get_mut(&mut estate.worker).expect("the only holder").mailer = Some(Arc::new(mailer));
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    job::withdraw(&mut tx, &Task::Collect { source_id: estate.source }).await.expect("no poll");
    tx.commit().await.expect("kept");
    for (number, name) in [(1, "ann"), (2, "later"), (3, "never")] {
        let person = member(&estate, number, &format!("{name}@example.com")).await;
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let subject = "Somebody mentions you: naïve?\r\nBcc: all@example.com";
        let now = estate.worker.mint.now();
        inbox::tell(&mut tx, person, Kind::Mentioned, subject, "/findings/1#comments", now).await.expect("told");
        tx.commit().await.expect("kept");
    }

    send(&estate).await;

    let first = post.next();
    let text = first["text"].as_str().expect("a text");
    assert_eq!(first["to"], serde_json::json!(["ann@example.com"]));
    assert!(text.contains("https://plumbline.example.com/findings/1#comments"), "{text}");
    assert!(
        !text.to_lowercase().contains("\nbcc:") && text.contains("From: Plumbline <plumbline@example.com>"),
        "{text}"
    );
    let state = |word: &str, tries| (word.to_owned(), tries);
    assert_eq!(states(&estate).await, [state("sent", 1), state("waiting", 1), state("failed", 1)]);

    send(&estate).await;
    assert_eq!(states(&estate).await[1], state("waiting", 1), "not before its time");
    estate.clock.advance(chrono::TimeDelta::minutes(3));
    send(&estate).await;
    assert_eq!(post.next()["to"], serde_json::json!(["later@example.com"]));
    assert_eq!(states(&estate).await, [state("sent", 1), state("sent", 2), state("failed", 1)]);
}
