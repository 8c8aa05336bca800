//! A real registry with Harbor Lane's images, started for a test, and the real collector over it.

use crate::lab;
use anyhow::{Context, Result, ensure};
use plumbline_core::clock::SystemClock;
use plumbline_core::collect::Connection;
use plumbline_registry::{Operator, RegistryCollector};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// A registry, until this is dropped.
pub struct Registry {
    process: Child,
    _folder: TempDir,
    says: Says,
}

/// How the registry describes itself.
#[derive(Deserialize)]
struct Says {
    host: String,
    ca: String,
    user: String,
    password: String,
    images: PathBuf,
    feeds: PathBuf,
    certificates: PathBuf,
    log: PathBuf,
}

/// What dpkg-query, pip and npm say of the software of an image.
#[derive(Debug, Deserialize)]
pub struct Truth {
    /// Name, version, architecture, source package and its version.
    pub dpkg: Vec<(String, String, String, String, String)>,
    pub pip: Vec<(String, String)>,
    pub npm: Vec<(String, String)>,
}

impl Registry {
    /// Starts one on a free port, with all images but those that are left out (`repository:tag`).
    ///
    /// # Errors
    /// When a program or the images are not there; says how to get them.
    pub fn start(left_out: &[&str]) -> Result<Self> {
        let images = std::env::var("PLUMBLINE_LAB_IMAGES")
            .context("PLUMBLINE_LAB_IMAGES names no folder with the lab's images: run `./dev test`")?;
        let folder = tempfile::tempdir()?;
        let mut process = Command::new(lab::python()?)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/registry/server.py"))
            .args([Path::new(&images), folder.path()])
            .args(left_out.iter().flat_map(|name| ["--leave-out", name]))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("the registry's output")?).read_line(&mut line)?;
        let says = serde_json::from_str(&line).with_context(|| format!("the registry said {line:?}: run `./dev test`"));
        match says {
            Ok(says) => Ok(Self { process, _folder: folder, says }),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    #[must_use]
    pub fn host(&self) -> &str {
        &self.says.host
    }

    /// The folder of the invented feeds.
    #[must_use]
    pub fn feeds(&self) -> &Path {
        &self.says.feeds
    }

    /// All repositories, as the demonstration connects them.
    #[must_use]
    pub fn connection(&self) -> Connection {
        let settings = json!({ "host": self.says.host, "ca": self.says.ca, "auth": { "by": "basic" } });
        Connection { settings, secret: self.secret(&self.says.password) }
    }

    /// The credential with a password that may be another than the right one.
    #[must_use]
    pub fn secret(&self, password: &str) -> SecretString {
        SecretString::from(json!({ "username": self.says.user, "password": password }).to_string())
    }

    #[must_use]
    pub fn right_secret(&self) -> SecretString {
        self.secret(&self.says.password)
    }

    /// Pushes an image of the lab to a place (`repository:tag`), whatever was there before.
    ///
    /// # Errors
    /// When skopeo or the registry does not do it; says what they said.
    pub fn push(&self, image: &str, place: &str) -> Result<()> {
        let done = Command::new("skopeo")
            .args(["copy", "--quiet", "--all", "--preserve-digests", "--dest-cert-dir"])
            .arg(&self.says.certificates)
            .args(["--dest-creds", &format!("{}:{}", self.says.user, self.says.password)])
            .arg(format!("oci:{}:{image}", self.says.images.join("layout").display()))
            .arg(format!("docker://{}/{place}", self.says.host))
            .output()
            .context("skopeo does not start: run `./dev test`")?;
        ensure!(done.status.success(), "skopeo: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    /// How often something was fetched whose address contains this; what is only asked about does not count.
    ///
    /// # Errors
    /// When the registry's log cannot be read.
    pub fn fetched(&self, what: &str) -> Result<usize> {
        let log = std::fs::read_to_string(&self.says.log)?;
        Ok(log.lines().filter(|line| line.contains("\"GET ") && line.contains(what)).count())
    }

    /// What the packages' own tools say of an image.
    ///
    /// # Errors
    /// When nothing was written of it.
    pub fn truth(&self, image: &str) -> Result<Truth> {
        let text = std::fs::read(self.says.images.join("truth").join(format!("{image}.json")))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The SHA-256 hash of a file of a base's own archive, in hex.
    ///
    /// # Errors
    /// When tar is not there, or the archive has no such file.
    pub fn hash_of(&self, base: &str, path: &str) -> Result<String> {
        let archive = self.says.images.join(format!("{base}.tar.gz"));
        let told = Command::new("tar").arg("-xzOf").arg(archive).arg(path).output()?;
        ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        Ok(format!("{:x}", Sha256::digest(&told.stdout)))
    }

    /// Ends it, for good.
    ///
    /// # Errors
    /// When it ended before.
    pub fn stop(&mut self) -> Result<()> {
        ensure!(self.process.try_wait()?.is_none(), "the registry ended by itself");
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The collector as it ships, allowed to reach the loopback address.
#[must_use]
pub fn collector() -> RegistryCollector {
    RegistryCollector::new(Operator { private_endpoints: true }, Arc::new(SystemClock))
}
