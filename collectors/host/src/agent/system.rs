//! The system itself: its release, kernel, mounts and users.

use super::host::{Host, odd};
use crate::report::{Kernel, Missing, Mount};
use crate::text::safe;
use std::collections::BTreeMap;

/// The kernel's settings that are judged.
const SYSCTL: [&str; 24] = [
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.dmesg_restrict",
    "kernel.kptr_restrict",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.sysrq",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.ip_forward",
    "net.ipv4.tcp_syncookies",
    "net.ipv6.conf.all.accept_redirects",
    "vm.overcommit_memory",
];

/// What the kernel does not have is null; what it does not let be read makes all of it unread.
pub(super) fn sysctl(host: &Host) -> Result<BTreeMap<String, Option<String>>, Missing> {
    let mut settings = BTreeMap::new();
    for name in SYSCTL {
        let value = host.text(&format!("/proc/sys/{}", name.replace('.', "/")))?;
        settings.insert(name.to_owned(), value.map(|text| text.trim().to_owned()));
    }
    Ok(settings)
}

pub(super) fn hostname(host: &Host) -> String {
    let read = |path| host.text(path).ok().flatten().map(|text: String| text.trim().to_owned());
    read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).unwrap_or_default()
}

pub(super) fn os_release(host: &Host) -> Result<BTreeMap<String, String>, Missing> {
    let text = match host.text("/etc/os-release")? {
        Some(text) => Some(text),
        None => host.text("/usr/lib/os-release")?,
    };
    let unquoted = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
    let lines = text.iter().flat_map(|text| text.lines()).take(100);
    Ok(lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), unquoted(value)))
        .collect())
}

pub(super) fn kernel(host: &Host) -> Result<Kernel, Missing> {
    let release =
        host.text("/proc/sys/kernel/osrelease")?.ok_or_else(|| odd("/proc/sys/kernel/osrelease", "it is not there"))?;
    let cmdline = host.text("/proc/cmdline")?.unwrap_or_default();
    let machine = std::env::consts::ARCH;
    Ok(Kernel { release: release.trim().to_owned(), machine: machine.to_owned(), cmdline: safe(cmdline.trim()) })
}

/// Security modules of the kernel; none where it does not say.
pub(super) fn modules(host: &Host) -> Result<Vec<String>, Missing> {
    if let Some(text) = host.text("/sys/kernel/security/lsm")? {
        return Ok(text.trim().split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect());
    }
    // Where securityfs is not mounted, the modules still show themselves.
    let mut found = Vec::new();
    if host.text("/sys/module/apparmor/parameters/enabled")?.is_some_and(|text| text.trim() == "Y") {
        found.push("apparmor".to_owned());
    }
    if host.text("/sys/fs/selinux/enforce")?.is_some() {
        found.push("selinux".to_owned());
    }
    Ok(found)
}

/// Mounts as the first process sees them, for the agent may have been given others.
pub(super) fn mounts(host: &Host) -> Result<Vec<Mount>, Missing> {
    let first = host.text("/proc/1/mountinfo").ok().flatten();
    let text = match first {
        Some(text) => text,
        None => host.text("/proc/self/mountinfo")?.ok_or_else(|| odd("/proc/self/mountinfo", "it is not there"))?,
    };
    let mut mounts: Vec<Mount> = text.lines().filter_map(mount).filter(|mount| !is_of_a_container(mount)).collect();
    mounts.sort_by(|a, b| a.point.cmp(&b.point));
    mounts.truncate(2_000);
    Ok(mounts)
}

/// Each container brings mounts that come and go with it.
fn is_of_a_container(mount: &Mount) -> bool {
    mount.point.contains("/overlay2/")
        || mount.point.contains("/containers/")
        || mount.point.contains("/netns/")
        || mount.point.contains("/io.containerd.")
        || mount.point.contains("/kubelet/pods/")
}

/// `36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(4);
    let (point, options) = (before.next()?, before.next()?);
    let mut after = after.split(' ');
    let (fs_type, source) = (after.next()?, after.next()?);
    Some(Mount {
        point: unescaped(point),
        source: safe(&unescaped(source)),
        fs_type: fs_type.to_owned(),
        options: options.split(',').map(str::to_owned).collect(),
    })
}

/// Blanks are written as octal numbers.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// Who is who: names by number.
#[derive(Debug, Default)]
pub(super) struct Users {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Users {
    pub(super) fn read(host: &Host) -> Self {
        let names = |path| {
            let text = host.text(path).ok().flatten().unwrap_or_default();
            let line = |line: &str| {
                let mut fields = line.split(':');
                let name = fields.next()?.to_owned();
                Some((fields.nth(1)?.parse().ok()?, name))
            };
            // Of several names of one number the first counts.
            let mut named = BTreeMap::new();
            for (number, name) in text.lines().filter_map(line) {
                named.entry(number).or_insert(name);
            }
            named
        };
        Self { users: names("/etc/passwd"), groups: names("/etc/group") }
    }

    pub(super) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    pub(super) fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
    }
}

/// Members of the group `docker`: those that it lists, and those whose first group it is.
pub(super) fn docker_group(host: &Host) -> Result<Vec<String>, Missing> {
    let groups = host.text("/etc/group")?.unwrap_or_default();
    let mut members = Vec::new();
    let mut gid = None;
    for fields in groups.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        if let [name, _, number, listed, ..] = fields.as_slice()
            && *name == "docker"
        {
            gid = Some((*number).to_owned());
            members.extend(listed.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    let users = host.text("/etc/passwd")?.unwrap_or_default();
    for fields in users.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        if let [name, _, _, first, ..] = fields.as_slice()
            && gid.as_deref() == Some(*first)
        {
            members.push((*name).to_owned());
        }
    }
    members.sort();
    members.dedup();
    members.truncate(1_000);
    Ok(members)
}
