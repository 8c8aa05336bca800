//! Image rules: where a tenant's images may come from, and which files must not be in them.

use crate::call::{Call, ManageRules, ReadPosture};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::text;
use crate::upload::Upload;
use actix_web::HttpResponse;
use askama::Template;
use plumbline_core::allowed::AllowedSources;
use plumbline_core::role::Permission;
use plumbline_software::hash_list::{self, Line, Reader};
use plumbline_store::StoreError;
use plumbline_store::image_rules::{self, BadHash, HashList, OwnHash};
use plumbline_store::job::{self, Task};
use serde::Deserialize;
use serde_json::json;

const PATH: &str = "/image-rules";
/// Hashes that may be added at once; longer lists are the operator's to import.
const AT_ONCE: usize = 50_000;
/// Entries of the own list that are shown.
const SHOWN: i64 = 25;
/// Patterns of a change that the audit log names.
const RECORDED: usize = 20;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/image-rules", show),
        Route::post("/image-rules/sources", allow),
        Route::post("/image-rules/bad-files", list),
        Route::post("/image-rules/bad-files/remove", unlist),
    ]
}

#[derive(Template)]
#[template(path = "image_rules.html")]
struct Page {
    frame: Frame,
    may_change: bool,
    /// A pattern a line, as it is or as it was typed.
    sources: String,
    named: usize,
    changed: Option<String>,
    refused_sources: Option<String>,
    lists: Vec<ListRow>,
    own: Vec<OwnRow>,
    own_count: i64,
    /// How many of the own list are not shown.
    own_more: Option<String>,
    typed: String,
    refused_hashes: Option<String>,
}

/// A list of the operator's.
struct ListRow {
    name: String,
    origin: String,
    imported: String,
    entries: String,
    unreadable: Option<String>,
}

impl ListRow {
    fn of(list: HashList) -> Self {
        Self {
            name: list.list,
            origin: list.origin,
            imported: text::when(list.imported_at),
            entries: text::number(list.entries),
            unreadable: (list.unreadable > 0).then(|| text::plural(list.unreadable, "line")),
        }
    }
}

struct OwnRow {
    sha256: String,
    name: String,
    added: String,
}

impl OwnRow {
    fn of(hash: OwnHash) -> Self {
        Self { sha256: hash.sha256, name: hash.name, added: text::day(hash.added_at) }
    }
}

/// What was typed and will not do.
#[derive(Default)]
struct Refused {
    sources: Option<(String, String)>,
    hashes: Option<(String, String)>,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, Refused::default()).await?;
    call.page(&page)
}

async fn page<P>(call: &mut Call<P>, refused: Refused) -> Result<Page, WebError> {
    let known = image_rules::sources(&mut call.tx).await?;
    let changed = image_rules::changed_at(&mut call.tx).await?;
    let lists = image_rules::lists(&mut call.tx).await?;
    let own = image_rules::own(&mut call.tx, SHOWN).await?;
    let own_count = image_rules::count_own(&mut call.tx).await?;
    let more = own_count - SHOWN;
    let (sources, refused_sources) =
        refused.sources.map_or_else(|| (known.patterns().join("\n"), None), |(typed, words)| (typed, Some(words)));
    let (typed, refused_hashes) =
        refused.hashes.map_or_else(|| (String::new(), None), |(typed, words)| (typed, Some(words)));
    Ok(Page {
        frame: call.frame(Nav::Components),
        may_change: call.may(Permission::ManageRules),
        sources,
        named: known.patterns().len(),
        changed: changed.map(text::when),
        refused_sources,
        lists: lists.into_iter().map(ListRow::of).collect(),
        own: own.into_iter().map(OwnRow::of).collect(),
        own_count,
        own_more: (more > 0).then(|| text::number(more)),
        typed,
        refused_hashes,
    })
}

async fn refuse(mut call: Call<ManageRules>, refused: Refused) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, refused).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

/// Has everything that these rules decide judged anew.
async fn wake(call: &mut Call<ManageRules>) -> Result<(), WebError> {
    let (now, mint) = (call.now, call.visit().state.mint.clone());
    Ok(job::enqueue(&mut call.tx, &Task::JudgeImages, now, &mint).await?)
}

#[derive(Deserialize)]
struct Sources {
    #[serde(default)]
    sources: String,
}

async fn allow(mut call: Call<ManageRules>, form: Form<Sources>) -> Result<HttpResponse, WebError> {
    let typed = form.0.sources;
    let sources = match AllowedSources::parse(&typed) {
        Ok(sources) => sources,
        Err(words) => return refuse(call, Refused { sources: Some((typed, words)), ..Refused::default() }).await,
    };
    let before = image_rules::sources(&mut call.tx).await?;
    if before == sources {
        return Ok(call.refuse(PATH, Flash::good("Nothing changed: these sources were allowed before.")));
    }
    let now = call.now;
    image_rules::allow(&mut call.tx, &sources, now).await?;
    let differ = |one: &AllowedSources, other: &AllowedSources| -> Vec<String> {
        one.patterns().iter().filter(|pattern| !other.patterns().contains(pattern)).take(RECORDED).cloned().collect()
    };
    let detail = json!({
        "added": differ(&sources, &before), "removed": differ(&before, &sources), "patterns": sources.patterns().len(),
    });
    call.record("image_rules.sources_changed", "Allowed sources", detail).await?;
    wake(&mut call).await?;
    let words = if sources.is_empty() {
        "No sources are named any more; images are not judged by where they come from."
    } else {
        "Kept. Images, and what names them, are being judged anew."
    };
    call.done(PATH, Flash::good(words)).await
}

#[derive(Deserialize)]
struct Hashes {
    #[serde(default)]
    hashes: String,
}

async fn list(mut call: Call<ManageRules>, form: Upload<Hashes>) -> Result<HttpResponse, WebError> {
    let typed = form.typed.hashes;
    let read = std::str::from_utf8(&form.file).map_err(|_| "The file is no text.".to_owned());
    let hashes = match read.and_then(|file| hashes_of([typed.as_str(), file])) {
        Ok(hashes) => hashes,
        Err(words) => return refuse(call, Refused { hashes: Some((typed, words)), ..Refused::default() }).await,
    };
    let now = call.now;
    let new = match image_rules::add_own(&mut call.tx, &hashes, now).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse(PATH, Flash::bad(words))),
        other => other?,
    };
    call.record("image_rules.bad_files_added", "Known bad files", json!({ "hashes": hashes.len(), "new": new }))
        .await?;
    wake(&mut call).await?;
    let words = format!("{} listed. Every image that was read is held against the list.", counted(hashes.len()));
    call.done(PATH, Flash::good(words)).await
}

/// All hashes, or why not.
fn hashes_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<BadHash>, String> {
    let mut hashes = Vec::new();
    for text in texts {
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            match reader.line(line) {
                Line::Hash { sha256, name } => hashes.push(BadHash { sha256, name }),
                Line::Nothing => {}
                Line::Unreadable => return Err(format!("Line {} has no SHA-256 hash: “{:.60}”.", at + 1, line.trim())),
            }
            if hashes.len() > AT_ONCE {
                return Err(format!("At most {AT_ONCE} hashes are added at once. An operator imports longer lists."));
            }
        }
    }
    if hashes.is_empty() { Err("Type or choose at least one SHA-256 hash.".to_owned()) } else { Ok(hashes) }
}

#[derive(Deserialize)]
struct Unlisted {
    #[serde(default)]
    sha256: String,
}

async fn unlist(mut call: Call<ManageRules>, form: Form<Unlisted>) -> Result<HttpResponse, WebError> {
    let sha256 = hash_list::hash(&form.0.sha256).ok_or(WebError::NotFound)?;
    if image_rules::remove_own(&mut call.tx, &[sha256]).await? == 0 {
        return Err(WebError::NotFound);
    }
    call.record("image_rules.bad_file_removed", &form.0.sha256, json!({})).await?;
    wake(&mut call).await?;
    call.done(PATH, Flash::good("It is no longer in your list.")).await
}

fn counted(hashes: usize) -> String {
    if hashes == 1 {
        return "1 hash is".to_owned();
    }
    format!("{} hashes are", text::number(i64::try_from(hashes).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_taken_whole_or_not_at_all() {
        let (a, b) = ("aa".repeat(32), "bb".repeat(32));
        let read = hashes_of([format!("{a}  miner\n\n# more\n").as_str(), b.as_str()]).unwrap();
        assert_eq!(read.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["miner", ""]);

        let refused = hashes_of([format!("{a}\nnonsense").as_str()]).unwrap_err();
        assert_eq!(refused, "Line 2 has no SHA-256 hash: “nonsense”.");
        assert!(hashes_of(["", "# only words\n"]).unwrap_err().contains("at least one"));
    }
}
