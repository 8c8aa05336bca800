//! Who asks: a member of each tenant that is measured, signed in as people sign in.

use super::estate::Made;
use crate::cluster::Cluster;
use anyhow::Context;
use plumbline_core::role::Role;
use plumbline_store::identity::person::{self, NewPerson};
use plumbline_store::tenant::{self, member};
use plumbline_web::passwords;
use reqwest::header::{ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use scraper::{Html, Selector};
use secrecy::SecretString;
use sqlx::PgConnection;
use std::net::SocketAddr;
use uuid::Uuid;

pub(super) const HEAVY: &str = "heavy@bench.example.com";
pub(super) const SMALL: &str = "small@bench.example.com";
pub(super) const OTHER: &str = "other@bench.example.com";
const PASSWORD: &str = "a plumb line of some length";

/// Makes somebody a member of a tenant, unless they are.
pub(super) async fn ensure(cluster: &Cluster, slug: &str, email: &str) -> anyhow::Result<()> {
    let mint = &cluster.mint;
    let mut tx = cluster.database.identity().await?;
    let tenant = tenant::by_slug(&mut tx, slug).await?;
    let person = match person::credentials(&mut tx, email).await? {
        Some(known) => known.person,
        None => {
            let hash = passwords::hash(&SecretString::from(PASSWORD), mint).map_err(|error| anyhow::anyhow!(error))?;
            let new = NewPerson { name: "Bench", email, password_hash: Some(&hash), only_in: None };
            person::create(&mut tx, &new, mint).await?
        }
    };
    member::join(&mut tx, tenant.id, person, Role::Analyst, mint.now()).await?;
    Ok(tx.commit().await?)
}

/// What people and paths add to the large tenant, unless it is there.
pub(super) async fn work(admin: &mut PgConnection, estate: &Made, email: &str) -> anyhow::Result<()> {
    for statement in include_str!("work.sql").split(";\n") {
        sqlx::query(statement)
            .bind(estate.heavy.0)
            .bind(person_of(admin, email).await?)
            .execute(&mut *admin)
            .await
            .with_context(|| statement.trim().to_owned())?;
    }
    sqlx::query("drop table bench_paths").execute(&mut *admin).await?;
    Ok(())
}

async fn person_of(admin: &mut PgConnection, email: &str) -> anyhow::Result<Uuid> {
    Ok(sqlx::query_scalar("select person_id from people where email = $1").bind(email).fetch_one(admin).await?)
}

/// Signs somebody in through the form; returns the cookies to send from then on.
pub(super) async fn sign_in(address: SocketAddr, email: &str) -> anyhow::Result<String> {
    let origin = format!("http://{address}");
    let client = reqwest::Client::builder().redirect(Policy::none()).cookie_store(true).build()?;
    let page = client.get(format!("{origin}/sign-in")).send().await?.error_for_status()?.text().await?;
    let fields = [("csrf", token(&page)?), ("email", email.to_owned()), ("password", PASSWORD.to_owned())];
    let answer = client.post(format!("{origin}/sign-in")).header(ORIGIN, &origin).form(&fields).send().await?;
    anyhow::ensure!(answer.status().as_u16() == 303, "signing in answered {}", answer.status());
    let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let pairs: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
    Ok(pairs.join("; "))
}

fn token(page: &str) -> anyhow::Result<String> {
    let selector = Selector::parse("input[name=csrf]").map_err(|error| anyhow::anyhow!("{error}"))?;
    let page = Html::parse_document(page);
    let field = page.select(&selector).next().context("the sign-in page has no form")?;
    Ok(field.value().attr("value").unwrap_or_default().to_owned())
}
