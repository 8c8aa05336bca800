//! What is known of images beyond what the registry says: their flaws, what they are built on, and what would cure most.
//!
//! Both reach the checks as facts. A flaw that came with the base image is the base's to fix: where a newer image of the
//! base's own repository has it no more, moving to that one is the fix; otherwise the base's packages are to be upgraded,
//! once, and not those of each image that is built on it.

use plumbline_policy::Subject;
use plumbline_software::Distribution;
use plumbline_store::TenantTx;
use plumbline_store::software::{self, ImageFlaw, ImageLayers};
use plumbline_store::subject::StoredResource;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Moves to another base.
const BUMP: &str = "image-bump-base";
/// Upgrades packages within the image, or within its base.
const UPGRADE: &str = "image-upgrade-packages";

/// Flaws of images, each with a package that brings it, that are held in memory at a time; one image may have more.
const ROWS: i64 = 50_000;

/// Parts a page of images, so that those of one part have no more flaws together than memory is to hold.
pub(crate) async fn parts(tx: &mut TenantTx, rows: Vec<StoredResource>) -> anyhow::Result<Vec<Vec<StoredResource>>> {
    let key = |row: &StoredResource| Some(row.attributes.0.get("Software")?.as_str()?.to_owned());
    let software: BTreeSet<String> = rows.iter().filter_map(key).collect();
    let counts = software::flaw_rows(tx, &software.into_iter().collect::<Vec<_>>()).await?;
    let counts: HashMap<String, i64> = counts.into_iter().collect();
    Ok(parted(rows, |row| key(row).and_then(|key| counts.get(&key).copied()).unwrap_or(0), ROWS))
}

/// Parts a list in its order, so that what the items of a part weigh together is within the limit, or one item.
fn parted<T>(items: Vec<T>, weight: impl Fn(&T) -> i64, most: i64) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = Vec::new();
    let mut heavy = i64::MAX;
    for item in items {
        let weight = weight(&item);
        heavy = heavy.saturating_add(weight);
        match parts.last_mut() {
            Some(part) if heavy <= most => part.push(item),
            _ => {
                heavy = weight;
                parts.push(vec![item]);
            }
        }
    }
    parts
}

/// Adds the facts to images.
pub(crate) async fn enrich(tx: &mut TenantTx, known: &Known, subjects: &mut [&mut Subject]) -> anyhow::Result<()> {
    let software: Vec<String> = subjects.iter().filter_map(|subject| software_of(subject)).collect();
    let flaws = by_software(software::of_images(tx, &software).await?);
    let unjudged: HashMap<String, (i64, Vec<String>)> = software::unjudged_of_images(tx, &software)
        .await?
        .into_iter()
        .map(|(software, count, examples)| (software, (count, examples)))
        .collect();
    let bases: Vec<Option<&ImageLayers>> = subjects.iter().map(|subject| known.base_of(&subject.uid)).collect();
    let bumps = known.bumps(tx, bases.iter().flatten().copied()).await?;
    for (subject, base) in subjects.iter_mut().zip(bases) {
        let software = software_of(subject).unwrap_or_default();
        let built = Built {
            image: subject.uid.clone(),
            base,
            bump: base.and_then(|base| bumps.get(&base.uid)).map(AsRef::as_ref),
        };
        let flaws = flaws.get(&software).map_or_else(Vec::new, |flaws| built.flaws(flaws));
        let (count, examples) = unjudged.get(&software).cloned().unwrap_or_default();
        subject.facts.insert("flaws".to_owned(), Value::Array(flaws));
        subject.facts.insert("unjudged".to_owned(), json!({ "count": count, "examples": examples }));
        subject.facts.insert("base".to_owned(), built.fact());
        subject.facts.insert("end_of_life".to_owned(), json!(end_of_life(subject)));
    }
    Ok(())
}

pub(crate) fn software_of(subject: &Subject) -> Option<String> {
    Some(subject.attributes.get("Software")?.as_str()?.to_owned())
}

/// The last day of security support of an image's or a host's distribution, if it is known.
pub(crate) fn end_of_life(subject: &Subject) -> Option<String> {
    let one = subject.attributes.get("Distribution")?;
    let distribution = Distribution::new(one.get("id")?.as_str()?, one.get("release")?.as_str()?);
    let (year, month, day) = distribution.end_of_life()?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

pub(crate) fn by_software(flaws: Vec<ImageFlaw>) -> HashMap<String, Vec<ImageFlaw>> {
    let mut by_software: HashMap<String, Vec<ImageFlaw>> = HashMap::new();
    for flaw in flaws {
        by_software.entry(flaw.software.clone()).or_default().push(flaw);
    }
    by_software
}

/// All images of the tenant, by their layers.
pub(crate) struct Known {
    images: Vec<ImageLayers>,
    by_uid: HashMap<String, usize>,
    /// Platform and layers → the image that is known best by them.
    by_layers: HashMap<(String, Vec<String>), usize>,
    /// What was found for bases so far; none where there is nothing better to move to.
    bumps: Mutex<HashMap<String, Option<Arc<Bump>>>>,
}

impl Known {
    pub(crate) async fn read(tx: &mut TenantTx) -> anyhow::Result<Self> {
        Ok(Self::of(software::image_layers(tx).await?))
    }

    fn of(images: Vec<ImageLayers>) -> Self {
        // Of images that are the same, the one with a name is the one that people know.
        let fame = |at: usize| images.get(at).map(|image| (!image.tags.0.is_empty(), Reverse(image.uid.as_str())));
        let mut by_layers: HashMap<(String, Vec<String>), usize> = HashMap::new();
        for (at, image) in images.iter().enumerate().filter(|(_, image)| !image.layers.0.is_empty()) {
            let known = by_layers.entry((platform(image), image.layers.0.clone())).or_insert(at);
            if fame(at) > fame(*known) {
                *known = at;
            }
        }
        let by_uid = images.iter().enumerate().map(|(at, image)| (image.uid.clone(), at)).collect();
        Self { images, by_uid, by_layers, bumps: Mutex::default() }
    }

    /// The image of the same platform with the most layers that another one begins with, and has more than.
    fn base_of(&self, uid: &str) -> Option<&ImageLayers> {
        let image = self.images.get(*self.by_uid.get(uid)?)?;
        let mut key = (platform(image), image.layers.0.clone());
        while key.1.pop().is_some() {
            if let Some(base) = self.by_layers.get(&key) {
                return self.images.get(*base);
            }
        }
        None
    }

    /// For each base, the image of its repository that leaves fewest flaws, if any leaves fewer than it has. What was found
    /// for one is kept: thousands of images have the same base.
    async fn bumps(
        &self,
        tx: &mut TenantTx,
        bases: impl Iterator<Item = &ImageLayers>,
    ) -> anyhow::Result<HashMap<String, Arc<Bump>>> {
        let bases: BTreeMap<&str, &ImageLayers> = bases.map(|base| (base.uid.as_str(), base)).collect();
        let mut known = self.bumps.lock().await;
        let unknown: Vec<&ImageLayers> =
            bases.values().copied().filter(|base| !known.contains_key(&base.uid)).collect();
        for (base, bump) in self.find_bumps(tx, &unknown).await? {
            known.insert(base, bump);
        }
        let found = bases.keys().filter_map(|uid| Some(((*uid).to_owned(), known.get(*uid)?.clone()?)));
        Ok(found.collect())
    }

    async fn find_bumps(
        &self,
        tx: &mut TenantTx,
        bases: &[&ImageLayers],
    ) -> anyhow::Result<Vec<(String, Option<Arc<Bump>>)>> {
        let candidates: Vec<(&ImageLayers, Vec<&ImageLayers>)> =
            bases.iter().map(|base| (*base, self.newer_than(base))).collect();
        let with_some = candidates.iter().filter(|(_, newer)| !newer.is_empty());
        let all =
            software_of_all(with_some.flat_map(|(base, newer)| newer.iter().chain(std::iter::once(base)).copied()));
        let burdens = burdens(&software::flaw_classes(tx, &all).await?);
        let burden =
            |image: &ImageLayers| image.software.as_ref().and_then(|key| burdens.get(key)).copied().unwrap_or(0);
        let best: Vec<(&ImageLayers, Option<&ImageLayers>)> = candidates
            .into_iter()
            .map(|(base, newer)| {
                let best = newer.into_iter().min_by_key(|image| (burden(image), Reverse(image.created.clone())));
                (base, best.filter(|best| burden(best) < burden(base)))
            })
            .collect();
        let mut left: HashMap<String, HashSet<String>> = HashMap::new();
        let chosen = software_of_all(best.iter().filter_map(|(_, best)| *best));
        for (software, flaw) in software::flaw_ids(tx, &chosen).await? {
            left.entry(software).or_default().insert(flaw);
        }
        let bump = |to: &ImageLayers| {
            let left = to.software.as_ref().and_then(|key| left.get(key)).cloned().unwrap_or_default();
            Arc::new(Bump { uid: to.uid.clone(), reference: reference(to), left })
        };
        Ok(best.into_iter().map(|(base, best)| (base.uid.clone(), best.map(bump))).collect())
    }

    /// Images of the base's repository and platform that are newer, have a tag and were read to the end.
    fn newer_than(&self, base: &ImageLayers) -> Vec<&ImageLayers> {
        let newer = |image: &&ImageLayers| {
            image.account == base.account
                && image.repository == base.repository
                && image.platform == base.platform
                && image.uid != base.uid
                && image.created > base.created
                && image.software.is_some()
                && !image.tags.0.is_empty()
        };
        self.images.iter().filter(newer).collect()
    }
}

/// The platform as a text; images of different platforms share nothing even where their layers do.
fn platform(image: &ImageLayers) -> String {
    image.platform.as_ref().map(|platform| platform.0.to_string()).unwrap_or_default()
}

fn software_of_all<'a>(images: impl Iterator<Item = &'a ImageLayers>) -> Vec<String> {
    let all: BTreeSet<&String> = images.filter_map(|image| image.software.as_ref()).collect();
    all.into_iter().cloned().collect()
}

/// How bad the flaws of each software are together; each flaw counts once.
fn burdens(classes: &[(String, String, i64)]) -> HashMap<String, i64> {
    let mut burdens: HashMap<String, i64> = HashMap::new();
    for (software, class, flaws) in classes {
        let weight = match class.as_str() {
            "exploited" => 100,
            "critical" => 40,
            "high" => 15,
            "medium" => 4,
            _ => 1,
        };
        *burdens.entry(software.clone()).or_default() += weight * flaws;
    }
    burdens
}

/// The check that a flaw is a failure of: by the worst of what its packages say.
fn class(rows: &[ImageFlaw]) -> &'static str {
    let is = |severity: &str| rows.iter().any(|row| row.severity == severity);
    let severities = ["critical", "high", "medium"];
    match severities.into_iter().find(|severity| is(severity)) {
        _ if rows.iter().any(|row| row.exploited) => "exploited",
        Some(severity) => severity,
        None => "low",
    }
}

/// Another base to move to, with the flaws that it has too.
struct Bump {
    uid: String,
    reference: String,
    left: HashSet<String>,
}

/// How an image is built.
struct Built<'a> {
    image: String,
    base: Option<&'a ImageLayers>,
    bump: Option<&'a Bump>,
}

impl Built<'_> {
    /// Each flaw once, with all packages that bring it, as a failure of the check of its class.
    fn flaws(&self, rows: &[ImageFlaw]) -> Vec<Value> {
        rows.chunk_by(|a, b| a.flaw_id == b.flaw_id).filter_map(|rows| self.flaw(rows)).collect()
    }

    fn flaw(&self, rows: &[ImageFlaw]) -> Option<Value> {
        let first = rows.first()?;
        let layers = self.base.map_or(0, |base| base.layers.0.len());
        let is_of_base = rows.iter().all(|row| usize::try_from(row.layer).is_ok_and(|layer| layer < layers));
        let bump = self.bump.filter(|bump| is_of_base && !bump.left.contains(&first.flaw_id));
        let (key, target) = match (bump, self.base) {
            (Some(bump), Some(base)) => (BUMP, format!("{} → {}", reference(base), bump.reference)),
            (None, Some(base)) if is_of_base => (UPGRADE, base.uid.clone()),
            _ => (UPGRADE, self.image.clone()),
        };
        let from_base = self.base.filter(|_| is_of_base).map(reference);
        Some(flaw_fact(rows, key, &target, from_base))
    }

    fn fact(&self) -> Value {
        let Some(base) = self.base else { return Value::Null };
        json!({
            "uid": base.uid, "reference": reference(base), "layers": base.layers.0.len(),
            "newer": self.bump.map(|bump| json!({ "uid": bump.uid, "reference": bump.reference })),
        })
    }
}

/// A flaw with all packages that bring it, as a failure of the check of its class.
pub(crate) fn flaw_fact(rows: &[ImageFlaw], fix_key: &str, fix_target: &str, from_base: Option<String>) -> Value {
    let Some(first) = rows.first() else { return Value::Null };
    let packages: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({ "type": row.kind, "name": row.name, "version": row.version, "fixed_in": row.fixed_in,
                "path": row.path, "layer": row.layer })
        })
        .collect();
    let worst = rows.iter().filter_map(|row| row.cvss).max_by(f32::total_cmp);
    let likeliest = rows.iter().filter_map(|row| row.probability).max_by(f32::total_cmp);
    json!({
        "class": class(rows),
        "subject": first.flaw_id,
        "message": message(rows),
        "fix_key": fix_key,
        "fix_target": fix_target,
        "observed": {
            "flaw": first.flaw_id, "packages": packages, "cvss": worst.map(tenths), "rated": first.rated,
            "exploited": rows.iter().any(|row| row.exploited), "ransomware": rows.iter().any(|row| row.ransomware),
            "epss": likeliest.map(|chance| (f64::from(chance) * 10_000.0).round() / 10_000.0),
            "from_base": from_base,
        },
    })
}

/// A score as it is written, with one decimal.
fn tenths(score: f32) -> f64 {
    (f64::from(score) * 10.0).round() / 10.0
}

/// `registry/repository:tag`, or the digest where it has no tag.
fn reference(image: &ImageLayers) -> String {
    match image.tags.0.first() {
        Some(tag) => format!("{}/{}:{tag}", image.account, image.repository),
        None => image.uid.clone(),
    }
}

/// "openssl 3.0.1 (fixed in 3.0.2) and 2 more packages".
fn message(rows: &[ImageFlaw]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let fixed = first.fixed_in.as_ref().map_or("no fix yet".to_owned(), |fixed| format!("fixed in {fixed}"));
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let more = match names.len() - 1 {
        0 => String::new(),
        1 => " and 1 more package".to_owned(),
        more => format!(" and {more} more packages"),
    };
    format!("{} {} ({fixed}){more}", first.name, first.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_parted_by_their_flaws_and_none_is_left_out() {
        let parts = |weights: &[i64]| parted(weights.to_vec(), |weight| *weight, 10);
        assert_eq!(parts(&[4, 6, 1, 30, 0, 10, 10]), [vec![4, 6], vec![1], vec![30], vec![0, 10], vec![10]]);
        assert_eq!(parts(&[0; 1000]).len(), 1);
        assert!(parts(&[]).is_empty());
    }
}
