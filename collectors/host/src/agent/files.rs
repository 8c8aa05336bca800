//! Modes and owners of the files that matter.

use super::host::Host;
use super::paths::Paths;
use super::system::Users;
use crate::report::FileFact;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// Looks at every file that any purpose names.
pub(super) fn look_at(host: &Host, users: &Users, paths: &Paths) -> BTreeMap<String, Option<FileFact>> {
    let all: BTreeSet<&String> = paths.values().flatten().collect();
    all.into_iter().map(|path| (path.clone(), look(host, users, path))).collect()
}

fn look(host: &Host, users: &Users, path: &str) -> Option<FileFact> {
    let found = match host.metadata(path) {
        Ok(found) => found?,
        Err(missing) => {
            return Some(FileFact {
                mode: None,
                uid: 0,
                gid: 0,
                owner: String::new(),
                group: String::new(),
                sort: String::new(),
                unread: Some(missing.permission),
            });
        }
    };
    let sort = match found.file_type() {
        sort if sort.is_file() => "file",
        sort if sort.is_dir() => "directory",
        sort if sort.is_socket() => "socket",
        _ => "other",
    };
    Some(FileFact {
        mode: Some(format!("{:04o}", found.mode() & 0o7777)),
        uid: found.uid(),
        gid: found.gid(),
        owner: users.user(found.uid()),
        group: users.group(found.gid()),
        sort: sort.to_owned(),
        unread: None,
    })
}
