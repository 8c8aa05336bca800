//! Downloads of feeds: conditional, bounded, into a file that is gone with its handle.
//!
//! The operator names the address, but a redirect or a name's answer is somebody else's word. Unless the operator allows
//! it, only public addresses are spoken to, and only over TLS. Where private ones are allowed, plain HTTP goes to those
//! alone: what comes over the internet in the clear could be anybody's.

use super::FeedKind;
use anyhow::{Context, bail, ensure};
use plumbline_core::address::is_inside;
use plumbline_outside::Reach;
use plumbline_software::advisory::kev;
use plumbline_store::feed::Validators;
use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use reqwest::{Client, Response, StatusCode};
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use url::{Host, Url};

/// A download takes no longer.
const WHOLE: Duration = Duration::from_secs(3600);
/// Nor does the other side stay silent for longer.
const SILENCE: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 5;
/// The most bytes of a zip of advisories; that of all ecosystems together has about one GiB.
const BUNDLE: u64 = 4 << 30;
/// The most bytes of forecasts, packed; they have about 2 MiB.
const FORECASTS: u64 = 256 << 20;
/// And of a list of hashes: some ten million of them.
const HASHES: u64 = 1 << 30;
/// Validators that are longer are not kept.
const VALIDATOR: usize = 500;

/// A file that was downloaded.
#[derive(Debug)]
pub(super) struct Fetched {
    file: NamedTempFile,
    pub(super) validators: Validators,
}

impl Fetched {
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Downloads feeds.
#[derive(Debug, Clone)]
pub struct Downloads {
    https: Client,
    /// For plain HTTP, where private addresses are allowed.
    http: Option<Client>,
}

impl Downloads {
    /// Makes one; `private_allowed` lets it go to loopback and private addresses.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(private_allowed: bool) -> anyhow::Result<Self> {
        let client = |reach| {
            plumbline_outside::client(reach)
                .connect_timeout(Duration::from_secs(10))
                .read_timeout(SILENCE)
                .timeout(WHOLE)
        };
        let http = private_allowed.then(|| client(Reach::Inside).build()).transpose()?;
        Ok(Self { https: client(Reach::allowed(private_allowed)).https_only(true).build()?, http })
    }

    /// Checks an address before a request goes there, and finds who sends it.
    fn sender(&self, url: &Url) -> anyhow::Result<&Client> {
        ensure!(url.username().is_empty() && url.password().is_none(), "the address carries a user name or password");
        ensure!(url.host().is_some(), "the address names no host");
        ensure!(self.http.is_some() || !is_inside(url), "{NOT_PUBLIC}");
        match (url.scheme(), &self.http) {
            ("https", _) => Ok(&self.https),
            ("http", Some(http)) if is_inside(url) || matches!(url.host(), Some(Host::Domain(_))) => Ok(http),
            ("http", Some(_)) => bail!("plain HTTP goes to loopback and private addresses alone"),
            _ => bail!("the address must begin with https://"),
        }
    }

    /// Downloads a feed's file. None when the other side says that it is still what is `known`.
    pub(super) async fn get(&self, url: &Url, kind: FeedKind, known: &Validators) -> anyhow::Result<Option<Fetched>> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let mut request = self.sender(&url)?.get(url.clone());
            for (header, value) in [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)] {
                if let Some(value) = value {
                    request = request.header(header, value);
                }
            }
            let answer = request.send().await.map_err(reqwest::Error::without_url).context("nobody answered")?;
            match answer.status() {
                StatusCode::OK => return Ok(Some(receive(answer, most(kind)).await?)),
                StatusCode::NOT_MODIFIED if *known != Validators::default() => return Ok(None),
                status if status.is_redirection() && answer.headers().contains_key(LOCATION) => {
                    let next = text(answer.headers(), &LOCATION).context("it redirects to what is no address")?;
                    url = url.join(&next).context("it redirects to what is no address")?;
                }
                status => bail!("the answer was {status}"),
            }
        }
        bail!("it redirects more than {REDIRECTS} times")
    }
}

const NOT_PUBLIC: &str =
    "a loopback, link-local or private address is not allowed in this installation; the operator can allow it";

/// The most bytes of a feed's file.
fn most(kind: FeedKind) -> u64 {
    match kind {
        FeedKind::Osv => BUNDLE,
        FeedKind::Kev => kev::LIMIT as u64,
        FeedKind::Epss => FORECASTS,
        FeedKind::Hashes => HASHES,
    }
}

/// Writes an answer to a file, piece by piece, as long as it is within the limit.
async fn receive(mut answer: Response, most: u64) -> anyhow::Result<Fetched> {
    let claimed = answer.content_length();
    ensure!(claimed.is_none_or(|claimed| claimed <= most), "it is larger than {most} bytes");
    let headers = answer.headers();
    let validators = Validators { etag: text(headers, &ETAG), last_modified: text(headers, &LAST_MODIFIED) };
    let file = NamedTempFile::new().context("no file for it can be made")?;
    let mut writer = tokio::fs::File::from_std(file.reopen()?);
    let mut length = 0;
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url).context("it was cut off")? {
        length += chunk.len() as u64;
        ensure!(length <= most, "it is larger than {most} bytes");
        writer.write_all(&chunk).await.context("it cannot be written to a file")?;
    }
    writer.flush().await.context("it cannot be written to a file")?;
    ensure!(length > 0, "it is empty");
    Ok(Fetched { file, validators })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= VALIDATOR || name == LOCATION).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(private_allowed: bool, url: &str) -> Option<String> {
        let downloads = Downloads::new(private_allowed).unwrap();
        downloads.sender(&Url::parse(url).unwrap()).err().map(|error| error.to_string())
    }

    #[test]
    fn only_public_addresses_are_spoken_to_and_only_over_tls() {
        for url in [
            "http://feeds.example.com/",
            "https://127.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://a:b@example.com/",
            "ftp://example.com/",
        ] {
            assert!(refusal(false, url).is_some(), "{url}");
        }
        assert_eq!(refusal(false, "https://feeds.example.com/npm/all.zip"), None);
    }

    #[test]
    fn plain_http_goes_inside_alone_and_only_where_the_operator_allows() {
        assert!(refusal(true, "http://52.94.5.1/").is_some());
        for url in ["http://127.0.0.1:8000/", "http://mirror.example.com/", "https://10.0.0.1/"] {
            assert_eq!(refusal(true, url), None, "{url}");
        }
    }
}
