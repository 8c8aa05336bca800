# What the facts of a security group or a network ACL say is open to the internet.
package lib.net

import rego.v1

# Those of the wanted ports that are open from either family of addresses, as sorted lines such as "tcp/22 from ipv4".
# `ports` is by protocol: {"tcp": [22]}.
exposed(open, ports) := exposed_from(open, ports, ["ipv4", "ipv6"])

# The same, from some families alone.
exposed_from(open, ports, families) := sort({line |
	some protocol, numbers in ports
	some number in numbers
	some family in families
	some range in open[protocol][family]
	range[0] <= number
	number <= range[1]
	line := sprintf("%s/%d from %s", [protocol, number, family])
})

# The open ranges that reach into first..last, from either family, as sorted lines.
reaching(open, protocol, first, last) := sort({line |
	some family in ["ipv4", "ipv6"]
	some range in open[protocol][family]
	range[0] <= last
	first <= range[1]
	line := sprintf("%s/%d-%d from %s", [protocol, range[0], range[1], family])
})
