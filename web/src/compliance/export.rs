//! A framework as CSV, for auditors: streamed page by page, so that its length does not matter.

use super::{ControlState, Standing, framework, title};
use crate::call::{Call, Export};
use crate::error::WebError;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use futures::stream;
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Control, Framework};
use plumbline_store::{PageRequest, StoreError, TenantTx, compliance};
use serde_json::json;

const PAGE: i64 = 500;
const HEAD: [&str; 11] = [
    "framework",
    "control",
    "title",
    "state",
    "check",
    "verdict",
    "resource",
    "resource_kind",
    "account",
    "region",
    "since",
];

/// What of a control is written next.
#[derive(Debug, Clone)]
enum Next {
    Head,
    /// The line of the control itself.
    Control(usize),
    /// Resources of one verdict, after a cursor.
    Resources(usize, Verdict, Option<String>),
}

struct Writer {
    tx: TenantTx,
    framework: &'static Framework,
    states: Vec<ControlState>,
    as_of: DateTime<Utc>,
    next: Option<Next>,
}

pub(super) async fn csv(mut call: Call<Export>, id: web::Path<String>) -> Result<HttpResponse, WebError> {
    let framework = framework(call.catalogue(), &id)?;
    let standing = Standing::read(&mut call.tx, framework, call.now).await?;
    call.record("framework.exported", &framework.id, json!({ "format": "csv" })).await?;
    let name = format!("{}-{}-{}.csv", call.tenant.slug, framework.id, call.now.format("%Y-%m-%d"));
    let export = Writer { framework, states: standing.states, as_of: call.now, next: Some(Next::Head), tx: call.tx };
    let body = stream::try_unfold(export, |mut export| async move {
        // An empty chunk would end the answer.
        while let Some(next) = export.next.take() {
            let chunk = export.write(next).await?;
            if !chunk.is_empty() {
                return Ok::<_, StoreError>(Some((Bytes::from(chunk), export)));
            }
        }
        export.tx.commit().await?;
        Ok(None)
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(body))
}

impl Writer {
    async fn write(&mut self, next: Next) -> Result<String, StoreError> {
        match next {
            Next::Head => {
                self.next = Some(Next::Control(0));
                Ok(line(HEAD))
            }
            Next::Control(at) => Ok(self.control(at)),
            Next::Resources(at, verdict, after) => self.resources(at, verdict, after).await,
        }
    }

    fn control(&mut self, at: usize) -> String {
        let Some((control, state)) = self.framework.controls.get(at).zip(self.states.get(at)) else {
            return String::new();
        };
        self.next = Some(match state {
            ControlState::Failing => Next::Resources(at, Verdict::Fail, None),
            ControlState::Unknown => Next::Resources(at, Verdict::Unknown, None),
            _ => Next::Control(at + 1),
        });
        let as_of = self.as_of.to_rfc3339();
        line([&self.framework.id, &control.id, &title(control), state.word(), "", "", "", "", "", "", &as_of])
    }

    async fn resources(&mut self, at: usize, verdict: Verdict, after: Option<String>) -> Result<String, StoreError> {
        let control: &Control = &self.framework.controls[at];
        let page = PageRequest { after, size: PAGE };
        let found = compliance::judged(&mut self.tx, &control.checks, verdict, &page).await?;
        self.next = Some(match (found.next, verdict) {
            (Some(after), verdict) => Next::Resources(at, verdict, Some(after)),
            (None, Verdict::Fail) => Next::Resources(at, Verdict::Unknown, None),
            (None, _) => Next::Control(at + 1),
        });
        let title = title(control);
        let state = self.states[at].word();
        let lines = found.items.iter().map(|row| {
            let since = row.since.to_rfc3339();
            line([
                &self.framework.id,
                &control.id,
                &title,
                state,
                &row.check_id,
                verdict.as_str(),
                &row.uid,
                &row.kind,
                &row.account,
                &row.region,
                &since,
            ])
        });
        Ok(lines.collect())
    }
}

/// One line of CSV. A cell that a spreadsheet would run as a formula is made text.
pub(crate) fn line<const N: usize>(cells: [&str; N]) -> String {
    let cells = cells.map(|cell| {
        let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    });
    cells.join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_runs_nothing() {
        assert_eq!(line(["a,b", "say \"x\"", "=1+1", "-2"]), "\"a,b\",\"say \"\"x\"\"\",\"'=1+1\",\"'-2\"\r\n");
    }
}
