//! The database that is measured: a private cluster with the product's own settings, or a new database where
//! `DATABASE_URL` says, which has to be a superuser's.

use crate::table::say;
use anyhow::Context;
use plumbline_core::clock::{SharedClock, SystemClock};
use plumbline_core::id::Mint;
use plumbline_server::postgres::{APP, DATABASE, OWNER, PrivatePostgres};
use plumbline_store::Database;
use plumbline_store::seal::Keyring;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::path::Path;
use std::sync::Arc;
use url::Url;

const SUPERUSER: &str = "postgres";

pub(crate) struct Cluster {
    /// Past the doors, for making rows and for what the machine can do.
    admin: String,
    pub(crate) app: String,
    pub(crate) database: Database,
    pub(crate) mint: Arc<Mint>,
    private: Option<PrivatePostgres>,
    _folder: Option<tempfile::TempDir>,
}

impl Cluster {
    pub(crate) async fn open(data: Option<&Path>) -> anyhow::Result<Self> {
        let mut folder = None;
        let (admin, owner, app, private) = if let Ok(given) = std::env::var("DATABASE_URL") {
            let url = new_database(&given).await?;
            (url.clone(), url.clone(), url, None)
        } else {
            let data = match data {
                Some(data) => data.to_path_buf(),
                None => folder.insert(temporary()?).path().to_path_buf(),
            };
            let private = PrivatePostgres::start(&data).await?;
            let url = |role| private.url_for(role, DATABASE);
            (url(SUPERUSER), url(OWNER), url(APP), Some(private))
        };
        Database::migrate(&owner).await.context("the schema")?;
        let database = Database::connect(&app, 16).await?;
        let clock: SharedClock = Arc::new(SystemClock);
        let mint = Arc::new(Mint::new(clock, StdRng::from_os_rng()));
        Ok(Self { admin, app, database, mint, private, _folder: folder })
    }

    /// A connection of a superuser.
    pub(crate) async fn admin(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.admin).await?)
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.database.close().await;
        match self.private {
            Some(private) => private.stop().await,
            None => Ok(()),
        }
    }
}

/// A keyring of one key, for what is sealed while measuring.
pub(crate) fn keyring() -> anyhow::Result<Keyring> {
    Ok(Keyring::parse(&SecretString::from(format!("bench:{}=", "A".repeat(43))))?)
}

/// The database's user has to get to its folder inside.
fn temporary() -> anyhow::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix("plumbline-bench.").tempdir_in("/var/tmp")?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

async fn new_database(given: &str) -> anyhow::Result<String> {
    let options: PgConnectOptions = given.parse().context("DATABASE_URL")?;
    let mut connection = PgConnection::connect_with(&options).await.context("DATABASE_URL")?;
    let (superuser,): (bool,) =
        sqlx::query_as("select rolsuper from pg_roles where rolname = current_user").fetch_one(&mut connection).await?;
    anyhow::ensure!(superuser, "DATABASE_URL must be a superuser's: rows are made past the doors");
    say("Making the database plumbline_bench anew");
    sqlx::query("drop database if exists plumbline_bench").execute(&mut connection).await?;
    sqlx::query("create database plumbline_bench").execute(&mut connection).await?;
    let mut url = Url::parse(given)?;
    url.set_path("plumbline_bench");
    Ok(url.into())
}
