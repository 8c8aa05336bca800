//! What a tenant tells us of a registry.

use crate::operator::Operator;
use crate::verify::TrustedKey;
use plumbline_core::address;
use plumbline_core::collect::{CollectError, Connection};
use plumbline_core::glob;
use serde::{Deserialize, Serialize};
use url::Url;

/// The most patterns, keys and platforms that a source may name.
const MOST: usize = 1_000;
/// The most of the tags that "newest" and "semver" may keep of a repository.
const MOST_TAGS: usize = 1_000;

/// The public settings of a registry source.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `registry.example`, with a port where it is not the usual one.
    pub host: String,
    #[serde(default)]
    pub scheme: Scheme,
    /// Says that plain HTTP is meant: without it, `http` is refused.
    #[serde(default)]
    pub plain_http: bool,
    #[serde(default)]
    pub auth: Auth,
    /// The host of the token service, where it is neither the registry's own nor one that is known to belong to it. Only
    /// there, and to the registry itself, are credentials sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_host: Option<String>,
    /// Names and patterns; those that begin with `!` exclude. Empty for all of the catalogue.
    #[serde(default)]
    pub repositories: Vec<String>,
    #[serde(default)]
    pub tags: Policy,
    /// A private certificate authority, as PEM; trusted in addition to the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// `linux/amd64`; empty for all.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// Public keys with which images have to be signed, as PEM.
    #[serde(default)]
    pub trusted_keys: Vec<String>,
}

/// How the registry is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    #[default]
    Https,
    Http,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// How we get in. All that take a user name and a password answer whichever challenge the registry makes; which product it
/// is decides about the advice that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    #[default]
    Anonymous,
    /// A user name and a password.
    Basic,
    /// A bearer token of the registry itself, sent as it is.
    Token,
    /// Amazon ECR: an access key in the secret, exchanged for a registry token; or `AWS` and such a token.
    Ecr {
        /// Where the host does not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    Acr,
    Github,
    DockerHub,
    Harbor,
    Quay,
}

/// Which tags of a repository are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "lowercase", deny_unknown_fields)]
pub enum Policy {
    /// Those that name the images created last.
    Newest {
        count: usize,
    },
    /// The highest semantic versions.
    Semver {
        count: usize,
    },
    All,
    Glob {
        patterns: Vec<String>,
    },
}

impl Default for Policy {
    fn default() -> Self {
        Self::Newest { count: 5 }
    }
}

impl Settings {
    /// Reads and checks the settings of a connection.
    ///
    /// # Errors
    /// With a sentence for the person who typed them.
    pub(crate) fn of(connection: &Connection, operator: Operator) -> Result<Self, CollectError> {
        let settings: Self = serde_json::from_value(connection.settings.clone())
            .map_err(|e| CollectError::Settings(format!("The settings are not those of a registry: {e}.")))?;
        settings.check(operator).map_err(CollectError::Settings)?;
        Ok(settings)
    }

    fn check(&self, operator: Operator) -> Result<(), String> {
        address::may_go(&self.base()?, operator.private_endpoints)?;
        if self.scheme == Scheme::Http && !self.plain_http {
            return Err("Plain HTTP protects neither credentials nor images; say that it is meant.".to_owned());
        }
        if let Some(host) = &self.token_host {
            host_url(Scheme::Https, host).map_err(|_| format!("{host} is not the name of a host."))?;
        }
        let lists = [&self.repositories, &self.platforms, &self.trusted_keys];
        if lists.iter().any(|list| list.len() > MOST) {
            return Err(format!("At most {MOST} repositories, platforms and keys can be named."));
        }
        self.check_repositories()?;
        self.tags.check()?;
        for platform in &self.platforms {
            if !(2..=3).contains(&platform.split('/').filter(|part| !part.is_empty()).count()) {
                return Err(format!("{platform} is not a platform, such as linux/amd64."));
            }
        }
        self.keys()?;
        self.certificates()?;
        self.ecr_region().map(|_| ())
    }

    fn check_repositories(&self) -> Result<(), String> {
        for pattern in &self.repositories {
            let name = pattern.trim_start_matches('!');
            let plain = name.replace(['*', '?'], "x");
            if !is_repository(&plain) {
                return Err(format!(
                    "{pattern} is neither a repository, such as team/api, nor a pattern, such as team/*."
                ));
            }
        }
        if !self.has_catalogue() && self.needs_catalogue() {
            return Err(format!("{} has no catalogue: name every repository in full, without patterns.", self.host));
        }
        Ok(())
    }

    /// Whether the list of repositories can only be made from the registry's catalogue.
    pub(crate) fn needs_catalogue(&self) -> bool {
        let mut named = self.repositories.iter().filter(|pattern| !pattern.starts_with('!')).peekable();
        named.peek().is_none() || named.any(|pattern| glob::is_pattern(pattern))
    }

    /// GitHub, Docker Hub and GitLab's own answer nobody's request for all repositories.
    pub(crate) fn has_catalogue(&self) -> bool {
        let known = matches!(self.auth, Auth::Github | Auth::DockerHub)
            || matches!(self.host.as_str(), "ghcr.io" | "registry.gitlab.com" | "public.ecr.aws");
        !known && !self.is_docker_hub()
    }

    /// The repositories that are named in full, as the registry knows them.
    pub(crate) fn named(&self) -> impl Iterator<Item = String> {
        let plain = self.repositories.iter().filter(|name| !name.starts_with('!') && !glob::is_pattern(name));
        let hub = self.is_docker_hub();
        plain
            .filter(|name| !self.excluded(name))
            .map(move |name| if hub && !name.contains('/') { format!("library/{name}") } else { name.clone() })
    }

    fn excluded(&self, name: &str) -> bool {
        let mut except = self.repositories.iter().filter_map(|pattern| pattern.strip_prefix('!'));
        except.any(|pattern| glob::matches(pattern, name))
    }

    fn is_docker_hub(&self) -> bool {
        matches!(self.host.as_str(), "docker.io" | "index.docker.io" | "registry-1.docker.io")
    }

    /// Where requests go, without a path. Docker Hub's registry has another name than its images.
    pub(crate) fn base(&self) -> Result<Url, String> {
        let host = if self.is_docker_hub() { "registry-1.docker.io" } else { &self.host };
        host_url(self.scheme, host)
    }

    /// Whether a user's platforms mean this one; `linux/arm64` means its variants too.
    pub(crate) fn wants_platform(&self, platform: &str) -> bool {
        let meant = |wanted: &String| {
            platform.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.platforms.is_empty() || self.platforms.iter().any(meant)
    }

    pub(crate) fn keys(&self) -> Result<Vec<TrustedKey>, String> {
        self.trusted_keys.iter().map(|pem| TrustedKey::parse(pem)).collect()
    }

    pub(crate) fn certificates(&self) -> Result<Vec<reqwest::Certificate>, String> {
        let Some(pem) = &self.ca else { return Ok(Vec::new()) };
        let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if found.is_empty() || pem.len() > 1 << 20 {
            return Err("The certificate authority is not a certificate in PEM form.".to_owned());
        }
        Ok(found)
    }

    /// The region of an ECR registry: none for other registries.
    pub(crate) fn ecr_region(&self) -> Result<Option<String>, String> {
        let Auth::Ecr { region } = &self.auth else { return Ok(None) };
        let from_host = || self.host.split_once(".dkr.ecr.").and_then(|(_, rest)| rest.split('.').next());
        let region = region.as_deref().or_else(from_host).unwrap_or_default();
        let sound =
            !region.is_empty() && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if sound { Ok(Some(region.to_owned())) } else { Err("The region of the ECR registry is missing.".to_owned()) }
    }
}

impl Policy {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Newest { count } | Self::Semver { count } if !(1..=MOST_TAGS).contains(count) => {
                Err(format!("Between 1 and {MOST_TAGS} tags of a repository can be kept in sight."))
            }
            Self::Glob { patterns } if patterns.is_empty() || patterns.len() > MOST => {
                Err("Which tags are meant? Name at least one pattern.".to_owned())
            }
            Self::Glob { patterns } if patterns.iter().any(|pattern| pattern.is_empty() || pattern.len() > 256) => {
                Err("A pattern of tags has 1 to 256 characters.".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn host_url(scheme: Scheme, host: &str) -> Result<Url, String> {
    let wrong = || format!("{host} is not the name of a registry, such as registry.example or registry.example:5000.");
    let sound = !host.is_empty() && host.len() <= 255 && !host.contains(['/', '@', '?', '#', '\\', ' ']);
    if !sound {
        return Err(wrong());
    }
    let url = Url::parse(&format!("{}://{host}/", scheme.as_str())).map_err(|_| wrong())?;
    if url.host_str().is_some() { Ok(url) } else { Err(wrong()) }
}

/// Whether a name is one that the distribution specification allows for a repository.
pub(crate) fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        let mut ends = part.bytes().next().into_iter().chain(part.bytes().next_back());
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !part.is_empty()
            && ends.all(alphanumeric)
            && part.bytes().all(|byte| alphanumeric(byte) || matches!(byte, b'.' | b'_' | b'-'))
            && !part.contains("..")
    };
    name.len() <= 255 && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use serde_json::{Value, json};

    const PRIVATE: Operator = Operator { private_endpoints: true };

    fn read(settings: Value, operator: Operator) -> Result<Settings, CollectError> {
        let connection = Connection { settings, secret: SecretString::from("{}") };
        Settings::of(&connection, operator)
    }

    #[test]
    fn a_host_alone_is_enough() {
        let settings = read(json!({ "host": "registry.example" }), Operator::default()).unwrap();
        assert_eq!(settings.base().unwrap().as_str(), "https://registry.example/");
        assert_eq!(settings.tags, Policy::Newest { count: 5 });
        assert!(settings.needs_catalogue());
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for wrong in [
            json!({ "host": "" }),
            json!({ "host": "https://registry.example" }),
            json!({ "host": "user@registry.example" }),
            json!({ "host": "registry.example/path" }),
            json!({ "host": "registry.example", "scheme": "http" }),
            json!({ "host": "registry.example", "surprise": 1 }),
            json!({ "host": "registry.example", "repositories": ["Team/Api"] }),
            json!({ "host": "registry.example", "repositories": ["../etc"] }),
            json!({ "host": "registry.example", "tags": { "policy": "newest", "count": 0 } }),
            json!({ "host": "registry.example", "tags": { "policy": "glob", "patterns": [] } }),
            json!({ "host": "registry.example", "platforms": ["amd64"] }),
            json!({ "host": "registry.example", "trusted_keys": ["no key"] }),
            json!({ "host": "registry.example", "ca": "no certificate" }),
            json!({ "host": "registry.example", "auth": { "by": "ecr" } }),
            json!({ "host": "registry.example", "auth": { "by": "magic" } }),
        ] {
            assert!(matches!(read(wrong.clone(), PRIVATE), Err(CollectError::Settings(_))), "{wrong}");
        }
    }

    #[test]
    fn inside_addresses_take_the_operators_word() {
        for host in ["127.0.0.1:5000", "10.1.2.3", "[::1]:5000", "2130706433"] {
            assert!(read(json!({ "host": host }), Operator::default()).is_err(), "{host}");
            assert!(read(json!({ "host": host }), PRIVATE).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_registry_without_catalogue_needs_its_repositories_named() {
        for host in ["ghcr.io", "docker.io"] {
            assert!(read(json!({ "host": host }), PRIVATE).is_err());
            assert!(read(json!({ "host": host, "repositories": ["team/*"] }), PRIVATE).is_err());
            assert!(read(json!({ "host": host, "repositories": ["team/api"] }), PRIVATE).is_ok());
        }
        let hub = read(json!({ "host": "docker.io", "repositories": ["debian", "team/api"] }), PRIVATE).unwrap();
        assert_eq!(hub.named().collect::<Vec<_>>(), ["library/debian", "team/api"]);
        assert_eq!(hub.base().unwrap().host_str(), Some("registry-1.docker.io"));
    }

    #[test]
    fn an_architecture_means_its_variants() {
        let settings = read(json!({ "host": "r.example", "platforms": ["linux/arm64"] }), PRIVATE).unwrap();
        assert!(settings.wants_platform("linux/arm64/v8"));
        assert!(!settings.wants_platform("linux/arm"));
        assert!(!settings.wants_platform("linux/amd64"));
    }

    #[test]
    fn the_region_of_ecr_is_in_its_host() {
        let ecr = json!({ "host": "111122223333.dkr.ecr.eu-west-1.amazonaws.com", "auth": { "by": "ecr" } });
        assert_eq!(read(ecr, PRIVATE).unwrap().ecr_region().unwrap().as_deref(), Some("eu-west-1"));
    }
}
