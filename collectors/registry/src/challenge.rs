//! What a registry answers to a request without credentials (RFC 9110 section 11.6.1, and the distribution project's token
//! protocol).

use std::collections::BTreeMap;

/// Longest header that is looked at, in bytes, and the most parameters of all challenges in it.
const LONGEST: usize = 16 * 1024;
const MOST: usize = 64;

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// In lower case: `bearer`, `basic`.
    pub(crate) scheme: String,
    parameters: BTreeMap<String, String>,
}

impl Challenge {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The scopes that it asks for, those left out that would let us do more than read.
    pub(crate) fn reading_scopes(&self) -> Vec<String> {
        self.get("scope").unwrap_or_default().split(' ').filter_map(reading).collect()
    }
}

/// `repository:a:pull,push` → `repository:a:pull`.
fn reading(scope: &str) -> Option<String> {
    if scope == "registry:catalog:*" {
        return Some(scope.to_owned());
    }
    let (resource, actions) = scope.rsplit_once(':')?;
    let harmless = |action: &&str| matches!(*action, "pull" | "metadata_read");
    let kept: Vec<&str> = actions.split(',').filter(harmless).collect();
    let sound = resource.starts_with("repository:") && !kept.is_empty();
    sound.then(|| format!("{resource}:{}", kept.join(",")))
}

/// All challenges of one header. What cannot be understood ends the list.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut rest = header.get(..LONGEST).unwrap_or(header);
    let mut found: Vec<Challenge> = Vec::new();
    for _ in 0..MOST {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = word(rest);
        if word.is_empty() {
            break;
        }
        let Some(value) = after.trim_start().strip_prefix('=') else {
            found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
            rest = after;
            continue;
        };
        let (value, after) = value_of(value.trim_start());
        if let Some(last) = found.last_mut() {
            last.parameters.insert(word.to_ascii_lowercase(), value);
        }
        rest = after;
    }
    found
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
    text.split_at(end)
}

fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = word(text);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bearer_challenge_names_realm_service_and_scope() {
        let header =
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let challenges = parse(header);
        assert_eq!(challenges.len(), 1);
        assert_eq!(challenges[0].scheme, "bearer");
        assert_eq!(challenges[0].get("realm"), Some("https://auth.example/token"));
        assert_eq!(challenges[0].get("service"), Some("registry.example"));
        assert_eq!(challenges[0].reading_scopes(), ["repository:a/b:pull"]);
    }

    #[test]
    fn several_challenges_stand_in_one_header() {
        let challenges = parse(r#"Basic realm="a \"quoted\" name", Bearer realm=https://x.example/, error="none""#);
        let schemes: Vec<&str> = challenges.iter().map(|c| c.scheme.as_str()).collect();
        assert_eq!(schemes, ["basic", "bearer"]);
        assert_eq!(challenges[0].get("realm"), Some("a \"quoted\" name"));
        assert_eq!(challenges[1].get("error"), Some("none"));
    }

    #[test]
    fn nothing_is_asked_for_that_could_write() {
        for scope in ["repository:a:push", "repository:a:*", "repository:a:delete", "registry:catalog:delete", "x"] {
            assert_eq!(reading(scope), None, "{scope}");
        }
        assert_eq!(reading("repository:a:metadata_read").as_deref(), Some("repository:a:metadata_read"));
    }

    proptest! {
        #[test]
        fn any_header_ends(header in "\\PC{0,200}") {
            prop_assert!(parse(&header).len() <= MOST);
        }
    }
}
