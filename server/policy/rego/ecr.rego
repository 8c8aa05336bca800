# The wildcard filters by which ECR chooses repositories and tags.
package lib.ecr

import rego.v1

# A scanning filter and a repository's name: `*` stands for any run of characters, and a filter without one matches every
# name that contains it.
chooses(filter, name) if {
	not contains(filter, "*")
	contains(name, filter)
}

chooses(filter, name) if {
	contains(filter, "*")
	matches(filter, name)
}

# A filter in which `*` stands for any run of characters, and the rest for itself.
matches(filter, text) if {
	parts := [replace(part, ".", "\\.") | some part in split(filter, "*")]
	regex.match(concat("", ["^", concat(".*", parts), "$"]), text)
}

# How often the registry's rules scan a repository: the frequencies of all the rules that choose it.
frequencies(configuration, name) := {rule.scanFrequency |
	some rule in configuration.rules
	some filter in rule.repositoryFilters
	chooses(filter.filter, name)
}
