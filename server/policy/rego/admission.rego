# What is asked before something is let into a cluster.
package lib.admission

import rego.v1

# Namespaces that Kubernetes itself lives in.
system_namespaces := {"kube-system", "kube-public", "kube-node-lease"}

# Whether a namespace refuses pods that break at least the baseline.
enforces(metadata) if {
	object.get(object.get(metadata, "labels", {}), "pod-security.kubernetes.io/enforce", "") in {"baseline", "restricted"}
}

# Policy engines, by a word in the namespace or the name of their service.
engines := {"gatekeeper", "kyverno", "kubewarden", "polaris", "jspolicy", "neuvector", "datree", "styra"}

# Those that do nothing but verify images.
verifiers := {"cosign", "sigstore", "connaisseur", "ratify", "portieris", "notation", "binauthz"}

engines_of(configuration) := named(configuration, engines)

verifiers_of(configuration) := named(configuration, verifiers)

named(configuration, words) := {word |
	some webhook in configuration.webhooks
	some word in words
	contains(where(webhook), word)
}

# Where a webhook is, as far as it says.
where(webhook) := lower(concat("/", [
	object.get(object.get(client(webhook), "service", {}), "namespace", ""),
	object.get(object.get(client(webhook), "service", {}), "name", ""),
	object.get(client(webhook), "url", ""),
]))

client(webhook) := object.get(webhook, "clientConfig", {})
