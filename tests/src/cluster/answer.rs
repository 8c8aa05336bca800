//! Documents in the API's own form.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

pub(super) fn object(value: &Value) -> HttpResponse {
    HttpResponse::Ok().json(value)
}

/// A document of status, as every refusal is one.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "details": {}, "code": code,
    })
}

pub(super) fn failure(code: u16, reason: &str, message: &str) -> HttpResponse {
    let with = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(with).json(status(code, reason, message))
}

pub(super) fn not_found(resource: &str, name: &str) -> HttpResponse {
    failure(404, "NotFound", &format!("{resource} \"{name}\" not found"))
}

pub(super) fn expired() -> Value {
    status(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")
}

/// Rows of a table, as kubectl asks for them.
pub(super) fn table(items: &[Value], meta: &Value) -> Value {
    let column = |name: &str, kind: &str| json!({ "name": name, "type": kind, "format": "", "description": name, "priority": 0 });
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let metadata = &item["metadata"];
            json!({
                "cells": [metadata["name"], metadata["creationTimestamp"]],
                "object": { "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata },
            })
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "rows": rows,
        "columnDefinitions": [column("Name", "string"), column("Created At", "date")],
    })
}
