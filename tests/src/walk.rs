//! Walking the route table: a path for every route, and fields for every form.

use crate::estate_rows::Named;
use plumbline_policy::Catalogue;
use plumbline_web::route::{Route, table};

/// One field of every name that any form has, each with a value that makes sense.
pub const FIELDS: [(&str, &str); 41] = [
    ("role", "analyst"),
    ("email", "new@example.com"),
    ("name", "New Person"),
    ("tenant", "New Tenant"),
    ("password", "not the right password"),
    ("current", "not the right password"),
    ("new", "another long password"),
    ("slug", "harbor-lane"),
    ("theme", "dark"),
    ("key", "00"),
    ("issuer", "https://id.example.com"),
    ("client_id", "plumbline"),
    ("client_secret", "hush"),
    ("reason", "accepted for the length of a test"),
    ("days", "30"),
    ("holds", "yes"),
    ("statement", "reviewed for the length of a test"),
    ("months", "12"),
    ("by", "role"),
    ("role_arn", "arn:aws:iam::111122223333:role/plumbline"),
    ("external_id", "x"),
    ("management", ""),
    ("management_role_arn", ""),
    ("member_role", ""),
    ("access_key_id", ""),
    ("secret_access_key", ""),
    ("sure", "no"),
    ("kind", "application"),
    ("version", "1.0"),
    ("document", ""),
    ("rules", "high tag:team=payments"),
    ("sources", "registry.example.com/base/**"),
    ("hashes", "aa00000000000000000000000000000000000000000000000000000000000001  dropper"),
    ("move", "start"),
    ("comment", "said for the length of a test"),
    ("due", ""),
    ("as_kind", "accepted_risk"),
    ("sha256", "aa00000000000000000000000000000000000000000000000000000000000002"),
    ("keys", "team"),
    ("part", "whole"),
    ("target", "85"),
];

/// Every route of the application, ordered by path and method.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut routes = table();
    routes.sort_by_key(|route| (route.path, route.method.to_string()));
    routes
}

/// The names of the parts of a path that vary.
#[must_use]
pub fn variables(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|part| part.split(['}', ':']).next()).collect()
}

/// The path of a route with the things that are named put in. What no tenant owns is named by what ships with the product.
///
/// # Panics
/// When a route's path has a variable that nobody told this of.
#[must_use]
pub fn path_to(route: &Route, things: &Named) -> String {
    let mut path = String::new();
    for part in route.path.split('{') {
        let Some((variable, rest)) = part.split_once('}') else {
            path.push_str(part);
            continue;
        };
        let variable = variable.split(':').next().unwrap_or(variable);
        path.push_str(&thing(variable, things));
        path.push_str(rest);
    }
    path
}

fn thing(variable: &str, things: &Named) -> String {
    if let Some(id) = things.get(variable) {
        return id.clone();
    }
    let framework = Catalogue::builtin().frameworks().next().expect("a framework");
    let control = framework.controls.iter().find(|control| control.is_attested()).unwrap_or(&framework.controls[0]);
    match variable {
        "framework" => framework.id.clone(),
        "control" => control.id.clone(),
        "path" => "style.css".to_owned(),
        // A flaw is known by a name that the world gave it.
        "flaw" => "CVE-2026-0001".to_owned(),
        // The tenant of a link, and a token that opens nothing.
        "tenant" => "nobody".to_owned(),
        "token" => "nothing".to_owned(),
        other => panic!("a route names {{{other}}}, which estate_rows has to make one of"),
    }
}
