//! Image rules: what may be typed, who may, and that images are judged anew by it.

use plumbline_tests::{Browser, TestApp};
use sqlx::PgPool;

const HASH: &str = "aa00000000000000000000000000000000000000000000000000000000000001";
const OTHER: &str = "bb00000000000000000000000000000000000000000000000000000000000002";

async fn waiting(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from jobs where state = 'queued' and same_as = 'judge-images'")
        .fetch_one(&app.pool)
        .await
        .expect("a count")
}

async fn said(browser: &mut Browser) -> Vec<String> {
    browser.get("/account").await.texts(".flash")
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_allowed_is_kept_logged_and_judged_by(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut ciso = app.ciso().await;
    let page = ciso.get("/image-rules").await;
    assert!(page.body.contains("Nothing is named"));

    let typed = "https://registry.example.com/base/**\n# ours\n!*/base/old-*\n";
    let answer = ciso.submit("/image-rules", "/image-rules/sources", &[("sources", typed)]).await;
    assert_eq!((answer.status, answer.location()), (303, "/image-rules"));
    assert_eq!(waiting(&app).await, 1);
    let page = ciso.get("/image-rules").await;
    assert_eq!(page.texts("#sources"), ["registry.example.com/base/** !*/base/old-*"]);
    let log = app.owner().await.get("/audit").await;
    assert!(log.texts("tbody tr").iter().any(|row| row.contains("Image rules: sources changed")));
    assert!(log.body.contains("registry.example.com/base/**"));

    ciso.submit("/image-rules", "/image-rules/sources", &[("sources", "registry.example.com/base/**\n!*/base/old-*")])
        .await;
    assert_eq!(said(&mut ciso).await, ["Nothing changed: these sources were allowed before."]);

    let refused = ciso.submit("/image-rules", "/image-rules/sources", &[("sources", "everything")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.texts("#sources-error")[0].contains("name a registry and a repository"));
    assert_eq!(refused.texts("#sources"), ["everything"], "what was typed is kept");

    let seen = app.auditor().await.get("/image-rules").await;
    assert!(seen.texts("pre")[0].contains("registry.example.com/base/**"));
    assert!(seen.texts("form textarea").is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_list_of_ones_own_is_typed_or_a_file(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    assert!(owner.get("/image-rules").await.body.contains("There is no list yet"));

    let typed = [("hashes", format!("{HASH}  dropper"))];
    let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let file = format!("first_seen,sha256_hash,signature\n2026-01-02,{OTHER},Miner\n");
    let answer = owner.upload("/image-rules", "/image-rules/bad-files", &typed, file.as_bytes()).await;
    assert_eq!((answer.status, answer.location()), (303, "/image-rules"));
    assert_eq!(waiting(&app).await, 1);
    let mut rows = owner.get("/image-rules").await.texts("tbody td:first-child");
    rows.sort();
    assert_eq!(rows, [format!("Miner{OTHER}"), format!("dropper{HASH}")]);

    let odd = owner.upload("/image-rules", "/image-rules/bad-files", &[("hashes", "")], b"\xff\xfe").await;
    assert_eq!((odd.status, odd.texts("#hashes-error")), (422, vec!["The file is no text.".to_owned()]));
    let none = owner.upload("/image-rules", "/image-rules/bad-files", &[("hashes", "hello")], b"").await;
    assert_eq!(none.texts("#hashes-error"), ["Line 1 has no SHA-256 hash: “hello”."]);
    let huge = owner.upload("/image-rules", "/image-rules/bad-files", &[("hashes", "")], &vec![b'a'; 33 << 20]).await;
    assert_eq!(huge.status, 413);

    let gone = owner.submit("/image-rules", "/image-rules/bad-files/remove", &[("sha256", HASH)]).await;
    assert_eq!(gone.status, 303);
    assert_eq!(owner.get("/image-rules").await.texts("tbody td:first-child"), [format!("Miner{OTHER}")]);
    let again = owner.submit("/image-rules", "/image-rules/bad-files/remove", &[("sha256", HASH)]).await;
    assert_eq!(again.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_form_with_a_file_needs_the_token_too(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let fields = [("hashes", HASH)];
    let sent = owner.upload("/image-rules", "/image-rules/bad-files", &fields, b"").await;
    let stolen =
        app.ciso().await.upload("/image-rules", "/image-rules/bad-files", &[("csrf", "00"), fields[0]], b"").await;
    assert_eq!((sent.status, stolen.status), (303, 403));
}

#[sqlx::test(migrations = "../migrations")]
async fn lists_of_the_operator_are_shown_to_everybody(pool: PgPool) {
    let app = TestApp::start(pool).await;
    sqlx::raw_sql(
        "insert into hash_lists (list, origin, imported_at, entries, unreadable)
         values ('miners', '/srv/miners.csv', '2026-11-20T10:00:00Z', 1234567, 2)",
    )
    .execute(&app.pool)
    .await
    .expect("a list");

    let page = app.analyst().await.get("/image-rules").await;
    let row = page.texts("tbody tr")[0].clone();
    assert!(
        ["miners", "1,234,567", "20 Nov 2026", "2 lines could not be read"].iter().all(|part| row.contains(part)),
        "{row}"
    );
    assert!(!page.body.contains("There is no list yet"));
}
