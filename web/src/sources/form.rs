//! The form of a source: what every source has, and what its provider takes besides.

use super::aws::AwsForm;
use super::cluster::ClusterForm;
use super::docker::DockerForm;
use super::host;
use super::registry::RegistryForm;
use plumbline_core::collect::{Collector, Connection};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How often a source may be polled, in seconds.
const INTERVALS: [i32; 7] = [60, 300, 900, 3600, 14_400, 43_200, 86_400];

/// The fields that every source has, of which a collector knows nothing.
const FRAME: [&str; 2] = ["name", "poll"];

/// What can be connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Provider {
    #[default]
    Aws,
    Kubernetes,
    Registry,
    Docker,
    Host,
}

impl Provider {
    pub(super) const ALL: [Self; 5] = [Self::Aws, Self::Kubernetes, Self::Registry, Self::Docker, Self::Host];

    /// The one of this word, as sources and collectors name it.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.word() == word)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Kubernetes => "kubernetes",
            Self::Registry => "registry",
            Self::Docker => "docker",
            Self::Host => "host",
        }
    }

    /// What is connected, after "Connect".
    pub(super) fn thing(self) -> &'static str {
        match self {
            Self::Aws => "an AWS account",
            Self::Kubernetes => "a Kubernetes cluster",
            Self::Registry => "a container registry",
            Self::Docker => "a Docker engine",
            Self::Host => "a container host",
        }
    }
}

/// What is typed to get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    None,
    Password,
    Token,
    /// The token of a cluster's service account.
    ClusterToken,
    Kubeconfig,
    /// A client's certificate with its key.
    Certificate,
    /// An access key of Amazon's, with the names of its two fields.
    Key {
        id: &'static str,
        secret: &'static str,
    },
}

impl Credential {
    /// What is said when it was not typed whole.
    pub(super) fn missing(self) -> &'static str {
        match self {
            Self::None => "Nothing is typed to get in.",
            Self::Password => "Type both the user name and the password.",
            Self::Token | Self::ClusterToken => "Type the token.",
            Self::Kubeconfig => "Put in the text of the kubeconfig.",
            Self::Certificate => "Paste both the certificate and its key.",
            Self::Key { .. } => "Type both the key's id and its secret.",
        }
    }
}

/// What was typed. Secrets are read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct SourceForm {
    #[serde(default)]
    pub(super) provider: Provider,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) poll_seconds: String,
    #[serde(flatten)]
    pub(super) aws: AwsForm,
    #[serde(flatten)]
    pub(super) cluster: ClusterForm,
    #[serde(flatten)]
    pub(super) registry: RegistryForm,
    #[serde(flatten)]
    pub(super) docker: DockerForm,
}

/// What the form lacks: sentences beside fields, and one on top for what concerns none alone.
#[derive(Debug, Clone, Default)]
pub(super) struct FormErrors {
    pub(super) top: Option<String>,
    fields: BTreeMap<&'static str, String>,
}

impl FormErrors {
    /// One, beside a field.
    pub(super) fn beside(field: &'static str, words: impl Into<String>) -> Self {
        Self { top: None, fields: BTreeMap::from([(field, words.into())]) }
    }

    /// Adds a sentence, if there is one; the first one of a field stays.
    pub(super) fn add(&mut self, field: &'static str, words: Option<impl Into<String>>) {
        if let Some(words) = words {
            self.fields.entry(field).or_insert_with(|| words.into());
        }
    }

    /// What stands beside a field.
    pub(super) fn at(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    /// Adds what the collector says of everything together, unless that stands beside a field of its own already.
    pub(super) fn hear(&mut self, collector: &dyn Collector, connection: &Connection) {
        let said = collector.check(connection).err().map(|error| error.to_string());
        let known = self.fields.keys().any(|field| !FRAME.contains(field));
        self.top = said.filter(|_| !known);
    }

    pub(super) fn any(&self) -> bool {
        self.top.is_some() || !self.fields.is_empty()
    }
}

/// One choice of how often.
pub(super) struct Interval {
    pub(super) seconds: i32,
    pub(super) words: String,
    pub(super) chosen: bool,
}

impl SourceForm {
    /// An empty form.
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            provider,
            name: String::new(),
            poll_seconds: "3600".to_owned(),
            aws: AwsForm::new(),
            cluster: ClusterForm::new(),
            registry: RegistryForm::new(),
            docker: DockerForm::default(),
        }
    }

    /// The form of a source as it is stored, without its secret.
    pub(super) fn stored(provider: Provider, name: &str, poll_seconds: i32, settings: &Value) -> Self {
        let mut form =
            Self { provider, name: name.to_owned(), poll_seconds: poll_seconds.to_string(), ..Self::default() };
        match provider {
            Provider::Aws => form.aws = AwsForm::stored(settings),
            Provider::Kubernetes => form.cluster = ClusterForm::stored(settings),
            Provider::Registry => form.registry = RegistryForm::stored(settings),
            Provider::Docker => form.docker = DockerForm::stored(settings),
            Provider::Host => {}
        }
        form
    }

    /// What was typed over a stored source, with what of it stays: another account or registry is another source.
    pub(super) fn over(self, stored: &Self) -> Self {
        let (by, management) = (stored.aws.by.clone(), stored.aws.management.clone());
        Self {
            provider: stored.provider,
            aws: AwsForm { by, management, ..self.aws },
            registry: RegistryForm { host: stored.registry.host.clone(), ..self.registry },
            docker: DockerForm { engine: stored.docker.engine.clone(), ..self.docker },
            ..self
        }
    }

    /// The same with the secret that was typed into another form.
    pub(super) fn with_secret_of(self, typed: Self) -> Self {
        let (key, cluster, registry) = (typed.aws, typed.cluster, typed.registry);
        Self {
            cluster: ClusterForm {
                cluster_token: cluster.cluster_token,
                kubeconfig: cluster.kubeconfig,
                eks_key_id: cluster.eks_key_id,
                eks_secret_key: cluster.eks_secret_key,
                ..self.cluster
            },
            aws: AwsForm { access_key_id: key.access_key_id, secret_access_key: key.secret_access_key, ..self.aws },
            registry: RegistryForm {
                username: registry.username,
                password: registry.password,
                token: registry.token,
                ecr_key_id: registry.ecr_key_id,
                ecr_secret_key: registry.ecr_secret_key,
                ..self.registry
            },
            docker: DockerForm {
                docker_certificate: typed.docker.docker_certificate,
                docker_key: typed.docker.docker_key,
                ..self.docker
            },
            ..self
        }
    }

    /// What is typed to get in.
    pub(super) fn credential(&self) -> Credential {
        match self.provider {
            Provider::Aws => self.aws.credential(),
            Provider::Kubernetes => self.cluster.credential(),
            Provider::Registry => self.registry.credential(),
            Provider::Docker => self.docker.credential(),
            Provider::Host => Credential::None,
        }
    }

    /// The collector's settings.
    pub(super) fn settings(&self, external_id: &str) -> Value {
        match self.provider {
            Provider::Aws => self.aws.settings(external_id),
            Provider::Kubernetes => self.cluster.settings(external_id),
            Provider::Registry => self.registry.settings(),
            Provider::Docker => self.docker.settings(),
            Provider::Host => host::settings(),
        }
    }

    /// The collector's secret.
    pub(super) fn secret(&self) -> SecretString {
        match self.provider {
            Provider::Aws => self.aws.secret(),
            Provider::Kubernetes => self.cluster.secret(),
            Provider::Registry => self.registry.secret(),
            Provider::Docker => self.docker.secret(),
            Provider::Host => SecretString::from("{}"),
        }
    }

    /// What was typed, as the collector takes it.
    pub(super) fn connection(&self, external_id: &str) -> Connection {
        Connection { settings: self.settings(external_id), secret: self.secret() }
    }

    /// What is wrong with everything but the secret, which may be a stored one.
    pub(super) fn check(&self, collector: &dyn Collector) -> FormErrors {
        let name = self.name.trim();
        let mut errors = FormErrors::default();
        errors.add(
            "name",
            (!(1..=120).contains(&name.chars().count())).then_some("Give it a name of 1 to 120 characters."),
        );
        errors.add("poll", self.seconds().is_none().then_some("Choose how often it is read."));
        match self.provider {
            Provider::Kubernetes => self.cluster.check(collector, &mut errors),
            Provider::Registry => self.registry.check(collector, &mut errors),
            Provider::Docker => self.docker.check(collector, &mut errors),
            Provider::Aws | Provider::Host => {}
        }
        errors
    }

    /// What is wrong with the secret, which must be typed whole.
    pub(super) fn check_secret(&self) -> Option<&'static str> {
        match self.provider {
            Provider::Aws => self.aws.check_key(),
            Provider::Kubernetes => self.cluster.check_secret(),
            Provider::Registry => self.registry.check_secret(),
            Provider::Docker => self.docker.check_secret(),
            Provider::Host => None,
        }
    }

    /// How often, when that is one of the choices or what is stored.
    pub(super) fn seconds(&self) -> Option<i32> {
        self.poll_seconds.parse().ok().filter(|seconds| (30..=604_800).contains(seconds))
    }

    /// The choices of how often; what is stored is among them.
    pub(super) fn intervals(&self) -> Vec<Interval> {
        let stored = self.seconds();
        let mut all: Vec<i32> = INTERVALS.into_iter().chain(stored).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
            .map(|seconds| Interval {
                seconds,
                words: crate::words::capital(&super::every(seconds)),
                chosen: Some(seconds) == stored,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::web::Query;

    #[test]
    fn the_fields_of_each_provider_are_read_beside_what_all_have() {
        let typed = "provider=registry&name=Images&poll_seconds=900&host=registry.example.com&auth=token&token=hush";
        let form = Query::<SourceForm>::from_query(typed).unwrap().into_inner();
        assert_eq!((form.provider, form.name.as_str(), form.seconds()), (Provider::Registry, "Images", Some(900)));
        assert_eq!(form.registry.host, "registry.example.com");
        let form = Query::<SourceForm>::from_query("name=Production&by=role&role_arn=arn").unwrap().into_inner();
        assert_eq!((form.provider, form.aws.role_arn.as_str()), (Provider::Aws, "arn"));
        assert!(Query::<SourceForm>::from_query("provider=magic").is_err());
    }
}
