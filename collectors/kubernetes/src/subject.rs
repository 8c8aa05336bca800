//! What each subject may do in the end: roles and bindings of both kinds, taken together.

use crate::held::{Kept, Name};
use crate::resource::{Naming, each, labels};
use plumbline_core::resource::{Edge, Resource, Unread};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const ACCOUNTS: &str = "system:serviceaccounts";
/// Marks the roles and bindings that the API server makes itself.
const BOOTSTRAPPING: &str = "kubernetes.io/bootstrapping";

/// A subject: its kind, its namespace (of a service account) and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Who {
    kind: String,
    namespace: String,
    name: String,
}

/// What a binding gives.
#[derive(Debug, Clone)]
struct Grant {
    binding: String,
    role: String,
    role_kind: &'static str,
    /// None for the whole cluster.
    namespace: Option<String>,
    /// None where there is no such role.
    rules: Option<Value>,
    builtin: bool,
}

/// Everything that grants are worked out of.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) cluster_roles: Vec<(Name, Kept)>,
    pub(crate) roles: Vec<(Name, Kept)>,
    pub(crate) cluster_bindings: Vec<(Name, Kept)>,
    pub(crate) bindings: Vec<(Name, Kept)>,
    pub(crate) accounts: Vec<(Name, Kept)>,
}

/// How many workloads run as each service account, by its uid; or why that is not known.
pub(crate) type Used = Result<HashMap<String, u32>, Unread>;

/// The subjects of a cluster.
pub(crate) struct Subjects {
    grants: BTreeMap<Who, Vec<Grant>>,
}

impl Subjects {
    pub(crate) fn of(written: &Written) -> Self {
        let cluster_roles = cluster_roles(&written.cluster_roles);
        let roles: HashMap<&Name, Value> =
            written.roles.iter().filter_map(|(name, kept)| Some((name, rules(&object(kept)?)))).collect();
        let mut grants: BTreeMap<Who, Vec<Grant>> = BTreeMap::new();
        for (name, _) in &written.accounts {
            grants.entry(account(name)).or_default();
        }
        for (name, kept) in written.cluster_bindings.iter().chain(&written.bindings) {
            let Some(binding) = object(kept) else { continue };
            let namespace = Some(&*name.namespace).filter(|namespace| !namespace.is_empty());
            let word = |at: &str| binding.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
            let role = word("/roleRef/name");
            let of_namespace = word("/roleRef/kind") == "Role";
            let rules = if of_namespace {
                roles.get(&Name { namespace: name.namespace.clone(), name: role.as_str().into() }).cloned()
            } else {
                cluster_roles.get(&role).cloned()
            };
            let grant = Grant {
                binding: name.name.to_string(),
                role,
                role_kind: if of_namespace { "Role" } else { "ClusterRole" },
                namespace: namespace.map(str::to_owned),
                rules,
                builtin: labels(binding.get("metadata")).get(BOOTSTRAPPING).is_some_and(|mark| mark == "rbac-defaults"),
            };
            for subject in each(&binding, &["subjects"]) {
                grants.entry(who(subject, &name.namespace)).or_default().push(grant.clone());
            }
        }
        Self { grants }
    }

    /// The subjects as resources, one at a time.
    pub(crate) fn resources<'a>(&'a self, naming: &'a Naming, used: &'a Used) -> impl Iterator<Item = Resource> + 'a {
        self.grants.iter().map(move |(who, own)| self.resource(naming, used, who, own))
    }

    fn resource(&self, naming: &Naming, used: &Used, who: &Who, own: &[Grant]) -> Resource {
        let mut granted: Vec<Value> = own.iter().map(|grant| told(grant, None)).collect();
        for group in who.groups() {
            let of = Who { kind: "Group".to_owned(), namespace: String::new(), name: group.clone() };
            granted.extend(self.grants.get(&of).into_iter().flatten().map(|grant| told(grant, Some(&group))));
        }
        let is_account = who.kind == "ServiceAccount";
        let mut fields = Map::from_iter([
            ("kind".to_owned(), json!(who.kind)),
            ("name".to_owned(), json!(who.name)),
            ("namespace".to_owned(), json!(is_account.then_some(&who.namespace))),
            ("system".to_owned(), json!(who.is_system(own))),
            ("grants".to_owned(), json!(granted)),
        ]);
        let account = naming.uid("serviceaccounts", &who.namespace, &who.name);
        let unread = match used {
            _ if !is_account => {
                fields.insert("used_by".to_owned(), Value::Null);
                None
            }
            Ok(used) => {
                fields.insert("used_by".to_owned(), json!(used.get(&account).copied().unwrap_or(0)));
                None
            }
            Err(why) => Some(why.clone()),
        };
        let name = Name { namespace: who.namespace.as_str().into(), name: who.name.as_str().into() };
        let mut built = naming.resource("kubernetes.subject", "subjects", &name, None, fields);
        built.uid = naming.subject(&who.kind, &who.namespace, &who.name);
        built.edges.clear();
        if is_account {
            built.edges.push(Edge::new("service_account", account));
        }
        built.unread.extend(unread.map(|why| ("used_by".to_owned(), why)));
        built
    }
}

impl Who {
    /// The groups that it is in whatever anybody says.
    fn groups(&self) -> Vec<String> {
        let named = |groups: &[&str]| groups.iter().map(|group| (*group).to_owned()).collect();
        match self.kind.as_str() {
            "ServiceAccount" => {
                vec![ACCOUNTS.to_owned(), format!("{ACCOUNTS}:{}", self.namespace), AUTHENTICATED.to_owned()]
            }
            "User" if self.name == "system:anonymous" => named(&[UNAUTHENTICATED]),
            "User" => named(&[AUTHENTICATED]),
            _ => Vec::new(),
        }
    }

    fn is_system(&self, own: &[Grant]) -> bool {
        self.name.starts_with("system:")
            || (self.kind == "ServiceAccount" && self.namespace == "kube-system")
            || (!own.is_empty() && own.iter().all(|grant| grant.builtin))
    }
}

fn told(grant: &Grant, via: Option<&str>) -> Value {
    let mut told = json!({
        "binding": grant.binding, "role": grant.role, "roleKind": grant.role_kind, "namespace": grant.namespace,
        "via": via, "rules": grant.rules.clone().unwrap_or_else(|| json!([])),
    });
    if grant.rules.is_none() {
        told["missing"] = json!(true);
    }
    told
}

fn object(kept: &Kept) -> Option<Value> {
    let Kept::Object { body, .. } = kept else { return None };
    serde_json::from_slice(body).ok()
}

fn account(name: &Name) -> Who {
    let (namespace, name) = (name.namespace.to_string(), name.name.to_string());
    Who { kind: "ServiceAccount".to_owned(), namespace, name }
}

/// A subject as a binding names it. A service account may also be named as the user that it is.
fn who(subject: &Value, at: &str) -> Who {
    let word = |field: &str| subject.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name) = (word("kind"), word("name"));
    if kind == "User"
        && let Some((namespace, account)) =
            name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
    {
        return Who { kind: "ServiceAccount".to_owned(), namespace: namespace.to_owned(), name: account.to_owned() };
    }
    let namespace = match (kind.as_str(), word("namespace")) {
        ("ServiceAccount", named) if named.is_empty() => at.to_owned(),
        ("ServiceAccount", named) => named,
        _ => String::new(),
    };
    Who { kind, namespace, name }
}

/// The uid of the subject that a binding names.
pub(crate) fn uid(naming: &Naming, subject: &Value, at: &str) -> String {
    let who = who(subject, at);
    naming.subject(&who.kind, &who.namespace, &who.name)
}

fn rules(role: &Value) -> Value {
    let lists = ["apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs"];
    let rules = each(role, &["rules"])
        .iter()
        .map(|rule| lists.iter().map(|list| ((*list).to_owned(), json!(each(rule, &[list])))).collect::<Map<_, _>>());
    json!(rules.collect::<Vec<_>>())
}

/// The rules of each cluster role, those that are made of others with the others' rules.
fn cluster_roles(listed: &[(Name, Kept)]) -> HashMap<String, Value> {
    let read: Vec<(String, Value)> =
        listed.iter().filter_map(|(name, kept)| Some((name.name.to_string(), object(kept)?))).collect();
    let own: HashMap<&str, Value> = read.iter().map(|(name, role)| (name.as_str(), rules(role))).collect();
    let mut all = HashMap::new();
    for (name, role) in &read {
        let mut found = own.get(name.as_str()).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut known: BTreeSet<String> = found.iter().map(Value::to_string).collect();
        let selectors = each(role, &["aggregationRule", "clusterRoleSelectors"]);
        for (other, of) in read.iter().filter(|(other, _)| !selectors.is_empty() && other != name) {
            let labels = labels(of.get("metadata"));
            if selectors.iter().any(|selector| selects(selector, &labels)) {
                let theirs = own.get(other.as_str()).and_then(Value::as_array).into_iter().flatten();
                found.extend(theirs.filter(|rule| known.insert(rule.to_string())).cloned());
            }
        }
        all.insert(name.clone(), Value::Array(found));
    }
    all
}

/// Whether a selector of labels selects; an empty one selects all.
pub(crate) fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let exact = selector.get("matchLabels").and_then(Value::as_object);
    let exact = exact.into_iter().flatten().all(|(name, value)| labels.get(name).map(String::as_str) == value.as_str());
    exact
        && each(selector, &["matchExpressions"]).iter().all(|expression| {
            let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
            let value = labels.get(key);
            let listed = || {
                let values = each(expression, &["values"]);
                value.is_some_and(|value| values.iter().any(|one| one.as_str() == Some(value)))
            };
            match expression.get("operator").and_then(Value::as_str) {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => value.is_some(),
                Some("DoesNotExist") => value.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Part;
    use crate::held::fold;
    use crate::pod::Sharing;

    fn kept(part: Part, objects: Value) -> Vec<(Name, Kept)> {
        let objects = objects.as_array().unwrap().clone();
        objects.iter().map(|object| fold(part, "v1", object, &mut Sharing::default())).collect()
    }

    fn rule(verb: &str) -> Value {
        json!({ "apiGroups": [""], "resources": ["pods"], "verbs": [verb] })
    }

    fn subjects(written: &Written) -> Vec<Resource> {
        let naming = Naming { cluster: "c".to_owned() };
        let used = Ok(HashMap::from([("k8s://c/serviceaccounts/shop/ci".to_owned(), 2)]));
        let subjects = Subjects::of(written);
        let all: Vec<Resource> = subjects.resources(&naming, &used).collect();
        all
    }

    fn of<'a>(all: &'a [Resource], uid: &str) -> &'a Resource {
        all.iter().find(|one| one.uid == format!("k8s://c/subjects/{uid}")).unwrap_or_else(|| panic!("{uid}: {all:#?}"))
    }

    #[test]
    fn an_account_has_what_it_and_its_groups_are_given() {
        let all = subjects(&Written {
            accounts: kept(Part::ServiceAccounts, json!([{ "metadata": { "name": "ci", "namespace": "shop" } }])),
            roles: kept(
                Part::Roles,
                json!([
                    { "metadata": { "name": "r", "namespace": "shop" }, "rules": [rule("get")] },
                ]),
            ),
            cluster_roles: kept(
                Part::ClusterRoles,
                json!([
                    { "metadata": { "name": "wide" }, "rules": [rule("*")] },
                ]),
            ),
            bindings: kept(
                Part::RoleBindings,
                json!([
                    { "metadata": { "name": "b", "namespace": "shop" }, "roleRef": { "kind": "Role", "name": "r" },
                      "subjects": [{ "kind": "ServiceAccount", "name": "ci" }] },
                ]),
            ),
            cluster_bindings: kept(
                Part::ClusterRoleBindings,
                json!([
                    { "metadata": { "name": "g" }, "roleRef": { "kind": "ClusterRole", "name": "wide" },
                      "subjects": [{ "kind": "Group", "name": "system:serviceaccounts:shop" }] },
                    { "metadata": { "name": "m" }, "roleRef": { "kind": "ClusterRole", "name": "nowhere" },
                      "subjects": [{ "kind": "User", "name": "system:serviceaccount:shop:ci" }] },
                ]),
            ),
        });
        let ci = of(&all, "ServiceAccount/shop/ci");
        let grants = ci.attributes["grants"].as_array().unwrap();
        let told: Vec<_> = grants.iter().map(|g| (g["role"].as_str().unwrap(), &g["namespace"], &g["via"])).collect();
        let group = json!("system:serviceaccounts:shop");
        let expected = [
            ("nowhere", &Value::Null, &Value::Null),
            ("r", &json!("shop"), &Value::Null),
            ("wide", &Value::Null, &group),
        ];
        assert_eq!(told, expected);
        assert_eq!((&grants[0]["missing"], &grants[0]["rules"]), (&json!(true), &json!([])));
        assert_eq!(grants[1]["rules"][0]["verbs"], json!(["get"]));
        assert_eq!((&ci.attributes["used_by"], &ci.attributes["system"]), (&json!(2), &json!(false)));
        assert_eq!(ci.region, "shop");
        assert_eq!(of(&all, "Group/system:serviceaccounts:shop").attributes["system"], json!(true));
    }

    #[test]
    fn a_role_that_is_made_of_others_has_their_rules() {
        let all = subjects(&Written {
            cluster_roles: kept(
                Part::ClusterRoles,
                json!([
                    { "metadata": { "name": "all" }, "rules": [rule("get")], "aggregationRule": {
                        "clusterRoleSelectors": [{ "matchLabels": { "to": "all" } }] } },
                    { "metadata": { "name": "one", "labels": { "to": "all" } }, "rules": [rule("list"), rule("get")] },
                    { "metadata": { "name": "two", "labels": { "to": "none" } }, "rules": [rule("delete")] },
                ]),
            ),
            cluster_bindings: kept(
                Part::ClusterRoleBindings,
                json!([
                    { "metadata": { "name": "b", "labels": { BOOTSTRAPPING: "rbac-defaults" } },
                      "roleRef": { "kind": "ClusterRole", "name": "all" }, "subjects": [{ "kind": "User", "name": "ann" }] },
                ]),
            ),
            ..Written::default()
        });
        let ann = of(&all, "User/ann");
        let rules = ann.attributes["grants"][0]["rules"].as_array().unwrap();
        let verbs: Vec<&str> = rules.iter().map(|rule| rule["verbs"][0].as_str().unwrap()).collect();
        assert_eq!(verbs, ["get", "list"]);
        assert_eq!(ann.attributes["system"], json!(true), "all that it has was there from the beginning");
        assert!(ann.attributes["used_by"].is_null() && ann.edges.is_empty());
    }

    #[test]
    fn selectors_select_by_all_that_they_say() {
        let labels = BTreeMap::from([("app".to_owned(), "api".to_owned())]);
        let says = |operator: &str, values: Value| {
            selects(&json!({ "matchExpressions": [{ "key": "app", "operator": operator, "values": values }] }), &labels)
        };
        assert!(says("In", json!(["api"])) && !says("NotIn", json!(["api"])) && says("Exists", json!([])));
        assert!(!says("DoesNotExist", json!([])) && !says("Gt", json!(["1"])));
        assert!(selects(&json!({}), &labels) && !selects(&json!({ "matchLabels": { "app": "web" } }), &labels));
    }
}
