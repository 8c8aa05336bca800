//! Answers are read whole before anybody looks at them, and an empty one is no answer.
//!
//! A JSON operation takes an empty body for an object without members, and so a listing for an empty one: everything that
//! it used to list would look gone. AWS always says at least `{}`; whoever answers nothing at all is not AWS.

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
    if body.is_empty() && has_body && response.status().as_u16() == 200 {
        return Err(ConnectorError::io("the answer is empty".into()));
    }
    *response.body_mut() = SdkBody::from(body);
    Ok(response)
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
}
