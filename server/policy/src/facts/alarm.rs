//! The rule of a composite alarm: which alarms it takes only one of to raise it.

use serde_json::{Value, json};

/// The names or ARNs of the alarms each of which raises the composite alarm by itself; empty where the rule asks for
/// more than that.
pub(super) fn any_of(rule: &Value) -> Value {
    let names = rule.as_str().and_then(alternatives).unwrap_or_default();
    json!(names)
}

/// `ALARM("a") OR ALARM(b)`, in brackets or not.
fn alternatives(rule: &str) -> Option<Vec<String>> {
    let mut rest = rule.trim();
    while let Some(inner) = rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        if !is_whole(inner) {
            break;
        }
        rest = inner.trim();
    }
    let mut names = Vec::new();
    loop {
        rest = rest.strip_prefix("ALARM")?.trim_start().strip_prefix('(')?.trim_start();
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find([')', ' '])?),
        };
        names.push(name.to_owned());
        rest = after.trim_start().strip_prefix(')')?.trim_start();
        if rest.is_empty() {
            return Some(names);
        }
        rest = rest.strip_prefix("OR")?.trim_start();
    }
}

/// Whether no bracket closes that was not opened inside.
fn is_whole(text: &str) -> bool {
    let mut depth = 0_i32;
    for c in text.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::any_of;
    use serde_json::{Value, json};

    #[test]
    fn only_a_choice_between_alarms_is_one() {
        assert_eq!(any_of(&json!("ALARM(\"a b\") OR ALARM(c)")), json!(["a b", "c"]));
        assert_eq!(any_of(&json!("((ALARM(a)) )")), json!(["a"]));
        assert_eq!(any_of(&json!("(ALARM(a) OR ALARM(b))")), json!(["a", "b"]));
        for rule in
            ["ALARM(a) AND ALARM(b)", "NOT ALARM(a)", "ALARM(a) OR NOT OK(b)", "TRUE", "", "ALARM(", "ALARM(a) ORALARM"]
        {
            assert_eq!(any_of(&json!(rule)), json!([]), "{rule}");
        }
        assert_eq!(any_of(&Value::Null), json!([]));
    }
}
