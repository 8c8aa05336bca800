//! What is known of images beyond what the registry says: their flaws, what they are built on, and what would cure most.
//!
//! Both reach the checks as facts. A flaw that came with the base image is the base's to fix: where a newer image of the
//! base's own repository has it no more, moving to that one is the fix; otherwise the base's packages are to be upgraded,
//! once, and not those of each image that is built on it.

use plumbline_policy::Subject;
use plumbline_software::Distribution;
use plumbline_store::TenantTx;
use plumbline_store::software::{self, ImageFlaw, ImageLayers};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Moves to another base.
const BUMP: &str = "image-bump-base";
/// Upgrades packages within the image, or within its base.
const UPGRADE: &str = "image-upgrade-packages";

/// Adds the facts to a page of images.
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
        let built =
            Built { image: subject.uid.clone(), base, bump: base.and_then(|base| bumps.get(base.uid.as_str())) };
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
        Self { images, by_uid, by_layers }
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

    /// For each base, the image of its repository that leaves fewest flaws, if any leaves fewer than it has.
    async fn bumps<'a>(
        &'a self,
        tx: &mut TenantTx,
        bases: impl Iterator<Item = &'a ImageLayers>,
    ) -> anyhow::Result<HashMap<&'a str, Bump<'a>>> {
        let bases: BTreeMap<&str, &ImageLayers> = bases.map(|base| (base.uid.as_str(), base)).collect();
        let candidates: Vec<(&ImageLayers, Vec<&ImageLayers>)> =
            bases.values().map(|base| (*base, self.newer_than(base))).collect();
        let software: BTreeSet<&String> = candidates
            .iter()
            .flat_map(|(base, newer)| newer.iter().chain(std::iter::once(base)))
            .filter_map(|image| image.software.as_ref())
            .collect();
        let software: Vec<String> = software.into_iter().cloned().collect();
        let flaws = by_software(software::of_images(tx, &software).await?);
        let of =
            |image: &ImageLayers| image.software.as_ref().and_then(|key| flaws.get(key)).map_or(&[][..], Vec::as_slice);
        let mut bumps = HashMap::new();
        for (base, newer) in candidates {
            let best = newer.into_iter().min_by_key(|image| (burden(of(image)), Reverse(image.created.clone())));
            let Some(best) = best.filter(|best| burden(of(best)) < burden(of(base))) else { continue };
            let left = of(best).iter().map(|flaw| flaw.flaw_id.clone()).collect();
            bumps.insert(base.uid.as_str(), Bump { to: best, left });
        }
        Ok(bumps)
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

/// How bad an image's flaws are together; each flaw counts once.
fn burden(flaws: &[ImageFlaw]) -> u64 {
    let mut told: HashSet<&str> = HashSet::new();
    let weight = |flaw: &ImageFlaw| match class(flaw) {
        "exploited" => 100,
        "critical" => 40,
        "high" => 15,
        "medium" => 4,
        _ => 1,
    };
    flaws.iter().filter(|flaw| told.insert(&flaw.flaw_id)).map(weight).sum()
}

/// The check that a flaw is a failure of.
pub(crate) fn class(flaw: &ImageFlaw) -> &str {
    if flaw.exploited { "exploited" } else { &flaw.severity }
}

/// Another base to move to, with the flaws that it has too.
struct Bump<'a> {
    to: &'a ImageLayers,
    left: HashSet<String>,
}

/// How an image is built.
struct Built<'a> {
    image: String,
    base: Option<&'a ImageLayers>,
    bump: Option<&'a Bump<'a>>,
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
            (Some(bump), Some(base)) => (BUMP, format!("{} → {}", reference(base), reference(bump.to))),
            (None, Some(base)) if is_of_base => (UPGRADE, base.uid.clone()),
            _ => (UPGRADE, self.image.clone()),
        };
        let from_base = self.base.filter(|_| is_of_base).map(reference);
        Some(flaw_fact(class(first), rows, key, &target, from_base))
    }

    fn fact(&self) -> Value {
        let Some(base) = self.base else { return Value::Null };
        json!({
            "uid": base.uid, "reference": reference(base), "layers": base.layers.0.len(),
            "newer": self.bump.map(|bump| json!({ "uid": bump.to.uid, "reference": reference(bump.to) })),
        })
    }
}

/// A flaw with all packages that bring it, as a failure of the check of its class.
pub(crate) fn flaw_fact(
    class: &str,
    rows: &[ImageFlaw],
    fix_key: &str,
    fix_target: &str,
    from_base: Option<String>,
) -> Value {
    let Some(first) = rows.first() else { return Value::Null };
    let packages: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({ "type": row.kind, "name": row.name, "version": row.version, "fixed_in": row.fixed_in,
                "path": row.path, "layer": row.layer })
        })
        .collect();
    let worst = rows.iter().filter_map(|row| row.cvss).max_by(f32::total_cmp);
    json!({
        "class": class,
        "subject": first.flaw_id,
        "message": message(rows),
        "fix_key": fix_key,
        "fix_target": fix_target,
        "observed": {
            "flaw": first.flaw_id, "packages": packages, "cvss": worst.map(tenths), "rated": first.rated,
            "exploited": first.exploited, "ransomware": first.ransomware,
            "epss": first.probability.map(|chance| (f64::from(chance) * 10_000.0).round() / 10_000.0),
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
