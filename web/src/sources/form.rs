//! The form of an AWS source: what is typed, and the settings and secret it becomes.

use plumbline_core::collect::Connection;
use plumbline_core::id::TenantId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// How often a source may be polled, in seconds.
const INTERVALS: [i32; 7] = [60, 300, 900, 3600, 14_400, 43_200, 86_400];

/// What was typed. The secret key is read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct SourceForm {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) role_arn: String,
    /// How the management account of an organization is entered: `role` or `key`.
    #[serde(default)]
    pub(super) management: String,
    #[serde(default)]
    pub(super) management_role_arn: String,
    #[serde(default)]
    pub(super) member_role: String,
    #[serde(default)]
    pub(super) access_key_id: String,
    #[serde(default)]
    pub(super) secret_access_key: SecretString,
    #[serde(default)]
    pub(super) endpoint: String,
    #[serde(default)]
    pub(super) home_region: String,
    #[serde(default)]
    pub(super) regions: String,
    #[serde(default)]
    pub(super) poll_seconds: String,
}

/// What the form lacks: sentences beside fields, and one on top for what the collector says.
#[derive(Debug, Clone, Default)]
pub(super) struct FormErrors {
    pub(super) top: Option<String>,
    pub(super) name: Option<String>,
    pub(super) access_key: Option<&'static str>,
    pub(super) poll: Option<&'static str>,
}

impl FormErrors {
    pub(super) fn any(&self) -> bool {
        self.top.is_some() || self.name.is_some() || self.access_key.is_some() || self.poll.is_some()
    }
}

/// One choice of how often.
pub(super) struct Interval {
    pub(super) seconds: i32,
    pub(super) words: String,
    pub(super) chosen: bool,
}

/// The id by which a customer's role knows that it is this tenant that asks. It follows from the tenant and cannot be
/// typed, so that no tenant makes us assume the role of another.
pub(super) fn external_id(tenant: TenantId) -> String {
    format!("plumbline-{}", tenant.0.simple())
}

/// The external id of a source that is stored: its own, where the operator gave it one.
pub(super) fn external_id_of(settings: &Value, tenant: TenantId) -> String {
    settings["access"]["external_id"].as_str().map_or_else(|| external_id(tenant), str::to_owned)
}

impl SourceForm {
    /// An empty form.
    pub(super) fn new() -> Self {
        Self {
            by: "role".to_owned(),
            management: "role".to_owned(),
            member_role: "PlumblineRead".to_owned(),
            home_region: "us-east-1".to_owned(),
            poll_seconds: "3600".to_owned(),
            ..Self::default()
        }
    }

    /// The form of a source as it is stored, without its secret.
    pub(super) fn stored(name: &str, poll_seconds: i32, settings: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let access = &settings["access"];
        let regions = settings["regions"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            name: name.to_owned(),
            by: word(&access["by"]),
            role_arn: word(&access["role_arn"]),
            management: if access["role_arn"].is_string() { "role" } else { "key" }.to_owned(),
            management_role_arn: word(&access["role_arn"]),
            member_role: word(&access["member_role"]),
            endpoint: word(&settings["endpoint"]),
            home_region: word(&settings["home_region"]),
            regions: regions.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            poll_seconds: poll_seconds.to_string(),
            ..Self::default()
        }
    }

    /// Whether the source has a key of its own, rather than a role that our identity assumes.
    pub(super) fn takes_key(&self) -> bool {
        self.by == "access_key" || (self.by == "organization" && self.management == "key")
    }

    /// The collector's settings.
    pub(super) fn settings(&self, external_id: &str) -> Value {
        let access = match self.by.as_str() {
            "access_key" => json!({ "by": "access_key" }),
            "organization" if self.takes_key() => {
                json!({ "by": "organization", "member_role": self.member_role.trim(), "external_id": external_id })
            }
            "organization" => json!({
                "by": "organization", "role_arn": self.management_role_arn.trim(),
                "member_role": self.member_role.trim(), "external_id": external_id,
            }),
            _ => json!({ "by": "role", "role_arn": self.role_arn.trim(), "external_id": external_id }),
        };
        let region = |text: &str| text.trim().to_ascii_lowercase();
        let regions = self.regions.split([',', ' ', '\n', '\r', '\t', ';']).map(region).filter(|name| !name.is_empty());
        let home = region(&self.home_region);
        let mut settings = json!({
            "access": access,
            "home_region": if home.is_empty() { "us-east-1" } else { &home },
            "regions": regions.collect::<Vec<_>>(),
        });
        if !self.endpoint.trim().is_empty() {
            settings["endpoint"] = json!(self.endpoint.trim());
        }
        settings
    }

    /// The collector's secret.
    pub(super) fn secret(&self) -> SecretString {
        if !self.takes_key() {
            return SecretString::from("{}");
        }
        let secret = json!({
            "access_key_id": self.access_key_id.trim(),
            "secret_access_key": self.secret_access_key.expose_secret().trim(),
        });
        SecretString::from(secret.to_string())
    }

    /// What was typed, as the collector takes it.
    pub(super) fn connection(&self, external_id: &str) -> Connection {
        Connection { settings: self.settings(external_id), secret: self.secret() }
    }

    /// What is wrong with the name and the interval.
    pub(super) fn check_frame(&self) -> FormErrors {
        let name = self.name.trim();
        FormErrors {
            name: (!(1..=120).contains(&name.chars().count()))
                .then(|| "Give it a name of 1 to 120 characters.".to_owned()),
            poll: self.seconds().is_none().then_some("Choose how often it is read."),
            ..FormErrors::default()
        }
    }

    /// What is wrong with the key, which must be typed whole.
    pub(super) fn check_key(&self) -> Option<&'static str> {
        let whole = !self.access_key_id.trim().is_empty() && !self.secret_access_key.expose_secret().trim().is_empty();
        (self.takes_key() && !whole).then_some("Type both the key's id and its secret.")
    }

    /// How often, when that is one of the choices or what is stored.
    pub(super) fn seconds(&self) -> Option<i32> {
        self.poll_seconds.parse().ok().filter(|seconds| (30..=604_800).contains(seconds))
    }

    /// The choices of how often; what is stored is among them.
    pub(super) fn intervals(&self) -> Vec<Interval> {
        let stored = self.seconds();
        let mut all: Vec<i32> = INTERVALS.into_iter().chain(stored).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
            .map(|seconds| Interval {
                seconds,
                words: crate::words::capital(&super::every(seconds)),
                chosen: Some(seconds) == stored,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_source_comes_back_as_it_was_typed() {
        for (by, management) in
            [("role", "role"), ("access_key", "key"), ("organization", "role"), ("organization", "key")]
        {
            let form = SourceForm {
                by: by.to_owned(),
                management: management.to_owned(),
                role_arn: "arn:aws:iam::111122223333:role/Reader".to_owned(),
                management_role_arn: "arn:aws:iam::111122223333:role/Reader".to_owned(),
                regions: "eu-west-1 EU-central-1".to_owned(),
                endpoint: "https://aws.example.com".to_owned(),
                ..SourceForm::new()
            };
            let settings = form.settings("plumbline-1");
            let again = SourceForm::stored("n", 3600, &settings);
            assert_eq!(again.settings("plumbline-1"), settings, "{by} {management}");
        }
    }

    #[test]
    fn a_key_is_only_kept_where_one_is_used() {
        let key = SourceForm {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: SecretString::from("hush"),
            ..SourceForm::new()
        };
        assert_eq!(key.secret().expose_secret(), "{}");
        let used = SourceForm { by: "access_key".to_owned(), ..key };
        assert!(used.secret().expose_secret().contains("hush"));
        assert!(!format!("{used:?}").contains("hush"), "a secret is not printed");
    }
}
