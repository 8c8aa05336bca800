//! Conditions: which of them really keep strangers out.

use super::pattern::{arn_account, has_wildcard, is_account_id, is_anything};
use super::statement::strings;
use serde_json::{Value, json};
use std::net::IpAddr;

/// One operator on one key.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: String,
    pub(super) key: String,
    values: Vec<String>,
}

/// An operator taken apart: `ForAllValues:StringEqualsIfExists` is the base `stringequals` with both flags.
struct Operator {
    base: String,
    for_all: bool,
    for_any: bool,
    if_exists: bool,
}

/// What a key says about who asks.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Organization,
    OrganizationPath,
    Account,
    Arn,
    Network,
    Address,
    UserId,
    Service,
    /// A boolean that is true for none but AWS services, or callers inside a network of ours.
    Flag,
}

fn names(key: &str) -> Option<Names> {
    Some(match key.to_ascii_lowercase().as_str() {
        "aws:principalorgid" | "aws:sourceorgid" | "aws:vpceorgid" => Names::Organization,
        "aws:principalorgpaths" | "aws:sourceorgpaths" | "aws:vpceorgpaths" => Names::OrganizationPath,
        "aws:principalaccount"
        | "aws:sourceaccount"
        | "aws:sourceowner"
        | "aws:vpceaccount"
        | "kms:calleraccount"
        | "s3:dataaccesspointaccount" => Names::Account,
        "aws:principalarn"
        | "aws:sourcearn"
        | "aws:sourcevpcarn"
        | "aws:federatedprovider"
        | "s3:dataaccesspointarn"
        | "elasticfilesystem:accesspointarn" => Names::Arn,
        "aws:sourcevpc" | "aws:sourcevpce" | "aws:ec2instancesourcevpc" => Names::Network,
        "aws:sourceip" => Names::Address,
        "aws:userid" => Names::UserId,
        "aws:principalservicename" | "aws:principalservicenameslist" => Names::Service,
        "aws:principalisawsservice" | "elasticfilesystem:accessedviamounttarget" => Names::Flag,
        _ => return None,
    })
}

impl Condition {
    /// Reads a `Condition` block; none when it has no known shape.
    pub(super) fn read_all(block: &Value) -> Option<Vec<Self>> {
        let mut conditions = Vec::new();
        match block {
            Value::Null => {}
            Value::Object(operators) => {
                for (operator, keys) in operators {
                    for (key, values) in keys.as_object()? {
                        let values = strings(values)?;
                        conditions.push(Self { operator: operator.clone(), key: key.clone(), values });
                    }
                }
            }
            _ => return None,
        }
        Some(conditions)
    }

    fn operator(&self) -> Operator {
        let text = self.operator.to_ascii_lowercase();
        let (for_all, text) = text.strip_prefix("forallvalues:").map_or((false, text.as_str()), |rest| (true, rest));
        let (for_any, text) = text.strip_prefix("foranyvalue:").map_or((false, text), |rest| (true, rest));
        let (if_exists, base) = text.strip_suffix("ifexists").map_or((false, text), |rest| (true, rest));
        Operator { base: base.to_owned(), for_all, for_any, if_exists }
    }

    /// Whether it holds for every request, so that it could as well not be there.
    pub(super) fn is_always_true(&self) -> bool {
        let operator = self.operator();
        let may_be_absent = !operator.if_exists && !operator.for_all;
        let like = matches!(operator.base.as_str(), "stringlike" | "arnlike" | "arnequals");
        let is_everywhere = matches!(
            self.key.to_ascii_lowercase().as_str(),
            "aws:principalarn" | "aws:principalaccount" | "aws:userid" | "aws:principaltype" | "aws:requestedregion"
        );
        like && self.values.iter().any(|v| is_anything(v)) && (!may_be_absent || is_everywhere)
    }

    /// Whether it narrows what the statement says, for a request that lacks the key as well.
    pub(super) fn restricts(&self, beside: &[Self]) -> bool {
        let operator = self.operator();
        let negated = operator.base.contains("not") || operator.base == "null";
        let open_when_absent = operator.if_exists || operator.for_all;
        !negated
            && !self.values.is_empty()
            && !self.values.iter().any(|v| is_anything(v))
            && (!self.is_address_key() || self.values.iter().all(|v| is_narrow_range(v)))
            && (!open_when_absent || self.key_must_exist(beside))
    }

    /// Whether it keeps everyone out but a named account, organization, network or service.
    pub(super) fn pins(&self, beside: &[Self]) -> bool {
        let Some(names) = names(&self.key) else { return false };
        self.restricts(beside) && self.fits(names, false) && self.values.iter().all(|v| pinned(names, v))
    }

    /// In a deny: whether it holds for every stranger, so that the deny stops all of them.
    pub(super) fn holds_for_strangers(&self) -> bool {
        if self.is_always_true() {
            return true;
        }
        let Some(names) = names(&self.key) else { return false };
        let operator = self.operator();
        if names == Names::Flag {
            let off = self.values.iter().all(|v| v.eq_ignore_ascii_case("false")) && !self.values.is_empty();
            return operator.base == "bool" && operator.if_exists && off;
        }
        !operator.for_any
            && self.fits(names, true)
            && !self.values.is_empty()
            && self.values.iter().all(|v| pinned(names, v))
    }

    /// Whether the operator is one for such a key: comparing for equality, or for its opposite.
    fn fits(&self, names: Names, negated: bool) -> bool {
        let base = self.operator().base;
        let positive = base.replace("not", "");
        let is_negated = positive != base;
        let base = positive;
        let known = match names {
            Names::Address => base == "ipaddress",
            Names::Flag => base == "bool",
            _ => matches!(
                base.as_str(),
                "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike"
            ),
        };
        known && is_negated == negated
    }

    fn key_must_exist(&self, beside: &[Self]) -> bool {
        beside.iter().any(|other| {
            other.operator.eq_ignore_ascii_case("null")
                && other.key.eq_ignore_ascii_case(&self.key)
                && !other.values.is_empty()
                && other.values.iter().all(|v| v.eq_ignore_ascii_case("false"))
        })
    }

    fn is_address_key(&self) -> bool {
        self.key.eq_ignore_ascii_case("aws:SourceIp")
    }

    /// The accounts, organizations and services that a pinning condition names.
    pub(super) fn named(&self) -> Vec<Named<'_>> {
        let Some(names) = names(&self.key) else { return Vec::new() };
        let values = self.values.iter().map(String::as_str);
        values
            .filter_map(|value| match names {
                Names::Account => is_account_id(value).then_some(Named::Account(value)),
                Names::Arn => arn_account(value).filter(|id| is_account_id(id)).map(Named::Account),
                Names::Organization => Some(Named::Organization(value)),
                Names::OrganizationPath => value.split('/').next().map(Named::Organization),
                Names::Service => Some(Named::Service(value)),
                _ => None,
            })
            .collect()
    }

    /// `aws:SecureTransport` is false, or absent.
    pub(super) fn is_insecure_transport(&self) -> bool {
        let operator = self.operator();
        self.key.eq_ignore_ascii_case("aws:SecureTransport")
            && matches!(operator.base.as_str(), "bool" | "stringequals" | "stringequalsignorecase")
            && !operator.for_all
            && !operator.for_any
            && !self.values.is_empty()
            && self.values.iter().any(|v| v.eq_ignore_ascii_case("false"))
    }

    pub(super) fn to_json(&self, beside: &[Self]) -> Value {
        json!({
            "operator": self.operator,
            "key": self.key,
            "values": self.values,
            "restricts": self.restricts(beside),
        })
    }
}

/// Someone that a condition names.
#[derive(Debug, PartialEq)]
pub(super) enum Named<'a> {
    Account(&'a str),
    Organization(&'a str),
    Service(&'a str),
}

/// Whether the value names one party, rather than a pattern that strangers may match as well.
fn pinned(names: Names, value: &str) -> bool {
    match names {
        Names::Organization => {
            value.eq_ignore_ascii_case("${aws:ResourceOrgID}") || value.starts_with("o-") && !has_wildcard(value)
        }
        Names::OrganizationPath => {
            value.split_once('/').is_some_and(|(org, _)| org.starts_with("o-") && !has_wildcard(org))
        }
        Names::Account => value.eq_ignore_ascii_case("${aws:ResourceAccount}") || is_account_id(value),
        Names::Arn => is_pinned_arn(value),
        Names::Network => !value.is_empty() && !has_wildcard(value),
        Names::Address => is_narrow_range(value),
        Names::UserId => {
            let id = value.split(':').next().unwrap_or_default();
            !id.is_empty() && !has_wildcard(id)
        }
        Names::Service => value.ends_with(".amazonaws.com") && !has_wildcard(value),
        Names::Flag => value.eq_ignore_ascii_case("true"),
    }
}

/// An ARN with its account fixed; or that of a bucket, whose name alone is unique.
fn is_pinned_arn(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let [arn, _, service, _, account, resource] = parts.as_slice() else { return false };
    let bucket = resource.split('/').next().unwrap_or_default();
    *arn == "arn" && (is_account_id(account) || (*service == "s3" && !bucket.is_empty() && !has_wildcard(bucket)))
}

/// Not broader than /8 (IPv4) or /32 (IPv6), where AWS itself begins to call a range public.
fn is_narrow_range(value: &str) -> bool {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, length.parse::<u8>().ok()),
        None => (value, Some(128)),
    };
    match (address.parse::<IpAddr>(), length) {
        (Ok(IpAddr::V4(_)), Some(length)) => length >= 8,
        (Ok(IpAddr::V6(_)), Some(length)) => length >= 32,
        _ => false,
    }
}
