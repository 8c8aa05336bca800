//! The account itself: its counts, password policy, contacts and organization.

use super::iam::credentials::summary;
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader};
use aws_sdk_account::types::{AlternateContactType, ContactInformation};
use aws_sdk_iam::types::PasswordPolicy;
use serde_json::{Map, Value};

pub(super) const READERS: &[Reader] = &[reader!("account.account", account)];

async fn account(scope: &Scope) -> Result<(), ReadError> {
    let who = aws_sdk_sts::Client::new(&scope.config).get_caller_identity().send();
    scope.call("sts:GetCallerIdentity", who).await?;
    let iam = aws_sdk_iam::Client::new(&scope.config);
    let contacts = aws_sdk_account::Client::new(&scope.config);
    let name = scope.account_name.clone().unwrap_or_else(|| scope.account().to_owned());
    let resource = scope
        .resource("aws.account", scope.arn("iam", "root"), name)
        .set("AccountId", scope.account())
        .set("AccountName", scope.account_name.clone())
        .detail("SummaryMap", summary(scope, &iam).await)
        .detail("PasswordPolicy", password_policy(scope, &iam).await)
        .detail("AccountAliases", aliases(scope, &iam).await)
        .detail("ContactInformation", contact(scope, &contacts).await)
        .detail("AlternateContacts", alternate_contacts(scope, &contacts).await)
        .detail("Organization", organization(scope).await);
    scope.emit(resource).await
}

async fn password_policy(scope: &Scope, client: &aws_sdk_iam::Client) -> Detail<Option<Value>> {
    let call = client.get_account_password_policy().send();
    let answer = scope.detail("PasswordPolicy", "iam:GetAccountPasswordPolicy", &["NoSuchEntity"], call).await;
    answer.map(|answer| answer.password_policy().map(rules))
}

fn rules(found: &PasswordPolicy) -> Value {
    object! {
        "MinimumPasswordLength" => found.minimum_password_length(),
        "RequireSymbols" => found.require_symbols(),
        "RequireNumbers" => found.require_numbers(),
        "RequireUppercaseCharacters" => found.require_uppercase_characters(),
        "RequireLowercaseCharacters" => found.require_lowercase_characters(),
        "AllowUsersToChangePassword" => found.allow_users_to_change_password(),
        "ExpirePasswords" => found.expire_passwords(),
        "MaxPasswordAge" => found.max_password_age(),
        "PasswordReusePrevention" => found.password_reuse_prevention(),
        "HardExpiry" => found.hard_expiry(),
    }
}

async fn aliases(scope: &Scope, client: &aws_sdk_iam::Client) -> Detail<Vec<String>> {
    let call = client.list_account_aliases().into_paginator().items().send();
    scope.detail("AccountAliases", "iam:ListAccountAliases", &[], call.collect::<Result<Vec<_>, _>>()).await
}

async fn contact(scope: &Scope, client: &aws_sdk_account::Client) -> Detail<Option<Value>> {
    let call = client.get_contact_information().send();
    let absent = &["ResourceNotFoundException"];
    let answer = scope.detail("ContactInformation", "account:GetContactInformation", absent, call).await;
    answer.map(|answer| answer.contact_information().map(postal))
}

fn postal(found: &ContactInformation) -> Value {
    object! {
        "FullName" => found.full_name(),
        "CompanyName" => found.company_name(),
        "AddressLine1" => found.address_line1(),
        "City" => found.city(),
        "PostalCode" => found.postal_code(),
        "CountryCode" => found.country_code(),
        "PhoneNumber" => found.phone_number(),
    }
}

/// The contact of each kind, or null where none is set; all of them or none.
async fn alternate_contacts(scope: &Scope, client: &aws_sdk_account::Client) -> Detail<Value> {
    let mut contacts = Map::new();
    for kind in [AlternateContactType::Security, AlternateContactType::Billing, AlternateContactType::Operations] {
        let call = client.get_alternate_contact().alternate_contact_type(kind.clone()).send();
        let absent = &["ResourceNotFoundException"];
        let answer = scope.detail("AlternateContacts", "account:GetAlternateContact", absent, call).await;
        let found = match &answer {
            Detail::Read(answer) => answer.alternate_contact(),
            Detail::Absent => None,
            Detail::Unread(unread) => return Detail::Unread(unread.clone()),
        };
        let found = found.map_or(Value::Null, |found| {
            object! {
                "Name" => found.name(),
                "Title" => found.title(),
                "EmailAddress" => found.email_address(),
                "PhoneNumber" => found.phone_number(),
            }
        });
        contacts.insert(kind.as_str().to_owned(), found);
    }
    Detail::Read(Value::Object(contacts))
}

/// The organization that the account is in; null when in none.
async fn organization(scope: &Scope) -> Detail<Option<Value>> {
    let client = aws_sdk_organizations::Client::new(&scope.config);
    let call = client.describe_organization().send();
    let absent = &["AWSOrganizationsNotInUseException"];
    let answer = scope.detail("Organization", "organizations:DescribeOrganization", absent, call).await;
    answer.map(|answer| {
        answer.organization().map(|found| {
            object! {
                "Id" => found.id(),
                "MasterAccountId" => found.master_account_id(),
                "FeatureSet" => found.feature_set().map(|set| set.as_str()),
            }
        })
    })
}
