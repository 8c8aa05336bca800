//! Coming in through a tenant's own provider, against a real one.

use anyhow::{Context, Result};
use chrono::TimeDelta;
use plumbline_core::clock::{Clock, SystemClock};
use plumbline_core::id::Mint;
use plumbline_core::role::Role;
use plumbline_tests::app::{PASSWORD, noon};
use plumbline_tests::browser::ORIGIN;
use plumbline_tests::provider::{Provider, sign_in_at_provider};
use plumbline_tests::{Answer, Browser, TestApp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::PgPool;
use std::sync::Arc;

const CALLBACK: &str = "http://127.0.0.1:8080/oidc/callback";
const OWNER: &str = "owner@harborlane.example.com";

/// Harbor Lane with an owner, and the provider that it has configured. The clock stands at the provider's own time.
async fn with_provider(pool: PgPool) -> Result<(TestApp, Browser, Provider)> {
    let provider = Provider::start(CALLBACK)?;
    let app = TestApp::configured(pool, |parts| parts.config.private_issuers = true).await;
    app.pass(SystemClock.now() - noon());
    let mut owner = app.owner().await;
    configure(&mut owner, &provider).await;
    Ok((app, owner, provider))
}

async fn configure(owner: &mut Browser, provider: &Provider) {
    let ready = &provider.ready;
    let fields =
        [("issuer", ready.issuer.as_str()), ("client_id", &ready.client_id), ("client_secret", &ready.client_secret)];
    owner.send_form("/provider", &fields).await;
    assert_eq!(owner.get("/account").await.texts(".flash-good").len(), 1, "the provider is configured");
}

/// Begins at the sign-in link, goes through the provider, and comes back.
async fn come_in(browser: &mut Browser, slug: &str, email: &str) -> Result<Answer> {
    let back = through_provider(browser, slug, email).await?;
    Ok(browser.get(&back).await)
}

/// The path that the provider sends the browser back to.
async fn through_provider(browser: &mut Browser, slug: &str, email: &str) -> Result<String> {
    let start = browser.get(&format!("/sign-in/{slug}/oidc")).await;
    assert_eq!(start.status, 303, "{}", start.body);
    let back = sign_in_at_provider(start.location(), email).await?;
    Ok(back.as_str().strip_prefix(ORIGIN).context("back to us")?.to_owned())
}

async fn invite(owner: &mut Browser, email: &str, role: &str) {
    let page = owner.send_form("/members/invite", &[("email", email), ("role", role)]).await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_member_comes_in_and_the_session_reaches_this_tenant_alone(pool: PgPool) -> Result<()> {
    let (app, _, _provider) = with_provider(pool).await?;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&app.tenant, Role::Auditor, "robin.reed@example.com").await;
    app.join(&other, Role::Owner, "robin.reed@example.com").await;
    let mut robin = app.anonymous();

    let answer = come_in(&mut robin, "harbor-lane", "robin.reed@example.com").await?;

    assert_eq!((answer.status, answer.location()), (303, "/"), "{}", answer.body);
    assert_eq!(robin.get("/audit").await.status, 200);
    let account = robin.get("/account").await;
    assert_eq!(account.texts("[aria-labelledby=tenants-title] .cell-title"), ["Harbor Lane"]);
    assert_eq!(robin.send_form("/tenant", &[("slug", "quiet-cove")]).await.status, 404);
    let fields = [("current", PASSWORD), ("new", "quite another lead weight")];
    assert_eq!(robin.send_form("/account/password", &fields).await.status, 403, "nor the person's password");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn an_invited_address_becomes_a_member_and_is_known_the_next_time(pool: PgPool) -> Result<()> {
    let (app, mut owner, _provider) = with_provider(pool).await?;
    invite(&mut owner, "robin.reed@example.com", "analyst").await;

    let first = come_in(&mut app.anonymous(), "harbor-lane", "robin.reed@example.com").await?;
    let second = come_in(&mut app.anonymous(), "harbor-lane", "robin.reed@example.com").await?;

    assert_eq!((first.status, second.status), (303, 303));
    let members = owner.get("/members").await;
    assert_eq!(members.texts("tbody .cell-title"), ["owner", "Robin Reed"]);
    assert!(members.texts("#waiting-title").is_empty(), "the invitation is used up");
    assert_eq!(app.anonymous().sign_in("robin.reed@example.com", PASSWORD).await.status, 422, "there is no password");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn whom_nobody_invited_stays_outside(pool: PgPool) -> Result<()> {
    let (app, _, _provider) = with_provider(pool).await?;
    let mut stranger = app.anonymous();

    let answer = come_in(&mut stranger, "harbor-lane", "stranger@example.com").await?;

    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("nobody has invited you to this tenant"), "{}", answer.body);
    assert_eq!(stranger.get("/account").await.status, 303);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn an_address_that_the_provider_has_not_verified_is_worth_nothing(pool: PgPool) -> Result<()> {
    let (app, mut owner, _provider) = with_provider(pool).await?;
    invite(&mut owner, "unverified@example.com", "owner").await;

    let answer = come_in(&mut app.anonymous(), "harbor-lane", "unverified@example.com").await?;

    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("has not verified your e-mail address"), "{}", answer.body);
    Ok(())
}

/// The owner of one tenant can make its provider say anything; it says nothing about another tenant's people.
#[sqlx::test(migrations = "../migrations")]
async fn a_tenants_provider_takes_over_nobody_of_another_tenant(pool: PgPool) -> Result<()> {
    let (app, mut owner, _provider) = with_provider(pool).await?;
    let other = app.another_tenant("Quiet Cove").await;
    let victim = app.join(&other, Role::Owner, "robin.reed@example.com").await;
    invite(&mut owner, "robin.reed@example.com", "owner").await;
    let mut attacker = app.anonymous();

    come_in(&mut attacker, "harbor-lane", "robin.reed@example.com").await?;

    assert_eq!(attacker.get("/account").await.texts("[aria-labelledby=tenants-title] .cell-title"), ["Harbor Lane"]);
    let (people, joined): (i64, i32) = sqlx::query_as(
        "select (select count(*) from people where email = 'robin.reed@example.com'),
                (select cardinality(joined) from people where person_id = $1)",
    )
    .bind(victim.0)
    .fetch_one(&app.pool)
    .await?;
    assert_eq!((people, joined), (2, 1), "somebody else of the same address, and the victim as before");
    Ok(())
}

/// And the other way about: whoever has claimed an address with a password gains nothing when its true holder comes in
/// through their company's provider.
#[sqlx::test(migrations = "../migrations")]
async fn somebody_who_claimed_an_address_with_a_password_does_not_come_along(pool: PgPool) -> Result<()> {
    let (app, mut owner, _provider) = with_provider(pool).await?;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&other, Role::Owner, "robin.reed@example.com").await;
    invite(&mut owner, "robin.reed@example.com", "owner").await;
    come_in(&mut app.anonymous(), "harbor-lane", "robin.reed@example.com").await?;

    let mut claimant = app.signed_in("robin.reed@example.com").await;

    assert_eq!(claimant.get("/account").await.texts("[aria-labelledby=tenants-title] .cell-title"), ["Quiet Cove"]);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn an_answer_works_only_in_the_browser_and_for_the_sign_in_that_asked(pool: PgPool) -> Result<()> {
    let (app, _, _provider) = with_provider(pool).await?;
    let mut robin = app.anonymous();
    let back = through_provider(&mut robin, "harbor-lane", OWNER).await?;

    assert_eq!(app.anonymous().get(&back).await.status, 422, "another browser");
    let mut again = robin.clone();
    again.get("/sign-in/harbor-lane/oidc").await;
    assert!(again.get(&back).await.body.contains("not to this sign-in"), "another sign-in of the same browser");
    assert_eq!(robin.clone().get(&back).await.status, 303, "the one that asked");
    assert_eq!(robin.get(&back).await.status, 422, "and only once");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_sign_in_that_takes_too_long_is_over(pool: PgPool) -> Result<()> {
    let (app, _, _provider) = with_provider(pool).await?;
    let mut robin = app.anonymous();
    let back = through_provider(&mut robin, "harbor-lane", OWNER).await?;

    app.pass(TimeDelta::minutes(10));

    assert!(robin.get(&back).await.body.contains("it took too long"));
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn an_id_token_that_has_expired_signs_nobody_in(pool: PgPool) -> Result<()> {
    let (app, _, _provider) = with_provider(pool).await?;
    app.pass(TimeDelta::hours(2));
    let mut robin = app.anonymous();

    let answer = come_in(&mut robin, "harbor-lane", OWNER).await?;

    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("could not be used"), "{}", answer.body);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_wrong_client_secret_signs_nobody_in_and_is_not_told(pool: PgPool) -> Result<()> {
    let (app, mut owner, provider) = with_provider(pool).await?;
    let fields = [
        ("issuer", provider.ready.issuer.as_str()),
        ("client_id", &provider.ready.client_id),
        ("client_secret", "a wrong secret"),
    ];
    owner.send_form("/provider", &fields).await;

    let answer = come_in(&mut app.anonymous(), "harbor-lane", OWNER).await?;

    assert_eq!(answer.status, 422);
    assert!(!answer.body.contains("invalid_client") && !answer.body.contains("secret"), "{}", answer.body);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_removed_member_does_not_come_back_by_their_link(pool: PgPool) -> Result<()> {
    let (app, mut owner, _provider) = with_provider(pool).await?;
    invite(&mut owner, "robin.reed@example.com", "analyst").await;
    come_in(&mut app.anonymous(), "harbor-lane", "robin.reed@example.com").await?;
    let person = owner.get("/members").await.attribute("tbody tr:nth-child(2) form", "action").context("a member")?;

    owner.send_form(&person.replace("/role", "/remove"), &[]).await;

    let answer = come_in(&mut app.anonymous(), "harbor-lane", "robin.reed@example.com").await?;
    assert_eq!(answer.status, 422, "{}", answer.body);
    Ok(())
}

/// Without the operator's leave, an address on the inside is not spoken to at sign-in either.
#[sqlx::test(migrations = "../migrations")]
async fn an_issuer_on_the_inside_is_not_spoken_to(pool: PgPool) -> Result<()> {
    let (app, _, _provider) = with_provider(pool.clone()).await?;
    assert_eq!(app.anonymous().get("/sign-in/harbor-lane/oidc").await.status, 303);

    let guarded = TestApp::configured(pool, |parts| {
        parts.mint = Arc::new(Mint::new(parts.clock.clone(), StdRng::seed_from_u64(8)));
    })
    .await;
    let answer = guarded.anonymous().get("/sign-in/harbor-lane/oidc").await;

    assert_eq!(answer.status, 422, "{}", answer.body);
    Ok(())
}
