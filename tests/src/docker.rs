//! A real Docker engine with a few containers, started for a test, and the real collector over it.
//!
//! The engine keeps all that is its own in a folder that goes with it: it touches neither the firewall nor a bridge, and
//! copies images rather than mount them, so that it runs in a container and beside another engine.

use anyhow::{Context, Result, ensure};
use nix::unistd::{Gid, Uid};
use plumbline_core::collect::Connection;
use plumbline_host::docker::{DockerCollector, Operator};
use secrecy::SecretString;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An engine, until this is dropped.
pub struct Engine {
    folder: TempDir,
}

/// The files of a client and a server that know one another.
pub struct Certificates {
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

impl Engine {
    /// Starts one that listens on a socket and, with `tls`, on a port as well.
    ///
    /// # Errors
    /// When Docker is not there, or does not start; says what it said.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let engine = Self { folder: tempfile::tempdir()? };
        let log = std::fs::File::create(engine.path("log"))?;
        let mut command = root("dockerd");
        command
            .arg(format!("--data-root={}", engine.path("data").display()))
            .arg(format!("--exec-root={}", engine.path("exec").display()))
            .arg(format!("--pidfile={}", engine.path("pid").display()))
            .arg(format!("--host={}", engine.endpoint()))
            .arg(format!("--group={}", Gid::effective()))
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = command.spawn().context("dockerd does not start: run `./dev test`")?;
        let began = Instant::now();
        while engine.docker(&["version"]).is_err() {
            let ended = process.try_wait()?;
            ensure!(
                ended.is_none() && began.elapsed() < Duration::from_secs(40),
                "the engine does not come up: {}",
                engine.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(engine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().rev().take(5).collect::<Vec<_>>().join(" | ")
    }

    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Does a command of Docker's own client.
    ///
    /// # Errors
    /// When it fails; says what it said.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new("/usr/bin/docker").arg("--host").arg(self.endpoint()).args(arguments).output()?;
        ensure!(done.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }

    /// Makes an image of nothing but busybox. Its configuration is that of `changes`, as a Dockerfile has them.
    ///
    /// # Errors
    /// When busybox is not there, or the engine does not take it.
    pub fn import(&self, tag: &str, changes: &[&str]) -> Result<()> {
        let root = self.path("root");
        std::fs::create_dir_all(root.join("bin"))?;
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).context("no busybox: run `./dev test`")?;
        let archive = self.path("root.tar");
        let done = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status()?;
        ensure!(done.success(), "tar");
        let archive = archive.display().to_string();
        let changes = changes.iter().flat_map(|change| ["--change", change]);
        self.docker(&["import"].into_iter().chain(changes).chain([archive.as_str(), tag]).collect::<Vec<_>>())?;
        Ok(())
    }

    /// The connection by its socket.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection { settings: json!({ "engine": self.endpoint() }), secret: SecretString::from("{}") }
    }

    /// Ends it, for good.
    pub fn stop(&self) {
        let Ok(pid) = std::fs::read_to_string(self.path("pid")) else { return };
        let _ = root("kill").arg(pid.trim()).status();
        let began = Instant::now();
        while self.path("pid").exists() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(all) = self.docker(&["ps", "--all", "--quiet"])
            && !all.is_empty()
        {
            let _ = self.docker(&["rm", "--force"].into_iter().chain(all.lines()).collect::<Vec<_>>());
        }
        self.stop();
        // The network of the host stays mounted behind an engine whose containers shared it.
        for name in std::fs::read_dir(self.path("exec/netns")).into_iter().flatten().flatten() {
            let _ = root("umount").arg(name.path()).status();
        }
        // What the engine made belongs to root.
        let _ = root("rm").arg("-rf").arg(self.path("data")).arg(self.path("exec")).status();
    }
}

/// A command that is run as root; by sudo where the tests are not.
fn root(program: &str) -> Command {
    if Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("-n").arg(program);
    command
}

/// Makes an authority with a server's and a client's certificate in a folder, by openssl.
///
/// # Errors
/// When openssl does not make them.
pub fn certificates(folder: &Path) -> Result<Certificates> {
    let openssl = |line: &str| -> Result<()> {
        let done = Command::new("openssl").current_dir(folder).args(line.split(' ')).output()?;
        ensure!(done.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab-ca -keyout ca-key.pem -out ca.pem")?;
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")?;
    std::fs::write(folder.join("client.ext"), "extendedKeyUsage=clientAuth\n")?;
    for name in ["server", "client"] {
        openssl(&format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}-key.pem -out {name}.csr"))?;
        openssl(&format!(
            "x509 -req -days 2 -in {name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out {name}.pem -extfile {name}.ext"
        ))?;
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    Ok(Certificates { ca: read("ca.pem")?, certificate: read("client.pem")?, key: read("client-key.pem")? })
}

/// The collector as it ships, allowed to reach sockets and the loopback address.
#[must_use]
pub fn collector() -> DockerCollector {
    DockerCollector::new(Operator { private_endpoints: true, sockets: true })
}
