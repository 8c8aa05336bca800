//! Rules by which a tenant says how much depends on what: the first that means a resource decides, else its tags do.

use crate::glob;
use crate::risk::Criticality;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rules that a tenant may have.
const MOST: usize = 200;
/// Characters of one line.
const LENGTH: usize = 500;

/// One rule; a resource is meant when all that is named holds. Names may be patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub criticality: Criticality,
    pub account: Option<String>,
    /// Of kinds of a cluster.
    pub namespace: Option<String>,
    pub kind: Option<String>,
    /// Key and value.
    pub tag: Option<(String, String)>,
    pub name: Option<String>,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
    pub tags: &'a BTreeMap<String, String>,
}

impl Rule {
    /// Reads one line: a level, and what it is for, such as `high account:1111* tag:team=payments`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let level = words.next().unwrap_or_default();
        let criticality = Criticality::parse(level)
            .ok_or_else(|| format!("“{level}” is no level: say high, normal or low first."))?;
        let mut rule = Self { criticality, account: None, namespace: None, kind: None, tag: None, name: None };
        for word in words {
            let (key, value) = word
                .split_once(':')
                .filter(|(_, value)| !value.is_empty())
                .ok_or_else(|| format!("“{word}” says nothing: write it as name:value."))?;
            rule.narrow(key, value)?;
        }
        Ok(rule)
    }

    fn narrow(&mut self, key: &str, value: &str) -> Result<(), String> {
        let slot = match key {
            "account" => &mut self.account,
            "namespace" => &mut self.namespace,
            "kind" => &mut self.kind,
            "name" => &mut self.name,
            "tag" => {
                let pair = value.split_once('=').filter(|(key, _)| !key.is_empty());
                let (key, value) = pair.ok_or_else(|| format!("“{value}” is no tag: write it as tag:key=value."))?;
                return match self.tag.replace((key.to_owned(), value.to_owned())) {
                    None => Ok(()),
                    Some(_) => Err("A rule names one tag at most.".to_owned()),
                };
            }
            other => {
                return Err(format!("“{other}” is not known: a rule names account, namespace, kind, tag or name."));
            }
        };
        match slot.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(format!("A rule names {key} once at most.")),
        }
    }

    fn means(&self, place: Place<'_>) -> bool {
        let is = |pattern: Option<&String>, text: &str| pattern.is_none_or(|pattern| glob::matches(pattern, text));
        let is_of_cluster = place.kind.starts_with("kubernetes.");
        let tagged = self.tag.as_ref().is_none_or(|(key, value)| {
            place.tags.iter().any(|(k, v)| k.eq_ignore_ascii_case(key) && glob::matches(value, v))
        });
        is(self.account.as_ref(), place.account)
            && (self.namespace.is_none() || is_of_cluster)
            && is(self.namespace.as_ref(), place.region)
            && is(self.kind.as_ref(), place.kind)
            && is(self.name.as_ref(), place.name)
            && tagged
    }

    /// The line that says it.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.criticality.as_str().to_owned();
        let parts =
            [("account", &self.account), ("namespace", &self.namespace), ("kind", &self.kind), ("name", &self.name)];
        for (key, value) in parts {
            if let Some(value) = value {
                let _ = write!(line, " {key}:{value}");
            }
        }
        if let Some((key, value)) = &self.tag {
            let _ = write!(line, " tag:{key}={value}");
        }
        line
    }
}

/// The rules of a tenant, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// Reads a rule a line; empty lines say nothing.
    ///
    /// # Errors
    /// What is wrong with the first line that cannot be read, as a sentence that names it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            if line.chars().count() > LENGTH {
                return Err(format!("Line {number} is longer than {LENGTH} characters."));
            }
            rules.push(Rule::parse(line).map_err(|words| format!("Line {number}: {words}"))?);
        }
        if rules.len() > MOST {
            return Err(format!("{MOST} rules at most, and these are {}.", rules.len()));
        }
        Ok(Self(rules))
    }

    /// What the first rule that means a resource says of it; else what its tags do.
    #[must_use]
    pub fn of(&self, place: Place<'_>) -> Criticality {
        let ruled = self.0.iter().find(|rule| rule.means(place)).map(|rule| rule.criticality);
        ruled.unwrap_or_else(|| Criticality::from_tags(place.tags.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_first_rule_that_means_a_resource_decides_else_its_tags() {
        let rules = Rules::parse("low namespace:trial-*\nhigh account:1111* tag:team=pay*\n\nnormal kind:image")
            .expect("rules");
        let of = |account, region, kind, pairs: &[(&str, &str)]| {
            rules.of(Place { account, region, kind, name: "a", tags: &tags(pairs) })
        };
        let pay = [("Team", "payments")];
        assert_eq!(of("1111", "trial-1", "kubernetes.workload", &pay), Criticality::Low);
        assert_eq!(of("1111", "trial-1", "aws.s3.bucket", &pay), Criticality::High, "only a cluster has namespaces");
        assert_eq!(of("2222", "eu", "aws.s3.bucket", &[("env", "prod")]), Criticality::High);
        assert_eq!(of("2222", "eu", "image", &[("env", "prod")]), Criticality::Normal);
        assert_eq!(of("2222", "eu", "aws.s3.bucket", &[]), Criticality::Normal);
    }

    #[test]
    fn a_line_that_says_nothing_is_refused_with_its_number() {
        let said = |text: &str| Rules::parse(text).expect_err("refused");
        assert!(said("high kind:image\nvital").starts_with("Line 2: “vital” is no level"));
        assert!(said("high payments").contains("write it as name:value"));
        assert!(said("high colour:red").contains("is not known"));
        assert!(said("high tag:team").contains("tag:key=value"));
        assert!(said("high name:a name:b").contains("once at most"));
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for line in ["high", "low account:1111* namespace:shop kind:image name:web-* tag:team=payments"] {
            assert_eq!(Rule::parse(line).expect("a rule").line(), line);
        }
    }
}
