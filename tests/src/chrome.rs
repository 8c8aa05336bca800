//! A real browser: headless Chromium, driven over WebDriver, and the product on a port of its own for it to open.

use crate::TestApp;
use crate::app::PASSWORD;
use actix_web::dev::ServerHandle;
use anyhow::{Context, Result, bail, ensure};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use plumbline_aws::{AwsCollector, Operator};
use plumbline_core::role::Role;
use plumbline_web::AppState;
use plumbline_web::state::Parts;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use url::{ParseError, Url};

/// How often a page is looked at again, and how many times, before something counts as missing: ten seconds.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: usize = 100;

/// Quiet, and without anything that would reach for the network.
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// The product, served on loopback, and the doors to its database.
pub struct Site {
    pub app: TestApp,
    pub url: String,
    server: ServerHandle,
}

impl Site {
    /// Serves it until this is dropped.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(pool: PgPool) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut state = None;
        let app = TestApp::configured(pool, |parts| {
            parts.config.public_url = url.parse().expect("a URL");
            parts.collectors = Arc::new([Arc::new(AwsCollector::new(Operator::default()))]);
            state = Some(AppState::new(same(parts)));
        })
        .await;
        let server = plumbline_web::server(listener, state.context("the application's state")?, 1)?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { app, url, server: handle })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

pub(crate) fn same(parts: &Parts) -> Parts {
    Parts {
        database: parts.database.clone(),
        keyring: parts.keyring.clone(),
        clock: parts.clock.clone(),
        mint: parts.mint.clone(),
        collectors: parts.collectors.clone(),
        catalogue: parts.catalogue,
        config: parts.config.clone(),
    }
}

/// Whether the browser runs scripts of pages. Its driver looks at pages either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// One person's browser at one site.
pub struct Chrome {
    client: Client,
    site: String,
    _driver: Driver,
    _profile: TempDir,
}

impl Chrome {
    /// Starts one with an empty profile.
    ///
    /// # Errors
    /// When Chromium or its driver is not there; names the package to install.
    pub async fn start(site: &Site, scripts: Scripts) -> Result<Self> {
        let browser = program("CHROMIUM", "/usr/bin/chromium", "chromium")?;
        let profile = tempfile::tempdir()?;
        let driver = Driver::start()?;
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut options = json!({ "binary": browser, "args": arguments });
        if scripts == Scripts::Off {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let wanted = json!({ "goog:loggingPrefs": { "browser": "ALL" }, "goog:chromeOptions": options });
        let wanted: Capabilities = serde_json::from_value(wanted)?;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(wanted).connect(&driver.url).await.context("Chromium starts")?;
        Ok(Self { client, site: site.url.clone(), _driver: driver, _profile: profile })
    }

    /// Starts one and signs in as a member of Harbor Lane with a role.
    ///
    /// # Errors
    /// As [`Chrome::start`], and when nobody gets in.
    pub async fn signed_in(site: &Site, role: Role, scripts: Scripts) -> Result<Self> {
        let email = format!("{}@harborlane.example.com", role.as_str());
        site.app.join(&site.app.tenant, role, &email).await;
        let chrome = Self::start(site, scripts).await?;
        chrome.open("/sign-in").await?;
        chrome.fill("#email", &email).await?;
        chrome.fill("#password", PASSWORD).await?;
        chrome.click("main button", "Sign in").await?;
        chrome.see("h1", "Posture").await?;
        Ok(chrome)
    }

    /// Opens a path by its address.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn open(&self, path: &str) -> Result<()> {
        self.client.goto(&format!("{}{path}", self.site)).await.with_context(|| format!("{path} opens"))
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn reload(&self) -> Result<()> {
        Ok(self.client.refresh().await?)
    }

    /// The path and query of the page shown.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn path(&self) -> Result<String> {
        let url = self.client.current_url().await?;
        Ok(url[url::Position::BeforePath..].to_owned())
    }

    /// Waits until the address contains something.
    ///
    /// # Errors
    /// When it never does.
    pub async fn arrive(&self, part: &str) -> Result<()> {
        for _ in 0..LOOKS {
            if self.path().await?.contains(part) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the address becomes …{part}…, and is {}", self.path().await?)
    }

    /// What can be read in the elements of a selector, white space folded.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script =
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.replace(/\\s+/g, ' ').trim())";
        Ok(serde_json::from_value(self.run(script, vec![json!(selector)]).await?)?)
    }

    /// The text of the only element of a selector.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let mut texts = self.texts(selector).await?;
        ensure!(texts.len() == 1, "{} has one {selector}: {texts:?}", self.path().await?);
        Ok(texts.remove(0))
    }

    /// Waits until words can be read in an element of a selector.
    ///
    /// # Errors
    /// When they never can; tells what can.
    pub async fn see(&self, selector: &str, words: &str) -> Result<()> {
        for _ in 0..LOOKS {
            // A page that is being left answers with an error.
            let texts = self.texts(selector).await.unwrap_or_default();
            if texts.iter().any(|text| text.contains(words)) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let path = self.path().await?;
        bail!("{path} says {words:?} in {selector}, and says {:?}", self.texts(selector).await?)
    }

    /// Waits until exactly these texts can be read in the elements of a selector.
    ///
    /// # Errors
    /// When they never can; tells what can.
    pub async fn see_only(&self, selector: &str, all: &[&str]) -> Result<()> {
        for _ in 0..LOOKS {
            if self.texts(selector).await.unwrap_or_default() == all {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{} says {all:?} in {selector}, and says {:?}", self.path().await?, self.texts(selector).await?)
    }

    /// What a page's script would read.
    ///
    /// # Errors
    /// When the script fails.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.client.execute(script, arguments).await?)
    }

    /// Clicks on the first visible element of a selector that has these words.
    ///
    /// # Errors
    /// When there is none.
    pub async fn click(&self, selector: &str, words: &str) -> Result<()> {
        Ok(self.visible(selector, words).await?.click().await?)
    }

    /// Types into a field, in place of what is there.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.visible(selector, "").await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// What a field holds.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn value(&self, selector: &str) -> Result<String> {
        let field = self.client.find(Locator::Css(selector)).await.with_context(|| selector.to_owned())?;
        Ok(field.prop("value").await?.unwrap_or_default())
    }

    async fn visible(&self, selector: &str, words: &str) -> Result<Element> {
        for _ in 0..LOOKS {
            for element in self.client.find_all(Locator::Css(selector)).await? {
                let shown = element.is_displayed().await.unwrap_or(false);
                if shown && (words.is_empty() || element.text().await.is_ok_and(|text| text.contains(words))) {
                    return Ok(element);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{} shows {words:?} as {selector}", self.path().await?)
    }

    /// Presses a key.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn press(&self, key: Key) -> Result<()> {
        self.strike(&[char::from(key)]).await
    }

    /// Types into whatever has the focus.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn strike(&self, keys: &[char]) -> Result<()> {
        let mut strokes = KeyActions::new("keyboard".to_owned());
        for value in keys {
            strokes = strokes.then(KeyAction::Down { value: *value }).then(KeyAction::Up { value: *value });
        }
        Ok(self.client.perform_actions(strokes).await?)
    }

    /// What the focused element is called: its label or its text.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn focused(&self) -> Result<String> {
        let script = "const e = document.activeElement; \
            const words = e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent; \
            return words.replace(/\\s+/g, ' ').trim()";
        Ok(self.run(script, Vec::new()).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Presses Tab until the focus is on what is called so, and shown to be there.
    ///
    /// # Errors
    /// When it never is.
    pub async fn tab_to(&self, called: &str) -> Result<()> {
        let mut passed = Vec::new();
        for _ in 0..120 {
            self.press(Key::Tab).await?;
            let focused = self.focused().await?;
            if focused.starts_with(called) {
                let outline = "return getComputedStyle(document.activeElement).outlineStyle";
                let outline = self.run(outline, Vec::new()).await?;
                ensure!(outline != "none", "the focus on {called:?} can be seen");
                return Ok(());
            }
            passed.push(focused.chars().take(40).collect::<String>());
        }
        bail!("Tab reaches {called:?} in {}, and passes {passed:?}", self.path().await?)
    }

    /// Keeps a cookie that scripts may read, for all of the site.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn keep(&self, name: &str, value: &str) -> Result<()> {
        self.run("document.cookie = arguments[0]", vec![json!(format!("{name}={value}; path=/"))]).await?;
        Ok(())
    }

    /// The status and the type of what a link of the page leads to.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn fetch(&self, href: &str) -> Result<(u64, String)> {
        let script = "const [href, answer] = arguments; \
            fetch(href).then(r => answer([r.status, r.headers.get('content-type')]), e => answer([0, String(e)]))";
        let answer = self.client.execute_async(script, vec![json!(href)]).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Fails when the page has serious accessibility violations, by axe-core's rules.
    ///
    /// # Errors
    /// Those violations; or axe-core is not there, and how to get it.
    pub async fn is_accessible(&self) -> Result<()> {
        let modules = std::env::var("PLUMBLINE_LAB_NODE_MODULES")
            .context("PLUMBLINE_LAB_NODE_MODULES names no node_modules folder with axe-core: run `./dev test`")?;
        let file = PathBuf::from(modules).join("axe-core/axe.min.js");
        let rules = std::fs::read_to_string(&file)
            .with_context(|| format!("{} (npm's package axe-core): run `./dev test`", file.display()))?;
        self.run(&rules, Vec::new()).await?;
        let script = "const answer = arguments[0]; \
            axe.run(document, { resultTypes: ['violations'] }).then(found => answer(found.violations \
            .filter(v => v.impact === 'serious' || v.impact === 'critical') \
            .map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.any.map(a => a.message)).join(' | '))), \
            e => answer([String(e)]))";
        let violations: Vec<String> = serde_json::from_value(self.client.execute_async(script, Vec::new()).await?)?;
        ensure!(violations.is_empty(), "{}: {}", self.path().await?, violations.join("\n"));
        Ok(())
    }

    /// Ends the session. Fails when the console complained of anything but answers with these statuses, which the
    /// journey meant to get.
    ///
    /// # Errors
    /// What the console says.
    pub async fn close(self, refusals: &[u16]) -> Result<()> {
        let lines: Vec<Line> = serde_json::from_value(self.client.issue_cmd(Console).await?)?;
        let meant = |line: &Line| {
            let status = |status: &u16| line.message.contains(&format!("status of {status} "));
            // What Chromium would do otherwise, such as one form for each password, is no complaint.
            line.source == "recommendation" || (line.source == "network" && refusals.iter().any(status))
        };
        let complaints: Vec<&Line> = lines.iter().filter(|line| !meant(line)).collect();
        ensure!(complaints.is_empty(), "the console says {complaints:#?}");
        Ok(self.client.close().await?)
    }
}

/// One line of the console: what pages log, what they may not load, what their policy forbids.
#[derive(Debug, Deserialize)]
struct Line {
    source: String,
    message: String,
}

/// The console's lines since they were last asked for. Chromium's own command: the standard has none.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// The driver, and with it every process of its browser, until this is dropped.
struct Driver {
    process: Child,
    // Kept open: the driver would die of a closed pipe.
    output: BufReader<ChildStdout>,
    url: String,
}

impl Driver {
    fn start() -> Result<Self> {
        let driver = program("CHROMEDRIVER", "/usr/bin/chromedriver", "chromium-driver")?;
        let mut process = Command::new(&driver)
            .arg("--port=0")
            // The browser stays in it, so that one signal ends both.
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", driver.display()))?;
        let output = BufReader::new(process.stdout.take().context("the driver's output")?);
        let mut started = Self { process, output, url: String::new() };
        let port = started.port()?;
        started.url = format!("http://127.0.0.1:{port}/");
        Ok(started)
    }

    fn port(&mut self) -> Result<u16> {
        let mut said = String::new();
        while self.output.read_line(&mut said)? > 0 {
            if let Some((_, port)) = said.split_once("started successfully on port ") {
                return port.trim().trim_end_matches('.').parse().with_context(|| format!("the driver said {said:?}"));
            }
        }
        bail!("the driver names its port, and said {said:?}")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.process.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.process.wait();
    }
}

/// Where a program is: as the environment says, or in its usual place.
fn program(variable: &str, usual: &str, package: &str) -> Result<PathBuf> {
    let named = std::env::var_os(variable).filter(|path| !path.is_empty());
    let path = named.map_or_else(|| PathBuf::from(usual), PathBuf::from);
    let there = path.is_file();
    ensure!(there, "there is no {}: install Debian's package {package}, or set {variable}", path.display());
    Ok(path)
}
