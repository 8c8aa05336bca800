//! Bills of materials that people handed in, read as a source: every run reads all of them, so that handing one in retires
//! none of the others, and one that was taken away is seen to be gone.
//!
//! The digest of an image is the image: where a registry has it and its layers were read, the registry's word counts, and
//! the bill brings nothing.

use async_trait::async_trait;
use plumbline_core::collect::{AccessRecipe, CollectError, Collector, Connection, Errand, Event, ProbeLine};
use plumbline_core::id::TenantId;
use plumbline_core::resource::{Resource, Unread};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_software::layer;
use plumbline_store::bill::{self, BillRow};
use plumbline_store::{Database, StoreError};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const READER: &str = "sbom.documents";
/// What only a registry tells of an image.
const NOT_TOLD: [&str; 10] =
    ["MediaType", "Index", "Platform", "Created", "Size", "Config", "History", "Layers", "Secrets", "PrivilegedFiles"];

/// The bills of one tenant.
pub(crate) struct Bills {
    database: Database,
    tenant: TenantId,
}

impl Bills {
    pub(crate) fn new(database: Database, tenant: TenantId) -> Self {
        Self { database, tenant }
    }

    /// All bills, those that were taken away too, and the digests that a registry tells more of.
    async fn read(&self) -> Result<(Vec<BillRow>, BTreeSet<String>), StoreError> {
        let mut tx = self.database.tenant(self.tenant).await?;
        let Some(source) = bill::source(&mut tx).await? else { return Ok(Default::default()) };
        let bills = bill::all(&mut tx, source).await?;
        let keys: BTreeMap<String, String> = bills
            .iter()
            .filter(|bill| bill.kind == "image")
            .flat_map(|bill| layer::software_keys(&bill.version).map(|key| (key, bill.version.clone())))
            .collect();
        let asked: Vec<String> = keys.keys().cloned().collect();
        let known = bill::registry_images(&mut tx, &asked).await?;
        tx.commit().await?;
        let covered = known.iter().filter_map(|image| keys.get(&image.software).cloned()).collect();
        Ok((bills, covered))
    }
}

#[async_trait]
impl Collector for Bills {
    fn provider(&self) -> &'static str {
        bill::PROVIDER
    }

    fn check(&self, _: &Connection) -> Result<(), CollectError> {
        Ok(())
    }

    fn access(&self, _: &Value) -> Vec<AccessRecipe> {
        Vec::new()
    }

    async fn probe(&self, _: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        Ok(vec![ProbeLine { what: "Documents".to_owned(), ok: true, detail: "They are kept here.".to_owned() }])
    }

    async fn collect(&self, _: &Connection, errand: Errand) -> Result<(), CollectError> {
        let (bills, covered) = self.read().await.map_err(|error| {
            tracing::warn!(%error, "bills of materials cannot be read");
            CollectError::Unreachable("The documents could not be read.".to_owned())
        })?;
        let send = async |event| errand.sink.send(event).await.map_err(|_| CollectError::Cancelled);
        let scopes: BTreeSet<ScopeKey> = bills.iter().map(scope).collect();
        send(Event::Planned(scopes.iter().cloned().collect())).await?;
        for one in bills.iter().filter(|bill| bill.removed_at.is_none()) {
            if one.kind == "image" && covered.contains(&one.version) {
                let words = "a registry has this image; what it tells counts, and the bill of materials does not";
                send(Event::Note(format!("{}@{}: {words}", one.name, one.version))).await?;
            } else {
                send(Event::Resource(Box::new(resource(one)))).await?;
            }
        }
        for scope in scopes {
            send(Event::Ended { scope, outcome: Outcome::Complete, api_calls: 0 }).await?;
        }
        Ok(())
    }
}

/// The registry and the repository of an image; of an application `uploaded` and its name.
fn place(bill: &BillRow) -> (&str, &str) {
    match bill.kind.as_str() {
        "image" => bill.name.split_once('/').unwrap_or(("uploaded", &bill.name)),
        _ => ("uploaded", &bill.name),
    }
}

fn scope(bill: &BillRow) -> ScopeKey {
    let (account, region) = place(bill);
    ScopeKey { account: account.to_owned(), region: region.to_owned(), reader: READER.to_owned() }
}

fn resource(bill: &BillRow) -> Resource {
    let is_image = bill.kind == "image";
    let name = if is_image {
        let short: String = bill.version.chars().take("sha256:".len() + 12).collect();
        format!("{}@{short}", place(bill).1)
    } else {
        format!("{} {}", bill.name, bill.version)
    };
    Resource {
        scope: scope(bill),
        kind: bill.kind.clone(),
        uid: bill.uid(),
        name: name.trim_end().to_owned(),
        region: place(bill).1.to_owned(),
        attributes: attributes(bill),
        unread: if is_image { not_told() } else { BTreeMap::new() },
        tags: BTreeMap::new(),
        edges: Vec::new(),
    }
}

fn attributes(bill: &BillRow) -> Map<String, Value> {
    let why = "it is of a kind of which no advisories are known here, or has no package URL";
    let mut unreadable: Vec<Value> =
        bill.examples.iter().map(|name| json!({ "path": name, "why": why, "layer": null })).collect();
    let more = bill.left_out - i64::try_from(unreadable.len()).unwrap_or(i64::MAX);
    if more > 0 {
        unreadable.push(json!({ "path": format!("{more} more entries"), "why": why, "layer": null }));
    }
    let mut attributes = json!({
        "Software": bill.software, "ComponentCount": bill.components, "Distribution": bill.distribution,
        "Unreadable": unreadable,
    });
    if let Some(members) = attributes.as_object_mut() {
        let (_, region) = place(bill);
        let own = match bill.kind.as_str() {
            "image" => json!({ "Repository": region, "Digest": bill.version, "Tags": [] }),
            _ => json!({
                "Name": bill.name, "Version": bill.version, "Format": bill.format, "Made": bill.made,
                "Uploaded": bill.uploaded_at.to_rfc3339(),
            }),
        };
        members.extend(own.as_object().cloned().unwrap_or_default());
    }
    match attributes {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn not_told() -> BTreeMap<String, Unread> {
    let detail = "A bill of materials does not tell it. Connect the registry that has the image.";
    let unread = Unread { permission: "repository:pull".to_owned(), denied: false, detail: detail.to_owned() };
    NOT_TOLD.iter().chain(&["Signatures"]).map(|name| ((*name).to_owned(), unread.clone())).collect()
}
