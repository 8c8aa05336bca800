//! Fuzzing of everything that reads what a stranger may have made: layers, package databases, advisories, bills of
//! materials. A target takes any bytes without a panic, in bounded time and memory, and keeps the few promises that it
//! states. `./dev fuzz` compiles this with the compiler's own coverage instrumentation, on the stable toolchain.

#![no_main]

mod documents;
mod files;
mod names;

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

type Target = fn(&[u8]);

/// By the name of its folder of seeds.
const TARGETS: &[(&str, Target)] = &[
    ("layer", files::layer),
    ("dpkg", files::dpkg),
    ("apk", files::apk),
    ("rpm", files::rpm),
    ("language", files::language),
    ("secrets", files::secrets),
    ("advisory", documents::advisory),
    ("sbom", documents::sbom),
    ("version", names::version),
    ("purl", names::purl),
];

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("PLUMBLINE_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| panic!("PLUMBLINE_FUZZ={name} is no target")).1
});

fuzz_target!(|data: &[u8]| CHOSEN(data));

/// Takes the first byte as a choice of one of these, so that a seed begins with a letter: `a` for the first.
fn choose<'a, T>(of: &'a [T], data: &'a [u8]) -> Option<(&'a T, &'a [u8])> {
    let (first, rest) = data.split_first()?;
    Some((of.get(usize::from(first.wrapping_sub(b'a')) % of.len())?, rest))
}
