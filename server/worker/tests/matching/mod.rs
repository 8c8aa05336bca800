//! Which advisories count for a package, and what is known of a flaw by any of its names. Packages and advisories are put
//! in as a run and an import leave them; the worker does the rest.

use super::estate::{Estate, Step, scope};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::FindingId;
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_policy::Catalogue;
use plumbline_software::advisory::{Advisory, Notice, ecosystem};
use plumbline_store::feed::{self, Entry, Exploited, Forecast, Import};
use plumbline_store::job::{self, Task};
use plumbline_store::software::{self, Installation, NewPackage};
use plumbline_store::{PageRequest, reconcile};
use serde_json::json;
use sqlx::PgPool;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const SOFTWARE: &str = "software one";
const OTHER: &str = "software two";
const FIRST: Uuid = Uuid::from_u128(1);

fn package(ecosystem: &str, name: &str, version: &str) -> NewPackage {
    let kind = ecosystem::kind(ecosystem).expect("a known ecosystem").as_str();
    NewPackage {
        id: FIRST,
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: String::new(),
        source: (String::new(), String::new()),
        licence: String::new(),
        distribution: String::new(),
        purl: format!("pkg:{kind}/{name}@{version}"),
        keys: vec![(ecosystem.to_owned(), name.to_owned(), version.to_owned())],
        unjudged: None,
    }
}

/// A record whose ranges are these, about one package.
fn record(id: &str, aliases: &[&str], ecosystem: &str, name: &str, ranges: &serde_json::Value) -> serde_json::Value {
    json!({ "id": id, "aliases": aliases, "modified": "2026-01-01T00:00:00Z", "affected": [
        { "package": { "ecosystem": ecosystem, "name": name }, "ranges": ranges }] })
}

fn fixed_in(version: &str) -> serde_json::Value {
    json!([{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": version }] }])
}

fn commits() -> serde_json::Value {
    json!([{ "type": "GIT", "repo": "https://example.com/repo", "events": [{ "introduced": "0" }] }])
}

fn import(feed: &str) -> Import<'_> {
    Import { feed, origin: "test", dated: "", entries: 1, unreadable: 0, named: Vec::new() }
}

impl Estate {
    async fn install(&self, package: NewPackage) {
        self.install_in(SOFTWARE, package).await;
    }

    async fn install_in(&self, software: &str, package: NewPackage) {
        let installation = Installation { package: package.id, path: "list".to_owned(), layer: 0 };
        let mut tx = self.database.tenant(self.tenant).await.expect("a door");
        software::install(&mut tx, software, &[package], &[installation]).await.expect("installed");
        software::follow(&mut tx).await.expect("followed");
        tx.commit().await.expect("kept");
    }

    /// Imports records, and does the jobs that come of it.
    async fn tell(&self, records: &[serde_json::Value]) {
        let entries: Vec<Entry> = records
            .iter()
            .map(|record| {
                let advisory = Advisory::read(record.to_string().as_bytes()).expect("a record");
                let packages = advisory.affected.iter().map(|affected| {
                    let scope = ecosystem::scope(&affected.ecosystem).into_owned();
                    (scope, affected.name.clone(), json!(affected))
                });
                Entry {
                    id: advisory.id.clone(),
                    notice: json!(Notice::of(&advisory)),
                    summary: String::new(),
                    published: String::new(),
                    modified: String::new(),
                    references: Vec::new(),
                    packages: packages.collect(),
                }
            })
            .collect();
        let mut tx = self.database.feeds().await.expect("a door");
        feed::begin(&mut tx).await.expect("begun");
        feed::add(&mut tx, &entries).await.expect("added");
        feed::merge(&mut tx, &import("osv"), self.worker.mint.now()).await.expect("merged");
        tx.commit().await.expect("kept");
        self.work().await;
    }

    /// Imports a catalogue of exploited flaws, and does the jobs that come of it.
    async fn exploit(&self, flaws: &[&str]) {
        let all: Vec<Exploited> = flaws
            .iter()
            .map(|flaw| Exploited {
                flaw: (*flaw).to_owned(),
                name: String::new(),
                added: String::new(),
                due: String::new(),
                ransomware: true,
            })
            .collect();
        let mut tx = self.database.feeds().await.expect("a door");
        feed::replace_exploited(&mut tx, &import("kev"), &all, self.worker.mint.now()).await.expect("replaced");
        tx.commit().await.expect("kept");
        self.work().await;
    }

    async fn work(&self) {
        while self.worker.work_once(&CancellationToken::new()).await.expect("worked") {}
        let failed: Vec<(String,)> =
            sqlx::query_as("select error from jobs where state = 'failed'").fetch_all(&self.pool).await.expect("jobs");
        assert!(failed.is_empty(), "{failed:?}");
    }

    async fn flaws(&self) -> Vec<(String, bool)> {
        sqlx::query_as("select flaw_id, exploited from package_flaws order by 1")
            .fetch_all(&self.pool)
            .await
            .expect("flaws")
    }

    async fn unjudged(&self) -> Option<String> {
        sqlx::query_scalar("select unjudged from packages where judged").fetch_one(&self.pool).await.expect("a package")
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_advisory_without_a_release_counts_for_every_release(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.install(package("Debian:12", "openssl", "3.0.1-1")).await;
    let of = |release: &str, fixed: &str| record("CVE-2031-1", &[], release, "openssl", &fixed_in(fixed));

    estate.tell(&[of("Debian", "3.0.2-1")]).await;
    assert_eq!(estate.flaws().await, [("CVE-2031-1".to_owned(), false)]);
    assert_eq!(estate.unjudged().await, None, "the database names no release, and so covers each");

    estate.tell(&[of("Debian", "3.0.0-1")]).await;
    assert_eq!(estate.flaws().await, [], "a change of it is noticed too");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_release_that_the_advisories_do_not_name_is_unjudged(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.install(package("Debian:14", "openssl", "3.0.1-1")).await;

    estate.tell(&[record("CVE-2031-1", &[], "Debian", "zlib", &fixed_in("2"))]).await;
    assert_eq!(estate.unjudged().await, None);
    estate.tell(&[record("CVE-2031-2", &[], "Debian:12", "zlib", &fixed_in("2"))]).await;
    // It is held against advisories anew when one of them changes.
    estate.tell(&[record("CVE-2031-3", &[], "Debian", "openssl", &fixed_in("2"))]).await;
    assert_eq!(estate.unjudged().await.as_deref(), Some("No advisories for Debian:14 were imported."));
}

#[sqlx::test(migrations = "../../migrations")]
async fn commits_alone_are_unjudged_until_the_flaw_is_known_by_another_entry(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.install(package("npm", "left", "1.0.0")).await;

    estate.tell(&[record("OSV-2031-7", &["CVE-2031-1"], "npm", "left", &commits())]).await;
    let why = estate.unjudged().await.expect("a reason");
    assert!(why.starts_with("OSV-2031-7: it tells of commits alone"), "{why}");
    assert_eq!(estate.flaws().await, []);

    estate.tell(&[record("GHSA-aaaa-bbbb-cccc", &["CVE-2031-1"], "npm", "left", &fixed_in("1.2.0"))]).await;
    assert_eq!((estate.flaws().await, estate.unjudged().await), (vec![("CVE-2031-1".to_owned(), false)], None));
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_flaw_is_exploited_and_forecast_by_any_of_its_names(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.install(package("npm", "left", "1.0.0")).await;
    let aliases = ["CVE-2031-1", "CVE-2031-2"];
    estate.tell(&[record("GHSA-aaaa-bbbb-cccc", &aliases, "npm", "left", &fixed_in("1.2.0"))]).await;
    assert_eq!(estate.flaws().await, [("CVE-2031-1".to_owned(), false)]);

    estate.exploit(&["CVE-2031-2", "CVE-2031-9"]).await;
    assert_eq!(estate.flaws().await, [("CVE-2031-1".to_owned(), true)]);
    let mut feeds = estate.database.feeds().await.expect("a door");
    let forecast = Forecast { flaw: "CVE-2031-2".to_owned(), probability: 0.5, percentile: 0.9 };
    feed::write_forecasts(&mut feeds, &[forecast]).await.expect("written");
    feeds.commit().await.expect("kept");

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let flaw = software::flaw(&mut tx, "GHSA-aaaa-bbbb-cccc").await.expect("a flaw");
    assert_eq!((flaw.flaw_id.as_str(), flaw.exploited, flaw.ransomware), ("CVE-2031-1", true, true));
    assert_eq!((flaw.probability, flaw.percentile), (Some(0.5), Some(0.9)));
    let of_image = software::of_images(&mut tx, &[SOFTWARE.to_owned()]).await.expect("flaws");
    assert_eq!((of_image[0].exploited, of_image[0].ransomware, of_image[0].probability), (true, true, Some(0.5)));
    let of_package = software::component_flaws(&mut tx, FIRST).await.expect("flaws");
    assert_eq!((of_package[0].exploited, of_package[0].probability), (true, Some(0.5)));
    drop(tx);

    estate.exploit(&["CVE-2031-9"]).await;
    assert_eq!(estate.flaws().await, [("CVE-2031-1".to_owned(), false)]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn matching_again_with_nothing_new_judges_nothing(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.install(package("Debian:12", "openssl", "3.0.1-1")).await;
    estate.tell(&[record("CVE-2031-1", &[], "Debian", "openssl", &fixed_in("3.0.2-1"))]).await;
    let before = estate.written().await;

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    job::enqueue(&mut tx, &Task::Match, estate.worker.mint.now(), &estate.worker.mint).await.expect("queued");
    tx.commit().await.expect("kept");
    estate.work().await;

    assert_eq!(estate.written().await, before);
}

impl Estate {
    /// Which versions of their rows the tables have; a row that is written again has another.
    async fn written(&self) -> Vec<(String,)> {
        sqlx::query_as("select xmin::text from packages union all select xmin::text from package_flaws")
            .fetch_all(&self.pool)
            .await
            .expect("rows")
    }
}

fn images() -> ScopeKey {
    scope("team/app", "registry.images")
}

fn image(name: &str, software: &str) -> Resource {
    Resource {
        scope: images(),
        kind: "image".to_owned(),
        uid: format!("registry.example.com/team/app@sha256:{name}"),
        name: name.to_owned(),
        region: "team/app".to_owned(),
        attributes: json!({ "Software": software, "ComponentCount": 1, "Unreadable": [], "Tags": [name],
            "Layers": [{ "digest": name }] })
        .as_object()
        .cloned()
        .unwrap_or_default(),
        unread: BTreeMap::new(),
        tags: BTreeMap::new(),
        edges: Vec::new(),
    }
}

fn listed(all: &[Resource]) -> Vec<Step> {
    let seen = all.iter().map(|one| Step::See(Box::new(one.clone())));
    let end = Step::End(images(), Outcome::Complete);
    std::iter::once(Step::Plan(images())).chain(seen).chain([end]).collect()
}

impl Estate {
    /// The open flaws as they are listed, each with its open findings, after a look at whether that is what there is.
    async fn listed_flaws(&self) -> Vec<(String, i64, bool)> {
        let counted: Vec<(String, i64, i16)> = sqlx::query_as(
            "select subject, count(*), max(risk) from findings where subject like 'CVE-%' and state = 'open' group by 1 order by 1",
        )
        .fetch_all(&self.pool)
        .await
        .expect("findings");
        let summed: Vec<(String, i64, i16)> =
            sqlx::query_as("select flaw_id, findings, risk from open_flaws order by 1")
                .fetch_all(&self.pool)
                .await
                .expect("sums");
        assert_eq!(summed, counted);
        let mut tx = self.database.tenant(self.tenant).await.expect("a door");
        let all = PageRequest { after: None, size: 10 };
        let found = software::flaws(&mut tx, &all).await.expect("flaws").items;
        found.into_iter().map(|flaw| (flaw.flaw_id, flaw.open, flaw.exploited)).collect()
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_list_of_open_flaws_is_summed_up_as_findings_move(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    estate.judge_by(Catalogue::builtin());
    for software in [SOFTWARE, OTHER] {
        estate.install_in(software, package("npm", "left", "1.0.0")).await;
    }
    let of = |fixed: &str| record("CVE-2031-1", &["CVE-2031-5"], "npm", "left", &fixed_in(fixed));
    let one = |count: i64, exploited: bool| vec![("CVE-2031-1".to_owned(), count, exploited)];
    let both = [image("a", SOFTWARE), image("b", OTHER)];

    estate.tell(&[of("1.2.0")]).await;
    estate.run(listed(&both)).await;
    assert_eq!(estate.listed_flaws().await, one(2, false));
    estate.run(listed(&both)).await;
    assert_eq!(estate.listed_flaws().await, one(2, false), "the same again");

    estate.exploit(&["CVE-2031-5"]).await;
    assert_eq!(estate.listed_flaws().await, one(2, true), "it moved from one check to another");
    let finding: (Uuid,) =
        sqlx::query_as("select finding_id from findings where state = 'open' and subject = 'CVE-2031-1' limit 1")
            .fetch_one(&estate.pool)
            .await
            .expect("a finding");
    let scope = Scope::Finding(FindingId(finding.0));
    let exception = estate.except(&scope, ExceptionKind::AcceptedRisk, 30).await;
    assert_eq!(estate.listed_flaws().await, one(1, true));
    estate.end_exception(exception).await;
    assert_eq!(estate.listed_flaws().await, one(2, true));

    estate.run(listed(&both[..1])).await;
    assert_eq!(estate.listed_flaws().await, one(1, true), "an image is gone");
    estate.tell(&[of("1.0.0"), record("CVE-2031-2", &[], "npm", "left", &fixed_in("2.0.0"))]).await;
    assert_eq!(estate.listed_flaws().await, [("CVE-2031-2".to_owned(), 1, false)], "one is fixed, another is known");
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let now = estate.worker.mint.now();
    reconcile::disconnect(&mut tx, estate.source, &estate.worker.weighing, now).await.expect("disconnected");
    tx.commit().await.expect("kept");
    assert_eq!(estate.listed_flaws().await, []);
}

#[sqlx::test(migrations = "../../migrations")]
async fn open_flaws_come_page_by_page_worst_first_and_by_their_newest_forecast(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    estate.judge_by(Catalogue::builtin());
    estate.install(package("npm", "left", "1.0.0")).await;
    let records: Vec<_> =
        (1..=5).map(|n| record(&format!("CVE-2031-{n}"), &[], "npm", "left", &fixed_in("1.2.0"))).collect();
    estate.tell(&records).await;
    estate.run(listed(&[image("a", SOFTWARE)])).await;
    let mut feeds = estate.database.feeds().await.expect("a door");
    for (flaw, probability) in [("CVE-2031-4", 0.9), ("CVE-2031-2", 0.1), ("CVE-2031-3", 0.0)] {
        let forecast = Forecast { flaw: flaw.to_owned(), probability, percentile: 0.5 };
        feed::write_forecasts(&mut feeds, &[forecast]).await.expect("written");
    }
    feed::end_forecasts(&mut feeds, &import("epss"), estate.worker.mint.now()).await.expect("ended");
    feeds.commit().await.expect("kept");
    estate.exploit(&["CVE-2031-5"]).await;

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = software::flaws(&mut tx, &PageRequest { after, size: 2 }).await.expect("flaws");
        seen.extend(page.items.into_iter().map(|flaw| flaw.flaw_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let order = [5, 4, 2, 1, 3].map(|n| format!("CVE-2031-{n}"));
    assert_eq!(seen, order, "what is known to be unlikely comes after what is not known");
    let odd = PageRequest { after: Some("zz~\0".to_owned()), size: 10 };
    assert_eq!(
        software::flaws(&mut tx, &odd).await.expect("flaws").items.len(),
        5,
        "a cursor that is none begins at the top"
    );
}
