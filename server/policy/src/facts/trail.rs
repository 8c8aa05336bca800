//! What a trail records, out of its classic and advanced event selectors.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// `management`: whether reads and writes are recorded, and the event sources left out. `s3_read`, `s3_write`: how many
/// buckets' objects, `all`, `some` or `none`, and for all, the buckets left out.
pub(super) fn facts(classic: &Value, advanced: &Value) -> Value {
    let mut seen = Recorded::default();
    for selector in items(classic) {
        seen.classic(selector);
    }
    for selector in items(advanced) {
        seen.advanced(selector);
    }
    json!({
        "management": { "read": seen.read.is_some(), "write": seen.write.is_some(), "excluded": seen.excluded() },
        "s3_read": seen.s3_read.told(),
        "s3_write": seen.s3_write.told(),
    })
}

#[derive(Default)]
struct Recorded {
    /// Management events, with the sources left out.
    read: Option<BTreeSet<String>>,
    write: Option<BTreeSet<String>>,
    s3_read: Reach,
    s3_write: Reach,
}

#[derive(Default)]
enum Reach {
    #[default]
    Nothing,
    Some,
    AllBut(BTreeSet<String>),
}

impl Reach {
    fn widen(&mut self, by: &Reach) {
        *self = match (std::mem::take(self), by) {
            (Self::AllBut(one), Self::AllBut(other)) => Self::AllBut(one.intersection(other).cloned().collect()),
            (all @ Self::AllBut(_), _) => all,
            (_, Self::AllBut(names)) => Self::AllBut(names.clone()),
            (Self::Nothing, Self::Nothing) => Self::Nothing,
            _ => Self::Some,
        };
    }

    fn told(&self) -> Value {
        match self {
            Self::Nothing => json!({ "reach": "none", "except": [] }),
            Self::Some => json!({ "reach": "some", "except": [] }),
            Self::AllBut(names) => json!({ "reach": "all", "except": names }),
        }
    }
}

impl Recorded {
    fn excluded(&self) -> BTreeSet<String> {
        [&self.read, &self.write].into_iter().flatten().flatten().cloned().collect()
    }

    fn management(&mut self, reads: bool, writes: bool, left_out: &BTreeSet<String>) {
        let widen = |place: &mut Option<BTreeSet<String>>| {
            *place = Some(match place.take() {
                Some(names) => names.intersection(left_out).cloned().collect(),
                None => left_out.clone(),
            });
        };
        if reads {
            widen(&mut self.read);
        }
        if writes {
            widen(&mut self.write);
        }
    }

    fn objects(&mut self, reads: bool, writes: bool, reach: &Reach) {
        if reads {
            self.s3_read.widen(reach);
        }
        if writes {
            self.s3_write.widen(reach);
        }
    }

    fn classic(&mut self, selector: &Value) {
        // Absent means both, and management events included: the provider's defaults.
        let (reads, writes) = match selector["ReadWriteType"].as_str() {
            Some("ReadOnly") => (true, false),
            Some("WriteOnly") => (false, true),
            Some("All") | None => (true, true),
            Some(_) => return,
        };
        if selector["IncludeManagementEvents"].as_bool().unwrap_or(true) {
            self.management(reads, writes, &words(&selector["ExcludeManagementEventSources"]));
        }
        for resource in items(&selector["DataResources"]) {
            if resource["Type"] == "AWS::S3::Object" {
                let values = words(&resource["Values"]);
                let reach = if values.iter().any(|arn| is_every_bucket(arn)) {
                    Reach::AllBut(BTreeSet::new())
                } else if values.is_empty() {
                    Reach::Nothing
                } else {
                    Reach::Some
                };
                self.objects(reads, writes, &reach);
            }
        }
    }

    fn advanced(&mut self, selector: &Value) {
        let fields = items(&selector["FieldSelectors"]);
        let field = |name: &str| fields.iter().find(|field| field["Field"] == name);
        let (reads, writes) = match field("readOnly").map(|field| words(&field["Equals"])) {
            None => (true, true),
            Some(values) => (values.contains("true"), values.contains("false")),
        };
        let category = field("eventCategory").map(|field| words(&field["Equals"])).unwrap_or_default();
        if category.contains("Management") {
            self.advanced_management(fields, reads, writes);
        }
        let kinds = field("resources.type").map(|field| words(&field["Equals"])).unwrap_or_default();
        if category.contains("Data") && kinds.contains("AWS::S3::Object") {
            self.objects(reads, writes, &advanced_reach(fields));
        }
    }

    fn advanced_management(&mut self, fields: &[Value], reads: bool, writes: bool) {
        let mut left_out = BTreeSet::new();
        for field in fields {
            match field["Field"].as_str() {
                Some("eventCategory" | "readOnly") => {}
                Some("eventSource") if only(field, &["NotEquals"]) => left_out.extend(words(&field["NotEquals"])),
                // Anything else picks out a part of the events.
                _ => return,
            }
        }
        self.management(reads, writes, &left_out);
    }
}

fn advanced_reach(fields: &[Value]) -> Reach {
    let mut left_out = BTreeSet::new();
    for field in fields {
        match field["Field"].as_str() {
            Some("eventCategory" | "readOnly" | "resources.type") => {}
            Some("resources.ARN") if only(field, &["NotEquals", "NotStartsWith"]) => {
                let arns = words(&field["NotEquals"]).into_iter().chain(words(&field["NotStartsWith"]));
                for arn in arns {
                    match arn.split_once(":::").map(|(_, rest)| rest.split('/').next().unwrap_or_default()) {
                        Some(bucket) if !bucket.is_empty() => left_out.insert(bucket.to_owned()),
                        _ => return Reach::Nothing,
                    };
                }
            }
            Some("resources.ARN")
                if only(field, &["StartsWith"])
                    && words(&field["StartsWith"]).iter().any(|arn| is_every_bucket(arn)) => {}
            _ => return Reach::Some,
        }
    }
    Reach::AllBut(left_out)
}

/// Whether the field has no operators but these.
fn only(field: &Value, operators: &[&str]) -> bool {
    const ALL: [&str; 6] = ["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"];
    ALL.iter().all(|operator| operators.contains(operator) || words(&field[*operator]).is_empty())
}

/// `arn:aws:s3` or `arn:aws:s3:::`, in any partition.
fn is_every_bucket(arn: &str) -> bool {
    let mut parts = arn.trim_end_matches(':').split(':');
    parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("s3") && parts.next().is_none()
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn words(list: &Value) -> BTreeSet<String> {
    match list {
        Value::String(one) => BTreeSet::from([one.clone()]),
        _ => items(list).iter().filter_map(|word| word.as_str().map(ToOwned::to_owned)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::facts;
    use serde_json::{Value, json};

    fn advanced(fields: &Value) -> Value {
        facts(&Value::Null, &json!([{ "FieldSelectors": fields }]))
    }

    #[test]
    fn the_default_selector_records_management_events_and_no_objects() {
        let told = facts(
            &json!([{ "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [] }]),
            &json!([]),
        );
        assert_eq!(told["management"], json!({ "read": true, "write": true, "excluded": [] }));
        assert_eq!(told["s3_write"]["reach"], "none");
    }

    #[test]
    fn two_halves_make_a_whole() {
        let halves = json!([
            { "ReadWriteType": "ReadOnly", "IncludeManagementEvents": true },
            { "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true, "ExcludeManagementEventSources": ["kms.amazonaws.com"] },
        ]);
        let told = facts(&halves, &Value::Null);
        assert_eq!(told["management"], json!({ "read": true, "write": true, "excluded": ["kms.amazonaws.com"] }));
    }

    #[test]
    fn classic_selectors_reach_all_buckets_or_some() {
        let of = |kind: &str, arn: &str| {
            let data = json!([{ "Type": "AWS::S3::Object", "Values": [arn] }]);
            facts(
                &json!([{ "ReadWriteType": kind, "IncludeManagementEvents": false, "DataResources": data }]),
                &Value::Null,
            )
        };
        assert_eq!(of("WriteOnly", "arn:aws:s3")["s3_write"]["reach"], "all");
        assert_eq!(of("WriteOnly", "arn:aws:s3")["s3_read"]["reach"], "none");
        assert_eq!(of("All", "arn:aws-cn:s3:::")["s3_read"]["reach"], "all");
        assert_eq!(of("All", "arn:aws:s3:::one/")["s3_read"]["reach"], "some");
        assert_eq!(of("All", "arn:aws:s3:::one/")["management"]["read"], json!(false));
    }

    #[test]
    fn advanced_selectors_are_narrowed_by_their_fields() {
        let data = json!({ "Field": "eventCategory", "Equals": ["Data"] });
        let objects = json!({ "Field": "resources.type", "Equals": ["AWS::S3::Object"] });
        let told = advanced(&json!([data, objects]));
        assert_eq!((&told["s3_read"]["reach"], &told["s3_write"]["reach"]), (&json!("all"), &json!("all")));
        let told = advanced(&json!([data, objects, { "Field": "readOnly", "Equals": ["false"] }]));
        assert_eq!((&told["s3_read"]["reach"], &told["s3_write"]["reach"]), (&json!("none"), &json!("all")));
        let told =
            advanced(&json!([data, objects, { "Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::logs/"] }]));
        assert_eq!(told["s3_write"], json!({ "reach": "all", "except": ["logs"] }));
        for narrow in [
            json!({ "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::one/"] }),
            json!({ "Field": "eventName", "Equals": ["PutObject"] }),
            json!({ "Field": "resources.ARN", "NotEndsWith": [".log"] }),
        ] {
            assert_eq!(advanced(&json!([data, objects, narrow]))["s3_write"]["reach"], "some");
        }
        let management = json!({ "Field": "eventCategory", "Equals": ["Management"] });
        let told = advanced(&json!([management, { "Field": "eventSource", "NotEquals": ["kms.amazonaws.com"] }]));
        assert_eq!(told["management"], json!({ "read": true, "write": true, "excluded": ["kms.amazonaws.com"] }));
        let told = advanced(&json!([management, { "Field": "eventName", "Equals": ["DeleteTrail"] }]));
        assert_eq!(told["management"]["write"], json!(false));
    }
}
