//! The product's own Postgres: a private cluster in the data folder, started and stopped with the product.
//!
//! It listens on a unix socket only, in a folder that no other user may enter, and so needs no passwords. Whatever ended the
//! product before (a kill, a power cut), the next start finds the cluster, puts an orphaned server to rest, and goes on.

use std::{
    fs::File,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use anyhow::ensure;
use nix::{
    fcntl::Flock,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{AssertSqlSafe, Connection};

mod binaries;
mod claim;
mod home;
#[cfg(test)]
mod tests;

use binaries::Binaries;
use home::{Home, SUPERUSER};

/// The role that owns the database and migrates it.
pub const OWNER: &str = "plumbline_owner";
/// The role the product works as: row-level security binds it.
pub const APP: &str = "plumbline_app";
/// The product's database.
pub const DATABASE: &str = "plumbline";

const STOP_WITHIN: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// A running private cluster. Dropping it stops it as well as a destructor can; [`PrivatePostgres::stop`] says how that went.
pub struct PrivatePostgres {
    home: Home,
    child: Option<Child>,
    _lock: Flock<File>,
}

impl PrivatePostgres {
    /// Starts the cluster in `data_dir`, making it first if there is none, and sees to its roles and database.
    pub async fn start(data_dir: &Path) -> anyhow::Result<Self> {
        let home = Home::open(data_dir)?;
        let lock = claim::lock(&home.data)?;
        let binaries = Binaries::find(home.version())?;
        home.create_cluster(&binaries)?;
        claim::stop_orphan(&home.cluster).await?;
        let child = home.launch(&binaries).await?;
        let postgres = Self { home, child: Some(child), _lock: lock };
        ensure_roles(&postgres.home).await?;
        Ok(postgres)
    }

    /// A connection URL for a role and a database, over the socket.
    pub fn url_for(&self, role: &str, db: &str) -> String {
        self.home.url_for(role, db)
    }

    /// Returns when the server has ended without being asked to.
    pub async fn died(&mut self) {
        while let Some(child) = &mut self.child
            && matches!(child.try_wait(), Ok(None))
        {
            tokio::time::sleep(PAUSE * 10).await;
        }
    }

    /// Stops the server: sessions are ended, what they committed is kept.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        signal(child.id(), Signal::SIGINT);
        let deadline = Instant::now() + STOP_WITHIN;
        while child.try_wait()?.is_none() {
            ensure!(
                Instant::now() < deadline,
                "the database did not stop within {STOP_WITHIN:?}:\n{}",
                self.home.log_tail()
            );
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        signal(child.id(), Signal::SIGINT);
        let deadline = Instant::now() + STOP_WITHIN / 4;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    // A process that is already gone is what was wanted.
    let _gone = kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// Makes the two roles and the database, or brings the roles back to the powers they should have.
async fn ensure_roles(home: &Home) -> anyhow::Result<()> {
    let mut db = home.connect(SUPERUSER).await?;
    for (role, powers) in [
        (OWNER, "login createrole nosuperuser nobypassrls"),
        (APP, "login noinherit nosuperuser nobypassrls nocreaterole nocreatedb"),
    ] {
        let known: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut db)
            .await?;
        let verb = if known { "alter" } else { "create" };
        sqlx::query(AssertSqlSafe(format!("{verb} role {role} with {powers}"))).execute(&mut db).await?;
    }
    let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut db)
        .await?;
    if !known {
        sqlx::query(AssertSqlSafe(format!("create database {DATABASE} owner {OWNER}"))).execute(&mut db).await?;
    }
    Ok(db.close().await?)
}
