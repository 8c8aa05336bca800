//! The whole product, killed at random moments of a poll and started again.

use anyhow::{Context, Result, ensure};
use plumbline_tests::fault_proxy::FaultProxy;
use plumbline_tests::lab::{Estate, StandIn, collector, product_binary, read};
use plumbline_tests::polling::{Picture, picture};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: u32 = 4;
/// A seed that was found to break something can be put here.
const SEED: u64 = 20_260_115;

#[sqlx::test(migrations = false)]
async fn a_run_killed_at_random_points_ends_like_one_that_was_not(pool: PgPool) -> Result<()> {
    println!("seed {SEED}");
    let mut rng = StdRng::seed_from_u64(SEED);
    let stand_in = StandIn::start("eu-west-1")?;
    let proxy = FaultProxy::start(&stand_in.endpoint).await?;
    let estate = Estate { endpoint: proxy.endpoint.clone(), ..stand_in.seed_small()? };
    read(&collector(), &estate.organization()).await?;
    // Slow enough that a poll has moments to be killed at.
    proxy.delay(Duration::from_millis(10));

    let calm = Place::new(&pool, "calm", &estate).await?;
    let (undisturbed, took) = calm.first_poll().await?;
    println!("a poll takes {took:?}");

    let place = Place::new(&pool, "killed", &estate).await?;
    for _ in 0..KILLS {
        let product = Product::start(&place)?;
        place.wait_for_a_lease().await?;
        tokio::time::sleep(took.mul_f64(rng.random_range(0.0..0.9))).await;
        drop(product);
        place.let_leases_run_out().await?;
    }
    let (disturbed, _) = place.first_poll().await?;

    disturbed.assert_same_as(&undisturbed);
    assert!(!disturbed.findings.is_empty());
    place.ended_well().await?;
    calm.remove(&pool).await?;
    place.remove(&pool).await
}

/// A database, a data folder and an estate to poll.
struct Place {
    options: PgConnectOptions,
    pool: PgPool,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new(beside: &PgPool, name: &str, estate: &Estate) -> Result<Self> {
        let own = beside.connect_options();
        // A name holds 63 letters, and the end of the test's own is what tells it from others.
        let unique = own.get_database().context("a database's name")?;
        let database = format!("{name}_{}", &unique[unique.len().saturating_sub(40)..]);
        sqlx::query(AssertSqlSafe(format!("drop database if exists \"{database}\" with (force)")))
            .execute(beside)
            .await?;
        sqlx::query(AssertSqlSafe(format!("create database \"{database}\""))).execute(beside).await?;
        let options = (*own).clone().database(&database);
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options.clone());
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("estate.json"), serde_json::to_string(estate)?)?;
        Ok(Self { options, pool, folder })
    }

    /// Runs the product until a poll has ended. How long that took counts from when it was begun.
    async fn first_poll(&self) -> Result<(Picture, Duration)> {
        let _product = Product::start(self)?;
        self.wait_for_a_lease().await?;
        let began = Instant::now();
        self.wait("select exists (select from runs where state in ('complete', 'partial'))").await?;
        Ok((picture(&self.pool).await?, began.elapsed()))
    }

    async fn wait_for_a_lease(&self) -> Result<()> {
        self.wait("select exists (select from jobs where state = 'leased')").await
    }

    /// Waits until a question is answered with yes; the product may still be making the tables.
    async fn wait(&self, question: &'static str) -> Result<()> {
        let began = Instant::now();
        loop {
            if sqlx::query_scalar::<_, bool>(question).fetch_one(&self.pool).await.is_ok_and(|yes| yes) {
                return Ok(());
            }
            ensure!(began.elapsed() < Duration::from_secs(90), "not within 90 s: {question}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a minute would do.
    async fn let_leases_run_out(&self) -> Result<()> {
        let past = "update jobs set leased_until = now() - interval '1 second' where state = 'leased'";
        sqlx::query(past).execute(&self.pool).await?;
        Ok(())
    }

    /// Nothing half-done is left behind.
    async fn ended_well(&self) -> Result<()> {
        for (what, left) in [
            (
                "runs that never ended",
                "select count(*) from runs where state = 'running' and finished_at is null
                 and run_id not in (select run_id from runs order by run_id desc limit 1)",
            ),
            ("failed jobs", "select count(*) from jobs where state = 'failed'"),
            (
                "findings opened twice",
                "select count(*) from (select from finding_events where event = 'opened'
                 group by tenant_id, finding_id having count(*) > 1) twice",
            ),
            (
                "staged resources of ended runs",
                "select count(*) from staged_resources s join runs r using (tenant_id, run_id)
                 where r.state <> 'running'",
            ),
        ] {
            let count: i64 = sqlx::query_scalar(left).fetch_one(&self.pool).await?;
            assert_eq!(count, 0, "{what}");
        }
        Ok(())
    }

    async fn remove(self, beside: &PgPool) -> Result<()> {
        let database = self.options.get_database().context("a database's name")?;
        sqlx::query(AssertSqlSafe(format!("drop database \"{database}\" with (force)"))).execute(beside).await?;
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// The product's process; killed, never asked to stop, when this is dropped.
struct Product(Child);

impl Product {
    fn start(place: &Place) -> Result<Self> {
        let folder: &Path = place.folder.path();
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let process = Command::new(product_binary()?)
            .args(["up", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .arg("--demo-estate")
            .arg(folder.join("estate.json"))
            .env("DATABASE_URL", place.options.to_url_lossy().as_str())
            .env_remove("DATABASE_OWNER_URL")
            .env_remove("PLUMBLINE_MASTER_KEY")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self(process))
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
