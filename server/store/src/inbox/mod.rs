//! What people are told: in their inbox at once, and by e-mail as each wants it.

mod mail;
mod settings;

pub use mail::{Line, Mail, digest, drop_waiting, failed, next_mail_at, sent, waiting};
pub use settings::{Wanted, set_wanted, wanted};

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::job::{self, Task};
use crate::page::{Page, PageRequest};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{Mint, PersonId};

/// What somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Findings were given to them.
    Assigned,
    /// A comment names them.
    Mentioned,
    /// A run saw that what they claimed is fixed.
    Proven,
    /// A run saw that what they claimed still fails.
    Refuted,
    /// Theirs is overdue, or will be soon.
    Due,
    /// An exception waits for their approval.
    ExceptionAsked,
    /// An exception that they asked for, approved or hold findings under was decided, ends soon or has ended.
    Exception,
    /// A ticket changed, or could not be kept in step.
    Ticket,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Assigned,
        Self::Mentioned,
        Self::Proven,
        Self::Refuted,
        Self::Due,
        Self::ExceptionAsked,
        Self::Exception,
        Self::Ticket,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Mentioned => "mentioned",
            Self::Proven => "proven",
            Self::Refuted => "refuted",
            Self::Due => "due",
            Self::ExceptionAsked => "exception_asked",
            Self::Exception => "exception",
            Self::Ticket => "ticket",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Assigned => "Assigned to you",
            Self::Mentioned => "You are mentioned",
            Self::Proven => "Fixed, by a run’s proof",
            Self::Refuted => "Claimed to be fixed, and still fails",
            Self::Due => "Overdue, or due soon",
            Self::ExceptionAsked => "An exception waits for you",
            Self::Exception => "Exceptions that concern you",
            Self::Ticket => "Tickets",
        }
    }

    /// How it goes out by e-mail when nobody said otherwise.
    #[must_use]
    pub fn mail(self) -> Wanted {
        match self {
            Self::Assigned | Self::Mentioned | Self::ExceptionAsked => Wanted::AtOnce,
            Self::Refuted | Self::Due | Self::Exception => Wanted::Daily,
            Self::Proven | Self::Ticket => Wanted::Never,
        }
    }
}

/// What one person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub person: PersonId,
    /// One line, at most 300 characters; longer ones are cut.
    pub subject: String,
    /// A path of ours.
    pub link: String,
}

/// Tells one person something.
///
/// # Errors
/// When the database does not answer.
pub async fn tell(
    tx: &mut TenantTx,
    person: PersonId,
    kind: Kind,
    subject: &str,
    link: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let notice = Notice { person, subject: subject.to_owned(), link: link.to_owned() };
    tell_many(tx, kind, &[notice], at).await
}

/// Tells many people something, each their own, in one statement; who is no member is not told. What somebody wants by
/// e-mail at once is put among the mails in the same statement.
///
/// # Errors
/// When the database does not answer.
pub async fn tell_many(tx: &mut TenantTx, kind: Kind, notices: &[Notice], at: DateTime<Utc>) -> Result<(), StoreError> {
    if notices.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "with told as (
             insert into inbox (tenant_id, person_id, at, kind, subject, link)
             select $1, m.person_id, $2, $3, n.subject, n.link
             from unnest($4::uuid[], $5::text[], $6::text[]) as n (person_id, subject, link)
             join members m on m.tenant_id = $1 and m.person_id = n.person_id
             returning person_id, subject, link
         )
         insert into mails (tenant_id, person_id, subject, items, next_try_at)
         select $1, t.person_id, t.subject, jsonb_build_array(jsonb_build_object('subject', t.subject, 'link', t.link)), $2
         from told t left join inbox_settings s on s.tenant_id = $1 and s.person_id = t.person_id and s.kind = $3
         where coalesce(s.mail, $7) = 'at_once'",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(kind.as_str())
    .bind(notices.iter().map(|notice| notice.person.0).collect::<Vec<_>>())
    .bind(notices.iter().map(|notice| one_line(&notice.subject)).collect::<Vec<_>>())
    .bind(notices.iter().map(|notice| notice.link.clone()).collect::<Vec<_>>())
    .bind(kind.mail().as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Queues what follows from telling people something: the sending of mails that wait, and the next morning's reminders.
///
/// # Errors
/// When the database does not answer.
pub async fn wake(tx: &mut TenantTx, mint: &Mint) -> Result<(), StoreError> {
    if let Some(due) = next_mail_at(tx).await? {
        job::enqueue(tx, &Task::SendMail, due, mint).await?;
    }
    let told: bool = sqlx::query_scalar(
        "select exists (select from inbox where tenant_id = $1) or exists (select from ownership where tenant_id = $1)",
    )
    .bind(tx.tenant().0)
    .fetch_one(tx.conn())
    .await?;
    if told {
        job::enqueue(tx, &Task::Remind, next_morning(mint.now()), mint).await?;
    }
    Ok(())
}

/// The next six o'clock (UTC) after an instant.
fn next_morning(now: DateTime<Utc>) -> DateTime<Utc> {
    let day = TimeDelta::days(1).num_seconds();
    let six = TimeDelta::hours(6).num_seconds();
    let ahead = day - (now.timestamp() - six).rem_euclid(day);
    now + TimeDelta::seconds(ahead)
}

/// A subject without line breaks, of at most 300 characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(300).collect()
}

/// One thing that somebody was told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Item {
    pub item_no: i64,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub subject: String,
    pub link: String,
    pub read_at: Option<DateTime<Utc>>,
}

/// A page of what a person was told, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    tx: &mut TenantTx,
    person: PersonId,
    unread: bool,
    page: &PageRequest,
) -> Result<Page<Item>, StoreError> {
    let before = page.after.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX);
    let rows = sqlx::query_as(
        "select item_no, at, kind, subject, link, read_at from inbox
         where tenant_id = $1 and person_id = $2 and item_no < $3 and (not $4 or read_at is null)
         order by item_no desc limit $5",
    )
    .bind(tx.tenant().0)
    .bind(person.0)
    .bind(before)
    .bind(unread)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, |item: &Item| item.item_no.to_string()))
}

/// How many a person has not read; counts up to a hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn unread(tx: &mut TenantTx, person: PersonId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from (
             select from inbox where tenant_id = $1 and person_id = $2 and read_at is null limit 100
         ) unread",
    )
    .bind(tx.tenant().0)
    .bind(person.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// Marks one of a person's own as read, and returns where it leads.
///
/// # Errors
/// [`StoreError::NotFound`] when this person was told nothing of that number.
pub async fn read(tx: &mut TenantTx, person: PersonId, item: i64, now: DateTime<Utc>) -> Result<String, StoreError> {
    let link: Option<String> = sqlx::query_scalar(
        "update inbox set read_at = coalesce(read_at, $4)
         where tenant_id = $1 and person_id = $2 and item_no = $3 returning link",
    )
    .bind(tx.tenant().0)
    .bind(person.0)
    .bind(item)
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    link.ok_or(StoreError::NotFound)
}

/// Marks all that a person was told up to an item as read; what came since stays unread.
///
/// # Errors
/// When the database does not answer.
pub async fn read_all(tx: &mut TenantTx, person: PersonId, up_to: i64, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update inbox set read_at = $4
         where tenant_id = $1 and person_id = $2 and item_no <= $3 and read_at is null",
    )
    .bind(tx.tenant().0)
    .bind(person.0)
    .bind(up_to)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Tells everybody what of theirs is overdue or will be within three days, one line a person, and forgets what was told half a
/// year ago.
///
/// # Errors
/// When the database does not answer.
pub async fn remind(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let rows: Vec<(uuid::Uuid, i64, i64)> = sqlx::query_as(
        "select assignee_id, count(*) filter (where due_at <= $2), count(*) filter (where due_at > $2)
         from findings
         where tenant_id = $1 and state = 'open' and due_at <= $2 + interval '72 hours' and assignee_id is not null
         group by assignee_id",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    let notices: Vec<Notice> = rows
        .into_iter()
        .map(|(person, late, soon)| Notice {
            person: PersonId(person),
            subject: format!("Of your findings {late} are overdue and {soon} are due within three days"),
            link: "/sla".to_owned(),
        })
        .collect();
    tell_many(tx, Kind::Due, &notices, now).await?;
    sqlx::query("delete from inbox where tenant_id = $1 and at < $2 - interval '180 days'")
        .bind(tx.tenant().0)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(one_line("a\r\nBcc: x\u{0}  b"), "a Bcc: x b");
        assert_eq!(one_line(&"x".repeat(400)).len(), 300);
    }

    #[test]
    fn the_next_morning_is_later_and_within_a_day() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        assert_eq!(next_morning(at("2026-01-15T12:00:00Z")), at("2026-01-16T06:00:00Z"));
        assert_eq!(next_morning(at("2026-01-15T05:59:59Z")), at("2026-01-15T06:00:00Z"));
        assert_eq!(next_morning(at("2026-01-15T06:00:00Z")), at("2026-01-16T06:00:00Z"));
    }

    #[test]
    fn every_kind_comes_back() {
        assert!(Kind::ALL.into_iter().all(|kind| Kind::parse(kind.as_str()) == Some(kind)));
    }
}
