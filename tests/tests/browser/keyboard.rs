//! Journeys with the keyboard alone, from the form of signing in on.

use crate::{ROWS, estate, finding_of, opening, weak};
use anyhow::{Context, Result};
use fantoccini::key::Key;
use plumbline_core::risk::Exposure;
use plumbline_core::role::Role;
use plumbline_core::verdict::Verdict;
use plumbline_store::reconcile;
use plumbline_tests::app::PASSWORD;
use plumbline_tests::builders::{Estate, NewResource};
use plumbline_tests::chrome::{Chrome, Scripts, Site};
use serde_json::json;
use sqlx::PgPool;

/// Types words into whatever has the focus.
async fn write(chrome: &Chrome, words: &str) -> Result<()> {
    chrome.strike(&words.chars().collect::<Vec<_>>()).await
}

/// Goes to what is called so, and presses Enter there.
async fn choose(chrome: &Chrome, called: &str) -> Result<()> {
    chrome.tab_to(called).await?;
    chrome.press(Key::Enter).await
}

/// A member of Harbor Lane who came in without a pointer.
async fn comes_in(site: &Site, role: Role) -> Result<Chrome> {
    let email = format!("{}@harborlane.example.com", role.as_str());
    site.app.join(&site.app.tenant, role, &email).await;
    let chrome = Chrome::start(site, Scripts::On).await?;
    chrome.open("/sign-in").await?;
    write(&chrome, &email).await?;
    chrome.press(Key::Tab).await?;
    write(&chrome, PASSWORD).await?;
    chrome.press(Key::Enter).await?;
    chrome.see("h1", "Posture").await?;
    Ok(chrome)
}

#[sqlx::test(migrations = "../migrations")]
async fn an_analyst_finds_and_reads_a_finding_with_the_keyboard_alone(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    estate(&site).await;
    let analyst = Chrome::signed_in(&site, Role::Analyst, Scripts::On).await?;

    analyst.press(Key::Tab).await?;
    assert_eq!(analyst.focused().await?, "Skip to content");
    analyst.press(Key::Enter).await?;
    assert_eq!(analyst.run("return document.activeElement.id", Vec::new()).await?, "main");
    analyst.reload().await?;
    analyst.tab_to("Findings").await?;
    analyst.press(Key::Enter).await?;
    analyst.see("h1", "Findings").await?;

    analyst.run("window.stayed = true", Vec::new()).await?;
    analyst.tab_to("The internet").await?;
    analyst.press(Key::Enter).await?;
    analyst.arrive("exposure%3Ainternet").await?;
    analyst.see_only(ROWS, &["edge"]).await?;
    analyst.tab_to("Reachable from The internet").await?;
    analyst.press(Key::Enter).await?;
    analyst.see("caption", "3 findings").await?;
    analyst.tab_to("Search findings").await?;
    analyst.strike(&['i', 'n', 'n']).await?;
    analyst.arrive("q=inn").await?;
    analyst.see_only(ROWS, &["inner"]).await?;
    assert_eq!(analyst.focused().await?, "Search findings", "what is typed next is not lost");
    assert_eq!(analyst.run("return window.stayed", Vec::new()).await?, json!(true), "the page was never reloaded");

    analyst.tab_to(&weak().title).await?;
    analyst.press(Key::Enter).await?;
    analyst.see("h1", &weak().title).await?;
    analyst.see(".against.is-fail", "It was seen.").await?;
    analyst.see(".against.is-pass", "Expected").await?;
    analyst.see("[aria-labelledby=fix-title]", &weak().fix.title).await?;
    assert!(!analyst.texts(".nav a").await?.contains(&"Members".to_owned()));
    analyst.open("/members").await?;
    analyst.see(".eyebrow", "403").await?;
    analyst.close(&[403]).await
}

#[sqlx::test(migrations = "../migrations")]
async fn an_analyst_works_through_the_list_with_single_keys(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    estate(&site).await;
    let analyst = Chrome::signed_in(&site, Role::Analyst, Scripts::On).await?;
    let chosen = "return document.querySelectorAll('[data-row] input:checked').length";

    analyst.strike(&['g', 'f']).await?;
    analyst.see("h1", "Findings").await?;
    analyst.strike(&['?']).await?;
    analyst.see("#keys", "Next or previous line").await?;
    analyst.press(Key::Escape).await?;
    analyst.strike(&['j', 'j', 'k', 'x']).await?;
    analyst.see("[data-chosen]", "1 chosen").await?;
    analyst.strike(&['j', 'j', 'X']).await?;
    analyst.see("[data-chosen]", "3 chosen").await?;
    assert_eq!(analyst.run(chosen, Vec::new()).await?, json!(3));
    analyst.strike(&['a']).await?;
    assert_eq!(analyst.run("return document.activeElement.name", Vec::new()).await?, json!("assignee"));

    analyst.reload().await?;
    analyst.strike(&['/']).await?;
    assert_eq!(analyst.focused().await?, "Search findings");
    analyst.strike(&['e', 'x', 'p', 'o']).await?;
    analyst.see("#completions", "exposure:").await?;
    analyst.press(Key::Down).await?;
    analyst.press(Key::Enter).await?;
    assert_eq!(analyst.value("#q").await?, "exposure:");
    analyst.see("#completions", "internet").await?;
    analyst.strike(&['i', 'n']).await?;
    analyst.see_only("#completions li > :first-child", &["internet"]).await?;
    analyst.press(Key::Down).await?;
    analyst.press(Key::Enter).await?;
    analyst.arrive("exposure%3Ainternet").await?;
    analyst.see_only(ROWS, &["edge"]).await?;

    analyst.press(Key::Tab).await?;
    analyst.strike(&['j', 'o']).await?;
    analyst.see("h1", &weak().title).await?;
    analyst.strike(&['u']).await?;
    analyst.see("h1", "Findings").await?;
    analyst.see_only(ROWS, &["edge"]).await?;
    analyst.strike(&['g', 'q']).await?;
    analyst.see("h1", "Fixes").await?;
    analyst.close(&[]).await
}

/// Types into the filter of the list what leaves the one finding that is on the internet, and leaves the field.
async fn narrow(chrome: &Chrome) -> Result<()> {
    chrome.strike(&['/']).await?;
    write(chrome, "exposure:internet").await?;
    chrome.press(Key::Enter).await?;
    chrome.arrive("exposure%3Ainternet").await?;
    chrome.see_only(ROWS, &["edge"]).await?;
    chrome.press(Key::Tab).await
}

#[sqlx::test(migrations = "../migrations")]
async fn an_analyst_takes_a_finding_from_the_list_to_an_exception_with_the_keyboard_alone(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    estate(&site).await;
    let analyst = comes_in(&site, Role::Analyst).await?;

    analyst.strike(&['g', 'f']).await?;
    analyst.see("caption", "3 findings").await?;
    narrow(&analyst).await?;
    analyst.strike(&['j', 'x']).await?;
    analyst.see("[data-chosen]", "1 chosen").await?;
    analyst.strike(&['a']).await?;
    analyst.press(Key::Down).await?;
    choose(&analyst, "Assign").await?;
    analyst.see("h1", "1 finding: given to analyst").await?;
    choose(&analyst, "Change 1 finding").await?;
    analyst.see(".flash-good", "It can be undone for an hour").await?;

    analyst.strike(&['g', 'f']).await?;
    analyst.see("caption", "3 findings").await?;
    narrow(&analyst).await?;
    analyst.strike(&['j', 'o']).await?;
    analyst.see("[aria-labelledby=triage-title]", "analyst").await?;
    analyst.strike(&['s']).await?;
    analyst.see(".page-head .badge", "in progress").await?;
    analyst.strike(&['f']).await?;
    analyst.see(".page-head .badge", "awaiting proof").await?;
    analyst.see("[aria-labelledby=triage-title]", "the next complete run proves or refutes it").await?;
    analyst.strike(&['e']).await?;
    write(&analyst, "Only the reviewed proxy comes near it").await?;
    choose(&analyst, "Ask for it").await?;
    analyst.see(".flash-good", "It waits for the approval").await?;
    analyst.close(&[]).await
}

/// Something on the internet that gives its data away, and the path that this opens.
async fn path(site: &Site, estate: &Estate<'_>) -> Result<()> {
    let open = NewResource { exposure: Exposure::Internet, ..NewResource::of(opening(), "ledger") };
    let resource = estate.resource(&open).await;
    estate.verdict(resource, opening(), Verdict::Fail).await;
    let mut tx = site.app.tx().await;
    reconcile::find_paths(&mut tx, &plumbline_policy::Catalogue::builtin().openings(), site.app.mint.now()).await?;
    Ok(tx.commit().await?)
}

#[sqlx::test(migrations = "../migrations")]
async fn a_ciso_approves_reads_what_moved_plans_and_follows_a_path_with_the_keyboard_alone(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    let estate = estate(&site).await;
    path(&site, &estate).await?;
    let ciso = comes_in(&site, Role::Ciso).await?;
    let page = format!("/findings/{}", finding_of(&site, "edge").await?);
    let fields = [("reason", "Only the reviewed proxy comes near it"), ("days", "30"), ("as_kind", "accepted_risk")];
    let asked = site.app.analyst().await.submit(&page, &format!("{page}/accept"), &fields).await;
    assert_eq!(asked.status, 303, "{}", asked.body);

    ciso.strike(&['g', 'i']).await?;
    ciso.see("h1", "Inbox").await?;
    let told = ciso.texts("#list .link-button").await?;
    choose(&ciso, told.first().context("what waits is told")?).await?;
    ciso.see("[aria-labelledby=why-title]", "Only the reviewed proxy comes near it").await?;
    choose(&ciso, "Approve").await?;
    ciso.see(".flash-good", "It is in force until").await?;

    ciso.strike(&['g', 'p']).await?;
    ciso.see("h1", "Posture").await?;
    choose(&ciso, "All changes").await?;
    ciso.see("h1", "What changed").await?;
    let moved = ciso.texts("main ol .cell-title").await?;
    choose(&ciso, moved.first().context("the score moved")?).await?;
    ciso.see("#findings-title", "The findings").await?;
    ciso.see("main .list-line", "edge").await?;

    ciso.strike(&['g', 'q']).await?;
    ciso.see("h1", "Fixes").await?;
    choose(&ciso, "Reach a score").await?;
    ciso.see("h1", "Reach a score").await?;
    ciso.tab_to("Target").await?;
    write(&ciso, "100").await?;
    ciso.press(Key::Enter).await?;
    ciso.see("#answer-title", "no smaller set can").await?;
    choose(&ciso, "Keep this plan").await?;
    ciso.see(".flash-good", "The plan is kept").await?;

    choose(&ciso, "Attack paths").await?;
    choose(&ciso, "From the internet to data: ledger").await?;
    ciso.see(".levels", "gives its data to whoever asks").await?;
    ciso.see("[aria-labelledby=cuts-title]", &opening().fix.title).await?;
    assert_ne!(opening().fix.key, weak().fix.key);
    ciso.close(&[]).await
}
