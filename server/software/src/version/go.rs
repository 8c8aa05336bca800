//! Go's order: semantic versions of modules (`v1.2.3`, pseudo-versions, `+incompatible`), and the releases of Go itself.

use super::cursor::Cursor;
use super::number::Number;
use super::semver::{Identifier, Semver, Stage, dotted, number};

/// A module's version, its `v` optional because advisories leave it out, or a release of Go (`go1.21rc2`).
///
/// A pseudo-version is a pre-release whose timestamp orders it, `+incompatible` is build metadata: no rules of their own.
pub(super) fn parse(text: &str) -> Option<Semver> {
    match text.strip_prefix("go") {
        Some(release) => release_of_go(release),
        None => module(text.strip_prefix('v').unwrap_or(text)),
    }
}

/// Minor and patch may be left out, but then nothing follows.
fn module(text: &str) -> Option<Semver> {
    let mut cursor = Cursor::new(text);
    let mut core = [number(&mut cursor)?, Number::ZERO, Number::ZERO];
    for part in core.iter_mut().skip(1) {
        if cursor.is_empty() {
            break;
        }
        *part = dotted(&mut cursor)?;
    }
    Semver::after_core(core, cursor)
}

/// `1.21.3`, `1.21rc2`, `1.18beta1`, as advisories write them: `1.21.3`, `1.21.0-rc.2`, `1.18.0-beta.1`. What follows a
/// hyphen or a space is a builder's own mark and does not count.
fn release_of_go(text: &str) -> Option<Semver> {
    let mut cursor = Cursor::new(text.split(['-', ' ']).next()?);
    let (major, minor) = (number(&mut cursor)?, dotted(&mut cursor)?);
    let mut stage = Stage::Release;
    let mut patch = Number::ZERO;
    if let Some(label) = ["rc", "beta"].into_iter().find(|label| cursor.eat(label)) {
        let count = Identifier::Number(number(&mut cursor)?);
        stage = Stage::Prerelease([Identifier::Word(label.into()), count].into());
    } else if !cursor.is_empty() {
        patch = dotted(&mut cursor)?;
    }
    cursor.is_empty().then_some(Semver { core: [major, minor, patch], stage })
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_go_compares_them() {
        laws::ascends(
            Order::Go,
            &[
                "v1.0.0-alpha",
                "v1.0.0-alpha.1",
                "v1.0.0-alpha.beta",
                "v1.0.0-beta",
                "v1.0.0-beta.2",
                "v1.0.0-beta.11",
                "v1.0.0-rc.1",
                "v1",
                "v1.1",
                "v1.2.3-0.20191109021931-daa7c04131f5",
                "v1.2.3-456",
                "v1.2.3-456.789",
                "v1.2.3-pre",
                "v1.2.3-pre.0.20191109021931-daa7c04131f5",
                "v1.2.3",
                "v1.2.4-0.20191109021931-daa7c04131f5",
                "v1.2.4",
                "v2.0.0+incompatible",
            ],
        );
        laws::holds(
            Order::Go,
            &[
                ("v0.0.0-20190101000000-abcdefabcdef", Less, "v0.0.0-20191109021931-000000000000"),
                ("v0.0.0-20191109021931-daa7c04131f5", Less, "v0.0.1"),
                ("0.0.0-20191109021931-daa7c04131f5", Equal, "v0.0.0-20191109021931-daa7c04131f5"),
                ("v2.0.0+incompatible", Equal, "v2.0.0"),
                ("v2.0.1-0.20200101000000-abcdefabcdef+incompatible", Greater, "v2.0.0+incompatible"),
                ("v1", Equal, "v1.0.0"),
                ("v1.2", Equal, "v1.2.0"),
            ],
        );
    }

    #[test]
    fn releases_of_go_compare_with_how_advisories_write_them() {
        laws::holds(
            Order::Go,
            &[
                ("go1.21rc2", Equal, "1.21.0-rc.2"),
                ("go1.18beta1", Less, "go1.18rc1"),
                ("go1.21rc10", Greater, "go1.21rc9"),
                ("go1.20", Equal, "1.20.0"),
                ("go1.21.3", Less, "1.21.10"),
                ("go1.22.5 X:boringcrypto", Equal, "go1.22.5"),
                ("go1.22.5-vendor.1", Equal, "1.22.5"),
            ],
        );
    }

    #[test]
    fn what_go_refuses_is_refused() {
        laws::refuses(
            Order::Go,
            &[
                "bad",
                "(devel)",
                "v1-alpha.beta.gamma",
                "v1-pre",
                "v1+meta",
                "v1.2-pre",
                "v1.2+meta",
                "v1.02.3",
                "v1.2.3-0123",
                "v1.2.3.4",
                "v1.",
                "vv1.0.0",
                "go1",
                "go1.21rc",
                "devel go1.23-abcdef",
            ],
        );
    }
}
