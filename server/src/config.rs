//! What the environment says. Every variable may be given as `NAME`, or as `NAME_FILE`: the path of a file that holds it.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plumbline_kubernetes::OwnCluster;
use plumbline_store::seal::Keyring;
use plumbline_worker::feeds::{self, Feed};
use plumbline_worker::mail::Mailer;
use rand::RngCore;
use secrecy::SecretString;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use url::Url;

/// Reads a variable, or the file that its `_FILE` twin names.
///
/// # Errors
/// When both are set, or the file cannot be read.
pub fn variable(name: &str) -> anyhow::Result<Option<String>> {
    let direct = std::env::var(name).ok().filter(|value| !value.is_empty());
    let file = std::env::var(format!("{name}_FILE")).ok().filter(|value| !value.is_empty());
    match (direct, file) {
        (Some(_), Some(_)) => bail!("{name} and {name}_FILE are both set: set one"),
        (Some(value), None) => Ok(Some(value)),
        (None, None) => Ok(None),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{name}_FILE names {path}"))?;
            Ok(Some(text.trim_end().to_owned()))
        }
    }
}

/// The same, for what there must be.
///
/// # Errors
/// When it is not set; names it.
pub fn required(name: &str) -> anyhow::Result<String> {
    variable(name)?.with_context(|| format!("{name} is not set (nor {name}_FILE)"))
}

/// Where the databases are: the application's, and the owner's that migrates.
#[derive(Debug, Clone)]
pub struct DatabaseUrls {
    pub app: String,
    pub owner: String,
}

impl DatabaseUrls {
    /// From `DATABASE_URL` and `DATABASE_OWNER_URL`; none when the first is not set.
    ///
    /// # Errors
    /// When a file named cannot be read.
    pub fn from_environment() -> anyhow::Result<Option<Self>> {
        let Some(app) = variable("DATABASE_URL")? else { return Ok(None) };
        let owner = variable("DATABASE_OWNER_URL")?.unwrap_or_else(|| app.clone());
        Ok(Some(Self { app, owner }))
    }
}

/// The keys that seal secrets: from `PLUMBLINE_MASTER_KEY`.
///
/// # Errors
/// When it is not set or not a key.
pub fn keyring() -> anyhow::Result<Keyring> {
    Ok(Keyring::parse(&SecretString::from(required("PLUMBLINE_MASTER_KEY")?))?)
}

/// The keys from the environment, or else from a file in the data folder, which is made when it is not there.
///
/// # Errors
/// When the file cannot be read or written.
pub fn keyring_in(data: &Path, rng: &mut dyn RngCore) -> anyhow::Result<Keyring> {
    if variable("PLUMBLINE_MASTER_KEY")?.is_some() {
        return keyring();
    }
    let path = data.join("master.key");
    if !path.exists() {
        let mut key = [0u8; 32];
        rng.fill_bytes(&mut key);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        writeln!(file, "local:{}", STANDARD.encode(key))?;
        file.sync_all()?;
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Keyring::parse(&SecretString::from(text))?)
}

/// The address that people type, from `PLUMBLINE_PUBLIC_URL`; else the one that is listened on.
///
/// # Errors
/// When it is no http or https URL without a path.
pub fn public_url(listen: &str) -> anyhow::Result<Url> {
    let text = variable("PLUMBLINE_PUBLIC_URL")?.unwrap_or_else(|| format!("http://{listen}"));
    let url = Url::parse(&text).with_context(|| format!("PLUMBLINE_PUBLIC_URL is {text}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || url.path() != "/" {
        bail!("PLUMBLINE_PUBLIC_URL is {text}: it must be like https://plumbline.example.com");
    }
    Ok(url)
}

/// Where links in what is sent lead: `PLUMBLINE_PUBLIC_URL`; none when it is not set.
///
/// # Errors
/// When it is no address.
pub fn links() -> anyhow::Result<Option<Url>> {
    let text = variable("PLUMBLINE_PUBLIC_URL")?;
    text.map(|text| Url::parse(&text).with_context(|| format!("PLUMBLINE_PUBLIC_URL is {text}"))).transpose()
}

/// Whether a tenant may point a source at loopback, link-local or private addresses: `PLUMBLINE_ALLOW_PRIVATE_ENDPOINTS=yes`.
///
/// # Errors
/// When it is set to anything but yes or no.
pub fn private_endpoints() -> anyhow::Result<bool> {
    yes_or_no("PLUMBLINE_ALLOW_PRIVATE_ENDPOINTS")
}

/// The cluster that this server runs in, where the operator lets tenants connect it with the server's own service account:
/// `PLUMBLINE_CONNECT_OWN_CLUSTER=yes`.
///
/// # Errors
/// When it is set to anything but yes or no, or this is no pod.
pub fn own_cluster() -> anyhow::Result<Option<OwnCluster>> {
    if !yes_or_no("PLUMBLINE_CONNECT_OWN_CLUSTER")? {
        return Ok(None);
    }
    let of_pod = |name: &str| -> anyhow::Result<String> {
        variable(name)?
            .with_context(|| format!("PLUMBLINE_CONNECT_OWN_CLUSTER is yes, but {name} is not set: this is no pod"))
    };
    let (host, port) = (of_pod("KUBERNETES_SERVICE_HOST")?, of_pod("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let folder = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
    Ok(Some(OwnCluster { server: format!("https://{host}:{port}"), folder }))
}

/// Whether a tenant may connect a Docker engine by a Unix socket of the worker's machine: `PLUMBLINE_ALLOW_DOCKER_SOCKETS=yes`.
///
/// # Errors
/// When it is set to anything but yes or no.
pub fn docker_sockets() -> anyhow::Result<bool> {
    yes_or_no("PLUMBLINE_ALLOW_DOCKER_SOCKETS")
}

/// Whether a proxy of ours stands in front and says who calls: `PLUMBLINE_BEHIND_PROXY=yes`.
///
/// # Errors
/// When it is set to anything but yes or no.
pub fn behind_proxy() -> anyhow::Result<bool> {
    yes_or_no("PLUMBLINE_BEHIND_PROXY")
}

/// The server that mails are sent by, from `PLUMBLINE_SMTP_URL` and `PLUMBLINE_MAIL_FROM`; none when neither is set, and
/// then no mail is sent. Its links lead to `PLUMBLINE_PUBLIC_URL`.
///
/// # Errors
/// When one is set without the others, or makes no sense.
pub fn mailer() -> anyhow::Result<Option<Mailer>> {
    let Some(server) = variable("PLUMBLINE_SMTP_URL")? else {
        if variable("PLUMBLINE_MAIL_FROM")?.is_some() {
            bail!("PLUMBLINE_MAIL_FROM is set, and PLUMBLINE_SMTP_URL is not: set both, or neither");
        }
        return Ok(None);
    };
    let from = required("PLUMBLINE_MAIL_FROM").context("PLUMBLINE_SMTP_URL is set")?;
    required("PLUMBLINE_PUBLIC_URL").context("PLUMBLINE_SMTP_URL is set, and mails link to the pages")?;
    let mailer = Mailer::new(&SecretString::from(server), &from, &public_url("")?)?;
    Ok(Some(mailer))
}

/// The feeds that workers fetch by themselves, from `PLUMBLINE_FEEDS`: one a line. None when it is not set.
///
/// # Errors
/// When a line is no feed; names it.
pub fn feeds() -> anyhow::Result<Vec<Feed>> {
    let text = variable("PLUMBLINE_FEEDS")?.unwrap_or_default();
    feeds::read_wanted(&text).context("PLUMBLINE_FEEDS")
}

fn yes_or_no(name: &str) -> anyhow::Result<bool> {
    match variable(name)?.as_deref() {
        None | Some("no") => Ok(false),
        Some("yes") => Ok(true),
        Some(other) => bail!("{name} is {other}: say yes or no"),
    }
}
