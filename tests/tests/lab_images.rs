//! Images from a real registry: what is in them, what is wrong with that, and what cures it.

use anyhow::{Context, Result};
use plumbline_core::kind::Kinds;
use plumbline_core::scope::ScopeKey;
use plumbline_server::feeds::FeedKind;
use plumbline_store::{PageRequest, software};
use plumbline_tests::lab::{Read, read};
use plumbline_tests::polling::{Picture, Polling};
use plumbline_tests::registry::{Registry, collector};
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};

/// `repository platform`, check, flaw.
type Flaws = BTreeSet<(String, String, String)>;

const BOTH: [&str; 2] = ["base linux/amd64", "shop/ledger linux/amd64"];
const COURIER: [&str; 2] = ["shop/courier linux/amd64", "shop/courier linux/arm64"];
const CHECKOUT: &str = "shop/checkout linux/amd64";
const NEWER_BASE: &str = "base:2025-06";

#[sqlx::test(migrations = "../migrations")]
async fn what_is_in_images_and_wrong_with_it_is_known_and_followed(pool: PgPool) -> Result<()> {
    let mut registry = Registry::start(&[NEWER_BASE])?;
    let told = read(&collector(), &registry.connection()).await?;
    every_attribute_is_read(&told);
    every_scope_that_was_planned_ends_once(&told);

    let lab = Lab { polling: Polling::new(pool.clone(), collector(), &registry.connection()).await?, pool };
    nothing_is_clean_before_advisories_are_known(&lab.polling.poll().await?);
    lab.software_is_what_the_packages_own_tools_say(&registry).await?;
    lab.flaws_are_those_that_are_there_and_no_others(&registry).await?;
    lab.the_same_again_changes_nothing_and_fetches_nothing(&registry).await?;
    lab.a_newer_base_is_the_fix_once_it_exists(&registry).await?;
    lab.moving_to_it_closes_what_it_mends(&registry).await?;
    lab.a_wrong_password_darkens_and_closes_nothing(&registry).await?;
    lab.a_flaw_that_turns_out_to_be_exploited_moves(&registry).await?;
    registry.stop()?;
    lab.new_advisories_are_held_against_what_is_known(&registry).await?;
    lab.a_list_of_bad_files_is_held_against_what_is_known(&registry).await
}

fn every_attribute_is_read(told: &Read) {
    for one in &told.resources {
        let kind = Kinds::builtin().get(&one.kind).expect("a kind of the catalogue");
        let declared: BTreeSet<&String> = kind.attributes.iter().collect();
        let read: BTreeSet<&String> = one.attributes.keys().collect();
        assert_eq!(read, declared, "{} {}", one.kind, one.name);
        assert!(one.unread.is_empty(), "{} {}: {:?}", one.kind, one.name, one.unread);
    }
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &told.resources {
        *count.entry(one.kind.as_str()).or_default() += 1;
    }
    // Two tags of the checkout are one image, the courier's index is two.
    assert_eq!(count, BTreeMap::from([("registry.registry", 1), ("registry.repository", 4), ("image", 5)]));
    assert_eq!(
        told.resource("image", "shop/checkout:1.0.0").attributes["Tags"],
        serde_json::json!(["1.0.0", "latest"])
    );
}

fn every_scope_that_was_planned_ends_once(told: &Read) {
    let planned: BTreeSet<&ScopeKey> = told.planned.iter().collect();
    assert_eq!(planned.len(), told.planned.len(), "nothing is planned twice");
    let ended: BTreeSet<&ScopeKey> = told.ended.iter().map(|(scope, _)| scope).collect();
    assert_eq!(ended.len(), told.ended.len(), "nothing ends twice");
    assert_eq!(planned, ended);
    assert!(told.ended.iter().all(|(_, outcome)| outcome.is_complete()), "{:#?}", told.ended);
}

fn nothing_is_clean_before_advisories_are_known(picture: &Picture) {
    let of_flaws = |check: &str| check.starts_with("image_no_") && check.ends_with("_flaws");
    let verdicts: Vec<_> = picture.verdicts.iter().filter(|((_, check), _)| of_flaws(check)).collect();
    assert_eq!(verdicts.len(), 5 * 5, "each image is judged for each class");
    assert!(verdicts.iter().all(|(_, verdict)| *verdict == "unknown"), "{verdicts:#?}");
}

struct Lab {
    polling: Polling,
    pool: PgPool,
}

/// All of one flaw, on these images.
fn flaws<'a>(images: impl IntoIterator<Item = &'a str>, class: &str, number: u32) -> Flaws {
    let of = |image: &str| (image.to_owned(), format!("image_no_{class}_flaws"), format!("CVE-2026-{number}"));
    images.into_iter().map(of).collect()
}

fn all(parts: impl IntoIterator<Item = Flaws>) -> Flaws {
    parts.into_iter().flatten().collect()
}

impl Lab {
    async fn open(&self) -> Result<Flaws> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "select r.region || ' ' || (r.attributes ->> 'Platform'), f.check_id, f.subject
             from findings f join resources r using (tenant_id, resource_id)
             where f.state = 'open' and f.check_id like 'image\\_no\\_%\\_flaws' and r.retired_at is null",
        )
        .fetch_all(&self.pool)
        .await?;
        let counted: Vec<(String, i64)> = sqlx::query_as(
            "select subject, count(*) from findings
             where state = 'open' and check_id like 'image\\_no\\_%\\_flaws' group by subject order by subject",
        )
        .fetch_all(&self.pool)
        .await?;
        let summed: Vec<(String, i64)> =
            sqlx::query_as("select flaw_id, findings from open_flaws order by flaw_id").fetch_all(&self.pool).await?;
        assert_eq!(summed, counted, "what a list shows is what there is");
        Ok(rows.into_iter().collect())
    }

    /// Of the open finding of a flaw on an image with this tag: the action that closes it, and what that is done to.
    async fn fix(&self, tagged: &str, flaw: u32) -> Result<(String, String)> {
        let (repository, tag) = tagged.split_once(':').context("a name and a tag")?;
        let fixes: Vec<(String, String)> = sqlx::query_as(
            "select distinct x.fix_key, x.target from findings f join resources r using (tenant_id, resource_id)
             join fixes x on x.tenant_id = f.tenant_id and x.fix_id = f.fix_id
             where f.state = 'open' and f.subject = $1 and r.retired_at is null and r.region = $2
               and r.attributes ->> 'Platform' = 'linux/amd64' and r.attributes -> 'Tags' ? $3",
        )
        .bind(format!("CVE-2026-{flaw}"))
        .bind(repository)
        .bind(tag)
        .fetch_all(&self.pool)
        .await?;
        assert_eq!(fixes.len(), 1, "{flaw} on {tagged}: {fixes:?}");
        Ok(fixes[0].clone())
    }

    async fn uid(&self, name: &str) -> Result<String> {
        let uid = "select uid from resources where kind = 'image' and name = $1 and retired_at is null";
        Ok(sqlx::query_scalar(uid).bind(name).fetch_one(&self.pool).await?)
    }

    async fn software_is_what_the_packages_own_tools_say(&self, registry: &Registry) -> Result<()> {
        for (name, image) in [
            ("base:2025-01", "base-2025-01"),
            ("shop/checkout:1.0.0", "checkout"),
            ("shop/ledger:2.1.0", "ledger"),
            ("shop/courier:1.4.0", "courier"),
        ] {
            let truth = registry.truth(image)?;
            let rows: Vec<(String, String, String, String, String, String)> = sqlx::query_as(
                "select distinct p.type, p.name, p.version, p.architecture, p.source_name, p.source_version
                 from resources r join installations i
                   on i.tenant_id = r.tenant_id and i.software = r.attributes ->> 'Software'
                 join packages p on p.tenant_id = i.tenant_id and p.package_id = i.package_id
                 where r.kind = 'image' and r.name = $1",
            )
            .bind(name)
            .fetch_all(&self.pool)
            .await?;
            let whole = |kind: &str| -> BTreeSet<_> {
                let of_kind = rows.iter().filter(|row| row.0 == kind);
                of_kind.map(|row| (row.1.clone(), row.2.clone(), row.3.clone(), source(row))).collect()
            };
            let short = |kind: &str| -> BTreeSet<(String, String)> {
                rows.iter().filter(|row| row.0 == kind).map(|row| (row.1.clone(), row.2.clone())).collect()
            };
            let dpkg = truth.dpkg.iter().map(|(name, version, architecture, source, of_source)| {
                (name.clone(), version.clone(), architecture.clone(), (source.clone(), of_source.clone()))
            });
            assert_eq!(whole("deb"), dpkg.collect(), "{name}");
            assert_eq!(short("pypi"), truth.pip.iter().cloned().collect(), "{name}");
            assert_eq!(short("npm"), truth.npm.iter().cloned().collect(), "{name}");
            assert_eq!(rows.len(), truth.dpkg.len() + truth.pip.len() + truth.npm.len(), "{name} has nothing else");
        }
        Ok(())
    }

    async fn flaws_are_those_that_are_there_and_no_others(&self, registry: &Registry) -> Result<()> {
        let feeds = registry.feeds();
        self.polling.import("plum", FeedKind::Osv, &feeds.join("first")).await?;
        self.polling.import("kev", FeedKind::Kev, &feeds.join("kev.json")).await?;
        self.polling.import("epss", FeedKind::Epss, &feeds.join("epss.csv")).await?;
        let on_older = [BOTH[0], CHECKOUT, COURIER[0], COURIER[1]];
        let everywhere = || BOTH.into_iter().chain(COURIER).chain([CHECKOUT]);
        let expected = all([
            flaws(on_older, "exploited", 90001),
            flaws(everywhere(), "high", 90002),
            flaws([CHECKOUT], "medium", 90003),
            flaws(COURIER.into_iter().chain([CHECKOUT]), "critical", 90004),
            flaws(everywhere(), "low", 90005),
        ]);
        assert_eq!(self.open().await?, expected);
        // The checkout's secrets are told apart as well, and are no flaws.
        let all = PageRequest { after: None, size: 100 };
        let listed = software::flaws(&mut self.polling.tenant().await?, &all).await?.items;
        let listed: Vec<&str> = listed.iter().map(|flaw| flaw.flaw_id.as_str()).collect();
        assert_eq!(listed.first(), Some(&"CVE-2026-90001"), "what is exploited comes first");
        assert_eq!(
            listed.into_iter().collect::<BTreeSet<_>>(),
            expected.iter().map(|(.., flaw)| flaw.as_str()).collect()
        );
        let (observed,): (serde_json::Value,) = sqlx::query_as(
            "select observed from findings f join resources r using (tenant_id, resource_id)
             where r.name = 'base:2025-01' and f.subject = 'CVE-2026-90002'",
        )
        .fetch_one(&self.pool)
        .await?;
        let names: BTreeSet<&str> = observed["packages"]
            .as_array()
            .context("packages")?
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        let truth = registry.truth("base-2025-01")?;
        let of_source = truth.dpkg.iter().filter(|(.., source, _)| source == "util-linux");
        assert_eq!(names, of_source.map(|(name, ..)| name.as_str()).collect(), "all packages of the source");
        assert!(names.len() > 3);
        Ok(())
    }

    async fn the_same_again_changes_nothing_and_fetches_nothing(&self, registry: &Registry) -> Result<()> {
        let before = self.polling.poll().await?;
        let (blobs, tags) = (registry.fetched("/blobs/")?, registry.fetched("/tags/")?);
        let events = self.events().await?;
        self.polling.poll().await?.assert_same_as(&before);
        assert!(blobs > 0);
        assert_eq!(registry.fetched("/blobs/")?, blobs, "no layer and no configuration is fetched again");
        assert!(registry.fetched("/tags/")? > tags, "the registry was asked");
        assert_eq!(self.events().await?, events, "history has nothing to tell");
        Ok(())
    }

    async fn events(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("select count(*) from finding_events").fetch_one(&self.pool).await?)
    }

    async fn a_newer_base_is_the_fix_once_it_exists(&self, registry: &Registry) -> Result<()> {
        let upgrade = |target: String| ("image-upgrade-packages".to_owned(), target);
        let older = self.uid("base:2025-01").await?;
        // There is nothing to move to, and so the base is to be mended, once for all.
        for flaw in [90001, 90002, 90005] {
            for image in ["base:2025-01", "shop/checkout:1.0.0", "shop/courier:1.4.0"] {
                assert_eq!(self.fix(image, flaw).await?, upgrade(older.clone()), "{image} {flaw}");
            }
        }
        let before = self.open().await?;
        registry.push("base-2025-06", NEWER_BASE)?;
        self.polling.poll().await?;

        let host = registry.host();
        let move_on = ("image-bump-base".to_owned(), format!("{host}/base:2025-01 → {host}/{NEWER_BASE}"));
        for image in ["shop/checkout:1.0.0", "shop/courier:1.4.0"] {
            assert_eq!(self.fix(image, 90001).await?, move_on, "{image}");
            // The newer one has these as well.
            for flaw in [90002, 90005] {
                assert_eq!(self.fix(image, flaw).await?, upgrade(older.clone()), "{image} {flaw}");
            }
        }
        // Brought by the application's own layers.
        let checkout = self.uid("shop/checkout:1.0.0").await?;
        assert_eq!(self.fix("shop/checkout:1.0.0", 90003).await?, upgrade(checkout.clone()));
        assert_eq!(self.fix("shop/checkout:1.0.0", 90004).await?, upgrade(checkout));
        // The careful one is on the newer base already.
        assert_eq!(self.fix("shop/ledger:2.1.0", 90002).await?, upgrade(self.uid(NEWER_BASE).await?));
        assert_eq!(self.open().await?, before, "by repository, the newer base adds no flaw");
        Ok(())
    }

    async fn moving_to_it_closes_what_it_mends(&self, registry: &Registry) -> Result<()> {
        let before = self.open().await?;
        registry.push("checkout-moved", "shop/checkout:1.0.0")?;
        registry.push("checkout-moved", "shop/checkout:latest")?;
        self.polling.poll().await?;
        let closed = flaws([CHECKOUT], "exploited", 90001);
        assert!(closed.is_subset(&before));
        assert_eq!(self.open().await?, &before - &closed);
        let tags = ["shop/checkout:1.0.0", "shop/checkout:latest"].map(str::to_owned);
        assert_eq!(self.moved_tags().await?, BTreeSet::from(tags), "and the history of the tags says so");
        let moved = registry.truth("checkout-moved")?;
        assert!(moved.dpkg.iter().all(|(name, ..)| name != "less"), "and the newer base has the package no more");
        Ok(())
    }

    /// Which tags led elsewhere before, as repository and tag.
    async fn moved_tags(&self) -> Result<BTreeSet<String>> {
        let moved: Vec<String> = sqlx::query_scalar(
            "select r.name || ':' || t.tag from image_tags t
             join resources r on r.tenant_id = t.tenant_id and r.resource_id = t.repository_id where t.how = 'moved'",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(moved.into_iter().collect())
    }

    async fn a_wrong_password_darkens_and_closes_nothing(&self, registry: &Registry) -> Result<()> {
        let before = self.polling.poll().await?;
        self.polling.replace_secret(&registry.secret("anything else")).await?;
        let dark = self.polling.poll().await?;
        dark.assert_only_lost_sight_since(&before);
        assert_eq!(dark.blind().len(), dark.scopes.len(), "all is out of sight");
        self.polling.replace_secret(&registry.right_secret()).await?;
        self.polling.poll().await?.assert_same_as(&before);
        Ok(())
    }

    async fn a_flaw_that_turns_out_to_be_exploited_moves(&self, registry: &Registry) -> Result<()> {
        let before = self.open().await?;
        let images = || COURIER.into_iter().chain([CHECKOUT]);
        self.polling.import("kev", FeedKind::Kev, &registry.feeds().join("kev-later.json")).await?;
        let (from, to) = (flaws(images(), "critical", 90004), flaws(images(), "exploited", 90004));
        assert_eq!(self.open().await?, &(&before - &from) | &to);
        Ok(())
    }

    /// With the registry gone: there is nobody who could be asked again.
    async fn new_advisories_are_held_against_what_is_known(&self, registry: &Registry) -> Result<()> {
        let before = self.open().await?;
        let later = registry.feeds().join("later");
        let (imported, picture) = self.polling.import("plum", FeedKind::Osv, &later).await?;
        assert_eq!(imported.changed, 4, "urllib3, told of twice, ncurses, mkdirp");
        let everywhere = BOTH.into_iter().chain(COURIER).chain([CHECKOUT]);
        let closed = all([flaws([CHECKOUT], "medium", 90003), flaws(everywhere, "low", 90005)]);
        let opened = flaws(COURIER.into_iter().chain([CHECKOUT]), "high", 90011);
        assert!(closed.is_subset(&before) && opened.is_disjoint(&before));
        assert_eq!(self.open().await?, &(&before - &closed) | &opened);

        let (imported, again) = self.polling.import("plum", FeedKind::Osv, &later).await?;
        assert_eq!(imported.changed, 0, "the same advisories");
        again.assert_same_as(&picture);
        Ok(())
    }
}

impl Lab {
    /// The same for files: a list that comes when there is nobody who could be asked finds them by what was kept.
    async fn a_list_of_bad_files_is_held_against_what_is_known(&self, registry: &Registry) -> Result<()> {
        let found = || async {
            let rows: Vec<(String, String)> = sqlx::query_as(
                "select r.region || ' ' || (r.attributes ->> 'Platform'), v.verdict
                 from verdicts v join resources r using (tenant_id, resource_id)
                 where v.check_id = 'image_no_known_bad_files' and r.retired_at is null",
            )
            .fetch_all(&self.pool)
            .await?;
            anyhow::Ok(rows)
        };
        assert!(found().await?.iter().all(|(_, verdict)| verdict == "unknown"), "there is no list");
        let hash = registry.hash_of("base-2025-01", "./usr/bin/less")?;
        let list = tempfile::NamedTempFile::new()?;
        std::fs::write(list.path(), format!("{hash}  pager\n"))?;
        self.polling.import("pagers", FeedKind::Hashes, list.path()).await?;

        let (bad, good): (Vec<_>, Vec<_>) = found().await?.into_iter().partition(|(_, verdict)| verdict == "fail");
        let names: BTreeSet<&str> = bad.iter().map(|(image, _)| image.as_str()).collect();
        assert_eq!(names, [BOTH[0], COURIER[0], COURIER[1]].into(), "those that are built on the older base");
        assert!(good.len() >= 3 && good.iter().all(|(_, verdict)| verdict == "pass"), "{good:?}");
        let (message,): (String,) = sqlx::query_as("select message from findings where subject = $1 limit 1")
            .bind(&hash)
            .fetch_one(&self.pool)
            .await?;
        assert!(message.contains("/usr/bin/less is pager, by pagers") || message.contains("/bin/less"), "{message}");
        Ok(())
    }
}

/// A package that names no source is its own.
fn source(
    (_, name, version, _, source, of_source): &(String, String, String, String, String, String),
) -> (String, String) {
    let or = |given: &String, own: &String| if given.is_empty() { own.clone() } else { given.clone() };
    (or(source, name), or(of_source, version))
}
