//! Rules of the kernel's audit, as their files have them.

use super::host::Host;
use crate::report::{AuditRule, Missing};
use crate::text::safe;

/// All rules: those of the folder, which are put together into the file, and the file itself.
pub(super) fn rules(host: &Host) -> Result<Vec<AuditRule>, Missing> {
    let mut rules = Vec::new();
    let folder = "/etc/audit/rules.d";
    let mut files: Vec<String> = host.names(folder)?.iter().map(|name| format!("{folder}/{name}")).collect();
    files.retain(|path| path.ends_with(".rules"));
    files.push("/etc/audit/audit.rules".to_owned());
    for path in files {
        let text = host.text(&path)?.unwrap_or_default();
        rules.extend(text.lines().filter_map(rule).take(2_000));
    }
    rules.truncate(4_000);
    Ok(rules)
}

/// A line with a rule that watches or records; comments and settings of the daemon are none.
fn rule(line: &str) -> Option<AuditRule> {
    let line = line.trim();
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1)).copied();
    let fields = words.windows(2).filter(|pair| pair[0] == "-F").map(|pair| pair[1]);
    let field = |name: &str| fields.clone().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let (path, permissions) = match words.first().copied()? {
        "-w" => (after("-w"), after("-p")),
        // A rule that never records takes others away, and is no watch.
        "-a" | "-A" if words.get(1).is_some_and(|list| list.contains("never")) => (None, None),
        "-a" | "-A" => (field("path").or_else(|| field("dir")), field("perm")),
        _ => return None,
    };
    Some(AuditRule {
        line: safe(line),
        path: path.map(|path| path.trim_end_matches('/').to_owned()),
        permissions: permissions.unwrap_or("rwxa").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(Option<String>, String)> {
        rule(line).map(|rule| (rule.path, rule.permissions))
    }

    #[test]
    fn watches_are_read_in_both_spellings() {
        let docker = || Some("/usr/bin/dockerd".to_owned());
        assert_eq!(told("-w /usr/bin/dockerd -p wa -k docker"), Some((docker(), "wa".to_owned())));
        assert_eq!(told("  -w /usr/bin/dockerd -k docker"), Some((docker(), "rwxa".to_owned())));
        let spelled = "-a always,exit -F arch=b64 -F path=/usr/bin/dockerd -F perm=x -k docker";
        assert_eq!(told(spelled), Some((docker(), "x".to_owned())));
        assert_eq!(
            told("-a always,exit -F dir=/etc/docker/ -F perm=wa"),
            Some((Some("/etc/docker".into()), "wa".into()))
        );
        assert_eq!(told("-a never,exit -F path=/usr/bin/dockerd"), Some((None, "rwxa".to_owned())));
        for line in ["# -w /usr/bin/dockerd", "-D", "-b 8192", "", "-f 1"] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
