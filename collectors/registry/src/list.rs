//! Lists that a registry gives page by page: its repositories, and a repository's tags.

use crate::answer::names;
use crate::client::{Ask, Client, PAGE, Target};
use crate::error::ReadError;
use crate::paging;
use reqwest::Method;
use reqwest::header::LINK;
use std::collections::BTreeSet;

const PAGES: usize = 2_000;
/// The most repositories of a registry, or tags of a repository.
const MOST: usize = 100_000;

impl Client {
    /// All repositories, in the registry's order.
    pub(crate) async fn catalogue(&self) -> Result<Vec<String>, ReadError> {
        let ask = self.ask(Method::GET, Target::Catalogue, &["v2", "_catalog"])?;
        self.list(ask, "repositories").await
    }

    /// All tags of a repository.
    pub(crate) async fn tags(&self, repository: &str) -> Result<Vec<String>, ReadError> {
        let ask = self.ask_of(Method::GET, repository, &["tags", "list"])?;
        self.list(ask, "tags").await
    }

    async fn list(&self, mut ask: Ask, field: &str) -> Result<Vec<String>, ReadError> {
        let plain = ask.url.clone();
        ask.url.query_pairs_mut().append_pair("n", "1000");
        let mut seen = BTreeSet::new();
        let mut listed = Vec::new();
        for page in 0..PAGES {
            if !seen.insert(ask.url.to_string()) {
                return Err(ReadError::failed(format!("the list of {field} leads in a circle")));
            }
            let (headers, bytes) = match self.document(&ask, PAGE).await {
                // Some registries refuse a page size that others need.
                Err(ReadError::Rejected(_)) if page == 0 && ask.url != plain => {
                    ask.url = plain.clone();
                    continue;
                }
                answer => answer?,
            };
            listed.extend(names(&bytes, field)?);
            if listed.len() > MOST {
                return Err(ReadError::failed(format!("more than {MOST} {field}")));
            }
            let link = headers.get(LINK).and_then(|value| value.to_str().ok());
            match paging::next(link, &ask.url).map_err(ReadError::Failed)? {
                Some(next) => ask.url = next,
                None => return Ok(listed),
            }
        }
        Err(ReadError::failed(format!("the list of {field} has more than {PAGES} pages")))
    }
}
