//! What a tenant and its operator say of images, as facts for the checks: where they may come from, and which files must
//! not be in them. And judging everything anew when they say something else.

use crate::Worker;
use crate::again::surround;
use crate::evaluate::evaluate;
use crate::known_bad;
use plumbline_core::allowed::AllowedSources;
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_policy::{Catalogue, Subject};
use plumbline_store::TenantTx;
use plumbline_store::image_rules::{self, BadFile, ImageFiles};
use plumbline_store::job::{self, Lease};
use plumbline_store::reconcile::{self, Merged};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Places of a bad file that its finding names.
const PLACES: usize = 20;

/// Account, kind and id of what is to be judged.
type Changed = (String, String, ResourceId);

/// The rules that hold, read once an evaluation.
pub(crate) struct Rules {
    allowed: AllowedSources,
    listed: bool,
}

impl Rules {
    pub(crate) async fn read(tx: &mut TenantTx) -> anyhow::Result<Self> {
        Ok(Self { allowed: image_rules::sources(tx).await?, listed: image_rules::is_listed(tx).await? })
    }

    /// Adds the facts to a page of resources of one kind.
    pub(crate) async fn enrich(&self, tx: &mut TenantTx, subjects: &mut [&mut Subject]) -> anyhow::Result<()> {
        let keys: Vec<String> = subjects.iter().filter_map(|subject| software_of(subject)).collect();
        let files = if keys.is_empty() { ImageFiles::default() } else { image_rules::of_images(tx, &keys).await? };
        let by_software: BTreeMap<&str, &[BadFile]> = files
            .bad
            .chunk_by(|a, b| a.software == b.software)
            .filter_map(|bad| Some((bad.first()?.software.as_str(), bad)))
            .collect();
        for subject in subjects {
            let allowed = self.allowed(subject);
            subject.facts.insert("allowed".to_owned(), allowed);
            if subject.kind != "image" {
                continue;
            }
            let key = software_of(subject).unwrap_or_default();
            let bad = by_software.get(key.as_str()).copied().unwrap_or_default();
            let fact = json!({
                "listed": self.listed, "hashed": files.dropped.contains_key(&key),
                "dropped": files.dropped.get(&key).copied().unwrap_or(0), "files": bad_files(bad),
            });
            subject.facts.insert("bad_files".to_owned(), fact);
        }
        Ok(())
    }

    /// How many patterns there are, and the images that none of them allows.
    fn allowed(&self, subject: &Subject) -> Value {
        let foreign: BTreeSet<String> = references(subject)
            .into_iter()
            .filter(|one| !self.allowed.admit(&one.host, &one.repository))
            .map(|one| one.whole)
            .collect();
        json!({ "patterns": self.allowed.patterns().len(), "foreign": foreign })
    }
}

/// A name of an image, taken apart.
struct Reference {
    whole: String,
    host: String,
    repository: String,
}

/// The images that a resource is or names.
fn references(subject: &Subject) -> Vec<Reference> {
    if subject.kind == "image" {
        let (host, repository) = (subject.account.clone(), subject.region.clone());
        return vec![Reference { whole: format!("{host}/{repository}"), host, repository }];
    }
    let named = match subject.facts.get("containers") {
        Some(Value::Array(containers)) => containers.iter().filter_map(|one| one.get("image")).collect(),
        _ => subject.facts.get("image").into_iter().collect::<Vec<_>>(),
    };
    let text = |image: &Value, name: &str| image.get(name).and_then(Value::as_str).map(str::to_owned);
    let reference = |image: &Value| {
        Some(Reference {
            whole: text(image, "reference").filter(|whole| !whole.is_empty())?,
            host: text(image, "host")?,
            repository: text(image, "repository")?,
        })
    };
    named.into_iter().filter_map(reference).collect()
}

fn software_of(subject: &Subject) -> Option<String> {
    Some(subject.attributes.get("Software")?.as_str()?.to_owned())
}

/// Each bad file once, with all its places and all lists that name it, as a failure.
fn bad_files(rows: &[BadFile]) -> Vec<Value> {
    rows.chunk_by(|a, b| a.sha256 == b.sha256).filter_map(bad_file).collect()
}

fn bad_file(rows: &[BadFile]) -> Option<Value> {
    let first = rows.first()?;
    let mut places: Vec<(&str, i32)> = rows.iter().map(|row| (row.path.as_str(), row.layer)).collect();
    places.dedup();
    let more = places.len() - 1;
    let lists: BTreeSet<&str> = rows.iter().map(|row| row.list.as_deref().unwrap_or("your own list")).collect();
    let name = rows.iter().map(|row| row.name.as_str()).find(|name| !name.is_empty());
    let called = name.map(|name| format!(" is {name},")).unwrap_or_default();
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let lists: Vec<&str> = lists.into_iter().collect();
    let shown: Vec<Value> =
        places.iter().take(PLACES).map(|(path, layer)| json!({ "path": path, "layer": layer })).collect();
    Some(json!({
        "subject": first.sha256,
        "message": format!("/{}{and_more}{called} by {}", first.path, lists.join(" and ")),
        "observed": { "sha256": first.sha256, "name": name, "lists": lists, "files": shown, "places": places.len() },
    }))
}

/// Kinds that checks of these rules judge.
pub(crate) fn kinds(catalogue: &Catalogue) -> BTreeSet<String> {
    catalogue.checks().filter(|check| check.depends_on_rules()).map(|check| check.resource.clone()).collect()
}

/// Judges by the rules as they are now: everything when other sources are allowed or the first list came, else the images
/// of which something else is known to be bad.
pub(crate) async fn judge_anew(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    reconcile::lock(&mut tx).await?;
    reconcile::put_off(&mut tx).await?;
    let rules = Rules::read(&mut tx).await?;
    let changed = known_bad::find_all(&mut tx).await?;
    let found = if image_rules::judge_by(&mut tx, &rules.allowed, rules.listed).await? {
        let kinds: Vec<String> = kinds(worker.catalogue).into_iter().collect();
        image_rules::all_of(&mut tx, &kinds).await?
    } else {
        image_rules::images_of(&mut tx, &changed).await?
    };
    let mut by_source: BTreeMap<SourceId, Vec<Changed>> = BTreeMap::new();
    for (source, account, kind, id) in found {
        by_source.entry(source).or_default().push((account, kind, id));
    }
    let ruled: Vec<String> =
        worker.catalogue.checks().filter(|check| check.depends_on_rules()).map(|check| check.id.clone()).collect();
    for (source, changed) in by_source {
        let merged = Merged { changed, retired: Vec::new() };
        let now = worker.now();
        reconcile::open_decisions(&mut tx).await?;
        let sight = evaluate(worker, &mut tx, source, &merged, &[], false, now).await?;
        reconcile::settle_rules(&mut tx, source, &worker.weighing, &ruled, sight, now).await?;
        reconcile::close_decisions(&mut tx).await?;
    }
    surround(worker, &mut tx).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    Ok(tx.commit().await?)
}
