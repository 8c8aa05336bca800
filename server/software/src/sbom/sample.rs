//! Bills for tests.

use super::{Bill, Entry, Kind, Subject};
use crate::component::{Component, Source, Type};
use crate::distribution::Distribution;

/// A bill of an image with these entries.
pub(super) fn bill(components: Vec<Entry>) -> Bill {
    Bill {
        subject: Subject {
            name: "registry.example/app/api".to_owned(),
            version: format!("sha256:{}", "ab".repeat(32)),
            kind: Kind::Image,
        },
        created: "2026-01-02T03:04:05Z".to_owned(),
        serial: "3e671687-395b-41f5-a30f-a58921a69b79".to_owned(),
        distribution: Some(Distribution::new("debian", "12")),
        components,
        left_out: Vec::new(),
        left_out_total: 0,
    }
}

/// One entry of a few shapes: a distribution's package, the same one twice, a scoped and a grouped name.
pub(super) fn entries() -> Vec<Entry> {
    let mut libc = Component::new(Type::Deb, "libc6", "1:2.36-9+deb12u4", "var/lib/dpkg/status");
    libc.architecture = Some("amd64".to_owned());
    libc.source = Some(Source { name: "glibc".to_owned(), version: "2.36-9+deb12u4".to_owned() });
    let mut npm = Component::new(Type::Npm, "@scope/tool", "1.0.0", "app/node_modules/@scope/tool/package.json");
    npm.licence = Some("MIT".to_owned());
    let mut again = npm.clone();
    again.path = "srv/node_modules/@scope/tool/package.json".to_owned();
    again.licence = Some("see the file LICENCE".to_owned());
    let mut maven = Component::new(Type::Maven, "org.example:tool", "", "app/tool.jar");
    maven.licence = Some("MIT OR Apache-2.0".to_owned());
    let layer = Some(format!("sha256:{}", "cd".repeat(32)));
    [libc, npm, again, maven].map(|component| Entry { component, layer: layer.clone() }).to_vec()
}
