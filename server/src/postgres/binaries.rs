//! Finds the Postgres programs to run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};

const OLDEST: u32 = 15;
const DEBIAN: &str = "/usr/lib/postgresql";

/// The two programs we run, of one version.
pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Binaries {
    /// `PLUMBLINE_PG_BIN`, else the newest of Debian's, else what PATH has. A cluster that is there fixes the version.
    pub(super) fn find(cluster: Option<u32>) -> anyhow::Result<Self> {
        if let Some(folder) = env::var_os("PLUMBLINE_PG_BIN") {
            return Self::chosen(Path::new(&folder), cluster);
        }
        let packaged = packaged(Path::new(DEBIAN));
        let wanted = packaged.iter().find(|(version, _)| cluster.is_none_or(|cluster| cluster == *version));
        let on_path = || env::split_paths(&env::var_os("PATH")?).find(|folder| is_complete(folder));
        match (wanted, on_path()) {
            (Some((_, folder)), _) => Ok(Self::inside(folder)),
            (None, Some(folder)) => Self::chosen(&folder, cluster),
            (None, None) => bail!(
                "no Postgres {} found: install the package {}, set PLUMBLINE_PG_BIN to its bin folder, or set DATABASE_URL",
                cluster.map_or(format!("{OLDEST} or later"), |version| version.to_string()),
                cluster.map_or("postgresql".to_owned(), |version| format!("postgresql-{version}")),
            ),
        }
    }

    fn chosen(folder: &Path, cluster: Option<u32>) -> anyhow::Result<Self> {
        ensure!(is_complete(folder), "there are no initdb and postgres in {}", folder.display());
        let version = version(folder)?;
        ensure!(
            version >= OLDEST,
            "Postgres in {} is version {version}; {OLDEST} or later is needed",
            folder.display()
        );
        if let Some(cluster) = cluster {
            ensure!(
                version == cluster,
                "the data is of Postgres {cluster}, and the programs in {} are of {version}",
                folder.display()
            );
        }
        Ok(Self::inside(folder))
    }

    fn inside(folder: &Path) -> Self {
        Self { initdb: folder.join("initdb"), postgres: folder.join("postgres") }
    }
}

fn is_complete(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

/// The versions below a folder laid out as Debian does, newest first.
fn packaged(root: &Path) -> Vec<(u32, PathBuf)> {
    let folders = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<_> = folders
        .filter_map(|folder| Some((folder.file_name().to_str()?.parse().ok()?, folder.path().join("bin"))))
        .filter(|(version, bin)| *version >= OLDEST && is_complete(bin))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found
}

/// The major version, from a line such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(folder: &Path) -> anyhow::Result<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let major = number.and_then(|number| number.split(|c: char| !c.is_ascii_digit()).next());
    major.and_then(|major| major.parse().ok()).with_context(|| format!("cannot read a version from '{}'", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_packaged_version_comes_first_and_old_or_incomplete_ones_do_not_count() {
        let root = tempfile::tempdir().unwrap();
        for (version, programs) in [("14", 2), ("15", 2), ("16", 1), ("17", 2), ("contrib", 2)] {
            let bin = root.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            for program in &["initdb", "postgres"][..programs] {
                fs::write(bin.join(program), "").unwrap();
            }
        }

        let versions: Vec<_> = packaged(root.path()).into_iter().map(|(version, _)| version).collect();

        assert_eq!(versions, [17, 15]);
    }
}
