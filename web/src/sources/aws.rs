//! What an AWS source takes: what is typed, and the settings and secret it becomes.

use super::form::Credential;
use plumbline_core::id::TenantId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// What was typed. The secret key is read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct AwsForm {
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

impl AwsForm {
    /// An empty form.
    pub(super) fn new() -> Self {
        Self {
            by: "role".to_owned(),
            management: "role".to_owned(),
            member_role: "PlumblineRead".to_owned(),
            home_region: "us-east-1".to_owned(),
            ..Self::default()
        }
    }

    /// The form of a source as it is stored, without its secret.
    pub(super) fn stored(settings: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let access = &settings["access"];
        let regions = settings["regions"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            by: word(&access["by"]),
            role_arn: word(&access["role_arn"]),
            management: if access["role_arn"].is_string() { "role" } else { "key" }.to_owned(),
            management_role_arn: word(&access["role_arn"]),
            member_role: word(&access["member_role"]),
            endpoint: word(&settings["endpoint"]),
            home_region: word(&settings["home_region"]),
            regions: regions.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
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

    /// What is missing of the key, which must be typed whole.
    pub(super) fn check_key(&self) -> Option<&'static str> {
        let whole = !self.access_key_id.trim().is_empty() && !self.secret_access_key.expose_secret().trim().is_empty();
        (self.takes_key() && !whole).then(|| self.credential().missing())
    }

    /// What is typed to get in.
    pub(super) fn credential(&self) -> Credential {
        match self.takes_key() {
            true => Credential::Key { id: "access_key_id", secret: "secret_access_key" },
            false => Credential::None,
        }
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
            let form = AwsForm {
                by: by.to_owned(),
                management: management.to_owned(),
                role_arn: "arn:aws:iam::111122223333:role/Reader".to_owned(),
                management_role_arn: "arn:aws:iam::111122223333:role/Reader".to_owned(),
                regions: "eu-west-1 EU-central-1".to_owned(),
                endpoint: "https://aws.example.com".to_owned(),
                ..AwsForm::new()
            };
            let settings = form.settings("plumbline-1");
            let again = AwsForm::stored(&settings);
            assert_eq!(again.settings("plumbline-1"), settings, "{by} {management}");
        }
    }

    #[test]
    fn a_key_is_only_kept_where_one_is_used() {
        let key = AwsForm {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: SecretString::from("hush"),
            ..AwsForm::new()
        };
        assert_eq!(key.secret().expose_secret(), "{}");
        let used = AwsForm { by: "access_key".to_owned(), ..key };
        assert!(used.secret().expose_secret().contains("hush"));
        assert!(!format!("{used:?}").contains("hush"), "a secret is not printed");
    }
}
