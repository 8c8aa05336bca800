//! A source's settings, as people read them.

use crate::text;
use serde_json::Value;

/// How a source lets us in.
pub(super) fn access_words(settings: &Value) -> &'static str {
    if let Some(engine) = settings["engine"].as_str() {
        return if engine.starts_with("unix:") { "by its socket" } else { "by client certificate" };
    }
    if settings["agent"] == true {
        return "by an agent that reports";
    }
    match settings["access"]["by"].as_str().or(settings["auth"]["by"].as_str()) {
        Some("role") => "by assuming a role",
        Some("access_key") => "by access key",
        Some("organization") => "as an organization",
        Some("anonymous") => "without signing in",
        Some("basic") => "by user name and password",
        Some("token") => "by token",
        Some("kubeconfig") => "by kubeconfig",
        Some("in_cluster") => "as the cluster that Plumbline runs in",
        Some("eks") => "of Amazon EKS, by access key",
        Some("ecr") => "of Amazon ECR, by access key",
        Some("acr") => "of Azure, by a service principal",
        Some("github") => "of GitHub, by token",
        Some("docker_hub") => "of Docker Hub, by token",
        Some("harbor") => "by a robot account of Harbor",
        Some("quay") => "by a robot account of Quay",
        _ => "",
    }
}

/// What is said of each setting; those that are not set are left out, unless that says something.
pub(super) fn settings(settings: &Value) -> Vec<(&'static str, String)> {
    let all = match settings {
        _ if settings["host"].is_string() => registry(settings),
        _ if settings["auth"].is_object() => cluster(settings),
        _ if settings["engine"].is_string() => engine(settings),
        _ if settings["agent"] == true => Vec::new(),
        _ => account(settings),
    };
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

type Said = Vec<(&'static str, Option<String>)>;

fn account(settings: &Value) -> Said {
    let access = &settings["access"];
    let uses_role = access["by"] != "access_key";
    vec![
        ("Role", word(&access["role_arn"])),
        ("Role in each account", word(&access["member_role"])),
        ("External id", word(&access["external_id"]).filter(|_| uses_role)),
        ("Endpoint", word(&settings["endpoint"])),
        ("Home region", word(&settings["home_region"])),
        ("Regions", Some(list(&settings["regions"]).unwrap_or_else(|| "all that are enabled".to_owned()))),
    ]
}

fn cluster(settings: &Value) -> Said {
    let plain = settings["plain_http"] == true;
    let unread = settings["secrets"] == false;
    let unwatched = settings["watch"] == false;
    vec![
        ("API server", word(&settings["server"])),
        ("Wire", plain.then(|| "plain HTTP, unprotected".to_owned())),
        ("Context", word(&settings["auth"]["context"])),
        ("EKS cluster", word(&settings["auth"]["cluster"])),
        ("Region", word(&settings["auth"]["region"])),
        ("Role", word(&settings["auth"]["role"])),
        ("External id", word(&settings["auth"]["external_id"])),
        ("Namespaces", Some(list(&settings["namespaces"]).unwrap_or_else(|| "all".to_owned()))),
        ("Secrets", unread.then(|| "left out".to_owned())),
        (
            "Between polls",
            Some(if unwatched { "not watched" } else { "watched: a change brings the next poll forward" }.to_owned()),
        ),
    ]
}

fn engine(settings: &Value) -> Said {
    let socket = settings["engine"].as_str().is_some_and(|engine| engine.starts_with("unix:"));
    let authority =
        if settings["ca"].is_string() { "by an authority of your own alone" } else { "by a public authority" };
    vec![("Engine", word(&settings["engine"])), ("Certificate", (!socket).then(|| authority.to_owned()))]
}

fn registry(settings: &Value) -> Said {
    let plain = settings["scheme"] == "http";
    let keys = settings["trusted_keys"].as_array().map_or(0, Vec::len);
    let keys = i64::try_from(keys).unwrap_or(i64::MAX);
    vec![
        ("Host", word(&settings["host"])),
        ("Wire", plain.then(|| "plain HTTP, unprotected: a finding for as long as it is".to_owned())),
        ("Token service", word(&settings["token_host"])),
        ("Region", word(&settings["auth"]["region"])),
        ("Repositories", Some(list(&settings["repositories"]).unwrap_or_else(|| "all of its catalogue".to_owned()))),
        ("Tags", Some(tags(&settings["tags"]))),
        ("Platforms", Some(list(&settings["platforms"]).unwrap_or_else(|| "all".to_owned()))),
        ("Certificate", settings["ca"].is_string().then(|| "by an authority of your own, or a public one".to_owned())),
        (
            "Signatures",
            Some(match keys {
                0 => "looked for, and checked with no key".to_owned(),
                some => format!("checked with {}", text::plural(some, "key")),
            }),
        ),
    ]
}

fn tags(policy: &Value) -> String {
    let count = policy["count"].as_u64().unwrap_or(5);
    match policy["policy"].as_str() {
        Some("all") => "all".to_owned(),
        Some("semver") => format!("the {count} highest versions of each repository"),
        Some("glob") => format!("those that match {}", list(&policy["patterns"]).unwrap_or_default()),
        _ => format!("the {count} newest of each repository"),
    }
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Words with commas between them; none when there are none.
fn list(value: &Value) -> Option<String> {
    let words: Vec<&str> = value.as_array()?.iter().filter_map(Value::as_str).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(of: &Value, name: &str) -> Option<String> {
        settings(of).into_iter().find(|(said, _)| *said == name).map(|(_, value)| value)
    }

    #[test]
    fn a_registry_says_what_of_it_is_read() {
        let narrow = json!({
            "host": "registry.example.com", "scheme": "http", "auth": { "by": "harbor" }, "repositories": ["team/*"],
            "tags": { "policy": "semver", "count": 3 }, "trusted_keys": ["one", "two"],
        });
        assert_eq!(said(&narrow, "Repositories").as_deref(), Some("team/*"));
        assert_eq!(said(&narrow, "Tags").as_deref(), Some("the 3 highest versions of each repository"));
        assert_eq!(said(&narrow, "Signatures").as_deref(), Some("checked with 2 keys"));
        assert!(said(&narrow, "Wire").unwrap().contains("finding"));
        let wide = json!({ "host": "registry.example.com", "scheme": "https", "repositories": [] });
        assert_eq!(said(&wide, "Repositories").as_deref(), Some("all of its catalogue"));
        assert_eq!((said(&wide, "Wire"), said(&wide, "Role")), (None, None));
    }

    #[test]
    fn every_way_in_has_words() {
        for way in super::super::registry::WAYS {
            assert_ne!(access_words(&json!({ "auth": { "by": way.word } })), "", "{}", way.word);
        }
        for way in super::super::cluster::CLUSTER_WAYS {
            assert_ne!(access_words(&json!({ "auth": { "by": way.word } })), "", "{}", way.word);
        }
    }
}
