//! A real OpenID provider, started for one test, and a person's browser at it.

use anyhow::{Context, Result, bail};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, header};
use scraper::{Html, Selector};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use url::Url;

/// The provider, until this is dropped.
pub struct Provider {
    process: Child,
    // Kept open: the provider would die of a closed pipe.
    _output: BufReader<ChildStdout>,
    pub ready: Ready,
}

/// What the provider says when it is ready.
#[derive(Debug, Deserialize)]
pub struct Ready {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
}

impl Provider {
    /// Starts one that sends people back to `redirect_uri`.
    ///
    /// # Errors
    /// When Node or the provider's modules are not there; says how to get them.
    pub fn start(redirect_uri: &str) -> Result<Self> {
        let modules = std::env::var("PLUMBLINE_LAB_NODE_MODULES")
            .context("PLUMBLINE_LAB_NODE_MODULES names no node_modules folder with oidc-provider: run `./dev test`")?;
        let node = std::env::var("PLUMBLINE_LAB_NODE").unwrap_or_else(|_| "node".to_owned());
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("lab/oidc/provider.mjs");
        let mut process = Command::new(&node)
            .arg(script)
            .env("OIDC_MODULES", modules)
            .env("OIDC_REDIRECT_URIS", redirect_uri)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{node} does not start: install Node.js 20 or later, or run `./dev test`"))?;
        let mut output = BufReader::new(process.stdout.take().context("the provider's output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let ready = serde_json::from_str(&line).with_context(|| format!("the provider said {line:?}"))?;
        Ok(Self { process, _output: output, ready })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Signs in at the provider as whoever has the address, beginning at the link that the application gave, and returns
/// where the provider sends the browser back to.
///
/// # Errors
/// When the provider shows something unexpected.
pub async fn sign_in_at_provider(link: &str, email: &str) -> Result<Url> {
    let client = Client::builder().cookie_store(true).redirect(Policy::none()).build()?;
    let start = Url::parse(link)?;
    let mut at = start.clone();
    for _ in 0..10 {
        if at.origin() != start.origin() {
            return Ok(at);
        }
        let answer = client.get(at.clone()).send().await?;
        if answer.status().is_redirection() {
            at = led_to(&at, &answer)?;
            continue;
        }
        if answer.status() != StatusCode::OK {
            bail!("{at}: {} {}", answer.status(), answer.text().await?);
        }
        let form = action(&at, &answer.text().await?)?;
        let typed = [("prompt", "login"), ("login", email), ("password", "any")];
        let answer = client.post(form.clone()).form(&typed).send().await?;
        at = led_to(&form, &answer)?;
    }
    bail!("the provider leads in a circle")
}

fn led_to(from: &Url, answer: &reqwest::Response) -> Result<Url> {
    let to =
        answer.headers().get(header::LOCATION).with_context(|| format!("{from} leads nowhere: {}", answer.status()))?;
    Ok(from.join(to.to_str()?)?)
}

fn action(page: &Url, body: &str) -> Result<Url> {
    let html = Html::parse_document(body);
    let selector = Selector::parse("form").map_err(|error| anyhow::anyhow!("{error}"))?;
    let form = html.select(&selector).next().context("the provider shows a form")?;
    Ok(page.join(form.value().attr("action").unwrap_or_default())?)
}
