//! Ruby: the specification that RubyGems keeps of each installed gem, and what Bundler pins.
//!
//! The specifications are Ruby code, which is not run: RubyGems writes name and version in a comment at the top, older
//! ones and those that a distribution ships in plain assignments, and the file is named after both.

use super::{add, file_name, is_under, text, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};

pub(super) fn wants_gem(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let folder = folder.strip_suffix("/default").unwrap_or(folder);
    file_name(folder) == "specifications" && name.ends_with(".gemspec")
}

pub(super) fn read_gem(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let text = String::from_utf8_lossy(file.bytes);
    let named = by_stub(&text).or_else(|| by_assignments(&text)).or_else(|| by_file(file_name(file.path)));
    let (name, version) = named.ok_or_else(|| Unreadable::new("the specification names no gem"))?;
    let mut component = Component::new(Type::Gem, name, version, file.path);
    component.licence = licence(&text);
    Ok(vec![component])
}

/// `# stub: NAME VERSION PLATFORM PATHS`.
fn by_stub(text: &str) -> Option<(&str, &str)> {
    let stub = text.lines().take(10).find_map(|line| line.strip_prefix("# stub: "))?;
    let mut words = stub.split_whitespace();
    Some((words.next()?, words.next()?)).filter(|(_, version)| is_version(version))
}

fn by_assignments(text: &str) -> Option<(&str, &str)> {
    Some((assigned(text, ".name")?, assigned(text, ".version").filter(|version| is_version(version))?))
}

/// `NAME-VERSION.gemspec`, perhaps with a platform after the version.
fn by_file(name: &str) -> Option<(&str, &str)> {
    let stem = name.strip_suffix(".gemspec")?;
    let is_start =
        |at: usize| stem.get(at + 1..).is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_digit()));
    let (at, _) = stem.match_indices('-').find(|(at, _)| is_start(*at))?;
    Some((stem.get(..at)?, without_platform(stem.get(at + 1..)?)))
}

/// The first string that is assigned to a field: `s.name = "x".freeze`, `s.name = %q{x}`.
fn assigned<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (target, value) = line.split_once('=')?;
        if !target.trim_end().ends_with(field) {
            return None;
        }
        let value = value.trim_start().trim_start_matches("Gem::Version.new(");
        let (open, close) =
            if value.starts_with("%q{") { ("%q{", '}') } else { (value.get(..1)?, value.chars().next()?) };
        let quoted = value.strip_prefix(open).filter(|_| matches!(close, '"' | '\'' | '}'))?;
        quoted.split(close).next().filter(|word| !word.is_empty())
    })
}

fn licence(text: &str) -> Option<String> {
    let list = text.lines().find_map(|line| {
        let (target, value) = line.split_once('=')?;
        target.trim_end().ends_with(".licenses").then_some(value)
    })?;
    let words: Vec<&str> = list.split('"').skip(1).step_by(2).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" OR "))
}

fn is_version(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

fn without_platform(version: &str) -> &str {
    version.split('-').next().unwrap_or(version)
}

pub(super) fn wants_lock(path: &str) -> bool {
    let named = matches!(file_name(path), "Gemfile.lock" | "gems.locked");
    named && !is_under(path, "gems")
}

pub(super) fn read_lock(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let text = text(file.bytes)?;
    let (mut components, mut section, mut specs, mut known) = (Vec::new(), "", false, text.trim().is_empty());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match indent {
            0 => (section, specs) = (line.trim_end(), false),
            2 => specs = line.trim() == "specs:",
            // Deeper lines say what a gem asks for. What lies in a folder of the project is no gem of the registry.
            4 if specs && section != "PATH" => add(gem(line.trim(), file.path)?, &mut components)?,
            _ => {}
        }
        known |= matches!(section, "GEM" | "PLATFORMS" | "DEPENDENCIES");
    }
    if !known {
        return Err(Unreadable::new("it is no Bundler lock file"));
    }
    tidy(components)
}

/// `NAME (VERSION)` or `NAME (VERSION-PLATFORM)`.
fn gem(line: &str, path: &str) -> Result<Component, Unreadable> {
    let parts = line.split_once(" (").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
    let (name, version) = parts.ok_or_else(|| Unreadable::new("a gem in it has no version"))?;
    Ok(Component::new(Type::Gem, name, without_platform(version), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(path: &str, text: &str) -> Component {
        read_gem(File { path, bytes: text.as_bytes() }).expect("readable").remove(0)
    }

    #[test]
    fn a_specification_is_read_from_its_first_comment() {
        let text = "# -*- encoding: utf-8 -*-\n# stub: net-http 0.3.0 ruby lib\n\nGem::Specification.new do |s|\n  \
            s.name = \"net-http\".freeze\n  s.version = \"0.3.0\"\n  s.licenses = [\"Ruby\".freeze, \"BSD-2-Clause\".freeze]\nend\n";
        let one = listed("specifications/net-http-0.3.0.gemspec", text);
        assert_eq!((one.name.as_str(), one.version.as_str()), ("net-http", "0.3.0"));
        assert_eq!(one.licence.as_deref(), Some("Ruby OR BSD-2-Clause"));
    }

    #[test]
    fn a_specification_without_the_comment_is_read_from_assignments_or_its_name() {
        let old = listed(
            "specifications/x.gemspec",
            "Gem::Specification.new do |s|\n  s.name = %q{rack-a}\n  s.version = '1.6.4'\n",
        );
        assert_eq!((old.name.as_str(), old.version.as_str()), ("rack-a", "1.6.4"));
        let computed = listed(
            "specifications/default/json-x-2.6.1-java.gemspec",
            "s.name = \"json-x\"\ns.version = File.read(x)\n",
        );
        assert_eq!((computed.name.as_str(), computed.version.as_str()), ("json-x", "2.6.1"));
        assert!(read_gem(File { path: "specifications/x.gemspec", bytes: b"nothing" }).is_err());
    }

    #[test]
    fn a_lock_file_lists_gems_without_their_platform() {
        let text = "PATH\n  remote: .\n  specs:\n    mine (0.1.0)\n      rack\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    \
            nokogiri (1.13.0-x86_64-linux)\n      racc (~> 1.4)\n    racc (1.6.0)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  \
            mine!\n\nBUNDLED WITH\n   2.3.3\n";
        let listed = read_lock(File { path: "Gemfile.lock", bytes: text.as_bytes() }).expect("readable");
        let names: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
        assert_eq!(names, [("nokogiri", "1.13.0"), ("racc", "1.6.0")]);
    }

    #[test]
    fn another_file_is_no_lock_file() {
        assert!(read_lock(File { path: "", bytes: b"hello\n" }).is_err());
        assert!(read_lock(File { path: "", bytes: b"GEM\n  specs:\n    broken\n" }).is_err());
    }

    #[test]
    fn only_specifications_of_installed_gems_are_wanted() {
        assert!(wants_gem("usr/lib/ruby/gems/3.1.0/specifications/rake-13.gemspec"));
        assert!(wants_gem("usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec"));
        assert!(!wants_gem("usr/lib/ruby/gems/3.1.0/gems/rake-13/rake.gemspec"));
    }
}
