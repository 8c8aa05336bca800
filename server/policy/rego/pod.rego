# Workloads: which are judged, and what is said of their containers.
package lib.pod

import rego.v1

# What a node or a distribution is made of.
is_platform if input.facts.pod.platform

namespace := input.facts.pod.namespace

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
