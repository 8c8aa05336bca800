//! Clients over loopback, as light as can be so that what they measure is the server: a connection each, one request at
//! a time.

use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Who asks, and for what, in turn.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: String,
    pub(crate) paths: Vec<String>,
}

/// How long the answers took, sorted, and how long all of it.
pub(crate) struct Times {
    sorted: Vec<Duration>,
    pub(crate) took: Duration,
}

impl Times {
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time within which so many of a hundred were answered, in milliseconds.
    pub(crate) fn within(&self, percent: usize) -> f64 {
        let at = (self.sorted.len() * percent / 100).min(self.sorted.len().saturating_sub(1));
        self.sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    pub(crate) fn words(&self) -> String {
        let count = self.count();
        format!("p50 {:.1} ms, p99 {:.1} ms ({count} answers)", self.within(50), self.within(99))
    }
}

/// Asks for a while, with so many clients at the same time, on a thread of its own.
pub(crate) async fn ask(asking: &Asking, clients: usize, lasting: Duration) -> anyhow::Result<Times> {
    let asking = Arc::new(asking.clone());
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(all(asking, clients, lasting))
    })
    .await?
}

async fn all(asking: Arc<Asking>, clients: usize, lasting: Duration) -> anyhow::Result<Times> {
    let began = Instant::now();
    let running: Vec<_> = (0..clients).map(|first| tokio::spawn(one(asking.clone(), first, began + lasting))).collect();
    let mut sorted = Vec::new();
    for client in running {
        sorted.extend(client.await??);
    }
    sorted.sort();
    Ok(Times { sorted, took: began.elapsed() })
}

async fn one(asking: Arc<Asking>, first: usize, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(asking.address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1 << 18);
    let mut times = Vec::new();
    for path in asking.paths.iter().cycle().skip(first % asking.paths.len().max(1)) {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\nCookie: {}\r\n\r\n",
            asking.address, asking.cookie
        );
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        answer(&mut stream, &mut buffer).await.with_context(|| path.clone())?;
        times.push(began.elapsed());
        if Instant::now() > until {
            break;
        }
    }
    Ok(times)
}

/// Reads one answer to its end, and throws it away.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.clear();
    let head = loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server hung up");
        }
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let header =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    if !text.starts_with("http/1.1 200") {
        bail!("answered {}", text.lines().next().unwrap_or_default());
    }
    let length: Option<usize> = header("content-length:").map(|value| value.parse()).transpose()?;
    loop {
        let done = match length {
            Some(length) => buffer.len() >= head + length,
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if done {
            return Ok(());
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server hung up");
        }
    }
}
