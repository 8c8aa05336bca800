//! Answers are read whole before anybody looks at them, and one that is empty or breaks off is no answer.
//!
//! The SDK is kinder than we can afford. It takes an empty body for a JSON object without members, and the end of an XML
//! body for the end of whatever list was open: everything that the rest would have listed would look gone. AWS always says
//! at least `{}`, and always closes its document.

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

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
        let has_body = request.method() != "HEAD";
        let call = self.0.call(request);
        HttpConnectorFuture::new(async move { whole(call.await?, has_body).await })
    }
}

async fn whole(mut response: HttpResponse, has_body: bool) -> Result<HttpResponse, ConnectorError> {
    let body =
        ByteStream::new(response.take_body()).collect().await.map_err(|error| ConnectorError::io(error.into()))?;
    let body = body.into_bytes();
    if has_body && response.status().as_u16() == 200 {
        if body.is_empty() {
            return Err(ConnectorError::io("the answer is empty".into()));
        }
        if body.starts_with(b"<") && !ends_as_it_began(&body) {
            return Err(ConnectorError::io("the answer breaks off".into()));
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn passes(status: u16, body: &str, has_body: bool) -> bool {
        let status = status.try_into().expect("a status");
        whole(HttpResponse::new(status, SdkBody::from(body)), has_body).await.is_ok()
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
}
