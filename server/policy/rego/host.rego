# What checks of hosts share: modes and owners of files, flags of daemons, and what the audit watches.
package lib.host

import rego.v1

# The digits that an octal digit covers: those whose bits it all has.
covers := {
	"0": {"0"},
	"1": {"0", "1"},
	"2": {"0", "2"},
	"3": {"0", "1", "2", "3"},
	"4": {"0", "4"},
	"5": {"0", "1", "4", "5"},
	"6": {"0", "2", "4", "6"},
	"7": {"0", "1", "2", "3", "4", "5", "6", "7"},
}

# Whether a mode of four octal digits gives nothing that the limit does not: bit by bit, for 0577 is a smaller number than
# 0644 and gives more. The setuid, setgid and sticky bits, which stand first, are not compared.
at_most(mode, limit) if {
	some_digits := [covers[substring(limit, at, 1)] | some at in [1, 2, 3]]
	digits := [substring(mode, at, 1) | some at in [1, 2, 3]]
	digits[0] in some_digits[0]
	digits[1] in some_digits[1]
	digits[2] in some_digits[2]
}

# The files of a purpose, as [{path, file}]; those that are not there are left out.
files(attributes, purpose) := [one |
	some path in object.get(attributes.Paths, purpose, [])
	file := object.get(attributes.Files, path, null)
	is_object(file)
	one := {"path": path, "file": file}
]

# Those of them that could not be looked at.
unseen(found) := [one.path | some one in found; not is_string(one.file.mode)]

# A daemon's flags; null where it does not run.
flags(attributes, daemon) := object.get(object.get(attributes.Processes, daemon, {}), "Flags", null)

# The last value of a flag of the Docker daemon, or else what daemon.json says; null where neither says anything.
docker_setting(attributes, name) := value if {
	all := flags(attributes, "dockerd")[name]
	count(all) > 0
	value := all[count(all) - 1]
} else := object.get(attributes.DaemonJson, name, null)

# Whether such a setting is on: true in daemon.json, "true" or without a value among the flags.
docker_on(attributes, name) if docker_setting(attributes, name) in {true, "true", "1", "t", "T", "TRUE", "True"}

docker_off(attributes, name) if docker_setting(attributes, name) in {false, "false", "0", "f", "F", "FALSE", "False"}

docker_runs(attributes) if is_object(flags(attributes, "dockerd"))

# Whether a rule of the audit watches this path, itself or by a folder above it, for writing and for changes of its attributes.
watched(attributes, path) if {
	some rule in attributes.AuditRules
	is_string(rule.Path)
	covers_path(rule.Path, path)
	contains(rule.Permissions, "w")
	contains(rule.Permissions, "a")
}

covers_path(watch, path) if watch == path

covers_path(watch, path) if startswith(path, concat("", [watch, "/"]))
