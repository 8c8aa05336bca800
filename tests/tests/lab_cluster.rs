//! A cluster, read and watched: what is told of it, what goes wrong, and what is never told.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use plumbline_core::collect::{CollectError, Collector, Connection, Errand, Event, Standing, Wake};
use plumbline_core::id::SourceId;
use plumbline_core::kind::Kinds;
use plumbline_core::resource::Resource;
use plumbline_core::scope::Outcome;
use plumbline_kubernetes::KubernetesCollector;
use plumbline_tests::cluster::{Cluster, Fault, TOKEN, collector, estate};
use plumbline_tests::lab::{Read, read};
use plumbline_tests::polling::Polling;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

const WORKLOAD: &str = "kubernetes.workload";

fn harbor_lane() -> Result<Cluster> {
    let cluster = Cluster::start()?;
    cluster.load(estate())?;
    cluster.grant(&Value::Null)?;
    Ok(cluster)
}

fn pod(namespace: &str, name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": namespace },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}

fn deployment(namespace: &str, name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": namespace },
        "spec": { "replicas": replicas, "template": {
            "metadata": { "labels": { "app": name } },
            "spec": { "containers": [{ "name": "main", "image": format!("registry.example.com/{name}:1") }] },
        }},
    })
}

fn names<'a>(read: &'a Read, kind: &str) -> BTreeSet<&'a str> {
    read.resources.iter().filter(|one| one.kind == kind).map(|one| one.name.as_str()).collect()
}

/// How the scope of a reader ended.
fn outcome<'a>(read: &'a Read, reader: &str) -> &'a Outcome {
    let found = read.ended.iter().find(|(scope, _)| scope.reader == reader);
    found.map(|(_, outcome)| outcome).unwrap_or_else(|| panic!("no scope {reader}"))
}

/// Resources by uid, as they are compared from poll to poll.
fn by_uid(read: &Read) -> BTreeMap<&str, &Resource> {
    read.resources.iter().map(|one| (one.uid.as_str(), one)).collect()
}

#[tokio::test]
async fn the_printed_manifest_lets_everything_be_read() -> Result<()> {
    let cluster = harbor_lane()?;
    let told = read(&collector(), &cluster.connection(TOKEN)).await?;
    let open: Vec<_> = told.ended.iter().filter(|(_, outcome)| !outcome.is_complete()).collect();
    assert!(open.is_empty(), "{open:#?}");
    let planned: BTreeSet<_> = told.planned.iter().collect();
    let ended: BTreeSet<_> = told.ended.iter().map(|(scope, _)| scope).collect();
    assert_eq!((planned.len(), ended.len()), (told.planned.len(), told.ended.len()), "each once");
    assert_eq!(planned, ended);
    for one in &told.resources {
        let kind = Kinds::builtin().get(&one.kind).context("a kind of the catalogue")?;
        let declared: BTreeSet<&String> = kind.attributes.iter().chain(kind.details.keys()).collect();
        let read: BTreeSet<&String> = one.attributes.keys().chain(one.unread.keys()).collect();
        assert_eq!(read, declared, "{} {}", one.kind, one.name);
        assert!(one.unread.is_empty(), "{} {}: {:?}", one.kind, one.name, one.unread);
        let edges: BTreeSet<&str> = one.edges.iter().map(|edge| edge.relation.as_str()).collect();
        let known: BTreeSet<&str> = kind.edges.iter().map(String::as_str).collect();
        assert!(edges.is_subset(&known), "{} {}: {edges:?}", one.kind, one.name);
    }
    let kinds: BTreeSet<&str> = told.resources.iter().map(|one| one.kind.as_str()).collect();
    let all: BTreeSet<&str> =
        Kinds::builtin().iter().map(|kind| kind.kind.as_str()).filter(|kind| kind.starts_with("kubernetes.")).collect();
    assert_eq!(kinds, all, "the estate has one of each");
    assert!(told.notes.iter().any(|note| note.contains("grpcroutes.gateway.networking.k8s.io")), "{:?}", told.notes);
    Ok(())
}

#[tokio::test]
async fn what_runs_is_told_by_its_highest_owner() -> Result<()> {
    let cluster = harbor_lane()?;
    cluster.put(deployment("shop", "wide", 500))?;
    let told = read(&collector(), &cluster.connection(TOKEN)).await?;
    let workloads = names(&told, WORKLOAD);
    let broker = workloads.iter().find(|name| name.starts_with("tools/broker/")).context("the operator's pod")?;
    let expected = BTreeSet::from([
        "batch/import-once",
        "batch/reconcile",
        "ci/runner",
        "data/orders",
        "ingress/ingress-controller",
        "kube-system/etcd-ip-10-0-1-10",
        "kube-system/kube-apiserver-ip-10-0-1-10",
        "kube-system/kube-controller-manager-ip-10-0-1-10",
        "kube-system/kube-proxy",
        "kube-system/kube-scheduler-ip-10-0-1-10",
        "legacy/reports",
        "legacy/storefront",
        "legacy/toolbox",
        "monitoring/node-agent",
        "payments/ledger",
        "sandbox/playground",
        "shop/checkout",
        "shop/wide",
        "tools/canary",
        "web/pages",
        broker,
    ]);
    assert_eq!(workloads, expected);
    let wide = told.resource(WORKLOAD, "shop/wide");
    assert_eq!((&wide.attributes["pods"]["total"], &wide.attributes["pods"]["running"]), (&json!(500), &json!(500)));
    assert_eq!(wide.attributes["pods"]["images"].as_array().map(Vec::len), Some(1));
    let to = |relation: &str| wide.edges.iter().filter(|edge| edge.relation == relation).count();
    assert_eq!((to("node"), to("image"), to("service_account"), to("namespace")), (3, 1, 1, 1));
    let canary = told.resource(WORKLOAD, "tools/canary");
    assert_eq!(canary.attributes["kind"], "Rollout");
    assert!(canary.uid.ends_with("/rollouts/tools/canary"), "{}", canary.uid);
    assert_eq!(canary.attributes["template"]["spec"]["containers"][0]["name"], "canary");
    let cron = told.resource(WORKLOAD, "batch/reconcile");
    assert_eq!((&cron.attributes["kind"], &cron.attributes["pods"]["total"]), (&json!("CronJob"), &json!(1)));
    Ok(())
}

#[tokio::test]
async fn what_is_made_of_several_objects_is_right() -> Result<()> {
    let cluster = harbor_lane()?;
    let told = read(&collector(), &cluster.connection(TOKEN)).await?;
    let whole = told.resources.iter().find(|one| one.kind == "kubernetes.cluster").context("the cluster")?;
    assert_eq!(whole.attributes["distribution"], "kubeadm");
    assert_eq!(whole.attributes["anonymous"], json!({ "healthz": true, "api": false, "version": true }));
    let server = told.resource("kubernetes.control_plane_component", "kube-apiserver kube-apiserver-ip-10-0-1-10");
    assert_eq!(server.attributes["flags"]["authorization-mode"], json!(["Node,RBAC"]));
    assert_eq!(server.attributes["node"], "ip-10-0-1-10");
    let proxy = told.resource("kubernetes.control_plane_component", "kube-proxy kube-proxy");
    assert_eq!(proxy.attributes["node"], Value::Null);
    let node = told.resource("kubernetes.node", "ip-10-0-3-30");
    assert_eq!(node.attributes["kubeletConfig"]["readOnlyPort"], 10255);
    assert!(node.attributes["status"]["conditions"].is_null(), "heartbeats are left out");
    let machine = "machine:aws/i-0a1b2c3d4e5f60003";
    assert!(node.edges.iter().any(|edge| edge.relation == "machine" && edge.to == machine), "{:?}", node.edges);
    let service = told.resource("kubernetes.service", "shop/checkout");
    assert!(service.edges.iter().any(|e| e.relation == "workload" && e.to.ends_with("/deployments/shop/checkout")));
    let runner = told.resource("kubernetes.subject", "ci/runner");
    let grants = runner.attributes["grants"].as_array().context("grants")?;
    assert!(grants.iter().any(|grant| grant["role"] == "cluster-admin" && grant["namespace"].is_null()), "{grants:?}");
    assert_eq!((&runner.attributes["used_by"], &runner.attributes["system"]), (&json!(1), &json!(false)));
    let agent = told.resource("kubernetes.subject", "monitoring/node-agent");
    let own = agent.attributes["grants"].as_array().context("grants")?.iter().find(|g| g["role"] == "monitoring");
    assert_eq!(own.context("its own")?["rules"][0]["resources"], json!(["services", "endpoints", "pods"]));
    let former = told.resource("kubernetes.subject", "former@example.com");
    assert_eq!(former.attributes["grants"][0]["missing"], true);
    Ok(())
}

#[tokio::test]
async fn a_long_list_is_read_to_its_end_even_when_it_has_to_begin_anew() -> Result<()> {
    let cluster = harbor_lane()?;
    cluster.put(deployment("shop", "wide", 1200))?;
    let once = read(&collector(), &cluster.connection(TOKEN)).await?;
    assert!(cluster.asked(&["/api/v1/pods?limit=500&continue="]) >= 2, "in pages");
    cluster.fail("/api/v1/pods?limit=500&continue=", 1, Fault::Expired);
    let again = read(&collector(), &cluster.connection(TOKEN)).await?;
    assert_eq!(by_uid(&again), by_uid(&once));
    assert_eq!(once.resource(WORKLOAD, "shop/wide").attributes["pods"]["total"], 1200);
    cluster.fail("/api/v1/pods?limit=500&continue=", 100, Fault::Expired);
    let never = read(&collector(), &cluster.connection(TOKEN)).await?;
    assert!(matches!(outcome(&never, "workloads.workloads"), Outcome::Failed { .. }));
    Ok(())
}

#[tokio::test]
async fn what_passes_is_waited_for_and_what_stays_broken_fails_its_scope_alone() -> Result<()> {
    let cluster = harbor_lane()?;
    let once = read(&collector(), &cluster.connection(TOKEN)).await?;
    cluster.fail("/apis/apps/v1/deployments?", 1, Fault::Later(1));
    cluster.fail("/api/v1/services?", 2, Fault::Status(500));
    cluster.fail("/api/v1/configmaps?", 1, Fault::Half);
    cluster.fail("/apis/rbac.authorization.k8s.io/v1/clusterroles?", 1, Fault::Status(503));
    let again = read(&collector(), &cluster.connection(TOKEN)).await?;
    assert_eq!(by_uid(&again), by_uid(&once));
    cluster.fail("/api/v1/services?", 100, Fault::Status(500));
    cluster.fail("/api/v1/configmaps?", 100, Fault::Half);
    let broken = read(&collector(), &cluster.connection(TOKEN)).await?;
    let failed: BTreeSet<&str> =
        broken.ended.iter().filter(|(_, end)| !end.is_complete()).map(|(scope, _)| scope.reader.as_str()).collect();
    assert_eq!(failed, BTreeSet::from(["network.services", "storage.config_maps"]));
    assert!(broken.ended.iter().all(|(_, end)| !matches!(end, Outcome::Denied { .. })));
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_listed_is_denied_and_names_the_verb() -> Result<()> {
    let cluster = harbor_lane()?;
    cluster.apply(&collector().access(&json!({ "auth": { "by": "token" }, "secrets": false }))[0].text)?;
    let told = read(&collector(), &cluster.connection(TOKEN)).await?;
    let Outcome::Denied { permission, detail } = outcome(&told, "storage.secrets") else { panic!("denied") };
    assert_eq!(permission, "list secrets");
    assert!(detail.contains("cannot list resource \"secrets\""), "{detail}");
    assert!(told.ended.iter().filter(|(_, end)| !end.is_complete()).count() == 1);

    let stranger = read(&collector(), &cluster.connection("nobody")).await;
    assert!(matches!(stranger, Err(CollectError::Refused(_))), "a token that is nobody's");
    // An account with nothing but what everybody has cannot even tell which cluster it is.
    let nothing = read(&collector(), &cluster.connection("sa.shop.default")).await;
    assert!(matches!(&nothing, Err(CollectError::Refused(why)) if why.contains("get namespaces")));
    Ok(())
}

#[tokio::test]
async fn a_few_namespaces_are_read_with_no_more_access_than_that_takes() -> Result<()> {
    let cluster = Cluster::start()?;
    cluster.load(estate())?;
    let some = json!({ "namespaces": ["shop", "ci"] });
    let connection = cluster.connection_with(TOKEN, some);
    cluster.grant(&connection.settings)?;
    let told = read(&collector(), &connection).await?;
    assert_eq!(names(&told, WORKLOAD), BTreeSet::from(["ci/runner", "shop/checkout"]));
    let denied: BTreeMap<&str, &Outcome> = told
        .ended
        .iter()
        .filter(|(_, end)| !end.is_complete())
        .map(|(scope, end)| (scope.reader.as_str(), end))
        .collect();
    assert_eq!(denied.keys().copied().collect::<Vec<_>>(), ["access.subjects", "cluster.control_plane"]);
    let regions: BTreeSet<&str> = told
        .ended
        .iter()
        .filter(|(scope, _)| scope.reader == "workloads.workloads")
        .map(|(scope, _)| scope.region.as_str())
        .collect();
    assert_eq!(regions, BTreeSet::from(["ci", "shop"]));
    Ok(())
}

#[tokio::test]
async fn a_connection_test_says_what_is_missing() -> Result<()> {
    let cluster = harbor_lane()?;
    let whole = collector().probe(&cluster.connection(TOKEN)).await?;
    assert!(whole.iter().all(|line| line.ok), "{whole:#?}");
    cluster.apply(&collector().access(&json!({ "auth": { "by": "token" }, "secrets": false }))[0].text)?;
    let lines = collector().probe(&cluster.connection(TOKEN)).await?;
    let missing: BTreeSet<&str> = lines.iter().filter(|line| !line.ok).map(|line| line.what.as_str()).collect();
    assert_eq!(missing, BTreeSet::from(["Permissions", "list secrets", "watch secrets"]));
    let stranger = collector().probe(&cluster.connection("nobody")).await?;
    assert!(stranger.iter().all(|line| !line.ok) && stranger.len() == 1, "{stranger:#?}");
    Ok(())
}

/// A source that is polled by a test.
struct Watched {
    collector: KubernetesCollector,
    connection: Connection,
    woken: Arc<Bell>,
}

#[derive(Default)]
struct Bell(Notify);

#[async_trait]
impl Wake for Bell {
    async fn wake(&self) -> Result<(), CollectError> {
        self.0.notify_one();
        Ok(())
    }
}

impl Watched {
    fn new(connection: Connection) -> Self {
        Self { collector: collector(), connection, woken: Arc::default() }
    }

    async fn poll(&self) -> Result<Read, CollectError> {
        let (sink, mut events) = tokio::sync::mpsc::channel(64);
        let standing =
            Standing { source: SourceId(Uuid::nil()), every: Duration::from_secs(3600), wake: self.woken.clone() };
        let errand = Errand { standing: Some(standing), ..Errand::alone(sink) };
        let gather = async {
            let mut read = Read::default();
            while let Some(event) = events.recv().await {
                match event {
                    Event::Planned(scopes) => read.planned.extend(scopes),
                    Event::Resource(resource) => read.resources.push(*resource),
                    Event::Ended { scope, outcome, .. } => read.ended.push((scope, outcome)),
                    Event::Note(note) => read.notes.push(note),
                }
            }
            read
        };
        let (done, read) = tokio::join!(self.collector.collect(&self.connection, errand), gather);
        done.map(|()| read)
    }

    /// Waits until an early poll is asked for.
    async fn woken(&self) -> Result<()> {
        timeout(Duration::from_secs(5), self.woken.0.notified()).await.context("nobody asked for an early poll")
    }

    /// The first poll, and the watches open after it.
    async fn begin(&self, cluster: &Cluster) -> Result<Read> {
        let first = self.poll().await?;
        for _ in 0..100 {
            if cluster.asked(&["watch=1"]) >= 30 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What is new to a watch is no news to a poll that has just been.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(first)
    }
}

#[tokio::test]
async fn a_change_asks_for_a_poll_that_tells_it_without_listing_again() -> Result<()> {
    let cluster = harbor_lane()?;
    let watched = Watched::new(cluster.connection(TOKEN));
    let first = watched.begin(&cluster).await?;
    let lists = cluster.asked(&["limit="]);
    let second = watched.poll().await?;
    assert_eq!(by_uid(&second), by_uid(&first), "the same again");
    cluster.put(deployment("shop", "new", 2))?;
    watched.woken().await?;
    let third = watched.poll().await?;
    assert_eq!(third.resource(WORKLOAD, "shop/new").attributes["pods"]["total"], 2);
    assert_eq!(third.resources.len(), first.resources.len() + 1);
    cluster.delete("deployments.apps", "shop", "new")?;
    watched.woken().await?;
    assert_eq!(names(&watched.poll().await?, WORKLOAD), names(&first, WORKLOAD));
    assert_eq!(cluster.asked(&["limit="]), lists, "nothing was listed again");
    assert!(third.ended.iter().all(|(_, end)| end.is_complete()));
    Ok(())
}

#[tokio::test]
async fn a_pod_that_lived_between_two_polls_is_told_once() -> Result<()> {
    let cluster = harbor_lane()?;
    let watched = Watched::new(cluster.connection(TOKEN));
    watched.begin(&cluster).await?;
    cluster.put(pod("sandbox", "brief", "registry.example.com/brief:1"))?;
    cluster.delete("pods", "sandbox", "brief")?;
    watched.woken().await?;
    let told = watched.poll().await?;
    let brief = told.resource(WORKLOAD, "sandbox/brief");
    assert_eq!(brief.attributes["pods"]["total"], 0);
    assert_eq!(brief.attributes["pods"]["images"][0]["image"], "registry.example.com/brief:1");
    assert!(!names(&watched.poll().await?, WORKLOAD).contains("sandbox/brief"));
    Ok(())
}

#[tokio::test]
async fn a_watch_that_is_cut_goes_on_and_one_that_is_too_old_begins_with_a_list() -> Result<()> {
    let cluster = harbor_lane()?;
    let watched = Watched::new(cluster.connection(TOKEN));
    watched.begin(&cluster).await?;
    let lists = cluster.asked(&["limit="]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let open = cluster.asked(&["watch=1"]);
    cluster.cut_watches();
    for _ in 0..100 {
        if cluster.asked(&["watch=1"]) >= open + 30 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.put(pod("sandbox", "after-the-cut", "registry.example.com/a:1"))?;
    watched.woken().await?;
    assert!(names(&watched.poll().await?, WORKLOAD).contains("sandbox/after-the-cut"));
    assert_eq!(cluster.asked(&["limit="]), lists, "nothing was listed again");

    cluster.put(pod("sandbox", "unseen", "registry.example.com/b:1"))?;
    cluster.compact();
    watched.woken().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = watched.poll().await?;
    assert!(names(&told, WORKLOAD).contains("sandbox/unseen"));
    assert!(told.ended.iter().all(|(_, end)| end.is_complete()));
    assert!(cluster.asked(&["limit="]) > lists);
    Ok(())
}

#[tokio::test]
async fn what_is_watched_is_never_told_when_it_may_be_old() -> Result<()> {
    let cluster = harbor_lane()?;
    let watched = Watched::new(cluster.connection(TOKEN));
    watched.begin(&cluster).await?;
    // Services may no longer be watched, nor listed.
    cluster.fail("/api/v1/services?", 1000, Fault::Status(500));
    cluster.cut_watches();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = watched.poll().await?;
    assert!(matches!(outcome(&told, "network.services"), Outcome::Failed { .. }), "{:?}", told.ended);
    assert!(names(&told, "kubernetes.service").is_empty());
    drop(cluster);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(matches!(watched.poll().await, Err(CollectError::Unreachable(_))));
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn no_value_of_a_secret_is_in_the_database(pool: PgPool) -> Result<()> {
    let cluster = harbor_lane()?;
    let polling = Polling::new(pool.clone(), collector(), &cluster.connection(TOKEN)).await?;
    let seen = polling.poll().await?;
    assert!(seen.resources.keys().any(|uid| uid.ends_with("/secrets/shop/checkout-database")));
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(table_name) from information_schema.tables where table_schema = 'public'",
    )
    .fetch_all(&pool)
    .await?;
    for table in tables {
        let query = format!("select count(*) from {table} t where t::text ~ 'swordfish|c3dvcmRmaXNo|hunter2'");
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&pool).await?;
        assert_eq!(found, 0, "{table}");
    }
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_refused_later_closes_nothing(pool: PgPool) -> Result<()> {
    let cluster = harbor_lane()?;
    let polling = Polling::new(pool, collector(), &cluster.connection(TOKEN)).await?;
    let before = polling.poll().await?;
    let again = polling.poll().await?;
    again.assert_same_as(&before);
    cluster.delete("clusterrolebindings.rbac.authorization.k8s.io", "", "plumbline")?;
    cluster.cut_watches();
    tokio::time::sleep(Duration::from_secs(2)).await;
    polling.poll().await?.assert_only_lost_sight_since(&before);
    cluster.grant(&Value::Null)?;
    // What the cluster tells of itself has changed by nothing but that.
    polling.poll().await?.assert_same_as(&before);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_change_brings_the_waiting_job_forward(pool: PgPool) -> Result<()> {
    let cluster = harbor_lane()?;
    let polling = Polling::new(pool.clone(), collector(), &cluster.connection(TOKEN)).await?;
    polling.poll().await?;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let due = "select count(*) from jobs where state = 'queued' and task ->> 'task' = 'collect' and run_at <= $1";
    let now = polling.now();
    cluster.put(pod("sandbox", "sudden", "registry.example.com/sudden:1"))?;
    let mut found = 0_i64;
    for _ in 0..100 {
        found = sqlx::query_scalar(due).bind(now).fetch_one(&pool).await?;
        if found > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(found, 1, "the job that waited for a minute is due");
    let seen = polling.work().await?;
    assert!(seen.resources.keys().any(|uid| uid.ends_with("/pods/sandbox/sudden")));
    Ok(())
}

#[test]
fn kubectl_itself_works_against_the_stand_in() -> Result<()> {
    let cluster = harbor_lane()?;
    // It sends no token over plain HTTP.
    cluster.put(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "everybody" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:anonymous" }] }))?;
    let home = tempfile::tempdir()?;
    let kubectl = |arguments: &str, typed: &str| -> Result<String> {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", "/dev/null").env("HOME", home.path()).arg("--server").arg(&cluster.endpoint);
        command.args(arguments.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("kubectl is not there: run `./dev test`")?;
        child.stdin.take().context("its input")?.write_all(typed.as_bytes())?;
        let done = child.wait_with_output()?;
        let (out, error) = (String::from_utf8(done.stdout)?, String::from_utf8_lossy(&done.stderr).into_owned());
        ensure!(done.status.success() && !error.contains("Unhandled"), "kubectl {arguments}: {out}{error}");
        Ok(out)
    };

    assert!(kubectl("version", "")?.contains("v1.31.2"));
    assert!(kubectl("api-resources", "")?.contains("deploy"));
    assert!(kubectl("get deploy --all-namespaces --chunk-size=2", "")?.contains("ingress-controller"));
    assert!(kubectl("get po,svc,cm -A -o name", "")?.contains("service/"));
    assert!(kubectl("describe nodes", "")?.contains("control-plane"));
    assert_eq!(kubectl("auth can-i list secrets", "")?.trim(), "yes");
    let map = |said: &str| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "said", "namespace": "shop" },
            "data": { "a": said } })
        .to_string()
    };
    assert!(kubectl("apply -f -", &map("b"))?.contains("created"));
    assert!(kubectl("apply -f -", &map("c"))?.contains("configured"));
    assert_eq!(kubectl("get cm said -n shop -o jsonpath={.data.a}", "")?, "c");
    assert!(kubectl("delete cm said -n shop", "")?.contains("deleted"));
    Ok(())
}
