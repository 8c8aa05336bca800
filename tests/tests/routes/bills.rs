//! Bills of materials that are handed in: what is made of them by the worker, and what is refused.

use plumbline_core::clock::Clock;
use plumbline_policy::Catalogue;
use plumbline_server::feeds::{self, FeedKind};
use plumbline_software::layer::software_key;
use plumbline_store::Database;
use plumbline_tests::TestApp;
use plumbline_tests::app::keyring;
use plumbline_worker::Worker;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const FLAW: &str = "CVE-2026-0001";
const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A document that lists one package.
fn document(version: &str) -> Vec<u8> {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": { "timestamp": "2026-11-01T00:00:00Z",
            "component": { "type": "application", "name": "till", "version": "2.0" } },
        "components": [
            { "type": "library", "name": "lodash", "version": version, "purl": format!("pkg:npm/lodash@{version}") },
        ],
    })
    .to_string()
    .into_bytes()
}

/// Imports an advisory of the package.
async fn advisory(app: &TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let advisory = json!({
        "id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-11-01T00:00:00Z", "aliases": [FLAW], "summary": "Something runs.",
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" }],
        "affected": [{ "package": { "ecosystem": "npm", "name": "lodash" },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "4.17.21" }] }] }],
    });
    std::fs::write(folder.path().join("one.json"), advisory.to_string()).expect("a file");
    feeds::import(&app.database, &app.mint, "npm", FeedKind::Osv, folder.path()).await.expect("imported");
}

/// Does all jobs that are due.
async fn work(app: &TestApp) {
    let catalogue = Catalogue::builtin();
    let worker = Worker {
        database: Database::from_pool(app.pool.clone()),
        keyring: Arc::new(keyring()),
        mint: app.mint.clone(),
        catalogue,
        weighing: Arc::new(catalogue.weighing()),
        collectors: Vec::new(),
        mailer: None,
        outside: plumbline_worker::tickets::Outside::new(true, None).expect("a client"),
        batch: plumbline_worker::BATCH,
    };
    while worker.work_once(&CancellationToken::new()).await.expect("worked") {}
    let failed: Vec<String> =
        sqlx::query_scalar("select error from jobs where state = 'failed'").fetch_all(&app.pool).await.expect("jobs");
    assert!(failed.is_empty(), "{failed:?}");
}

/// Name and check of every open finding of a flaw.
async fn open(app: &TestApp) -> Vec<(String, String)> {
    sqlx::query_as(
        "select r.name, f.check_id from findings f join resources r using (tenant_id, resource_id)
         where f.state = 'open' and f.subject = $1 order by 1",
    )
    .bind(FLAW)
    .fetch_all(&app.pool)
    .await
    .expect("findings")
}

fn finding(name: &str, check: &str) -> (String, String) {
    (name.to_owned(), check.to_owned())
}

#[sqlx::test(migrations = "../migrations")]
async fn what_a_document_lists_is_judged_like_everything_else(pool: PgPool) {
    let app = TestApp::start(pool).await;
    advisory(&app).await;
    let mut analyst = app.analyst().await;

    let answer = analyst.upload("/bills", "/bills", &[], &document("4.17.20")).await;
    assert_eq!((answer.status, answer.location()), (303, "/bills"), "{}", answer.body);
    work(&app).await;
    assert_eq!(open(&app).await, [finding("till 2.0", "application_no_high_flaws")]);
    let page = analyst.get("/bills").await;
    let row = page.texts("tbody tr")[0].clone();
    assert!(["till", "2.0", "CycloneDX", "made 1 Nov 2026"].iter().all(|part| row.contains(part)), "{row}");
    let resource = analyst.get(&page.attribute("tbody a", "href").expect("a link")).await;
    assert_eq!((resource.status, resource.texts("h1")), (200, vec!["till 2.0".to_owned()]));
    assert!(resource.texts("#components tbody tr")[0].contains("lodash 4.17.20"));
    assert_eq!(
        analyst.get(&format!("/flaws/{FLAW}")).await.texts("#answer-title ~ .row"),
        ["Affected 1 application has it."]
    );

    let image = [("kind", "image"), ("name", "registry.example.com/shop:1.2"), ("version", DIGEST)];
    analyst.upload("/bills", "/bills", &image, &document("4.17.20")).await;
    work(&app).await;
    let both =
        [finding("shop@sha256:aaaaaaaaaaaa", "image_no_high_flaws"), finding("till 2.0", "application_no_high_flaws")];
    assert_eq!(open(&app).await, both, "handing one in retires none of the others");
    let words = analyst.get(&format!("/flaws/{FLAW}")).await.texts("#answer-title ~ .row");
    assert_eq!(words, ["Affected 1 image and 1 application have it."]);
    let unknown: i64 = sqlx::query_scalar(
        "select count(*) from verdicts v join resources r using (tenant_id, resource_id)
         where r.kind = 'image' and v.check_id in ('image_no_known_bad_files', 'image_user_is_not_root') and v.verdict = 'unknown'",
    )
    .fetch_one(&app.pool)
    .await
    .expect("a count");
    assert_eq!(unknown, 2, "what a bill of materials does not tell is unknown");

    analyst.upload("/bills", "/bills", &[], &document("4.17.21")).await;
    work(&app).await;
    assert_eq!(open(&app).await, both[..1], "the newer document of the same thing takes the former's place");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_document_that_is_taken_away_is_gone_and_the_others_are_not(pool: PgPool) {
    let app = TestApp::start(pool).await;
    advisory(&app).await;
    let mut analyst = app.analyst().await;
    for name in ["till", "scale"] {
        analyst.upload("/bills", "/bills", &[("kind", "application"), ("name", name)], &document("4.17.20")).await;
        app.pass(chrono::TimeDelta::seconds(1));
    }
    work(&app).await;
    assert_eq!(open(&app).await.len(), 2);

    let page = analyst.get("/bills").await;
    assert_eq!(page.texts("tbody .cell-title"), ["scale", "till"], "newest first");
    let remove = page.attribute("tbody form", "action").expect("a button");
    assert_eq!(analyst.submit("/bills", &remove, &[]).await.status, 303);
    work(&app).await;
    assert_eq!(open(&app).await, [finding("till 2.0", "application_no_high_flaws")]);
    assert_eq!(analyst.submit("/bills", &remove, &[]).await.status, 404, "once");
    let blind: i64 = sqlx::query_scalar("select count(*) from scopes where outcome <> 'complete'")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    app.pass(chrono::TimeDelta::hours(2));
    work(&app).await;
    assert_eq!(blind, 0, "nothing is out of sight for it");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_image_that_a_registry_has_is_left_to_the_registry(pool: PgPool) {
    let app = TestApp::start(pool).await;
    advisory(&app).await;
    let mut analyst = app.analyst().await;
    let image = [("kind", "image"), ("name", "registry.example.com/shop"), ("version", DIGEST)];
    analyst.upload("/bills", "/bills", &image, &document("4.17.20")).await;
    work(&app).await;
    assert_eq!(open(&app).await.len(), 1);

    let attributes: Value = json!({ "Digest": DIGEST, "Software": software_key(DIGEST) });
    sqlx::query(
        "with source as (
             insert into sources (tenant_id, source_id, provider, name, settings, poll_seconds, created_at)
             values ($1, gen_random_uuid(), 'registry', 'The registry', '{}', 900, $2) returning source_id
         )
         insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader,
             attributes, unread, tags, digest, exposure, criticality, first_seen, changed_at)
         select $1, gen_random_uuid(), source_id, 'image', 'registry.example.com/mirror@' || $3, 'mirror:1.2',
             'registry.example.com', 'mirror', 'mirror', 'registry.images', $4, '{}', '{}', '\\x00', 'none', 'normal', $2, $2
         from source",
    )
    .bind(app.tenant.id.0)
    .bind(app.clock.now())
    .bind(DIGEST)
    .bind(&attributes)
    .execute(&app.pool)
    .await
    .expect("an image");

    let refused = analyst.upload("/bills", "/bills", &image, &document("4.17.20")).await;
    assert_eq!(refused.status, 422);
    assert!(refused.texts("[role=alert]")[0].contains("The registry has this image as mirror:1.2"));
    assert!(analyst.get("/bills").await.texts("tbody tr")[0].contains("not counted It is read from The registry"));
    app.pass(chrono::TimeDelta::hours(2));
    work(&app).await;
    assert!(open(&app).await.is_empty(), "its flaws are not told twice");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_no_document_is_refused_and_auditors_hand_none_in(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;
    for (file, words) in [
        (&b""[..], "Choose a document."),
        (b"<bom xmlns=\"x\"/>", "XML is not read"),
        (b"{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"9.9\"}", "CycloneDX 9.9 is not read"),
        (b"{\"bomFormat\": \"CycloneDX\"", "damaged"),
    ] {
        let refused = analyst.upload("/bills", "/bills", &[], file).await;
        assert_eq!(refused.status, 422, "{words}");
        assert!(refused.texts("[role=alert]")[0].contains(words), "{:?}", refused.texts("[role=alert]"));
    }
    let huge = analyst.upload("/bills", "/bills", &[], &vec![b' '; 33 << 20]).await;
    assert_eq!(huge.status, 413);
    let kept: i64 = sqlx::query_scalar("select (select count(*) from bills) + (select count(*) from sources)")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(kept, 0);

    let mut auditor = app.auditor().await;
    assert!(auditor.get("/bills").await.texts("form[enctype]").is_empty());
    assert_eq!(auditor.upload("/account", "/bills", &[], &document("4.17.20")).await.status, 403);
}
