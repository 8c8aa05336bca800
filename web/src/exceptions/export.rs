//! The register as CSV, for auditors: streamed page by page.

use super::scope_words;
use crate::call::{Call, Export};
use crate::compliance::line;
use crate::error::WebError;
use crate::route::Route;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use futures::stream;
use plumbline_policy::Catalogue;
use plumbline_store::exception::{self, Exception, Names};
use plumbline_store::{PageRequest, StoreError, TenantTx};
use serde_json::json;

const PAGE: i64 = 500;
const HEAD: [&str; 16] = [
    "exception",
    "state",
    "kind",
    "covers",
    "scope",
    "reason",
    "asked_by",
    "asked_at",
    "decided_by",
    "decided_at",
    "decision",
    "expires_at",
    "ended_at",
    "ended_how",
    "findings_now",
    "approved_by_asker",
];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/exceptions/export.csv", csv)]
}

struct Writer {
    tx: TenantTx,
    catalogue: &'static Catalogue,
    now: DateTime<Utc>,
    /// Where the next page begins; none when all is written.
    next: Option<Option<String>>,
    head: bool,
}

async fn csv(mut call: Call<Export>) -> Result<HttpResponse, WebError> {
    call.record("exceptions.exported", "Exceptions", json!({ "format": "csv" })).await?;
    let name = format!("{}-exceptions-{}.csv", call.tenant.slug, call.now.format("%Y-%m-%d"));
    let writer = Writer { catalogue: call.catalogue(), now: call.now, next: Some(None), head: true, tx: call.tx };
    let body = stream::try_unfold(writer, |mut writer| async move {
        match writer.page().await? {
            Some(chunk) => Ok::<_, StoreError>(Some((Bytes::from(chunk), writer))),
            None => {
                writer.tx.commit().await?;
                Ok(None)
            }
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(body))
}

impl Writer {
    async fn page(&mut self) -> Result<Option<String>, StoreError> {
        if std::mem::take(&mut self.head) {
            return Ok(Some(line(HEAD)));
        }
        let Some(after) = self.next.take() else { return Ok(None) };
        let page = PageRequest { after, size: PAGE };
        let found = exception::list(&mut self.tx, None, 0, self.now, &page).await?;
        let names = exception::names(&mut self.tx, found.items.iter().map(|row| &row.scope.0)).await?;
        self.next = found.next.map(Some);
        let text: String = found.items.iter().map(|row| self.row(row, &names)).collect();
        // An empty chunk would end the answer.
        Ok((!text.is_empty()).then_some(text))
    }

    fn row(&self, row: &Exception, names: &Names) -> String {
        let at = |at: Option<DateTime<Utc>>| at.map_or_else(String::new, |at| at.to_rfc3339());
        line([
            &row.exception_id.to_string(),
            &row.state,
            &row.kind,
            &scope_words(&row.scope, names, self.catalogue),
            &serde_json::to_string(&row.scope.0).unwrap_or_default(),
            &row.reason,
            row.asker.as_deref().unwrap_or_default(),
            &at(Some(row.created_at)),
            row.approver.as_deref().unwrap_or_default(),
            &at(row.decided_at),
            &row.decision,
            &at(Some(row.expires_at)),
            &at(row.ended_at),
            row.ended_how.as_deref().unwrap_or_default(),
            &row.covers.to_string(),
            if row.two_eyes { "yes" } else { "no" },
        ])
    }
}
