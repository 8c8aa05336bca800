# Components of the control plane: what their flags say. A cluster whose control plane its provider runs shows none of them,
# and so nothing is judged there; the provider answers for them.
package lib.component

import data.lib.tls
import rego.v1

# Whether a flag that takes a text was given one.
given(flag) if is_string(input.facts.flags[flag])

# Flags as they are in force, for showing.
shown(flags) := {flag: object.get(input.facts.flags, flag, null) | some flag in flags}

audits if given("audit-log-path")

audits if given("audit-webhook-config-file")

# What says how long files are kept means nothing where no file is written, but for the server that audits nothing at all.
no_audit_file if input.facts.flags["audit-log-path"] == "-"

no_audit_file if {
	not given("audit-log-path")
	given("audit-webhook-config-file")
}

# Whether an address, with or without a port, is of the loopback.
is_loopback(address) if regex.match(`^(127\.[0-9.]+|localhost|::1|\[::1\])(:[0-9]+)?$`, address)

no_plain_listener(urls) if {
	plain := [url |
		some url in urls
		startswith(lower(url), "http://")
		not is_loopback(trim_right(substring(url, 7, -1), "/"))
	]
	count(plain) == 0
}

strong_ciphers if input.facts.flags["tls-min-version"] == "VersionTLS13"

strong_ciphers if {
	suites := input.facts.flags["tls-cipher-suites"]
	count(suites) > 0
	count({suite | some suite in suites} - tls.strong) == 0
}
