//! One product a data folder, and no server left over from an earlier one.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, Write},
    path::Path,
    time::Instant,
};

use anyhow::{bail, ensure};
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::Signal,
};

use super::{PAUSE, STOP_WITHIN, signal};

/// Takes the data folder for this process; the lock ends with the process however that ends.
pub(super) fn lock(data: &Path) -> anyhow::Result<Flock<File>> {
    let file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(data.join("lock"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut held) => {
            held.set_len(0)?;
            held.rewind()?;
            write!(held, "{}", std::process::id())?;
            Ok(held)
        }
        Err((mut file, _)) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner)?;
            bail!(
                "the data folder {} is in use by process {owner}: stop that one first, or choose another folder",
                data.display()
            )
        }
    }
}

/// Puts to rest a server whose product was killed. A pid file that names a stranger is removed: the number was reused.
pub(super) async fn stop_orphan(cluster: &Path) -> anyhow::Result<()> {
    let pid_file = cluster.join("postmaster.pid");
    let Some(pid) = fs::read_to_string(&pid_file).ok().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok())
    else {
        return Ok(());
    };
    if !Path::new(&format!("/proc/{pid}")).exists() {
        return Ok(());
    }
    if !works_in(pid, cluster) {
        fs::remove_file(&pid_file)?;
        return Ok(());
    }
    for (how, patience) in [(Signal::SIGINT, STOP_WITHIN), (Signal::SIGQUIT, STOP_WITHIN / 2)] {
        signal(pid, how);
        let deadline = Instant::now() + patience;
        while works_in(pid, cluster) && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
        }
    }
    ensure!(!works_in(pid, cluster), "an earlier database server (process {pid}) does not stop: end it by hand");
    Ok(())
}

/// Whether a process is a server of this cluster: Postgres works inside its cluster's folder.
fn works_in(pid: u32, cluster: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == cluster)
}
