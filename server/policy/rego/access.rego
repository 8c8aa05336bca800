# Subjects of roles: which powers count, and by which grants they are held.
package lib.access

import rego.v1

# Powers that lead to the whole cluster from wherever they are held.
anywhere := {"everything", "escalate", "bind", "impersonate", "nodes_proxy", "approve_certificates", "change_webhooks", "create_volumes"}

# Powers that are daily work in a namespace, and lead to the whole cluster when held in all of them, or in kube-system.
wherever_strong := {"read_secrets", "create_pods", "create_workloads", "exec", "debug", "issue_tokens"}

# Names that stand for the whole cluster: a power that is held for other names alone is a narrow one.
strong := {"cluster-admin", "admin", "edit", "system:masters", "system:admin", "kubernetes-admin"}

# Whether a grant gives its power over more than a few harmless names.
broad(grant) if count(grant.names) == 0

broad(grant) if {
	some name in grant.names
	name in strong
}

# Whether a grant reaches all namespaces, or the one that holds the cluster together.
wide(grant) if is_null(grant.namespace)

wide(grant) if grant.namespace == "kube-system"

held(powers, power) := [grant |
	some grant in object.get(powers, power, [])
	broad(grant)
]

held_wide(powers, power) := [grant |
	some grant in held(powers, power)
	wide(grant)
]

# The powers among these facts by which the cluster can be taken over.
takes_cluster(powers) := {power |
	some power, _ in powers
	power in anywhere
	count(held(powers, power)) > 0
} | {power |
	some power, _ in powers
	power in wherever_strong
	count(held_wide(powers, power)) > 0
}

# The status of a check of a subject by the grants that it found. What comes with the cluster is not judged.
status(grants) := "not_applicable" if {
	not input.facts.judged
} else := "fail" if {
	count(grants) > 0
} else := "pass"

# Grants as people read them.
shown(grants) := [concat("", [object.get(grant, "binding", ""), " → ", object.get(grant, "role", ""), place(grant), narrowed(grant)]) |
	some grant in grants
]

place(grant) := " in the whole cluster" if {
	is_null(grant.namespace)
} else := concat("", [" in ", grant.namespace])

narrowed(grant) := "" if {
	count(grant.names) == 0
} else := concat("", [" for ", concat(", ", grant.names)])
