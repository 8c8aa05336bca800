//! Which Maven packages an archive is, or was made of.
//!
//! Advisories name `group:artifact`. Maven leaves both in `META-INF/maven/GROUP/ARTIFACT/`, once for each library that was
//! merged into the archive. Other build tools leave only a manifest, which rarely says the group: then a known family of
//! artifacts gives it, else the manifest's vendor id. Where none does, the name is the artifact alone, **without a colon**:
//! a package that advisories cannot be looked up for, which is unknown and not free of flaws.
//!
//! The version is that of Maven's file, else of the file's name (`ARTIFACT-VERSION.jar`), else of the manifest.

use super::families;
use std::collections::BTreeMap;

/// Words that stand between two numbers of one version.
const QUALIFIERS: [&str; 6] = ["alpha", "beta", "rc", "cr", "m", "milestone"];

/// What an archive says of itself.
#[derive(Default)]
pub(super) struct Facts {
    /// Version by group and artifact; empty where it is not said.
    maven: BTreeMap<(String, String), String>,
    /// The main section of the manifest.
    manifest: BTreeMap<String, String>,
    pub(super) has_classes: bool,
}

/// Group, artifact and file, of a file that Maven left.
pub(super) fn maven_file(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.get(name.find("META-INF/maven/")?..)?.split('/').skip(2);
    let found = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && matches!(found.2, "pom.properties" | "pom.xml")).then_some(found)
}

impl Facts {
    /// Takes a file `pom.properties`, or an empty one in place of another file in the same folder.
    pub(super) fn take_maven(&mut self, group: &str, artifact: &str, properties: &[u8]) {
        let text = String::from_utf8_lossy(properties);
        let value = |key: &str| {
            let pairs = text.lines().filter_map(|line| line.split_once(['=', ':']));
            pairs.filter(|(one, _)| one.trim() == key).map(|(_, value)| value.trim()).find(|value| !value.is_empty())
        };
        let key = (value("groupId").unwrap_or(group).to_owned(), value("artifactId").unwrap_or(artifact).to_owned());
        // A build that did not fill in its variables says nothing.
        let version = value("version").filter(|version| !version.contains("${")).unwrap_or_default();
        let known = self.maven.entry(key).or_default();
        if known.is_empty() {
            known.push_str(version);
        }
    }

    /// Takes a manifest; a line that begins with a space goes on with the one before.
    pub(super) fn take_manifest(&mut self, manifest: &[u8]) {
        let text = String::from_utf8_lossy(manifest);
        let mut last: Option<(String, String)> = None;
        for line in text.lines().take_while(|line| !line.is_empty()) {
            match (line.strip_prefix(' '), last.as_mut()) {
                (Some(more), Some((_, value))) => value.push_str(more),
                _ => {
                    let pair =
                        line.split_once(':').map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()));
                    self.manifest.extend(std::mem::replace(&mut last, pair));
                }
            }
        }
        self.manifest.extend(last);
    }

    /// A value of the manifest that says something.
    fn manifest(&self, key: &str) -> Option<&str> {
        let value = self.manifest.get(key)?.trim();
        (!value.is_empty() && !value.contains("${") && value != "unspecified").then_some(value)
    }

    fn version(&self) -> Option<&str> {
        ["implementation-version", "bundle-version", "plugin-version"]
            .into_iter()
            .find_map(|key| self.manifest(key))
            .map(first_word)
    }
}

fn first_word(value: &str) -> &str {
    value.split_whitespace().next().unwrap_or(value)
}

/// Name and version of each package that an archive is.
pub(super) fn packages(file: &str, facts: &Facts) -> Vec<(String, String)> {
    let (artifact, version) = split(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
    let version = version.or_else(|| facts.version()).unwrap_or_default();
    let mut found: Vec<(String, String)> = Vec::new();
    for ((group, name), said) in &facts.maven {
        let own = name == artifact || facts.maven.len() == 1;
        let version = if said.is_empty() && own { version } else { said };
        found.push((format!("{group}:{name}"), version.to_owned()));
    }
    // An archive that Maven's files describe under another name was renamed, or was made of others: what it is itself is
    // added where its group is known.
    let described = facts.maven.len() == 1 || facts.maven.keys().any(|(_, name)| name == artifact);
    if !described {
        found.extend(own(artifact, version, facts));
    }
    found
}

/// What an archive is by its manifest and its name.
fn own(artifact: &str, version: &str, facts: &Facts) -> Vec<(String, String)> {
    let known = |name: String| (name, version.to_owned());
    let plugin = facts.manifest("short-name").or_else(|| facts.manifest("extension-name"));
    if let (Some(group), Some(plugin), true) =
        (facts.manifest("group-id"), plugin, facts.manifest("plugin-version").is_some())
    {
        let version = facts.manifest("plugin-version").map(first_word).unwrap_or_default();
        return vec![(format!("{group}:{plugin}"), version.to_owned())];
    }
    let families = families::names(artifact);
    if !families.is_empty() {
        return families.into_iter().map(known).collect();
    }
    if let Some(group) = facts.manifest("implementation-vendor-id").filter(|group| is_id(group)) {
        return vec![known(format!("{group}:{artifact}"))];
    }
    // A mere container of other archives, of documentation or of sources is nothing itself.
    if facts.has_classes && facts.maven.is_empty() { vec![known(artifact.to_owned())] } else { Vec::new() }
}

fn is_id(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'))
}

/// Artifact and version of a file's name without its ending: the version begins at the last part with a digit in front, and
/// goes back over parts that belong to it (`1.0-rc-1`, `1.0-20240101.1-2`).
fn split(stem: &str) -> (&str, Option<&str>) {
    let parts: Vec<&str> = stem.split('-').collect();
    let is_number =
        |at: usize| parts.get(at).is_some_and(|part| part.starts_with(|first: char| first.is_ascii_digit()));
    let is_word =
        |at: usize| parts.get(at).is_some_and(|part| QUALIFIERS.contains(&part.to_ascii_lowercase().as_str()));
    let Some(mut begin) = (1..parts.len()).rev().find(|at| is_number(*at)) else { return (stem, None) };
    while begin > 1 {
        if is_number(begin - 1) {
            begin -= 1;
        } else if begin > 2 && is_word(begin - 1) && is_number(begin - 2) {
            begin -= 2;
        } else {
            break;
        }
    }
    let length = parts.iter().take(begin).map(|part| part.len() + 1).sum::<usize>();
    match (stem.get(..length - 1), stem.get(length..)) {
        (Some(artifact), version) if !artifact.is_empty() => (artifact, version),
        _ => (stem, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(maven: &[(&str, &str, &str)], manifest: &str) -> Facts {
        let mut facts = Facts { has_classes: true, ..Facts::default() };
        for (group, artifact, properties) in maven {
            facts.take_maven(group, artifact, properties.as_bytes());
        }
        facts.take_manifest(manifest.as_bytes());
        facts
    }

    fn one(file: &str, facts: &Facts) -> (String, String) {
        let mut found = packages(file, facts);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn pair(name: &str, version: &str) -> (String, String) {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn mavens_own_files_come_first() {
        let facts =
            facts(&[("g", "a", "groupId=org.example\nartifactId=tool\nversion=2.0\n")], "Implementation-Version: 9\n");
        assert_eq!(one("renamed.jar", &facts), pair("org.example:tool", "2.0"));
    }

    #[test]
    fn a_missing_version_comes_from_the_files_name_or_the_manifest() {
        let maven = [("org.example", "tool", "version=${project.version}\n")];
        assert_eq!(one("tool-1.1.jar", &facts(&maven, "")), pair("org.example:tool", "1.1"));
        assert_eq!(one("tool.jar", &facts(&maven, "Bundle-Version: 1.2\n")), pair("org.example:tool", "1.2"));
        assert_eq!(one("tool.jar", &facts(&maven, "")), pair("org.example:tool", ""));
    }

    #[test]
    fn a_manifest_names_group_and_version_where_maven_does_not() {
        let manifest = "Manifest-Version: 1.0\r\nImplementation-Vendor-Id: org.exa\r\n mple\r\nImplementation-Version: 3.1\r\n\r\nName: x\r\n";
        assert_eq!(one("tool.jar", &facts(&[], manifest)), pair("org.example:tool", "3.1"));
        let plugin = "Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 4.11.3 (private)\n";
        assert_eq!(one("git.jpi", &facts(&[], plugin)), pair("org.jenkins-ci.plugins:git", "4.11.3"));
    }

    #[test]
    fn a_package_of_unknown_group_has_no_colon_and_a_container_is_no_package() {
        assert_eq!(one("tool-1.0.jar", &facts(&[], "")), pair("tool", "1.0"));
        assert_eq!(packages("tool-1.0-sources.jar", &Facts::default()), []);
    }

    #[test]
    fn a_known_family_gives_the_group() {
        assert_eq!(one("spring-beans-5.3.17.jar", &facts(&[], "")), pair("org.springframework:spring-beans", "5.3.17"));
        let tomcat = packages("catalina.jar", &facts(&[], "Implementation-Version: 9.0.50\n"));
        assert_eq!(
            tomcat,
            [pair("org.apache.tomcat:tomcat-catalina", "9.0.50"), pair("org.apache.tomcat:tomcat", "9.0.50")]
        );
    }

    #[test]
    fn a_files_name_splits_before_its_version() {
        for (stem, artifact, version) in [
            ("guava-31.1-jre", "guava", Some("31.1-jre")),
            ("log4j-1.2-api-2.17.1", "log4j-1.2-api", Some("2.17.1")),
            ("kafka_2.13-3.4.0", "kafka_2.13", Some("3.4.0")),
            ("tool-1.0-rc-1", "tool", Some("1.0-rc-1")),
            ("tool-1.0-20240101.1-2", "tool", Some("1.0-20240101.1-2")),
            ("bcprov-jdk15on-1.68", "bcprov-jdk15on", Some("1.68")),
            ("tool", "tool", None),
            ("-1.0", "-1.0", None),
        ] {
            assert_eq!(split(stem), (artifact, version), "{stem}");
        }
    }
}
