//! What a registry takes: what is typed, and the settings and secret it becomes.

use super::form::{Credential, FormErrors};
use plumbline_core::collect::{Collector, Connection};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

const KEY_END: &str = "-----END PUBLIC KEY-----";

/// What was typed. Secrets are read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RegistryForm {
    #[serde(default)]
    pub(super) host: String,
    /// `https` or `http`.
    #[serde(default)]
    pub(super) scheme: String,
    /// The tick that says that plain HTTP is meant.
    #[serde(default)]
    pub(super) plain_http: String,
    /// The word of the way in, as the collector names it.
    #[serde(default)]
    pub(super) auth: String,
    #[serde(default)]
    pub(super) username: String,
    #[serde(default)]
    pub(super) password: SecretString,
    #[serde(default)]
    pub(super) token: SecretString,
    #[serde(default)]
    pub(super) ecr_key_id: String,
    #[serde(default)]
    pub(super) ecr_secret_key: SecretString,
    #[serde(default)]
    pub(super) ecr_region: String,
    #[serde(default)]
    pub(super) token_host: String,
    #[serde(default)]
    pub(super) repositories: String,
    /// `newest`, `semver`, `all` or `glob`.
    #[serde(default)]
    pub(super) tags: String,
    #[serde(default)]
    pub(super) tag_count: String,
    #[serde(default)]
    pub(super) tag_patterns: String,
    #[serde(default)]
    pub(super) platforms: String,
    #[serde(default)]
    pub(super) ca: String,
    #[serde(default)]
    pub(super) trusted_keys: String,
}

/// One way in, as it is offered.
pub(super) struct Way {
    pub(super) word: &'static str,
    pub(super) title: &'static str,
    pub(super) hint: &'static str,
}

/// The ways in, the commonest first.
pub(super) const WAYS: [Way; 9] = [
    Way { word: "basic", title: "User name and password", hint: "any registry" },
    Way { word: "anonymous", title: "Without signing in", hint: "what everybody may pull" },
    Way { word: "token", title: "Token", hint: "a bearer token that the registry takes as it is" },
    Way { word: "harbor", title: "Harbor", hint: "a robot account" },
    Way { word: "quay", title: "Quay", hint: "a robot account" },
    Way { word: "github", title: "GitHub", hint: "a token with read:packages" },
    Way { word: "docker_hub", title: "Docker Hub", hint: "a read-only access token" },
    Way { word: "ecr", title: "Amazon ECR", hint: "an access key" },
    Way { word: "acr", title: "Azure Container Registry", hint: "a service principal" },
];

impl RegistryForm {
    /// An empty form.
    pub(super) fn new() -> Self {
        Self {
            scheme: "https".to_owned(),
            auth: "basic".to_owned(),
            tags: "newest".to_owned(),
            tag_count: "5".to_owned(),
            ..Self::default()
        }
    }

    /// The form of a registry as it is stored, without its secret.
    pub(super) fn stored(settings: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = &settings["tags"];
        Self {
            host: word(&settings["host"]),
            scheme: settings["scheme"].as_str().unwrap_or("https").to_owned(),
            plain_http: if settings["plain_http"] == true { "yes" } else { "" }.to_owned(),
            auth: settings["auth"]["by"].as_str().unwrap_or("anonymous").to_owned(),
            ecr_region: word(&settings["auth"]["region"]),
            token_host: word(&settings["token_host"]),
            repositories: lines(&settings["repositories"]),
            tags: tags["policy"].as_str().unwrap_or("newest").to_owned(),
            tag_count: tags["count"].as_u64().unwrap_or(5).to_string(),
            tag_patterns: lines(&tags["patterns"]),
            platforms: lines(&settings["platforms"]),
            ca: word(&settings["ca"]),
            trusted_keys: lines(&settings["trusted_keys"]),
            ..Self::default()
        }
    }

    /// What is typed to get in.
    pub(super) fn credential(&self) -> Credential {
        match self.auth.as_str() {
            "anonymous" => Credential::None,
            "token" => Credential::Token,
            "ecr" => Credential::Key { id: "ecr_key_id", secret: "ecr_secret_key" },
            _ => Credential::Password,
        }
    }

    /// Whether it is read without signing in.
    pub(super) fn needs_none(&self) -> bool {
        self.credential() == Credential::None
    }

    /// The collector's settings.
    pub(super) fn settings(&self) -> Value {
        let plain = self.scheme == "http";
        let mut settings = json!({
            "host": self.host(),
            "scheme": if plain { "http" } else { "https" },
            "plain_http": plain && self.plain_http == "yes",
            "auth": { "by": self.auth },
            "repositories": names(&self.repositories),
            "tags": self.tags(),
            "platforms": names(&self.platforms),
            "trusted_keys": keys(&self.trusted_keys),
        });
        let region = self.ecr_region.trim();
        if self.auth == "ecr" && !region.is_empty() {
            settings["auth"]["region"] = json!(region);
        }
        for (field, typed) in [("token_host", self.token_host.trim()), ("ca", self.ca.trim())] {
            if !typed.is_empty() {
                settings[field] = json!(typed.replace('\r', ""));
            }
        }
        settings
    }

    /// The host alone, from an address as people copy it too. Where it can only be one, it need not be typed.
    fn host(&self) -> String {
        let typed = self.host.trim().to_ascii_lowercase();
        let typed = typed.strip_prefix("https://").unwrap_or(&typed);
        let only = match self.auth.as_str() {
            "github" => "ghcr.io",
            "docker_hub" => "docker.io",
            _ => "",
        };
        match typed.strip_suffix('/').unwrap_or(typed) {
            "" => only.to_owned(),
            host => host.to_owned(),
        }
    }

    /// A number that is none is nothing, which the collector refuses in its own words.
    fn tags(&self) -> Value {
        let count: u32 = self.tag_count.trim().parse().unwrap_or(0);
        match self.tags.as_str() {
            "all" => json!({ "policy": "all" }),
            "glob" => json!({ "policy": "glob", "patterns": names(&self.tag_patterns) }),
            "semver" => json!({ "policy": "semver", "count": count }),
            _ => json!({ "policy": "newest", "count": count }),
        }
    }

    /// The collector's secret.
    pub(super) fn secret(&self) -> SecretString {
        let secret = match self.credential() {
            Credential::None | Credential::ClusterToken | Credential::Kubeconfig => json!({}),
            Credential::Password => {
                json!({ "username": self.username.trim(), "password": self.password.expose_secret() })
            }
            Credential::Token | Credential::Certificate => json!({ "token": self.token.expose_secret().trim() }),
            Credential::Key { .. } => json!({
                "access_key_id": self.ecr_key_id.trim(),
                "secret_access_key": self.ecr_secret_key.expose_secret().trim(),
            }),
        };
        SecretString::from(secret.to_string())
    }

    /// Whether anything of the credential was typed.
    pub(super) fn types_secret(&self) -> bool {
        self.parts().into_iter().any(|part| !part.trim().is_empty())
    }

    /// What is missing of the credential, which must be typed whole.
    pub(super) fn check_secret(&self) -> Option<&'static str> {
        let whole = self.parts().into_iter().all(|part| !part.trim().is_empty());
        (!whole).then(|| self.credential().missing())
    }

    /// The parts of the credential that the way in takes.
    fn parts(&self) -> Vec<&str> {
        match self.credential() {
            Credential::None | Credential::ClusterToken | Credential::Kubeconfig => Vec::new(),
            Credential::Password => vec![self.username.as_str(), self.password.expose_secret()],
            Credential::Token | Credential::Certificate => vec![self.token.expose_secret()],
            Credential::Key { .. } => vec![self.ecr_key_id.as_str(), self.ecr_secret_key.expose_secret()],
        }
    }

    /// Whether the stored credential would be used otherwise than whoever typed it meant: in another way, for another
    /// token service, or over a wire that anybody reads.
    pub(super) fn uses_secret_otherwise(&self, stored: &Value) -> bool {
        let (settings, stored) = (self.settings(), Self::stored(stored).settings());
        ["auth", "token_host", "scheme"].into_iter().any(|field| settings[field] != stored[field])
    }

    /// Puts what the collector says of each setting beside its field.
    pub(super) fn check(&self, collector: &dyn Collector, errors: &mut FormErrors) {
        let settings = self.settings();
        let unmeant = self.scheme == "http" && self.plain_http != "yes";
        errors.add(
            "plain_http",
            unmeant
                .then_some("Plain HTTP protects neither the credential nor the images. Tick the box if it is meant."),
        );
        let mut ask = |field: &'static str, concerned: &[&str]| {
            let said = collector.check(&alone(&settings, concerned)).err().map(|error| error.to_string());
            let sound = said.is_none();
            errors.add(field, said);
            sound
        };
        for field in ["token_host", "tags", "platforms", "ca", "trusted_keys"] {
            ask(field, &[field]);
        }
        // Whether a registry has a catalogue, and a region, depends on its host.
        if ask("host", &["host"]) && ask("auth", &["host", "auth"]) {
            ask("repositories", &["host", "auth", "repositories"]);
        }
    }
}

/// A connection in which nothing but some settings can be wrong.
fn alone(settings: &Value, concerned: &[&str]) -> Connection {
    let mut rest = json!({ "host": "registry.example.com", "repositories": ["any"] });
    for field in concerned {
        if let Some(value) = settings.get(field) {
            rest[field] = value.clone();
        }
    }
    let secret = json!({
        "username": "any", "password": "any", "token": "any", "access_key_id": "any", "secret_access_key": "any",
    });
    Connection { settings: rest, secret: SecretString::from(secret.to_string()) }
}

/// What was typed one a line, or with commas or spaces between.
fn names(typed: &str) -> Vec<&str> {
    typed.split(|letter: char| letter == ',' || letter.is_whitespace()).filter(|name| !name.is_empty()).collect()
}

/// Public keys that were typed one after the other. What is left over is no key, and is refused as such.
fn keys(typed: &str) -> Vec<String> {
    let typed = typed.replace('\r', "");
    typed.split_inclusive(KEY_END).map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

/// A list of words, one a line.
fn lines(list: &Value) -> String {
    let words = list.as_array().map_or(&[][..], Vec::as_slice);
    words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----";

    #[test]
    fn a_stored_registry_comes_back_as_it_was_typed() {
        for way in WAYS {
            for tags in ["newest", "semver", "all", "glob"] {
                let form = RegistryForm {
                    host: "https://Registry.example.com:5000/".to_owned(),
                    scheme: "http".to_owned(),
                    plain_http: "yes".to_owned(),
                    auth: way.word.to_owned(),
                    ecr_region: "eu-west-1".to_owned(),
                    token_host: "auth.example.com".to_owned(),
                    repositories: "team/api\r\n!team/old-*".to_owned(),
                    tags: tags.to_owned(),
                    tag_count: "7".to_owned(),
                    tag_patterns: "v*, release-*".to_owned(),
                    platforms: "linux/amd64".to_owned(),
                    ca: "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n".to_owned(),
                    trusted_keys: format!("{KEY}\r\n\r\n{KEY}\r\n"),
                    ..RegistryForm::new()
                };
                let settings = form.settings();
                assert_eq!(settings["host"], "registry.example.com:5000");
                assert_eq!(settings["trusted_keys"], json!([KEY, KEY]));
                assert_eq!(settings["repositories"], json!(["team/api", "!team/old-*"]));
                assert!(!settings["ca"].to_string().contains("\\r"));
                assert_eq!(RegistryForm::stored(&settings).settings(), settings, "{} {tags}", way.word);
            }
        }
    }

    #[test]
    fn a_secret_is_what_its_way_in_takes_and_is_not_printed() {
        let typed = RegistryForm {
            username: "robot".to_owned(),
            password: SecretString::from(" hush "),
            token: SecretString::from("bearer"),
            ..RegistryForm::new()
        };
        assert!(
            typed.secret().expose_secret().contains(" hush ") && !typed.secret().expose_secret().contains("bearer")
        );
        assert!(!format!("{typed:?}").contains("hush"));
        let open = RegistryForm { auth: "anonymous".to_owned(), ..typed.clone() };
        assert_eq!((open.secret().expose_secret(), open.check_secret()), ("{}", None));
        let key = RegistryForm { auth: "ecr".to_owned(), ecr_key_id: "AKIAEXAMPLE".to_owned(), ..typed };
        assert!(key.types_secret() && key.check_secret().is_some(), "half of a key is none");
    }

    #[test]
    fn a_stored_credential_goes_where_it_was_meant_to_go() {
        let form = RegistryForm { host: "registry.example.com".to_owned(), ..RegistryForm::new() };
        let stored = form.settings();
        assert!(!form.uses_secret_otherwise(&stored));
        let narrowed = RegistryForm { repositories: "team/*".to_owned(), ..form.clone() };
        assert!(!narrowed.uses_secret_otherwise(&stored));
        let elsewhere = RegistryForm { token_host: "other.example.com".to_owned(), ..form.clone() };
        let open = RegistryForm { scheme: "http".to_owned(), ..form.clone() };
        let otherwise = RegistryForm { auth: "harbor".to_owned(), ..form };
        for changed in [elsewhere, open, otherwise] {
            assert!(changed.uses_secret_otherwise(&stored), "{changed:?}");
        }
    }

    #[test]
    fn the_host_of_a_public_registry_need_not_be_typed() {
        let host = |auth: &str, host: &str| {
            RegistryForm { auth: auth.to_owned(), host: host.to_owned(), ..RegistryForm::new() }.host()
        };
        assert_eq!((host("github", ""), host("docker_hub", " ")), ("ghcr.io".to_owned(), "docker.io".to_owned()));
        assert_eq!((host("github", "ghcr.example.com"), host("basic", "")), ("ghcr.example.com".into(), String::new()));
    }
}
