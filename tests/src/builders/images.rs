//! Images of an estate: what is installed in them, and what is wrong with that.

use super::{Estate, NewResource, REGION, check};
use crate::app::noon;
use plumbline_core::id::{FindingId, ResourceId};
use plumbline_core::risk::Exposure;
use plumbline_software::layer::{Installed, Software};
use plumbline_software::{Component, Type};
use serde_json::{Value, json};
use uuid::Uuid;

/// Under which the software of an image is kept.
#[must_use]
pub fn software_key(image: &str) -> String {
    format!("software {image}")
}

impl Estate<'_> {
    /// Puts an image in whose software was read, with layers of these digests, lowest first.
    pub async fn image(&self, name: &str, layers: &[&str]) -> ResourceId {
        let layers: Vec<Value> = layers
            .iter()
            .map(|digest| json!({ "digest": digest, "size": 1_000_000, "createdBy": "COPY . /app", "added": 1 }))
            .collect();
        let attributes = json!({
            "Repository": REGION, "Digest": format!("sha256:{name}"), "Tags": ["1.0"], "Platform": "linux/amd64",
            "Created": "2026-11-01T10:00:00Z", "Size": 2_000_000, "Layers": layers, "Secrets": [],
            "Distribution": { "id": "debian", "release": "12" }, "Software": software_key(name), "ComponentCount": 1,
            "Unreadable": [],
        });
        self.image_with(name, attributes).await
    }

    /// Puts an image in of which this was read.
    pub async fn image_with(&self, name: &str, attributes: Value) -> ResourceId {
        let new = NewResource {
            kind: "image",
            name,
            region: REGION,
            exposure: Exposure::Private,
            attributes,
            unread: json!({}),
            tags: json!({}),
        };
        self.resource(&new).await
    }

    /// Keeps the software of an image, as its collector would.
    pub async fn remember(&self, image: &str, packages: &[(&str, &str)]) {
        let installed = |(name, version): &(&str, &str)| Installed {
            component: Component::new(Type::Npm, *name, *version, "app/package-lock.json"),
            layer: 0,
        };
        let software = Software { components: packages.iter().map(installed).collect(), ..Software::default() };
        sqlx::query("insert into memories (tenant_id, key, content, kept_at) values ($1, $2, $3, $4)")
            .bind(self.tenant.0)
            .bind(software_key(image))
            .bind(software.pack())
            .bind(noon())
            .execute(&self.app.pool)
            .await
            .expect("a memory");
    }

    /// Installs a package in an image's lowest layer. One that could not be judged says why.
    pub async fn package(&self, image: &str, name: &str, version: &str, unjudged: Option<&str>) -> Uuid {
        let id = Uuid::from_u128(u128::from_be_bytes(digest_of(name, version)));
        let why = unjudged.map_or_else(|| "null".to_owned(), |why| format!("'{why}'"));
        self.sql(format!(
            "insert into packages (tenant_id, package_id, type, name, version, purl, licence, judged, unjudged)
             values ('{tenant}', '{id}', 'npm', '{name}', '{version}', 'pkg:npm/{name}@{version}', 'MIT', true, {why})
             on conflict do nothing;
             insert into installations (tenant_id, software, package_id, path, layer)
             values ('{tenant}', '{key}', '{id}', 'app/package-lock.json', 0)",
            tenant = self.tenant,
            key = software_key(image),
        ))
        .await;
        id
    }

    /// Says that a package has a flaw, by an advisory of the same name as the flaw's alias.
    pub async fn flaw(&self, package: Uuid, flaw: &str, alias: &str, severity: &str) {
        self.sql(format!(
            "insert into package_flaws (tenant_id, package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector, fixed_in)
             values ('{tenant}', '{package}', '{flaw}', array['{alias}'], array['{alias}'], '{severity}', true, 8.1,
                 'CVSS:3.1/AV:N', '4.17.21');
             insert into flaw_aliases (tenant_id, alias, flaw_id) values ('{tenant}', '{alias}', '{flaw}')
             on conflict do nothing",
            tenant = self.tenant,
        ))
        .await;
        self.advisory(alias, flaw).await;
    }

    /// Imports an advisory that tells of a flaw.
    pub async fn advisory(&self, id: &str, flaw: &str) {
        let notice = json!({ "id": id, "flaws": [[flaw, id]], "withdrawn": false, "rating": null });
        self.sql(format!(
            "insert into advisories (advisory_id, feed, notice, summary, published, modified, reference_urls)
             values ('{id}', 'npm', '{notice}', 'Something can be made to run.', '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z',
                 '[\"https://advisories.example.com/{id}\", \"javascript:alert(1)\"]')
             on conflict do nothing"
        ))
        .await;
    }

    /// Opens the finding that a flaw of an image is.
    pub async fn flaw_finding(&self, image: ResourceId, flaw: &str) -> FindingId {
        let check = check(0);
        let id = FindingId::derive_of(image, &check.id, flaw);
        let observed = json!({
            "flaw": flaw, "cvss": 8.1, "rated": true, "exploited": false, "ransomware": false, "epss": 0.25,
            "packages": [{ "type": "npm", "name": "lodash", "version": "4.17.20", "fixed_in": "4.17.21",
                "path": "app/package-lock.json", "layer": 0 }],
        });
        self.sql(format!(
            "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, subject, state, severity, account,
                 region, exposure, criticality, loss, risk, fix_id, observed, message, first_seen, opened_at)
             select '{tenant}', '{id}', source_id, resource_id, '{check}', '{flaw}', 'open', '{severity}', account, region,
                 exposure, criticality, 1000, 13, '{fix}', '{observed}', 'lodash 4.17.20 (fixed in 4.17.21)', '{now}', '{now}'
             from resources where tenant_id = '{tenant}' and resource_id = '{image}';
             insert into open_flaws (tenant_id, flaw_id, findings, risk, exploited) values ('{tenant}', '{flaw}', 1, 13, false)
             on conflict (tenant_id, flaw_id) do update set findings = open_flaws.findings + 1",
            tenant = self.tenant,
            check = check.id,
            severity = check.severity.as_str(),
            fix = self.fix(check),
            now = noon().to_rfc3339(),
        ))
        .await;
        id
    }

    /// Lists a flaw as exploited and forecasts it.
    pub async fn exploited(&self, flaw: &str) {
        self.sql(format!(
            "insert into exploited_flaws (flaw_id, name, added, due, ransomware)
             values ('{flaw}', 'Something', '2026-02-03', '2026-02-24', false);
             insert into forecasts (flaw_id, probability, percentile) values ('{flaw}', 0.9, 0.99);
             update open_flaws set exploited = true, probability = 0.9 where flaw_id = '{flaw}'"
        ))
        .await;
    }
}

/// Bytes that two texts decide.
fn digest_of(name: &str, version: &str) -> [u8; 16] {
    let mut bytes = [0u8; 16];
    for (at, byte) in name.bytes().chain(std::iter::once(0)).chain(version.bytes()).enumerate() {
        bytes[at % 16] = bytes[at % 16].rotate_left(3) ^ byte;
    }
    bytes
}
