//! What is matched: packages, and advisories that tell of some of them.

use plumbline_server::feeds;
use plumbline_software::advisory::Advisory;
use plumbline_store::feed::Entry;
use plumbline_store::software::NewPackage;
use serde_json::json;
use uuid::Uuid;

/// Versions that are installed of one name.
pub(crate) const VERSIONS: usize = 4;
/// Of so many advisories one tells of a name that may be installed; as in life, most are about what nobody here has.
const ONE_IN: usize = 5;
/// Of so many one tells of a flaw that the installed versions have.
const OPEN_IN: usize = 100;

/// Under which key the memory has an image's software.
pub(crate) fn software_of(image: usize) -> String {
    format!("software:{image}")
}

pub(crate) fn package(number: usize) -> NewPackage {
    let (name, version) = (format!("package-{}", number / VERSIONS), format!("1.{}.0", number % VERSIONS + 1));
    NewPackage {
        id: Uuid::from_u128(number as u128 + 1),
        kind: "npm",
        purl: format!("pkg:npm/{name}@{version}"),
        keys: vec![("npm".to_owned(), name.clone(), version.clone())],
        name,
        version,
        architecture: String::new(),
        source: (String::new(), String::new()),
        licence: "MIT".to_owned(),
        distribution: String::new(),
        unjudged: None,
    }
}

/// An advisory of one of so many names. Of the first ones most are about names that are not installed, or about flaws
/// that were fixed before every installed version; later ones are about all versions of an installed name.
pub(crate) fn advisory(number: usize, names: usize, later: bool) -> anyhow::Result<Entry> {
    let is_of_us = later || number.is_multiple_of(ONE_IN);
    let name =
        if is_of_us { format!("package-{}", number * 7919 % names) } else { format!("other-{}", number % (4 * names)) };
    let fixed = if later || number.is_multiple_of(OPEN_IN) { "2.0.0" } else { "1.0.0" };
    let document = json!({
        "schema_version": "1.6.0", "id": format!("CVE-2026-{number}"), "aliases": [format!("GHSA-{number}")],
        "summary": "A flaw in the parser lets whoever sends a request stop the service.",
        "published": "2026-01-01T00:00:00Z", "modified": "2026-01-02T00:00:00Z",
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" }],
        "affected": [{
            "package": { "ecosystem": "npm", "name": name },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
        }],
        "references": [{ "type": "WEB", "url": format!("https://advisories.example/{number}") }],
    });
    Ok(feeds::entry(&Advisory::read(&serde_json::to_vec(&document)?)?))
}
