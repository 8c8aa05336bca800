//! Who may call what: a golden matrix of roles and routes, made by calling every route as everybody.

use actix_web::http::Method;
use chrono::TimeDelta;
use plumbline_core::role::{Permission, Role};
use plumbline_tests::estate_rows::{Named, one_of_each};
use plumbline_tests::walk::{FIELDS, path_to, routes};
use plumbline_tests::{Answer, TestApp};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Things that are in nobody's tenant: a caller who may gets as far as not finding them, and changes nothing.
fn nothing() -> Named {
    [
        "source",
        "run",
        "resource",
        "image",
        "component",
        "bill",
        "finding",
        "fix",
        "plan",
        "person",
        "team",
        "bulk",
        "view",
        "exception",
        "tracker",
        "attack_path",
    ]
    .into_iter()
    .map(|name| (name, "01900000-0000-7000-8000-000000000000".to_owned()))
    .chain(["comment", "item"].map(|name| (name, "1".to_owned())))
    .collect()
}

fn verdict(answer: &Answer) -> &'static str {
    match answer.status {
        303 if answer.location().starts_with("/sign-in") => "sign in",
        403 => "no",
        401 => "agent",
        500.. => "broken",
        _ => "yes",
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn each_role_may_call_what_the_matrix_says(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let things = nothing();
    let mut matrix = format!("{:<58}{:<10}{:<10}{:<10}{:<10}{}\n", "", "nobody", "auditor", "analyst", "ciso", "owner");

    for route in routes() {
        let path = path_to(&route, &things);
        let mut cells = Vec::new();
        for role in [None, Some(Role::Auditor), Some(Role::Analyst), Some(Role::Ciso), Some(Role::Owner)] {
            // Sign-ins are limited by the minute.
            app.pass(TimeDelta::minutes(2));
            let mut caller = match role {
                None => app.anonymous(),
                Some(role) => app.member(role).await,
            };
            let from = if role.is_some() { "/account" } else { "/sign-in" };
            let answer = match route.method {
                Method::GET => caller.get(&path).await,
                _ => caller.submit(from, &path, &FIELDS).await,
            };
            // Signing out leads there for those who were in.
            cells.push(if route.path == "/sign-out" && role.is_some() { "yes" } else { verdict(&answer) });
        }
        let name = format!("{} {}", route.method, route.path);
        writeln!(matrix, "{name:<58}{:<10}{:<10}{:<10}{:<10}{}", cells[0], cells[1], cells[2], cells[3], cells[4])
            .expect("text");
    }

    insta::assert_snapshot!("routes", matrix);
}

#[sqlx::test(migrations = "../migrations")]
async fn no_page_has_a_link_that_its_reader_may_not_follow(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let member = app.join(&app.tenant, Role::Owner, "someone@example.com").await;
    let things = one_of_each(&app, &app.tenant, member).await;
    let pages: Vec<String> =
        routes().iter().filter(|route| route.method == Method::GET).map(|route| path_to(route, &things)).collect();

    let mut closed = Vec::new();
    for role in Role::ALL {
        app.pass(TimeDelta::minutes(2));
        let mut reader = app.member(role).await;
        let mut answers: BTreeMap<String, u16> = BTreeMap::new();
        for page in &pages {
            let shown = reader.get(page).await;
            for link in if shown.status == 200 { shown.attributes("a[href^='/']", "href") } else { Vec::new() } {
                let link = link.split('#').next().unwrap_or_default().to_owned();
                let status = match answers.get(&link) {
                    Some(status) => *status,
                    None => reader.get(&link).await.status,
                };
                answers.insert(link.clone(), status);
                if status == 403 {
                    closed.push(format!("{role:?}: {page} leads to {link}"));
                }
            }
        }
    }
    assert!(closed.is_empty(), "{closed:#?}");
}

#[test]
fn each_role_carries_the_permissions_that_the_matrix_says() {
    let mut matrix = format!("{:<20}{:<8}{:<8}{:<8}{}\n", "", "owner", "ciso", "analyst", "auditor");
    for permission in Permission::ALL {
        let cells = Role::ALL.map(|role| if role.may(permission) { "yes" } else { "no" });
        let name = format!("{permission:?}");
        writeln!(matrix, "{name:<20}{:<8}{:<8}{:<8}{}", cells[0], cells[1], cells[2], cells[3]).expect("text");
    }
    insta::assert_snapshot!("permissions", matrix);
}
