//! A container host made of files, and the product on a port of this machine, for agents that come by themselves.

use crate::TestApp;
use crate::app::keyring;
use crate::chrome::same;
use actix_web::dev::ServerHandle;
use anyhow::{Context, Result, ensure};
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::Collector;
use plumbline_host::HostCollector;
use plumbline_host::agent::Options;
use plumbline_policy::Catalogue;
use plumbline_web::AppState;
use plumbline_worker::Worker;
use secrecy::SecretString;
use sqlx::PgPool;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The product, served on loopback, with a worker that reads hosts.
pub struct Hosted {
    pub app: TestApp,
    pub url: String,
    worker: Worker,
    state: actix_web::web::Data<AppState>,
    server: Option<ServerHandle>,
}

impl Hosted {
    /// # Errors
    /// When no port is free.
    pub async fn start(pool: PgPool) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut state = None;
        let app = TestApp::configured(pool, |parts| {
            let collector: Arc<dyn Collector> = Arc::new(HostCollector::new(parts.clock.clone()));
            parts.collectors = Arc::from(vec![collector]);
            state = Some(AppState::new(same(parts)));
        })
        .await;
        let state = actix_web::web::Data::new(state.context("the application's state")?);
        let catalogue = Catalogue::builtin();
        let worker = Worker {
            database: app.database.clone(),
            keyring: Arc::new(keyring()),
            mint: app.mint.clone(),
            catalogue,
            weighing: Arc::new(catalogue.weighing()),
            collectors: vec![Arc::new(HostCollector::new(Arc::new(app.clock.clone())))],
            mailer: None,
            outside: plumbline_worker::tickets::Outside::new(true, None)?,
            batch: plumbline_worker::BATCH,
        };
        let mut hosted = Self { app, url, worker, state, server: None };
        hosted.serve(listener)?;
        Ok(hosted)
    }

    fn serve(&mut self, listener: TcpListener) -> Result<()> {
        let state = self.state.clone();
        let server = actix_web::HttpServer::new(move || plumbline_web::app(&state)).workers(1).listen(listener)?.run();
        self.server = Some(server.handle());
        tokio::spawn(server);
        Ok(())
    }

    /// The server goes away; its port stays known.
    pub async fn go_away(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(false).await;
        }
    }

    /// And comes back where it was.
    ///
    /// # Errors
    /// When somebody took the port.
    pub fn come_back(&mut self) -> Result<()> {
        let address = self.url.strip_prefix("http://").context("the server's address")?;
        self.serve(TcpListener::bind(address)?)
    }

    /// How an agent of a host in a folder is started.
    #[must_use]
    pub fn agent(&self, host: &Path, state: &Path, token: Option<&str>) -> Options {
        Options {
            state: state.to_owned(),
            root: host.to_owned(),
            server: Some(self.url.parse().expect("a URL")),
            token: token.map(SecretString::from),
            ca: None,
            plain_http: false,
            version: "0.0.0-test",
        }
    }

    /// The clock that everybody here goes by.
    #[must_use]
    pub fn clock(&self) -> SharedClock {
        Arc::new(self.app.clock.clone())
    }

    /// Does all jobs that are due.
    ///
    /// # Errors
    /// When one of them failed; says what the worker wrote.
    pub async fn work(&self) -> Result<usize> {
        let mut done = 0;
        while self.worker.work_once(&CancellationToken::new()).await? {
            done += 1;
        }
        let failed: Vec<Option<String>> =
            sqlx::query_scalar("select error from jobs where state = 'failed'").fetch_all(&self.app.pool).await?;
        ensure!(failed.is_empty(), "{failed:?}");
        Ok(done)
    }
}

/// A host made of files, until this is dropped.
pub struct FakeHost {
    folder: TempDir,
}

impl FakeHost {
    /// A Debian host with a Docker daemon that was set up without much thought.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn make() -> Result<Self> {
        let host = Self { folder: tempfile::tempdir()? };
        for (path, text) in [
            ("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
            ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
            ("/etc/passwd", "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"),
            ("/etc/group", "root:x:0:\ndocker:x:998:ada\n"),
            ("/etc/docker/daemon.json", r#"{ "userland-proxy": false, "log-level": "info" }"#),
            ("/etc/audit/rules.d/docker.rules", "-w /etc/docker -p wa -k docker\n"),
            ("/lib/systemd/system/docker.service", "[Service]\n"),
            ("/etc/systemd/system/multi-user.target.wants/docker.service", ""),
            ("/etc/systemd/system/sockets.target.wants/telnet.socket", ""),
            ("/proc/1/cmdline", "/sbin/init\0"),
            ("/proc/1/mountinfo", "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"),
            ("/proc/1/net/tcp", "  sl\n 0: 00000000:0947 00000000:0000 0A 0\n"),
            ("/proc/42/cmdline", "/usr/bin/dockerd\0-H\0fd://\0--host=tcp://0.0.0.0:2375\0"),
            ("/proc/42/status", "Uid:\t0\t0\t0\t0\n"),
            ("/proc/sys/kernel/hostname", "web-1\n"),
            ("/proc/sys/kernel/osrelease", "6.1.0\n"),
            ("/proc/sys/kernel/kptr_restrict", "0\n"),
            ("/sys/kernel/security/lsm", "capability,apparmor\n"),
            (
                "/var/lib/dpkg/status",
                "Package: plumb\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n",
            ),
        ] {
            host.put(path, text)?;
        }
        Ok(host)
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    /// Gives a file another mode.
    ///
    /// # Errors
    /// When it is not there.
    pub fn close(&self, path: &str, mode: u32) -> Result<()> {
        Ok(std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(mode))?)
    }
}
