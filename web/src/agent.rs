//! Where agents come in: to enrol with a one-time token, and to report.

use crate::call::{Agent, Newcomer, bearer};
use crate::error::WebError;
use crate::route::Route;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_store::job::{self, Task};
use plumbline_store::tenant::audit::{self, Entry};
use plumbline_store::{agent, source};
use serde_json::json;

/// The largest report, in bytes, as it is sent.
const LARGEST: usize = 8 << 20;
/// How far an agent's clock may run ahead of ours.
const AHEAD: TimeDelta = TimeDelta::minutes(10);
/// Says when a report was made, without its being read here.
const MADE_AT: &str = "plumbline-made-at";

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::agent("/agent/enrol", enrol), Route::agent("/agent/report", report)]
}

/// Uses the token up, and gives the agent the credential that it shows from now on.
async fn enrol(mut newcomer: Newcomer) -> Result<HttpResponse, WebError> {
    let mint = newcomer.state.mint.clone();
    let found = agent::enrol(&mut newcomer.tx, newcomer.source, &newcomer.token, &mint).await;
    let credential = newcomer.admitted(found)?;
    let row = source::get(&mut newcomer.tx, newcomer.source).await?;
    let detail = json!({ "source_id": newcomer.source });
    let entry = Entry { person: None, actor: "agent", action: "agent.enrolled", object: &row.name, detail };
    audit::append(&mut newcomer.tx, &entry, &mint).await?;
    let answer = json!({
        "credential": bearer(newcomer.tx.tenant(), newcomer.source, &credential),
        "interval_seconds": row.poll_seconds,
        "machine": row.source_id.simple().to_string(),
    });
    newcomer.tx.commit().await?;
    Ok(HttpResponse::Ok().json(answer))
}

/// Keeps a report, and lets the host be read by it. What is in it is the collector's to check.
async fn report(mut agent: Agent, req: HttpRequest) -> Result<HttpResponse, WebError> {
    let made_at = made_at(&req, agent.now)?;
    let body = agent.body(LARGEST).await?;
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Err(WebError::Invalid("A report is JSON, packed by gzip.".to_owned()));
    }
    let (mut tx, interval_seconds) = agent.open().await?;
    let newest = agent::deliver(&mut tx, agent.source, made_at, &body, agent.now).await?;
    if newest && !source::get(&mut tx, agent.source).await?.paused {
        let mint = agent.state.mint.clone();
        job::enqueue(&mut tx, &Task::Collect { source_id: agent.source }, agent.now, &mint).await?;
    }
    let answer = json!({ "interval_seconds": interval_seconds, "newest": newest });
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(answer))
}

fn made_at(req: &HttpRequest, now: DateTime<Utc>) -> Result<DateTime<Utc>, WebError> {
    let text = req.headers().get(MADE_AT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let made_at = DateTime::parse_from_rfc3339(text)
        .map_err(|_| WebError::Invalid(format!("The header {MADE_AT} does not say when the report was made.")))?;
    if made_at - now.fixed_offset() > AHEAD {
        return Err(WebError::Invalid("The report is from the future: the host's clock is wrong.".to_owned()));
    }
    Ok(made_at.to_utc())
}
