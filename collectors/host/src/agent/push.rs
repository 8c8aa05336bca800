//! Sends reports: enrols once, keeps one report on disk while the server is away, and goes on.

use super::Host;
use super::disk::{Enrolment, make_folder, read_enrolment, remove, write};
use crate::report::{PACKED, Report};
use plumbline_core::clock::SharedClock;
use plumbline_core::text::{chain, one_line};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Certificate, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::{Host as UrlHost, Url};

/// Tells the server when a report was made without reading it.
const MADE_AT: &str = "plumbline-made-at";
/// The wait after the first failure; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(60);

/// How an agent is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its credential and a report that waits are kept.
    pub state: PathBuf,
    /// Where the host's files are: `/`, or elsewhere in a container.
    pub root: PathBuf,
    /// The server and the one-time token that enrols; both are needed once.
    pub server: Option<Url>,
    pub token: Option<SecretString>,
    /// A private authority of the server's certificate, as PEM.
    pub ca: Option<PathBuf>,
    /// Says that plain HTTP to another machine is meant.
    pub plain_http: bool,
    /// The program's version, as reports tell it.
    pub version: &'static str,
}

/// Why an agent does not go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("{0}")]
    Settings(String),
    #[error("{what}: {source}")]
    Disk { what: String, source: std::io::Error },
    /// The server will not take anything from this agent any more.
    #[error("the server refuses this agent: {0}. Enrol it again with a new token")]
    Refused(String),
    #[error("the server did not take the report: {0}")]
    Rejected(String),
    #[error("the server does not answer: {0}")]
    Away(String),
}

#[derive(Deserialize)]
struct Enrolled {
    credential: String,
    interval_seconds: u64,
    machine: String,
}

#[derive(Deserialize)]
struct Taken {
    interval_seconds: u64,
}

/// An agent that is enrolled.
pub struct Agent {
    options: Options,
    enrolment: Enrolment,
    http: reqwest::Client,
    clock: SharedClock,
}

impl Agent {
    /// Takes up the enrolment that is kept, or enrols by the token that is given.
    ///
    /// # Errors
    /// When neither is there, or the server does not take the token.
    pub async fn open(options: Options, clock: SharedClock) -> Result<Self, AgentError> {
        let http = client(&options)?;
        make_folder(&options.state)?;
        let kept = options.state.join("enrolment.json");
        let enrolment = match (&options.server, &options.token) {
            (Some(server), Some(token)) => {
                may_go(server, options.plain_http)?;
                let enrolment = enrol(&http, server, token).await?;
                write(&kept, &serde_json::to_vec(&enrolment).unwrap_or_default())?;
                enrolment
            }
            _ => read_enrolment(&kept)?,
        };
        may_go(&enrolment.server, options.plain_http)?;
        Ok(Self { options, enrolment, http, clock })
    }

    /// Reads the host once and sends what it read. When the server is away, the report waits on disk for the next start.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn once(&mut self) -> Result<(), AgentError> {
        self.read().await?;
        self.flush().await
    }

    /// Reads and sends at each interval until told to stop. The newest report is the only one that waits: an older one
    /// says nothing that it does not.
    ///
    /// # Errors
    /// When the server refuses this agent for good, or the disk does not take a report.
    pub async fn run(&mut self, stop: CancellationToken) -> Result<(), AgentError> {
        loop {
            self.read().await?;
            let mut left = Duration::from_secs(self.enrolment.interval_seconds.clamp(30, 604_800));
            let mut wait = FIRST_WAIT;
            loop {
                let pause = match self.flush().await {
                    Ok(()) => left,
                    Err(AgentError::Away(why)) => {
                        tracing::warn!(why, "the report waits");
                        wait.min(left)
                    }
                    Err(AgentError::Rejected(why)) => {
                        tracing::error!(why, "the server did not take the report");
                        left
                    }
                    Err(error) => return Err(error),
                };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return Ok(()),
                }
                left = left.saturating_sub(pause);
                wait = (wait * 2).min(LONGEST_WAIT);
                if left.is_zero() {
                    break;
                }
            }
        }
    }

    /// Reads the host and puts the report in place of the one that waits, if any does.
    async fn read(&self) -> Result<(), AgentError> {
        let host = Host::at(&self.options.root);
        let (version, machine, now) = (self.options.version, self.enrolment.machine.clone(), self.clock.now());
        let reading = tokio::task::spawn_blocking(move || host.report(version, &machine, now).pack());
        let packed = reading.await.map_err(|error| AgentError::Settings(error.to_string()))?;
        let packed = packed.map_err(|why| AgentError::Settings(why.to_string()))?;
        write(&self.spool(), &packed)
    }

    fn spool(&self) -> PathBuf {
        self.options.state.join("report.gz")
    }

    /// Sends the report that waits; nothing where none does.
    async fn flush(&mut self) -> Result<(), AgentError> {
        let spool = self.spool();
        let disk = |source| AgentError::Disk { what: "reading the report that waits".to_owned(), source };
        let packed = match std::fs::metadata(&spool) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Ok(found) if found.len() <= PACKED as u64 => std::fs::read(&spool).map_err(disk)?,
            Ok(_) => return self.discard("it is larger than a server takes"),
            Err(error) => return Err(disk(error)),
        };
        let Ok(report) = Report::unpack(&packed) else { return self.discard("it is damaged") };
        let url = self.url("agent/report")?;
        let sent = self
            .http
            .post(url)
            .header(AUTHORIZATION, format!("Bearer {}", self.enrolment.credential))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/gzip")
            .header(MADE_AT, report.made_at.to_rfc3339())
            .body(packed);
        let answer = sent.send().await.map_err(|error| AgentError::Away(chain(&error.without_url())))?;
        let status = answer.status();
        if status.is_success() {
            if let Ok(taken) = answer.json::<Taken>().await {
                self.enrolment.interval_seconds = taken.interval_seconds;
            }
            return remove(&spool);
        }
        let said = said(answer).await;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(AgentError::Refused(said)),
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
                remove(&spool)?;
                Err(AgentError::Rejected(said))
            }
            _ => Err(AgentError::Away(said)),
        }
    }

    fn discard(&self, why: &str) -> Result<(), AgentError> {
        tracing::warn!(why, "the report that waited is thrown away");
        remove(&self.spool())
    }

    fn url(&self, path: &str) -> Result<Url, AgentError> {
        address(&self.enrolment.server, path)
    }
}

fn address(server: &Url, path: &str) -> Result<Url, AgentError> {
    server.join(&format!("/{path}")).map_err(|error| AgentError::Settings(error.to_string()))
}

async fn enrol(http: &reqwest::Client, server: &Url, token: &SecretString) -> Result<Enrolment, AgentError> {
    let asked = http
        .post(address(server, "agent/enrol")?)
        .header(ACCEPT, "application/json")
        .header(AUTHORIZATION, format!("Bearer {}", token.expose_secret().trim()));
    let answer = asked.send().await.map_err(|error| AgentError::Away(chain(&error.without_url())))?;
    let status = answer.status();
    if !status.is_success() {
        let said = said(answer).await;
        let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
        return Err(if refused { AgentError::Refused(said) } else { AgentError::Away(said) });
    }
    let Enrolled { credential, interval_seconds, machine } =
        answer.json().await.map_err(|error| AgentError::Away(chain(&error.without_url())))?;
    Ok(Enrolment { server: server.clone(), credential, interval_seconds, machine })
}

/// The server's own words for an error.
async fn said(answer: reqwest::Response) -> String {
    let status = answer.status();
    let body: serde_json::Value = answer.json().await.unwrap_or_default();
    one_line(&format!("{status} {}", body["detail"].as_str().unwrap_or_default()))
}

fn client(options: &Options) -> Result<reqwest::Client, AgentError> {
    let mut http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(format!("plumbline-agent/{}", options.version))
        .connect_timeout(Duration::from_secs(10))
        .timeout(PATIENCE);
    if let Some(path) = &options.ca {
        let disk = |source| AgentError::Disk { what: format!("reading {}", path.display()), source };
        let pem = std::fs::read(path).map_err(disk)?;
        let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if found.is_empty() {
            return Err(AgentError::Settings(format!("{} is no certificate in PEM form", path.display())));
        }
        http = http.tls_certs_merge(found);
    }
    http.build().map_err(|error| AgentError::Settings(chain(&error)))
}

/// A credential goes over TLS, or does not leave this machine, unless somebody says that plain HTTP is meant.
fn may_go(server: &Url, plain_http: bool) -> Result<(), AgentError> {
    let loopback = match server.host() {
        Some(UrlHost::Domain(name)) => name == "localhost",
        Some(UrlHost::Ipv4(address)) => address.is_loopback(),
        Some(UrlHost::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match server.scheme() {
        "https" => Ok(()),
        "http" if loopback || plain_http => Ok(()),
        "http" => Err(AgentError::Settings(format!(
            "{server} is plain HTTP: anybody on the way reads the credential. Say --plain-http if it is meant"
        ))),
        _ => Err(AgentError::Settings(format!("{server} is no address of a server"))),
    }
}
