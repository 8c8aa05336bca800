# Workloads: which are judged, and what is said of their containers.
package lib.pod

import rego.v1

# Agents of nodes and networks that every distribution brings along: they are what a node is made of, and cannot be without
# it. Whoever may write into kube-system has the cluster anyway.
agents := {
	"anetd", "antrea-agent", "aws-node", "azure-cns", "azure-ip-masq-agent", "azure-npm", "calico-node", "canal", "cilium",
	"cilium-envoy", "cloud-node-manager", "csi-azuredisk-node", "csi-azurefile-node", "ebs-csi-node", "efs-csi-node",
	"eks-pod-identity-agent", "gke-metadata-server", "ip-masq-agent", "kindnet", "konnectivity-agent", "kube-flannel-ds",
	"kube-proxy", "kube-router", "netd", "node-local-dns", "pdcsi-node", "weave-net",
}

namespace := object.get(object.get(input.attributes, "metadata", {}), "namespace", "")

name := object.get(object.get(input.attributes, "metadata", {}), "name", "")

is_platform if {
	namespace == "kube-system"
	input.facts.pod.static
}

is_platform if {
	namespace == "kube-system"
	name in agents
}

is_windows if input.facts.pod.os == "windows"

# What a restrictive setting means nothing for.
nothing_to_judge if count(input.facts.containers) == 0

nothing_to_judge if is_platform

names(containers) := sort([container.name | some container in containers])

# The status of a check by what it found wrong.
status(bad) := "not_applicable" if {
	nothing_to_judge
} else := "fail" if {
	count(bad) > 0
} else := "pass"

# The same of a check that says nothing of Windows.
linux_status(bad) := "not_applicable" if {
	nothing_to_judge
} else := "not_applicable" if {
	is_windows
} else := "fail" if {
	count(bad) > 0
} else := "pass"

# Containers that go on running once the pod has started.
lasting := [container |
	some container in input.facts.containers
	container.role in {"regular", "sidecar"}
]
