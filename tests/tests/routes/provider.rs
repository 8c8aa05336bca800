//! The settings of a tenant's own sign-in provider.

use plumbline_tests::TestApp;
use sqlx::PgPool;

const FIELDS: [(&str, &str); 3] =
    [("issuer", "https://id.example.com"), ("client_id", "plumbline"), ("client_secret", "hush-hush-hush")];

#[sqlx::test(migrations = "../migrations")]
async fn the_client_secret_is_sealed_and_never_shown(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;

    let answer = owner.send_form("/provider", &FIELDS).await;

    assert_eq!(answer.status, 303);
    let page = owner.get("/provider").await;
    assert!(page.body.contains("https://id.example.com") && !page.body.contains("hush"));
    let (row, log): (String, String) = sqlx::query_as(
        "select (select string_agg(encode(sealed_secret, 'escape') || p::text, '') from sign_in_providers p),
                (select string_agg(a::text, '') from audit_log a)",
    )
    .fetch_one(&app.pool)
    .await
    .expect("rows");
    assert!(!row.contains("hush") && !log.contains("hush"));
}

#[sqlx::test(migrations = "../migrations")]
async fn an_empty_secret_keeps_the_old_one_but_never_for_another_issuer(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    owner.send_form("/provider", &FIELDS).await;
    owner.get("/provider").await;

    owner.send_form("/provider", &[FIELDS[0], FIELDS[1], ("client_secret", "")]).await;
    assert_eq!(owner.get("/account").await.texts(".flash"), ["Members can now sign in through your provider."]);

    let elsewhere = [("issuer", "https://elsewhere.example.com"), FIELDS[1], ("client_secret", "")];
    let answer = owner.send_form("/provider", &elsewhere).await;
    assert_eq!(answer.texts("[role=alert]"), ["A new issuer or client needs its client secret."]);
    assert_eq!(answer.attribute("#issuer", "value").as_deref(), Some(elsewhere[0].1), "what was typed is kept");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_issuer_inside_our_network_is_refused(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    for inside in [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "https://[::1]",
        "http://id.example.com",
        "https://10.0.0.8:8443",
    ] {
        let answer = owner.send_form("/provider", &[("issuer", inside), FIELDS[1], FIELDS[2]]).await;
        assert_eq!((answer.status, answer.texts("[role=alert]").len()), (422, 1), "{inside}");
    }

    let (kept,): (i64,) =
        sqlx::query_as("select count(*) from sign_in_providers").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(kept, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_tenant_without_a_provider_looks_like_no_tenant(pool: PgPool) {
    let app = TestApp::start(pool).await;

    let without = app.anonymous().get("/sign-in/harbor-lane/oidc").await;
    let nobody = app.anonymous().get("/sign-in/no-such-tenant/oidc").await;

    assert_eq!((without.status, &without.body), (404, &nobody.body));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_callback_that_this_browser_did_not_begin_is_refused(pool: PgPool) {
    let app = TestApp::start(pool).await;

    let answer = app.anonymous().get("/oidc/callback?code=x&state=y").await;

    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("it took too long, or began in another browser"));
}
