//! Sessions: `actix-session` over our own table, and what a session says of its person.

use crate::call::{Key, Visit};
use crate::csrf::Secret;
use crate::error::WebError;
use crate::frame::Flash;
use crate::state::AppState;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::SameSite;
use actix_web::cookie::time::Duration;
use actix_web::web;
use anyhow::Context;
use chrono::{DateTime, Utc};
use plumbline_core::id::{PersonId, TenantId};
use plumbline_store::identity::Token;
use plumbline_store::identity::session::{self as stored, State};

const WHO: &str = "who";
const FLASH: &str = "flash";

/// Whose session it is.
#[derive(Clone)]
pub struct SignedInAs {
    pub person: PersonId,
    /// The tenant that the person looks at.
    pub tenant: Option<TenantId>,
    /// The one tenant that this session may enter, when it was that tenant's provider who vouched for the person.
    pub only: Option<TenantId>,
    /// Kept when the session changes its key: rotation does not lengthen it.
    pub since: DateTime<Utc>,
    pub agent: String,
    pub(crate) csrf: Secret,
}

/// The same, as it is stored.
#[derive(serde::Serialize, serde::Deserialize)]
struct Who {
    person: PersonId,
    tenant: Option<TenantId>,
    only: Option<TenantId>,
    since: DateTime<Utc>,
    agent: String,
    csrf: String,
}

/// Reads whose session it is; nobody's when nobody signed in.
pub(crate) fn signed_in(session: &Session) -> Option<SignedInAs> {
    let who: Who = session.get(WHO).ok().flatten()?;
    Some(SignedInAs {
        person: who.person,
        tenant: who.tenant,
        only: who.only,
        since: who.since,
        agent: who.agent,
        csrf: Secret::from_hex(&who.csrf)?,
    })
}

/// Makes the session somebody's, under a new key and with a new form token: at sign-in, and when the tenant changes.
pub(crate) fn enter(session: &Session, who: &SignedInAs) -> Result<(), WebError> {
    let who = Who {
        person: who.person,
        tenant: who.tenant,
        only: who.only,
        since: who.since,
        agent: who.agent.clone(),
        csrf: who.csrf.to_hex(),
    };
    session.clear();
    session.renew();
    session.insert(WHO, who).map_err(|error| WebError::Internal(error.to_string()))
}

/// What a listed session says of itself: the browser that it is in, and whether it is this one.
pub(crate) fn described(state: &State, this: &SignedInAs) -> (String, bool) {
    let who: Option<Who> = state.get(WHO).and_then(|text| serde_json::from_str(text).ok());
    who.map(|who| (who.agent, who.csrf == this.csrf.to_hex())).unwrap_or_default()
}

pub(crate) fn set_flash(session: &Session, flash: &Flash) {
    if signed_in(session).is_some() {
        // What is said is a courtesy; a session that cannot carry it is no reason to fail.
        let _ = session.insert(FLASH, flash);
    }
}

pub(crate) fn take_flash(session: &Session) -> Option<Flash> {
    session.contains_key(FLASH).then(|| session.remove_as(FLASH)).flatten()?.ok()
}

/// The hash under which the session of this request is stored.
pub(crate) fn key_hash(cookie_value: &str) -> [u8; 32] {
    Token::from_link(cookie_value).hash()
}

/// Sessions in Postgres. Nothing is kept for anybody who has not signed in.
#[derive(Clone)]
pub(crate) struct PgSessions(web::Data<AppState>);

pub(crate) fn middleware(state: &web::Data<AppState>) -> SessionMiddleware<PgSessions> {
    let config = &state.config;
    let lifetime = Duration::seconds(stored::ABSOLUTE.num_seconds());
    SessionMiddleware::builder(PgSessions(state.clone()), config.cookie_key.clone())
        .cookie_name(config.cookie_name("session"))
        .cookie_secure(config.secure_cookies())
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".to_owned())
        // The key in it is random and means nothing; signing is enough to turn guesses away before the database.
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(BrowserSession::default().state_ttl(lifetime))
        .build()
}

impl SignedInAs {
    /// A session that begins now.
    pub(crate) fn begin(visit: &Visit, person: PersonId, tenant: Option<TenantId>) -> Self {
        Self {
            person,
            tenant,
            only: None,
            since: visit.now,
            agent: visit.agent.clone(),
            csrf: Secret::mint(&visit.state.mint),
        }
    }
}

impl SessionStore for PgSessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        self.load_state(key).await.map_err(LoadError::Other)
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        self.create(&state).await.map_err(SaveError::Other)
    }

    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        self.replace(&key, &state).await.map_err(UpdateError::Other)?;
        Ok(key)
    }

    /// Use is noted while loading.
    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let mut tx = self.0.database(Key::for_sessions()).identity().await?;
        stored::delete(&mut tx, &key_hash(key.as_ref())).await?;
        Ok(tx.commit().await?)
    }
}

impl PgSessions {
    async fn load_state(&self, key: &SessionKey) -> anyhow::Result<Option<State>> {
        let mut tx = self.0.database(Key::for_sessions()).identity().await?;
        let state = stored::load(&mut tx, &key_hash(key.as_ref()), self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(state)
    }

    async fn create(&self, state: &State) -> anyhow::Result<SessionKey> {
        let token = Token::mint(&self.0.mint);
        let key = SessionKey::try_from(token.expose().to_owned())?;
        let who: Who = serde_json::from_str(state.get(WHO).context("a session of nobody")?)?;
        let mut tx = self.0.database(Key::for_sessions()).identity().await?;
        stored::create(&mut tx, &token.hash(), who.person, state, who.since, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(key)
    }

    async fn replace(&self, key: &SessionKey, state: &State) -> anyhow::Result<()> {
        let mut tx = self.0.database(Key::for_sessions()).identity().await?;
        stored::update(&mut tx, &key_hash(key.as_ref()), state).await?;
        Ok(tx.commit().await?)
    }
}
