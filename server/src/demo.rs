//! The demonstration: a tenant with a member of each role, connected to the stand-in cloud, a cluster and a registry through
//! the ordinary collectors.

use crate::feeds::{self, FeedKind};
use crate::serve::Product;
use anyhow::Context;
use plumbline_core::collect::Connection;
use plumbline_core::id::{AuditId, PersonId, SourceId, TenantId};
use plumbline_core::role::Role;
use plumbline_host::agent::Host;
use plumbline_store::agent;
use plumbline_store::identity::person::{self, NewPerson};
use plumbline_store::job::{self, Task};
use plumbline_store::source::{self, NewSource, SourceChange};
use plumbline_store::tenant::{self, Tenant, member};
use plumbline_store::{IdentityTx, StoreError, TenantTx, group, triage};
use plumbline_web::passwords;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use url::Url;

const TENANT: (&str, &str) = ("Harbor Lane", "harbor-lane");
/// A second tenant with nothing in it: for switching, and for seeing what a beginning looks like.
const SECOND: (&str, &str) = ("Quiet Cove", "quiet-cove");
const SOURCE: &str = "Harbor Lane organization";
const REGISTRY: &str = "Harbor Lane registry";
const CLUSTER: &str = "Harbor Lane cluster";
const HOST: &str = "This machine";
/// The teams of the demonstration, each with the member of a role.
const TEAMS: [(&str, Role); 2] = [("Platform", Role::Analyst), ("Shop", Role::Owner)];
/// Whose what is found is.
const OWNERS: &str =
    "# The last line that matches wins.\n* @Platform\nkind:image @Shop\nkind:kubernetes.workload @Shop\n";
/// The tag by whose values there are scores.
const GROUP: &str = "team";
const POLL_SECONDS: i32 = 60;
/// The machine reports once a start, and is out of sight three days later.
const HOST_POLL_SECONDS: i32 = 86_400;

/// How the seeded estate describes itself.
#[derive(Deserialize)]
struct Estate {
    endpoint: String,
    access_key_id: String,
    secret_access_key: SecretString,
    external_id: String,
    role_name: String,
    regions: Vec<String>,
    #[serde(default)]
    registry: Option<Registry>,
    #[serde(default)]
    cluster: Option<Cluster>,
    /// Whether the machine that the demonstration runs on is a host of it.
    #[serde(default)]
    this_machine: bool,
}

/// How the cluster beside it describes itself.
#[derive(Deserialize)]
struct Cluster {
    server: String,
    token: SecretString,
}

/// How the registry beside it describes itself.
#[derive(Deserialize)]
struct Registry {
    host: String,
    /// Its own authority, as PEM.
    ca: String,
    user: String,
    password: SecretString,
    /// Where the invented advisories on its images are.
    feeds: PathBuf,
}

/// Sees to the demonstration's tenants, members and source; safe to call again. Returns what to tell the person at the
/// terminal: the address, and a sign-in for each role.
///
/// # Errors
/// When the description of the estate cannot be read, or the database does not answer.
pub async fn connect(product: &Product, estate: &Path, url: &Url) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(estate).with_context(|| format!("reading {}", estate.display()))?;
    let estate: Estate = serde_json::from_str(&text).context("the estate's description")?;
    let password = password(product);
    let tenant = people(product, &password).await?;
    if let Some(registry) = &estate.registry {
        import(product, registry).await.context("the advisories on the registry's images")?;
    }
    let mut tx = product.database.tenant(tenant).await?;
    sources(&mut tx, product, &estate).await?;
    owners(&mut tx, product).await?;
    tx.commit().await?;
    Ok(greeting(url, &password))
}

/// The same for each start over the same data: derived from the master key, and so different on every machine.
fn password(product: &Product) -> SecretString {
    let bytes = product.keyring.derive("demonstration password");
    let word: String = bytes.expose_secret()[..8].iter().fold(String::new(), |mut word, byte| {
        let _ = write!(word, "{byte:02x}");
        word
    });
    SecretString::from(format!("demo-{word}"))
}

async fn people(product: &Product, password: &SecretString) -> anyhow::Result<TenantId> {
    let mut tx = product.database.identity().await?;
    let first = ensure_tenant(&mut tx, product, TENANT).await?;
    let second = ensure_tenant(&mut tx, product, SECOND).await?;
    for role in Role::ALL {
        let person = ensure_person(&mut tx, product, role, password).await?;
        member::join(&mut tx, first.id, person, role, product.mint.now()).await?;
        if role == Role::Owner {
            member::join(&mut tx, second.id, person, role, product.mint.now()).await?;
        }
    }
    tx.commit().await?;
    Ok(first.id)
}

async fn ensure_tenant(tx: &mut IdentityTx, product: &Product, (name, slug): (&str, &str)) -> anyhow::Result<Tenant> {
    match tenant::by_slug(tx, slug).await {
        Ok(tenant) => Ok(tenant),
        Err(StoreError::NotFound) => Ok(tenant::create(tx, name, &product.mint).await?),
        Err(error) => Err(error.into()),
    }
}

async fn ensure_person(
    tx: &mut IdentityTx,
    product: &Product,
    role: Role,
    password: &SecretString,
) -> anyhow::Result<PersonId> {
    let email = email(role);
    if let Some(known) = person::credentials(tx, &email).await? {
        return Ok(known.person);
    }
    let hash = passwords::hash(password, &product.mint).map_err(|error| anyhow::anyhow!(error))?;
    let name = format!("Demo {}", role.as_str());
    let new = NewPerson { name: &name, email: &email, password_hash: Some(&hash), only_in: None };
    Ok(person::create(tx, &new, &product.mint).await?)
}

fn email(role: Role) -> String {
    format!("{}@harborlane.example", role.as_str())
}

/// Two teams, whose what is found is, and the tag by whose values there are scores: once, so that what somebody changed of
/// it stays.
async fn owners(tx: &mut TenantTx, product: &Product) -> anyhow::Result<()> {
    if !triage::teams(tx).await?.is_empty() {
        return Ok(());
    }
    let now = product.mint.now();
    let mut roles: BTreeMap<Role, PersonId> = BTreeMap::new();
    for member in member::list(tx).await? {
        roles.insert(member.role, member.person);
    }
    for (name, role) in TEAMS {
        let team = AuditId::mint(&product.mint).0;
        triage::create_team(tx, team, name, now).await?;
        triage::set_members(tx, team, roles.get(&role).map_or(&[], std::slice::from_ref)).await?;
    }
    triage::keep_rules(tx, OWNERS, now).await?;
    job::enqueue(tx, &Task::ApplyOwners, now, &product.mint).await?;
    group::name_keys(tx, &[GROUP.to_owned()]).await?;
    job::enqueue(tx, &Task::Regroup, now, &product.mint).await?;
    Ok(())
}

async fn sources(tx: &mut TenantTx, product: &Product, estate: &Estate) -> anyhow::Result<()> {
    ensure_source(tx, product, ("aws", SOURCE, POLL_SECONDS), cloud(estate)).await?;
    if let Some(registry) = &estate.registry {
        ensure_source(tx, product, ("registry", REGISTRY, POLL_SECONDS), images(registry)).await?;
    }
    if let Some(cluster) = &estate.cluster {
        ensure_source(tx, product, ("kubernetes", CLUSTER, POLL_SECONDS), orchestra(cluster)).await?;
    }
    if estate.this_machine {
        this_machine(tx, product).await?;
    }
    Ok(())
}

/// The stand-in speaks no TLS, which is meant.
fn orchestra(cluster: &Cluster) -> Connection {
    let settings = json!({ "server": cluster.server, "plain_http": true, "auth": { "by": "token" } });
    let secret = json!({ "token": cluster.token.expose_secret() });
    Connection { settings, secret: SecretString::from(secret.to_string()) }
}

fn cloud(estate: &Estate) -> Connection {
    let settings = json!({
        "access": { "by": "organization", "member_role": estate.role_name, "external_id": estate.external_id },
        "endpoint": estate.endpoint,
        "home_region": "us-east-1",
        "regions": estate.regions,
    });
    let secret = json!({
        "access_key_id": estate.access_key_id,
        "secret_access_key": estate.secret_access_key.expose_secret(),
    });
    Connection { settings, secret: SecretString::from(secret.to_string()) }
}

fn images(registry: &Registry) -> Connection {
    let settings = json!({ "host": registry.host, "ca": registry.ca, "auth": { "by": "basic" } });
    let secret = json!({ "username": registry.user, "password": registry.password.expose_secret() });
    Connection { settings, secret: SecretString::from(secret.to_string()) }
}

/// Connects a source, or points it to where the stand-in is now, and polls it.
async fn ensure_source(
    tx: &mut TenantTx,
    product: &Product,
    (provider, name, poll_seconds): (&str, &str, i32),
    connection: Connection,
) -> anyhow::Result<SourceId> {
    let known = source::list(tx).await?.into_iter().find(|source| source.name == name);
    let id = if let Some(known) = known {
        let change = SourceChange { name, poll_seconds, settings: &connection.settings };
        source::change(tx, SourceId(known.source_id), &change).await?;
        source::replace_secret(tx, SourceId(known.source_id), &connection.secret, &product.keyring, &product.mint)
            .await?;
        SourceId(known.source_id)
    } else {
        let new = NewSource { provider, name, poll_seconds, connection: &connection };
        source::create(tx, &new, &product.keyring, &product.mint).await?
    };
    job::enqueue(tx, &Task::Collect { source_id: id }, product.mint.now(), &product.mint).await?;
    Ok(id)
}

/// The machine that the demonstration runs on, as its agent reports it, as far as whoever started it may read.
async fn this_machine(tx: &mut TenantTx, product: &Product) -> anyhow::Result<()> {
    let connection = Connection { settings: json!({ "agent": true }), secret: SecretString::from("{}") };
    let now = product.mint.now();
    let read = move || Host::at(Path::new("/")).report(env!("CARGO_PKG_VERSION"), "demonstration", now).pack();
    let report = tokio::task::spawn_blocking(read).await?.context("the report of this machine")?;
    let id = ensure_source(tx, product, ("host", HOST, HOST_POLL_SECONDS), connection).await?;
    let token = agent::invite(tx, id, &product.mint).await?;
    agent::enrol(tx, id, &token, &product.mint).await?;
    agent::deliver(tx, id, now, &report, now).await?;
    Ok(())
}

/// What is known of flaws, as an operator brings it in.
async fn import(product: &Product, registry: &Registry) -> anyhow::Result<()> {
    for (name, kind, file) in
        [("plum", FeedKind::Osv, "first"), ("kev", FeedKind::Kev, "kev.json"), ("epss", FeedKind::Epss, "epss.csv")]
    {
        feeds::import(&product.database, &product.mint, name, kind, &registry.feeds.join(file)).await?;
    }
    Ok(())
}

fn greeting(url: &Url, password: &SecretString) -> String {
    let mut text = format!("\nPlumbline is at {url}\n\nSign in as one of:\n");
    for role in Role::ALL {
        let _ = writeln!(text, "  {:<30} {:<22} {}", email(role), password.expose_secret(), describe(role));
    }
    text.push_str(
        "\nThe first polls of the stand-in cloud, the cluster and the registry have begun; the pages fill within a minute. \
         Ctrl-C stops everything.\n",
    );
    text
}

fn describe(role: Role) -> &'static str {
    match role {
        Role::Owner => "everything, and the second tenant",
        Role::Ciso => "posture, exceptions, attestations",
        Role::Analyst => "the queue and its triage",
        Role::Auditor => "compliance, evidence, the audit log",
    }
}
