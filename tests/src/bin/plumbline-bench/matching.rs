//! Packages a second that are held against advisories, and how long it takes until new advisories have become findings.

mod made;

use crate::cluster::{Cluster, keyring};
use crate::table::{Table, number, per_second, rate, say};
use chrono::{DateTime, Utc};
use made::{VERSIONS, advisory, package, software_of};
use plumbline_core::collect::Connection;
use plumbline_core::id::{ResourceId, RunId, SourceId, TenantId};
use plumbline_core::resource::Resource;
use plumbline_core::risk::{Criticality, Exposure, Guards};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_policy::Catalogue;
use plumbline_store::feed::{self, Entry, Import};
use plumbline_store::job::{self, Task};
use plumbline_store::reconcile::{self, ScopeEnd, Staged};
use plumbline_store::run::{self, RunEnd};
use plumbline_store::software::{self, Installation, NewPackage};
use plumbline_store::source::{self, NewSource};
use plumbline_store::tenant;
use plumbline_worker::Worker;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Packages of one image, and those that images of one base share.
const EACH: usize = 500;
const SHARED: usize = 200;
const BASES: usize = 40;
/// Advisories that arrive later.
const LATER: usize = 1_000;
const BATCH: usize = 2_000;
const HOST: &str = "registry.harborlane.example";

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) images: usize,
    pub(crate) packages: usize,
    pub(crate) advisories: usize,
}

struct Estate<'a> {
    cluster: &'a Cluster,
    size: Size,
    tenant: TenantId,
    source: SourceId,
    worker: Worker,
}

pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, size: Size) -> anyhow::Result<()> {
    let estate = Estate::new(cluster, size).await?;
    let Size { images, packages, advisories } = size;
    let took = estate.import("bench", 0..advisories, false).await?;
    table.row(
        "matching",
        format!("{} advisories imported", whole(advisories)),
        format!("{} a second", rate(advisories, took)),
    );
    let installations = images * EACH;
    let took = estate.install().await?;
    let label = format!(
        "{} installations of {} packages in {} images written",
        whole(installations),
        whole(packages),
        whole(images)
    );
    table.row("matching", label, format!("{} a second", rate(installations, took)));
    estate.list_images().await?;
    let took = estate.rematch().await?;
    let found = estate.found().await?;
    table.row(
        "matching",
        format!("all packages judged, {} flaws, {} findings settled", whole(found.0), whole(found.1)),
        format!("{:.1} s, {} packages/s", took.as_secs_f64(), number(per_second(packages, took))),
    );
    let took = estate.import("bench-later", advisories..advisories + LATER, true).await?;
    table.row("matching", format!("{} new advisories imported", whole(LATER)), format!("{:.1} s", took.as_secs_f64()));
    let took = estate.rematch().await?;
    let more = estate.found().await?;
    anyhow::ensure!(more.0 > found.0, "the new advisories found nothing");
    table.row(
        "matching",
        format!("matched again with them, {} findings more", whole(more.1 - found.1)),
        format!("{:.1} s", took.as_secs_f64()),
    );
    let took = estate.rematch().await?;
    table.row("matching", "matched again, nothing new", format!("{:.0} ms", took.as_secs_f64() * 1000.0));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
fn whole(count: usize) -> String {
    number(count as f64)
}

impl<'a> Estate<'a> {
    async fn new(cluster: &'a Cluster, size: Size) -> anyhow::Result<Self> {
        anyhow::ensure!(size.packages >= 2 * BASES * SHARED, "too few packages for {BASES} bases");
        let mint = cluster.mint.clone();
        let mut tx = cluster.database.identity().await?;
        let tenant = tenant::create(&mut tx, "Matched", &mint).await?.id;
        tx.commit().await?;
        let mut tx = cluster.database.tenant(tenant).await?;
        let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
        let new = NewSource { provider: "registry", name: "Bench", poll_seconds: 86_400, connection: &connection };
        let source = source::create(&mut tx, &new, &keyring()?, &mint).await?;
        tx.commit().await?;
        let catalogue = Catalogue::builtin();
        let worker = Worker {
            database: cluster.database.clone(),
            keyring: Arc::new(keyring()?),
            mint,
            catalogue,
            weighing: Arc::new(catalogue.weighing()),
            collectors: Vec::new(),
            mailer: None,
            outside: plumbline_worker::tickets::Outside::new(true, None).expect("a client"),
            batch: plumbline_worker::BATCH,
        };
        Ok(Self { cluster, size, tenant, source, worker })
    }

    fn now(&self) -> DateTime<Utc> {
        self.cluster.mint.now()
    }

    async fn import(&self, name: &str, numbers: std::ops::Range<usize>, later: bool) -> anyhow::Result<Duration> {
        let entries = numbers.len();
        let names = self.size.packages / VERSIONS;
        let numbers: Vec<usize> = numbers.collect();
        let began = Instant::now();
        let mut tx = self.cluster.database.feeds().await?;
        feed::begin(&mut tx).await?;
        for batch in numbers.chunks(BATCH) {
            let entries: Vec<Entry> =
                batch.iter().map(|number| advisory(*number, names, later)).collect::<anyhow::Result<_>>()?;
            feed::add(&mut tx, &entries).await?;
        }
        let import = Import {
            feed: name,
            origin: "bench",
            dated: "2026-01-01",
            entries: i64::try_from(entries)?,
            unreadable: 0,
            named: Vec::new(),
        };
        feed::merge(&mut tx, &import, self.now()).await?;
        tx.commit().await?;
        Ok(began.elapsed())
    }

    async fn install(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        for image in 0..self.size.images {
            let packages: Vec<NewPackage> = (0..EACH).map(|at| package(self.installed(image, at))).collect();
            let installations: Vec<Installation> = packages
                .iter()
                .enumerate()
                .map(|(at, package)| Installation {
                    package: package.id,
                    path: "app/package-lock.json".to_owned(),
                    layer: if at < SHARED { 0 } else { 1 },
                })
                .collect();
            let mut tx = self.cluster.database.tenant(self.tenant).await?;
            software::install(&mut tx, &software_of(image), &packages, &installations).await?;
            tx.commit().await?;
        }
        Ok(began.elapsed())
    }

    /// The number of a package of an image: its base's, or one of those that bases have not.
    fn installed(&self, image: usize, at: usize) -> usize {
        let shared = BASES * SHARED;
        if at < SHARED {
            image % BASES * SHARED + at
        } else {
            shared + (image * 7919 + at * 131) % (self.size.packages - shared)
        }
    }

    /// The images themselves, as a run of the collector would have left them.
    async fn list_images(&self) -> anyhow::Result<()> {
        say("Listing the images");
        let mint = &self.cluster.mint;
        let run = RunId::mint(mint);
        let mut tx = self.cluster.database.tenant(self.tenant).await?;
        run::begin(&mut tx, self.source, run, self.now()).await?;
        let images: Vec<Staged> = (0..self.size.images).map(|image| self.image(image)).collect();
        for batch in images.chunks(500) {
            reconcile::stage(&mut tx, run, batch).await?;
        }
        reconcile::lock(&mut tx).await?;
        reconcile::merge(&mut tx, self.source, run, &[], self.now()).await?;
        let ended: Vec<ScopeEnd> =
            (0..BASES).map(|repository| ScopeEnd { key: scope(repository), outcome: Outcome::Complete }).collect();
        reconcile::sight(&mut tx, self.source, run, &ended, self.now()).await?;
        run::end(&mut tx, run, RunEnd::Complete, None, self.now()).await?;
        job::enqueue(&mut tx, &Task::Match, self.now(), mint).await?;
        Ok(tx.commit().await?)
    }

    fn image(&self, image: usize) -> Staged {
        let scope = scope(image % BASES);
        let layers = [format!("base-{}", image % BASES), format!("own-{image}")];
        let attributes = json!({
            "Repository": scope.region, "Tags": [format!("1.{image}")], "Software": software_of(image),
            "Created": "2026-01-01T00:00:00Z", "Platform": { "os": "linux", "architecture": "amd64" },
            "ComponentCount": EACH, "Unreadable": [],
            "Layers": layers.map(|digest| json!({ "digest": digest })),
        });
        let resource = Resource {
            region: scope.region.clone(),
            kind: "image".to_owned(),
            uid: format!("{HOST}/{}@sha256:{image:064x}", scope.region),
            name: format!("{}:1.{image}", scope.region),
            attributes: if let Value::Object(attributes) = attributes { attributes } else { serde_json::Map::new() },
            unread: BTreeMap::new(),
            tags: BTreeMap::new(),
            edges: Vec::new(),
            scope,
        };
        let digest = reconcile::digest(&resource);
        let id = ResourceId::derive(self.source, &resource.uid);
        Staged {
            id,
            resource,
            digest,
            exposure: Exposure::None,
            criticality: Criticality::Normal,
            guards: Guards::NONE,
        }
    }

    /// What the worker does when advisories changed, from the packages to the last finding.
    async fn rematch(&self) -> anyhow::Result<Duration> {
        let mut tx = self.cluster.database.tenant(self.tenant).await?;
        job::enqueue(&mut tx, &Task::Match, self.now(), &self.cluster.mint).await?;
        tx.commit().await?;
        let began = Instant::now();
        anyhow::ensure!(self.worker.work_once(&CancellationToken::new()).await?, "there was no job");
        let took = began.elapsed();
        let mut admin = self.cluster.admin().await?;
        let waiting: i64 = sqlx::query_scalar("select count(*) from packages where tenant_id = $1 and not judged")
            .bind(self.tenant.0)
            .fetch_one(&mut admin)
            .await?;
        admin.close().await?;
        anyhow::ensure!(waiting == 0, "{waiting} packages were not judged");
        Ok(took)
    }

    /// Flaws of packages, and findings.
    async fn found(&self) -> anyhow::Result<(usize, usize)> {
        let mut admin = self.cluster.admin().await?;
        let (flaws, findings): (i64, i64) = sqlx::query_as(
            "select (select count(*) from package_flaws where tenant_id = $1),
                 (select count(*) from findings where tenant_id = $1)",
        )
        .bind(self.tenant.0)
        .fetch_one(&mut admin)
        .await?;
        admin.close().await?;
        Ok((usize::try_from(flaws)?, usize::try_from(findings)?))
    }
}

fn scope(repository: usize) -> ScopeKey {
    ScopeKey {
        account: HOST.to_owned(),
        region: format!("team/app-{repository}"),
        reader: "registry.images".to_owned(),
    }
}
