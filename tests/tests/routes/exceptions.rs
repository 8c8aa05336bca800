//! The register of exceptions: asked for by one, approved by another.

use plumbline_core::risk::Exposure;
use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check};
use serde_json::json;
use sqlx::PgPool;

const WHY: &str = "Rebuilt from nothing every night";

/// Three failures: two on things called sandbox, one of which is tagged, and one on the edge.
async fn three(app: &TestApp) {
    let estate = Estate::of(app).await;
    let tagged = NewResource { tags: json!({ "team": "lab" }), ..NewResource::of(check(0), "sandbox-a") };
    let exposed = NewResource { exposure: Exposure::Internet, ..NewResource::of(check(0), "edge") };
    for new in [tagged, NewResource::of(check(0), "sandbox-b"), exposed] {
        let resource = estate.resource(&new).await;
        estate.verdict(resource, check(0), Verdict::Fail).await;
    }
    estate.add_up(40.0).await;
}

async fn open(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from findings where state = 'open'")
        .fetch_one(&app.pool)
        .await
        .expect("a count")
}

#[sqlx::test(migrations = "../migrations")]
async fn a_filter_is_previewed_asked_for_and_approved_by_somebody_else(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let (mut analyst, mut ciso) = (app.analyst().await, app.ciso().await);
    let filter = [("q", "resource:sandbox-*"), ("reason", WHY), ("days", "30"), ("as_kind", "accepted_risk")];

    let preview = [&filter[..], &[("step", "preview")]].concat();
    let shown = analyst.submit("/exceptions/new", "/exceptions", &preview).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.texts(".figures .figure")[0], "2 findings");
    assert_eq!(shown.texts("#reason"), [WHY], "what was typed is kept");
    assert_eq!(shown.texts("[aria-labelledby=effect-title] .list-line").len(), 2);

    let asked = analyst.submit("/exceptions/new", "/exceptions", &[&filter[..], &[("step", "ask")]].concat()).await;
    let path = asked.location().to_owned();
    assert_eq!((asked.status, open(&app).await), (303, 3), "asking moves nothing: {}", asked.body);
    assert_eq!(analyst.submit(&path, &format!("{path}/approve"), &[]).await.status, 403);
    assert!(ciso.get("/exceptions?standing=waiting").await.texts("tbody .cell-sub")[0].contains(WHY));

    let decided = ciso.get(&path).await;
    assert_eq!(decided.texts(".figures .figure")[0], "2 findings", "whoever approves sees what it would do");
    let approved = ciso.submit(&path, &format!("{path}/approve"), &[]).await;
    assert_eq!((approved.status, open(&app).await), (303, 1), "{}", approved.body);
    let one = ciso.get(&path).await;
    assert_eq!(one.texts("[aria-labelledby=covers-title] .list-line").len(), 2);
    assert!(one.texts(".timeline li")[0].starts_with("Approved by ciso"));
    let csv = app.auditor().await.get("/exceptions/export.csv").await;
    assert!(
        csv.body.lines().nth(1).is_some_and(|line| line.contains("\"in_force\"") && line.contains(WHY)),
        "{}",
        csv.body
    );

    let ended = ciso.submit(&path, &format!("{path}/end"), &[]).await;
    assert_eq!((ended.status, open(&app).await), (303, 3));
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_approves_their_own_unless_they_are_alone_and_an_owner_said_so(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut owner = app.owner().await;
    let fields = [("q", "account:1111*"), ("reason", WHY), ("days", "9"), ("step", "ask")];
    let path = owner.submit("/exceptions/new", "/exceptions", &fields).await.location().to_owned();

    owner.submit(&path, &format!("{path}/approve"), &[]).await;
    assert_eq!(open(&app).await, 3);
    assert!(owner.get(&path).await.body.contains("You asked for it yourself"));

    let off = owner.submit("/exceptions", "/exceptions/four-eyes", &[("four_eyes", "off")]).await;
    assert_eq!(off.status, 303);
    let mut ciso = app.ciso().await;
    assert_eq!(ciso.send_form("/exceptions/four-eyes", &[("four_eyes", "on")]).await.status, 403);
    owner.submit(&path, &format!("{path}/approve"), &[]).await;
    assert_eq!(open(&app).await, 3, "with a second approver it counts for nothing");
    ciso.submit(&path, &format!("{path}/approve"), &[]).await;
    assert_eq!(open(&app).await, 0);
    assert!(owner.get("/exceptions").await.body.contains("over-broad"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_request_is_refused_with_a_reason_or_withdrawn_by_who_made_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let (mut analyst, mut ciso) = (app.analyst().await, app.ciso().await);
    let fields = [("q", "tag:team=lab"), ("reason", WHY), ("days", "9"), ("step", "ask")];
    let mut ask = async || analyst.submit("/exceptions/new", "/exceptions", &fields).await.location().to_owned();
    let (first, second) = (ask().await, ask().await);

    let bare = ciso.submit(&first, &format!("{first}/refuse"), &[("reason", "no")]).await;
    assert_eq!((bare.status, bare.texts(".field-error").len(), bare.texts("#reason")), (422, 1, vec!["no".to_owned()]));
    let refused = ciso.submit(&first, &format!("{first}/refuse"), &[("reason", "It holds customers' data")]).await;
    assert_eq!(refused.status, 303);
    assert!(ciso.get(&first).await.texts(".timeline li")[0].contains("It holds customers' data"));
    assert_eq!(ciso.send_form(&format!("{second}/withdraw"), &[]).await.status, 409, "somebody else's");
    assert_eq!(analyst.submit(&second, &format!("{second}/withdraw"), &[]).await.status, 303);
    ciso.send_form(&format!("{second}/approve"), &[]).await;
    assert_eq!(open(&app).await, 3);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_attachment_is_known_by_its_bytes_and_only_ever_downloaded(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;
    let fields = [("q", "cve:CVE-2031-0001 source:production"), ("reason", WHY), ("days", "9"), ("step", "ask")];

    let odd = analyst.upload("/exceptions/new", "/exceptions", &fields, b"MZ\x90\0program").await;
    let huge = analyst.upload("/exceptions/new", "/exceptions", &fields, &vec![b'a'; (1 << 20) + 1]).await;
    assert_eq!((odd.status, huge.status), (422, 422));
    let asked = analyst.upload("/exceptions/new", "/exceptions", &fields, b"%PDF-1.7 approved").await;

    let file = analyst.get(&format!("{}/attachment", asked.location())).await;
    assert_eq!((file.header("content-type"), file.body.as_str()), (Some("application/pdf"), "%PDF-1.7 approved"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"attachment.pdf\""));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    let renewed =
        analyst.get(&format!("/exceptions/new?renew={}", asked.location().trim_start_matches("/exceptions/"))).await;
    assert_eq!(
        (renewed.texts("#reason"), renewed.attribute("#q", "value")),
        (vec![WHY.to_owned()], Some("cve:CVE-2031-0001 source:Production".to_owned()))
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_typed_wrongly_is_said_beside_its_field(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;

    let fields = [("q", "tag:team severty:low"), ("reason", "short"), ("days", "366"), ("step", "ask")];
    let wrong = analyst.submit("/exceptions/new", "/exceptions", &fields).await;
    let nothing = analyst.submit("/exceptions/new", "/exceptions", &[("step", "preview")]).await;

    assert_eq!((wrong.status, wrong.texts(".field-error").len()), (422, 3), "{}", wrong.body);
    assert_eq!(wrong.attribute("#q", "value").as_deref(), Some("tag:team severty:low"));
    assert_eq!(wrong.attribute("button[name=instead]", "value").as_deref(), Some("tag:team severity:low"));
    let mended = [&fields[..], &[("instead", "tag:team severity:low")]].concat();
    let mended = analyst.submit("/exceptions/new", "/exceptions", &mended).await;
    assert_eq!((mended.status, mended.texts("#reason")), (200, vec!["short".to_owned()]), "nothing typed is lost");
    assert_eq!(mended.attribute("#q", "value").as_deref(), Some("tag:team severity:low"));
    assert!(nothing.texts(".field-error")[0].contains("at least one"));
    let (finding,): (uuid::Uuid,) =
        sqlx::query_as("select finding_id from findings limit 1").fetch_one(&app.pool).await.expect("a finding");
    let (form, finding) = (format!("/exceptions/new?finding={finding}"), finding.to_string());
    let sound = [("finding", finding.as_str()), ("reason", WHY), ("days", "9"), ("step", "ask")];
    assert_eq!(analyst.submit(&form, "/exceptions", &sound).await.status, 303);
    let again = analyst.submit(&form, "/exceptions", &sound).await;
    assert_eq!((again.status, again.texts("#reason")), (422, vec![WHY.to_owned()]), "{}", again.body);
    assert!(again.texts(".flash-bad")[0].contains("waits for approval already"));
    sqlx::query("update exceptions set state = 'withdrawn'").execute(&app.pool).await.expect("withdrawn");
    sqlx::query("update findings set state = 'resolved'").execute(&app.pool).await.expect("resolved");
    let over = analyst.submit(&form, "/exceptions", &sound).await;
    assert!(over.status == 422 && over.texts(".flash-bad")[0].contains("is resolved"), "{}", over.body);
    let none = "/exceptions/new?finding=01900000-0000-7000-8000-000000000000";
    assert_eq!(analyst.get(none).await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_the_list_shows_is_asked_for_from_the_list(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;

    let list = analyst.get("/findings?q=exposure%3Aprivate+-tag%3Ateam").await;
    let href = list.attribute("[data-accept]", "href").expect("a way to ask for it");
    let form = analyst.get(&href).await;
    assert_eq!(form.attribute("#q", "value").as_deref(), Some("exposure:private -tag:team"));
    assert_eq!(form.texts(".figures .figure")[0], "1 finding", "{}", form.body);

    for (word, reason) in [
        ("state:open", "where its work stands"),
        ("age%3E30d", "as time goes by"),
        ("owner:me", "whose work it is"),
        ("path:yes", "how other findings stand"),
        ("sandbox", "Plain words"),
        ("framework:none", "no framework"),
        ("source:none", "no source"),
    ] {
        let said = analyst.get(&format!("/exceptions/new?q=exposure:private+{word}")).await;
        assert!(said.status == 200 && said.texts("#scope-error")[0].contains(reason), "{word}: {}", said.body);
        assert!(said.texts(".figures").is_empty());
    }
    let auditor = app.auditor().await.get("/findings").await;
    assert_eq!(auditor.attribute("[data-accept]", "href"), None);
    let words = analyst.get("/findings/complete?lasting=1&q=s&at=1").await;
    assert!(words.body.contains("severity:") && !words.body.contains("state:"), "{}", words.body);
}

#[sqlx::test(migrations = "../migrations")]
async fn one_that_ends_soon_is_renewed_from_the_register(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let (mut analyst, mut ciso) = (app.analyst().await, app.ciso().await);
    let fields = [("q", "source:Production tag:team"), ("reason", WHY), ("days", "9"), ("step", "ask")];
    let path = analyst.submit("/exceptions/new", "/exceptions", &fields).await.location().to_owned();
    assert!(analyst.get("/exceptions").await.attribute("td a[href*=renew]", "href").is_none());
    ciso.submit(&path, &format!("{path}/approve"), &[]).await;

    let register = analyst.get("/exceptions?standing=expiring").await;
    assert_eq!(register.texts("tbody .cell-title"), ["What fits source:Production tag:team"], "{}", register.body);
    let renew = register.attribute("td a[href*=renew]", "href").expect("a way to renew it");
    let form = analyst.get(&renew).await;
    assert_eq!(form.attribute("#q", "value").as_deref(), Some("source:Production tag:team"));
    assert_eq!(app.auditor().await.get("/exceptions").await.attribute("td a[href*=renew]", "href"), None);
}
