//! From the software of images to what is known to be wrong with it.
//!
//! An image's software is taken apart once, into packages that are each known once. A package is held against the
//! advisories when it is new and when advisories of its name change, whatever the number of images that have it; the
//! registry is not asked again for either.

use crate::Worker;
use crate::again::{again, surround};
use crate::known_bad;
use anyhow::Context;
use plumbline_core::id::{PackageId, RunId};
use plumbline_software::advisory::{Affected, Flaw, Notice, Told, ecosystem, find};
use plumbline_software::layer::{Installed, Software};
use plumbline_software::{Component, Distribution, Type};
use plumbline_store::job::{self, Lease};
use plumbline_store::reconcile;
use plumbline_store::software::{self, Candidate, Installation, NewPackage, PackageFlaw};
use plumbline_store::{TenantTx, memory};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Packages that are judged at a time.
const PACKAGES: i64 = 2000;

/// Takes the software of a run's new images apart, and judges what is new.
pub(crate) async fn prepare(worker: &Worker, lease: &Lease, run: RunId) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    let unknown = software::unknown_of_run(&mut tx, run).await?;
    for key in &unknown {
        let Some(kept) = memory::recall(&mut tx, std::slice::from_ref(key)).await?.remove(key) else { continue };
        let whole = Software::unpack(&kept).with_context(|| format!("what is kept as {key}"))?;
        take_apart(&mut tx, key, &whole).await?;
        known_bad::take_in(&mut tx, key, &whole).await?;
    }
    if !unknown.is_empty() {
        // Packages that are known already wait for the matching: whatever changes of them, it tells all images that have them.
        software::follow(&mut tx).await?;
        judge_all(&mut tx).await?;
    }
    Ok(tx.commit().await?)
}

async fn take_apart(tx: &mut TenantTx, key: &str, whole: &Software) -> anyhow::Result<()> {
    let mut packages: BTreeMap<Uuid, NewPackage> = BTreeMap::new();
    let mut installations = Vec::with_capacity(whole.components.len());
    for Installed { component, layer } in &whole.components {
        let package = package(component, whole.distribution.as_ref());
        installations.push(Installation {
            package: package.id,
            path: component.path.clone(),
            layer: i32::try_from(*layer).unwrap_or(i32::MAX),
        });
        packages.entry(package.id).or_insert(package);
    }
    let packages: Vec<NewPackage> = packages.into_values().collect();
    Ok(software::install(tx, key, &packages, &installations).await?)
}

fn package(component: &Component, distribution: Option<&Distribution>) -> NewPackage {
    let distribution = distribution.filter(|_| component.kind.is_of_distribution());
    let purl = component.purl(distribution);
    let source = component.source.clone().map_or_else(Default::default, |source| (source.name, source.version));
    let keys: Vec<(String, String, String)> = ecosystem::keys(component, distribution)
        .into_iter()
        .map(|key| (ecosystem::scope(&key.ecosystem).into_owned(), key.name, key.version))
        .collect();
    let unjudged = if component.version.is_empty() {
        Some("Its version is not known.".to_owned())
    } else if keys.is_empty() {
        Some(match distribution {
            Some(release) => format!("No advisories are known for {release}."),
            None if component.kind.is_of_distribution() => {
                "The image does not say which distribution it is.".to_owned()
            }
            None => "Its group is not known, and advisories name it.".to_owned(),
        })
    } else {
        None
    };
    NewPackage {
        id: PackageId::derive(&purl, &source.0, &source.1).0,
        kind: component.kind.as_str(),
        name: component.name.clone(),
        version: component.version.clone(),
        architecture: component.architecture.clone().unwrap_or_default(),
        source,
        licence: component.licence.clone().unwrap_or_default(),
        distribution: distribution.map(ToString::to_string).unwrap_or_default(),
        purl,
        keys,
        unjudged,
    }
}

/// Judges all packages that are to be judged. Returns those of which what is known changed.
async fn judge_all(tx: &mut TenantTx) -> anyhow::Result<Vec<Uuid>> {
    let mut changed = Vec::new();
    let mut told = None;
    loop {
        let packages = software::to_judge(tx, PACKAGES).await?;
        if packages.is_empty() {
            return Ok(changed);
        }
        let told = match &told {
            Some(told) => told,
            None => told.insert(software::told_ecosystems(tx).await?),
        };
        let ids: Vec<Uuid> = packages.iter().map(|(id, _)| *id).collect();
        let mut judged = Judged::default();
        software::candidates(tx, &ids, |candidate| judged.take(candidate)).await?;
        let (flaws, mut unjudged) = judged.end()?;
        unjudged.extend(uncovered(tx, &ids, told).await?);
        let unjudged: Vec<(Uuid, String)> = unjudged.into_iter().collect();
        changed.extend(software::judge(tx, &ids, &flaws, &unjudged).await?);
    }
}

/// Packages of ecosystems of which no advisory was ever brought in: nothing is known of them, and that is not clean.
async fn uncovered(
    tx: &mut TenantTx,
    packages: &[Uuid],
    told: &BTreeSet<String>,
) -> anyhow::Result<HashMap<Uuid, String>> {
    let of = software::ecosystems_of(tx, packages).await?;
    let bare = of.into_iter().filter(|(_, ecosystem)| !ecosystem::is_covered(ecosystem, told));
    Ok(bare.map(|(id, ecosystem)| (id, format!("No advisories for {ecosystem} were imported."))).collect())
}

/// Judges packages one after the other, as what advisories say of them comes in.
#[derive(Default)]
struct Judged {
    /// The package of which more may come, its type, and what was told of it so far.
    open: Option<(Uuid, String)>,
    told: Vec<Told>,
    flaws: Vec<PackageFlaw>,
    unjudged: HashMap<Uuid, String>,
    failed: Option<anyhow::Error>,
}

impl Judged {
    fn take(&mut self, candidate: Candidate) {
        if self.open.as_ref().is_none_or(|(package, _)| *package != candidate.package_id) {
            self.close();
            self.open = Some((candidate.package_id, candidate.kind));
        }
        let told = || {
            let affected = candidate.affected.0.iter().map(Affected::deserialize).collect::<Result<_, _>>()?;
            serde_json::Result::Ok(Told {
                notice: Notice::deserialize(&candidate.notice.0)?,
                affected,
                version: candidate.version,
            })
        };
        match told() {
            Ok(told) => self.told.push(told),
            Err(error) => self.failed = Some(error.into()),
        }
    }

    fn close(&mut self) {
        let told = std::mem::take(&mut self.told);
        let Some((package, kind)) = self.open.take() else { return };
        let Some(kind) = Type::parse(&kind) else {
            self.failed = Some(anyhow::anyhow!("{kind} is no package's type"));
            return;
        };
        let found = find(kind.order(), &told);
        self.flaws.extend(found.flaws.into_iter().map(|flaw| package_flaw(package, flaw)));
        if let Some((advisory, why)) = found.unjudged.first() {
            self.unjudged.insert(package, format!("{advisory}: {why}"));
        }
    }

    fn end(mut self) -> anyhow::Result<(Vec<PackageFlaw>, HashMap<Uuid, String>)> {
        self.close();
        match self.failed {
            Some(error) => Err(error.context("what is kept of an advisory")),
            None => Ok((self.flaws, self.unjudged)),
        }
    }
}

fn package_flaw(package: Uuid, flaw: Flaw) -> PackageFlaw {
    PackageFlaw {
        package,
        flaw: flaw.id,
        aliases: flaw.aliases,
        advisories: flaw.advisories,
        severity: flaw.rating.severity.as_str(),
        rated: flaw.rating.rated,
        #[expect(clippy::cast_possible_truncation, reason = "a score has one decimal")]
        cvss: flaw.rating.score.map(|score| score as f32),
        vector: flaw.rating.vector,
        fixed_in: flaw.fixed_in,
    }
}

/// Holds the tenant's packages against advisories that changed, looks anew at what the internet reaches, and decides anew
/// what something came of.
pub(crate) async fn rematch(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    reconcile::lock(&mut tx).await?;
    software::note_changes(&mut tx).await?;
    let changed = judge_all(&mut tx).await?;
    // A source that was disconnected leaves what hung on it behind, and this is the job that looks.
    reconcile::stir(&mut tx).await?;
    let mut of_source = reconcile::reach(&mut tx).await?;
    for (source, account, kind, id) in software::holders_of(&mut tx, &changed).await? {
        of_source.entry(source).or_default().push((account, kind, id));
    }
    again(worker, &mut tx, of_source).await?;
    surround(worker, &mut tx).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    Ok(tx.commit().await?)
}
