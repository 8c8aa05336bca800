//! The whole web application in this process, over a database of the test's own and a clock that stands still.

use crate::browser::Browser;
use actix_web::body::BoxBody;
use actix_web::cookie::Key;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{self, TestRequest};
use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::LocalBoxFuture;
use plumbline_core::clock::FrozenClock;
use plumbline_core::id::{Mint, PersonId};
use plumbline_core::role::Role;
use plumbline_policy::Catalogue;
use plumbline_store::identity::person::{self, NewPerson};
use plumbline_store::seal::Keyring;
use plumbline_store::tenant::{self, Tenant, member};
use plumbline_store::{Database, TenantTx};
use plumbline_web::state::Parts;
use plumbline_web::{AppState, Config, passwords};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::SecretString;
use sqlx::PgPool;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// Everybody's password in tests.
pub const PASSWORD: &str = "a lead weight on a line";

pub(crate) type Answered = Result<ServiceResponse<BoxBody>, actix_web::Error>;
pub(crate) type Serve = Rc<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answered>>;

/// The application, and the doors to its database.
pub struct TestApp {
    pub clock: FrozenClock,
    pub mint: Arc<Mint>,
    pub database: Database,
    /// The superuser's own, for looking behind the doors.
    pub pool: PgPool,
    /// Harbor Lane, where callers are members unless said otherwise.
    pub tenant: Tenant,
    pub(crate) serve: Serve,
    /// Where the application believes to be.
    origin: String,
    addresses: AtomicU8,
}

/// The noon at which tests begin.
#[must_use]
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_796_040_000, 0).expect("an instant")
}

impl TestApp {
    /// Starts over a database whose schema is up to date, with one tenant and nobody in it.
    pub async fn start(pool: PgPool) -> Self {
        Self::configured(pool, |_| {}).await
    }

    /// Starts with something set up differently.
    pub async fn configured(pool: PgPool, change: impl FnOnce(&mut Parts)) -> Self {
        let clock = FrozenClock::at(noon());
        let mint = Arc::new(Mint::new(Arc::new(clock.clone()), StdRng::seed_from_u64(7)));
        let database = Database::from_pool(pool.clone());
        let mut parts = Parts {
            database: database.clone(),
            keyring: Arc::new(keyring()),
            clock: Arc::new(clock.clone()),
            mint,
            collectors: Arc::new([]),
            catalogue: Catalogue::builtin(),
            config: Config {
                public_url: "http://127.0.0.1:8080".parse().expect("a URL"),
                cookie_key: Key::from(&[5; 64]),
                behind_proxy: false,
                private_issuers: false,
            },
        };
        change(&mut parts);
        let origin = parts.config.public_url.origin().ascii_serialization();
        let mint = parts.mint.clone();
        let state = web::Data::new(AppState::new(parts));
        let service = Rc::new(test::init_service(plumbline_web::app(&state)).await);
        let serve: Serve = Rc::new(move |request: TestRequest| {
            let service = service.clone();
            Box::pin(async move { service.call(request.to_request()).await.map(ServiceResponse::map_into_boxed_body) })
        });
        let tenant = new_tenant(&database, "Harbor Lane", &mint).await;
        Self { clock, mint, database, pool, tenant, serve, origin, addresses: AtomicU8::new(1) }
    }

    /// Somebody who has not signed in, at a network address of their own.
    pub fn anonymous(&self) -> Browser {
        let last = self.addresses.fetch_add(1, Ordering::Relaxed);
        Browser::new(self.serve.clone(), IpAddr::from([203, 0, 113, last]), self.origin.clone())
    }

    pub async fn owner(&self) -> Browser {
        self.member(Role::Owner).await
    }

    pub async fn ciso(&self) -> Browser {
        self.member(Role::Ciso).await
    }

    pub async fn analyst(&self) -> Browser {
        self.member(Role::Analyst).await
    }

    pub async fn auditor(&self) -> Browser {
        self.member(Role::Auditor).await
    }

    /// Somebody signed in with this role in Harbor Lane; made when there is nobody yet.
    pub async fn member(&self, role: Role) -> Browser {
        let email = format!("{}@harborlane.example.com", role.as_str());
        self.member_of(&self.tenant, role, &email).await
    }

    /// Somebody signed in with this role and address in a tenant.
    pub async fn member_of(&self, tenant: &Tenant, role: Role, email: &str) -> Browser {
        self.join(tenant, role, email).await;
        self.signed_in(email).await
    }

    /// Signs somebody in with the password of tests.
    pub async fn signed_in(&self, email: &str) -> Browser {
        let mut browser = self.anonymous();
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, 303, "{email} signs in: {}", answer.body);
        browser
    }

    /// Makes somebody a member, and the person when there is none.
    pub async fn join(&self, tenant: &Tenant, role: Role, email: &str) -> PersonId {
        let mut tx = self.database.identity().await.expect("the identity door");
        let known = person::credentials(&mut tx, email).await.expect("a look-up");
        let id = match known {
            Some(known) => known.person,
            None => {
                let name = email.split('@').next().unwrap_or(email);
                let new = NewPerson { name, email, password_hash: Some(password_hash()), only_in: None };
                person::create(&mut tx, &new, &self.mint).await.expect("a person")
            }
        };
        member::join(&mut tx, tenant.id, id, role, self.mint.now()).await.expect("a membership");
        tx.commit().await.expect("committed");
        id
    }

    /// Another tenant, with nobody in it.
    pub async fn another_tenant(&self, name: &str) -> Tenant {
        new_tenant(&self.database, name, &self.mint).await
    }

    /// A transaction that sees Harbor Lane.
    pub async fn tx(&self) -> TenantTx {
        self.database.tenant(self.tenant.id).await.expect("the tenant's door")
    }

    /// Lets time pass.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }
}

async fn new_tenant(database: &Database, name: &str, mint: &Mint) -> Tenant {
    let mut tx = database.identity().await.expect("the identity door");
    let tenant = tenant::create(&mut tx, name, mint).await.expect("a tenant");
    tx.commit().await.expect("committed");
    tenant
}

/// A keyring of one key, the same in every test.
#[must_use]
pub fn keyring() -> Keyring {
    let text = format!("test:{}=", "A".repeat(43));
    Keyring::parse(&SecretString::from(text)).expect("a keyring")
}

/// Hashed once for all tests of a process.
fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let clock = Arc::new(FrozenClock::at(noon()));
        let mint = Mint::new(clock, StdRng::seed_from_u64(3));
        passwords::hash(&SecretString::from(PASSWORD), &mint).expect("a hash")
    })
}
