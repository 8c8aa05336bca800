# What images say of themselves, as far as more than one check asks it.
package lib.image

import rego.v1

# The flaws of one class; each is a failure of its own.
flaws(class) := [flaw |
	some flaw in input.facts.flaws
	flaw.class == class
]

# What is shown of flaws together.
tally(failures) := {"flaws": count(failures), "components": input.attributes.ComponentCount}

# Why the absence of flaws says nothing; undefined where it does.
unseen := "Its components were not held against advisories yet." if {
	not is_array(input.facts.flaws)
} else := message if {
	some_of := input.facts.unjudged
	some_of.count > 0
	message := concat("", [
		format_int(some_of.count, 10), " of its components could not be judged: ",
		trim_right(concat("; ", some_of.examples), "."), ".",
	])
} else := "Some of its lists of components could not be read, and what they list is not known." if {
	count(input.attributes.Unreadable) > 0
} else := "No component was recognized in it, and so there is nothing to hold against advisories." if {
	not input.attributes.ComponentCount > 0
}

# Secrets of less weight: a password protects them, they end soon, or they are of use from some places only.
lesser := {"encrypted_private_key", "key_store", "jwt", "google_api_key"}

# Secrets that are meant: not those of tests, examples and documentation, which are made to be seen.
meant := [secret |
	some secret in input.attributes.Secrets
	not secret.test
]

# Secrets as failures: one for each value, wherever it stands.
secrets(chosen) := [failure |
	some fingerprint in {secret.fingerprint | some secret in chosen}
	same := [secret | some secret in chosen; secret.fingerprint == fingerprint]
	failure := {
		"subject": fingerprint,
		"message": concat("", [replace(same[0].kind, "_", " "), " ", place(same[0]), and_more(count(same) - 1)]),
		"observed": {"kind": same[0].kind, "places": [place(secret) | some secret in same]},
	}
]

place(secret) := concat(" ", ["in the variable", secret.name]) if {
	secret.where == "env"
} else := concat(" ", ["in the label", secret.name]) if {
	secret.where == "label"
} else := "in the command that it starts with" if {
	secret.where == "command"
} else := concat(" ", ["in step", format_int(to_number(secret.name) + 1, 10), "of its history"]) if {
	secret.where == "history"
} else := concat("", ["in /", secret.path, ", line ", format_int(secret.line, 10), hidden(secret)])

hidden(secret) := "" if secret.visible else := ", which a later layer hides and does not remove"

and_more(extra) := "" if {
	extra == 0
} else := " and in 1 more place" if {
	extra == 1
} else := concat("", [" and in ", format_int(extra, 10), " more places"])

# The layers that are the image's own, by what made them: those that its base brought are the base's to change.
own := array.slice(made, input.facts.base.layers, count(made)) if {
	is_number(input.facts.base.layers)
	count(made) == count(input.attributes.Layers)
} else := made

# What made each layer, lowest first; null where the history does not say.
made := [step.created_by |
	some step in input.attributes.History
	not step.empty_layer
]

# Whether the image keeps a history that says anything.
has_history if {
	some step in input.attributes.History
	is_string(step.created_by)
}

no_history := "The image keeps no history that says how it was built."
