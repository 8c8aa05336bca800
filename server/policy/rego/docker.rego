# What checks of Docker engines and containers share.
package lib.docker

import rego.v1

import data.lib.list

# Whether --security-opt says this of that; older engines take a colon for the equals sign.
said(config, name, value) if {
	some option in list.of(object.get(config, "SecurityOpt", null))
	lower(option) in {concat("=", [name, value]), concat(":", [name, value])}
}

# Whether the engine has a security feature on: apparmor, selinux, seccomp, userns, rootless.
engine_has(attributes, name) if {
	some option in list.of(attributes.SecurityOptions)
	some part in split(option, ",")
	part == concat("=", ["name", name])
}

# A capability without its prefix, in capitals.
capability(name) := trim_prefix(upper(name), "CAP_")

# Those that an engine gives where nothing is said.
usual_capabilities := {
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

# Those by which a container takes its host over, or looks into its neighbours.
dangerous_capabilities := {
	"ALL", "BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN",
	"PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME",
}

# Host ports that are published, as {port, container, address}. A container that does not run has them in its settings alone.
published(config) := {p |
	some inside, bindings in object.get(config, "PortBindings", {})
	some binding in list.of(bindings)
	p := {
		"container": inside,
		"address": object.get(binding, "HostIp", ""),
		"port": object.get(binding, "HostPort", ""),
	}
}

# What is mounted from the host itself, its path without a slash at the end.
binds(mounts) := [m |
	some mount in list.of(mounts)
	mount.Type == "bind"
	m := {"source": clean(mount.Source), "destination": mount.Destination, "writable": object.get(mount, "RW", true)}
]

# The same of volumes that are folders of the host.
bound(mounts, volumes) := [m |
	some mount in list.of(mounts)
	mount.Type == "volume"
	some volume in volumes
	volume.attributes.Name == mount.Name
	is_string(volume.attributes.Device)
	m := {"source": clean(volume.attributes.Device), "destination": mount.Destination, "writable": object.get(mount, "RW", true)}
]

clean(path) := "/" if trim_right(path, "/") == ""

clean(path) := trim_right(path, "/") if trim_right(path, "/") != ""

# Whether a path is that folder or lies below it.
within(path, folder) if path == folder

within(path, folder) if startswith(path, concat("", [folder, "/"]))
