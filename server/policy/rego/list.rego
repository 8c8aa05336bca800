# Lists that a provider may leave out, send as null, or send as a single value.
package lib.list

import rego.v1

# The value as a list: null and absent are empty, a scalar is a list of one.
of(value) := value if is_array(value)

of(value) := [] if is_null(value)

of(value) := [value] if {
	not is_array(value)
	not is_null(value)
}
