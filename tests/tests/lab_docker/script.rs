//! Containers of every sort, judged by what Docker's own script for the benchmark looks at and by our checks: the two agree,
//! control by control, but for the differences that docs/CONTENT.md explains.

use anyhow::{Context, Result};
use plumbline_policy::Catalogue;
use plumbline_tests::docker::{Engine, collector};
use plumbline_tests::polling::Polling;
use sqlx::PgPool;
use std::collections::BTreeSet;

/// What is said of each container beside its name. Raw sockets are dropped, unless a container is about what it has.
const CONTAINERS: [(&str, &[&str]); 22] = [
    ("plain", &[]),
    ("quiet", &["--cap-drop=NET_RAW"]),
    ("privileged", &["--privileged"]),
    ("adds-admin", &["--cap-drop=NET_RAW", "--cap-add=SYS_ADMIN"]),
    ("adds-usual", &["--cap-drop=NET_RAW", "--cap-add=CHOWN"]),
    ("has-etc", &["--cap-drop=NET_RAW", "--volume=/etc:/host"]),
    ("reads-etc", &["--cap-drop=NET_RAW", "--volume=/etc:/host:ro"]),
    ("has-socket", &["--cap-drop=NET_RAW", "--volume=/var/run/docker.sock:/var/run/docker.sock"]),
    ("shares-mounts", &["--cap-drop=NET_RAW", "--volume=/srv:/srv:shared"]),
    ("low-port", &["--cap-drop=NET_RAW", "--publish=127.0.0.1:80:80"]),
    ("any-address", &["--cap-drop=NET_RAW", "--publish=0.0.0.0:8080:80"]),
    ("host-network", &["--cap-drop=NET_RAW", "--network=host"]),
    ("host-others", &["--cap-drop=NET_RAW", "--pid=host", "--ipc=host", "--uts=host"]),
    ("has-device", &["--cap-drop=NET_RAW", "--device=/dev/null:/dev/null"]),
    ("no-filter", &["--cap-drop=NET_RAW", "--security-opt=seccomp=unconfined"]),
    ("shares-of-cpu", &["--cap-drop=NET_RAW", "--cpu-shares=512", "--memory=64m", "--pids-limit=50"]),
    ("quota-of-cpu", &["--cap-drop=NET_RAW", "--cpu-quota=50000", "--pids-limit=-1"]),
    ("always", &["--cap-drop=NET_RAW", "--restart=always"]),
    ("unless-stopped", &["--cap-drop=NET_RAW", "--restart=unless-stopped"]),
    ("ten-times", &["--cap-drop=NET_RAW", "--restart=on-failure:10"]),
    ("kept", &["--cap-drop=NET_RAW", "--read-only", "--security-opt=no-new-privileges", "--health-cmd=true"]),
    ("elsewhere", &["--cap-drop=NET_RAW", "--network=none", "--cgroup-parent=/other"]),
];

/// A control, what the script asks the engine about a container, and whether it takes the answer for a failure.
type Looked = (&'static str, &'static str, fn(&str) -> bool);

const SCRIPT: [Looked; 24] = [
    ("5.4", "{{range .HostConfig.CapAdd}}{{.}} {{end}}", |said| !said.is_empty()),
    ("5.5", "{{.HostConfig.Privileged}}", |said| said == "true"),
    ("5.6", MOUNTS, |said| said.split(' ').any(|mount| FOLDERS.iter().any(|f| mount == format!("{f}=true")))),
    ("5.8", PORTS, |said| bindings(said).any(|(_, port)| port.parse::<u32>().is_ok_and(|port| port < 1024))),
    ("5.10", "{{.HostConfig.NetworkMode}}", |said| said == "host"),
    ("5.11", "{{.HostConfig.Memory}}", |said| said == "0"),
    ("5.12", "{{.HostConfig.CpuShares}}", |said| said == "0"),
    ("5.13", "{{.HostConfig.ReadonlyRootfs}}", |said| said == "false"),
    ("5.14", PORTS, |said| bindings(said).any(|(address, _)| address == "0.0.0.0")),
    ("5.15", "{{.HostConfig.RestartPolicy.Name}}", |said| said == "always"),
    ("5.16", "{{.HostConfig.PidMode}}", |said| said == "host"),
    ("5.17", "{{.HostConfig.IpcMode}}", |said| said == "host"),
    ("5.18", "{{len .HostConfig.Devices}}", |said| said != "0"),
    ("5.20", "{{range .Mounts}}{{.Propagation}} {{end}}", |said| said.split(' ').any(|way| way == "shared")),
    ("5.21", "{{.HostConfig.UTSMode}}", |said| said == "host"),
    ("5.22", "{{.HostConfig.SecurityOpt}}", |said| said.contains("seccomp=unconfined")),
    ("5.23", "{{len .ExecIDs}}", |said| said != "0"),
    ("5.25", "{{.HostConfig.CgroupParent}}", |said| !said.is_empty()),
    ("5.26", "{{.HostConfig.SecurityOpt}}", |said| !said.contains("no-new-privileges")),
    ("5.27", "{{if .Config.Healthcheck}}yes{{end}}", str::is_empty),
    ("5.29", "{{.HostConfig.PidsLimit}}", |said| matches!(said, "0" | "-1" | "<nil>" | "<no value>")),
    ("5.30", "{{.HostConfig.NetworkMode}}", |said| matches!(said, "default" | "bridge")),
    ("5.31", "{{.HostConfig.UsernsMode}}", |said| said == "host"),
    ("5.32", MOUNTS, |said| said.contains("docker.sock")),
];

const MOUNTS: &str = "{{range .Mounts}}{{.Source}}={{.RW}} {{end}}";
const PORTS: &str = "{{range .HostConfig.PortBindings}}{{range .}}{{.HostIp}}={{.HostPort}} {{end}}{{end}}";
const FOLDERS: [&str; 8] = ["/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"];

/// Where the two differ on purpose: the control, the container, and whether it fails here.
const EXPLAINED: [(&str, &str, bool); 9] = [
    ("5.12", "quota-of-cpu", false),
    ("5.15", "ten-times", true),
    ("5.15", "unless-stopped", true),
    ("5.18", "privileged", true),
    ("5.22", "privileged", true),
    ("5.4", "adds-usual", false),
    ("5.4", "plain", true),
    ("5.4", "privileged", true),
    ("5.6", "reads-etc", true),
];

fn bindings(said: &str) -> impl Iterator<Item = (&str, &str)> {
    said.split(' ').filter_map(|binding| binding.split_once('='))
}

#[sqlx::test(migrations = "../migrations")]
async fn what_dockers_own_script_looks_at_is_judged_alike_or_the_difference_is_explained(pool: PgPool) -> Result<()> {
    let engine = Engine::start(&[])?;
    engine.import("shop/api:1", &[])?;
    for (name, said) in CONTAINERS {
        let name = format!("--name={name}");
        let made = [&["create", name.as_str()], said, &["shop/api:1", "/bin/busybox", "true"]].concat();
        engine.docker(&made)?;
    }
    let picture = Polling::new(pool, collector(), &engine.connection()).await?.poll().await?;
    let framework = Catalogue::builtin().framework("cis_docker_1.6").context("the framework")?;

    let mut differ = BTreeSet::new();
    for (id, asked, fails) in SCRIPT {
        let control = framework.controls.iter().find(|control| control.id == id).context("a control")?;
        for (name, _) in CONTAINERS {
            let there = fails(engine.docker(&["inspect", "--format", asked, name])?.trim());
            let here = picture.verdicts.iter().any(|((uid, check), verdict)| {
                uid.ends_with(&format!("/containers/{name}")) && control.checks.contains(check) && verdict == "fail"
            });
            if here != there {
                differ.insert((id, name, here));
            }
        }
    }

    assert_eq!(differ, BTreeSet::from(EXPLAINED));
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CONTENT.md"))?;
    let table = page.split("### Where verdicts differ").nth(1).context("the table of differences")?;
    for (id, _, _) in EXPLAINED {
        let named = |row: &str| row.split('|').nth(1).is_some_and(|cell| cell.split(',').any(|one| one.trim() == id));
        assert!(table.lines().any(named), "docs/CONTENT.md does not explain {id}");
    }
    Ok(())
}
