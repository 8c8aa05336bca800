//! Writes, as far as `kubectl apply` and `delete` need them.

use super::answer;
use super::kinds::Kind;
use super::request::Target;
use super::state::Shared;
use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn write(method: &Method, shared: &Arc<Shared>, kind: &Kind, target: &Target, body: &[u8]) -> HttpResponse {
    let resource = kind.resource();
    if *method == Method::DELETE {
        let done = shared.change(|state| state.delete(&resource, &target.namespace, &target.name));
        return match done {
            Ok(()) => answer::object(&json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" })),
            Err(_) => answer::not_found(&resource, &target.name),
        };
    }
    // A patch may come as YAML, which JSON is too.
    let Ok(mut object) = serde_yaml_ng::from_slice::<Value>(body) else {
        return answer::failure(400, "BadRequest", "the object cannot be read");
    };
    let name = match (target.name.as_str(), object.pointer("/metadata/name").and_then(Value::as_str)) {
        ("", named) => named.unwrap_or_default().to_owned(),
        (name, _) => name.to_owned(),
    };
    let at = (resource.clone(), target.namespace.clone(), name.clone());
    let known = shared.state().objects.get(&at).cloned();
    match (method, &known) {
        (&Method::POST, Some(_)) => {
            return answer::failure(409, "AlreadyExists", &format!("{resource} \"{name}\" already exists"));
        }
        (&Method::PATCH, Some(known)) => {
            let mut whole = (**known).clone();
            merge(&mut whole, object);
            object = whole;
        }
        _ => {}
    }
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(Map::new());
    }
    object["metadata"]["name"] = json!(name);
    if kind.namespaced {
        object["metadata"]["namespace"] = json!(target.namespace);
    }
    if let Err(error) = shared.change(|state| state.put(object)) {
        return answer::failure(422, "Invalid", &error.to_string());
    }
    let written = shared.state().objects.get(&at).cloned();
    let created = known.is_none();
    match written {
        Some(written) if created => HttpResponse::Created().json(&*written),
        Some(written) => answer::object(&written),
        None => answer::not_found(&resource, &name),
    }
}

/// A merge as RFC 7386 has it.
fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (field, value) in patch {
                if value.is_null() {
                    into.remove(&field);
                } else {
                    merge(into.entry(field).or_insert(Value::Null), value);
                }
            }
        }
        (into, patch) => *into = patch,
    }
}
