# Trails as an account sees them: its own (related `trails`), and its organization's (related `organization_trails`).
package lib.trail

import rego.v1

seen := array.concat(input.related.trails, input.related.organization_trails)

is_logging(trail) if trail.attributes.Status.IsLogging == true

# It records all regions, and is on.
is_account_wide(trail) if {
	trail.attributes.IsMultiRegionTrail == true
	is_logging(trail)
}

records_all_management_events(trail) if {
	trail.facts.management.read == true
	trail.facts.management.write == true
}

# A trail records the objects of every bucket, save at most the ones that trails write to themselves.
records_objects(trail, fact) if {
	trail.facts[fact].reach == "all"
	left_out := {name | some name in trail.facts[fact].except}
	count(left_out - own_buckets) == 0
}

own_buckets := {name | some trail in seen; name := trail.attributes.S3BucketName; is_string(name)}

names(trails) := sort([trail.name | some trail in trails])
