//! A scripted source: says exactly what a test wants a collector to have seen.

use async_trait::async_trait;
use plumbline_core::clock::FrozenClock;
use plumbline_core::collect::{AccessRecipe, CollectError, Collector, Connection, Errand, Event, ProbeLine};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{ExceptionId, Mint, PersonId, SourceId, TenantId};
use plumbline_core::resource::{Resource, Unread};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_policy::Catalogue;
use plumbline_store::seal::Keyring;
use plumbline_store::{Database, exception, job, reconcile, source};
use plumbline_worker::Worker;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The account that every scripted resource is in.
pub(crate) const ACCOUNT: &str = "111122223333";

/// One step of a script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Plan(ScopeKey),
    See(Box<Resource>),
    End(ScopeKey, Outcome),
    /// The run waits here until the test has met it twice.
    Meet(Arc<tokio::sync::Barrier>),
    /// The whole run breaks off here.
    Break(String),
    /// The process dies here: nothing after it happens, not even the end of the run.
    Die,
}

/// A collector that plays the script it was last given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Vec<Step>>>);

impl Scripted {
    /// Replaces the script.
    ///
    /// # Panics
    /// When a test panicked while holding it.
    pub(crate) fn play(&self, steps: Vec<Step>) {
        *self.0.lock().expect("the script") = steps;
    }
}

#[async_trait]
impl Collector for Scripted {
    fn provider(&self) -> &'static str {
        "aws"
    }

    fn check(&self, _: &Connection) -> Result<(), CollectError> {
        Ok(())
    }

    fn access(&self, _: &Value) -> Vec<AccessRecipe> {
        Vec::new()
    }

    async fn probe(&self, _: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        Ok(vec![ProbeLine { what: "Identity".to_owned(), ok: true, detail: "scripted".to_owned() }])
    }

    async fn collect(&self, _: &Connection, errand: Errand) -> Result<(), CollectError> {
        let steps = self.0.lock().expect("the script").clone();
        for step in steps {
            let event = match step {
                Step::Plan(key) => Event::Planned(vec![key]),
                Step::See(resource) => Event::Resource(resource),
                Step::End(scope, outcome) => Event::Ended { scope, outcome, api_calls: 1 },
                Step::Break(why) => return Err(CollectError::Unreachable(why)),
                Step::Die => std::future::pending().await,
                Step::Meet(barrier) => {
                    barrier.wait().await;
                    barrier.wait().await;
                    continue;
                }
            };
            errand.sink.send(event).await.map_err(|_| CollectError::Cancelled)?;
        }
        Ok(())
    }
}

/// The scope that lists buckets.
#[must_use]
pub(crate) fn buckets() -> ScopeKey {
    scope("global", "s3.buckets")
}

/// The scope of the account's own S3 settings.
#[must_use]
pub(crate) fn account_settings() -> ScopeKey {
    scope("global", "s3.account")
}

/// A scope of the scripted account.
#[must_use]
pub(crate) fn scope(region: &str, reader: &str) -> ScopeKey {
    ScopeKey { account: ACCOUNT.to_owned(), region: region.to_owned(), reader: reader.to_owned() }
}

/// A bucket whose four blocks are all on or all off.
#[must_use]
pub(crate) fn bucket(name: &str, blocked: bool) -> Resource {
    let block = json!({ "BlockPublicAcls": blocked, "IgnorePublicAcls": blocked,
        "BlockPublicPolicy": blocked, "RestrictPublicBuckets": blocked });
    Resource {
        scope: buckets(),
        kind: "aws.s3.bucket".to_owned(),
        uid: format!("arn:aws:s3:::{name}"),
        name: name.to_owned(),
        region: "eu-west-1".to_owned(),
        attributes: json!({ "Name": name, "PublicAccessBlockConfiguration": block })
            .as_object()
            .cloned()
            .unwrap_or_default(),
        unread: BTreeMap::new(),
        tags: BTreeMap::new(),
        edges: Vec::new(),
    }
}

/// A bucket whose blocks may not be read.
#[must_use]
pub(crate) fn bucket_unreadable(name: &str) -> Resource {
    let mut resource = bucket(name, true);
    resource.attributes.remove("PublicAccessBlockConfiguration");
    resource.unread.insert(
        "PublicAccessBlockConfiguration".to_owned(),
        Unread {
            permission: "s3:GetBucketPublicAccessBlock".to_owned(),
            denied: true,
            detail: "AccessDenied".to_owned(),
        },
    );
    resource
}

/// The account's S3 settings: no blocks.
#[must_use]
pub(crate) fn settings() -> Resource {
    let mut resource = bucket("settings", false);
    resource.scope = account_settings();
    resource.kind = "aws.s3.account".to_owned();
    resource.uid = format!("arn:aws:s3::{ACCOUNT}:account");
    resource.attributes = json!({ "PublicAccessBlockConfiguration": null }).as_object().cloned().unwrap_or_default();
    resource
}

/// A script in which both scopes are read to the end and list these buckets.
#[must_use]
pub(crate) fn all_read(listed: &[Resource]) -> Vec<Step> {
    let mut steps = vec![Step::Plan(buckets()), Step::Plan(account_settings())];
    steps.push(Step::See(Box::new(settings())));
    steps.push(Step::End(account_settings(), Outcome::Complete));
    steps.extend(listed.iter().map(|resource| Step::See(Box::new(resource.clone()))));
    steps.push(Step::End(buckets(), Outcome::Complete));
    steps
}

/// Content with the one check that these tests reason about.
///
/// # Panics
/// When the content is not valid.
pub(crate) fn catalogue() -> &'static Catalogue {
    let check = include_str!("../../../policy/checks/cloud/aws/aws_s3_bucket_blocks_public_access.yaml");
    let framework = r#"{ id: small, title: Small, version: "1", controls: [
        { id: "1", section: "1", title: Blocks, assessment: automated, checks: [aws_s3_bucket_blocks_public_access] } ] }"#;
    let checks = [("cloud/aws/aws_s3_bucket_blocks_public_access.yaml".to_owned(), check.to_owned())];
    let frameworks = [("small.yaml".to_owned(), framework.to_owned())];
    Box::leak(Box::new(Catalogue::read(&checks, &frameworks, &[]).expect("valid content")))
}

/// A tenant with one scripted source, and a worker for it.
pub(crate) struct Estate {
    pub(crate) database: Database,
    pub(crate) pool: PgPool,
    pub(crate) tenant: TenantId,
    pub(crate) source: SourceId,
    pub(crate) script: Scripted,
    pub(crate) clock: FrozenClock,
    pub(crate) worker: Arc<Worker>,
}

/// The keys of tests.
///
/// # Panics
/// Never: the key is a constant.
#[must_use]
pub(crate) fn keyring() -> Arc<Keyring> {
    let text = SecretString::from("test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
    Arc::new(Keyring::parse(&text).expect("a key"))
}

impl Estate {
    /// Sets all up over a database whose schema is up to date.
    ///
    /// # Panics
    /// When the database does not do what it should.
    pub(crate) async fn new(pool: PgPool) -> Self {
        let clock = FrozenClock::at("2026-01-15T12:00:00Z".parse().expect("an instant"));
        let mint = Arc::new(Mint::new(Arc::new(clock.clone()), StdRng::seed_from_u64(7)));
        let database = Database::from_pool(pool.clone());
        let mut identity = database.identity().await.expect("a door");
        let tenant = plumbline_store::tenant::create(&mut identity, "Harbor Lane", &mint).await.expect("a tenant").id;
        identity.commit().await.expect("kept");
        let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
        let new = source::NewSource { provider: "aws", name: "scripted", poll_seconds: 60, connection: &connection };
        let mut tx = database.tenant(tenant).await.expect("a door");
        let source = source::create(&mut tx, &new, &keyring(), &mint).await.expect("a source");
        tx.commit().await.expect("kept");
        let script = Scripted::default();
        let catalogue = catalogue();
        let worker = Arc::new(Worker {
            database: database.clone(),
            keyring: keyring(),
            mint,
            catalogue,
            weighing: Arc::new(catalogue.weighing()),
            collectors: vec![Arc::new(script.clone())],
            mailer: None,
            outside: plumbline_worker::tickets::Outside::new(true, None).expect("a client"),
            // So few that jobs which look at everything take several transactions.
            batch: 2,
        });
        Self { database, pool, tenant, source, script, clock, worker }
    }

    /// From here on, the content is the product's own.
    ///
    /// # Panics
    /// When somebody else holds the worker.
    pub(crate) fn judge_by_all_checks(&mut self) {
        let catalogue = Catalogue::builtin();
        let worker = Arc::get_mut(&mut self.worker).expect("the only holder");
        worker.catalogue = catalogue;
        worker.weighing = Arc::new(catalogue.weighing());
    }

    /// Another source of the tenant, read by the same script.
    ///
    /// # Panics
    /// When the database does not do what it should.
    pub(crate) async fn connect(&self, name: &str) -> SourceId {
        let connection = Connection { settings: json!({}), secret: SecretString::from("{}") };
        let new = source::NewSource { provider: "aws", name, poll_seconds: 86_400, connection: &connection };
        let mut tx = self.database.tenant(self.tenant).await.expect("a door");
        let source = source::create(&mut tx, &new, &keyring(), &self.worker.mint).await.expect("a source");
        tx.commit().await.expect("kept");
        source
    }

    /// From here on, the content has no check.
    ///
    /// # Panics
    /// When somebody else holds the worker.
    pub(crate) fn forget_all_checks(&mut self) {
        self.judge_by(Box::leak(Box::new(Catalogue::read(&[], &[], &[]).expect("empty content"))));
    }

    /// From here on, this is the content.
    ///
    /// # Panics
    /// When somebody else holds the worker.
    pub(crate) fn judge_by(&mut self, catalogue: &'static Catalogue) {
        let worker = Arc::get_mut(&mut self.worker).expect("the only holder");
        worker.catalogue = catalogue;
        worker.weighing = Arc::new(catalogue.weighing());
    }

    /// Plays a script as one run, ten minutes after the last.
    ///
    /// # Panics
    /// When there was nothing to do.
    pub(crate) async fn run(&self, steps: Vec<Step>) {
        self.run_of(self.source, steps).await;
    }

    /// Plays a script as one run of a source, ten minutes after the last.
    ///
    /// # Panics
    /// When there was nothing to do.
    pub(crate) async fn run_of(&self, source: SourceId, steps: Vec<Step>) {
        self.script.play(steps);
        self.clock.advance(chrono::TimeDelta::minutes(10));
        let mut tx = self.database.tenant(self.tenant).await.expect("a door");
        let task = job::Task::Collect { source_id: source };
        job::enqueue(&mut tx, &task, self.worker.mint.now(), &self.worker.mint).await.expect("queued");
        tx.commit().await.expect("kept");
        assert!(self.worker.work_once(&CancellationToken::new()).await.expect("worked"), "there was a job");
        let failed: Vec<(String,)> =
            sqlx::query_as("select error from jobs where state = 'failed'").fetch_all(&self.pool).await.expect("jobs");
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// Has somebody ask for an exception and somebody else approve it.
    ///
    /// # Panics
    /// When it cannot be put in force.
    pub(crate) async fn except(&self, scope: &Scope, kind: ExceptionKind, days: i64) -> ExceptionId {
        let (asker, approver) = (PersonId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2)));
        let (mint, now, weighing) = (&self.worker.mint, self.worker.mint.now(), &self.worker.weighing);
        let mut tx = self.database.tenant(self.tenant).await.expect("a door");
        reconcile::lock(&mut tx).await.expect("locked");
        let new = exception::NewException {
            kind,
            scope,
            reason: "known, and left as it is for a while",
            by: asker,
            expires_at: now + chrono::TimeDelta::days(days),
            renews: None,
            attachment: None,
        };
        let id = exception::ask(&mut tx, new, mint).await.expect("asked");
        exception::approve(&mut tx, id, approver, mint).await.expect("approved");
        reconcile::put_in_force(&mut tx, id, Some(approver), weighing, now).await.expect("in force");
        tx.commit().await.expect("kept");
        id
    }

    /// Ends an exception before its time.
    ///
    /// # Panics
    /// When it is not in force.
    pub(crate) async fn end_exception(&self, id: ExceptionId) {
        let (by, mint) = (PersonId(Uuid::from_u128(2)), &self.worker.mint);
        let mut tx = self.database.tenant(self.tenant).await.expect("a door");
        reconcile::lock(&mut tx).await.expect("locked");
        exception::end(&mut tx, id, by, mint.now()).await.expect("ended");
        reconcile::lift(&mut tx, &[id], Some(by), &self.worker.weighing, mint).await.expect("lifted");
        tx.commit().await.expect("kept");
    }

    /// The bucket names with an open finding, in order.
    ///
    /// # Panics
    /// When the database does not answer.
    pub(crate) async fn open(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select r.name from findings f join resources r using (tenant_id, resource_id)
             where f.state = 'open' order by r.name",
        )
        .fetch_all(&self.pool)
        .await
        .expect("findings")
    }

    /// The verdict on a bucket.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) async fn verdict(&self, bucket: &str) -> String {
        sqlx::query_scalar(
            "select v.verdict from verdicts v join resources r using (tenant_id, resource_id) where r.name = $1",
        )
        .bind(bucket)
        .fetch_one(&self.pool)
        .await
        .expect("a verdict")
    }

    /// The last posture: (net score, gross score, coverage).
    ///
    /// # Panics
    /// When there is none.
    pub(crate) async fn posture(&self) -> (f64, f64, f64) {
        sqlx::query_as("select score, gross_score, coverage from postures order by at desc limit 1")
            .fetch_one(&self.pool)
            .await
            .expect("a posture")
    }
}
