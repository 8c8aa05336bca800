//! One run over a registry: which repositories there are, and each of them.

use crate::client::Client;
use crate::credential::Secret;
use crate::error::ReadError;
use crate::layers::Layers;
use crate::operator::{Operator, Patience};
use crate::repository::Repository;
use crate::resource;
use crate::settings::{Auth, Scheme, Settings, is_repository};
use crate::verify::TrustedKey;
use crate::{access, probe};
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::{
    AccessRecipe, CollectError, Collector, Connection, Errand, Event, Memory, ProbeLine, Sink,
};
use plumbline_core::glob;
use plumbline_core::resource::Unread;
use plumbline_core::scope::Outcome;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Repositories read at once.
const REPOSITORIES: usize = 4;
/// Repositories of which one is tried without credentials.
const TRIED: usize = 3;

/// The collector of OCI registries.
#[derive(Clone)]
pub struct RegistryCollector {
    operator: Operator,
    patience: Patience,
    clock: SharedClock,
}

impl RegistryCollector {
    #[must_use]
    pub fn new(operator: Operator, clock: SharedClock) -> Self {
        Self { operator, patience: Patience::default(), clock }
    }

    /// The same with another patience than the usual one.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    fn open(&self, connection: &Connection) -> Result<(Settings, Client), CollectError> {
        let settings = Settings::of(connection, self.operator)?;
        let secret = Secret::of(connection, &settings)?;
        let client = self.client(&settings, &secret)?;
        Ok((settings, client))
    }

    fn client(&self, settings: &Settings, secret: &Secret) -> Result<Client, CollectError> {
        Client::open(settings, secret, self.operator, &self.patience, self.clock.clone())
    }

    /// The same registry as a stranger sees it.
    fn stranger(&self, settings: &Settings) -> Result<Client, CollectError> {
        let settings = Settings { auth: Auth::Anonymous, ..settings.clone() };
        self.client(&settings, &Secret::default())
    }
}

#[async_trait]
impl Collector for RegistryCollector {
    fn provider(&self) -> &'static str {
        "registry"
    }

    fn check(&self, connection: &Connection) -> Result<(), CollectError> {
        let settings = Settings::of(connection, self.operator)?;
        Secret::of(connection, &settings).map(|_| ())
    }

    fn access(&self, settings: &Value) -> Vec<AccessRecipe> {
        access::recipes(settings)
    }

    async fn probe(&self, connection: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        let (settings, client) = self.open(connection)?;
        Ok(probe::probe(&settings, &client).await)
    }

    async fn collect(&self, connection: &Connection, errand: Errand) -> Result<(), CollectError> {
        let (settings, client) = self.open(connection)?;
        let run = Run {
            keys: settings.keys().map_err(CollectError::Settings)?,
            stranger: self.stranger(&settings)?,
            settings,
            client,
            sink: errand.sink,
            layers: Layers::new(errand.memory.clone()),
            memory: errand.memory,
        };
        tokio::select! {
            done = run.all() => done,
            () = errand.cancel.cancelled() => Err(CollectError::Cancelled),
        }
    }
}

/// One run.
pub(crate) struct Run {
    pub(crate) settings: Settings,
    pub(crate) client: Client,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) layers: Layers,
    pub(crate) keys: Vec<TrustedKey>,
    stranger: Client,
    sink: Sink,
}

impl Run {
    async fn all(&self) -> Result<(), CollectError> {
        let scope = resource::key(&self.settings.host, "global", "registry.registry");
        self.send(Event::Planned(vec![scope.clone()])).await?;
        let client = self.client.counted();
        self.enter(&client).await?;
        let (names, catalogue) = self.repositories(&client).await?;
        self.registry(&names, &catalogue).await?;
        let outcome = catalogue.map_or_else(ReadError::into_outcome, |_| Outcome::Complete);
        self.send(Event::Ended { scope, outcome, api_calls: client.calls() + self.stranger.calls() }).await?;
        self.plan(&names).await?;
        let repositories: Vec<Repository<'_>> = names.iter().map(|name| Repository::new(self, name)).collect();
        let reading: Vec<_> = repositories.iter().map(Repository::read).collect();
        let mut reading = stream::iter(reading).buffer_unordered(REPOSITORIES);
        while let Some(done) = reading.next().await {
            done?;
        }
        Ok(())
    }

    /// Whether we are let in at all. Some registries let nobody ask for this and still let repositories be read.
    async fn enter(&self, client: &Client) -> Result<(), CollectError> {
        match client.ping().await {
            Ok(()) => Ok(()),
            Err(ReadError::Denied { detail, .. }) if matches!(self.settings.auth, Auth::Anonymous | Auth::Token) => {
                self.note(format!("the registry does not greet us: {detail}")).await
            }
            Err(ReadError::Denied { permission, detail }) => {
                Err(CollectError::Refused(format!("The registry does not let us in ({permission}): {detail}.")))
            }
            Err(ReadError::Closed) => Err(CollectError::Cancelled),
            Err(error) => Err(CollectError::Unreachable(format!("The registry does not answer as one: {error}."))),
        }
    }

    /// The repositories to read, and how many the catalogue lists, if it had to be asked.
    async fn repositories(
        &self,
        client: &Client,
    ) -> Result<(BTreeSet<String>, Result<Option<usize>, ReadError>), CollectError> {
        let mut names: BTreeSet<String> = self.settings.named().collect();
        if !self.settings.needs_catalogue() {
            return Ok((names, Ok(None)));
        }
        match client.catalogue().await {
            Ok(listed) => {
                let odd = listed.iter().filter(|name| !is_repository(name)).count();
                if odd > 0 {
                    let words = "repositories have names that no registry may give, and are not read";
                    self.note(format!("{odd} {words}")).await?;
                }
                let count = listed.len();
                let chosen = listed.into_iter().filter(|name| is_repository(name));
                names.extend(chosen.filter(|name| glob::selects(&self.settings.repositories, name)));
                Ok((names, Ok(Some(count))))
            }
            Err(ReadError::Closed) => Err(CollectError::Cancelled),
            Err(error) => {
                self.note(format!("the catalogue could not be read, and so only what is named in full is: {error}"))
                    .await?;
                Ok((names, Err(error)))
            }
        }
    }

    async fn registry(
        &self,
        names: &BTreeSet<String>,
        catalogue: &Result<Option<usize>, ReadError>,
    ) -> Result<(), CollectError> {
        let settings = &self.settings;
        let mut built = resource::registry(
            &settings.host,
            json!({
                "Host": settings.host,
                "Scheme": settings.scheme.as_str(),
                "TlsVerified": settings.scheme == Scheme::Https,
                "PrivateCa": settings.ca.is_some(),
                "Authentication": self.client.manner().await,
            }),
        );
        match catalogue {
            Ok(count) => built.attributes.extend([("Catalogue".to_owned(), json!(count))]),
            Err(error) => {
                let why = Unread { permission: "registry:catalog:*".to_owned(), ..error.clone().into_unread("") };
                built.unread.insert("Catalogue".to_owned(), why);
            }
        }
        match self.lets_strangers_in(names).await {
            Ok(answer) => built.attributes.extend([("AnonymousPull".to_owned(), json!(answer))]),
            Err(why) => built.unread.extend([("AnonymousPull".to_owned(), why)]),
        }
        self.send(Event::Resource(Box::new(built))).await
    }

    /// Whether one of the first repositories can be read without credentials.
    async fn lets_strangers_in(&self, names: &BTreeSet<String>) -> Result<bool, Unread> {
        if self.settings.auth == Auth::Anonymous {
            return Ok(true);
        }
        let mut why = ReadError::failed("there is no repository to try it with");
        let mut refused = false;
        for name in names.iter().take(TRIED) {
            match self.stranger.tags(name).await {
                Ok(_) => return Ok(true),
                Err(ReadError::Denied { .. } | ReadError::Missing(_)) => refused = true,
                Err(error) => why = error,
            }
        }
        if refused { Ok(false) } else { Err(why.into_unread("*")) }
    }

    async fn plan(&self, names: &BTreeSet<String>) -> Result<(), CollectError> {
        let readers = ["registry.repository", "registry.images"];
        let scopes =
            names.iter().flat_map(|name| readers.map(|reader| resource::key(&self.settings.host, name, reader)));
        let scopes: Vec<_> = scopes.collect();
        if scopes.is_empty() { Ok(()) } else { self.send(Event::Planned(scopes)).await }
    }

    async fn note(&self, words: String) -> Result<(), CollectError> {
        self.send(Event::Note(words)).await
    }

    pub(crate) async fn send(&self, event: Event) -> Result<(), CollectError> {
        self.sink.send(event).await.map_err(|_| CollectError::Cancelled)
    }
}
