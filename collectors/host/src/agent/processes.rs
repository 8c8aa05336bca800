//! The daemons that matter, with the flags that they were started with.

use super::host::{Host, odd};
use crate::report::{Missing, Process};
use crate::text::safe;
use std::collections::BTreeMap;

/// By the name of their program.
const DAEMONS: [&str; 10] = [
    "auditd",
    "containerd",
    "crio",
    "dockerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// Flags of one letter, with the long form of each.
const SHORT: [(&str, &str); 6] =
    [("H", "host"), ("l", "log-level"), ("D", "debug"), ("G", "group"), ("s", "storage-driver"), ("b", "bridge")];

pub(super) type Processes = BTreeMap<String, Option<Process>>;

/// Of each daemon the process that was started first, for the others are its children.
pub(super) fn read(host: &Host) -> Result<Processes, Missing> {
    let mut pids: Vec<u32> = host.names("/proc")?.iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    if !pids.contains(&1) {
        // Mounted so that one sees one's own processes alone.
        return Err(if pids.is_empty() { odd("/proc", "it lists no processes") } else { hidden() });
    }
    let mut found: Processes = DAEMONS.iter().map(|name| ((*name).to_owned(), None)).collect();
    for pid in pids {
        let Ok(Some(line)) = host.text(&format!("/proc/{pid}/cmdline")) else { continue };
        let words: Vec<&str> = line.split('\0').filter(|word| !word.is_empty()).collect();
        let Some(program) = words.first().and_then(|path| path.rsplit('/').next()) else { continue };
        if let Some(slot @ None) = found.get_mut(program) {
            *slot = Some(Process { uid: uid(host, pid), flags: flags(&words[1..]) });
        }
    }
    Ok(found)
}

fn hidden() -> Missing {
    Missing { permission: "root".to_owned(), detail: "/proc shows this process's own alone".to_owned() }
}

/// The user that it acts as.
fn uid(host: &Host, pid: u32) -> u32 {
    let status = host.text(&format!("/proc/{pid}/status")).ok().flatten().unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|uid| uid.parse().ok()).unwrap_or(u32::MAX)
}

/// Flags by name: `--name=value`, `--name value`, `--name`, and one dash for two.
pub(super) fn flags(words: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut flags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut words = words.iter().take(1_000).peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|flag| !flag.is_empty())
        else {
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let value = words.next_if(|next| !next.starts_with('-')).map_or("true", |next| *next);
                (flag, value.to_owned())
            }
        };
        let name = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| *long);
        flags.entry(name.to_owned()).or_default().push(safe(&value));
    }
    flags
}

/// The last value of a flag, which is the one that counts where it is given once.
pub(super) fn flag<'a>(processes: Option<&'a Processes>, daemon: &str, name: &str) -> Option<&'a str> {
    processes?.get(daemon)?.as_ref()?.flags.get(name)?.last().map(String::as_str)
}
