//! While a run is settled, what people change waits a little; and what cannot wait longer gives back what was typed.

use actix_web::test::TestRequest;
use plumbline_core::verdict::Verdict;
use plumbline_store::reconcile;
use plumbline_tests::TestApp;
use plumbline_tests::browser::ORIGIN;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;
use std::time::Duration;

async fn one_finding(app: &TestApp) -> String {
    let estate = Estate::of(app).await;
    let resource = estate.resource(&NewResource::of(check(0), "edge")).await;
    let id = estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(40.0).await;
    format!("/findings/{id}")
}

#[sqlx::test(migrations = "../migrations")]
async fn what_waited_in_vain_is_given_back_as_it_was_typed(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let page = one_finding(&app).await;
    let step = format!("{page}/move");
    let (mut analyst, note) = (app.analyst().await, "closed <the> port \"22\"");
    let mut run = app.tx().await;
    reconcile::lock(&mut run).await.expect("a run that settles");

    let refused = analyst.submit(&page, &step, &[("move", "claim"), ("note", note)]).await;

    assert_eq!((refused.status, refused.texts("h1")), (409, vec!["Not kept yet".to_owned()]));
    assert!(refused.body.contains("A run is being settled at this moment"));
    assert_eq!(refused.texts("dd"), ["claim", note]);
    assert_eq!(refused.attribute("form", "action").as_deref(), Some(step.as_str()));
    assert_eq!(refused.texts("form button"), ["Try again"]);
    let names = refused.attributes("form input", "name");
    let values = refused.attributes("form input", "value");
    let fields: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
    assert_eq!(fields[1..], [("move", "claim"), ("note", note)]);
    drop(run);
    assert_eq!(analyst.post(&step, &fields).await.status, 303, "the button does it");
    assert!(analyst.get(&page).await.texts(".timeline li")[0].contains(note));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_part_of_a_page_is_answered_beside_what_was_typed(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let page = one_finding(&app).await;
    let mut analyst = app.analyst().await;
    let token = analyst.token(&page).await;
    let mut run = app.tx().await;
    reconcile::lock(&mut run).await.expect("a run that settles");

    let fields = [("move", "start"), ("csrf", token.as_str())];
    let asked = TestRequest::post().uri(&format!("{page}/move")).insert_header(("HX-Request", "true"));
    let refused = analyst.send(asked.insert_header(("Origin", ORIGIN)).set_form(fields)).await;

    assert_eq!((refused.status, refused.texts("form button")), (409, vec!["Try again".to_owned()]));
    assert_eq!(refused.attributes("form input", "value")[1..], ["start"]);
    assert!(!refused.body.contains("<html"), "the page stays as it is");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_run_that_settles_soon_is_waited_for(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let page = one_finding(&app).await;
    let mut analyst = app.analyst().await;
    let mut run = app.tx().await;
    reconcile::lock(&mut run).await.expect("a run that settles");
    let settled = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        run.commit().await.expect("settled");
    };

    let step = format!("{page}/move");
    let (done, ()) = tokio::join!(analyst.submit(&page, &step, &[("move", "start")]), settled);

    assert_eq!((done.status, done.location()), (303, page.as_str()));
}
