//! IAM: the root user, users with their credentials, groups, roles, policies, identity providers and certificates.
//!
//! `GetAccountAuthorizationDetails` answers for principals and policies with their documents, a page at a time, which
//! saves several calls for each of them.

pub(super) mod credentials;
mod policies;
mod principals;
mod providers;
mod report;
mod users;

use crate::attributes::{ToAttr, document, object};
use crate::reader::{ReadError, Reader, Scope, reader};
use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, PolicyDetail, Tag};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[
    reader!("iam.root", credentials::root),
    reader!("iam.virtual_mfa_devices", credentials::virtual_mfa_devices),
    reader!("iam.server_certificates", credentials::server_certificates),
    reader!("iam.users", users::users),
    reader!("iam.groups", principals::groups),
    reader!("iam.roles", principals::roles),
    reader!("iam.policies", policies::policies),
    reader!("iam.saml_providers", providers::saml),
    reader!("iam.oidc_providers", providers::oidc),
];

/// What it takes to list principals and policies.
const DETAILS: &str = "iam:GetAccountAuthorizationDetails";

/// A policy document, which IAM sends percent-encoded.
fn decoded(text: &str) -> Value {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).map_or_else(|_| Value::from(text), |plain| document(&plain))
}

fn inline(policies: &[PolicyDetail]) -> Vec<Value> {
    let one = |p: &PolicyDetail| {
        object! { "PolicyName" => p.policy_name(), "PolicyDocument" => p.policy_document().map(decoded) }
    };
    policies.iter().map(one).collect()
}

fn attached(policies: &[AttachedPolicy]) -> Vec<Value> {
    policies.iter().map(|p| object! { "PolicyName" => p.policy_name(), "PolicyArn" => p.policy_arn() }).collect()
}

fn boundary(found: Option<&AttachedPermissionsBoundary>) -> Value {
    let Some(found) = found else { return Value::Null };
    object! {
        "PermissionsBoundaryType" => found.permissions_boundary_type().map(|kind| kind.as_str()),
        "PermissionsBoundaryArn" => found.permissions_boundary_arn(),
    }
}

fn tags(found: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    found.iter().map(|tag| (tag.key(), tag.value()))
}

/// The uid of a managed policy. One of AWS's own is in use in many accounts under the same ARN, so the account is added.
fn policy_uid(scope: &Scope, arn: &str) -> String {
    if arn.contains(":iam::aws:") { format!("{arn}@{}", scope.account()) } else { arn.to_owned() }
}

/// The last page of a listing must not say that there is more.
fn whole(scope: &Scope, permission: &str, is_truncated: bool, marker: Option<&str>) -> Result<(), ReadError> {
    if is_truncated && marker.is_none_or(str::is_empty) { Err(scope.truncated(permission)) } else { Ok(()) }
}

fn attr(value: impl ToAttr) -> Value {
    value.to_attr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_decoded() {
        let sent = "%7B%22Resource%22%3A%22arn%3Aaws%3As3%3A%3A%3Ab%2F%2A%22%2C%22Plus%22%3A%22a%2Bb%20c%22%7D";
        assert_eq!(decoded(sent), json!({ "Resource": "arn:aws:s3:::b/*", "Plus": "a+b c" }));
        assert_eq!(decoded("{\"a\":\"100%\"}"), json!({ "a": "100%" }));
        assert_eq!(decoded("%zz"), json!("%zz"));
    }
}
