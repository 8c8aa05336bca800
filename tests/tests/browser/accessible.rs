//! No page has a serious violation of accessibility, by axe-core's rules, in either theme.

use crate::{estate, finding_of, judged, opening, weak};
use anyhow::{Context, Result, ensure};
use plumbline_core::id::TrackerId;
use plumbline_core::risk::Exposure;
use plumbline_core::role::Role;
use plumbline_core::verdict::Verdict;
use plumbline_policy::Catalogue;
use plumbline_store::reconcile;
use plumbline_tests::browser::Browser;
use plumbline_tests::builders::{Estate, NewResource, REGION};
use plumbline_tests::chrome::{Chrome, Scripts, Site};
use sqlx::PgPool;

/// Sends a form, and says where it leads.
async fn sent(by: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Result<String> {
    let answer = by.send_form(path, fields).await;
    ensure!(answer.status == 303, "{path}: {} {:?}", answer.status, answer.texts(".field-error, .flash-bad, h1"));
    Ok(answer.location().to_owned())
}

/// One of everything that people make, and the pages that show it.
async fn furnish(site: &Site, estate: &Estate<'_>) -> Result<Vec<String>> {
    let fix = format!("/fixes/{}", estate.fix(weak()));
    let finding = format!("/findings/{}", finding_of(site, "inner").await?);
    let mut owner = site.app.owner().await;
    sent(&mut owner, "/settings/teams", &[("name", "Payments")]).await?;
    sent(&mut owner, "/settings/owners", &[("rules", "* @payments")]).await?;
    sent(&mut owner, "/settings/groups", &[("keys", "team")]).await?;
    sent(&mut owner, &format!("{finding}/comments"), &[("comment", "Seen by @owner, and by nobody else.")]).await?;
    sent(&mut owner, "/views", &[("name", "Worst"), ("q", "severity>=high"), ("sort", "risk")]).await?;
    let one = finding.trim_start_matches("/findings/");
    sent(&mut owner, "/findings/bulk", &[("finding", one), ("action", "claim")]).await?;
    let wish = [("part", "whole"), ("target", "100"), ("by", "2026-12-24"), ("name", "Before the holidays")];
    let plan = sent(&mut owner, "/plan", &wish).await?;
    let kept = format!("{finding}/accept");
    sent(&mut owner, &kept, &[("reason", "known for the length of a test"), ("days", "30")]).await?;
    ticket(site, &mut owner, &fix).await?;
    let path = path(site, estate).await?;
    let exception: uuid::Uuid =
        sqlx::query_scalar("select exception_id from exceptions").fetch_one(&site.app.pool).await?;
    let change = owner.get("/posture/changes").await.attribute("main ol .cell-title", "href");
    Ok(vec![fix, finding, plan, path, format!("/exceptions/{exception}"), change.context("a change")?])
}

/// A tracker, and the ticket of a fix that waits to be opened in it.
async fn ticket(site: &Site, owner: &mut Browser, fix: &str) -> Result<()> {
    let tracker = TrackerId::mint(&site.app.mint).to_string();
    sqlx::query(
        "insert into trackers (tenant_id, tracker_id, kind, name, base_url, project, settings, created_at)
         select tenant_id, $1::uuid, 'github', 'Issues', 'https://api.github.com', 'shop/api', '{}', created_at from tenants",
    )
    .bind(&tracker)
    .execute(&site.app.pool)
    .await?;
    sent(owner, &format!("{fix}/ticket"), &[("tracker", &tracker)]).await?;
    Ok(())
}

/// An attack path, what of it is overdue, and what the owner of it is told.
async fn path(site: &Site, estate: &Estate<'_>) -> Result<String> {
    let open = NewResource { exposure: Exposure::Internet, ..NewResource::of(opening(), "ledger") };
    let resource = estate.resource(&open).await;
    estate.verdict(resource, opening(), Verdict::Fail).await;
    let mut tx = site.app.tx().await;
    reconcile::find_paths(&mut tx, &Catalogue::builtin().openings(), site.app.mint.now()).await?;
    tx.commit().await?;
    sqlx::raw_sql(
        "update findings set due_at = opened_at - interval '1 day' where state = 'open';
         insert into inbox (tenant_id, person_id, at, kind, subject, link)
         select tenant_id, person_id, joined_at, 'due', 'Of your findings 3 are overdue', '/sla' from members;",
    )
    .execute(&site.app.pool)
    .await?;
    let path: uuid::Uuid = sqlx::query_scalar("select path_id from attack_paths").fetch_one(&site.app.pool).await?;
    Ok(format!("/paths/{path}"))
}

/// The pages that are there without anything having been made.
fn standing(estate: &Estate<'_>, edge: uuid::Uuid) -> Vec<String> {
    let (framework, control, _) = judged();
    let (fix, source) = (estate.fix(weak()), estate.source);
    vec![
        "/posture".to_owned(),
        "/posture/changes".to_owned(),
        "/posture/groups".to_owned(),
        format!("/posture/part?part=source:{source}"),
        "/fixes".to_owned(),
        "/fixes?sort=due&owner=nobody".to_owned(),
        "/plan".to_owned(),
        "/plan?part=whole&target=100&by=2099-12-24".to_owned(),
        "/plan?part=whole&target=100&by=2026-12-24".to_owned(),
        "/what-if".to_owned(),
        format!("/what-if?fix={fix}&except=check:{}&q=overdue&target=85&high_private=3", weak().id),
        "/what-if?high_private=soon".to_owned(),
        "/findings?exposure=internet".to_owned(),
        "/findings?q=severty%3Ahigh".to_owned(),
        "/findings/filter".to_owned(),
        "/views".to_owned(),
        "/bulk".to_owned(),
        "/sla".to_owned(),
        "/inbox".to_owned(),
        "/inbox/settings".to_owned(),
        "/exceptions".to_owned(),
        "/exceptions/new?q=severity%3C%3Dhigh+state%3Aopen".to_owned(),
        format!("/exceptions/new?resource={edge}"),
        "/paths".to_owned(),
        "/settings".to_owned(),
        "/settings/teams".to_owned(),
        "/settings/owners".to_owned(),
        "/settings/sla".to_owned(),
        "/settings/criticality".to_owned(),
        "/settings/groups".to_owned(),
        "/settings/trackers".to_owned(),
        "/image-rules".to_owned(),
        "/compliance".to_owned(),
        format!("/compliance/{}", framework.id),
        format!("/compliance/{}/{}", framework.id, control.id),
        "/sources".to_owned(),
        "/sources/new".to_owned(),
        "/sources/new?provider=aws".to_owned(),
        "/sources/new?provider=registry".to_owned(),
        "/sources/new?provider=kubernetes".to_owned(),
        "/sources/new?provider=docker".to_owned(),
        "/sources/new?provider=host".to_owned(),
        format!("/sources/{source}"),
        "/resources".to_owned(),
        format!("/resources/{edge}"),
        format!("/resources/{edge}/stack"),
        "/flaws".to_owned(),
        "/components".to_owned(),
        "/bills".to_owned(),
        "/members".to_owned(),
        "/audit".to_owned(),
    ]
}

#[sqlx::test(migrations = "../migrations")]
async fn no_page_has_a_serious_accessibility_violation_light_or_dark(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    let estate = estate(&site).await;
    estate.changed("fixed", 1.5, 2).await;
    estate.blind(REGION, "s3:ListAllMyBuckets").await;
    let edge = sqlx::query_scalar("select resource_id from resources where name = 'edge'").fetch_one(&site.app.pool);
    let mut pages = standing(&estate, edge.await?);
    pages.extend(furnish(&site, &estate).await?);
    let owner = Chrome::signed_in(&site, Role::Owner, Scripts::On).await?;

    let mut violations = Vec::new();
    for theme in ["light", "dark"] {
        owner.keep("plumbline-theme", theme).await?;
        for page in &pages {
            owner.open(page).await?;
            assert_eq!(owner.run("return document.documentElement.dataset.theme", Vec::new()).await?, theme);
            assert!(owner.texts(".eyebrow").await?.iter().all(|word| word != "404"), "{page} is there");
            violations.extend(owner.is_accessible().await.err().map(|error| format!("{theme} {error:#}")));
        }
        owner.open("/findings?exposure=internet").await?;
        owner.strike(&['j', 'x', '?']).await?;
        owner.see("#keys", "These keys").await?;
        violations.extend(owner.is_accessible().await.err().map(|error| format!("{theme} the keys: {error:#}")));
        owner.strike(&['?', 'f']).await?;
        owner.see("h2", "What changes").await?;
        violations.extend(owner.is_accessible().await.err().map(|error| format!("{theme} {error:#}")));
    }

    assert!(violations.is_empty(), "{}", violations.join("\n"));
    owner.close(&[]).await
}
