//! The cluster's folders, and the server that runs in them.

use std::{
    fs::{self, DirBuilder, File},
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use nix::{
    sys::signal::Signal,
    unistd::{Uid, User},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use url::Url;

use super::{PAUSE, binaries::Binaries, signal};

pub(super) const SUPERUSER: &str = "postgres";
const PORT: u16 = 5432;
/// Recovery after a crash may take a while; a server that is alive is given this long.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The longest folder for which `<folder>/.s.PGSQL.5432` fits a socket address (107 bytes).
pub(super) const LONGEST_SOCKET_FOLDER: usize = 107 - "/.s.PGSQL.5432".len();

/// Where the cluster lives and whom it runs as.
pub(super) struct Home {
    pub(super) data: PathBuf,
    pub(super) cluster: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    /// Postgres refuses to run as root; then it runs as this user.
    drop_to: Option<User>,
}

impl Home {
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(data_dir)
            .with_context(|| format!("cannot create the data folder {}", data_dir.display()))?;
        let data = data_dir.canonicalize()?;
        let drop_to = unprivileged_user()?;
        if let Some(user) = &drop_to {
            // The folder is ours, and each secret in it guards itself: let the database's user pass through.
            fs::set_permissions(&data, fs::Permissions::from_mode(0o711))?;
            ensure_reachable(&data, user)?;
        }
        let home = Self {
            cluster: data.join("postgres"),
            socket: socket_folder(&data),
            log: data.join("postgres.log"),
            data,
            drop_to,
        };
        home.private_folder(&home.socket)?;
        Ok(home)
    }

    /// The major version of the cluster that is there.
    pub(super) fn version(&self) -> Option<u32> {
        fs::read_to_string(self.cluster.join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// Makes a folder that only the database's user may enter, or checks that it is one.
    fn private_folder(&self, folder: &Path) -> anyhow::Result<()> {
        let uid = self.drop_to.as_ref().map_or(Uid::current(), |user| user.uid);
        if !folder.exists() {
            DirBuilder::new().mode(0o700).create(folder)?;
            self.give_to_user(folder)?;
        }
        let found = fs::symlink_metadata(folder)?;
        ensure!(
            found.is_dir() && found.uid() == uid.as_raw() && found.mode() & 0o077 == 0,
            "{} must be a folder that only user {uid} may enter; remove it and start again",
            folder.display()
        );
        Ok(())
    }

    fn give_to_user(&self, path: &Path) -> anyhow::Result<()> {
        let Some(user) = &self.drop_to else {
            return Ok(());
        };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .with_context(|| format!("cannot hand over {}", path.display()))
    }

    /// Runs initdb in a folder beside the final one and renames it when done, so that a cluster is whole or absent.
    pub(super) fn create_cluster(&self, binaries: &Binaries) -> anyhow::Result<()> {
        if self.version().is_some() {
            return Ok(());
        }
        let unfinished = self.data.join("postgres.new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        self.private_folder(&unfinished)?;
        let output = self
            .command(&binaries.initdb)
            .arg("-D")
            .arg(&unfinished)
            .args(["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"])
            .output()
            .with_context(|| format!("cannot run {}", binaries.initdb.display()))?;
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(unfinished.join("pg_hba.conf"), "local all all trust\n")?;
        fs::rename(&unfinished, &self.cluster)
            .with_context(|| format!("cannot move the new cluster to {}", self.cluster.display()))
    }

    /// A command that runs as the database's user, in no folder in particular, away from the terminal's Ctrl-C.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").process_group(0).stdin(Stdio::null());
        if let Some(user) = &self.drop_to {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", "/");
        }
        command
    }

    /// Starts the server and waits until it answers. Sessions of a server that was killed may hold on for a moment: try again.
    pub(super) async fn launch(&self, binaries: &Binaries) -> anyhow::Result<Child> {
        let mut attempts = 0..3;
        loop {
            attempts.next();
            let mut child = self.spawn(binaries)?;
            match self.wait_until_ready(&mut child).await {
                Ok(()) => return Ok(child),
                Err(_) if !attempts.is_empty() => tokio::time::sleep(PAUSE * 10).await,
                Err(problem) => {
                    signal(child.id(), Signal::SIGQUIT);
                    let _gone = child.wait();
                    return Err(problem);
                }
            }
        }
    }

    fn spawn(&self, binaries: &Binaries) -> anyhow::Result<Child> {
        let log = File::create(&self.log)?;
        self.command(&binaries.postgres)
            .arg("-D")
            .arg(&self.cluster)
            .arg("-k")
            .arg(&self.socket)
            .args(["-h", "", "-p", &PORT.to_string(), "-c", "unix_socket_permissions=0700", "-c", "timezone=UTC"])
            .args(["-c", &format!("shared_buffers={}MB", buffers())])
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {}", binaries.postgres.display()))
    }

    async fn wait_until_ready(&self, child: &mut Child) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("the database ended while starting ({status}):\n{}", self.log_tail());
            }
            if self.connect(SUPERUSER).await.is_ok() {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the database was not ready within {READY_WITHIN:?}:\n{}",
                self.log_tail()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) async fn connect(&self, db: &str) -> Result<PgConnection, sqlx::Error> {
        let options: PgConnectOptions = self.url_for(SUPERUSER, db).parse()?;
        PgConnection::connect_with(&options).await
    }

    pub(super) fn url_for(&self, role: &str, db: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("host", &self.socket.to_string_lossy())
            .finish();
        let mut url = Url::parse("postgres://localhost:5432").unwrap_or_else(|_| unreachable!("a constant URL"));
        let _had_host = url.set_username(role);
        url.set_path(db);
        url.set_query(Some(&query));
        url.into()
    }

    pub(super) fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Megabytes that the server holds of its tables: a quarter of the machine's memory, between what it takes by itself and four
/// gigabytes. What a list looks at beyond these is copied from the system for every page.
fn buffers() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok())
        .unwrap_or(0);
    (kilobytes / 4 / 1024).clamp(128, 4096)
}

/// The user to run as when we are root.
fn unprivileged_user() -> anyhow::Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("Postgres refuses to run as root, and there is no user 'postgres' or 'nobody' to run it as")
}

/// Refuses a data folder below one that the database's user may not enter, naming that one.
fn ensure_reachable(data: &Path, user: &User) -> anyhow::Result<()> {
    for folder in data.ancestors() {
        let found = fs::metadata(folder)?;
        let bit = match () {
            () if found.uid() == user.uid.as_raw() => 0o100,
            () if found.gid() == user.gid.as_raw() => 0o010,
            () => 0o001,
        };
        ensure!(
            found.mode() & bit != 0,
            "run as root, the database works as user '{}', who may not enter {}: choose another data folder, or start as an ordinary user",
            user.name,
            folder.display()
        );
    }
    Ok(())
}

/// Inside the data folder, or in /tmp under a name of its own where that path is too long for a socket.
pub(super) fn socket_folder(data: &Path) -> PathBuf {
    let inside = data.join("run");
    if inside.as_os_str().len() <= LONGEST_SOCKET_FOLDER {
        return inside;
    }
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    PathBuf::from(format!("/tmp/plumbline-{:016x}", hasher.finish()))
}
