//! Answers what somebody may do: `kubectl auth can-i`.

use super::access::{Asker, Deed, allowed, rules};
use super::answer;
use super::state::State;
use actix_web::HttpResponse;
use serde_json::{Value, json};

pub(super) fn review(state: &State, asker: &Asker, plural: &str, mut document: Value) -> HttpResponse {
    let word = |of: &Value, field: &str| of[field].as_str().unwrap_or_default().to_owned();
    match plural {
        "selfsubjectaccessreviews" => {
            let of = &document["spec"]["resourceAttributes"];
            let deed = if of.is_object() {
                Deed::Resource {
                    verb: word(of, "verb"),
                    group: word(of, "group"),
                    resource: word(of, "resource"),
                    sub: word(of, "subresource"),
                    namespace: word(of, "namespace"),
                    name: word(of, "name"),
                }
            } else {
                let of = &document["spec"]["nonResourceAttributes"];
                Deed::Path { verb: word(of, "verb"), path: word(of, "path") }
            };
            document["status"] = json!({ "allowed": allowed(state, asker, &deed) });
        }
        "selfsubjectrulesreviews" => {
            let namespace = word(&document["spec"], "namespace");
            let all = rules(state, asker, &namespace);
            let (paths, resources): (Vec<Value>, Vec<Value>) =
                all.into_iter().partition(|rule| rule["nonResourceURLs"].is_array());
            document["status"] = json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": false });
        }
        _ => return answer::not_found(plural, ""),
    }
    HttpResponse::Created().json(document)
}
