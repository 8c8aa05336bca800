//! When a release stops getting security fixes that everybody gets.
//!
//! Paid or volunteer extensions (Ubuntu Pro, Debian LTS, ELS, LTSS) are not counted: an image cannot show that somebody
//! has bought one. The dates were taken in 2026 from each vendor's own table, most of them by way of
//! <https://endoflife.date>; vendors move them, so a date that matters is worth a look at its source.

use super::Distribution;

/// Year, month, day.
type Day = (u16, u8, u8);
type Table = &'static [(&'static str, Day)];

/// When Debian's security team hands over to volunteers or stops (distro-info-data 0.58, column `eol`).
const DEBIAN: Table = &[
    ("6", (2014, 5, 31)),
    ("7", (2016, 4, 25)),
    ("8", (2018, 6, 17)),
    ("9", (2020, 7, 18)),
    ("10", (2022, 9, 10)),
    ("11", (2024, 8, 14)),
    ("12", (2026, 7, 11)),
    ("13", (2028, 8, 9)),
];

/// End of standard support, before what subscribers get (distro-info-data 0.58, column `eol`).
const UBUNTU: Table = &[
    ("12.04", (2017, 4, 28)),
    ("14.04", (2019, 4, 25)),
    ("16.04", (2021, 4, 30)),
    ("16.10", (2017, 7, 20)),
    ("17.04", (2018, 1, 13)),
    ("17.10", (2018, 7, 19)),
    ("18.04", (2023, 5, 31)),
    ("18.10", (2019, 7, 18)),
    ("19.04", (2020, 1, 23)),
    ("19.10", (2020, 7, 17)),
    ("20.04", (2025, 5, 29)),
    ("20.10", (2021, 7, 22)),
    ("21.04", (2022, 1, 20)),
    ("21.10", (2022, 7, 14)),
    ("22.04", (2027, 6, 1)),
    ("22.10", (2023, 7, 20)),
    ("23.04", (2024, 1, 25)),
    ("23.10", (2024, 7, 11)),
    ("24.04", (2029, 5, 31)),
    ("24.10", (2025, 7, 10)),
    ("25.04", (2026, 1, 15)),
    ("25.10", (2026, 7, 9)),
    ("26.04", (2031, 5, 29)),
];

/// <https://alpinelinux.org/releases/>, column "End of support".
const ALPINE: Table = &[
    ("3.0", (2016, 5, 1)),
    ("3.1", (2016, 11, 1)),
    ("3.2", (2017, 5, 1)),
    ("3.3", (2017, 11, 1)),
    ("3.4", (2018, 5, 1)),
    ("3.5", (2018, 11, 1)),
    ("3.6", (2019, 5, 1)),
    ("3.7", (2019, 11, 1)),
    ("3.8", (2020, 5, 1)),
    ("3.9", (2020, 11, 1)),
    ("3.10", (2021, 5, 1)),
    ("3.11", (2021, 11, 1)),
    ("3.12", (2022, 5, 1)),
    ("3.13", (2022, 11, 1)),
    ("3.14", (2023, 5, 1)),
    ("3.15", (2023, 11, 1)),
    ("3.16", (2024, 5, 23)),
    ("3.17", (2024, 11, 22)),
    ("3.18", (2025, 5, 9)),
    ("3.19", (2025, 11, 1)),
    ("3.20", (2026, 4, 1)),
    ("3.21", (2026, 11, 1)),
    ("3.22", (2027, 5, 1)),
    ("3.23", (2027, 11, 1)),
];

/// End of maintenance support (<https://access.redhat.com/support/policy/updates/errata>); a minor release ends
/// earlier.
const RED_HAT: Table = &[
    ("5", (2017, 3, 31)),
    ("6", (2020, 11, 30)),
    ("7", (2024, 6, 30)),
    ("8", (2029, 5, 31)),
    ("9", (2032, 5, 31)),
    ("10", (2035, 5, 31)),
];

/// <https://wiki.rockylinux.org/rocky/version/>.
const ROCKY: Table = &[("8", (2029, 5, 31)), ("9", (2032, 5, 31)), ("10", (2035, 5, 31))];

/// <https://wiki.almalinux.org/release-notes/>.
const ALMA: Table = &[("8", (2029, 3, 1)), ("9", (2032, 5, 31)), ("10", (2035, 5, 31))];

/// <https://www.centos.org/cl-vs-cs/>. From 8 on these are the dates of Stream: os-release calls both `centos`, and the
/// older 8 ended before.
const CENTOS: Table =
    &[("6", (2020, 11, 30)), ("7", (2024, 6, 30)), ("8", (2024, 5, 31)), ("9", (2027, 5, 31)), ("10", (2030, 1, 1))];

/// <https://docs.fedoraproject.org/en-US/releases/eol/>; the last ones are as scheduled.
const FEDORA: Table = &[
    ("25", (2017, 12, 12)),
    ("26", (2018, 5, 29)),
    ("27", (2018, 11, 30)),
    ("28", (2019, 5, 28)),
    ("29", (2019, 11, 26)),
    ("30", (2020, 5, 26)),
    ("31", (2020, 11, 24)),
    ("32", (2021, 5, 25)),
    ("33", (2021, 11, 30)),
    ("34", (2022, 6, 7)),
    ("35", (2022, 12, 13)),
    ("36", (2023, 5, 16)),
    ("37", (2023, 12, 5)),
    ("38", (2024, 5, 21)),
    ("39", (2024, 11, 26)),
    ("40", (2025, 5, 13)),
    ("41", (2025, 12, 15)),
    ("42", (2026, 5, 13)),
    ("43", (2026, 12, 9)),
];

/// The last day of security updates (<https://aws.amazon.com/amazon-linux-2/faqs/> and the release cadence of the 2023
/// user guide).
const AMAZON: Table = &[("2", (2026, 6, 30)), ("2023", (2029, 6, 30))];

/// <https://en.opensuse.org/Lifetime>.
const LEAP: Table = &[
    ("42.1", (2017, 5, 17)),
    ("42.2", (2018, 1, 26)),
    ("42.3", (2019, 7, 1)),
    ("15.0", (2019, 12, 3)),
    ("15.1", (2021, 2, 2)),
    ("15.2", (2022, 1, 4)),
    ("15.3", (2022, 12, 31)),
    ("15.4", (2023, 12, 7)),
    ("15.5", (2024, 12, 31)),
    ("15.6", (2026, 4, 30)),
    ("16.0", (2027, 10, 31)),
];

/// End of general support (<https://www.suse.com/lifecycle>); long-term service pack support is bought.
const SUSE: Table = &[
    ("11.3", (2016, 1, 31)),
    ("11.4", (2019, 3, 31)),
    ("12", (2016, 6, 30)),
    ("12.1", (2017, 5, 31)),
    ("12.2", (2018, 3, 31)),
    ("12.3", (2019, 6, 30)),
    ("12.4", (2020, 6, 30)),
    ("12.5", (2024, 10, 31)),
    ("15", (2019, 12, 31)),
    ("15.1", (2021, 1, 31)),
    ("15.2", (2021, 12, 31)),
    ("15.3", (2022, 12, 31)),
    ("15.4", (2023, 12, 31)),
    ("15.5", (2024, 12, 31)),
    ("15.6", (2025, 12, 31)),
];

/// The first Amazon Linux is released by year and month, and ended as a whole.
const FIRST_AMAZON: Day = (2023, 12, 31);

impl Distribution {
    /// The last day of standard security support: year, month, day. None for what is not known here, which is neither
    /// supported nor at its end.
    #[must_use]
    pub fn end_of_life(&self) -> Option<(u16, u8, u8)> {
        let first_two = self.major_minor();
        let whole = Some(self.release.as_str());
        let (table, release) = match self.id.as_str() {
            "debian" => (DEBIAN, self.major()),
            "ubuntu" => (UBUNTU, first_two.as_deref()),
            "alpine" => (ALPINE, first_two.as_deref()),
            "rhel" => (RED_HAT, self.major()),
            "rocky" => (ROCKY, self.major()),
            "almalinux" => (ALMA, self.major()),
            "centos" => (CENTOS, self.major()),
            "fedora" => (FEDORA, whole),
            "amzn" if self.is_first_amazon() => return Some(FIRST_AMAZON),
            "amzn" => (AMAZON, whole),
            "opensuse-leap" => (LEAP, first_two.as_deref()),
            "sles" => (SUSE, whole),
            _ => return None,
        };
        table.iter().find(|(one, _)| Some(*one) == release).map(|(_, day)| *day)
    }

    fn is_first_amazon(&self) -> bool {
        self.release.starts_with("201") && self.major_minor().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_known_releases_is_told() {
        for (id, release, day) in [
            ("debian", "10", (2022, 9, 10)),
            ("ubuntu", "20.04", (2025, 5, 29)),
            ("alpine", "3.18.4", (2025, 5, 9)),
            ("rhel", "7.9", (2024, 6, 30)),
            ("rocky", "9.4", (2032, 5, 31)),
            ("almalinux", "8.10", (2029, 3, 1)),
            ("centos", "7", (2024, 6, 30)),
            ("fedora", "38", (2024, 5, 21)),
            ("amzn", "2", (2026, 6, 30)),
            ("amzn", "2018.03", (2023, 12, 31)),
            ("opensuse-leap", "15.4", (2023, 12, 7)),
            ("sles", "15.5", (2024, 12, 31)),
        ] {
            assert_eq!(Distribution::new(id, release).end_of_life(), Some(day), "{id} {release}");
        }
    }

    #[test]
    fn the_last_day_of_unknown_releases_is_not_guessed() {
        for (id, release) in
            [("debian", ""), ("debian", "99"), ("alpine", "3"), ("wolfi", "20230201"), ("raspbian", "10")]
        {
            assert_eq!(Distribution::new(id, release).end_of_life(), None, "{id} {release}");
        }
    }

    #[test]
    fn every_day_of_the_tables_exists_and_no_release_stands_twice() {
        for table in [DEBIAN, UBUNTU, ALPINE, RED_HAT, ROCKY, ALMA, CENTOS, FEDORA, AMAZON, LEAP, SUSE] {
            for (index, (release, (year, month, day))) in table.iter().enumerate() {
                let days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::from(*month) - 1];
                assert!((2014..2040).contains(year) && (1..=days).contains(day), "{release}");
                assert!(table[..index].iter().all(|(one, _)| one != release), "{release}");
            }
        }
    }
}
