//! Environment variables without their values.
//!
//! A value may be a secret, so it never leaves the collector that saw it. What stays of it is its form: enough for a check
//! to tell a password from the ARN of a secret that holds one.

use serde_json::{Value, json};

/// The variable as an attribute: its name, and the form of its value.
#[must_use]
pub fn variable(name: &str, value: &str) -> Value {
    json!({ "name": name, "form": form(value) })
}

/// What a value looks like:
/// `empty`, `boolean`, `number`, `reference` (an ARN, a dynamic reference to a store of secrets, or the name of another
/// variable), `path`, `url`, `url_with_password`, `access_key_id`, `private_key`, `token` (a form that a known issuer gives its
/// tokens), or `text`.
#[must_use]
pub fn form(value: &str) -> &'static str {
    let value = value.trim();
    if value.is_empty() {
        "empty"
    } else if value.contains("-----BEGIN") && value.contains("PRIVATE KEY") {
        "private_key"
    } else if is_access_key_id(value) {
        "access_key_id"
    } else if is_token(value) {
        "token"
    } else if value.contains("://") {
        if has_password(value) { "url_with_password" } else { "url" }
    } else if value.starts_with("arn:aws") || value.starts_with("{{resolve:") || is_variable(value) {
        "reference"
    } else if matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off") {
        "boolean"
    } else if value.len() <= 8 && value.parse::<f64>().is_ok() {
        "number"
    } else if value.starts_with('/') && !value.contains(char::is_whitespace) {
        "path"
    } else {
        "text"
    }
}

fn is_access_key_id(value: &str) -> bool {
    value.len() == 20
        && ["AKIA", "ASIA"].iter().any(|prefix| value.starts_with(prefix))
        && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn is_token(value: &str) -> bool {
    const PREFIXES: [&str; 10] =
        ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_", "npm_", "dop_v1_"];
    let json_web_token = value.starts_with("eyJ") && value.matches('.').count() == 2;
    value.len() >= 20 && (json_web_token || PREFIXES.iter().any(|prefix| value.starts_with(prefix)))
}

/// `$(NAME)` or `${NAME}`: what stands there is told elsewhere.
fn is_variable(value: &str) -> bool {
    let name = |open: &str, close: char| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let sound = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    name("$(", ')').or_else(|| name("${", '}')).is_some_and(sound)
}

/// `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !is_variable(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_by_its_form_alone() {
        let forms = [
            ("", "empty"),
            ("  ", "empty"),
            ("true", "boolean"),
            ("8080", "number"),
            ("/etc/app.conf", "path"),
            ("arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf", "reference"),
            ("{{resolve:secretsmanager:db:SecretString:password}}", "reference"),
            ("https://example.com/a:b@c", "url"),
            ("postgres://app@db/app", "url"),
            ("postgres://app:correct-horse@db/app", "url_with_password"),
            ("redis://:correct-horse@cache:6379", "url_with_password"),
            ("postgres://app:$(DB_PASSWORD)@db/app", "url"),
            ("$(DB_PASSWORD)", "reference"),
            ("${DB_PASSWORD}", "reference"),
            ("$(correct horse)", "text"),
            ("AKIAIOSFODNN7EXAMPLE", "access_key_id"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "private_key"),
            ("ghp_0123456789abcdefghij", "token"),
            ("correct horse battery", "text"),
            ("12345678901234567890", "text"),
        ];
        for (value, expected) in forms {
            assert_eq!(form(value), expected, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_part_of_a_value_gets_out(value in "[a-z0-9]{12,40}") {
            proptest::prop_assert!(!variable("NAME", &value).to_string().contains(&value));
        }
    }
}
