//! The list of packages that distroless images of Azure Linux carry in place of a database: what
//! `rpm -qa` prints with a fixed format, one package a line, ten fields with tabs between them.

use super::super::{lines, refuse_too_many, text};
use super::{full_version, source_of};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};

pub(in super::super) fn wants(path: &str, _executable: bool) -> bool {
    path == "var/lib/rpmmanifest/container-manifest-2"
}

pub(in super::super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let mut components = Vec::new();
    for line in lines(file.bytes).filter(|line| !line.trim_ascii().is_empty()) {
        let component = component(&text(line)?, file.path);
        components.extend(component.ok_or_else(|| Unreadable::new("a line of the rpm manifest is no package"))?);
        refuse_too_many(components.len())?;
    }
    Ok(components)
}

/// The package of a line: none when the line is not one, `Some(None)` when it is a key.
fn component(line: &str, path: &str) -> Option<Option<Component>> {
    let fields: Vec<_> = line.splitn(11, '\t').collect();
    let [name, version, _installed, _built, _vendor, _none, _size, architecture, epoch, source] = fields[..] else {
        return None;
    };
    if name.is_empty() || version.is_empty() {
        return None;
    }
    if name == "gpg-pubkey" {
        return Some(None);
    }
    let epoch = if epoch == "(none)" { 0 } else { epoch.parse().ok()? };
    let mut component = Component::new(Type::Rpm, name, full_version(epoch, version, ""), path);
    component.architecture = Some(architecture).filter(|word| !matches!(*word, "" | "(none)")).map(str::to_owned);
    component.source = source_of(source.trim_end(), epoch);
    Some(Some(component))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::read;
    use proptest::prelude::*;

    const PATH: &str = "var/lib/rpmmanifest/container-manifest-2";
    const MANIFEST: &str = "openssl-libs\t1.1.1k-28.cm2\t1653816591\t1653753130\tAn Example\t(none)\t580\tx86_64\t0\t\
        openssl-1.1.1k-28.cm2.src.rpm\n\
        tzdata\t2024a-1.cm2\t1653816591\t1653753130\tAn Example\t(none)\t580\tnoarch\t3\t(none)\n";

    #[test]
    fn packages_are_listed_with_epoch_and_source() {
        let found = read(PATH, MANIFEST.as_bytes()).unwrap();

        assert_eq!(found.len(), 2);
        assert_eq!(found[0].version, "1.1.1k-28.cm2");
        assert_eq!(found[0].architecture.as_deref(), Some("x86_64"));
        assert_eq!(found[0].source.as_ref().map(|source| source.name.as_str()), Some("openssl"));
        assert_eq!((found[1].version.as_str(), found[1].source.as_ref()), ("3:2024a-1.cm2", None));
    }

    #[test]
    fn a_line_of_another_shape_is_an_error() {
        for damage in ["tzdata 2024a", "a\tb\tc", "\t1\t\t\t\t\t\t\t0\t", "a\t1\t\t\t\t\t\t\tmany\t"] {
            assert!(read(PATH, damage.as_bytes()).is_err(), "{damage:?}");
        }
        assert_eq!(read(PATH, b""), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn nothing_panics(
            text in "[a(none)0-9\\t\\n.-]{0,200}",
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = read(PATH, text.as_bytes());
            let _ = read(PATH, &bytes);
        }
    }
}
