//! What an agent reports of its host: one document of a shape of our own, with a version.
//!
//! Whoever has taken a host over writes its reports. So the shape is strict, everything in it is bounded before it is
//! believed, and what does not fit is refused whole: half a report would say that the other half is fine.

use crate::text::{cut, is_longer, kept};
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use plumbline_software::{Component, Distribution};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// The version that this program writes and the newest that it reads.
pub const VERSION: u32 = 1;
/// The largest report as it is sent, and unpacked, in bytes.
pub const PACKED: usize = 8 << 20;
const UNPACKED: u64 = 64 << 20;
/// The most packages, files and other things that a host may tell of.
const COMPONENTS: usize = 50_000;
const FILES: usize = 20_000;
const ENTRIES: usize = 5_000;

/// One report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub version: u32,
    /// The agent's own version.
    pub agent: String,
    pub made_at: DateTime<Utc>,
    /// Tells this machine from others and stays the same: made of what the machine calls itself, not that itself.
    pub machine: String,
    pub hostname: String,
    pub facts: Facts,
    /// Facts that could not be read, each with why. `root` is the permission that most of them take.
    #[serde(default)]
    pub unread: BTreeMap<String, Missing>,
    /// What is installed; none when no list of packages is there.
    pub software: Option<Installed>,
}

/// Why a fact is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub permission: String,
    pub detail: String,
}

/// What is installed on a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Installed {
    pub distribution: Option<Distribution>,
    pub components: Vec<Component>,
    /// Lists of packages that could not be read: path, why.
    pub unreadable: Vec<(String, String)>,
}

/// The attributes of a `host.machine`, under their names. What was not read is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_release: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// A setting that the kernel does not have is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctl: Option<BTreeMap<String, Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<Mount>>,
    /// By path; null for one that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, Option<FileFact>>>,
    /// What a path is for (`daemon_json`, `tls_key`, `kubelet_config`) → where it is on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_rules: Option<Vec<AuditRule>>,
    /// The file of each unit of systemd that matters; null for one that is not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<BTreeMap<String, Option<String>>>,
    /// The daemons that matter; null for one that does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<BTreeMap<String, Option<Process>>>,
    /// An empty object where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon_json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listening: Option<Vec<Listener>>,
    /// Members of the group `docker`; empty where there is no such group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_group: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsm: Option<Vec<String>>,
    /// Units that are started with the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<String>>,
}

/// The facts' names, as attributes and as unread ones.
pub const FACTS: [&str; 14] = [
    "OsRelease",
    "Kernel",
    "Sysctl",
    "Mounts",
    "Files",
    "Paths",
    "AuditRules",
    "Units",
    "Processes",
    "DaemonJson",
    "Listening",
    "DockerGroup",
    "Lsm",
    "Services",
];

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Kernel {
    pub release: String,
    pub machine: String,
    /// Its command line, without what may be secret.
    pub cmdline: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    pub point: String,
    pub source: String,
    pub fs_type: String,
    pub options: Vec<String>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    /// Four octal digits; none when the file could not be looked at.
    pub mode: Option<String>,
    #[serde(default)]
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
    /// Names, where the host has them; numbers else.
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub group: String,
    /// `file`, `directory`, `socket`, `other`.
    #[serde(rename = "type", default)]
    pub sort: String,
    /// What it would take to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// A rule of the kernel's audit, as its files have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuditRule {
    pub line: String,
    /// What it watches, for a rule that watches a path.
    pub path: Option<String>,
    /// Of `rwxa`; all of them where nothing is said.
    pub permissions: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Process {
    pub uid: u32,
    /// By name without dashes; a flag without a value is `true`. One that is repeated has all its values.
    pub flags: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listener {
    pub protocol: String,
    pub address: String,
    pub port: u16,
}

/// Why a report is not one that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Report {
    /// As it is sent: JSON, deflated.
    ///
    /// # Errors
    /// When it is larger than a server takes.
    pub fn pack(&self) -> Result<Vec<u8>, Refused> {
        let wrong = |error: &dyn std::fmt::Display| Refused(format!("the report cannot be written: {error}"));
        let json = serde_json::to_vec(self).map_err(|error| wrong(&error))?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&json).map_err(|error| wrong(&error))?;
        let packed = packed.finish().map_err(|error| wrong(&error))?;
        if packed.len() > PACKED {
            return Err(Refused(format!("the report has {} bytes, and a server takes {PACKED}", packed.len())));
        }
        Ok(packed)
    }

    /// From what was sent.
    ///
    /// # Errors
    /// When it is damaged, too large, of another version, or says what no agent says.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Refused> {
        let mut json = Vec::new();
        GzDecoder::new(bytes)
            .take(UNPACKED + 1)
            .read_to_end(&mut json)
            .map_err(|_| Refused("the report is damaged".to_owned()))?;
        if json.len() as u64 > UNPACKED {
            return Err(Refused(format!("the report is larger than {UNPACKED} bytes")));
        }
        let version: Version =
            serde_json::from_slice(&json).map_err(|_| Refused("the report has no version".to_owned()))?;
        if version.version == 0 || version.version > VERSION {
            let words = format!("the report has version {}, and this server reads {VERSION}", version.version);
            return Err(Refused(words));
        }
        let report: Self = serde_json::from_slice(&json).map_err(|error| {
            Refused(plumbline_core::text::one_line(&format!("the report cannot be understood: {error}")))
        })?;
        report.check()?;
        Ok(report)
    }

    fn check(&self) -> Result<(), Refused> {
        let too_many = |what: &str| Err(Refused(format!("the report tells of more {what} than a host has")));
        let facts = &self.facts;
        let id = (8..=64).contains(&self.machine.len())
            && self.machine.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !id {
            return Err(Refused("the report does not say which machine it is of".to_owned()));
        }
        if facts.files.as_ref().map_or(0, BTreeMap::len) > FILES {
            return too_many("files");
        }
        if self.software.as_ref().is_some_and(|s| s.components.len() > COMPONENTS || s.unreadable.len() > ENTRIES) {
            return too_many("packages");
        }
        let lengths = [
            facts.os_release.as_ref().map_or(0, BTreeMap::len),
            facts.sysctl.as_ref().map_or(0, BTreeMap::len),
            facts.mounts.as_ref().map_or(0, Vec::len),
            facts.paths.as_ref().map_or(0, |paths| paths.len() + paths.values().map(Vec::len).sum::<usize>()),
            facts.audit_rules.as_ref().map_or(0, Vec::len),
            facts.units.as_ref().map_or(0, BTreeMap::len),
            facts.processes.as_ref().map_or(0, processes),
            facts.listening.as_ref().map_or(0, Vec::len),
            facts.docker_group.as_ref().map_or(0, Vec::len),
            facts.lsm.as_ref().map_or(0, Vec::len),
            facts.services.as_ref().map_or(0, Vec::len),
            self.unread.len(),
        ];
        if lengths.into_iter().any(|length| length > ENTRIES) || facts.daemon_json.as_ref().is_some_and(is_longer) {
            return too_many("things");
        }
        Ok(())
    }

    /// The facts as attributes, with no text longer than is kept and no secret that can be told by its form.
    #[must_use]
    pub fn attributes(&self) -> Map<String, Value> {
        match serde_json::to_value(&self.facts).map(|facts| kept(&facts)) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// What the host is called.
    #[must_use]
    pub fn name(&self) -> String {
        let name = cut(self.hostname.trim());
        if name.is_empty() { self.machine.clone() } else { name }
    }
}

fn processes(all: &BTreeMap<String, Option<Process>>) -> usize {
    let values = |process: &Process| process.flags.values().map(|values| values.len() + 1).sum::<usize>();
    all.len() + all.values().flatten().map(values).sum::<usize>()
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pack(value: &Value) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(value.to_string().as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    fn report(facts: Value) -> Value {
        json!({ "version": 1, "agent": "0", "made_at": "2026-01-15T12:00:00Z", "machine": "0123456789abcdef",
            "hostname": "web-1", "facts": facts, "software": null })
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        let whole =
            Report::unpack(&pack(&report(json!({ "Sysctl": { "kernel.panic": "10", "no.such": null } })))).unwrap();
        assert_eq!(Report::unpack(&whole.pack().unwrap()).unwrap(), whole);
        assert_eq!(whole.attributes()["Sysctl"]["no.such"], Value::Null);
        assert!(!whole.attributes().contains_key("Files"), "what was not read is not there");
    }

    #[test]
    fn a_report_that_makes_no_sense_is_refused_whole() {
        let refuse = |value: &Value| Report::unpack(&pack(value)).unwrap_err();
        let mut newer = report(json!({}));
        newer["version"] = json!(99);
        assert!(refuse(&newer).0.contains("version 99"));
        refuse(&report(json!({ "Mounts": "none" })));
        refuse(&report(json!({ "Sysctl": { "kernel.panic": 10 } })));
        refuse(&report(json!({ "Listening": [{ "Protocol": "tcp", "Address": "::", "Port": 99_999 }] })));
        let mut nameless = report(json!({}));
        nameless["machine"] = json!("../../etc");
        refuse(&nameless);
        let many: BTreeMap<String, Value> = (0..=FILES).map(|at| (format!("/{at}"), Value::Null)).collect();
        refuse(&report(json!({ "Files": many })));
        refuse(&report(json!({ "DaemonJson": { "list": vec![0; 3_000] } })));
        assert!(Report::unpack(b"nonsense").is_err());
    }

    #[test]
    fn a_bomb_and_a_tower_are_refused() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..=(UNPACKED >> 20) {
            bomb.write_all(&zeros).unwrap();
        }
        assert!(Report::unpack(&bomb.finish().unwrap()).unwrap_err().0.contains("larger"));
        let tower = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = report(json!({ "DaemonJson": "TOWER" })).to_string().replace("\"TOWER\"", &tower);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        assert!(Report::unpack(&packed.finish().unwrap()).is_err());
    }
}
