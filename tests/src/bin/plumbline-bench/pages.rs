//! Server time of pages over one large tenant and many small ones, asked for over loopback by several clients at once.

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
use url::{Url, form_urlencoded};

/// A page, and the addresses at which it is asked for in turn.
type Page = (&'static str, Vec<String>);

pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let mut admin = cluster.admin().await?;
    let estate = estate::ensure(&mut admin, arguments.findings, arguments.tenants).await?;
    for (slug, email) in [("heavy", people::HEAVY), ("small-1", people::SMALL), ("small-2", people::OTHER)] {
        people::ensure(cluster, slug, email).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let url: Url = format!("http://{address}").parse()?;
    let stop = CancellationToken::new();
    let product = Product::open(&cluster.app, keyring()?, false).await?;
    let stopped = stop.clone();
    let serving = actix_web::rt::spawn(async move { product.serve(listener, url, stopped).await });
    let bench = Bench { address, clients: arguments.clients, lasting: Duration::from_secs(arguments.seconds) };
    bench.pages(table, &mut admin, &estate).await?;
    bench.neighbours(table, &mut admin).await?;
    bench.ceiling(table).await?;
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

    async fn pages(&self, table: &mut Table, admin: &mut PgConnection, estate: &estate::Made) -> anyhow::Result<()> {
        let size = format!("{} findings", number(per_second(estate.findings, Duration::from_secs(1))));
        let asking = self.signed_in(people::HEAVY, Vec::new()).await?;
        for (page, paths) in pages_of(admin, estate.heavy).await? {
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
    let pages = pages_of(admin, TenantId(tenant)).await?;
    Ok(pages.into_iter().filter_map(|(_, paths)| paths.into_iter().next()).collect())
}

async fn column(admin: &mut PgConnection, tenant: TenantId, sql: &'static str) -> anyhow::Result<Vec<String>> {
    let rows: Vec<(String,)> = sqlx::query_as(sql).bind(tenant.0).fetch_all(admin).await?;
    Ok(rows.into_iter().map(|(text,)| text).collect())
}

async fn pages_of(admin: &mut PgConnection, tenant: TenantId) -> anyhow::Result<Vec<Page>> {
    let each = |prefix: &'static str, values: &[String]| {
        values.iter().map(|value| format!("{prefix}{value}")).collect::<Vec<_>>()
    };
    let findings = column(
        admin,
        tenant,
        "select finding_id::text from findings where tenant_id = $1 and finding_id > md5('bench')::uuid order by finding_id limit 100",
    )
    .await?;
    let resources = column(
        admin,
        tenant,
        "select resource_id::text from resources where tenant_id = $1 and resource_id > md5('bench')::uuid order by resource_id limit 100",
    )
    .await?;
    let fixes = column(
        admin,
        tenant,
        "select fix_id::text from fixes where tenant_id = $1 and open_findings > 0 order by gain desc, fix_id limit 20",
    )
    .await?;
    let accounts = column(
        admin,
        tenant,
        "select account from resource_counts where tenant_id = $1 group by account order by account limit 10",
    )
    .await?;
    let checks = column(
        admin,
        tenant,
        "select check_id from check_states where tenant_id = $1 group by check_id order by 1 limit 10",
    )
    .await?;
    let names = column(
        admin,
        tenant,
        "select substr(name, 1, position('-' in name) + 3) from resources where tenant_id = $1
         and resource_id > md5('name')::uuid order by resource_id limit 10",
    )
    .await?;
    // In the middle of the ranking.
    let deep = column(
        admin,
        tenant,
        "select risk || '-' || finding_id from findings where tenant_id = $1 and state = 'open' order by risk desc, finding_id
         offset (select sum(findings) / 2 from finding_counts where tenant_id = $1 and state = 'open') limit 1",
    )
    .await?;
    let severities = ["critical", "high", "medium", "low"].map(str::to_owned);
    Ok(vec![
        ("posture", vec!["/posture".to_owned()]),
        ("fixes", vec!["/fixes".to_owned()]),
        (
            "fixes by risk, by paths, by day",
            ["risk", "paths", "due"].map(|sort| format!("/fixes?sort={sort}")).to_vec(),
        ),
        ("one fix", each("/fixes/", &fixes)),
        ("a plan to a score", ["55", "70", "85"].map(|target| format!("/plan?target={target}")).to_vec()),
        ("what if", vec!["/what-if".to_owned()]),
        ("why the score changed", vec!["/posture/changes".to_owned()]),
        ("scores of groups", vec!["/posture/groups".to_owned()]),
        ("attack paths", vec!["/paths".to_owned()]),
        ("exceptions", vec!["/exceptions".to_owned()]),
        ("what is late", vec!["/sla".to_owned()]),
        ("inbox", vec!["/inbox".to_owned()]),
        ("findings", vec!["/findings".to_owned()]),
        ("findings by severity", each("/findings?severity=", &severities)),
        ("findings by account", each("/findings?account=", &accounts)),
        ("findings by check", each("/findings?check=", &checks)),
        (
            "findings by severity, exposure and region",
            each("/findings?exposure=internet&region=eu-west-1&severity=", &severities),
        ),
        ("findings in every state", vec!["/findings?state=any".to_owned()]),
        (
            "findings by what has no sums",
            each(
                "/findings?q=",
                &["age%3C1d", "age%3E30d", "overdue", "unassigned", "likelihood%3Aexploited", "-key%3Acloud"]
                    .map(str::to_owned),
            ),
        ),
        ("findings by tag", vec!["/findings?q=tag%3Ateam%3Dpayments".to_owned()]),
        ("findings, newest, oldest, due", each("/findings?sort=", &["newest", "oldest", "due"].map(str::to_owned))),
        ("findings of which there are none", vec!["/findings?region=nowhere&severity=high".to_owned()]),
        (
            "findings searched by check",
            ["encrypt", "public", "logging"].map(|word| format!("/findings?q={word}")).to_vec(),
        ),
        ("findings searched by resource", each("/findings?q=", &names)),
        (
            "findings by a line of words",
            [
                "key:cloud severity>=high exposure:internet age>30d",
                "overdue severity:critical",
                "stage:in_progress",
                "likelihood:exploited exposure:internet",
                "tag:team=team-7 severity:high",
            ]
            .map(|words| {
                format!(
                    "/findings?{}",
                    form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish()
                )
            })
            .to_vec(),
        ),
        ("findings by day", ["due", "newest"].map(|sort| format!("/findings?sort={sort}")).to_vec()),
        ("findings, a page in the middle", each("/findings?after=", &deep)),
        ("one finding", each("/findings/", &findings)),
        ("one resource", each("/resources/", &resources)),
        ("inventory", vec!["/resources".to_owned()]),
        ("inventory by kind and account", each("/resources?kind=aws.s3.bucket&account=", &accounts)),
        ("inventory searched by name", each("/resources?q=", &names)),
        ("compliance", vec!["/compliance".to_owned()]),
        ("one framework", vec!["/compliance/cis_aws_5.0".to_owned()]),
        ("sources", vec!["/sources".to_owned()]),
    ])
}
