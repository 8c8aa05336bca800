//! Units of systemd, by the folders that it looks in.

use super::host::Host;
use crate::report::Missing;
use std::collections::{BTreeMap, BTreeSet};

/// The first folder that has a unit wins.
const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

const UNITS: [&str; 6] =
    ["auditd.service", "containerd.service", "crio.service", "docker.service", "docker.socket", "kubelet.service"];

/// The file of each unit that matters.
pub(super) fn files(host: &Host) -> Result<BTreeMap<String, Option<String>>, Missing> {
    let mut found = BTreeMap::new();
    for unit in UNITS {
        let mut at = None;
        for folder in FOLDERS {
            let path = format!("{folder}/{unit}");
            if host.metadata(&path)?.is_some() {
                at = Some(path);
                break;
            }
        }
        found.insert(unit.to_owned(), at);
    }
    Ok(found)
}

/// Units that are started with the machine: those that the administrator's folder links into a target.
pub(super) fn started(host: &Host) -> Result<Vec<String>, Missing> {
    let folder = FOLDERS[0];
    let mut units = BTreeSet::new();
    for target in host.names(folder)?.iter().filter(|name| name.ends_with(".wants") || name.ends_with(".requires")) {
        units.extend(host.names(&format!("{folder}/{target}"))?);
    }
    Ok(units.into_iter().take(2_000).collect())
}
