//! Tells a run's scopes and resources from what is held.

use crate::api::{APIS, Part, SUBJECTS, WORKLOADS, reader};
use crate::cluster;
use crate::control_plane;
use crate::discovery::Discovered;
use crate::held::{Kept, Known, Name, Place, Told};
use crate::live::{Cluster, places};
use crate::reference;
use crate::resource::{Naming, labels, tidy};
use crate::settings::Settings;
use crate::subject::{Subjects, Used, Written, selects};
use crate::workload::Workloads;
use plumbline_core::collect::{CollectError, Event, Sink};
use plumbline_core::resource::{Edge, Resource, Unread};
use plumbline_core::scope::{Outcome, ScopeKey};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// The readers of what is made of several parts.
const CLUSTER: &str = "kubernetes.cluster";
const WORKLOAD: &str = "kubernetes.workload";
const COMPONENT: &str = "kubernetes.control_plane_component";
const SUBJECT: &str = "kubernetes.subject";

/// The labels of a workload's pods.
struct Labelled {
    labels: BTreeMap<String, String>,
    uid: String,
}

/// One run, while it is told.
pub(crate) struct Telling<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    discovered: Discovered,
    naming: Naming,
    sink: Sink,
    known: BTreeMap<Place, Known>,
    counts: BTreeMap<String, u64>,
    /// How many workloads run as a service account, by its uid.
    used: HashMap<String, u32>,
    /// The labels of each workload's pods, by namespace.
    pods: HashMap<String, Vec<Labelled>>,
    components: Vec<Resource>,
}

impl<'a> Telling<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        settings: &'a Settings,
        uid: String,
        discovered: Discovered,
        sink: Sink,
    ) -> Self {
        Self {
            cluster,
            settings,
            discovered,
            naming: Naming { cluster: uid },
            sink,
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
            used: HashMap::new(),
            pods: HashMap::new(),
            components: Vec::new(),
        }
    }

    pub(crate) async fn all(mut self) -> Result<(), CollectError> {
        let spots = self.spots();
        let made = [COMPONENT, SUBJECT, CLUSTER].map(|ours| self.naming.scope(reader(ours), None));
        let planned = spots.keys().map(|(ours, place)| self.naming.scope(reader(ours), place.as_deref())).chain(made);
        self.send(Event::Planned(planned.collect())).await?;
        self.note_absent().await?;
        let parts = APIS.iter().map(|api| api.part).filter(|part| *part != Part::Secrets || self.settings.secrets);
        let wanted = places(parts, &self.settings.places());
        self.known = self.cluster.freshen(&wanted, &self.discovered).await;
        // Workloads first: services and subjects look at them.
        let (workloads, others): (Vec<_>, Vec<_>) = spots.into_iter().partition(|((ours, _), _)| *ours == WORKLOAD);
        for ((_, place), parts) in workloads {
            self.workloads(place, &parts).await?;
        }
        self.control_plane().await?;
        for ((ours, place), parts) in others {
            self.objects(ours, place, &parts).await?;
        }
        self.subjects().await?;
        self.itself().await
    }

    /// What each scope is made of: our kind and where, and the parts in their places.
    fn spots(&self) -> BTreeMap<(&'static str, Option<String>), Vec<Place>> {
        let mut spots: BTreeMap<(&'static str, Option<String>), Vec<Place>> = BTreeMap::new();
        for (part, place) in places(APIS.iter().map(|api| api.part), &self.settings.places()) {
            if let Some(ours) = part.api().ours {
                spots.entry((ours, place.clone())).or_default().push((part, place));
            }
        }
        spots
    }

    async fn note_absent(&self) -> Result<(), CollectError> {
        let absent = self.discovered.absent();
        if absent.is_empty() {
            return Ok(());
        }
        self.send(Event::Note(format!("the API server has no {}: there is none to read", absent.join(", ")))).await
    }

    fn known(&self, place: &Place) -> Known {
        if place.0 == Part::Secrets && !self.settings.secrets {
            let detail = "the source's settings leave secrets out".to_owned();
            return Known::Unread(crate::error::ReadError::Denied(detail));
        }
        self.known.get(place).cloned().unwrap_or(Known::Not)
    }

    /// How a scope ends: what was refused comes before what failed, since it says what to do.
    fn outcome(&self, places: &[Place]) -> Outcome {
        let ends: Vec<Outcome> = places.iter().map(|place| self.known(place).outcome(place.0)).collect();
        let denied = ends.iter().position(|end| matches!(end, Outcome::Denied { .. }));
        let broken = denied.or_else(|| ends.iter().position(|end| !end.is_complete()));
        broken.map_or(Outcome::Complete, |at| ends[at].clone())
    }

    async fn workloads(&mut self, place: Option<String>, parts: &[Place]) -> Result<(), CollectError> {
        let told: BTreeMap<Part, Told> = {
            let mut held = self.cluster.held();
            parts.iter().map(|at| (at.0, held.tell(at))).collect()
        };
        let workloads = Workloads::of(told, |part| self.known(&(part, place.clone())));
        let naming = self.naming.clone();
        for workload in workloads.resources(&naming, place.as_deref()) {
            self.remember(&workload);
            self.resource(workload).await?;
        }
        self.end(self.naming.scope(reader(WORKLOAD), place.as_deref()), self.outcome(parts)).await
    }

    /// What other resources are told of a workload.
    fn remember(&mut self, workload: &Resource) {
        self.components.extend(control_plane::components(&self.naming, workload));
        let Some(template) = workload.attributes.get("template").filter(|template| template.is_object()) else {
            return;
        };
        if let Some(spec) = template.get("spec") {
            let account = self.naming.uid("serviceaccounts", &workload.region, reference::account(spec));
            *self.used.entry(account).or_default() += 1;
        }
        let own = labels(template.get("metadata"));
        self.pods.entry(workload.region.clone()).or_default().push(Labelled { labels: own, uid: workload.uid.clone() });
    }

    async fn control_plane(&mut self) -> Result<(), CollectError> {
        for component in std::mem::take(&mut self.components) {
            self.resource(component).await?;
        }
        let place = if self.settings.namespaces.is_empty() { None } else { Some(control_plane::NAMESPACE.to_owned()) };
        let outcome = if place.as_ref().is_some_and(|place| !self.settings.namespaces.contains(place)) {
            let detail = "kube-system is not among the namespaces that are read".to_owned();
            Outcome::Denied { permission: Part::Pods.permission(), detail }
        } else {
            self.outcome(&[(Part::Pods, place.clone()), (Part::DaemonSets, place)])
        };
        self.end(self.naming.scope(reader(COMPONENT), None), outcome).await
    }

    /// A scope whose resources are objects as they are.
    async fn objects(
        &mut self,
        ours: &'static str,
        place: Option<String>,
        parts: &[Place],
    ) -> Result<(), CollectError> {
        for at in parts {
            let told = self.cluster.held().tell(at);
            let mut kubelets = if at.0 == Part::Nodes { Some(self.kubelets(&told.here).await) } else { None };
            for (name, kept) in told.here.into_iter().chain(told.departed) {
                let Some(mut built) = self.naming.object(at.0.api(), &name, &kept, place.as_deref()) else { continue };
                match at.0 {
                    Part::Services => self.lead_to_workloads(&mut built),
                    Part::Nodes => add_kubelet(&mut built, kubelets.as_mut().and_then(|all| all.remove(&*name.name))),
                    _ => {}
                }
                self.resource(built).await?;
            }
        }
        self.end(self.naming.scope(reader(ours), place.as_deref()), self.outcome(parts)).await
    }

    async fn kubelets(&self, nodes: &[(Name, Kept)]) -> HashMap<String, Result<Value, Unread>> {
        let names: Vec<&str> = nodes.iter().map(|(name, _)| &*name.name).collect();
        cluster::kubelets(self.cluster, &names).await
    }

    /// The workloads whose pods a service selects.
    fn lead_to_workloads(&self, service: &mut Resource) {
        let selector = service.attributes.get("spec").and_then(|spec| spec.get("selector"));
        let Some(selector) = selector.filter(|selector| selector.as_object().is_some_and(|s| !s.is_empty())) else {
            return;
        };
        let selector = json!({ "matchLabels": selector });
        let all = self.pods.get(&service.region).map_or(&[][..], Vec::as_slice);
        let chosen = all.iter().filter(|workload| selects(&selector, &workload.labels));
        service.edges.extend(chosen.map(|workload| Edge::new("workload", &workload.uid)));
        tidy(&mut service.edges);
    }

    /// What each subject may do, when all is known that it takes.
    async fn subjects(&mut self) -> Result<(), CollectError> {
        let scope = self.naming.scope(reader(SUBJECT), None);
        if !self.settings.namespaces.is_empty() {
            let detail = "only some namespaces are read: who may do what takes the bindings of all".to_owned();
            let outcome = Outcome::Denied { permission: Part::RoleBindings.permission(), detail };
            return self.end(scope, outcome).await;
        }
        let outcome = self.outcome(&SUBJECTS.map(|part| (part, None)));
        if !outcome.is_complete() {
            return self.end(scope, outcome).await;
        }
        let subjects = Subjects::of(&self.written());
        let used = self.used();
        let naming = self.naming.clone();
        for subject in subjects.resources(&naming, &used) {
            self.resource(subject).await?;
        }
        self.end(scope, outcome).await
    }

    fn written(&self) -> Written {
        let held = self.cluster.held();
        let of = |part: Part| held.look(&(part, None));
        Written {
            cluster_roles: of(Part::ClusterRoles),
            roles: of(Part::Roles),
            cluster_bindings: of(Part::ClusterRoleBindings),
            bindings: of(Part::RoleBindings),
            accounts: of(Part::ServiceAccounts),
        }
    }

    fn used(&mut self) -> Used {
        match self.outcome(&WORKLOADS.map(|part| (part, None))) {
            Outcome::Complete => Ok(std::mem::take(&mut self.used)),
            Outcome::Denied { permission, detail } => Err(Unread { permission, denied: true, detail }),
            Outcome::Failed { detail } => Err(Unread { permission: Part::Pods.permission(), denied: false, detail }),
        }
    }

    /// The cluster itself, last: it counts the others.
    async fn itself(&mut self) -> Result<(), CollectError> {
        let nodes: Vec<Value> = self.cluster.held().look(&(Part::Nodes, None)).iter().filter_map(object).collect();
        let mut version = Map::new();
        for field in ["major", "minor", "gitVersion", "platform"] {
            version.insert(field.to_owned(), self.discovered.version.get(field).cloned().unwrap_or(Value::Null));
        }
        let fields = Map::from_iter([
            ("version".to_owned(), Value::Object(version)),
            ("distribution".to_owned(), json!(cluster::distribution(&self.discovered, &nodes))),
            ("apiGroups".to_owned(), json!(self.discovered.groups)),
            ("counts".to_owned(), json!(self.counts)),
        ]);
        let name = Name { namespace: "".into(), name: self.naming.cluster.as_str().into() };
        let mut built = self.naming.resource(CLUSTER, "cluster", &name, None, fields);
        built.uid = format!("k8s://{}", self.naming.cluster);
        built.name = self.cluster.name.clone().unwrap_or_else(|| self.naming.cluster.clone());
        let custom = (Part::CustomResources, None);
        match self.known(&custom).outcome(custom.0) {
            Outcome::Complete => {
                let names: Vec<String> =
                    self.cluster.held().look(&custom).iter().map(|(name, _)| name.name.to_string()).collect();
                built.attributes.insert("customResourceDefinitions".to_owned(), json!(names));
            }
            Outcome::Denied { permission, detail } => {
                let why = Unread { permission, denied: true, detail };
                built.unread.insert("customResourceDefinitions".to_owned(), why);
            }
            Outcome::Failed { detail } => {
                let why = Unread { permission: custom.0.permission(), denied: false, detail };
                built.unread.insert("customResourceDefinitions".to_owned(), why);
            }
        }
        match cluster::anonymous(&self.cluster.client).await {
            Ok(told) => built.attributes.extend([("anonymous".to_owned(), told)]),
            Err(why) => built.unread.extend([("anonymous".to_owned(), why)]),
        }
        self.send(Event::Resource(Box::new(built))).await?;
        let scope = self.naming.scope(reader(CLUSTER), None);
        let api_calls = self.cluster.client.take_calls();
        self.send(Event::Ended { scope, outcome: Outcome::Complete, api_calls }).await
    }

    async fn resource(&mut self, resource: Resource) -> Result<(), CollectError> {
        *self.counts.entry(resource.kind.clone()).or_default() += 1;
        self.send(Event::Resource(Box::new(resource))).await
    }

    /// Ends a scope. Lists serve several scopes; all requests are counted with the cluster's own.
    async fn end(&self, scope: ScopeKey, outcome: Outcome) -> Result<(), CollectError> {
        self.send(Event::Ended { scope, outcome, api_calls: 0 }).await
    }

    async fn send(&self, event: Event) -> Result<(), CollectError> {
        self.sink.send(event).await.map_err(|_| CollectError::Cancelled)
    }
}

fn add_kubelet(node: &mut Resource, config: Option<Result<Value, Unread>>) {
    match config {
        Some(Ok(config)) => node.attributes.extend([("kubeletConfig".to_owned(), config)]),
        Some(Err(why)) => node.unread.extend([("kubeletConfig".to_owned(), why)]),
        None => {
            let detail = "the node came and went between two polls".to_owned();
            let why = Unread { permission: cluster::KUBELET.to_owned(), denied: false, detail };
            node.unread.extend([("kubeletConfig".to_owned(), why)]);
        }
    }
}

fn object((_, kept): &(Name, Kept)) -> Option<Value> {
    let Kept::Object { body, .. } = kept else { return None };
    serde_json::from_slice(body).ok()
}
