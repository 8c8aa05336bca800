//! What a path says of the file.

/// Folders in which tests, examples and documentation are kept.
const TEST_FOLDERS: &[&str] = &[
    "test", "tests", "testing", "testdata", "test-data", "test_data", "__tests__", "__mocks__", "fixture", "fixtures", "mocks",
    "spec", "specs", "example", "examples", "sample", "samples", "demo", "demos", "cryptography_vectors",
];

/// Whether tests, examples or documentation are kept here: keys there are made to be seen.
pub(super) fn is_test(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let is_documentation = ["usr/share/doc/", "usr/share/man/", "usr/local/share/doc/", "usr/share/info/"]
        .iter()
        .any(|folder| lower.starts_with(folder));
    let is_named_so = name.starts_with("test_") || ["_test.go", ".test.js", ".spec.js", ".test.ts", ".spec.ts", "_test.py", "_spec.rb"]
        .iter()
        .any(|end| name.ends_with(end));
    is_documentation || is_named_so || folders.split('/').any(|folder| TEST_FOLDERS.contains(&folder))
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
