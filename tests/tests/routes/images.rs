//! Images: their page and bill of materials, the flaws and the components of all of them.

use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, uid};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};

const FLAW: &str = "CVE-2026-0001";
const ADVISORY: &str = "GHSA-aaaa-bbbb-cccc";

async fn sql(app: &TestApp, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&app.pool).await.expect("rows");
}

/// An image that has a flaw, in a package of its lowest layer.
async fn affected(estate: &Estate<'_>) -> plumbline_core::id::ResourceId {
    let image = estate.image("shop", &["sha256:a", "sha256:b"]).await;
    let package = estate.package("shop", "lodash", "4.17.20", None).await;
    estate.flaw(package, FLAW, ADVISORY, "high").await;
    image
}

#[sqlx::test(migrations = "../migrations")]
async fn a_flaw_shows_every_image_that_has_it_under_any_of_its_names(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = affected(&estate).await;
    let finding = estate.flaw_finding(image, FLAW).await;
    estate.exploited(FLAW).await;
    let mut auditor = app.auditor().await;

    let page = auditor.get(&format!("/flaws/{FLAW}")).await;
    let asked = auditor.get("/flaws?q=+ghsa-AAAA-bbbb-cccc").await;
    let by_alias = auditor.get(asked.location()).await;

    assert_eq!((page.status, page.texts("h1")), (200, vec![FLAW.to_owned()]));
    assert_eq!(page.texts("#answer-title ~ .row")[0], "Affected 1 image has it.");
    assert_eq!(page.texts("article h3 a"), ["shop"]);
    assert_eq!(page.attribute("article h3 a", "href"), Some(format!("/resources/{image}")));
    assert_eq!(page.attribute("article .card-head p a", "href"), Some(format!("/findings/{finding}")));
    let row = page.texts("article tbody tr")[0].clone();
    assert!(["lodash", "4.17.20", "4.17.21"].iter().all(|part| row.contains(part)), "{row}");
    let bad = page.texts("#rating-title ~ dl")[0].clone();
    assert!(
        bad.contains("8.1") && bad.contains("CVSS:3.1/AV:N") && bad.contains("90.0 %") && bad.contains("2026-02-24"),
        "{bad}"
    );
    assert!(page.body.contains("https://advisories.example.com") && !page.body.contains("javascript:"));
    assert_eq!(by_alias.texts("h1"), [FLAW]);
    assert!(by_alias.texts(".page-head .muted")[0].contains(ADVISORY));
}

#[sqlx::test(migrations = "../migrations")]
async fn not_affected_is_said_only_when_everything_was_judged(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let mut analyst = app.analyst().await;
    let mut answer = async |flaw: &str| analyst.get(&format!("/flaws/{flaw}")).await.texts(".page > .card")[0].clone();

    assert!(answer("CVE-2026-0009").await.contains("No advisories were imported yet"));
    estate.advisory("GHSA-1111-2222-3333", "CVE-2026-0009").await;
    assert!(answer("CVE-2026-0009").await.contains("No image was read yet"));
    affected(&estate).await;
    let clear = answer("CVE-2026-0009").await;
    assert!(clear.contains("Not affected 1 image was checked and does not have it."), "{clear}");
    assert!(answer("CVE-2026-7777").await.contains("No advisory that was imported tells of it"), "nobody knows it");

    estate.package("shop", "odd", "not-a-version", Some("Its version cannot be read.")).await;
    let doubt = answer("CVE-2026-0009").await;
    assert!(doubt.contains("1 package could not be judged.") && doubt.contains("odd not-a-version"), "{doubt}");
    estate.image_with("hidden", json!({ "Digest": "sha256:h" })).await;
    let blind = answer("CVE-2026-0009").await;
    assert!(blind.contains("1 of 2 images could not be read") && !blind.contains("Not affected"), "{blind}");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_open_flaws_are_listed_worst_first_and_what_is_no_id_is_refused(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = affected(&estate).await;
    let second = estate.package("shop", "minimist", "1.0.0", None).await;
    estate.flaw(second, "CVE-2026-0002", "GHSA-dddd-eeee-ffff", "medium").await;
    for flaw in [FLAW, "CVE-2026-0002"] {
        estate.flaw_finding(image, flaw).await;
    }
    estate.exploited("CVE-2026-0002").await;
    let mut analyst = app.analyst().await;

    let page = analyst.get("/flaws").await;
    let none = analyst.get("/flaws?q=openssl").await;

    assert_eq!(page.texts("tbody .cell-title"), ["CVE-2026-0002", FLAW]);
    assert!(page.texts("tbody tr")[0].contains("exploited medium 8.1 90.0 % 1"));
    assert!(page.texts(".flash-note").is_empty(), "each kind of feed has entries: {:?}", page.texts(".flash-note"));
    assert_eq!(none.texts("#q-error").len(), 1);
    assert_eq!(analyst.get("/flaws/openssl").await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_of_open_flaws_follow_each_other(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = estate.image("shop", &["sha256:a"]).await;
    let package = estate.package("shop", "lodash", "4.17.20", None).await;
    for at in 0..110 {
        let flaw = format!("CVE-2026-{:04}", 1000 + at);
        estate.flaw(package, &flaw, &format!("OSV-{at}"), "high").await;
        estate.flaw_finding(image, &flaw).await;
    }
    let mut analyst = app.analyst().await;

    let first = analyst.get("/flaws").await;
    let next = first.attribute(".pager a.button", "href").expect("a next page");
    let second = analyst.get(&next).await;
    let part = analyst.fragment(&next).await;

    assert!(first.texts("#list caption")[0].starts_with("110 in all;"), "{:?}", first.texts("#list caption"));
    let ids = [first.texts("#list .cell-title"), second.texts("#list .cell-title")].concat();
    assert_eq!(ids, (0..110).map(|at| format!("CVE-2026-{:04}", 1000 + at)).collect::<Vec<_>>());
    assert!(second.attribute(".pager a.button", "href").is_none());
    assert!(!part.body.contains("<html") && part.texts("#list .cell-title").len() == 10);
    assert_eq!(analyst.get("/flaws?after=zz").await.texts("#list .cell-title").len(), 100, "a cursor that is none");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_feed_that_could_not_be_fetched_says_why_and_when_it_was_tried(pool: PgPool) {
    let app = TestApp::start(pool).await;
    sql(
        &app,
        "insert into feeds (feed, origin, dated, refreshed_at, entries)
             values ('npm', 'https://feeds.example.com/npm.zip', '', '2026-01-01T00:00:00Z', 1200);
             insert into feed_fetches (feed, kind, url, every_seconds, due_at, attempted_at, confirmed_at, error)
             select feed, 'osv', 'https://feeds.example.com/' || feed, 3600, now(), '2026-01-02T00:00:00Z', null, error
             from (values ('npm', null), ('debian', 'the answer was 503 <Service>')) f (feed, error)"
            .to_owned(),
    )
    .await;
    let mut auditor = app.auditor().await;

    let page = auditor.get("/flaws").await;
    let rows = page.texts("section[aria-labelledby='feeds-title'] tbody tr");

    assert!(rows[0].starts_with("debian old failed") && rows[0].contains("the answer was 503 <Service>"), "{rows:?}");
    assert!(rows[0].contains("Never") && rows[1].starts_with("npm") && rows[1].ends_with("1,200"), "{rows:?}");
    assert!(!rows[1].contains("failed") && !rows[1].contains("By hand only"), "{rows:?}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_component_with_more_flaws_than_are_shown_says_so(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let package = estate.package("shop", "kernel", "5.0.0", None).await;
    sql(&app, format!(
            "insert into package_flaws (tenant_id, package_id, flaw_id, aliases, advisories, severity, rated)
             select '{}', '{package}', 'CVE-2026-' || n, '{{}}', '{{}}', 'high', true from generate_series(1000, 1300) n",
            estate.tenant
        ))
        .await;
    let mut analyst = app.analyst().await;
    let path = format!("/components/{package}");

    assert!(
        analyst
            .get(&path)
            .await
            .texts(".card")
            .iter()
            .any(|card| card.contains("Only the worst 300 are shown, of 301 in all."))
    );
    sql(&app, "delete from package_flaws where flaw_id = 'CVE-2026-1000'".to_owned()).await;
    assert!(!analyst.get(&path).await.body.contains("Only the worst"));
}

#[sqlx::test(migrations = "../migrations")]
async fn without_feeds_and_images_the_pages_say_what_to_do(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;

    let flaws = analyst.get("/flaws").await;
    let components = analyst.get("/components").await;

    assert_eq!(flaws.texts(".empty h3"), ["No flaw is open"]);
    assert_eq!(flaws.texts(".flash-note code").len(), 3);
    assert!(flaws.texts(".flash-note code")[1].contains("plumbline import --feed"));
    assert_eq!(components.texts(".empty h2"), ["No package was read yet"]);
    assert_eq!(analyst.get("/components?q=zzz").await.texts(".empty h2"), ["Nothing matches"]);
    assert!(!analyst.fragment("/components").await.body.contains("<html"));
}

#[sqlx::test(migrations = "../migrations")]
async fn components_are_found_by_the_beginning_of_their_name(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = affected(&estate).await;
    estate.package("shop", "left-pad", "1.3.0", Some("Its version cannot be read.")).await;
    let mut analyst = app.analyst().await;

    let found = analyst.get("/components?q=LOD").await;
    let all = analyst.get("/components").await;
    let one = analyst.get(&found.attribute("tbody .cell-title", "href").expect("a link")).await;

    assert_eq!(found.texts("tbody .cell-title"), ["lodash 4.17.20"]);
    assert!(all.texts("tbody tr")[0].contains("could not be judged Its version cannot be read."));
    assert!(all.texts("tbody tr")[0].ends_with("1 unknown") && all.texts("tbody tr")[1].ends_with("1 1"));
    assert_eq!(one.texts("h1"), ["lodash 4.17.20"]);
    assert_eq!(one.texts("tbody .cell-title"), [FLAW]);
    assert_eq!(one.attribute(".list-line a", "href"), Some(format!("/resources/{image}")));
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_of_components_follow_each_other(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = estate.image("shop", &["sha256:a"]).await;
    for at in 0..110 {
        estate.package("shop", &format!("Part-{at}"), "1.0.0", None).await;
    }
    let mut analyst = app.analyst().await;

    for first in ["/components".to_owned(), format!("/resources/{image}?all=yes")] {
        let (mut path, mut seen) = (Some(first.clone()), Vec::new());
        while let Some(next) = path {
            let page = analyst.get(next.split('#').next().unwrap_or_default()).await;
            seen.extend(page.texts("a.cell-title[href^='/components/']"));
            path = page.attribute(".pager a.button", "href");
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 110, "{first}");
    }
    let odd = analyst.get(&format!("/resources/{image}?all=yes&after=zz")).await;
    assert_eq!(odd.status, 200, "a cursor that is none begins at the top");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_image_shows_its_layers_its_base_and_what_each_brought(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let base = estate.image("base", &["sha256:a"]).await;
    let foreign = json!({ "Platform": "linux/arm64", "Tags": ["1.0"], "Layers": [{ "digest": "sha256:a" }] });
    estate.image_with("arm", foreign).await;
    estate.image("other", &["sha256:x"]).await;
    let image = affected(&estate).await;
    let runner = estate.image_with("runner", json!({ "Digest": "sha256:r" })).await;
    estate.edge(runner, "image", &uid("shop")).await;
    estate.flaw_finding(image, FLAW).await;

    let mut auditor = app.auditor().await;
    let page = auditor.get(&format!("/resources/{image}")).await;
    let unread = auditor.get(&format!("/resources/{runner}")).await;

    assert_eq!((page.status, page.texts("h1")), (200, vec!["shop".to_owned()]));
    assert_eq!(page.attribute("#layers-title ~ p a", "href"), Some(format!("/resources/{base}")));
    let layers = page.texts(".layers tbody tr");
    assert!(layers[0].starts_with("2 COPY . /app") && layers[0].ends_with("1.0 MB 0"), "{layers:?}");
    assert!(layers[1].starts_with("1base") && layers[1].ends_with("1.0 MB 1 1 high"), "{layers:?}");
    assert_eq!(page.texts("#components tbody .cell-title"), ["lodash 4.17.20"]);
    let row = page.texts("#components tbody tr")[0].clone();
    assert!(row.contains("high") && row.contains("1 with a fix"), "{row}");
    assert!(page.texts("#findings-title").len() == 1 && page.texts(".subject").contains(&FLAW.to_owned()));
    assert_eq!(page.attribute("#in-title ~ * a", "href"), Some(format!("/resources/{runner}")));
    assert!(page.texts(".facts")[0].contains("linux/amd64") && page.texts(".facts")[0].contains("Debian 12"));
    assert!(unread.body.contains("Its flaws are unknown, not none.") && !unread.body.contains("/sbom"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_bill_of_materials_is_downloaded_and_written_down(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = estate.image("shop", &["sha256:a"]).await;
    let bare = estate.image("bare", &["sha256:a"]).await;
    estate.remember("shop", &[("lodash", "4.17.20"), ("minimist", "1.0.0")]).await;
    let mut auditor = app.auditor().await;

    let cyclonedx = auditor.get(&format!("/resources/{image}/sbom?format=cyclonedx")).await;
    let again = auditor.get(&format!("/resources/{image}/sbom")).await;
    let spdx = auditor.get(&format!("/resources/{image}/sbom?format=spdx")).await;
    let other = auditor.get(&format!("/resources/{image}/sbom?format=xml")).await;
    let none = auditor.get(&format!("/resources/{bare}/sbom")).await;

    assert_eq!(cyclonedx.json()["specVersion"], "1.6");
    let purls: Vec<_> =
        cyclonedx.json()["components"].as_array().expect("a list").iter().map(|c| c["purl"].clone()).collect();
    assert!(purls.contains(&json!("pkg:npm/lodash@4.17.20")), "{purls:?}");
    assert_eq!(cyclonedx.body, again.body, "the same image gives the same file");
    assert!(cyclonedx.header("content-disposition").is_some_and(|value| value.starts_with("attachment; filename=")));
    assert_eq!(spdx.json()["spdxVersion"], "SPDX-2.3");
    assert_eq!(other.status, 422);
    assert!(none.status == 404 && none.body.contains("no bill of materials"), "{}", none.status);
    let (written,): (i64,) = sqlx::query_as("select count(*) from audit_log where action = 'image.sbom_exported'")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(written, 3);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_finding_that_is_a_flaw_names_it_and_the_packages(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let image = affected(&estate).await;
    let finding = estate.flaw_finding(image, FLAW).await;
    estate.add_up(50.0).await;
    let mut analyst = app.analyst().await;

    let page = analyst.get(&format!("/findings/{finding}")).await;
    let list = analyst.get("/findings").await;

    assert!(page.texts("h1")[0].starts_with(&format!("{FLAW}: ")));
    assert_eq!(page.attribute("#packages-title ~ a", "href"), Some(format!("/flaws/{FLAW}")));
    assert!(page.texts("#packages-title").len() == 1 && page.body.contains("25.0 %"));
    assert!(list.texts("tbody .cell-title")[0].starts_with(FLAW));
}

#[sqlx::test(migrations = "../migrations")]
async fn another_tenants_images_say_nothing_about_ones_own(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    let theirs = Estate::in_tenant(&app, other.id).await;
    let image = affected(&theirs).await;
    theirs.flaw_finding(image, FLAW).await;
    let mut analyst = app.analyst().await;
    let mut stranger = app.member_of(&other, Role::Analyst, "analyst@quietcove.example.com").await;

    let page = analyst.get(&format!("/flaws/{FLAW}")).await;

    assert!(stranger.get(&format!("/flaws/{FLAW}")).await.texts("article h3 a") == ["shop"]);
    assert!(!page.body.contains("shop") && !page.body.contains("lodash"), "neither image nor package");
    assert!(page.texts(".page > .card")[0].contains("No image was read yet"));
    assert!(analyst.get("/flaws").await.texts("tbody .cell-title").is_empty());
    assert!(analyst.get("/components").await.texts("tbody tr").is_empty());
}
