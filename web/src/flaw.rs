//! One flaw: what is known of it, and everything of the tenant's that has it.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::flaws::{Missing, percent, score};
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::text;
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_store::software::{self, AffectedImage, FeedsIn, FlawDetail, FlawFinding, ImageSight};
use std::collections::BTreeSet;
use url::form_urlencoded;
use uuid::Uuid;

/// The longest id that is looked up.
const LONGEST: usize = 100;
/// As many lines as the store gives at most.
const MOST: usize = 500;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/flaws/{flaw}", show)]
}

async fn show(mut call: Call<ReadPosture>, asked: web::Path<String>) -> Result<HttpResponse, WebError> {
    let asked = id(&asked).ok_or(WebError::NotFound)?;
    let found = software::flaw(&mut call.tx, &asked).await?;
    let rows = software::affected_images(&mut call.tx, &found.flaw_id).await?;
    let findings = software::findings_of_flaw(&mut call.tx, &found.flaw_id).await?;
    let images = grouped(&rows, &findings);
    let feeds = software::feeds_in(&mut call.tx).await?;
    let sight = match images.is_empty() {
        true => software::sight_of_images(&mut call.tx).await?,
        false => ImageSight::default(),
    };
    let of_applications = rows.iter().filter(|row| row.uid.starts_with("application:"));
    let applications = of_applications.map(|row| row.resource_id).collect::<BTreeSet<_>>().len();
    let page = Page {
        frame: call.frame(Nav::Flaws),
        answer: Answer::of(&found, (images.len() - applications, applications), rows.len() >= MOST, &sight, feeds),
        about: About::of(&found, &asked),
        cut: rows.len() >= MOST,
        images,
        missing: Missing::of(feeds),
    };
    call.page(&page)
}

/// A flaw's id as feeds write it; none for what cannot be one.
pub(crate) fn id(text: &str) -> Option<String> {
    let text = text.trim();
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let upper = text.to_ascii_uppercase();
    // GitHub's ids may be all letters.
    let is_named = upper.starts_with("GHSA-") || text.chars().any(|c| c.is_ascii_digit());
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(sound) || !is_named {
        return None;
    }
    Some(match upper.split_once('-') {
        Some(("CVE", _)) => upper,
        Some(("GHSA", rest)) => format!("GHSA-{}", rest.to_ascii_lowercase()),
        _ => text.to_owned(),
    })
}

/// The address of a flaw's page.
pub(crate) fn href(flaw: &str) -> String {
    format!("/flaws/{}", form_urlencoded::byte_serialize(flaw.as_bytes()).collect::<String>())
}

#[derive(Template)]
#[template(path = "flaws/one.html")]
struct Page {
    frame: Frame,
    about: About,
    answer: Answer,
    images: Vec<Image>,
    /// Whether there may be more than are shown.
    cut: bool,
    missing: Vec<Missing>,
}

/// Whether the tenant is affected, and what keeps that from being said.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    /// `fail`, `pass` or `unknown`.
    class: &'static str,
    word: &'static str,
    words: String,
    reasons: Vec<String>,
    examples: Vec<String>,
}

impl Answer {
    /// `affected` are images and applications.
    fn of(flaw: &FlawDetail, affected: (usize, usize), cut: bool, sight: &ImageSight, feeds: FeedsIn) -> Self {
        if affected != (0, 0) {
            let counts = [(affected.0, "image"), (affected.1, "application")];
            let counts = counts.into_iter().filter(|(count, _)| *count > 0);
            let counts = counts.map(|(count, what)| text::plural(i64::try_from(count).unwrap_or(i64::MAX), what));
            let verb = if affected.0 + affected.1 == 1 { "has" } else { "have" };
            let least = if cut { "At least " } else { "" };
            let all = counts.collect::<Vec<_>>().join(" and ");
            return Self::new("fail", "Affected", format!("{least}{all} {verb} it."));
        }
        if !flaw.known {
            let why = match feeds.advisories {
                false => "No advisories were imported yet.",
                true => "It may be newer than the feeds, or be of an ecosystem whose advisories were not imported.",
            };
            let words = "No advisory that was imported tells of it, so no image could be held against it.".to_owned();
            return Self { reasons: vec![why.to_owned()], ..Self::new("unknown", "Unknown", words) };
        }
        if sight.images == 0 {
            return Self::new("unknown", "Unknown", "No image was read yet. Connect a registry first.".to_owned());
        }
        let reasons = doubts(sight);
        if reasons.is_empty() {
            let words = match sight.images {
                1 => "1 image was checked and does not have it.".to_owned(),
                images => format!("{} were checked and none has it.", text::plural(images, "image")),
            };
            return Self::new("pass", "Not affected", words);
        }
        let words = "Nothing that could be judged has it, but not everything could be.".to_owned();
        Self { reasons, examples: sight.examples.clone(), ..Self::new("unknown", "Unknown", words) }
    }

    fn new(class: &'static str, word: &'static str, words: String) -> Self {
        Self { class, word, words, reasons: Vec::new(), examples: Vec::new() }
    }
}

/// What was not looked into.
fn doubts(sight: &ImageSight) -> Vec<String> {
    let mut doubts = Vec::new();
    if sight.unread > 0 {
        let images = text::plural(sight.images, "image");
        doubts.push(format!("{} of {images} could not be read, or not to the end.", text::number(sight.unread)));
    }
    if sight.waiting > 0 {
        doubts.push("Images that were read just now are still being judged.".to_owned());
    }
    if sight.unjudged > 0 {
        let more = if sight.unjudged >= 1000 { "More than " } else { "" };
        doubts.push(format!("{more}{} could not be judged.", text::plural(sight.unjudged.min(1000), "package")));
    }
    doubts
}

/// What is known of the flaw.
struct About {
    id: String,
    /// The other name that it was asked for by.
    asked: Option<String>,
    summary: Option<String>,
    severity: Option<String>,
    rated: bool,
    cvss: Option<String>,
    vector: Option<String>,
    published: Option<String>,
    aliases: Vec<String>,
    advisories: Vec<String>,
    references: Vec<String>,
    exploited: bool,
    added: Option<String>,
    due: Option<String>,
    ransomware: bool,
    epss: Option<String>,
    /// How many flaws are less likely to be exploited.
    above: Option<String>,
}

impl About {
    fn of(found: &FlawDetail, asked: &str) -> Self {
        // An address that a browser would run is no reference.
        let is_page = |link: &&String| link.starts_with("https://") || link.starts_with("http://");
        Self {
            id: found.flaw_id.clone(),
            asked: (found.flaw_id != asked).then(|| asked.to_owned()),
            summary: found.summary.clone().filter(|text| !text.is_empty()),
            severity: found.severity.clone(),
            rated: found.rated.unwrap_or(true),
            cvss: found.cvss.map(score),
            vector: found.vector.clone(),
            published: found.published.as_deref().map(|at| at.get(..10).unwrap_or(at).to_owned()),
            aliases: found.aliases.0.iter().filter(|alias| **alias != found.flaw_id).cloned().collect(),
            advisories: found.advisories.0.clone(),
            references: found.references.0.iter().filter(is_page).take(30).cloned().collect(),
            exploited: found.exploited,
            added: found.added.clone().filter(|day| !day.is_empty()),
            due: found.due.clone().filter(|day| !day.is_empty()),
            ransomware: found.ransomware,
            epss: found.probability.map(percent),
            above: found.percentile.map(percent),
        }
    }
}

/// An image, with all of it that has the flaw.
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) packages: Vec<Package>,
    /// The finding's id and state.
    pub(crate) finding: Option<(String, String)>,
}

/// A package of an image.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) fixed_in: Option<String>,
    /// As people count, from 1.
    pub(crate) layer: i32,
    pub(crate) path: String,
}

impl Package {
    pub(crate) fn of(row: &AffectedImage) -> Self {
        Self {
            name: row.package.clone(),
            version: row.version.clone(),
            fixed_in: row.fixed_in.clone(),
            layer: row.layer.saturating_add(1),
            path: row.path.clone(),
        }
    }
}

/// The rows, which stand image by image, as images.
pub(crate) fn grouped(rows: &[AffectedImage], findings: &[FlawFinding]) -> Vec<Image> {
    let finding = |id: Uuid| findings.iter().find(|finding| finding.resource_id == id);
    let image = |rows: &[AffectedImage]| {
        let first = rows.first()?;
        Some(Image {
            id: first.resource_id.to_string(),
            name: first.name.clone(),
            place: format!("{}/{}", first.account, first.repository),
            packages: rows.iter().map(Package::of).collect(),
            finding: finding(first.resource_id).map(|one| (one.finding_id.to_string(), one.state.clone())),
        })
    };
    rows.chunk_by(|a, b| a.resource_id == b.resource_id).filter_map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_however_it_is_typed() {
        assert_eq!(id(" cve-2026-0001 ").as_deref(), Some("CVE-2026-0001"));
        assert_eq!(id("ghsa-ABCD-1234-WXYZ").as_deref(), Some("GHSA-abcd-1234-wxyz"));
        assert_eq!(id("openSUSE-SU-2026:1").as_deref(), Some("openSUSE-SU-2026:1"));
        for none in ["", "openssl", "CVE 2026", "<script>1", "../1"] {
            assert_eq!(id(none), None, "{none}");
        }
        assert_eq!(id(&"1".repeat(101)), None);
        assert_eq!(href("RHSA-2026:1"), "/flaws/RHSA-2026%3A1");
    }

    fn flaw(known: bool) -> FlawDetail {
        let none = || serde_json::from_value(serde_json::json!([])).expect("a list");
        FlawDetail {
            flaw_id: "CVE-2026-0001".to_owned(),
            aliases: none(),
            advisories: none(),
            severity: None,
            rated: None,
            cvss: None,
            vector: None,
            summary: None,
            published: None,
            references: none(),
            exploited: false,
            added: None,
            due: None,
            ransomware: false,
            probability: None,
            percentile: None,
            known,
        }
    }

    fn answer(known: bool, affected: usize, sight: ImageSight) -> Answer {
        let feeds = FeedsIn { advisories: true, exploited: true, forecasts: true };
        Answer::of(&flaw(known), (affected, 0), false, &sight, feeds)
    }

    #[test]
    fn not_affected_is_said_only_of_a_known_flaw_when_everything_was_judged() {
        let all = || ImageSight { images: 7, ..ImageSight::default() };
        let clear = answer(true, 0, all());
        assert_eq!((clear.word, clear.words.as_str()), ("Not affected", "7 images were checked and none has it."));
        for sight in [
            ImageSight { unread: 1, ..all() },
            ImageSight { waiting: 1, ..all() },
            ImageSight { unjudged: 1, ..all() },
            ImageSight::default(),
        ] {
            assert_eq!(answer(true, 0, sight.clone()).class, "unknown", "{sight:?}");
        }
        assert_eq!(answer(false, 0, all()).class, "unknown", "nobody told of it");
    }

    #[test]
    fn what_has_it_is_affected_whatever_else_is_not_known() {
        let sight = ImageSight { images: 3, unread: 2, ..ImageSight::default() };
        assert_eq!(answer(true, 1, sight).words, "1 image has it.");
    }
}
