# Whether somebody is told of the events of a monitoring control: a trail delivers them to a log group, metric filters
# count them, an alarm watches the count, and its topic has a subscriber. The account's `trails`, `organization_trails`,
# `filters`, `alarms`, `subscriptions`, and the source's `accounts` are the related resources that it takes.
package lib.monitoring

import rego.v1

import data.lib.list
import data.lib.trail

# The log groups to which the management events of all regions go.
groups := [group |
	some seen in trail.seen
	trail.is_account_wide(seen)
	trail.records_all_management_events(seen)
	not delivery_fails(seen)
	parts := split(seen.attributes.CloudWatchLogsLogGroupArn, ":")
	count(parts) > 6
	group := {"region": parts[3], "account": parts[4], "name": parts[6], "excluded": seen.facts.management.excluded}
]

delivery_fails(seen) if {
	error := seen.attributes.Status.LatestCloudWatchLogsDeliveryError
	is_string(error)
	error != ""
}

elsewhere := [group | some group in groups; group.account != input.account]

# Controls whose events all come from one service, which a trail may leave out.
sources := {
	"iam_policy_changes": "iam.amazonaws.com",
	"trail_changes": "cloudtrail.amazonaws.com",
	"key_deletion": "kms.amazonaws.com",
	"bucket_policy_changes": "s3.amazonaws.com",
	"config_changes": "config.amazonaws.com",
	"security_group_changes": "ec2.amazonaws.com",
	"security_group_rule_changes": "ec2.amazonaws.com",
	"network_acl_changes": "ec2.amazonaws.com",
	"gateway_changes": "ec2.amazonaws.com",
	"route_changes": "ec2.amazonaws.com",
	"vpc_changes": "ec2.amazonaws.com",
	"organization_changes": "organizations.amazonaws.com",
}

leaves_out(group, control) if {
	some source in group.excluded
	source == sources[control]
}

# Failures happen all day long, so that an alarm may wait for a handful of them.
tolerance(control) := 10 if {
	control in {"unauthorized_api_calls", "sign_in_failures"}
} else := 1

# Filters over those log groups that see at least a part of the control's events.
filters(control) := [filter |
	some filter in input.related.filters
	is_array(filter.facts.misses[control])
	is_fed(filter, control)
]

is_fed(filter, control) if {
	some group in groups
	group.account == filter.account
	group.region == filter.region
	group.name == filter.attributes.logGroupName
	not leaves_out(group, control)
}

# Together the filters see all: nothing is missed by every one of them.
complete(control, seeing) if {
	count(seeing) > 0
	count(missed(control, seeing)) == 0
}

missed(control, seeing) := [event |
	count(seeing) > 0
	some event in seeing[0].facts.misses[control]
	every filter in seeing {
		event in filter.facts.misses[control]
	}
]

# Alarms that one event in the filter's metric raises.
watching(filter, bound) := [alarm |
	some alarm in input.related.alarms
	alarm.region == filter.region
	some change in filter.attributes.metricTransformations
	not has_dimensions(change)
	watches(alarm, change)
	value := number_of(change.metricValue)
	value > 0
	is_raised(alarm, highest(alarm, change, value, bound), bound)
]

# A metric in dimensions is as many metrics as there are values, and an alarm watches one of them.
has_dimensions(change) if {
	is_object(change.dimensions)
	count(change.dimensions) > 0
}

number_of(text) := to_number(text) if {
	is_string(text)
	trim(text, "0123456789.") == ""
	parts := split(text, ".")
	count(parts) < 3
	every part in parts {
		part != ""
	}
}

watches(alarm, change) if {
	alarm.attributes.MetricName == change.metricName
	alarm.attributes.Namespace == change.metricNamespace
	count(list.of(alarm.attributes.Dimensions)) == 0
}

watches(alarm, change) if {
	count(alarm.attributes.Metrics) == 1
	metric := alarm.attributes.Metrics[0].MetricStat.Metric
	metric.MetricName == change.metricName
	metric.Namespace == change.metricNamespace
	count(list.of(metric.Dimensions)) == 0
}

statistic(alarm) := alarm.attributes.Statistic if is_string(alarm.attributes.Statistic)

statistic(alarm) := alarm.attributes.Metrics[0].MetricStat.Stat if not is_string(alarm.attributes.Statistic)

# The highest threshold that still says something: what `bound` events add up to.
highest(alarm, change, value, bound) := value * bound if statistic(alarm) == "Sum"

highest(alarm, change, value, bound) := value if statistic(alarm) == "Maximum"

highest(alarm, change, value, bound) := value if {
	statistic(alarm) in {"Average", "Minimum"}
	not is_number(change.defaultValue)
}

is_raised(alarm, top, bound) if {
	exceeds(alarm.attributes.ComparisonOperator, alarm.attributes.Threshold, top)
	is_prompt(alarm, bound)
}

exceeds("GreaterThanOrEqualToThreshold", threshold, top) if {
	is_number(threshold)
	threshold > 0
	threshold <= top
}

exceeds("GreaterThanThreshold", threshold, top) if {
	is_number(threshold)
	threshold >= 0
	threshold < top
}

is_prompt(alarm, bound) if alarm.attributes.DatapointsToAlarm == 1

is_prompt(alarm, bound) if {
	not is_number(alarm.attributes.DatapointsToAlarm)
	alarm.attributes.EvaluationPeriods == 1
}

is_prompt(alarm, bound) if bound > 1

# The topics that are told: by the alarm, or by a composite alarm that it raises alone.
topics(alarm) := {topic |
	some speaker in array.concat([alarm], raised_by(alarm))
	speaker.attributes.ActionsEnabled == true
	some topic in list.of(speaker.attributes.AlarmActions)
	split(topic, ":")[2] == "sns"
}

raised_by(alarm) := [composite |
	some composite in input.related.alarms
	composite.region == alarm.region
	not is_string(composite.attributes.ActionsSuppressor)
	some child in composite.facts.any_of
	child in {alarm.attributes.AlarmName, alarm.uid}
]

is_heard(topic) if {
	some subscription in input.related.subscriptions
	subscription.attributes.TopicArn == topic
	startswith(subscription.attributes.SubscriptionArn, "arn:")
}

is_foreign(topic) if split(topic, ":")[4] != input.account

# Filters whose events somebody is told of; and those whose topic is another account's, where nobody can see.
heard(control) := [filter |
	some filter in filters(control)
	some alarm in watching(filter, tolerance(control))
	some topic in topics(alarm)
	is_heard(topic)
]

heard_or_foreign(control) := [filter |
	some filter in filters(control)
	some alarm in watching(filter, tolerance(control))
	some topic in topics(alarm)
	is_heard_or_foreign(topic)
]

is_heard_or_foreign(topic) if is_heard(topic)

is_heard_or_foreign(topic) if is_foreign(topic)

is_in_source(account) if {
	some known in input.related.accounts
	known.account == account
}

is_judged_elsewhere if {
	some group in elsewhere
	is_in_source(group.account)
}

# An organization's log group in another account is judged in that account, where the source holds it. No body here loops
# by itself: after a loop that finds nothing, the engine forgets the branches that follow.
verdict(control) := "pass" if {
	complete(control, heard(control))
} else := "unknown" if {
	complete(control, heard_or_foreign(control))
} else := "not_applicable" if {
	is_judged_elsewhere
} else := "unknown" if {
	count(elsewhere) > 0
} else := "fail"

# Where the chain ends: what was found at each link.
observed(control) := {
	"log_groups": sort({group.name | some group in groups}),
	"filters": sort({filter.name | some filter in filters(control)}),
	"missed_events": missed(control, filters(control)),
	"alarms": sort({alarm.name | some filter in filters(control); some alarm in watching(filter, tolerance(control))}),
	"topics": sort({topic |
		some filter in filters(control)
		some alarm in watching(filter, tolerance(control))
		some topic in topics(alarm)
	}),
	"told": sort({filter.name | some filter in heard(control)}),
}
