# Ages in days.
package lib.age

import rego.v1

# Days from an RFC 3339 instant to `now`; undefined where either is no instant.
days(instant, now) := (time.parse_rfc3339_ns(now) - time.parse_rfc3339_ns(instant)) / 86400000000000 if {
	is_instant(instant)
	is_instant(now)
}

is_instant(text) if {
	is_string(text)
	regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$`, text)
}
