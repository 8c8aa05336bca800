//! From a path to what is asked for, by whom, and the answer.

use super::access::{Asker, Deed, allowed, refusal};
use super::answer;
use super::faults::Fault;
use super::kinds::Kind;
use super::state::Shared;
use super::{discovery, read, review, watch, write};
use actix_web::http::Method;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse};
use std::collections::HashMap;
use std::sync::Arc;

/// A path that names a resource.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: String,
    pub(super) plural: String,
    pub(super) name: String,
    pub(super) sub: String,
}

/// `/api/v1/namespaces/shop/pods/a/log` and the like; none for a path that names no resource.
fn target(path: &str) -> Option<Target> {
    let mut parts = path.trim_matches('/').split('/');
    let (group, version) = match parts.next()? {
        "api" => (String::new(), parts.next()?.to_owned()),
        "apis" => (parts.next()?.to_owned(), parts.next()?.to_owned()),
        _ => return None,
    };
    let rest: Vec<&str> = parts.collect();
    let of = |namespace: &str, plural: &str, rest: &[&str]| Target {
        group: group.clone(),
        version: version.clone(),
        namespace: namespace.to_owned(),
        plural: plural.to_owned(),
        name: rest.first().map(|name| (*name).to_owned()).unwrap_or_default(),
        sub: rest.get(1..).map(|sub| sub.join("/")).unwrap_or_default(),
    };
    match rest.as_slice() {
        [] => None,
        ["namespaces", namespace, plural, rest @ ..] if !matches!(*plural, "status" | "finalize") => {
            Some(of(namespace, plural, rest))
        }
        [plural, rest @ ..] => Some(of("", plural, rest)),
    }
}

/// The parameters of a query.
pub(super) type Query = HashMap<String, String>;

pub(super) async fn serve(request: &HttpRequest, body: &[u8], shared: Arc<Shared>) -> HttpResponse {
    let path = request.path().to_owned();
    let query: Query = actix_web::web::Query::from_query(request.query_string())
        .map(actix_web::web::Query::into_inner)
        .unwrap_or_default();
    let asked = format!("{} {path}?{}", request.method(), request.query_string());
    let fault = shared.state().fault(&asked);
    match fault {
        Some(Fault::Status(code)) => return answer::failure(code, "InternalError", "the stand-in was told to fail"),
        Some(Fault::Later(seconds)) => {
            let mut answer = HttpResponse::TooManyRequests();
            answer.insert_header(("retry-after", seconds.to_string()));
            return answer.json(answer::status(429, "TooManyRequests", "please try again later"));
        }
        Some(Fault::Expired) => return HttpResponse::Gone().json(answer::expired()),
        Some(Fault::Half) | None => {}
    }
    let answer = dispatch(request, body, &shared, &path, &query);
    if matches!(fault, Some(Fault::Half)) { half(answer).await } else { answer }
}

async fn half(answer: HttpResponse) -> HttpResponse {
    let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap_or_default();
    HttpResponse::Ok().content_type("application/json").body(body.slice(..body.len() / 2))
}

fn dispatch(request: &HttpRequest, body: &[u8], shared: &Arc<Shared>, path: &str, query: &Query) -> HttpResponse {
    let header = |name: actix_web::http::header::HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    let authorization = header(actix_web::http::header::AUTHORIZATION);
    let Some(asker) = Asker::of(&shared.state(), authorization) else {
        return answer::failure(401, "Unauthorized", "Unauthorized");
    };
    let watches = query.get("watch").is_some_and(|watch| watch == "1" || watch == "true");
    let target = target(path);
    let deed = deed(request.method(), path, target.as_ref(), watches);
    if !allowed(&shared.state(), &asker, &deed) {
        return answer::failure(403, "Forbidden", &refusal(&asker, &deed));
    }
    let Some(target) = target else {
        if matches!(path, "/healthz" | "/livez" | "/readyz") {
            return HttpResponse::Ok().body("ok");
        }
        if path == "/openapi/v2" && header(ACCEPT).is_some_and(|accept| accept.contains("protobuf")) {
            // A description of nothing, in the one form that kubectl takes it in: no bytes at all.
            return HttpResponse::Ok().content_type(discovery::PACKED_SCHEMA).finish();
        }
        let found = discovery::document(&shared.state(), path);
        return found.map_or_else(|| answer::not_found("path", path), |found| answer::object(&found));
    };
    if target.group == "authorization.k8s.io" {
        let document = serde_json::from_slice(body).unwrap_or_default();
        return review::review(&shared.state(), &asker, &target.plural, document);
    }
    let found = shared.state().find(&target.group, &target.version, &target.plural);
    let Some(kind) = found else {
        return answer::failure(404, "NotFound", "the server could not find the requested resource");
    };
    if kind.plural == "nodes" && target.sub == "proxy/configz" {
        let config = shared.state().kubelets.get(&target.name).cloned();
        return match config {
            Some(config) => answer::object(&serde_json::json!({ "kubeletconfig": config })),
            None => answer::failure(503, "ServiceUnavailable", "the node does not answer"),
        };
    }
    let accept = header(ACCEPT).unwrap_or_default();
    resource(request.method(), kind, &target, query, accept, body, shared, watches)
}

#[expect(clippy::too_many_arguments, reason = "a request, taken apart")]
fn resource(
    method: &Method,
    kind: &'static Kind,
    target: &Target,
    query: &Query,
    accept: &str,
    body: &[u8],
    shared: &Arc<Shared>,
    watches: bool,
) -> HttpResponse {
    match *method {
        Method::GET if watches => watch::watch(shared, kind, target, query),
        Method::GET if target.name.is_empty() => read::list(&shared.state(), kind, target, query, accept),
        Method::GET => read::get(&shared.state(), kind, target, accept),
        _ => write::write(method, shared, kind, target, body),
    }
}

/// What a request comes to, as roles name it.
fn deed(method: &Method, path: &str, target: Option<&Target>, watches: bool) -> Deed {
    let Some(target) = target else {
        return Deed::Path { verb: method.as_str().to_lowercase(), path: path.to_owned() };
    };
    let verb = match (method, target.name.is_empty()) {
        (&Method::GET, _) if watches => "watch",
        (&Method::GET, true) => "list",
        (&Method::GET, false) => "get",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        _ => "delete",
    };
    // A namespace is itself in the namespace of its name.
    let namespace = if target.plural == "namespaces" { &target.name } else { &target.namespace };
    Deed::Resource {
        verb: verb.to_owned(),
        group: target.group.clone(),
        resource: target.plural.clone(),
        sub: target.sub.split('/').next().unwrap_or_default().to_owned(),
        namespace: namespace.clone(),
        name: target.name.clone(),
    }
}
