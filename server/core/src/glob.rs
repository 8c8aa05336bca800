//! Patterns for names of repositories and tags: `*` and `?` within a part of a path, `**` over parts.

/// Whether `text` is meant by `pattern`. Takes at most the product of their lengths in steps.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let tokens = tokens(pattern);
    let text = text.as_bytes();
    // `reached[i]`: the tokens so far can stand for the first i bytes.
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for token in tokens {
        reached = advance(token, &reached, text);
    }
    reached.last().copied().unwrap_or(false)
}

/// Whether a pattern can mean more than one name.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The same pattern as a regular expression of Postgres, which means exactly what [`matches`] does.
#[must_use]
pub fn regex(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '?' => out.push_str("[^/]"),
            '*' if letters.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            other if other.is_ascii_punctuation() => out.extend(['\\', other]),
            other => out.push(other),
        }
    }
    out.push('$');
    out
}

/// What a list of patterns says of a name: at least one means it, or none is given, and none that begins with `!` does.
#[must_use]
pub fn selects(patterns: &[String], name: &str) -> bool {
    let (except, only): (Vec<&str>, Vec<&str>) = patterns.iter().map(String::as_str).partition(|p| p.starts_with('!'));
    let wanted = only.is_empty() || only.iter().any(|pattern| matches(pattern, name));
    wanted && !except.iter().any(|pattern| matches(pattern.trim_start_matches('!'), name))
}

#[derive(Debug, Clone, Copy)]
enum Token {
    Byte(u8),
    One,
    Part,
    Any,
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut bytes = pattern.bytes().peekable();
    while let Some(byte) = bytes.next() {
        tokens.push(match byte {
            b'?' => Token::One,
            b'*' if bytes.next_if_eq(&b'*').is_some() => Token::Any,
            b'*' => Token::Part,
            other => Token::Byte(other),
        });
    }
    tokens
}

fn advance(token: Token, reached: &[bool], text: &[u8]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    let mut open = false;
    for (at, slot) in next.iter_mut().enumerate() {
        let here = reached.get(at).copied().unwrap_or(false);
        let before = at.checked_sub(1);
        let byte = before.and_then(|i| text.get(i)).copied();
        let from_before = before.and_then(|i| reached.get(i)).copied().unwrap_or(false);
        *slot = match token {
            Token::Byte(wanted) => from_before && byte == Some(wanted),
            Token::One => from_before && byte != Some(b'/'),
            Token::Part => {
                open = here || (open && byte != Some(b'/'));
                open
            }
            Token::Any => {
                open = open || here;
                open
            }
        };
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stays_within_a_part_and_two_go_over_parts() {
        assert!(matches("team/*", "team/api"));
        assert!(!matches("team/*", "team/api/cache"));
        assert!(matches("team/**", "team/api/cache"));
        assert!(matches("**/cache", "team/api/cache"));
        assert!(matches("v1.?", "v1.2"));
        assert!(!matches("v1.?", "v1.22"));
        assert!(!matches("a?b", "a/b"));
        assert!(!matches("team", "teams"));
    }

    #[test]
    fn exclusions_win_and_no_pattern_means_all() {
        let patterns = ["team/*".to_owned(), "!team/old-*".to_owned()];
        assert!(selects(&patterns, "team/api"));
        assert!(!selects(&patterns, "team/old-api"));
        assert!(!selects(&patterns, "other/api"));
        assert!(selects(&[], "anything"));
        assert!(selects(&["!x".to_owned()], "y"));
    }

    #[test]
    fn a_pattern_becomes_an_expression_that_takes_nothing_else_as_special() {
        assert_eq!(regex("a.b/*-?"), r"^a\.b\/[^/]*\-[^/]$");
        assert_eq!(regex("**(x)"), r"^.*\(x\)$");
    }

    #[test]
    fn many_stars_are_no_trap() {
        let pattern = "*a".repeat(100);
        assert!(!matches(&pattern, &"a".repeat(99)));
        assert!(matches(&pattern, &"a".repeat(100)));
    }

    proptest! {
        #[test]
        fn a_plain_name_means_itself_only(name in "[a-z/]{1,20}", other in "[a-z/]{1,20}") {
            prop_assert!(matches(&name, &name));
            prop_assert_eq!(matches(&name, &other), name == other);
        }
    }
}
