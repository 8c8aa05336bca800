//! How the OSV schema names distributions (<https://ossf.github.io/osv-schema/#defined-ecosystems>).
//!
//! Descendants are not taken for what they descend from: they rebuild packages, and an advisory about another build's
//! version says nothing. A distribution without a name here has no advisories in OSV, and that is to be shown.

use super::Distribution;
use std::borrow::Cow;

const SUSE: &str = "SUSE:Linux Enterprise ";
const RED_HAT: &str = "Red Hat:enterprise_linux:";

impl Distribution {
    /// The ecosystem of the release, as OSV writes it after [`fold_ecosystem`]. None where OSV has none for the
    /// distribution, or where the release does not say which.
    ///
    /// Ubuntu's fixes for subscribers (`Ubuntu:Pro:…`) are ecosystems of their own and not this one.
    #[must_use]
    pub fn ecosystem(&self) -> Option<String> {
        let major = |name: &str| self.major().map(|major| format!("{name}:{major}"));
        match self.id.as_str() {
            "debian" => major("Debian"),
            "ubuntu" => self.ubuntu(),
            "alpine" => self.major_minor().map(|release| format!("Alpine:v{release}")),
            "rhel" => self.major().map(|major| format!("{RED_HAT}{major}")),
            "rocky" => major("Rocky Linux"),
            "almalinux" => major("AlmaLinux"),
            // Mariner became Azure Linux with its third release; OSV has both under the new name.
            "azurelinux" | "mariner" => major("Azure Linux"),
            "mageia" => major("Mageia"),
            "alpaquita" => major("Alpaquita"),
            "photon" => self.major_minor().map(|release| format!("Photon OS:{release}")),
            // Only long-term releases have advisories.
            "openeuler" => self.release.contains("-LTS").then(|| format!("openEuler:{}", self.release)),
            "opensuse-leap" => self.major_minor().map(|release| format!("openSUSE:Leap {release}")),
            "sles" | "sled" | "sles_sap" | "sle_hpc" => self.suse(),
            "sle-micro" => self.major_minor().map(|release| format!("{SUSE}Micro {release}")),
            "opensuse-tumbleweed" => Some("openSUSE:Tumbleweed".to_owned()),
            "wolfi" => Some("Wolfi".to_owned()),
            "chainguard" => Some("Chainguard".to_owned()),
            "minimos" => Some("MinimOS".to_owned()),
            _ => None,
        }
    }

    /// Long-term releases are those of April in even years.
    fn ubuntu(&self) -> Option<String> {
        let release = self.major_minor()?;
        let (year, month) = release.split_once('.')?;
        let long_term = month == "04" && year.parse::<u32>().ok()? % 2 == 0;
        Some(format!("Ubuntu:{release}{}", if long_term { ":LTS" } else { "" }))
    }

    /// Up to 15, minor releases are called service packs; from 16 on they are not.
    fn suse(&self) -> Option<String> {
        let major = self.major()?;
        let release = match self.release.split_once('.') {
            None => major.to_owned(),
            Some((_, minor)) if !super::is_number(minor) => return None,
            Some(_) if major.parse::<u32>().ok()? >= 16 => self.release.clone(),
            Some((_, "0")) => major.to_owned(),
            Some((_, minor)) => format!("{major} SP{minor}"),
        };
        Some(format!("{SUSE}Server {release}"))
    }
}

/// An ecosystem as an advisory writes it, folded to the one that [`Distribution::ecosystem`] gives.
///
/// Red Hat and SUSE write advisories for repositories and products, not for releases, and which of them a package came
/// from is not known of an image:
/// - `Red Hat:enterprise_linux:9::baseos` and `Red Hat:enterprise_linux:10.1` become `Red Hat:enterprise_linux:9` and
///   `…:10`. Streams that hold a minor release back (`Red Hat:rhel_eus:9.4::baseos`) stay as they are.
/// - `SUSE:Linux Enterprise Module for Basesystem 15 SP5` and `SUSE:Linux Enterprise Server 15 SP5-LTSS` become
///   `SUSE:Linux Enterprise Server 15 SP5`. A fix that only subscribers get is still a flaw in what others run.
/// - `openSUSE:Leap 15.6 NonFree` becomes `openSUSE:Leap 15.6`.
///
/// All else is returned as it is.
#[must_use]
pub fn fold_ecosystem(ecosystem: &str) -> Cow<'_, str> {
    let folded = if let Some(cpe) = ecosystem.strip_prefix(RED_HAT) {
        let major = cpe.split(['.', ':']).next().filter(|major| super::is_number(major));
        major.map(|major| format!("{RED_HAT}{major}"))
    } else if let Some(product) = ecosystem.strip_prefix(SUSE).filter(|product| !product.starts_with("Micro ")) {
        suse_release(product).map(|release| format!("{SUSE}Server {release}"))
    } else if ecosystem.starts_with("openSUSE:Leap ") {
        ecosystem.strip_suffix(" NonFree").map(str::to_owned)
    } else {
        None
    };
    folded.map_or(Cow::Borrowed(ecosystem), Cow::Owned)
}

/// The release at the end of a product's name: `15 SP5` of `Server 15 SP5-LTSS`.
fn suse_release(product: &str) -> Option<String> {
    let mut words = product.rsplit(' ');
    let last = words.next()?.split('-').next()?;
    if let Some(pack) = last.strip_prefix("SP") {
        let major = words.next()?;
        return (super::is_number(major) && super::is_number(pack)).then(|| format!("{major} SP{pack}"));
    }
    last.split('.').all(super::is_number).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_named_as_osv_names_them() {
        for (id, release, ecosystem) in [
            ("debian", "12", "Debian:12"),
            ("ubuntu", "22.04", "Ubuntu:22.04:LTS"),
            ("ubuntu", "24.10", "Ubuntu:24.10"),
            ("ubuntu", "25.04", "Ubuntu:25.04"),
            ("alpine", "3.20.1", "Alpine:v3.20"),
            ("rocky", "9.4", "Rocky Linux:9"),
            ("almalinux", "8.10", "AlmaLinux:8"),
            ("rhel", "9.4", "Red Hat:enterprise_linux:9"),
            ("opensuse-leap", "15.5", "openSUSE:Leap 15.5"),
            ("opensuse-tumbleweed", "20240801", "openSUSE:Tumbleweed"),
            ("sles", "15.5", "SUSE:Linux Enterprise Server 15 SP5"),
            ("sles", "12", "SUSE:Linux Enterprise Server 12"),
            ("sles", "16.0", "SUSE:Linux Enterprise Server 16.0"),
            ("photon", "5.0", "Photon OS:5.0"),
            ("azurelinux", "3.0", "Azure Linux:3"),
            ("mariner", "2.0", "Azure Linux:2"),
            ("mageia", "9", "Mageia:9"),
            ("openeuler", "22.03-LTS-SP4", "openEuler:22.03-LTS-SP4"),
            ("wolfi", "20230201", "Wolfi"),
            ("chainguard", "20230214", "Chainguard"),
        ] {
            assert_eq!(Distribution::new(id, release).ecosystem().as_deref(), Some(ecosystem));
        }
    }

    #[test]
    fn what_osv_does_not_cover_has_no_ecosystem() {
        for (id, release) in [
            ("raspbian", "12"),
            ("amzn", "2023"),
            ("fedora", "40"),
            ("centos", "9"),
            ("debian", ""),
            ("alpine", "3.21_alpha20240807"),
            ("openeuler", "23.09"),
            ("sles", "15.x"),
        ] {
            assert_eq!(Distribution::new(id, release).ecosystem(), None, "{id} {release}");
        }
    }

    #[test]
    fn repositories_and_products_fold_into_their_release() {
        for (written, folded) in [
            ("Red Hat:enterprise_linux:9::baseos", "Red Hat:enterprise_linux:9"),
            ("Red Hat:enterprise_linux:10.1", "Red Hat:enterprise_linux:10"),
            ("SUSE:Linux Enterprise Module for Basesystem 15 SP5", "SUSE:Linux Enterprise Server 15 SP5"),
            ("SUSE:Linux Enterprise Server 15 SP4-LTSS", "SUSE:Linux Enterprise Server 15 SP4"),
            ("SUSE:Linux Enterprise Server 12-LTSS", "SUSE:Linux Enterprise Server 12"),
            ("openSUSE:Leap 15.6 NonFree", "openSUSE:Leap 15.6"),
        ] {
            assert_eq!(fold_ecosystem(written), folded);
        }
        for kept in [
            "Debian:12",
            "Red Hat:rhel_eus:9.4::baseos",
            "SUSE:Linux Enterprise Micro 5.5",
            "SUSE:Manager Server 4.3",
            "SUSE:Linux Enterprise Something",
            "Ubuntu:Pro:18.04:LTS",
        ] {
            assert_eq!(fold_ecosystem(kept), kept);
        }
    }

    #[test]
    fn folding_what_a_distribution_gives_changes_nothing() {
        for (id, release) in
            [("rhel", "10.1"), ("sles", "15.5"), ("sles", "16.0"), ("sle-micro", "5.5"), ("debian", "12")]
        {
            let ecosystem = Distribution::new(id, release).ecosystem().unwrap();
            assert_eq!(fold_ecosystem(&ecosystem), ecosystem);
        }
    }
}
