//! The answers of each tracker, in its published shape.

use super::{Asked, Issue, TOKEN};
use serde_json::{Value, json};
use url::form_urlencoded;

type Answer = (u16, Value);

pub(super) fn answer(asked: &Asked, issues: &mut Vec<Issue>) -> Answer {
    if asked.path.starts_with("/rest/api/3") {
        jira(asked, issues)
    } else if asked.path.starts_with("/api/v4") {
        gitlab(asked, issues)
    } else if asked.path.starts_with("/hook") {
        (204, Value::Null)
    } else {
        github(asked, issues)
    }
}

fn query(asked: &Asked, name: &str) -> String {
    let found = form_urlencoded::parse(asked.query.as_bytes()).find(|(one, _)| one == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn add(issues: &mut Vec<Issue>, title: &Value, body: String, labels: Vec<String>) -> Issue {
    let issue = Issue {
        number: 7 + issues.len() as u64,
        title: title.as_str().unwrap_or_default().to_owned(),
        body,
        labels,
        unsearched: true,
        ..Issue::default()
    };
    issues.push(issue.clone());
    issue
}

fn numbered<'a>(issues: &'a mut [Issue], key: &str) -> Option<&'a mut Issue> {
    let number: u64 = key.trim_start_matches("OPS-").parse().ok()?;
    issues.iter_mut().find(|issue| issue.number == number)
}

const NONE: &str = "there is no such thing";

fn github(asked: &Asked, issues: &mut Vec<Issue>) -> Answer {
    if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return (401, json!({ "message": "Bad credentials" }));
    }
    if asked.header("x-github-api-version") != Some("2022-11-28") || asked.header("user-agent").is_none() {
        return (400, json!({ "message": "headers" }));
    }
    let shown = |issue: &Issue| {
        json!({
            "number": issue.number, "title": issue.title, "body": issue.body,
            "html_url": format!("https://github.example.com/shop/api/issues/{}", issue.number),
            "state": if issue.closed { "closed" } else { "open" }, "updated_at": "2026-11-30T12:00:00Z",
        })
    };
    let body = asked.json();
    let parts: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["search", "issues"]) => {
            let wanted = query(asked, "q");
            let found: Vec<Value> = issues
                .iter()
                .filter(|issue| {
                    !issue.unsearched
                        && issue
                            .body
                            .split_whitespace()
                            .any(|word| wanted.contains(word) && word.contains("plumbline-fix"))
                })
                .map(shown)
                .collect();
            (200, json!({ "total_count": found.len(), "items": found }))
        }
        ("GET", ["repos", "shop", "api"]) => (200, json!({ "full_name": "shop/api", "has_issues": true })),
        ("GET", ["repos", "shop", "api", "issues"]) => {
            let mut all: Vec<Value> = issues.iter().map(shown).collect();
            all.push(json!({ "number": 1, "state": "closed", "pull_request": {}, "body": "", "updated_at": "2026-11-30T12:00:00Z" }));
            (200, Value::Array(all))
        }
        ("POST", ["repos", "shop", "api", "issues"]) => {
            if body["title"].as_str().is_none_or(str::is_empty) {
                return (422, json!({ "message": "Validation Failed" }));
            }
            let labels = serde_json::from_value(body["labels"].clone()).unwrap_or_default();
            let made = add(issues, &body["title"], body["body"].as_str().unwrap_or_default().to_owned(), labels);
            (201, shown(&made))
        }
        ("PATCH", ["repos", "shop", "api", "issues", key]) => {
            let Some(issue) = numbered(issues, key) else { return (404, json!({ "message": NONE })) };
            write(issue, &body["title"], body["body"].as_str());
            if let Some(state) = body["state"].as_str() {
                issue.closed = state == "closed";
            }
            (200, shown(issue))
        }
        ("POST", ["repos", "shop", "api", "issues", key, "comments"]) => comment(issues, key, body["body"].as_str()),
        _ => (404, json!({ "message": NONE })),
    }
}

fn write(issue: &mut Issue, title: &Value, body: Option<&str>) {
    if let Some(title) = title.as_str() {
        title.clone_into(&mut issue.title);
    }
    if let Some(body) = body {
        body.clone_into(&mut issue.body);
    }
}

fn comment(issues: &mut [Issue], key: &str, words: Option<&str>) -> Answer {
    let Some(issue) = numbered(issues, key) else { return (404, json!({ "message": NONE })) };
    issue.comments.push(words.unwrap_or_default().to_owned());
    (201, json!({ "id": 1 }))
}

fn gitlab(asked: &Asked, issues: &mut Vec<Issue>) -> Answer {
    if asked.header("private-token") != Some(TOKEN) {
        return (401, json!({ "message": "401 Unauthorized" }));
    }
    let shown = |issue: &Issue| {
        json!({
            "iid": issue.number, "title": issue.title, "description": issue.body, "labels": issue.labels,
            "web_url": format!("https://gitlab.example.com/shop/api/-/issues/{}", issue.number),
            "state": if issue.closed { "closed" } else { "opened" }, "updated_at": "2026-11-30T12:00:00.000Z",
        })
    };
    let body = asked.json();
    let path = asked.path.trim_start_matches("/api/v4/projects/").to_owned();
    let Some(rest) = path.strip_prefix("shop%2Fapi").or_else(|| path.strip_prefix("shop/api")) else {
        return (404, json!({ "message": "404 Project Not Found" }));
    };
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", []) => (200, json!({ "id": 1, "issues_access_level": "enabled" })),
        ("GET", ["issues"]) => {
            let wanted = query(asked, "search");
            (200, issues.iter().filter(|issue| issue.body.contains(&wanted)).map(shown).collect())
        }
        ("POST", ["issues"]) => {
            let labels = body["labels"].as_str().unwrap_or_default().split(',').map(str::to_owned).collect();
            let made = add(issues, &body["title"], body["description"].as_str().unwrap_or_default().to_owned(), labels);
            (201, shown(&made))
        }
        ("PUT", ["issues", key]) => {
            let Some(issue) = numbered(issues, key) else { return (404, json!({ "message": NONE })) };
            write(issue, &body["title"], body["description"].as_str());
            match body["state_event"].as_str() {
                Some("close") => issue.closed = true,
                Some("reopen") => issue.closed = false,
                _ => {}
            }
            (200, shown(issue))
        }
        ("POST", ["issues", key, "notes"]) => comment(issues, key, body["body"].as_str()),
        _ => (404, json!({ "message": NONE })),
    }
}

/// The letters of a document, piece by piece.
fn letters(document: &Value) -> String {
    let mut out = document["text"].as_str().unwrap_or_default().to_owned();
    for inner in document["content"].as_array().into_iter().flatten() {
        out.push_str(&letters(inner));
        out.push('\n');
    }
    out
}

fn jira(asked: &Asked, issues: &mut Vec<Issue>) -> Answer {
    let basic = asked.header("authorization").is_some_and(|value| value.starts_with("Basic ") && value.len() > 20);
    if !basic {
        return (401, json!({ "errorMessages": ["Unauthorized"] }));
    }
    let status = |closed: bool| {
        if closed {
            json!({ "name": "Done", "statusCategory": { "key": "done" } })
        } else {
            json!({ "name": "To Do", "statusCategory": { "key": "new" } })
        }
    };
    let shown =
        |issue: &Issue| json!({ "key": format!("OPS-{}", issue.number), "fields": { "status": status(issue.closed) } });
    let body = asked.json();
    let parts: Vec<&str> = asked.path.trim_start_matches("/rest/api/3/").split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["project", "OPS"]) => (200, json!({ "key": "OPS" })),
        ("POST", ["search", "jql"]) => {
            let jql = body["jql"].as_str().unwrap_or_default();
            let of_marker = |issue: &&Issue| {
                !jql.contains("plumbline-fix:")
                    || issue.labels.iter().any(|label| label != "plumbline" && jql.contains(label.as_str()))
            };
            (200, json!({ "issues": issues.iter().filter(of_marker).map(shown).collect::<Vec<_>>(), "isLast": true }))
        }
        ("POST", ["issue"]) => {
            let fields = &body["fields"];
            if fields["description"]["type"] != "doc" || fields["project"]["key"] != "OPS" {
                return (400, json!({ "errors": { "description": "Operation value must be an Atlassian Document" } }));
            }
            let labels = serde_json::from_value(fields["labels"].clone()).unwrap_or_default();
            let made = add(issues, &fields["summary"], letters(&fields["description"]), labels);
            (201, json!({ "id": "10000", "key": format!("OPS-{}", made.number) }))
        }
        ("GET", ["issue", key]) => numbered(issues, key).map_or((404, json!({})), |issue| (200, shown(issue))),
        ("PUT", ["issue", key]) => {
            let Some(issue) = numbered(issues, key) else { return (404, json!({ "errorMessages": [NONE] })) };
            write(issue, &body["fields"]["summary"], Some(&letters(&body["fields"]["description"])));
            (204, Value::Null)
        }
        ("POST", ["issue", key, "comment"]) => comment(issues, key, Some(&letters(&body["body"]))),
        ("GET", ["issue", _, "transitions"]) => {
            let one = |id: &str, name: &str, closed: bool| json!({ "id": id, "name": name, "to": status(closed) });
            (200, json!({ "transitions": [one("11", "Back to the list", false), one("31", "Finish", true)] }))
        }
        ("POST", ["issue", key, "transitions"]) => {
            let Some(issue) = numbered(issues, key) else { return (404, json!({ "errorMessages": [NONE] })) };
            issue.closed = body["transition"]["id"] == "31";
            (204, Value::Null)
        }
        _ => (404, json!({ "errorMessages": [NONE] })),
    }
}
