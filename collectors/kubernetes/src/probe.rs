//! A connection test: whether the API server answers, who we are to it, and which lists it lets us read.

use crate::api::{APIS, Api, Part};
use crate::client::Client;
use crate::cluster::KUBELET;
use crate::discovery::{Discovered, Have};
use crate::error::ReadError;
use crate::run::ENTRY;
use crate::settings::Settings;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::ProbeLine;
use serde_json::{Value, json};

const REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const AT_ONCE: usize = 4;

/// One thing that we may or may not do.
struct Wish {
    permission: String,
    attributes: Value,
}

pub(crate) async fn probe(settings: &Settings, client: &Client) -> Vec<ProbeLine> {
    let version = match client.value("/version").await {
        Ok(version) => version.get("gitVersion").and_then(Value::as_str).unwrap_or("an unknown version").to_owned(),
        Err(error) => return vec![broken("Reach", &error)],
    };
    let mut lines = vec![line("Reach", true, format!("an API server, {version}"))];
    let namespace = client.value("/api/v1/namespaces/kube-system").await;
    lines.push(match namespace {
        Ok(namespace) => {
            let uid = namespace.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
            line("Sign-in", true, format!("let in, to cluster {uid}"))
        }
        Err(ReadError::Denied(detail)) => line("Sign-in", false, format!("missing {ENTRY}: {detail}")),
        Err(error) => broken("Sign-in", &error),
    });
    let discovered = match Discovered::of(client).await {
        Ok(discovered) => discovered,
        Err(error) => {
            lines.push(broken("Kinds", &error));
            return lines;
        }
    };
    let tries: Vec<_> = wishes(settings, &discovered).into_iter().map(|wish| may(client, wish)).collect();
    let answers: Vec<(String, Result<bool, ReadError>)> = stream::iter(tries).buffered(AT_ONCE).collect().await;
    lines.extend(told(&answers));
    lines
}

/// Everything that a run asks for, in each place where it asks.
fn wishes(settings: &Settings, discovered: &Discovered) -> Vec<Wish> {
    let here = |api: &&Api| {
        (settings.secrets || api.part != Part::Secrets) && matches!(discovered.have(api.part), Have::Version(_))
    };
    let mut wishes = Vec::new();
    for api in APIS.iter().filter(here) {
        let places = if api.namespaced { settings.places() } else { vec![None] };
        for place in places {
            for verb in ["list", "watch"].into_iter().filter(|verb| *verb == "list" || settings.watch) {
                wishes.push(wish(api.group, api.plural, None, verb, place.as_deref()));
            }
        }
    }
    wishes.push(wish("", "nodes", Some("proxy"), "get", None));
    wishes
}

fn wish(group: &str, plural: &str, sub: Option<&str>, verb: &str, place: Option<&str>) -> Wish {
    let mut permission = format!("{verb} {plural}");
    if !group.is_empty() {
        permission = format!("{permission}.{group}");
    }
    if let Some(sub) = sub {
        permission = format!("{permission}/{sub}");
    }
    if let Some(place) = place {
        permission = format!("{permission} in {place}");
    }
    let mut attributes = json!({ "group": group, "resource": plural, "verb": verb });
    for (field, value) in [("subresource", sub), ("namespace", place)] {
        if let Some(value) = value {
            attributes[field] = json!(value);
        }
    }
    Wish { permission, attributes }
}

/// Asks whether we may; nothing is done.
async fn may(client: &Client, wish: Wish) -> (String, Result<bool, ReadError>) {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": wish.attributes },
    });
    let answer = client.review(REVIEW, &review).await;
    let allowed = answer.map(|answer| answer.pointer("/status/allowed").and_then(Value::as_bool) == Some(true));
    (wish.permission, allowed)
}

/// What is missing, a line each, and how much is not.
fn told(answers: &[(String, Result<bool, ReadError>)]) -> Vec<ProbeLine> {
    let allowed = answers.iter().filter(|(_, answer)| matches!(answer, Ok(true))).count();
    let all = answers.len();
    let mut lines = vec![line("Permissions", allowed == all, format!("{allowed} of {all} are granted"))];
    for (permission, answer) in answers {
        match answer {
            Ok(true) => {}
            Ok(false) if permission == KUBELET => {
                lines.push(line(permission, false, "missing: the settings of kubelets stay unknown"));
            }
            Ok(false) if permission.starts_with("watch ") => {
                lines.push(line(permission, false, "missing: changes are seen with the next poll alone"));
            }
            Ok(false) => lines.push(line(permission, false, "missing")),
            Err(error) => lines.push(broken(permission, error)),
        }
    }
    lines
}

fn line(what: &str, ok: bool, detail: impl Into<String>) -> ProbeLine {
    ProbeLine { what: what.to_owned(), ok, detail: detail.into() }
}

fn broken(what: &str, error: &ReadError) -> ProbeLine {
    line(what, false, error.to_string())
}
