//! Words of a host, as they may be kept: without secrets, cut to what a person reads.

use plumbline_software::layer::secrets;
use serde_json::{Value, json};

/// The longest text that is kept of a setting, in characters.
const LONGEST: usize = 4_000;
/// The most entries that are kept of a list or an object.
pub(crate) const MOST: usize = 2_000;

/// A text without the secrets in it, cut to what is kept. Redacted first, so that no secret is cut into one that is missed.
pub(crate) fn safe(text: &str) -> String {
    cut(&secrets::redact(text))
}

/// A text cut to what is kept, without what no store holds.
pub(crate) fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(LONGEST).collect()
}

/// The member of an object by that name, safe to keep; null where it is not there.
///
/// # Errors
/// When it is larger than anything that makes sense: what is left of it would say something else.
pub(crate) fn member(of: &Value, name: &str) -> Result<Value, String> {
    let value = of.get(name).unwrap_or(&Value::Null);
    if is_longer(value) {
        return Err(format!("{name} has a list of more than {MOST} entries"));
    }
    Ok(kept(value))
}

pub(crate) fn is_longer(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.len() > MOST || items.iter().any(is_longer),
        Value::Object(members) => members.len() > MOST || members.values().any(is_longer),
        _ => false,
    }
}

/// A value with its texts made safe.
pub(crate) fn kept(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(safe(text)),
        Value::Array(items) => items.iter().map(kept).collect(),
        Value::Object(members) => Value::Object(members.iter().map(|(name, value)| (cut(name), kept(value))).collect()),
        other => other.clone(),
    }
}

/// The secrets in a text, as the attribute `Secrets` lists them: by kind, place and fingerprint.
pub(crate) fn secrets_in(place: &str, name: &str, text: &str) -> Vec<Value> {
    let told = |secret: secrets::Secret| json!({ "kind": secret.kind, "where": place, "name": cut(name), "fingerprint": secret.fingerprint });
    secrets::find_in_text(place, text).into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_get_through() {
        let value = ["q7Vx2mZp9", "LrT4wBnK8s"].concat();
        let kept = kept(&json!({ "Cmd": ["serve", format!("--dsn=postgres://app:{value}@db.example.com/app")] }));
        assert!(!kept.to_string().contains(&value), "{kept}");
    }

    #[test]
    fn a_list_without_end_is_refused_and_not_cut() {
        assert!(member(&json!({ "Binds": vec![1; MOST + 1] }), "Binds").is_err());
        assert!(member(&json!({ "A": { "Binds": vec![1; MOST + 1] } }), "A").is_err());
        assert_eq!(member(&json!({ "Binds": [1] }), "Binds"), Ok(json!([1])));
        assert_eq!(member(&json!({}), "Binds"), Ok(Value::Null));
        assert_eq!(cut(&"x".repeat(9_000)).len(), LONGEST);
    }
}
