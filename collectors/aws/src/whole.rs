//! Answers are read whole before anybody looks at them, and one that is empty, breaks off or goes nowhere is no answer.
//!
//! The SDK is kinder than we can afford. It takes an empty body for a JSON object without members, the end of an XML
//! body for the end of whatever list was open, and a page that leads to itself for the last one: everything that the rest
//! would have listed would look gone. AWS always says at least `{}`, always closes its document, and says where to go on
//! when it says that there is more.

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Map, Value};
use url::form_urlencoded;

/// A client that passes on only whole answers that say something.
#[derive(Debug)]
pub(crate) struct Whole(pub(crate) SharedHttpClient);

impl HttpClient for Whole {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(WholeConnector(self.0.http_connector(settings, components)))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct WholeConnector(SharedHttpConnector);

impl HttpConnector for WholeConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = Asked { has_answer: request.method() != "HEAD", page: page_of(&request) };
        let call = self.0.call(request);
        HttpConnectorFuture::new(async move { whole(call.await?, &asked).await })
    }
}

/// What has to be known of a request to judge its answer.
struct Asked {
    /// Whether its answer has a body.
    has_answer: bool,
    /// The token of the page that it asks for; none for a first page, or where there are no pages.
    page: Option<String>,
}

async fn whole(mut response: HttpResponse, asked: &Asked) -> Result<HttpResponse, ConnectorError> {
    let body =
        ByteStream::new(response.take_body()).collect().await.map_err(|error| ConnectorError::io(error.into()))?;
    let body = body.into_bytes();
    if asked.has_answer && response.status().as_u16() == 200 {
        if body.is_empty() {
            return Err(ConnectorError::io("the answer is empty".into()));
        }
        if body.starts_with(b"<") && !ends_as_it_began(&body) {
            return Err(ConnectorError::io("the answer breaks off".into()));
        }
        if body.starts_with(b"<") && leads_nowhere(&body) {
            return Err(ConnectorError::io("the answer says that there is more and not where".into()));
        }
        if asked.page.is_some() && asked.page == page_after(&body) {
            return Err(ConnectorError::io("the answer leads to itself".into()));
        }
    }
    *response.body_mut() = SdkBody::from(body);
    Ok(response)
}

/// Whether the last thing in an XML document is the end of its first element.
fn ends_as_it_began(document: &[u8]) -> bool {
    let mut rest = document.trim_ascii();
    while rest.starts_with(b"<?") || rest.starts_with(b"<!") {
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return false };
        rest = rest[end + 1..].trim_ascii_start();
    }
    let name = rest.get(1..).unwrap_or_default();
    let name = name.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/')).next().unwrap_or_default();
    let Some(open) = rest.strip_suffix(b">") else { return false };
    let alone = open.ends_with(b"/") && !open.contains(&b'>');
    alone || open.strip_suffix(name).is_some_and(|open| !name.is_empty() && open.ends_with(b"</"))
}

/// Whether an XML listing says that it is cut short and names no marker: the SDK's paginators take it for the last page.
fn leads_nowhere(document: &[u8]) -> bool {
    let says = |text: &[u8]| document.windows(text.len()).any(|window| window == text);
    says(b"<IsTruncated>true</IsTruncated>") && !says(b"Marker>") && !says(b"Token>")
}

/// The names under which the services say which page comes next; the plain ones are last, since CloudFront repeats there
/// what it was asked for.
const NEXT: [&str; 6] = ["NextToken", "nextToken", "NextMarker", "nextMarker", "Marker", "marker"];

/// The token of the page that a request asks for, wherever its protocol puts it: the query, a form or a JSON object.
fn page_of(request: &HttpRequest) -> Option<String> {
    let is_token = |name: &str| NEXT.contains(&name);
    let query = request.uri().split_once('?').map_or("", |(_, query)| query).as_bytes();
    let body = request.body().bytes().unwrap_or_default();
    let (form, json) = if body.starts_with(b"{") { (&b""[..], body) } else { (body, &b""[..]) };
    form_urlencoded::parse(query)
        .chain(form_urlencoded::parse(form))
        .find(|(name, _)| is_token(name))
        .map(|(_, token)| token.into_owned())
        .or_else(|| token_of(json))
}

/// The token of the page that comes after this one.
fn page_after(body: &[u8]) -> Option<String> {
    if body.starts_with(b"{") {
        return token_of(body);
    }
    let text = std::str::from_utf8(body).ok()?;
    NEXT.iter().find_map(|name| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    })
}

fn token_of(json: &[u8]) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_slice(json).ok()?;
    NEXT.iter().find_map(|name| members.get(*name)?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passes(status: u16, body: &str, has_answer: bool) -> bool {
        let status = status.try_into().expect("a status");
        let asked = Asked { has_answer, page: Some("page 2".to_owned()) };
        whole(HttpResponse::new(status, SdkBody::from(body)), &asked).await.is_ok()
    }

    fn request(uri: &str, body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_uri(uri).expect("an address");
        request
    }

    #[tokio::test]
    async fn an_empty_answer_is_no_answer() {
        assert!(!passes(200, "", true).await);
    }

    #[tokio::test]
    async fn answers_that_say_something_or_may_say_nothing_pass() {
        assert!(passes(200, "{}", true).await);
        assert!(passes(200, "", false).await, "HEAD");
        assert!(passes(204, "", true).await, "no content, and says so");
        assert!(passes(404, "", true).await, "an error is told by its status");
    }

    #[test]
    fn a_document_ends_with_its_first_element() {
        for whole in ["<a><b/></a>", "<?xml version=\"1.0\"?>\n<a x=\"1\">\n</a>\n", "<a/>", "<a x=\"1\"/>"] {
            assert!(ends_as_it_began(whole.as_bytes()), "{whole}");
        }
        for half in ["<a><b/>", "<a><b></b>", "<a><aa></aa>", "<a", "<?xml version=\"1.0\"?>", "<", "<?xml"] {
            assert!(!ends_as_it_began(half.as_bytes()), "{half}");
        }
    }

    #[test]
    fn a_listing_that_is_cut_short_names_a_marker() {
        assert!(leads_nowhere(b"<a><IsTruncated>true</IsTruncated></a>"));
        assert!(!leads_nowhere(b"<a><IsTruncated>true</IsTruncated><Marker>x</Marker></a>"));
        assert!(!leads_nowhere(b"<a><IsTruncated>false</IsTruncated></a>"));
    }

    #[tokio::test]
    async fn a_page_does_not_lead_to_itself() {
        assert!(!passes(200, r#"{"logGroups":[],"nextToken":"page 2"}"#, true).await);
        assert!(!passes(200, "<a><NextToken>page 2</NextToken></a>", true).await);
        assert!(passes(200, r#"{"logGroups":[],"nextToken":"page 3"}"#, true).await);
        assert!(passes(200, "<a><Marker>page 2</Marker><NextMarker>page 3</NextMarker></a>", true).await);
        assert!(passes(200, "<a></a>", true).await);
    }

    #[test]
    fn the_page_is_known_in_each_protocol() {
        let page = |uri, body| page_of(&request(uri, body));
        assert_eq!(page("/x?Marker=page%202&MaxItems=5", ""), Some("page 2".to_owned()));
        assert_eq!(page("/", "Action=ListUsers&Marker=page+2"), Some("page 2".to_owned()));
        assert_eq!(page("/", r#"{"nextToken":"page 2"}"#), Some("page 2".to_owned()));
        assert_eq!(page("/", r#"{"limit":5}"#), None);
        assert_eq!(page("/", "Action=ListUsers"), None);
    }
}
