//! A journey of each role through a real browser: what only a browser can prove.

mod accessible;
mod keyboard;

use anyhow::{Context, Result};
use fantoccini::key::Key;
use plumbline_core::id::FindingId;
use plumbline_core::path::Opens;
use plumbline_core::risk::Exposure;
use plumbline_core::role::Role;
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Check, Control, Framework};
use plumbline_store::identity::create_setup_link;
use plumbline_tests::builders::{Estate, NewResource, REGION};
use plumbline_tests::chrome::{Chrome, Scripts, Site};
use sqlx::PgPool;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";

/// The names of the resources in the list of findings.
const ROWS: &str = "tbody .cell-sub .strong";

/// A framework, the first of its controls that checks decide, and the first of these.
fn judged() -> (&'static Framework, &'static Control, &'static Check) {
    let framework = Catalogue::builtin().frameworks().next().expect("a framework");
    let control = framework.controls.iter().find(|control| !control.is_attested()).expect("an automated control");
    (framework, control, Catalogue::builtin().check(&control.checks[0]).expect("its check"))
}

/// The check that most of the estate is about.
fn weak() -> &'static Check {
    judged().2
}

/// Any other, of another fix.
fn other() -> &'static Check {
    let mut all = Catalogue::builtin().checks();
    all.find(|check| check.fix.key != weak().fix.key && check.resource != weak().resource).expect("another check")
}

/// A check whose failure gives data away, of another fix than most of the estate.
fn opening() -> &'static Check {
    let mut all = Catalogue::builtin().checks();
    all.find(|check| check.opens == Some(Opens::Data) && check.fix.key != weak().fix.key).expect("a check")
}

/// Two failures of one check (`edge` is on the internet, `inner` is not) and one of another, a pass, and an unknown.
async fn estate(site: &Site) -> Estate<'_> {
    let estate = Estate::of(&site.app).await;
    let exposed = NewResource { exposure: Exposure::Internet, ..NewResource::of(weak(), "edge") };
    let new = |name| NewResource::of(weak(), name);
    for (new, verdict) in [
        (exposed, Verdict::Fail),
        (new("inner"), Verdict::Fail),
        (new("sound"), Verdict::Pass),
        (new("dark"), Verdict::Unknown),
    ] {
        let resource = estate.resource(&new).await;
        estate.verdict(resource, weak(), verdict).await;
    }
    let resource = estate.resource(&NewResource::of(other(), "other")).await;
    estate.verdict(resource, other(), Verdict::Fail).await;
    estate.add_up(40.0).await;
    estate
}

async fn finding_of(site: &Site, resource: &str) -> Result<FindingId> {
    let (id,) =
        sqlx::query_as("select finding_id from findings join resources using (tenant_id, resource_id) where name = $1")
            .bind(resource)
            .fetch_one(&site.app.pool)
            .await?;
    Ok(FindingId(id))
}

/// An installation of nobody yet: its first-run link.
async fn first_run(site: &Site) -> Result<String> {
    sqlx::query("delete from tenants").execute(&site.app.pool).await?;
    let mut tx = site.app.database.identity().await?;
    let token = create_setup_link(&mut tx, &site.app.mint).await?.context("a link")?;
    tx.commit().await?;
    Ok(format!("/setup/{}", token.expose()))
}

#[sqlx::test(migrations = "../migrations")]
async fn an_owner_comes_in_by_the_first_link_is_led_to_the_first_source_and_connects_it(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    let link = first_run(&site).await?;
    let owner = Chrome::start(&site, Scripts::On).await?;

    owner.open(&link).await?;
    for (field, text) in [("#tenant", "First Light"), ("#name", "Robin Reed"), ("#email", "robin@example.com")] {
        owner.fill(field, text).await?;
    }
    owner.fill("#password", "four words make it long").await?;
    owner.click("button", "Create tenant").await?;

    owner.see(".empty", "Nothing is connected yet").await?;
    owner.click(".nav a", "Findings").await?;
    owner.see(".empty", "Findings come from the sources that you connect").await?;
    owner.click(".empty a", "Go to the sources").await?;
    owner.see(".empty", "Plumbline asks for read access only").await?;
    owner.click(".empty a", "Connect a source").await?;
    owner.click(".card a", "Connect an AWS account").await?;

    connect(&owner, "Nowhere!").await?;
    owner.see("[role=alert]", "region").await?;
    assert_eq!(owner.value("#name").await?, "Production");
    assert_eq!(owner.value("#access_key_id").await?, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(owner.value("#regions").await?, "Nowhere!");
    assert_eq!(owner.value("#secret_access_key").await?, "", "a secret is not sent back");

    connect(&owner, REGION).await?;
    owner.see("h1", "Production").await?;
    owner.see(".page-head .badge", "Waiting for its first run").await?;
    owner.see("[aria-labelledby=access-title] pre", "\"Action\"").await?;
    let page = owner.run("return document.documentElement.outerHTML", Vec::new()).await?;
    assert!(!page.as_str().context("a page")?.contains(SECRET));
    owner.close(&[422]).await
}

/// Fills in the form of a source with a key, and sends it.
async fn connect(owner: &Chrome, regions: &str) -> Result<()> {
    owner.fill("#name", "Production").await?;
    owner.click("label", "Use an access key").await?;
    owner.fill("#access_key_id", "AKIAIOSFODNN7EXAMPLE").await?;
    owner.fill("#secret_access_key", SECRET).await?;
    if owner.text("details:has(#regions)").await? == "Regions and endpoint" {
        owner.click("summary", "Regions and endpoint").await?;
    }
    owner.fill("#regions", regions).await?;
    owner.click("main button", "Connect").await
}

#[sqlx::test(migrations = "../migrations")]
async fn a_lone_ciso_accepts_a_risk_sees_the_score_move_and_takes_it_back(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    estate(&site).await;
    let ciso = Chrome::signed_in(&site, Role::Ciso, Scripts::On).await?;
    sqlx::query(
        "insert into exception_policies (tenant_id, four_eyes, changed_by, changed_at)
         select tenant_id, false, person_id, joined_at from members",
    )
    .execute(&site.app.pool)
    .await?;

    ciso.see(".score-card", "87 %").await?;
    assert_eq!(ciso.text(".score-card .figure-big").await?, "40/100");
    ciso.click(".list-line a", &weak().fix.title).await?;
    ciso.see("h2", "Findings it closes").await?;
    ciso.click(".list-line a", "edge").await?;
    ciso.click("summary", "Ask for an exception").await?;
    ciso.fill("#reason", "Only reachable through the reviewed proxy").await?;
    ciso.fill("#days", "30").await?;
    ciso.click("button", "Ask for it").await?;
    ciso.see(".flash-good", "It waits for the approval").await?;
    ciso.click("button", "Approve").await?;

    ciso.see(".flash-good", "It is in force until").await?;
    ciso.click(".page-head a", "See it").await?;
    ciso.see("[aria-labelledby=accept-title]", "Only reachable through the reviewed proxy").await?;
    assert!(ciso.texts(".page-head .badge").await?.contains(&"accepted".to_owned()));
    let (net, gross) = scores(&ciso).await?;
    let gross = gross.context("what is accepted counts in the gross score alone")?;
    assert!(net >= gross, "net {net}, gross {gross}");
    ciso.see("[aria-labelledby=changes-title]", "risk accepted").await?;

    ciso.open(&format!("/findings/{}", finding_of(&site, "edge").await?)).await?;
    ciso.click("button", "End the exception now").await?;
    ciso.see(".flash-good", "The finding is open").await?;
    assert_eq!(scores(&ciso).await?, (gross, None));
    ciso.close(&[]).await
}

/// The score on the posture page, and the gross one where it differs.
async fn scores(chrome: &Chrome) -> Result<(i32, Option<i32>)> {
    chrome.click(".nav a", "Posture").await?;
    chrome.see("h1", "Posture").await?;
    let net = chrome.text(".score-card .figure-big").await?.trim_end_matches("/100").parse()?;
    let notes = chrome.texts(".score-card p").await?;
    let gross = notes.iter().find_map(|note| note.strip_suffix(" gross, with accepted risks counted"));
    Ok((net, gross.map(str::parse).transpose()?))
}

#[sqlx::test(migrations = "../migrations")]
async fn an_auditor_follows_a_framework_to_a_resource_exports_it_and_changes_nothing(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    estate(&site).await;
    let (framework, control, _) = judged();
    let auditor = Chrome::signed_in(&site, Role::Auditor, Scripts::On).await?;

    auditor.click(".nav a", "Compliance").await?;
    auditor.click("main a.card", &framework.title).await?;
    auditor.see("a[download]", "Export as CSV").await?;
    let export = auditor.run("return document.querySelector('a[download]').href", Vec::new()).await?;
    auditor.click("td a", &control.title).await?;
    auditor.see(".page-head .badge", "Failing").await?;
    auditor.click("[aria-labelledby=judged-title] a", "edge").await?;
    auditor.see("h1", "edge").await?;
    auditor.see("[aria-labelledby=findings-title]", &weak().title).await?;

    let (status, kind) = auditor.fetch(export.as_str().context("an address")?).await?;
    assert!(status == 200 && kind.starts_with("text/csv"), "{status} {kind}");
    auditor.click(".nav a", "Audit log").await?;
    auditor.see("#entries tbody", "auditor").await?;
    auditor.click(".nav a", "Sources").await?;
    auditor.see("main", "Production").await?;
    assert!(!auditor.text("main").await?.contains("Connect a source"));
    auditor.open("/sources/new").await?;
    auditor.see(".eyebrow", "403").await?;
    auditor.close(&[403]).await
}

#[sqlx::test(migrations = "../migrations")]
async fn without_scripts_the_posture_and_the_findings_are_read_narrowed_and_searched(pool: PgPool) -> Result<()> {
    let site = Site::start(pool).await?;
    estate(&site).await;
    let analyst = Chrome::signed_in(&site, Role::Analyst, Scripts::Off).await?;

    assert_eq!(analyst.text(".score-card .figure-big").await?, "40/100");
    analyst.click(".nav a", "Findings").await?;
    analyst.see("caption", "3 findings").await?;
    assert_eq!(analyst.run("return typeof htmx", Vec::new()).await?, "undefined", "no script ran");
    analyst.click(".facet a", "The internet").await?;
    analyst.see("caption", "1 finding,").await?;
    assert!(analyst.path().await?.contains("exposure%3Ainternet"));
    analyst.click(".chip", "The internet").await?;
    analyst.fill("#q", "inn").await?;
    analyst.press(Key::Enter).await?;
    analyst.see_only(ROWS, &["inner"]).await?;
    analyst.click("td a", &weak().title).await?;
    analyst.see(".against.is-fail", "It was seen.").await?;
    analyst.close(&[]).await
}
