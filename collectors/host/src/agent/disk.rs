//! What an agent keeps on its disk: its enrolment, and one report that waits. Nobody else reads either.

use super::AgentError;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use url::Url;

/// What an agent keeps of its enrolment.
#[derive(Serialize, Deserialize)]
pub(super) struct Enrolment {
    pub(super) server: Url,
    pub(super) credential: String,
    pub(super) interval_seconds: u64,
    /// What the host is known by where it has no id of its own.
    pub(super) machine: String,
}

pub(super) fn make_folder(path: &Path) -> Result<(), AgentError> {
    let disk = |source| AgentError::Disk { what: format!("making {}", path.display()), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(disk)
}

pub(super) fn read_enrolment(path: &Path) -> Result<Enrolment, AgentError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let words = "this agent is not enrolled: give --server and --token, as the page of its host prints them";
            return Err(AgentError::Settings(words.to_owned()));
        }
        Err(source) => return Err(AgentError::Disk { what: format!("reading {}", path.display()), source }),
    };
    serde_json::from_slice(&bytes).map_err(|_| AgentError::Settings(format!("{} is damaged", path.display())))
}

/// Writes a file that nobody else reads, whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), AgentError> {
    let disk = |source| AgentError::Disk { what: format!("writing {}", path.display()), source };
    let beside = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(disk)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(disk)?;
    std::fs::rename(&beside, path).map_err(disk)
}

pub(super) fn remove(path: &Path) -> Result<(), AgentError> {
    std::fs::remove_file(path)
        .map_err(|source| AgentError::Disk { what: format!("removing {}", path.display()), source })
}
