//! Work on findings: stages, owners, due dates, comments, and changes to many at once.

use chrono::TimeDelta;
use plumbline_core::id::FindingId;
use plumbline_core::role::Role;
use plumbline_core::verdict::Verdict;
use plumbline_tests::builders::{Estate, NewResource, check};
use plumbline_tests::{Browser, TestApp};
use sqlx::PgPool;

async fn findings(app: &TestApp, names: &[&str]) -> Vec<FindingId> {
    let estate = Estate::of(app).await;
    let mut found = Vec::new();
    for name in names {
        let resource = estate.resource(&NewResource::of(check(0), name)).await;
        found.push(estate.verdict(resource, check(0), Verdict::Fail).await);
    }
    estate.add_up(40.0).await;
    found
}

async fn stages(app: &TestApp) -> Vec<String> {
    sqlx::query_scalar("select f.stage from findings f join resources r using (tenant_id, resource_id) order by r.name")
        .fetch_all(&app.pool)
        .await
        .expect("stages")
}

async fn said(browser: &mut Browser) -> String {
    browser.get("/account").await.texts(".flash").join(" ")
}

#[sqlx::test(migrations = "../migrations")]
async fn work_on_a_finding_is_begun_claimed_and_taken_back(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let id = findings(&app, &["edge"]).await[0];
    let (page, step) = (format!("/findings/{id}"), format!("/findings/{id}/move"));
    let mut analyst = app.analyst().await;

    assert_eq!(analyst.get(&page).await.texts("button[name=move]"), ["Start work", "Say it is fixed"]);
    assert_eq!(analyst.submit(&page, &step, &[("move", "start")]).await.status, 303);
    assert_eq!(analyst.submit(&page, &step, &[("move", "start")]).await.status, 409, "not twice");
    let note = [("move", "claim"), ("note", "closed the port")];
    assert_eq!(analyst.submit(&page, &step, &note).await.status, 303);

    let shown = analyst.get(&page).await;
    assert!(shown.texts(".facts dd").iter().any(|fact| fact.starts_with("awaiting proof")), "{:?}", shown.texts("dd"));
    let history = shown.texts(".timeline li");
    assert!(
        history[0].starts_with("Claimed to be fixed by analyst") && history[0].contains("closed the port"),
        "{history:?}"
    );
    assert_eq!(shown.texts("button[name=move]"), ["Start work", "Stop work"]);
    let odd = analyst.submit(&page, &step, &[("move", "resolve")]).await;
    assert_eq!(odd.status, 422, "a person resolves nothing");
    assert_eq!(app.auditor().await.submit("/account", &step, &[("move", "stop")]).await.status, 403);
    assert_eq!(stages(&app).await, ["awaiting_proof"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_finding_is_given_to_somebody_and_due_by_a_day(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let id = findings(&app, &["edge"]).await[0];
    let page = format!("/findings/{id}");
    let ciso = app.join(&app.tenant, Role::Ciso, "ciso@harborlane.example.com").await;
    let mut owner = app.owner().await;
    owner.submit("/settings/teams", "/settings/teams", &[("name", " Payments  team ")]).await;
    assert_eq!(owner.get("/settings/teams").await.texts("section h2"), ["New team", "Payments team"]);
    let again = owner.submit("/settings/teams", "/settings/teams", &[("name", "payments TEAM")]).await;
    assert_eq!(
        (again.status, again.texts("#name-error")),
        (422, vec!["There is a team of that name already.".to_owned()])
    );

    let mut analyst = app.analyst().await;
    let team = analyst.get(&page).await.attribute("#team option:nth-child(2)", "value").expect("the team");
    let fields = [("team", team.as_str()), ("assignee", &ciso.to_string())];
    assert_eq!(analyst.submit(&page, &format!("{page}/assign"), &fields).await.status, 303);
    assert!(said(&mut analyst).await.ends_with("of Payments team."));
    assert_eq!(analyst.submit(&page, &format!("{page}/assign"), &[("assignee", &id.to_string())]).await.status, 422);

    let past = analyst.submit(&page, &format!("{page}/due"), &[("due", "2020-01-01")]).await;
    assert_eq!(
        (past.status, past.texts("#due-error")),
        (422, vec!["That day is over. Choose today or later.".to_owned()])
    );
    assert_eq!(analyst.submit(&page, &format!("{page}/due"), &[("due", "2031-01-31")]).await.status, 303);
    let facts = analyst.get(&page).await.texts(".facts dd");
    assert!(
        facts.iter().any(|fact| fact.contains("Payments team"))
            && facts.iter().any(|fact| fact.starts_with("31 Jan 2031")),
        "{facts:?}"
    );

    let mut told = app.signed_in("ciso@harborlane.example.com").await;
    let inbox = told.get("/inbox").await;
    assert_eq!(inbox.texts(".link-button").len(), 1);
    assert_eq!(inbox.texts(".inbox-link"), ["Inbox 1 unread"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_overdue_is_told_by_team_and_on_the_posture(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let found = findings(&app, &["a", "b"]).await;
    let mut analyst = app.analyst().await;
    assert!(analyst.get("/sla").await.body.contains("Nothing is overdue"));
    for id in &found {
        let page = format!("/findings/{id}");
        analyst.submit(&page, &format!("{page}/due"), &[("due", "2026-12-31")]).await;
    }
    app.pass(TimeDelta::days(60));
    let mut analyst = app.analyst().await;

    let page = analyst.get("/sla").await;

    assert!(page.texts(".lede")[0].starts_with("2 findings overdue"), "{:?}", page.texts(".lede"));
    assert!(page.texts("tbody tr")[0].starts_with("No team"));
    assert_eq!(page.texts("tbody .num"), ["2", "0"]);
    assert_eq!(page.texts(".table .cell-title").len(), 2);
    assert!(analyst.get("/posture").await.body.contains("2 findings overdue"));
}

#[sqlx::test(migrations = "../migrations")]
async fn terms_are_previewed_kept_and_refused_with_what_was_typed(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut ciso = app.ciso().await;
    let page = ciso.get("/settings/sla").await;
    assert_eq!(page.attribute("input[name=critical_internet]", "value").as_deref(), Some("3"));

    let odd = ciso.submit("/settings/sla", "/settings/sla", &[("critical_internet", "soon")]).await;
    assert_eq!(odd.status, 422);
    assert!(odd.texts("#sla-error")[0].starts_with("Critical, on the internet: a whole number of days"));
    assert_eq!(odd.attribute("input[name=critical_internet]", "value").as_deref(), Some("soon"));
    let seen = ciso.submit("/settings/sla", "/settings/sla/preview", &[("critical_internet", "2")]).await;
    assert!(seen.texts(".flash-note")[0].contains("12 terms would change"), "{:?}", seen.texts(".flash-note"));
    assert_eq!(ciso.submit("/settings/sla", "/settings/sla", &[("critical_internet", "2")]).await.status, 303);
    let kept = ciso.get("/settings/sla").await;
    assert_eq!(kept.attribute("input[name=critical_internet]", "value").as_deref(), Some("2"));
    assert_eq!(kept.attribute("input[name=low_none]", "value").as_deref(), Some(""));
    let waiting: i64 = sqlx::query_scalar("select count(*) from jobs where same_as = 'apply-due' and state = 'queued'")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(waiting, 1);
    assert!(app.analyst().await.get("/settings/sla").await.texts("input[name=low_none]").is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn rules_of_ownership_are_kept_as_typed_or_refused_by_line(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let refused = owner.submit("/settings/owners", "/settings/owners", &[("rules", "# ours\n* @stranger")]).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.texts("#rules-error"),
        ["Line 2: nobody here is called “stranger”, neither a team nor a member."]
    );
    assert_eq!(refused.texts("#rules"), ["# ours * @stranger"]);

    let sound = owner.submit("/settings/owners", "/settings/owners", &[("rules", "# ours\r\n* @owner")]).await;
    assert_eq!(sound.status, 303);
    assert!(said(&mut owner).await.starts_with("1 rule kept."));
    assert_eq!(app.auditor().await.get("/settings/owners").await.texts("pre"), ["# ours * @owner"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn many_are_changed_at_once_and_given_back_what_nobody_touched(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let found = findings(&app, &["a", "b", "c"]).await;
    let mut analyst = app.analyst().await;
    let all = [("q", "severity=critical&severity=high&severity=medium&severity=low"), ("action", "start")];

    let preview = analyst.submit("/account", "/findings/bulk/preview", &all).await;
    assert_eq!((preview.status, preview.texts("h1")), (200, vec!["3 findings: in progress".to_owned()]));
    assert_eq!(stages(&app).await, ["open", "open", "open"], "a preview changes nothing");
    assert_eq!(
        preview.attribute("form[action='/findings/bulk'] input[name=action]", "value").as_deref(),
        Some("start")
    );
    let done = analyst.submit("/account", "/findings/bulk", &all).await;
    assert_eq!((done.status, done.location()), (303, "/bulk"));
    assert_eq!(stages(&app).await, ["in_progress"; 3]);

    let one = format!("/findings/{}", found[1]);
    analyst.submit(&one, &format!("{one}/move"), &[("move", "claim")]).await;
    let page = analyst.get("/bulk").await;
    let undo = page.attribute("form[action^='/bulk/']", "action").expect("an undo");
    assert_eq!(analyst.submit("/bulk", &undo, &[]).await.status, 303);
    assert!(said(&mut analyst).await.starts_with("Undone: 2 findings restored."));
    assert_eq!(stages(&app).await, ["open", "awaiting_proof", "open"]);
    assert_eq!(analyst.submit("/bulk", &undo, &[]).await.status, 409, "once");

    let ticked = [("finding", found[0].to_string()), ("finding", found[2].to_string())];
    let mut fields: Vec<(&str, &str)> = ticked.iter().map(|(name, id)| (*name, id.as_str())).collect();
    fields.extend([("action", "assign"), ("assignee", "me")]);
    analyst.submit("/account", "/findings/bulk", &fields).await;
    let mine: i64 = sqlx::query_scalar("select count(*) from findings where assignee_id is not null and owned_by_hand")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(mine, 2);
    let page = analyst.get("/bulk").await;
    let undo = page.attribute("form[action^='/bulk/']", "action").expect("an undo");
    app.pass(TimeDelta::minutes(61));
    assert_eq!(app.analyst().await.submit("/account", &undo, &[]).await.status, 409, "its hour is over");
    for odd in [&[("action", "start")][..], &[("q", "severity=high"), ("action", "resolve")], &[("finding", "x")]] {
        assert_eq!(app.analyst().await.submit("/account", "/findings/bulk", odd).await.status, 422, "{odd:?}");
    }
    let log = app.owner().await.get("/audit").await;
    assert!(
        log.texts("tbody tr").iter().any(|row| row.contains("Findings: changed in bulk")),
        "{:?}",
        log.texts("tbody tr")
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn people_talk_about_a_finding_and_call_each_other(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let id = findings(&app, &["edge"]).await[0];
    let page = format!("/findings/{id}");
    app.join(&app.tenant, Role::Ciso, "ciso@harborlane.example.com").await;
    let mut analyst = app.analyst().await;

    let text = "@ciso, is this <b>meant</b>?\nIt looks open.";
    let answer = analyst.submit(&page, &format!("{page}/comments"), &[("comment", text)]).await;
    assert_eq!((answer.status, answer.location()), (303, format!("{page}#comments").as_str()));
    let shown = analyst.get(&page).await;
    assert!(shown.texts("#comments article")[0].contains("is this <b>meant</b>?"), "as text, not as markup");
    let empty = analyst.submit(&page, &format!("{page}/comments"), &[("comment", "  ")]).await;
    assert_eq!(empty.status, 422);
    let offered = analyst.fragment(&format!("{page}/mentions?comment=hello+%40ci")).await;
    assert_eq!(offered.texts("#comment-people button").len(), 1, "{}", offered.body);
    let picked = analyst.fragment(&format!("{page}/mentions?comment=hello+%40ci&pick=ciso")).await;
    assert_eq!(picked.texts("#comment"), ["hello @ciso"]);

    let mut ciso = app.signed_in("ciso@harborlane.example.com").await;
    let told = ciso.get("/inbox").await;
    assert!(told.texts(".link-button")[0].contains("mentions you"), "{:?}", told.texts(".link-button"));
    let mails: i64 = sqlx::query_scalar("select count(*) from mails").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(mails, 1);
    let remove = shown.attribute("#comments article form", "action").expect("a way to remove it");
    assert_eq!(ciso.submit(&page, &remove, &[]).await.status, 404, "only who wrote it");
    assert_eq!(analyst.submit(&page, &remove, &[]).await.status, 303);
    assert!(analyst.get(&page).await.texts("#comments article")[0].ends_with("Removed by who wrote it."));
}
