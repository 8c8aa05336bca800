use super::sample::{bill, entries};
use super::*;
use crate::component::{Source, Type};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;

fn written(bill: &Bill, write: impl Fn(&Bill, &mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(bill, &mut bytes).unwrap();
    bytes
}

fn as_cyclonedx(bill: &Bill) -> Vec<u8> {
    written(bill, |bill, into| cyclonedx::write(bill, into))
}

fn as_spdx(bill: &Bill) -> Vec<u8> {
    written(bill, |bill, into| spdx::write(bill, into))
}

/// The bill with its components in the order in which they are written.
fn sorted(mut bill: Bill) -> Bill {
    bill.components.sort();
    bill
}

#[test]
fn a_bill_survives_both_formats() {
    let mut bill = bill(entries());
    bill.left_out = vec!["some-binary".to_owned()];
    bill.left_out_total = 7;

    assert_eq!(read(&as_cyclonedx(&bill)), Ok(sorted(bill.clone())));
    assert_eq!(read(&as_spdx(&bill)), Ok(sorted(bill)));
}

#[test]
fn hosts_and_files_survive_too() {
    for kind in [Kind::Host, Kind::File] {
        let mut bill = bill(Vec::new());
        bill.subject = Subject { name: "node-1".to_owned(), version: String::new(), kind };
        bill.distribution = None;

        assert_eq!(read(&as_cyclonedx(&bill)), Ok(bill.clone()));
        assert_eq!(read(&as_spdx(&bill)), Ok(bill));
    }
}

#[test]
fn what_is_written_does_not_depend_on_the_order_of_finding() {
    let forwards = bill(entries());
    let mut backwards = forwards.clone();
    backwards.components.reverse();

    assert_eq!(as_cyclonedx(&forwards), as_cyclonedx(&backwards));
    assert_eq!(as_spdx(&forwards), as_spdx(&backwards));
}

#[test]
fn references_and_identifiers_are_unique() {
    let bill = bill(entries());
    let cyclonedx: Value = serde_json::from_slice(&as_cyclonedx(&bill)).unwrap();
    let spdx: Value = serde_json::from_slice(&as_spdx(&bill)).unwrap();

    for (list, key) in [(&cyclonedx["components"], "bom-ref"), (&spdx["packages"], "SPDXID")] {
        let given: HashSet<_> = list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect();
        assert!(given.len() >= 5);
        assert_eq!(given.len(), list.as_array().unwrap().len());
    }
}

#[test]
fn an_incomplete_bill_says_so() {
    let mut bill = bill(Vec::new());
    let complete: Value = serde_json::from_slice(&as_cyclonedx(&bill)).unwrap();
    bill.left_out_total = 1;
    let incomplete: Value = serde_json::from_slice(&as_cyclonedx(&bill)).unwrap();

    assert_eq!(complete.get("compositions"), None);
    assert_eq!(incomplete["compositions"][0]["aggregate"], "incomplete");
}

#[test]
fn spdx_needs_a_serial_and_an_instant() {
    let without = |change: fn(&mut Bill)| {
        let mut bill = bill(Vec::new());
        change(&mut bill);
        spdx::write(&bill, Vec::new()).map_err(|error| error.kind())
    };
    assert_eq!(without(|_| ()), Ok(()));
    assert_eq!(without(|bill| bill.serial.clear()), Err(std::io::ErrorKind::InvalidInput));
    assert_eq!(without(|bill| bill.created = "yesterday".to_owned()), Err(std::io::ErrorKind::InvalidInput));
}

#[test]
fn a_foreign_cyclonedx_document_is_read() {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.3", "version": 1,
        "metadata": {
            "timestamp": "2026-01-02T03:04:05.678Z", "tools": [{"vendor": "v", "name": "t"}],
            "component": {"type": "container", "name": "app:1", "version": "", "purl": "pkg:oci/app@sha256%3Aaa"},
        },
        "components": [
            {"type": "operating-system", "name": "debian", "version": "12.5"},
            {"type": "application", "name": "package-lock.json", "components": [
                {"type": "library", "group": "@scope", "name": "tool", "version": "1.0",
                 "purl": "pkg:npm/%40scope/tool@1.0", "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "x"}}]},
            ]},
            {"type": "file", "name": "/etc/passwd"},
            {"type": "library", "name": "kit", "version": null, "purl": "pkg:swift/kit@1"},
        ],
    });

    let bill = read(document.to_string().as_bytes()).unwrap();

    let mut tool = Component::new(Type::Npm, "@scope/tool", "1.0", "");
    tool.licence = Some("MIT AND x".to_owned());
    assert_eq!(bill.components, [Entry { component: tool, layer: None }]);
    assert_eq!(bill.distribution, Some(Distribution::new("debian", "12")));
    assert_eq!(bill.subject, Subject { name: "app:1".to_owned(), version: String::new(), kind: Kind::Image });
    assert_eq!((bill.left_out_total, bill.left_out), (2, vec!["package-lock.json".to_owned(), "kit".to_owned()]));
}

#[test]
fn a_foreign_spdx_document_is_read_in_both_writings() {
    let document = json!({
        "spdxVersion": "SPDX-2.2", "SPDXID": "SPDXRef-DOCUMENT", "name": "app", "dataLicense": "CC0-1.0",
        "documentNamespace": "https://example.org/app-3e671687-395b-41f5-a30f-a58921a69b79",
        "creationInfo": {"created": "2026-01-02T03:04:05Z", "creators": ["Tool: t"]},
        "documentDescribes": ["SPDXRef-root"],
        "packages": [
            {"SPDXID": "SPDXRef-root", "name": "app", "versionInfo": "1", "downloadLocation": "NONE"},
            {"SPDXID": "SPDXRef-a", "name": "musl", "versionInfo": "1.2-r0", "licenseDeclared": "NOASSERTION",
             "licenseConcluded": "MIT", "externalRefs": [
                {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x"},
                {"referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl",
                 "referenceLocator": "pkg:apk/alpine/musl@1.2-r0?arch=x86_64&distro=alpine-3.20.1"}]},
            {"SPDXID": "SPDXRef-b", "name": "thing"},
        ],
    });
    let tags = "SPDXVersion: SPDX-2.2\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: app\n\
        DocumentNamespace: https://example.org/app-3e671687-395b-41f5-a30f-a58921a69b79\nCreator: Tool: t\n\
        Created: 2026-01-02T03:04:05Z\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-root\n\
        ##### Package\nPackageName: app\nSPDXID: SPDXRef-root\nPackageVersion: 1\n\
        PackageComment: <text>PackageName: not one\nPackageName: nor this</text>\n\
        PackageName: musl\nSPDXID: SPDXRef-a\nPackageVersion: 1.2-r0\nPackageLicenseConcluded: MIT\n\
        PackageLicenseDeclared: NOASSERTION\n\
        ExternalRef: PACKAGE-MANAGER purl pkg:apk/alpine/musl@1.2-r0?arch=x86_64&distro=alpine-3.20.1\n\
        FileName: ./x\nSPDXID: SPDXRef-file\nPackageName: thing\nSPDXID: SPDXRef-b\n";

    let from_json = read(document.to_string().as_bytes()).unwrap();
    let from_tags = read(tags.as_bytes()).unwrap();

    let mut musl = Component::new(Type::Apk, "musl", "1.2-r0", "");
    musl.architecture = Some("x86_64".to_owned());
    musl.licence = Some("MIT".to_owned());
    assert_eq!(from_json.components, [Entry { component: musl, layer: None }]);
    assert_eq!(from_json.distribution, Some(Distribution::new("alpine", "3.20.1")));
    assert_eq!(from_json.subject.name, "app");
    assert_eq!(from_json.serial, "3e671687-395b-41f5-a30f-a58921a69b79");
    assert_eq!(from_json.left_out, ["thing"]);
    assert_eq!(from_tags, from_json);
}

#[test]
fn annotations_in_tag_value_text_find_their_package() {
    let text = "SPDXVersion: SPDX-2.3\nPackageName: a\nSPDXID: SPDXRef-a\n\
        ExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1\nPackageName: b\nSPDXID: SPDXRef-b\n\
        ExternalRef: PACKAGE-MANAGER purl pkg:npm/b@1\n\
        Annotator: Tool: t\nAnnotationType: OTHER\nSPDXREF: SPDXRef-a\nAnnotationComment: <text>plumbline:path=x/y</text>\n\
        Annotator: Tool: t\nSPDXREF: SPDXRef-DOCUMENT\nAnnotationComment: plumbline:left_out:total=3\n";

    let bill = read(text.as_bytes()).unwrap();

    let paths: Vec<_> = bill.components.iter().map(|entry| entry.component.path.as_str()).collect();
    assert_eq!(paths, ["x/y", ""]);
    assert_eq!(bill.left_out_total, 3);
}

#[test]
fn other_formats_are_refused_by_name() {
    for (text, word) in [
        ("<?xml version=\"1.0\"?><bom/>", "XML"),
        ("\u{feff}<rdf:RDF/>", "XML"),
        ("{\"@context\": \"x\", \"@graph\": []}", "SPDX 3"),
        ("{}", "neither"),
        ("some: yaml", "neither"),
        ("{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.1\"}", "1.1"),
        ("{\"spdxVersion\": \"SPDX-2.1\"}", "2.1"),
        ("{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\", \"components\": [", "damaged"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(read(b"\xff\xfe{\x00").is_err());
}

#[test]
fn absurd_depth_is_refused() {
    let nested = |times: usize| {
        let inner = "{\"components\":[".repeat(times) + &"]}".repeat(times);
        format!("{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[{inner}]}}")
    };
    assert!(read(nested(10).as_bytes()).is_ok());
    assert!(read(nested(40).as_bytes()).is_err());
    assert!(read(nested(100_000).as_bytes()).is_err());
}

#[test]
fn absurd_counts_are_refused() {
    let list = |times: usize| "{},".repeat(times) + "{}";
    let cyclonedx =
        |times| format!("{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[{}]}}", list(times));
    let spdx = |times| format!("{{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{}]}}", list(times));

    assert_eq!(read(cyclonedx(10).as_bytes()).map(|bill| bill.left_out_total), Ok(11));
    assert!(read(cyclonedx(MOST_COMPONENTS).as_bytes()).is_err());
    assert!(read(spdx(MOST_COMPONENTS).as_bytes()).is_err());
}

/// Names that a type may have, in its canonical form, of letters that need escaping here and there.
fn name(kind: Type) -> BoxedStrategy<String> {
    match kind {
        Type::Pypi => "[a-z0-9]{1,6}(-[a-z0-9]{1,6})?".boxed(),
        Type::Npm | Type::Golang | Type::Composer => "[a-zA-Z@é%?#+ ._-]{1,8}(/[a-zA-Z@é%?#+ ._-]{1,8}){0,2}".boxed(),
        Type::Maven => "[a-z.]{1,8}:[a-z%@#? -]{1,8}".boxed(),
        _ => "[a-zA-Z@é%?#+/ ._-]{1,10}".boxed(),
    }
}

prop_compose! {
    fn source()(name in "[a-z+=]{1,8}", version in "[0-9:~+-]{0,8}") -> Source {
        Source { name, version }
    }
}

fn component() -> impl Strategy<Value = Component> {
    proptest::sample::select(Type::ALL.to_vec()).prop_flat_map(|kind| {
        let rest = (
            "[0-9a-z.:~+@#?&=%/ -]{0,12}",
            proptest::option::of("[a-z0-9_&=]{1,8}"),
            proptest::option::of(source()),
            proptest::option::of("(MIT|MIT OR Zlib|any \"words\"\n=)"),
            "([a-z\n=\"é][a-z/\n=\"é]{0,20})?",
        );
        (name(kind), rest).prop_map(move |(name, (version, architecture, source, licence, path))| Component {
            kind,
            name,
            version,
            architecture,
            source,
            licence,
            path,
        })
    })
}

proptest! {
    #[test]
    fn any_components_survive_both_formats(
        components in proptest::collection::vec((component(), proptest::option::of("[a-z0-9:]{1,20}")), 0..12),
        distribution in proptest::option::of(proptest::sample::select(vec![
            Distribution::new("debian", "12"), Distribution::new("ubuntu", "24.04"), Distribution::new("arch", ""),
            Distribution::new("opensuse-leap", "15.5"), Distribution::new("alpine", "3.20.1"),
        ])),
    ) {
        let entries = components.into_iter().map(|(component, layer)| Entry { component, layer }).collect();
        let mut bill = bill(entries);
        bill.distribution = distribution;

        prop_assert_eq!(read(&as_cyclonedx(&bill)), Ok(sorted(bill.clone())));
        prop_assert_eq!(read(&as_spdx(&bill)), Ok(sorted(bill)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = purl::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_document_is_read_or_refused(at in 0_usize..2_000, byte in any::<u8>(), spdx in any::<bool>()) {
        let bill = bill(entries());
        let mut bytes = if spdx { as_spdx(&bill) } else { as_cyclonedx(&bill) };
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let _ = read(&bytes);
        let _ = read(bytes.get(..at).unwrap_or_default());
    }
}
