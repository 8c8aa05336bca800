//! The access that the collector needs, as one manifest to apply. Never more than reading.

use crate::api::{APIS, Part};
use crate::settings::{Auth, Settings};
use plumbline_core::collect::AccessRecipe;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What to create: all that is read, and the same without secrets; for EKS the entry that lets the identity in as well.
pub(crate) fn recipes(settings: &Value) -> Vec<AccessRecipe> {
    let settings: Option<Settings> = serde_json::from_value(settings.clone()).ok();
    let namespaces = settings.as_ref().map(|settings| settings.namespaces.clone()).unwrap_or_default();
    let without = settings.as_ref().is_some_and(|settings| !settings.secrets);
    let eks = settings.as_ref().is_some_and(|settings| matches!(settings.auth, Auth::Eks { .. }));
    let mut recipes = Vec::new();
    if !without {
        recipes.push(recipe("Read access (kubectl apply -f -)", "yaml", manifest(true, eks, &namespaces)));
    }
    let title = "Read access without secrets (kubectl apply -f -)";
    recipes.push(recipe(title, "yaml", manifest(false, eks, &namespaces)));
    if settings.is_none_or(|settings| matches!(settings.auth, Auth::Eks { .. })) {
        recipes.push(recipe("Amazon EKS: a policy for the identity whose access key is used", "json", describe()));
        recipes.push(recipe("Amazon EKS: let that identity in, as the group plumbline", "sh", ENTRY.to_owned()));
    }
    recipes
}

fn recipe(title: &str, language: &str, text: String) -> AccessRecipe {
    AccessRecipe { title: title.to_owned(), language: language.to_owned(), text }
}

const ENTRY: &str = "aws eks create-access-entry --cluster-name <cluster> \\\n  \
                     --principal-arn <arn of the user or role> --kubernetes-groups plumbline\n";

fn describe() -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Sid": "PlumblineFindCluster", "Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*" },
        ],
    });
    serde_json::to_string_pretty(&policy).unwrap_or_default()
}

/// The rules of a role: a group of the API each, what is listed also watched.
fn rules(secrets: bool, chosen: impl Fn(Part) -> bool) -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for api in APIS.iter().filter(|api| chosen(api.part) && (secrets || api.part != Part::Secrets)) {
        groups.entry(api.group).or_default().push(api.plural);
    }
    let mut text = String::new();
    for (group, plurals) in groups {
        let _ = writeln!(text, "- apiGroups: [\"{group}\"]");
        let _ = writeln!(text, "  resources: [{}]", plurals.join(", "));
        text.push_str("  verbs: [get, list, watch]\n");
    }
    text
}

const OWN_RULES: &str = "\
# The settings of each node's kubelet. The permission reaches more of a kubelet than that; without it,
# what is known of kubelets' settings is that they were not read.
- apiGroups: [\"\"]
  resources: [nodes/proxy]
  verbs: [get]
# What the API server is, and which kinds it has.
- nonResourceURLs: [/version, /api, /apis, /apis/*, /api/*]
  verbs: [get]
";

const IDENTITY: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: plumbline}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: plumbline, namespace: plumbline}
automountServiceAccountToken: false
---
# The token to connect with: kubectl get secret plumbline -n plumbline -o jsonpath='{.data.token}' | base64 -d
apiVersion: v1
kind: Secret
metadata:
  name: plumbline
  namespace: plumbline
  annotations: {kubernetes.io/service-account.name: plumbline}
type: kubernetes.io/service-account-token
---
";

fn manifest(secrets: bool, eks: bool, namespaces: &[String]) -> String {
    let mut text = if eks { String::new() } else { IDENTITY.to_owned() };
    let narrow = !namespaces.is_empty();
    let wide = |part: Part| !narrow || !part.api().namespaced;
    let _ = write!(
        text,
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: plumbline}}\nrules:\n{}{OWN_RULES}",
        rules(secrets, wide)
    );
    text.push_str(&binding("ClusterRole", "plumbline", None, eks));
    if narrow {
        let _ = write!(
            text,
            "---\n# Bound in each of the namespaces below, and nowhere else.\napiVersion: rbac.authorization.k8s.io/v1\n\
             kind: ClusterRole\nmetadata: {{name: plumbline-namespace}}\nrules:\n{}",
            rules(secrets, |part| part.api().namespaced)
        );
        for namespace in namespaces {
            text.push_str(&binding("ClusterRole", "plumbline-namespace", Some(namespace), eks));
        }
    }
    text
}

fn binding(kind: &str, role: &str, namespace: Option<&str>, eks: bool) -> String {
    let (of, place) = match namespace {
        Some(namespace) => ("RoleBinding", format!(", namespace: {namespace}")),
        None => ("ClusterRoleBinding", String::new()),
    };
    let subject = if eks {
        "{kind: Group, name: plumbline, apiGroup: rbac.authorization.k8s.io}"
    } else {
        "{kind: ServiceAccount, name: plumbline, namespace: plumbline}"
    };
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {of}\nmetadata: {{name: {role}{place}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {role}}}\nsubjects:\n- {subject}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn documents(text: &str) -> Vec<Value> {
        serde_yaml_ng::Deserializer::from_str(text).map(|one| Value::deserialize(one).unwrap()).collect()
    }

    #[test]
    fn no_manifest_grants_more_than_reading() {
        for settings in [
            Value::Null,
            json!({ "auth": { "by": "token" }, "namespaces": ["shop", "web"] }),
            json!({ "auth": { "by": "eks", "cluster": "c", "region": "eu-west-1" }, "secrets": false }),
        ] {
            for recipe in recipes(&settings).iter().filter(|recipe| recipe.language == "yaml") {
                let roles = documents(&recipe.text).into_iter().filter(|one| one["kind"] == "ClusterRole");
                for rule in roles.flat_map(|role| role["rules"].as_array().unwrap().clone()) {
                    for verb in rule["verbs"].as_array().unwrap() {
                        assert!(["get", "list", "watch"].contains(&verb.as_str().unwrap()), "{rule}");
                    }
                    assert!(!rule["resources"].to_string().contains('*'), "{rule}");
                }
            }
        }
    }

    #[test]
    fn secrets_are_left_out_where_they_are_not_wanted() {
        let of = |settings: Value| recipes(&settings);
        let both = of(json!({ "auth": { "by": "token" } }));
        assert!(both[0].text.contains("secrets") && !both[1].text.contains("secrets,"), "{}", both[1].text);
        let without = of(json!({ "auth": { "by": "token" }, "secrets": false }));
        let grants = documents(&without[0].text).into_iter().filter(|one| one["kind"] == "ClusterRole");
        assert_eq!((without.len(), grants.filter(|role| role.to_string().contains("\"secrets\"")).count()), (1, 0));
    }

    #[test]
    fn everything_that_is_listed_is_granted() {
        let text = manifest(true, false, &[]);
        let role = documents(&text).into_iter().find(|one| one["kind"] == "ClusterRole").unwrap();
        for api in &APIS {
            let granted = role["rules"].as_array().unwrap().iter().any(|rule| {
                rule["apiGroups"] == json!([api.group])
                    && rule["resources"].as_array().is_some_and(|all| all.contains(&json!(api.plural)))
            });
            assert!(granted, "{}", api.resource());
        }
    }
}
