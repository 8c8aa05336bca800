//! The agent of a host: its one-time token, its last report, and the end of its credential.

use super::change::connected;
use super::href;
use crate::call::{Call, ManageSources, bearer};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::text;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::SourceId;
use plumbline_store::TenantTx;
use plumbline_store::agent;
use plumbline_store::source::SourceRow;
use serde_json::json;
use uuid::Uuid;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post("/sources/{source}/agent/token", token), Route::post("/sources/{source}/agent/revoke", revoke)]
}

/// What a host's page says of its agent.
pub(super) struct Standing {
    pub(super) is_enrolled: bool,
    pub(super) enrolled: Option<String>,
    /// When the newest report was made and came, and how large it is.
    pub(super) report: Option<(String, String, String)>,
    /// Until when a token waits.
    pub(super) token: Option<String>,
}

impl Standing {
    /// None for a source that has no agent.
    pub(super) async fn read(tx: &mut TenantTx, row: &SourceRow, now: DateTime<Utc>) -> Result<Option<Self>, WebError> {
        if row.provider != "host" {
            return Ok(None);
        }
        let found = agent::get(tx, SourceId(row.source_id)).await?;
        let Some(found) = found else {
            return Ok(Some(Self { is_enrolled: false, enrolled: None, report: None, token: None }));
        };
        let times = found.made_at.zip(found.received_at).zip(found.report_bytes);
        Ok(Some(Self {
            is_enrolled: found.is_enrolled,
            enrolled: found.enrolled_at.map(|at| text::ago(at, now)),
            report: times.map(|((made, received), bytes)| {
                let size = format!("{} KB", text::number(i64::from(bytes).div_euclid(1024) + 1));
                (text::ago(made, now), text::ago(received, now), size)
            }),
            token: found.token_expires_at.filter(|until| *until > now).map(text::when),
        }))
    }
}

/// The command that starts an agent; shown once, for the token in it is kept as a hash alone.
#[derive(Template)]
#[template(path = "sources/enrol.html")]
struct EnrolPage {
    frame: Frame,
    href: String,
    name: String,
    once: String,
    service: String,
}

async fn token(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = host(&mut call, id).await?;
    let mint = call.visit().state.mint.clone();
    let token = agent::invite(&mut call.tx, id, &mint).await?;
    call.record("agent.token_made", &row.name, json!({ "source_id": id })).await?;
    let server = call.config().origin();
    let token = bearer(call.tenant.id, id, &token);
    let page = EnrolPage {
        frame: call.frame(Nav::Sources),
        href: href(id),
        name: row.name,
        once: format!(
            "sudo PLUMBLINE_AGENT_TOKEN={token} plumbline agent \\\n    --server {server} --state /var/lib/plumbline-agent --once"
        ),
        service: "sudo systemctl enable --now plumbline-agent".to_owned(),
    };
    call.commit_and_show(&page).await
}

async fn revoke(
    mut call: Call<ManageSources>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let id = SourceId(*id);
    let row = host(&mut call, id).await?;
    agent::revoke(&mut call.tx, id).await?;
    call.record("agent.revoked", &row.name, json!({ "source_id": id })).await?;
    let said = "The agent's credential is revoked. What it reported stays until it is too old to say how the host is.";
    call.done(&href(id), Flash::good(said)).await
}

/// A host that is connected. Of other sources there is no agent.
async fn host(call: &mut Call<ManageSources>, id: SourceId) -> Result<SourceRow, WebError> {
    let row = connected(call, id).await?;
    if row.provider == "host" { Ok(row) } else { Err(WebError::Conflict("This source has no agent.".to_owned())) }
}
