//! Whose a finding is, by a text in the manner of CODEOWNERS: one rule a line, and the last one that matches wins.
//!
//! A rule is what it matches followed by who owns it: `pattern… @owner…`. A bare word is a pattern for the path of a resource,
//! `account/region/name`; a word with a colon names something else, such as `tag:team=payments`. All of a line must match.

/// Rules of one text.
const MOST_RULES: usize = 500;
/// Bytes of one text.
pub const MOST_BYTES: usize = 64 * 1024;

/// A pattern for something that has parts, in two forms that Postgres understands. Whatever the exact one matches the rough
/// one matches too, and that one costs a hundredth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// A pattern of LIKE.
    pub rough: String,
    /// A regular expression.
    pub exact: String,
}

/// One line, read. Patterns are those of LIKE, but where something has parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// The line it stands in, from 1.
    pub line: usize,
    pub path: Option<Parts>,
    /// A tag's key, and a pattern for its value.
    pub tag: Option<(String, String)>,
    pub account: Option<String>,
    pub namespace: Option<String>,
    pub repository: Option<Parts>,
    pub kind: Option<String>,
    pub source: Option<String>,
    pub name: Option<String>,
    /// Names after `@`, in lower case: a team, a member's address, or what stands before its `@`.
    pub owners: Vec<String>,
}

/// What a line lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Line {line}: {words}")]
pub struct Mistake {
    pub line: usize,
    pub words: String,
}

/// Reads a text, first line first. Empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// The first line that is no rule, and what it lacks.
pub fn parse(text: &str) -> Result<Vec<Rule>, Mistake> {
    let mut rules = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line_number = at + 1;
        let said = line.split(" #").next().unwrap_or_default().trim();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        let rule = rule(said, line_number).map_err(|words| Mistake { line: line_number, words })?;
        rules.push(rule);
        if rules.len() > MOST_RULES {
            return Err(Mistake { line: line_number, words: format!("at most {MOST_RULES} rules are kept.") });
        }
    }
    Ok(rules)
}

fn rule(said: &str, line: usize) -> Result<Rule, String> {
    let mut rule = Rule { line, ..Rule::default() };
    let mut matches = false;
    for word in words(said)? {
        if let Some(owner) = word.strip_prefix('@') {
            if owner.is_empty() {
                return Err("“@” names nobody.".to_owned());
            }
            rule.owners.push(owner.to_lowercase());
            continue;
        }
        if !rule.owners.is_empty() {
            return Err(format!("“{word}” stands behind an owner. What is matched comes first, owners last."));
        }
        condition(&mut rule, &word)?;
        matches = true;
    }
    if rule.owners.is_empty() {
        return Err("no owner. End the line with @ and the name of a team or member.".to_owned());
    }
    if rule.owners.len() > 2 {
        return Err("at most a team and a member own something.".to_owned());
    }
    if !matches {
        return Err("nothing is matched. Begin with a pattern; * matches everything.".to_owned());
    }
    Ok(rule)
}

/// Words parted by white space; quotes keep one together.
fn words(said: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for letter in said.chars() {
        match letter {
            '"' => quoted = !quoted,
            space if space.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if quoted {
        return Err("a quote is not closed.".to_owned());
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

fn condition(rule: &mut Rule, word: &str) -> Result<(), String> {
    let Some((field, value)) = word.split_once(':').filter(|(field, _)| !field.contains(['/', '*', '.'])) else {
        return once(&mut rule.path, path_pattern(word), "path");
    };
    if value.is_empty() {
        return Err(format!("“{field}:” says no value."));
    }
    match field {
        "tag" => {
            let (key, value) = value.split_once('=').unwrap_or((value, "*"));
            if rule.tag.is_some() {
                return Err("tag is named twice.".to_owned());
            }
            rule.tag = Some((key.to_owned(), pattern(value)));
            Ok(())
        }
        "account" => once(&mut rule.account, pattern(value), field),
        "namespace" => once(&mut rule.namespace, pattern(value), field),
        "repository" => once(&mut rule.repository, repository_pattern(value), field),
        "kind" => once(&mut rule.kind, pattern(value), field),
        "source" => once(&mut rule.source, pattern(value), field),
        "name" => once(&mut rule.name, pattern(value), field),
        _ => Err(format!(
            "“{field}” is nothing that is matched. Known are tag, account, namespace, repository, kind, source and name."
        )),
    }
}

fn once<T>(slot: &mut Option<T>, value: T, field: &str) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("{field} is named twice."));
    }
    *slot = Some(value);
    Ok(())
}

/// A pattern for a path, as CODEOWNERS has them: one without a slash in front or within stands for any part of the path, and
/// whatever is below a match is matched too.
fn path_pattern(glob: &str) -> Parts {
    let anchored = glob.trim_end_matches('/').contains('/');
    let glob = glob.trim_start_matches('/').trim_end_matches('/');
    let (rough, exact) = (pattern(glob), expression(glob));
    if anchored {
        return Parts { rough: format!("{rough}%"), exact: format!("^{exact}(/.*)?$") };
    }
    Parts { rough: format!("%{rough}%"), exact: format!("^(.*/)?{exact}(/.*)?$") }
}

/// A pattern for the whole name of a repository.
fn repository_pattern(glob: &str) -> Parts {
    Parts { rough: pattern(glob), exact: format!("^{}$", expression(glob)) }
}

/// A pattern for a whole value, which has no parts: `*` for anything, `?` for one letter.
fn pattern(glob: &str) -> String {
    let mut out = String::new();
    for letter in glob.chars() {
        match letter {
            '*' => out.push('%'),
            '?' => out.push('_'),
            '%' | '_' | '\\' => out.extend(['\\', letter]),
            other => out.push(other),
        }
    }
    out
}

/// `*` within a part, `**` over parts, `?` one letter; all else stands for itself.
fn expression(glob: &str) -> String {
    let mut out = String::new();
    let mut letters = glob.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            other if other.is_alphanumeric() || other == '_' || other == '/' || other == '-' => out.push(other),
            ']' | '^' | '\\' => out.extend(['\\', letter]),
            other => out.extend(['[', other, ']']),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_what_it_matches_and_who_owns_it() {
        let text = "# ours\n\n*  @platform\ntag:team=payments kind:aws.s3.* @payments @anna  # theirs\n/111122223333/ @cloud\n";
        let rules = parse(text).expect("sound");
        assert_eq!(rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [3, 4, 5]);
        let path = |at: usize| rules[at].path.as_ref().map(|path| (path.rough.as_str(), path.exact.as_str()));
        assert_eq!(path(0), Some(("%%%", "^(.*/)?[^/]*(/.*)?$")));
        assert_eq!(path(2), Some(("111122223333%", "^111122223333(/.*)?$")));
        assert_eq!(rules[1].tag, Some(("team".to_owned(), "payments".to_owned())));
        assert_eq!(rules[1].kind.as_deref(), Some("aws.s3.%"));
        assert_eq!(rules[1].owners, ["payments", "anna"]);
    }

    #[test]
    fn a_mistake_names_its_line() {
        let said = |text: &str| parse(text).expect_err("a mistake").to_string();
        assert!(said("* @a\nteam:x @b").starts_with("Line 2: “team” is nothing that is matched"));
        assert!(said("*").contains("no owner"));
        assert!(said("@a").contains("nothing is matched"));
        assert!(said("@a *").contains("stands behind an owner"));
        assert!(said("name:\"x @a").contains("quote"));
        assert!(said("kind:a kind:b @a").contains("twice"));
    }

    #[test]
    fn quotes_keep_a_name_together() {
        let rules = parse("source:\"Prod registry\" @\"Team One\"").expect("sound");
        assert_eq!((rules[0].source.as_deref(), rules[0].owners[0].as_str()), (Some("Prod registry"), "team one"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_by_its_line(text in "[ -~\n]{0,200}") {
            if let Err(mistake) = parse(&text) {
                prop_assert!(mistake.line >= 1 && mistake.line <= text.lines().count());
            }
        }
    }
}
