//! Values put into commands and templates, quoted as their place asks for.

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Shell,
    Hcl,
}

/// Within which quotes a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// Puts values in the place of words in capitals; only whole words, so that `ACCOUNT_NAME` stays. A value that no quoting makes
/// safe in its place is left out, and the word stays.
pub(super) fn filled(text: &str, names: &[(&str, String)], language: Language) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // A name of what is made there is for whoever makes it to choose.
    let makes = text.lines().any(|line| line.contains(" create ") && line.contains("NAME"));
    // Within a here-document other rules hold.
    let plain_alone = text.contains("<<");
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut quotes) = (skip_comment(text, '\n', &mut out), Quotes::None);
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            let next = rest.chars().next().unwrap_or(' ');
            let taken = if next == '\\' && quotes != Quotes::Single { 2 } else { 1 };
            let length = rest.chars().take(taken).map(char::len_utf8).sum();
            quotes = turned(quotes, next, language);
            out.push_str(&rest[..length]);
            rest = skip_comment(&rest[length..], next, &mut out);
            continue;
        }
        let (word, left) = rest.split_at(end);
        let value = names.iter().find(|(name, _)| *name == word).filter(|_| !(makes && word == "NAME"));
        let value = value.and_then(|(_, value)| quoted(value, quotes, language, plain_alone));
        out.push_str(value.as_deref().unwrap_or(word));
        rest = left;
    }
    out
}

/// Quotes in a comment quote nothing: the rest of its line is taken as it is.
fn skip_comment<'a>(rest: &'a str, before: char, out: &mut String) -> &'a str {
    if before != '\n' || !rest.trim_start_matches(' ').starts_with('#') {
        return rest;
    }
    let end = rest.find('\n').unwrap_or(rest.len());
    out.push_str(&rest[..end]);
    &rest[end..]
}

fn turned(quotes: Quotes, next: char, language: Language) -> Quotes {
    match (quotes, next) {
        (Quotes::None, '\'') if language == Language::Shell => Quotes::Single,
        (Quotes::None, '"') => Quotes::Double,
        (Quotes::Single, '\'') | (Quotes::Double, '"') => Quotes::None,
        _ => quotes,
    }
}

/// A value as it stands between these quotes; none where it cannot.
fn quoted(value: &str, quotes: Quotes, language: Language, plain_alone: bool) -> Option<String> {
    let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c));
    if is_plain {
        return Some(value.to_owned());
    }
    if plain_alone || value.chars().any(char::is_control) {
        return None;
    }
    match (language, quotes) {
        (Language::Hcl, Quotes::Double) => {
            Some(value.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{"))
        }
        // Outside of quotes a template has names, not values.
        (Language::Hcl, _) => None,
        (Language::Shell, Quotes::None) => Some(format!("'{}'", value.replace('\'', r"'\''"))),
        // What stands in single quotes is a document with strings of its own.
        (Language::Shell, Quotes::Single) => {
            Some(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', r"'\''"))
        }
        (Language::Shell, Quotes::Double) => {
            Some(value.chars().flat_map(|c| "\\\"$`".contains(c).then_some('\\').into_iter().chain([c])).collect())
        }
    }
}

/// The strategic merge patch of a command that applies one.
pub(super) fn manifest_patch(cli: &str) -> Option<String> {
    let (_, rest) = cli.split_once("--type strategic --patch '")?;
    let (patch, _) = rest.split_once('\'')?;
    let patch = patch.trim_matches('\n');
    patch.contains('\n').then(|| patch.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(text: &str, value: &str, language: Language) -> String {
        filled(text, &[("ACCOUNT", "1".to_owned()), ("BUCKET", value.to_owned()), ("NAME", "db".to_owned())], language)
    }

    #[test]
    fn only_whole_words_are_filled_in() {
        let text = "--account-id ACCOUNT --name ACCOUNT_NAME --region REGION";
        assert_eq!(fill(text, "", Language::Shell), "--account-id 1 --name ACCOUNT_NAME --region REGION");
    }

    #[test]
    fn a_value_is_quoted_as_its_place_asks_for() {
        let shell = |text: &str| fill(text, "it's $HOME \"x\"", Language::Shell);
        assert_eq!(shell("rm BUCKET"), r#"rm 'it'\''s $HOME "x"'"#);
        assert_eq!(shell(r#"rm "BUCKET""#), r#"rm "it's \$HOME \"x\"""#);
        assert_eq!(shell(r#"rm '{"a": "BUCKET"}'"#), r#"rm '{"a": "it'\''s $HOME \"x\""}'"#);
        assert_eq!(shell("# don't\nrm BUCKET"), "# don't\nrm 'it'\\''s $HOME \"x\"'");
        let hcl = |text: &str| fill(text, "a\"${b}", Language::Hcl);
        assert_eq!(hcl("bucket = \"BUCKET\""), "bucket = \"a\\\"$${b}\"");
        assert_eq!(hcl("resource BUCKET {"), "resource BUCKET {");
    }

    #[test]
    fn what_cannot_be_made_safe_stays_open() {
        assert_eq!(fill("rm BUCKET", "a\nb", Language::Shell), "rm BUCKET");
        assert_eq!(fill("cat <<TEXT\nBUCKET\nTEXT", "$(x)", Language::Shell), "cat <<TEXT\nBUCKET\nTEXT");
        let makes = "kubectl create secret generic NAME\nkubectl patch deployment NAME";
        assert_eq!(fill(makes, "", Language::Shell), makes);
    }

    #[test]
    fn a_patch_is_taken_out_of_its_command() {
        let cli = "kubectl -n shop patch deployment api --type strategic --patch '\nspec:\n  a: 1\n'\n";
        assert_eq!(manifest_patch(cli).as_deref(), Some("spec:\n  a: 1"));
        assert_eq!(manifest_patch("kubectl patch x --patch '{}'"), None);
    }

    proptest! {
        /// A POSIX shell reads back what was put in, between any quotes.
        #[test]
        fn a_shell_reads_back_what_was_put_in(value in "[ -~é]{1,24}") {
            let read = |text: &str| {
                let line = fill(text, &value, Language::Shell);
                words_of(&line)
            };
            prop_assert_eq!(read("say BUCKET end"), vec!["say".to_owned(), value.clone(), "end".to_owned()]);
            prop_assert_eq!(read("say \"BUCKET\" end"), vec!["say".to_owned(), value.clone(), "end".to_owned()]);
            let document = read("say '{\"a\": \"BUCKET\"}' end");
            prop_assert_eq!(document.len(), 3);
            let inner: serde_json::Value = serde_json::from_str(&document[1]).expect("JSON");
            prop_assert_eq!(inner["a"].as_str(), Some(value.as_str()));
        }
    }

    /// The words of a command, as a shell takes them apart.
    fn words_of(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quotes) = (Vec::new(), String::new(), Quotes::None);
        let mut letters = line.chars().peekable();
        while let Some(c) = letters.next() {
            match (quotes, c) {
                (Quotes::None, ' ') => words.push(std::mem::take(&mut word)),
                (Quotes::None, '\'') => quotes = Quotes::Single,
                (Quotes::None, '"') => quotes = Quotes::Double,
                (Quotes::Single, '\'') | (Quotes::Double, '"') => quotes = Quotes::None,
                (Quotes::None, '\\') => word.extend(letters.next()),
                (Quotes::Double, '\\') if letters.peek().is_some_and(|next| "\\\"$`".contains(*next)) => {
                    word.extend(letters.next());
                }
                (_, c) => word.push(c),
            }
        }
        words.push(word);
        words
    }
}
