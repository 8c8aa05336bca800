//! A host made of files, and what the agent reads of it.

use super::Host;
use chrono::DateTime;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn put(root: &Path, path: &str, text: &str, mode: u32) {
    let path = root.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A Debian host with a Docker daemon that was started by hand.
fn host() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (path, text) in [
        ("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("/etc/passwd", "root:x:0:0::/root:/bin/sh\nada:x:1000:998::/home/ada:/bin/sh\n"),
        ("/etc/group", "root:x:0:\ndocker:x:998:grace\n"),
        (
            "/etc/docker/daemon.json",
            r#"{ "icc": false, "log-opts": { "splunk-token": "hush" }, "tlskey": "/etc/docker/k.pem" }"#,
        ),
        ("/etc/docker/certs.d/registry.example.com/ca.crt", "x"),
        ("/etc/audit/rules.d/docker.rules", "-w /usr/bin/dockerd -p wa -k docker\n"),
        ("/lib/systemd/system/docker.service", "[Service]\n"),
        ("/etc/systemd/system/multi-user.target.wants/docker.service", ""),
        ("/proc/1/cmdline", "/sbin/init\0"),
        (
            "/proc/1/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /var/lib/docker rw,nodev - xfs /dev/sdb rw\n",
        ),
        ("/proc/1/net/tcp", "  sl\n 0: 00000000:0949 00000000:0000 0A 0\n"),
        (
            "/proc/42/cmdline",
            "/usr/bin/dockerd\0-H\0unix:///run/docker.sock\0--host=tcp://0.0.0.0:2375\0--tlsverify=false\0-D\0",
        ),
        ("/proc/42/status", "Name:\tdockerd\nUid:\t0\t0\t0\t0\n"),
        ("/proc/43/cmdline", "/usr/bin/dockerd\0--second\0"),
        ("/proc/sys/kernel/hostname", "web-1\n"),
        ("/proc/sys/kernel/osrelease", "6.1.0\n"),
        ("/proc/sys/kernel/kptr_restrict", "1\n"),
        ("/sys/kernel/security/lsm", "capability,apparmor\n"),
        (
            "/var/lib/dpkg/status",
            "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13-1\n\n",
        ),
    ] {
        put(root, path, text, 0o644);
    }
    put(root, "/etc/docker/k.pem", "x", 0o640);
    std::os::unix::fs::symlink("/run", root.join("var/run")).unwrap();
    folder
}

#[test]
fn a_host_is_read_without_running_anything() {
    let folder = host();
    let report = Host::at(folder.path()).report("1.0", "fallback", DateTime::UNIX_EPOCH);
    assert!(report.unread.is_empty(), "{:?}", report.unread);
    assert_eq!(report.hostname, "web-1");
    assert_ne!(report.machine, "0123456789abcdef0123456789abcdef", "the machine's own id stays there");
    let facts = report.attributes();
    let at = |pointer: &str| serde_json::Value::Object(facts.clone()).pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/OsRelease/VERSION_ID"), "12");
    assert_eq!(at("/Sysctl/kernel.kptr_restrict"), "1");
    assert_eq!(at("/Sysctl/kernel.panic"), serde_json::Value::Null);
    assert_eq!(at("/Mounts/1/Point"), "/var/lib/docker");
    assert_eq!(
        at("/Processes/dockerd/Flags/host"),
        serde_json::json!(["unix:///run/docker.sock", "tcp://0.0.0.0:2375"])
    );
    assert_eq!(at("/Processes/dockerd/Flags/tlsverify/0"), "false");
    assert_eq!(at("/Processes/dockerd/Flags/debug/0"), "true");
    assert_eq!(at("/Processes/kubelet"), serde_json::Value::Null);
    assert_eq!(at("/DaemonJson/icc"), false);
    assert_eq!(at("/DaemonJson/log-opts/splunk-token"), serde_json::Value::Null);
    assert_eq!(at("/Paths/tls_key/0"), "/etc/docker/k.pem");
    assert_eq!(at("/Paths/docker_socket/0"), "/run/docker.sock");
    assert_eq!(at("/Paths/docker_service/0"), "/lib/systemd/system/docker.service");
    assert_eq!(at("/Files/~1etc~1docker~1k.pem/mode"), "0640");
    assert_eq!(at("/Files/~1etc~1docker~1daemon.json/type"), "file");
    assert!(facts["Files"].get("/etc/containerd/config.toml").is_some_and(serde_json::Value::is_null));
    assert_eq!(at("/AuditRules/0/Path"), "/usr/bin/dockerd");
    assert_eq!(at("/Listening/0/Port"), 2377);
    assert_eq!(at("/DockerGroup"), serde_json::json!(["ada", "grace"]));
    assert_eq!(at("/Lsm/1"), "apparmor");
    assert_eq!(at("/Services/0"), "docker.service");
    let software = report.software.unwrap();
    assert_eq!(software.components.len(), 1);
    assert_eq!(software.distribution.unwrap().release, "12");
}

#[test]
fn what_cannot_be_read_is_unread_and_not_absent() {
    let folder = host();
    let broken = folder.path().join("etc/docker/daemon.json");
    std::fs::write(&broken, "{ icc: ").unwrap();
    std::fs::remove_dir_all(folder.path().join("proc/1")).unwrap();
    std::fs::remove_file(folder.path().join("var/lib/dpkg/status")).unwrap();
    let report = Host::at(folder.path()).report("1.0", "fallback", DateTime::UNIX_EPOCH);
    assert_eq!(report.unread["Processes"].permission, "root");
    assert!(report.unread.contains_key("DaemonJson") && report.unread.contains_key("Software"));
    let facts = report.attributes();
    assert!(!facts.contains_key("Processes") && !facts.contains_key("DaemonJson"));
}

#[test]
fn a_link_does_not_lead_out_of_the_host() {
    let folder = host();
    let host = Host::at(folder.path());
    put(folder.path(), "/run/docker.pid", "42", 0o600);
    assert!(host.text("/var/run/docker.pid").unwrap().is_some(), "an absolute link stays below the root");
    std::os::unix::fs::symlink("../../../../../../etc/hostname", folder.path().join("etc/up")).unwrap();
    assert!(host.text("/etc/up").unwrap().is_none(), "and a relative one does not climb out");
    std::os::unix::fs::symlink("loop", folder.path().join("etc/loop")).unwrap();
    assert!(host.text("/etc/loop").is_err());
}
