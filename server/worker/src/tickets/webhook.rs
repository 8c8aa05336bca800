//! A webhook of the tenant's: what happens to tickets is sent, signed, and no answer is needed but that it came.

use super::client::{Changes, Client, Theirs};
use super::wire::{TrackerError, Wire};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use plumbline_core::id::FixId;
use plumbline_core::signature::{hmac_sha256, sha256};
use plumbline_core::ticket::TicketText;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub(super) struct Webhook {
    pub(super) wire: Wire,
    pub(super) secret: SecretString,
}

impl Webhook {
    /// Sends an event. What is sent again for the same reason within an hour carries the same key.
    async fn send(&self, event: &str, key: &str, more: Value) -> Result<(), TrackerError> {
        let body = json!({ "event": event, "ticket": key, "detail": more }).to_string();
        let idempotency = sha256(&format!("{} {body}", self.wire.now.format("%Y-%m-%dT%H")));
        self.post(&body, if event == "ticket.opened" { key } else { &idempotency }).await
    }

    async fn post(&self, body: &str, idempotency: &str) -> Result<(), TrackerError> {
        let timestamp = self.wire.now.timestamp().to_string();
        let signature = hmac_sha256(self.secret.expose_secret().as_bytes(), format!("{timestamp}.{body}").as_bytes());
        let request = self
            .wire
            .request(Method::POST, "")?
            .header("content-type", "application/json")
            .header("x-plumbline-timestamp", timestamp)
            .header("x-plumbline-signature", format!("sha256={signature}"))
            .header("idempotency-key", idempotency)
            .body(body.to_owned());
        self.wire.send(request, "to take an event").await.map(|_| ())
    }
}

#[async_trait]
impl Client for Webhook {
    async fn test(&self) -> Result<(), TrackerError> {
        let body = json!({ "event": "test" }).to_string();
        self.post(&body, &sha256(&self.wire.now.to_rfc3339())).await
    }

    /// Nothing can be asked of a webhook: the key of the event tells it that it has the ticket already.
    async fn find(&self, _: FixId, _: DateTime<Utc>) -> Result<Option<Theirs>, TrackerError> {
        Ok(None)
    }

    async fn create(&self, fix: FixId, text: &TicketText) -> Result<Theirs, TrackerError> {
        let key = fix.to_string();
        self.send("ticket.opened", &key, json!({ "title": text.title, "text": text.markdown() })).await?;
        Ok(Theirs { key, url: None, closed: false, state: "sent".to_owned() })
    }

    async fn changed(&self, _: DateTime<Utc>) -> Result<Changes, TrackerError> {
        Ok(Changes::default())
    }

    async fn write(&self, key: &str, text: &TicketText) -> Result<(), TrackerError> {
        self.send("ticket.changed", key, json!({ "title": text.title, "text": text.markdown() })).await
    }

    async fn comment(&self, key: &str, words: &str) -> Result<(), TrackerError> {
        self.send("ticket.commented", key, json!({ "text": words })).await
    }

    async fn close(&self, key: &str) -> Result<(), TrackerError> {
        self.send("ticket.closed", key, json!({})).await
    }

    async fn reopen(&self, key: &str) -> Result<(), TrackerError> {
        self.send("ticket.reopened", key, json!({})).await
    }
}
