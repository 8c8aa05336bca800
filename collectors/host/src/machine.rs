//! The collector of hosts that report by an agent: the newest report is what the host is.

use crate::report::{FACTS, Report};
use async_trait::async_trait;
use chrono::TimeDelta;
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::{
    AccessRecipe, CollectError, Collector, Connection, Delivery, Errand, Event, Memory, ProbeLine,
};
use plumbline_core::resource::{Resource, Unread};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_core::text::one_line;
use plumbline_software::layer::{Installed, READER_VERSION, Software, Unread as UnreadFile};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const READER: &str = "host.machine";
/// What reads a host.
const REPORT: &str = "agent:report";
/// After so many intervals without a report the host is out of sight.
const PATIENCE: i32 = 3;
/// The attributes that come of the packages.
const OF_SOFTWARE: [&str; 4] = ["Distribution", "Software", "ComponentCount", "Unreadable"];

/// The collector of hosts with an agent.
#[derive(Clone)]
pub struct HostCollector {
    clock: SharedClock,
}

/// The public settings of a host's source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[expect(dead_code, reason = "says in the source's row how it is read")]
    agent: bool,
}

impl HostCollector {
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock }
    }

    /// The newest report, unless it is too old to say how the host is now.
    fn fresh(&self, delivery: Option<Delivery>) -> Result<Delivery, CollectError> {
        let Some(delivery) = delivery else {
            return Err(CollectError::Unreachable("The agent has not reported yet.".to_owned()));
        };
        let seen = delivery.made_at.min(delivery.received_at);
        let limit = TimeDelta::seconds(i64::from(delivery.interval_seconds) * i64::from(PATIENCE));
        if self.clock.now() - seen > limit {
            let words = format!(
                "The agent last reported at {}, more than {PATIENCE} intervals ago.",
                seen.format("%Y-%m-%d %H:%M UTC")
            );
            return Err(CollectError::Unreachable(words));
        }
        Ok(delivery)
    }
}

#[async_trait]
impl Collector for HostCollector {
    fn provider(&self) -> &'static str {
        "host"
    }

    fn entry_permission(&self) -> &'static str {
        REPORT
    }

    fn check(&self, connection: &Connection) -> Result<(), CollectError> {
        serde_json::from_value::<Settings>(connection.settings.clone())
            .map(|_| ())
            .map_err(|e| CollectError::Settings(format!("The settings are not those of a host: {e}.")))
    }

    fn access(&self, _: &Value) -> Vec<AccessRecipe> {
        vec![AccessRecipe {
            title: "The agent as a service of systemd".to_owned(),
            language: "ini".to_owned(),
            text: SERVICE.to_owned(),
        }]
    }

    async fn probe(&self, _: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        let detail = "The agent comes to us; there is nothing to knock at. Its last report is shown above.";
        Ok(vec![ProbeLine { what: "Agent".to_owned(), ok: true, detail: detail.to_owned() }])
    }

    async fn collect(&self, _: &Connection, errand: Errand) -> Result<(), CollectError> {
        let delivery = self.fresh(errand.deliveries.newest().await?)?;
        let report = Report::unpack(&delivery.body)
            .map_err(|why| CollectError::Unreachable(format!("The agent's report is refused: {why}.")))?;
        if (report.made_at - delivery.made_at).abs() > TimeDelta::seconds(1) {
            let words = "The agent's report is refused: it was sent as of another time than it was made.";
            return Err(CollectError::Unreachable(words.to_owned()));
        }
        let send = async |event| errand.sink.send(event).await.map_err(|_| CollectError::Cancelled);
        let scope =
            ScopeKey { account: report.machine.clone(), region: "global".to_owned(), reader: READER.to_owned() };
        send(Event::Planned(vec![scope.clone()])).await?;
        let machine = machine(&report, scope.clone(), errand.memory.as_ref()).await?;
        send(Event::Resource(Box::new(machine))).await?;
        send(Event::Ended { scope, outcome: Outcome::Complete, api_calls: 0 }).await
    }
}

/// As root, since what it reads belongs to root; it may change nothing and reaches nothing but the server.
const SERVICE: &str = "\
# /etc/systemd/system/plumbline-agent.service
[Unit]
Description=Plumbline agent
After=network-online.target

[Service]
ExecStart=/usr/local/bin/plumbline agent --state /var/lib/plumbline-agent
StateDirectory=plumbline-agent
StateDirectoryMode=0700
Restart=always
RestartSec=30
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
MemoryMax=256M

[Install]
WantedBy=multi-user.target
";

async fn machine(report: &Report, scope: ScopeKey, memory: &dyn Memory) -> Result<Resource, CollectError> {
    let mut attributes = report.attributes();
    let mut unread = BTreeMap::new();
    for name in FACTS.into_iter().filter(|name| !attributes.contains_key(*name)) {
        unread.insert(name.to_owned(), why(report, name));
    }
    match &report.software {
        Some(_) => attributes.extend(software(report, memory).await?),
        None => {
            for name in OF_SOFTWARE {
                unread.insert(name.to_owned(), why(report, "Software"));
            }
        }
    }
    // A fact is either read or not, whatever the report says of both.
    unread.retain(|name, _| !attributes.contains_key(name));
    attributes.insert("Agent".to_owned(), json!(one_line(&report.agent)));
    Ok(Resource {
        region: "global".to_owned(),
        kind: "host.machine".to_owned(),
        uid: format!("host://{}", report.machine),
        name: report.name(),
        scope,
        attributes,
        unread,
        tags: BTreeMap::new(),
        edges: Vec::new(),
    })
}

fn why(report: &Report, name: &str) -> Unread {
    report.unread.get(name).map_or_else(
        || Unread { permission: REPORT.to_owned(), denied: false, detail: "This agent does not report it.".to_owned() },
        |missing| Unread {
            permission: one_line(&missing.permission),
            denied: missing.permission == "root",
            detail: one_line(&missing.detail),
        },
    )
}

/// Keeps what is installed where images keep it too, so that the same matching finds its flaws.
async fn software(report: &Report, memory: &dyn Memory) -> Result<Map<String, Value>, CollectError> {
    let none = crate::report::Installed { distribution: None, components: Vec::new(), unreadable: Vec::new() };
    let installed = report.software.as_ref().unwrap_or(&none);
    let components = installed.components.iter().cloned().map(|component| Installed { component, layer: 0 });
    let unreadable =
        installed.unreadable.iter().map(|(path, why)| (0, UnreadFile { path: path.clone(), why: one_line(why) }));
    let whole = Software {
        distribution: installed.distribution.clone(),
        components: components.collect(),
        unreadable: unreadable.collect(),
        ..Software::default()
    };
    let packed = whole.pack();
    let key = format!("software/host/{}/{READER_VERSION}", hex::encode(Sha256::digest(&packed)));
    memory.keep(&key, packed).await?;
    let unreadable: Vec<Value> = installed
        .unreadable
        .iter()
        .map(|(path, why)| json!({ "path": one_line(path), "why": one_line(why) }))
        .collect();
    let distribution = installed.distribution.as_ref().map(|one| json!({ "id": one.id, "release": one.release }));
    let pairs = [
        ("Distribution", distribution.unwrap_or_default()),
        ("Software", json!(key)),
        ("ComponentCount", json!(installed.components.len())),
        ("Unreadable", json!(unreadable)),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
