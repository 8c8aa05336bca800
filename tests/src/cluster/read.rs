//! Lists, a page at a time, and single objects.

use super::answer;
use super::kinds::Kind;
use super::request::{Query, Target};
use super::state::{At, State};
use actix_web::HttpResponse;
use serde_json::{Value, json};

pub(super) fn list(state: &State, kind: &Kind, target: &Target, query: &Query, accept: &str) -> HttpResponse {
    let resource = kind.resource();
    let namespace = Some(target.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).filter(|l| *l > 0).unwrap_or(usize::MAX);
    // Where the last page ended, and the version that the first one had.
    let after: Option<(u64, String, String)> = query.get("continue").and_then(|token| serde_json::from_str(token).ok());
    if query.contains_key("continue") && after.as_ref().is_none_or(|(version, ..)| *version < state.floor) {
        return HttpResponse::Gone().json(answer::expired());
    }
    let version = after.as_ref().map_or(state.version, |(version, ..)| *version);
    let wanted = |at: &At, object: &Value| {
        let later = after.as_ref().is_none_or(|(_, namespace, name)| (&at.1, &at.2) > (namespace, name));
        later && selected(object, query)
    };
    let mut items = Vec::new();
    let (mut last, mut left) = (None, 0_usize);
    for (at, object) in state.of(&resource, namespace).filter(|(at, object)| wanted(at, object)) {
        if items.len() < limit {
            items.push(reduced(object, accept));
            last = Some(at);
        } else {
            left += 1;
        }
    }
    let mut meta = json!({ "resourceVersion": version.to_string() });
    if let (Some(last), true) = (last, left > 0) {
        meta["continue"] = json!(json!([version, last.1, last.2]).to_string());
        meta["remainingItemCount"] = json!(left);
    }
    if accept.contains("as=Table") {
        return answer::object(&answer::table(&items, &meta));
    }
    answer::object(&json!({
        "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": meta, "items": items,
    }))
}

pub(super) fn get(state: &State, kind: &Kind, target: &Target, accept: &str) -> HttpResponse {
    let at = (kind.resource(), target.namespace.clone(), target.name.clone());
    match state.objects.get(&at) {
        Some(object) if accept.contains("as=Table") => {
            answer::object(&answer::table(&[(**object).clone()], &json!({})))
        }
        Some(object) => answer::object(object),
        None => answer::not_found(&kind.resource(), &target.name),
    }
}

/// As it is, but without kind and version in a list; names and labels alone where that is asked for.
fn reduced(object: &Value, accept: &str) -> Value {
    if accept.contains("as=PartialObjectMetadataList") {
        return json!({ "metadata": object["metadata"] });
    }
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove("kind");
        object.remove("apiVersion");
    }
    object
}

/// By labels that are equal, and by name.
fn selected(object: &Value, query: &Query) -> bool {
    let metadata = &object["metadata"];
    let labels = query.get("labelSelector").is_none_or(|selector| {
        selector
            .split(',')
            .filter_map(|one| one.split_once('='))
            .all(|(name, value)| metadata["labels"][name.trim()].as_str() == Some(value.trim_start_matches('=').trim()))
    });
    let named = query.get("fieldSelector").and_then(|selector| selector.strip_prefix("metadata.name="));
    labels && named.is_none_or(|name| metadata["name"].as_str() == Some(name))
}
