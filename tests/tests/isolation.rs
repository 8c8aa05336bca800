//! For every route, from the route table itself: nobody gets in without signing in, another tenant's things are not
//! there, and no other site can send a form.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use plumbline_tests::browser::ORIGIN;
use plumbline_tests::estate_rows::one_of_each;
use plumbline_tests::walk::{FIELDS, path_to, routes, variables};
use plumbline_web::call::Access;
use plumbline_web::route::Route;
use sqlx::PgPool;
use std::collections::BTreeMap;

/// Variables that name no tenant's thing.
const OF_NO_TENANT: [&str; 6] = ["framework", "control", "path", "flaw", "tenant", "token"];

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// Routes that anybody may call; a new one is thought about here.
#[test]
fn the_public_routes_are_these() {
    let public: Vec<String> = routes().iter().filter(|route| route.access == Access::Public).map(name).collect();
    insta::assert_snapshot!(public.join("\n"), @r"
    GET /healthz
    GET /invitations/{tenant}/{token}
    POST /invitations/{tenant}/{token}
    GET /oidc/callback
    GET /setup/{token}
    POST /setup/{token}
    GET /sign-in
    POST /sign-in
    GET /sign-in/tenant
    GET /sign-in/{tenant}/oidc
    GET /static/{path:.*}
    POST /theme
    ");
}

#[sqlx::test(migrations = "../migrations")]
async fn somebody_anonymous_is_sent_to_sign_in_from_every_other_route(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let owner = app.join(&app.tenant, Role::Owner, "owner@harborlane.example.com").await;
    let things = one_of_each(&app, &app.tenant, owner).await;

    let of_people = |route: &Route| !matches!(route.access, Access::Public | Access::Agent);
    for route in routes().into_iter().filter(of_people) {
        let mut anonymous = app.anonymous();
        let path = path_to(&route, &things);
        let answer = match route.method {
            Method::GET => anonymous.get(&path).await,
            _ => anonymous.submit("/sign-in", &path, &FIELDS).await,
        };
        assert_eq!(answer.status, 303, "{}", name(&route));
        assert!(answer.location().starts_with("/sign-in"), "{} leads to {}", name(&route), answer.location());

        let as_json = TestRequest::default()
            .method(route.method.clone())
            .uri(&path)
            .insert_header(("Accept", "application/json"));
        let answer = app.anonymous().send(as_json.insert_header(("Origin", ORIGIN))).await;
        assert!([401, 403].contains(&answer.status), "{} as JSON: {}", name(&route), answer.status);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn another_tenants_things_are_not_there(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let ours = app.join(&app.tenant, Role::Owner, "owner@harborlane.example.com").await;
    let things = one_of_each(&app, &app.tenant, ours).await;
    let other = app.another_tenant("Quiet Cove").await;
    let mut stranger = app.member_of(&other, Role::Owner, "owner@quietcove.example.com").await;
    let mut owner = app.signed_in("owner@harborlane.example.com").await;
    let mut walked = 0;

    for route in routes() {
        let named = variables(route.path);
        if !matches!(route.access, Access::Member(_)) || named.iter().all(|name| OF_NO_TENANT.contains(name)) {
            continue;
        }
        let path = path_to(&route, &things);
        let answer = match route.method {
            Method::GET => stranger.get(&path).await,
            _ => stranger.send_form(&path, &FIELDS).await,
        };
        assert_eq!(answer.status, 404, "{} of another tenant: {}", name(&route), answer.body);
        if route.method == Method::GET {
            let answer = owner.get(&path).await;
            let shown = answer.status == 200
                || ["/sources/", "/findings?"].iter().any(|path| answer.location().starts_with(path));
            assert!(shown, "{} of the own tenant: {} {}", name(&route), answer.status, answer.body);
        }
        walked += 1;
    }
    assert!(walked >= 2, "the walk meets routes that name things: {walked}");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_not_there_looks_the_same_as_what_is_another_tenants(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let ours = app.join(&app.tenant, Role::Owner, "owner@harborlane.example.com").await;
    let things = one_of_each(&app, &app.tenant, ours).await;
    let nothing: BTreeMap<&str, String> =
        things.keys().map(|name| (*name, "01900000-0000-7000-8000-000000000000".to_owned())).collect();
    let other = app.another_tenant("Quiet Cove").await;
    let mut stranger = app.member_of(&other, Role::Owner, "owner@quietcove.example.com").await;

    for route in routes().into_iter().filter(|route| route.method == Method::GET) {
        if variables(route.path).iter().all(|name| OF_NO_TENANT.contains(name)) {
            continue;
        }
        let theirs = stranger.get(&path_to(&route, &things)).await;
        let none = stranger.get(&path_to(&route, &nothing)).await;
        assert_eq!((theirs.status, theirs.body), (none.status, none.body), "{}", name(&route));
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn no_other_site_can_send_any_form(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let person = app.join(&app.tenant, Role::Owner, "owner@harborlane.example.com").await;
    let things = one_of_each(&app, &app.tenant, person).await;
    let token = owner.token("/account").await;
    let with_token: Vec<(&str, &str)> = FIELDS.into_iter().chain([("csrf", token.as_str())]).collect();
    let mut walked = 0;

    let of_a_form = |route: &Route| route.method != Method::GET && route.access != Access::Agent;
    for route in routes().into_iter().filter(of_a_form) {
        let path = path_to(&route, &things);
        let post = || TestRequest::post().uri(&path);
        let attempts = [
            ("no token", post().insert_header(("Origin", ORIGIN)).set_form(FIELDS.as_slice())),
            (
                "a foreign origin",
                post().insert_header(("Origin", "https://elsewhere.example.com")).set_form(&with_token),
            ),
            ("no origin at all", post().set_form(&with_token)),
            (
                "a cross-site request",
                post()
                    .insert_header(("Sec-Fetch-Site", "cross-site"))
                    .insert_header(("Origin", "https://elsewhere.example.com"))
                    .set_form(&with_token),
            ),
            (
                "JSON",
                post()
                    .insert_header(("Origin", ORIGIN))
                    .insert_header(("Content-Type", "application/json"))
                    .set_payload("{}"),
            ),
        ];
        for (what, request) in attempts {
            let answer = owner.send(request).await;
            let refused = answer.status == 403 || (what == "JSON" && answer.status == 422);
            assert!(refused, "{} with {what}: {} {}", name(&route), answer.status, answer.body);
        }
        walked += 1;
    }
    assert!(walked >= 10, "the walk meets forms: {walked}");
    assert_eq!(owner.get("/account").await.status, 200, "and the session is as it was");
}

/// Agents have no session: their routes are below one path, where neither a session nor a form's token counts, and whoever
/// shows no credential is refused.
#[sqlx::test(migrations = "../migrations")]
async fn an_agents_routes_take_a_credential_and_nothing_else(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let token = owner.token("/account").await;
    let mut walked = 0;

    for route in routes() {
        assert_eq!(route.path.starts_with("/agent/"), route.access == Access::Agent, "{}", name(&route));
        if route.access != Access::Agent {
            continue;
        }
        let fields: Vec<(&str, &str)> = FIELDS.into_iter().chain([("csrf", token.as_str())]).collect();
        let secret = format!("Bearer {}.{}.{}", "0".repeat(32), "0".repeat(32), "A".repeat(43));
        for request in [
            TestRequest::post().uri(route.path).insert_header(("Origin", ORIGIN)).set_form(&fields),
            TestRequest::post().uri(route.path).insert_header(("Authorization", secret)),
            TestRequest::post().uri(route.path),
        ] {
            app.pass(chrono::TimeDelta::minutes(1));
            let answer = owner.send(request).await;
            assert_eq!(answer.status, 401, "{}: {}", name(&route), answer.body);
        }
        walked += 1;
    }
    assert_eq!(walked, 2);
    assert_eq!(owner.get("/account").await.status, 200, "and the session is as it was");
}

/// The token of one session is none in another's.
#[sqlx::test(migrations = "../migrations")]
async fn a_token_of_another_session_is_refused(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let mut analyst = app.analyst().await;
    let theirs = analyst.token("/account").await;

    let answer =
        owner.post("/members/invite", &[("email", "a@example.com"), ("role", "owner"), ("csrf", &theirs)]).await;

    assert_eq!(answer.status, 403);
    assert_eq!(answer.texts("h1"), ["This form is out of date"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn every_answer_carries_the_security_headers(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;

    for path in ["/sign-in", "/members", "/no-such-page", "/static/style.css", "/healthz"] {
        let answer = owner.get(path).await;
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
        assert!(answer.header("strict-transport-security").is_none(), "{path}: not without https");
    }
}
