//! Files as they lie in an image.

use crate::choose;
use plumbline_software::layer::{self, Compression, Contents, Limits, Software};
use plumbline_software::packages::{File, reader_of};

/// One place for each reader of a language's packages; the first is `a` in a seed.
const LANGUAGES: &[&str] = &[
    "usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA",
    "app/node_modules/left-pad/package.json",
    "app/package-lock.json",
    "app/yarn.lock",
    "app/pnpm-lock.yaml",
    "app/app.jar",
    "app/Cargo.lock",
    "usr/lib/ruby/gems/3.1.0/specifications/rake-13.gemspec",
    "app/Gemfile.lock",
    "app/vendor/composer/installed.json",
    "app/composer.lock",
    "app/app.deps.json",
    "app/packages.lock.json",
    "usr/bin/app",
];

const RPM: &[&str] = &["var/lib/rpm/Packages", "var/lib/rpm/Packages.db", "var/lib/rpm/rpmdb.sqlite"];

/// What is read of a layer can be kept, comes back the same, and can be laid over another.
pub(crate) fn layer(data: &[u8]) {
    let limits = Limits { compressed: 1 << 20, uncompressed: 32 << 20, entries: 5000, ..Limits::default() };
    let Ok(contents) = layer::read(data, Compression::sniff(data), &limits) else { return };
    let kept = Contents::unpack(&contents.pack());
    assert!(kept.is_ok_and(|kept| kept == contents), "what is kept of a layer comes back as something else");
    let whole = layer::merge(&[contents.clone(), contents]);
    let kept = Software::unpack(&whole.pack());
    assert!(kept.is_ok_and(|kept| kept == whole), "what is kept of an image comes back as something else");
}

pub(crate) fn dpkg(data: &[u8]) {
    read("var/lib/dpkg/status", data);
}

pub(crate) fn apk(data: &[u8]) {
    read("lib/apk/db/installed", data);
}

pub(crate) fn rpm(data: &[u8]) {
    if let Some((path, data)) = choose(RPM, data) {
        read(path, data);
    }
}

pub(crate) fn language(data: &[u8]) {
    if let Some((path, data)) = choose(LANGUAGES, data) {
        read(path, data);
    }
}

/// Every component that a file lists says that it is from there, and can be written as a package URL.
fn read(path: &str, bytes: &[u8]) {
    let reader = reader_of(path, true).unwrap_or_else(|| panic!("{path} has no reader any more"));
    for component in reader.read(File { path, bytes }).unwrap_or_default() {
        assert!(component.path.starts_with(path), "{} is listed by {path}", component.path);
        assert!(component.purl(None).starts_with("pkg:"));
    }
}

pub(crate) fn secrets(data: &[u8]) {
    for path in ["app/.env", "home/app/.aws/credentials", "root/.ssh/id_rsa", "app/.npmrc"] {
        let _ = layer::secrets::find(path, data);
    }
    let text = String::from_utf8_lossy(data);
    let _ = layer::secrets::find_in_text("env", &text);
    let _ = layer::secrets::redact(&text);
}
