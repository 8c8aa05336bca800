//! The credential report: asked for, waited for, and read into one row for each user.

use crate::reader::{Detail, Scope};
use aws_sdk_iam::Client;
use plumbline_core::resource::Unread;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

const GET: &str = "iam:GetCredentialReport";
/// How often, and how long each time, to wait for the report; a large account takes up to half a minute.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(1500);
/// What IAM answers while there is no report to send.
const NOT_YET: [&str; 3] = ["ReportInProgress", "ReportExpired", "ReportNotPresent"];

/// The name of the root user's row.
pub(super) const ROOT: &str = "<root_account>";

/// What a run knows of the report.
pub(super) struct Report {
    /// The word in which generation ended: `COMPLETE`, or where it stood when we gave up.
    pub(super) state: Detail<String>,
    rows: Result<BTreeMap<String, Value>, Unread>,
}

impl Report {
    /// Asks for a report and waits until there is one. A refused request for a new one still reads one that is there.
    pub(super) async fn fetch(scope: &Scope, client: &Client) -> Self {
        let mut state = Detail::Absent;
        for _ in 0..TRIES {
            if !matches!(state, Detail::Unread(_)) {
                state = scope
                    .detail("CredentialReportState", "iam:GenerateCredentialReport", &[], {
                        client.generate_credential_report().send()
                    })
                    .await
                    .map(|answer| answer.state().map_or_else(String::new, |state| state.as_str().to_owned()));
            }
            let answer = scope.detail("CredentialReport", GET, &NOT_YET, client.get_credential_report().send()).await;
            match answer {
                Detail::Read(answer) => {
                    let content = answer.content().map_or(&[][..], AsRef::as_ref);
                    return Self { state, rows: rows(content) };
                }
                Detail::Unread(unread) => return Self { state, rows: Err(unread) },
                Detail::Absent => {}
            }
            if matches!(state, Detail::Unread(_)) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let rows = Err(match &state {
            Detail::Unread(unread) => unread.clone(),
            _ => unread("the report was not ready in time"),
        });
        Self { state, rows }
    }

    /// The row of one user. A user whom the report does not list is newer than it: not read.
    pub(super) fn row(&self, user: &str) -> Detail<Value> {
        match &self.rows {
            Ok(rows) => rows.get(user).map_or_else(
                || Detail::Unread(unread("the report does not list this user yet")),
                |row| Detail::Read(row.clone()),
            ),
            Err(unread) => Detail::Unread(unread.clone()),
        }
    }
}

fn unread(detail: &str) -> Unread {
    Unread { permission: GET.to_owned(), denied: false, detail: detail.to_owned() }
}

/// Rows by user name, each an object under the report's own column names, with all values as the report writes them.
fn rows(content: &[u8]) -> Result<BTreeMap<String, Value>, Unread> {
    let mut reader = csv::Reader::from_reader(content);
    let fail = |error: csv::Error| unread(&format!("the report is not readable: {error}"));
    let columns = reader.headers().map_err(fail)?.clone();
    let mut rows = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(fail)?;
        let row: Map<String, Value> =
            columns.iter().zip(record.iter()).map(|(column, value)| (column.to_owned(), Value::from(value))).collect();
        let Some(user) = row.get("user").and_then(Value::as_str) else { continue };
        rows.insert(user.to_owned(), Value::Object(row));
    }
    if rows.is_empty() {
        return Err(unread("the report lists nobody, not even the root user"));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_words_of_the_report() {
        let text = "user,arn,password_enabled,password_last_used\n\
                    <root_account>,arn:aws:iam::111122223333:root,not_supported,2025-01-01T00:00:00+00:00\n\
                    ann,arn:aws:iam::111122223333:user/ann,true,no_information\n";
        let rows = rows(text.as_bytes()).expect("a report");
        assert_eq!(rows[ROOT]["password_enabled"], "not_supported");
        assert_eq!(rows["ann"]["password_last_used"], "no_information");
    }

    #[test]
    fn a_report_that_is_cut_or_empty_is_not_read() {
        assert!(rows(b"user,arn\nann\n").is_err());
        assert!(rows(b"").is_err());
        assert!(rows(b"user,arn\n").is_err());
    }
}
