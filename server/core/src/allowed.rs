//! Where a tenant lets its images come from: patterns for `registry/repository`, as its members type them.

use crate::glob;

/// The most patterns that a tenant may name.
pub const MOST: usize = 500;
/// The longest pattern, in bytes.
pub const LONGEST: usize = 300;
/// What Docker Hub is called where an image's name leaves the registry out.
const HUB: &str = "docker.io";
/// The other names that it answers to.
const HUB_TOO: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// A tenant's allowed sources. None named means that the tenant did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSources {
    patterns: Vec<String>,
}

impl AllowedSources {
    /// From patterns that were checked when they were typed.
    #[must_use]
    pub fn of(patterns: Vec<String>) -> Self {
        Self { patterns }
    }

    /// From what a person typed: a pattern a line; `#` begins a comment.
    ///
    /// # Errors
    /// With a sentence for that person, naming the line that makes no sense.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let mut patterns: Vec<String> = Vec::new();
        for line in typed.lines() {
            let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
            if line.is_empty() {
                continue;
            }
            let pattern = pattern(line)?;
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        if patterns.len() > MOST {
            return Err(format!("At most {MOST} patterns are kept; these are {}.", patterns.len()));
        }
        if !patterns.is_empty() && patterns.iter().all(|pattern| pattern.starts_with('!')) {
            return Err("Every pattern begins with ! and so excludes. Name what is allowed, too.".to_owned());
        }
        Ok(Self { patterns })
    }

    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether an image of this registry and repository is one of them. Nothing is while none is named.
    #[must_use]
    pub fn admit(&self, host: &str, repository: &str) -> bool {
        !self.patterns.is_empty() && glob::selects(&self.patterns, &name(host, repository))
    }
}

/// `registry/repository`, the same however an image's name spells it.
fn name(host: &str, repository: &str) -> String {
    let host = registry(host);
    if host == HUB && !repository.contains('/') {
        return format!("{host}/library/{repository}");
    }
    format!("{host}/{repository}")
}

fn registry(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if HUB_TOO.contains(&host.as_str()) { HUB.to_owned() } else { host }
}

fn pattern(line: &str) -> Result<String, String> {
    let (mark, rest) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest));
    let rest = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://")).unwrap_or(rest);
    if line.len() > LONGEST {
        return Err(format!("A pattern has at most {LONGEST} letters; {:.40}… has more.", line));
    }
    if rest.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(format!("“{line}”: a pattern has letters, digits and signs of ASCII, and no blank."));
    }
    if rest.contains('@') {
        return Err(format!("“{line}”: a pattern names repositories, not one digest."));
    }
    match rest.split_once('/') {
        Some((host, repository)) if !host.is_empty() && !repository.is_empty() => {
            Ok(format!("{mark}{}/{repository}", registry(host)))
        }
        _ => Err(format!("“{line}”: name a registry and a repository, as in registry.example.com/base/**.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(typed: &str) -> AllowedSources {
        AllowedSources::parse(typed).unwrap()
    }

    #[test]
    fn what_matches_is_allowed_and_nothing_else() {
        let allowed = allowed("registry.example.com/base/**\n\n# ours\nRegistry.example.com/shop/*\n!*/base/old-*");
        assert!(allowed.admit("registry.example.com", "base/debian/slim"));
        assert!(allowed.admit("REGISTRY.example.com", "shop/api"));
        assert!(!allowed.admit("registry.example.com", "shop/api/cache"));
        assert!(!allowed.admit("registry.example.com.example.net", "base/debian"));
        assert!(!allowed.admit("registry.example.com", "base/old-debian"), "an exclusion wins");
        assert!(!AllowedSources::default().admit("registry.example.com", "base/debian"));
    }

    #[test]
    fn docker_hub_has_one_name() {
        for typed in ["docker.io/library/nginx", "index.docker.io/library/nginx"] {
            assert!(allowed(typed).admit("docker.io", "nginx"), "{typed}");
            assert!(allowed(typed).admit("registry-1.docker.io", "library/nginx"), "{typed}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let long = format!("registry.example.com/{}", "a".repeat(LONGEST));
        let many = (0..=MOST).map(|at| format!("registry.example.com/{at}\n")).collect::<String>();
        for (typed, words) in [
            ("**", "name a registry"),
            ("registry.example.com", "name a registry"),
            ("registry.example.com/", "name a registry"),
            ("registry.example.com/a b", "no blank"),
            ("registry.example.com/a@sha256:00", "not one digest"),
            ("!registry.example.com/old", "Name what is allowed"),
            (long.as_str(), "at most 300 letters"),
            (many.as_str(), "At most 500"),
        ] {
            let refused = AllowedSources::parse(typed).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
        assert!(AllowedSources::parse("\n# nothing\n").unwrap().is_empty());
        assert_eq!(allowed("https://registry.example.com/a/*").patterns(), ["registry.example.com/a/*"]);
    }
}
