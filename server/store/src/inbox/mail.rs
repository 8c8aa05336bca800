//! Mails that wait to be sent. A mail is marked as sent after the server took it: who dies in between sends it once more,
//! under the same id.

use super::Kind;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::types::Json;

/// How often a mail is tried before it is given up.
const ATTEMPTS: i32 = 10;
/// Lines of a digest.
const LINES: i64 = 100;

/// One thing that a mail tells of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    pub subject: String,
    /// A path of ours.
    pub link: String,
}

/// A mail to be sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// With the tenant it names the mail for good.
    pub number: i64,
    pub name: String,
    pub email: String,
    pub subject: String,
    pub lines: Vec<Line>,
    /// 1 on the first try.
    pub attempt: i32,
}

/// Number, person's address and name, subject, lines and tries.
type Row = (i64, String, String, String, Json<Vec<Line>>, i32);

/// Mails that are due, the longest waiting first.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Vec<Mail>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select m.mail_no, p.name, p.email, m.subject, m.items, m.attempts
         from mails m join people p on p.person_id = m.person_id
         where m.tenant_id = $1 and m.state = 'waiting' and m.next_try_at <= $2
         order by m.next_try_at, m.mail_no limit 50",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    let mail = |(number, name, email, subject, Json(lines), attempts)| Mail {
        number,
        name,
        email,
        subject,
        lines,
        attempt: attempts + 1,
    };
    Ok(rows.into_iter().map(mail).collect())
}

/// When the next mail is due; none when none waits.
///
/// # Errors
/// When the database does not answer.
pub async fn next_mail_at(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next = sqlx::query_scalar("select min(next_try_at) from mails where tenant_id = $1 and state = 'waiting'")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(next)
}

/// Marks a mail as sent, and forgets what was sent a week ago.
///
/// # Errors
/// When the database does not answer.
pub async fn sent(tx: &mut TenantTx, mail: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update mails set state = 'sent', ended_at = $3, attempts = attempts + 1, error = null
         where tenant_id = $1 and mail_no = $2",
    )
    .bind(tx.tenant().0)
    .bind(mail)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from mails where tenant_id = $1 and state <> 'waiting' and ended_at < $2 - interval '7 days'")
        .bind(tx.tenant().0)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes that a mail was not taken: it is tried again later, each time after twice as long, unless it is `final` or was
/// tried too often.
///
/// # Errors
/// When the database does not answer.
pub async fn failed(
    tx: &mut TenantTx,
    mail: &Mail,
    why: &str,
    is_final: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let over = is_final || mail.attempt >= ATTEMPTS;
    let wait = TimeDelta::minutes(1 << mail.attempt.clamp(0, 10));
    sqlx::query(
        "update mails set attempts = attempts + 1, error = $3, next_try_at = $4,
             state = case when $5 then 'failed' else 'waiting' end, ended_at = case when $5 then $6::timestamptz end
         where tenant_id = $1 and mail_no = $2",
    )
    .bind(tx.tenant().0)
    .bind(mail.number)
    .bind(why)
    .bind(now + wait)
    .bind(over)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets the mails that wait, where nobody sends any.
///
/// # Errors
/// When the database does not answer.
pub async fn drop_waiting(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("delete from mails where tenant_id = $1 and state = 'waiting'")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Puts one mail for each person among those that wait: what they were told since the last digest, of the kinds that they
/// want once a day.
///
/// # Errors
/// When the database does not answer.
pub async fn digest(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let kinds: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    let mails: Vec<&str> = Kind::ALL.into_iter().map(|kind| kind.mail().as_str()).collect();
    sqlx::query(
        "with daily as (
             select i.person_id, i.item_no, i.subject, i.link,
                 row_number() over (partition by i.person_id order by i.item_no desc) as place
             from members m
             left join digests d on d.tenant_id = $1 and d.person_id = m.person_id
             join inbox i on i.tenant_id = $1 and i.person_id = m.person_id and i.item_no > coalesce(d.up_to, 0)
             join unnest($3::text[], $4::text[]) as k (kind, mail) on k.kind = i.kind
             left join inbox_settings s on s.tenant_id = $1 and s.person_id = i.person_id and s.kind = i.kind
             where m.tenant_id = $1 and i.read_at is null and coalesce(s.mail, k.mail) = 'daily'
         ), digested as (
             insert into digests (tenant_id, person_id, up_to)
             select $1, person_id, max(item_no) from daily group by person_id
             on conflict (tenant_id, person_id) do update set up_to = excluded.up_to
         )
         insert into mails (tenant_id, person_id, subject, items, next_try_at)
         select $1, person_id, count(*) || ' new in your inbox',
             jsonb_agg(jsonb_build_object('subject', subject, 'link', link) order by item_no)
                 filter (where place <= $5), $2
         from daily group by person_id",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .bind(kinds)
    .bind(mails)
    .bind(LINES)
    .execute(tx.conn())
    .await?;
    Ok(())
}
