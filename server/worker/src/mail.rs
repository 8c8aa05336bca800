//! Mails: plain text, one connection each, by the operator's server.
//!
//! A mail is in the database before it is sent and marked after the server took it, so that it is sent at least once, and
//! twice only when a worker died in between; both then carry the same Message-ID.

use crate::{LEASE, Worker};
use anyhow::Context;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use plumbline_core::id::TenantId;
use plumbline_store::inbox::{self, Mail};
use plumbline_store::job::{self, Lease};
use secrecy::{ExposeSecret, SecretString};
use std::fmt::Write as _;
use std::time::Duration;
use url::Url;

/// The server may be silent for no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The operator's mail server, who mails are from, and where their links lead.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    origin: String,
    host: String,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// What became of a mail that was not taken.
struct Refused {
    why: String,
    /// Trying again changes nothing.
    is_final: bool,
}

impl Mailer {
    /// From the server's URL, such as `smtps://name:password@mail.example.com` or `smtp://mail.example.com:587?tls=required`.
    ///
    /// # Errors
    /// When the URL is no mail server's, or the sender no address.
    pub fn new(server: &SecretString, from: &str, public_url: &Url) -> anyhow::Result<Self> {
        // The URL holds a password, so that an error of its own is not repeated.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server.expose_secret())
            .map_err(|_| {
                anyhow::anyhow!("PLUMBLINE_SMTP_URL is no URL of a mail server: smtps://… or smtp://…?tls=required")
            })?
            .timeout(Some(PATIENCE))
            .build();
        let from = from.parse().context("PLUMBLINE_MAIL_FROM is no e-mail address")?;
        let host = public_url.host_str().unwrap_or("localhost").to_owned();
        Ok(Self { transport, from, origin: public_url.origin().ascii_serialization(), host })
    }

    async fn send(&self, tenant: TenantId, mail: &Mail) -> Result<(), Refused> {
        let message = self.message(tenant, mail).map_err(|error| Refused { why: error.to_string(), is_final: true })?;
        let sent = self.transport.send(message).await;
        sent.map(|_| ())
            .map_err(|error: smtp::Error| Refused { is_final: error.is_permanent(), why: error.to_string() })
    }

    fn message(&self, tenant: TenantId, mail: &Mail) -> anyhow::Result<Message> {
        let to = Mailbox::new(Some(mail.name.clone()), mail.email.parse()?);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(format!("Plumbline: {}", mail.subject))
            .message_id(Some(format!("<{}.{}@{}>", tenant.0.simple(), mail.number, self.host)))
            .header(ContentType::TEXT_PLAIN)
            .body(self.text(mail))?;
        Ok(message)
    }

    fn text(&self, mail: &Mail) -> String {
        let mut text = String::new();
        for line in &mail.lines {
            let _ = writeln!(text, "{}\n{}{}\n", line.subject, self.origin, line.link);
        }
        let _ = writeln!(text, "What comes by e-mail is yours to choose: {}/inbox/settings", self.origin);
        text
    }
}

/// Sends the mails that wait, and comes back for those that were not taken.
pub(crate) async fn send(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let Some(mailer) = &worker.mailer else { return drop_all(worker, lease).await };
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let mails = inbox::waiting(&mut tx, worker.now()).await?;
    tx.commit().await?;
    for mail in &mails {
        let mut queue = worker.database.queue().await?;
        let ours = job::prolong(&mut queue, lease, worker.now() + LEASE).await?;
        queue.commit().await?;
        anyhow::ensure!(ours, "another worker has taken this job over");
        let sent = mailer.send(lease.tenant, mail).await;
        let mut tx = worker.database.tenant(lease.tenant).await?;
        job::fence(&mut tx, lease).await?;
        match sent {
            Ok(()) => inbox::sent(&mut tx, mail.number, worker.now()).await?,
            Err(refused) => {
                tracing::warn!(mail = mail.number, attempt = mail.attempt, why = %refused.why, "mail not sent");
                inbox::failed(&mut tx, mail, &refused.why, refused.is_final, worker.now()).await?;
            }
        }
        tx.commit().await?;
    }
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    inbox::wake(&mut tx, &worker.mint).await?;
    Ok(tx.commit().await?)
}

/// Nobody sends mails here: what waits is in the inbox alone.
async fn drop_all(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    inbox::drop_waiting(&mut tx).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_store::inbox::Line;
    use uuid::Uuid;

    fn mailer() -> Mailer {
        let url = Url::parse("https://plumbline.example.com").expect("a URL");
        Mailer::new(&SecretString::from("smtp://127.0.0.1:2525"), "Plumbline <plumbline@example.com>", &url)
            .expect("sound")
    }

    #[tokio::test]
    async fn a_mail_is_plain_text_with_an_id_that_stays() {
        let mail = Mail {
            number: 7,
            name: "Ann \"A\" Example".to_owned(),
            email: "ann@example.com".to_owned(),
            subject: "3 findings were assigned to you".to_owned(),
            lines: vec![Line { subject: "3 findings were assigned to you".to_owned(), link: "/findings/1".to_owned() }],
            attempt: 1,
        };
        let mailer = mailer();
        let text =
            String::from_utf8(mailer.message(TenantId(Uuid::nil()), &mail).expect("a mail").formatted()).expect("text");

        assert!(text.contains("Message-ID: <00000000000000000000000000000000.7@plumbline.example.com>"), "{text}");
        assert!(text.contains("https://plumbline.example.com/findings/1") && text.contains("text/plain"), "{text}");
        let twice = Mail { subject: "a\r\nBcc: other@example.com".to_owned(), ..mail };
        let sent = mailer.message(TenantId(Uuid::nil()), &twice).map(|message| message.formatted());
        let text = sent.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        assert!(!text.contains("\r\nBcc:"), "{text}");
    }

    #[tokio::test]
    async fn a_password_is_not_repeated() {
        let url = Url::parse("https://plumbline.example.com").expect("a URL");
        let odd = SecretString::from("imap://name:hush@mail.example.com");
        let error = Mailer::new(&odd, "plumbline@example.com", &url).expect_err("no server of mails");
        assert!(!format!("{error:#}").contains("hush"));
    }
}
