//! Attack paths: the list, one of them, and where findings and fixes tell of them.

use plumbline_core::path::Opens;
use plumbline_core::risk::Exposure;
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::{Database, reconcile};
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource};
use sqlx::PgPool;
use uuid::Uuid;

/// A check that gives data away.
fn opening() -> &'static Check {
    Catalogue::builtin().checks().find(|check| check.opens == Some(Opens::Data)).expect("a check")
}

async fn find(app: &TestApp) {
    let mut tx = Database::from_pool(app.pool.clone()).tenant(app.tenant.id).await.expect("a door");
    let openings = Catalogue::builtin().openings();
    reconcile::find_paths(&mut tx, &openings, app.mint.now()).await.expect("found");
    tx.commit().await.expect("kept");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_path_says_where_it_leads_what_opens_it_and_which_fix_cuts_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let new = NewResource { exposure: Exposure::Internet, ..NewResource::of(opening(), "ledger") };
    let resource = estate.resource(&new).await;
    let finding = estate.verdict(resource, opening(), Verdict::Fail).await;
    estate.add_up(50.0).await;
    find(&app).await;
    let mut auditor = app.auditor().await;

    let list = auditor.get("/paths").await;
    let rows = list.texts("tbody tr");
    assert!(rows.len() == 1 && rows[0].contains("From the internet to data: ledger"), "{rows:?}");
    assert!(rows[0].contains(&opening().fix.title) && rows[0].contains("At once"), "{rows:?}");

    let link = list.attribute("tbody .cell-title", "href").expect("a link");
    let one = auditor.get(&link).await;
    assert_eq!(one.texts(".level-body strong"), ["Internet"]);
    assert!(
        one.texts(".level .badge").len() == 1 && one.body.contains("gives its data to whoever asks"),
        "{}",
        one.body
    );
    assert!(one.texts(".list-line").iter().any(|line| line.contains("cuts this path alone")), "{}", one.body);

    let finding = auditor.get(&format!("/findings/{finding}")).await;
    assert!(finding.texts("#paths-title").contains(&"On 1 attack path".to_owned()), "{}", finding.body);
    let fix = auditor.get(&format!("/fixes/{}", estate.fix(opening()))).await;
    assert!(fix.texts(".figures div").iter().any(|one| one.contains("Attack paths cut")), "{}", fix.body);
}

#[sqlx::test(migrations = "../migrations")]
async fn where_there_is_no_path_the_page_says_so(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let _estate = Estate::of(&app).await;
    let mut analyst = app.analyst().await;

    let list = analyst.get("/paths").await;

    assert_eq!((list.status, list.texts("h2")), (200, vec!["No attack path was found".to_owned()]));
    assert_eq!(analyst.get("/paths/0190a5a0-0000-7000-8000-000000000000").await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_accepted_risk_opens_no_path_until_its_acceptance_ends(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let new = NewResource { exposure: Exposure::Internet, ..NewResource::of(opening(), "ledger") };
    let resource = estate.resource(&new).await;
    let finding = estate.verdict(resource, opening(), Verdict::Fail).await;
    estate.add_up(50.0).await;
    find(&app).await;
    let mut ciso = app.ciso().await;
    let page = format!("/findings/{finding}");
    let cut = || async {
        let cut: i32 =
            sqlx::query_scalar("select max(paths_cut) from fixes").fetch_one(&app.pool).await.expect("fixes");
        cut
    };

    let fields = [("reason", "The bucket holds what is published anyway"), ("days", "30")];
    assert_eq!(app.analyst().await.submit(&page, &format!("{page}/accept"), &fields).await.status, 303);
    assert_eq!(ciso.get("/paths").await.texts("tbody tr").len(), 1, "nobody approved it yet");
    let asked: Uuid =
        sqlx::query_scalar("select exception_id from exceptions").fetch_one(&app.pool).await.expect("one");
    let exception = format!("/exceptions/{asked}");
    assert_eq!(ciso.submit(&exception, &format!("{exception}/approve"), &[]).await.status, 303);
    assert!(ciso.get("/paths").await.texts("tbody tr").is_empty());
    assert_eq!(cut().await, 0);

    assert_eq!(ciso.submit(&page, &format!("{page}/reopen"), &[]).await.status, 303);
    assert_eq!(ciso.get("/paths").await.texts("tbody tr").len(), 1);
    assert_eq!(cut().await, 1);
}
