//! What a path says of the file.

/// Folders in which tests, examples and documentation are kept.
const TEST_FOLDERS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "testdata",
    "test-data",
    "test_data",
    "__tests__",
    "__mocks__",
    "fixture",
    "fixtures",
    "mocks",
    "spec",
    "specs",
    "example",
    "examples",
    "sample",
    "samples",
    "demo",
    "demos",
    "cryptography_vectors",
];

/// How the names of test files end.
const TEST_ENDINGS: &[&str] = &[
    "_test.go",
    "_test.py",
    "_spec.rb",
    "_test.c",
    "_test.cc",
    "_test.cpp",
    "_test.rs",
    "tests.rs",
    ".test.js",
    ".spec.js",
    ".test.ts",
    ".spec.ts",
];

/// Where documentation and the sources of libraries are kept, which bring the keys of their own tests.
const REFERENCE_FOLDERS: &[&str] = &[
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/local/share/doc/",
    ".cargo/registry/src/",
    "cargo/registry/src/",
    "go/pkg/mod/",
];

/// Whether tests, examples or documentation are kept here: keys there are made to be seen.
pub(super) fn is_test(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let is_reference = REFERENCE_FOLDERS
        .iter()
        .any(|folder| lower.split_once(folder).is_some_and(|(before, _)| before.is_empty() || before.ends_with('/')));
    let starts = ["test_", "readme", "changelog", "pkg-info", "metadata"].iter().any(|start| name.starts_with(start));
    let is_named_so = starts || TEST_ENDINGS.iter().any(|end| name.ends_with(end));
    is_reference || is_named_so || folders.split('/').any(|folder| TEST_FOLDERS.contains(&folder))
}

/// Whether a file sets environment variables, and is no template of one.
pub(super) fn is_environment(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_template = ["example", "sample", "template", "dist", "test"].iter().any(|word| name.contains(word));
    (name == ".env" || name.starts_with(".env.") || path == "etc/environment") && !is_template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_tests_and_documentation_are_known() {
        for path in [
            "usr/share/doc/openssl/key.pem",
            "usr/lib/python3/site-packages/tool/tests/key.pem",
            "app/node_modules/tool/test/fixtures/key.pem",
            "go/pkg/mod/example.org/tool/testdata/key.pem",
            "app/tool_test.go",
            "root/.cargo/registry/src/index/tool-1.0.0/src/key.rs",
            "app/README.md",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["etc/ssl/private/server.key", "app/latest/key.pem", "root/.ssh/id_rsa", "app/contest/x"] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn environment_files_are_known_and_their_templates_are_not() {
        for (path, expected) in
            [("app/.env", true), (".env.production", true), ("app/.env.example", false), ("app/env", false)]
        {
            assert_eq!(is_environment(path), expected, "{path}");
        }
    }
}
