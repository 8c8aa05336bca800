//! What is installed, by the lists of the distribution's own package manager.

use super::host::{Host, odd};
use crate::report::{Installed, Missing};
use plumbline_software::distribution::parse_os_release;
use plumbline_software::packages::{File, reader_of};

/// Lists of packages, by where distributions keep them.
const LISTS: [&str; 9] = [
    "/var/lib/dpkg/status",
    "/lib/apk/db/installed",
    "/usr/lib/apk/db/installed",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",
];

pub(super) fn installed(host: &Host) -> Result<Installed, Missing> {
    let mut found = Installed { distribution: distribution(host)?, components: Vec::new(), unreadable: Vec::new() };
    let mut lists = 0;
    let mut seen = std::collections::BTreeSet::new();
    for path in LISTS {
        let Some(metadata) = host.metadata(path)? else { continue };
        // One list may be reached by two ways: /lib is a link on many.
        if !metadata.is_file() || !seen.insert((dev(&metadata), ino(&metadata))) {
            continue;
        }
        let relative = path.trim_start_matches('/');
        let Some(reader) = reader_of(relative, false) else { continue };
        lists += 1;
        match host.bytes(path, reader.limit)? {
            None => {}
            Some(bytes) => match reader.read(File { path: relative, bytes: &bytes }) {
                Ok(components) => found.components.extend(components),
                Err(why) => found.unreadable.push((relative.to_owned(), why.to_string())),
            },
        }
    }
    if lists == 0 {
        return Err(odd("/var/lib", "no list of packages is there that this agent knows"));
    }
    found.components.sort();
    found.components.dedup();
    Ok(found)
}

fn distribution(host: &Host) -> Result<Option<plumbline_software::Distribution>, Missing> {
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        if let Some(bytes) = host.bytes(path, 64 << 10)? {
            return Ok(parse_os_release(&bytes));
        }
    }
    Ok(None)
}

fn dev(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

fn ino(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}
