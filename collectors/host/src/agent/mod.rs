//! The agent: reads the host that it runs on, and sends what it read.
//!
//! It runs no other program and changes nothing: files, `/proc` and the lists of packages are all that it looks at. What it
//! may not read it reports as unread, with the permission that it would take, which is `root` for almost all of it.

mod audit;
mod disk;
mod files;
mod host;
mod listening;
mod packages;
mod paths;
mod processes;
mod push;
mod system;
mod units;

pub use host::Host;
pub use push::{Agent, AgentError, Options};

use crate::report::{Facts, Missing, Report, VERSION};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

impl Host {
    /// Reads the host. `machine` is what it is known by where it has no id of its own.
    #[must_use]
    pub fn report(&self, agent: &str, machine: &str, made_at: DateTime<Utc>) -> Report {
        let mut unread = BTreeMap::new();
        let mut note = Unread(&mut unread);
        let users = system::Users::read(self);
        let daemon = note.take("DaemonJson", processes::read(self).and_then(|all| paths::daemon_json(self, &all)));
        let processes = note.take("Processes", processes::read(self));
        let units = note.take("Units", units::files(self));
        let paths = paths::find(self, processes.as_ref(), units.as_ref(), daemon.as_ref());
        let facts = Facts {
            os_release: note.take("OsRelease", system::os_release(self)),
            kernel: note.take("Kernel", system::kernel(self)),
            sysctl: note.take("Sysctl", system::sysctl(self)),
            mounts: note.take("Mounts", system::mounts(self)),
            files: Some(files::look_at(self, &users, &paths)),
            paths: Some(paths),
            audit_rules: note.take("AuditRules", audit::rules(self)),
            listening: note.take("Listening", listening::read(self)),
            docker_group: note.take("DockerGroup", system::docker_group(self)),
            lsm: note.take("Lsm", system::modules(self)),
            services: note.take("Services", units::started(self)),
            daemon_json: daemon,
            processes,
            units,
        };
        Report {
            version: VERSION,
            agent: agent.to_owned(),
            made_at,
            machine: self.machine_id().unwrap_or_else(|| machine.to_owned()),
            hostname: system::hostname(self),
            software: note.take("Software", packages::installed(self)),
            facts,
            unread,
        }
    }
}

/// Where it is noted what could not be read.
struct Unread<'a>(&'a mut BTreeMap<String, Missing>);

impl Unread<'_> {
    fn take<T>(&mut self, name: &str, read: Result<T, Missing>) -> Option<T> {
        read.map_err(|missing| self.0.insert(name.to_owned(), missing)).ok()
    }
}

#[cfg(test)]
mod tests;
