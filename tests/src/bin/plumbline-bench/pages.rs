//! Server time of pages over one large tenant and many small ones, asked for over loopback by several clients at once.

mod addresses;
pub(crate) mod estate;
mod people;

use crate::Arguments;
use crate::cluster::{Cluster, keyring};
use crate::load::{Asking, ask};
use crate::table::{Table, number, per_second};
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use plumbline_core::id::TenantId;
use plumbline_server::serve::Product;
use sqlx::PgConnection;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let mut admin = cluster.admin().await?;
    let estate = estate::ensure(&mut admin, arguments.findings, arguments.tenants).await?;
    for (slug, email) in [("heavy", people::HEAVY), ("small-1", people::SMALL), ("small-2", people::OTHER)] {
        people::ensure(cluster, slug, email).await?;
    }
    people::work(&mut admin, &estate, people::HEAVY).await?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let url: Url = format!("http://{address}").parse()?;
    let stop = CancellationToken::new();
    let product = Product::open(&cluster.app, keyring()?, false).await?;
    let stopped = stop.clone();
    let serving = actix_web::rt::spawn(async move { product.serve(listener, url, stopped).await });
    let bench = Bench { address, clients: arguments.clients, lasting: Duration::from_secs(arguments.seconds) };
    bench.pages(table, &mut admin, &estate, arguments.page.as_deref()).await?;
    if arguments.page.is_none() {
        bench.neighbours(table, &mut admin).await?;
        bench.ceiling(table).await?;
    }
    stop.cancel();
    serving.await?
}

struct Bench {
    address: SocketAddr,
    clients: usize,
    lasting: Duration,
}

impl Bench {
    async fn signed_in(&self, email: &str, paths: Vec<String>) -> anyhow::Result<Asking> {
        let cookie = people::sign_in(self.address, email).await?;
        Ok(Asking { address: self.address, cookie, paths })
    }

    async fn pages(
        &self,
        table: &mut Table,
        admin: &mut PgConnection,
        estate: &estate::Made,
        only: Option<&str>,
    ) -> anyhow::Result<()> {
        let size = format!("{} findings", number(per_second(estate.findings, Duration::from_secs(1))));
        let asking = self.signed_in(people::HEAVY, Vec::new()).await?;
        let asked = |page: &str| only.is_none_or(|only| page.contains(only));
        for (page, paths) in addresses::of(admin, estate.heavy).await?.into_iter().filter(|(page, _)| asked(page)) {
            anyhow::ensure!(!paths.is_empty(), "{page}: the estate has nothing to ask for");
            let asking = Asking { paths, ..asking.clone() };
            // The first few answers fill caches, as the first person of a morning does.
            ask(&asking, 1, Duration::from_millis(500)).await.with_context(|| page.to_owned())?;
            let times = ask(&asking, self.clients, self.lasting).await?;
            let alone = ask(&asking, 1, self.lasting / 4).await?;
            let words = format!(
                "{}; one client: p50 {:.1} ms, p99 {:.1} ms",
                times.words(),
                alone.within(50),
                alone.within(99)
            );
            table.row("pages", format!("{size}, {} clients: {page}", self.clients), words);
        }
        Ok(())
    }

    /// What one tenant feels of another: a small one's pages alone, beside another small one's, and beside the large one's.
    async fn neighbours(&self, table: &mut Table, admin: &mut PgConnection) -> anyhow::Result<()> {
        let mine = self.signed_in(people::SMALL, mixture(admin, "small-1").await?).await?;
        let small = self.signed_in(people::OTHER, mixture(admin, "small-2").await?).await?;
        let heavy = self.signed_in(people::HEAVY, mixture(admin, "heavy").await?).await?;
        ask(&mine, 1, Duration::from_secs(1)).await?;
        let alone = ask(&mine, 1, self.lasting * 2).await?;
        table.row("pages", "a small tenant, one client, nobody else", alone.words());
        for (whose, other) in [("another small tenant's", small), ("the large tenant's", heavy)] {
            let (beside, load) = tokio::try_join!(ask(&mine, 1, self.lasting * 2), ask(&other, 4, self.lasting * 2))?;
            let label = format!("a small tenant, one client, beside four clients of {whose} pages");
            let asked = per_second(load.count(), load.took);
            table.row("pages", label, format!("{}; beside {asked:.0} pages/s", beside.words()));
        }
        Ok(())
    }

    /// A page that asks the database nothing, beside a server that does nothing.
    async fn ceiling(&self, table: &mut Table) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let bare = listener.local_addr()?;
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let hello = HttpServer::new(|| App::new().route("/sign-in", web::get().to(async || "hello")));
        let server = hello.workers(threads).listen(listener)?.run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        let of = |address| Asking { address, cookie: "none=none".to_owned(), paths: vec!["/sign-in".to_owned()] };
        let most = ask(&of(bare), self.clients, self.lasting).await?;
        let ours = ask(&of(self.address), self.clients, self.lasting).await?;
        let (most, ours) = (per_second(most.count(), most.took), per_second(ours.count(), ours.took));
        let words =
            format!("{} pages/s, {:.2} of the {} that a bare server gives", number(ours), ours / most, number(most));
        table.row("pages", "a page without a query (sign-in)", words);
        handle.stop(false).await;
        Ok(running.await??)
    }
}

async fn mixture(admin: &mut PgConnection, slug: &str) -> anyhow::Result<Vec<String>> {
    let (tenant,): (uuid::Uuid,) =
        sqlx::query_as("select tenant_id from tenants where slug = $1").bind(slug).fetch_one(&mut *admin).await?;
    let pages = addresses::of(admin, TenantId(tenant)).await?;
    Ok(pages.into_iter().filter_map(|(_, paths)| paths.into_iter().next()).collect())
}
