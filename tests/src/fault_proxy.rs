//! Stands between the collector and the stand-in cloud, and goes wrong where a test says so.
//!
//! It remembers what the stand-in answered and says the same again: polls after the first are quick, and differ from each
//! other by nothing but the fault. Spoken is just enough HTTP/1.1 for the SDK, by hand, for a proper server could not
//! break off in the middle of an answer.

use crate::fault_answers::{denied, throttled};
use anyhow::{Context, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One request, as far as rules look at it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// As it is signed for: `ec2`, `monitoring`, `access-analyzer`.
    pub service: String,
    pub region: String,
    /// Where the protocol names it; otherwise empty.
    pub action: String,
}

/// How a request goes wrong.
#[derive(Clone)]
pub enum Fault {
    /// In the words that the service's own protocol has for it.
    Throttled,
    /// Refused, naming the permission where the action is known.
    Denied,
    /// This status, with a page for people.
    Status(u16),
    /// Never answered.
    Hangs,
    /// 200, and nothing.
    Empty,
    /// The connection ends in the middle of the answer.
    CutOff,
    /// Half of the answer, as if it were all.
    Half,
    /// The connection is reset instead of an answer.
    Reset,
    /// The true answer, changed.
    Changed(fn(&str) -> String),
}

type Concerns = Box<dyn Fn(&Asked) -> bool + Send + Sync>;

struct Rule {
    concerns: Concerns,
    fault: Fault,
    times: u32,
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The proxy, until this is dropped.
pub struct FaultProxy {
    pub endpoint: String,
    inside: Arc<Inside>,
    listening: tokio::task::JoinHandle<()>,
}

struct Inside {
    upstream: String,
    client: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    memory: Mutex<HashMap<String, Answer>>,
    services: Mutex<BTreeSet<String>>,
    delay: Mutex<Duration>,
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl FaultProxy {
    /// Starts one in front of an endpoint, without faults.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let inside = Arc::new(Inside {
            upstream: upstream.to_owned(),
            client: reqwest::Client::builder().no_proxy().build()?,
            rules: Mutex::default(),
            memory: Mutex::default(),
            services: Mutex::default(),
            delay: Mutex::default(),
        });
        let serving = inside.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inside = serving.clone();
                // A client that goes away ends its conversation, and nothing else.
                tokio::spawn(async move { inside.converse(stream).await.ok() });
            }
        });
        Ok(Self { endpoint, inside, listening })
    }

    /// From now on, requests that `concerns` says yes to go wrong. The first rule that fits is the one that counts.
    pub fn fault(&self, fault: Fault, concerns: impl Fn(&Asked) -> bool + Send + Sync + 'static) {
        self.fault_times(u32::MAX, fault, concerns);
    }

    /// The same, a number of times and then no more.
    pub fn fault_times(&self, times: u32, fault: Fault, concerns: impl Fn(&Asked) -> bool + Send + Sync + 'static) {
        self.inside.rules.lock().expect("the rules").push(Rule { concerns: Box::new(concerns), fault, times });
    }

    /// Everything works again.
    pub fn calm(&self) {
        self.inside.rules.lock().expect("the rules").clear();
    }

    /// How often the rules with a number of times have not gone wrong yet.
    #[must_use]
    pub fn faults_left(&self) -> u32 {
        let rules = self.inside.rules.lock().expect("the rules");
        rules.iter().map(|rule| rule.times).filter(|times| *times != u32::MAX).sum()
    }

    /// Every answer takes this long.
    pub fn delay(&self, delay: Duration) {
        *self.inside.delay.lock().expect("the delay") = delay;
    }

    /// The services that were asked so far.
    #[must_use]
    pub fn services(&self) -> BTreeSet<String> {
        self.inside.services.lock().expect("the services").clone()
    }
}

impl Inside {
    async fn converse(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(asked) = read(&mut stream).await? {
            self.services.lock().expect("the services").insert(asked.service.clone());
            let answer = match self.fault_of(&asked) {
                None => self.true_answer(&asked).await?,
                Some(Fault::Throttled) => throttled(&asked),
                Some(Fault::Denied) => denied(&asked),
                Some(Fault::Status(status)) => {
                    Answer { status, headers: Vec::new(), body: b"<html>Sorry</html>".to_vec() }
                }
                Some(Fault::Hangs) => std::future::pending().await,
                Some(Fault::Empty) => Answer { status: 200, headers: Vec::new(), body: Vec::new() },
                Some(Fault::Half) => {
                    let mut answer = self.true_answer(&asked).await?;
                    answer.body.truncate(answer.body.len() / 2);
                    answer
                }
                Some(Fault::Changed(change)) => {
                    let mut answer = self.true_answer(&asked).await?;
                    answer.body = change(&String::from_utf8_lossy(&answer.body)).into_bytes();
                    answer
                }
                Some(Fault::CutOff) => {
                    let answer = self.true_answer(&asked).await?;
                    let bytes = wire(&answer);
                    let cut = bytes.len() - answer.body.len().div_ceil(2).max(1);
                    stream.get_mut().write_all(&bytes[..cut]).await?;
                    return Ok(());
                }
                Some(Fault::Reset) => {
                    stream.get_ref().set_zero_linger()?;
                    return Ok(());
                }
            };
            let delay = *self.delay.lock().expect("the delay");
            tokio::time::sleep(delay).await;
            stream.get_mut().write_all(&wire(&answer)).await?;
        }
        Ok(())
    }

    fn fault_of(&self, asked: &Asked) -> Option<Fault> {
        let mut rules = self.rules.lock().expect("the rules");
        let rule = rules.iter_mut().find(|rule| rule.times > 0 && (rule.concerns)(asked))?;
        if rule.times != u32::MAX {
            rule.times -= 1;
        }
        Some(rule.fault.clone())
    }

    async fn true_answer(&self, asked: &Asked) -> Result<Answer> {
        let key = asked.key();
        if let Some(known) = self.memory.lock().expect("the memory").get(&key) {
            return Ok(known.clone());
        }
        let mut headers = asked.headers.clone();
        headers.remove("content-length");
        let response = self
            .client
            .request(asked.method.parse()?, format!("{}{}", self.upstream, asked.path))
            .headers(headers)
            .body(asked.body.clone())
            .send()
            .await
            .context("the stand-in does not answer")?;
        let status = response.status().as_u16();
        let passed_on = |name: &str| !matches!(name, "content-length" | "connection" | "transfer-encoding" | "date");
        let headers = response
            .headers()
            .iter()
            .filter(|(name, _)| passed_on(name.as_str()))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let answer = Answer { status, headers, body: response.bytes().await?.to_vec() };
        self.memory.lock().expect("the memory").insert(key, answer.clone());
        Ok(answer)
    }
}

impl Asked {
    /// Equal for requests that ask the same of the same account and region.
    fn key(&self) -> String {
        let target = self.header("x-amz-target");
        let credential = self.header("authorization").split('/').next().unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(&self.body);
        format!("{} {} {target} {credential} {} {} {body}", self.method, self.path, self.service, self.region)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The next request of a conversation; none when the client has hung up.
async fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().context("a method")?, words.next().context("a path")?);
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.append(name.parse::<HeaderName>()?, HeaderValue::from_str(value.trim())?);
    }
    let length = headers.get("content-length").map_or(Ok(0), |value| value.to_str().unwrap_or_default().parse())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let mut asked =
        Asked { method, path, headers, body, service: String::new(), region: String::new(), action: String::new() };
    // AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/ec2/aws4_request, …
    let scope: Vec<String> = asked.header("authorization").split('/').map(str::to_owned).collect();
    if let [_, _, region, service, ..] = scope.as_slice() {
        asked.region.clone_from(region);
        asked.service.clone_from(service);
    }
    asked.action = action(&asked);
    Ok(Some(asked))
}

fn action(asked: &Asked) -> String {
    let target = asked.header("x-amz-target");
    if let Some((_, action)) = target.rsplit_once('.') {
        return action.to_owned();
    }
    if let Some((_, action)) = asked.path.split_once("/operation/") {
        return action.to_owned();
    }
    let body = String::from_utf8_lossy(&asked.body);
    body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned()
}

fn wire(answer: &Answer) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Answer\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), &answer.body].concat()
}
