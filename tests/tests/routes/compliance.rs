//! Frameworks, controls, attestations and the export.

use chrono::TimeDelta;
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Control, Framework};
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource};
use sqlx::PgPool;

fn framework() -> &'static Framework {
    Catalogue::builtin().frameworks().next().expect("a framework")
}

/// A control that checks decide, with one of its checks.
fn judged() -> (&'static Control, &'static plumbline_policy::Check) {
    let control = framework().controls.iter().find(|control| !control.is_attested()).expect("an automated control");
    (control, Catalogue::builtin().check(&control.checks[0]).expect("its check"))
}

fn manual() -> &'static Control {
    let mut all = Catalogue::builtin().frameworks().flat_map(|framework| &framework.controls);
    all.find(|control| control.is_attested()).expect("a manual control")
}

fn path(control: &Control) -> String {
    let of = |framework: &&Framework| framework.controls.iter().any(|one| std::ptr::eq(one, control));
    let framework = Catalogue::builtin().frameworks().find(of).expect("its framework");
    format!("/compliance/{}/{}", framework.id, control.id)
}

async fn state_of(app: &TestApp, control: &Control) -> String {
    app.auditor().await.get(&path(control)).await.texts(".page-head .badge")[0].clone()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_control_fails_with_any_of_its_checks_and_lists_the_resources(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let (control, check) = judged();
    for (name, verdict) in [("good", Verdict::Pass), ("bad", Verdict::Fail), ("dark", Verdict::Unknown)] {
        let resource = estate.resource(&NewResource::of(check, name)).await;
        estate.verdict(resource, check, verdict).await;
    }
    estate.add_up(50.0).await;
    let mut auditor = app.auditor().await;

    let page = auditor.get(&path(control)).await;
    let unknown = auditor.get(&format!("{}?verdict=unknown&after=nonsense", path(control))).await;

    assert_eq!(page.texts(".page-head .badge")[0], "Failing");
    assert_eq!(page.texts("#judged-title ~ .table-wrap .cell-title"), ["bad"]);
    assert_eq!(unknown.texts("#judged-title ~ .table-wrap .cell-title"), ["dark"]);
    assert!(auditor.get("/compliance").await.texts("a.card").iter().any(|card| card.contains("1 failing")));
    let all = auditor.get(&format!("/compliance/{}", framework().id)).await;
    assert!(all.texts("tbody tr").iter().any(|line| line.contains("Failing") && line.contains("1 fail")));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_unknown_is_never_a_pass(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let (control, check) = judged();
    assert_eq!(state_of(&app, control).await, "Nothing to judge");

    for (name, verdict) in [("good", Verdict::Pass), ("dark", Verdict::Unknown)] {
        let resource = estate.resource(&NewResource::of(check, name)).await;
        estate.verdict(resource, check, verdict).await;
    }
    estate.add_up(99.0).await;

    assert_eq!(state_of(&app, control).await, "Unknown");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_manual_control_waits_is_attested_expires_and_can_be_withdrawn(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut ciso = app.ciso().await;
    let here = path(manual());
    let fields = [("holds", "yes"), ("statement", "Reviewed with the operations team."), ("months", "3")];
    assert_eq!(state_of(&app, manual()).await, "To be attested");

    let given = ciso.submit(&here, &format!("{here}/attest"), &fields).await;
    assert_eq!(given.status, 303, "{}", given.body);
    assert_eq!(state_of(&app, manual()).await, "Attested");

    app.pass(TimeDelta::hours(1));
    assert_eq!(
        ciso.submit(&here, &format!("{here}/attest"), &[("holds", "no"), fields[1], fields[2]]).await.status,
        303
    );
    assert_eq!(state_of(&app, manual()).await, "Stated not to hold");

    assert_eq!(ciso.submit(&here, &format!("{here}/withdraw"), &[]).await.status, 303);
    assert_eq!(state_of(&app, manual()).await, "To be attested");
    assert_eq!(ciso.get(&here).await.texts(".timeline li").len(), 2, "the history stays");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_attestation_needs_words_the_right_and_a_control_that_people_decide(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut ciso = app.ciso().await;
    let fields = [("holds", "yes"), ("statement", "Reviewed with the operations team."), ("months", "3")];

    let bare = ciso.send_form(&format!("{}/attest", path(manual())), &[("statement", "short")]).await;
    let decided = ciso.send_form(&format!("{}/attest", path(judged().0)), &fields).await;
    let auditor = app.auditor().await.send_form(&format!("{}/attest", path(manual())), &fields).await;

    assert_eq!((bare.status, bare.texts(".field-error").len()), (422, 3));
    assert_eq!((decided.status, auditor.status), (409, 403));
    assert_eq!(ciso.get("/compliance/none").await.status, 404);
    assert_eq!(ciso.get(&format!("/compliance/{}/none", framework().id)).await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_has_every_control_and_every_failing_resource(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let (control, check) = judged();
    for at in 0..600 {
        let resource = estate.resource(&NewResource::of(check, &format!("bad-{at}"))).await;
        estate.verdict(resource, check, Verdict::Fail).await;
    }
    estate.add_up(10.0).await;

    let answer = app.auditor().await.get(&format!("/compliance/{}/export.csv", framework().id)).await;

    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert!(answer.header("content-disposition").is_some_and(|value| value.contains("harbor-lane")));
    for control in &framework().controls {
        let begins = format!("\"{}\",\"{}\",", framework().id, control.id);
        assert!(answer.body.lines().any(|line| line.starts_with(&begins)), "{}", control.id);
    }
    let of_control = format!("\"{}\",\"{}\",", framework().id, control.id);
    assert_eq!(answer.body.lines().filter(|line| line.starts_with(&of_control)).count(), 601);
    let (audited,): (i64,) = sqlx::query_as("select count(*) from audit_log where action = 'framework.exported'")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(audited, 1);
}
