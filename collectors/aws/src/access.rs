//! The access that the collector needs, printed for those who grant it: the policy, and a role that carries it.

use crate::settings::{Access, Operator, Settings};
use plumbline_core::collect::AccessRecipe;
use plumbline_core::kind::Kinds;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The role's name in the templates, unless the settings say another.
const ROLE: &str = "PlumblineReadOnly";

/// Every action that the collector calls, from the kind catalogue.
pub(crate) fn actions() -> BTreeSet<&'static str> {
    let mut actions = Kinds::builtin().permissions("aws");
    actions.extend(["ec2:DescribeRegions", "organizations:ListAccounts"]);
    // Needs no permission, and cannot be granted.
    actions.remove("sts:GetCallerIdentity");
    actions
}

/// The exact read-only policy. All of it on every resource, since listing cannot be narrowed.
pub(crate) fn policy() -> Value {
    let actions: Vec<&str> = actions().into_iter().collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "PlumblineRead", "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
}

/// What to create, for the settings as far as they are known.
pub(crate) fn recipes(settings: &Value, operator: &Operator) -> Vec<AccessRecipe> {
    let settings: Option<Settings> = serde_json::from_value(settings.clone()).ok();
    let wanted = Wanted::of(settings.as_ref(), operator);
    let recipe = |title: &str, language: &str, text: String| AccessRecipe {
        title: title.to_owned(),
        language: language.to_owned(),
        text,
    };
    let mut recipes = vec![recipe("Read-only policy", "json", pretty(&policy()))];
    if let Some(wanted) = wanted {
        recipes.push(recipe("Role, as a CloudFormation template", "json", pretty(&wanted.cloudformation())));
        recipes.push(recipe("Role, as Terraform", "hcl", wanted.terraform()));
    }
    recipes
}

/// The role that the settings ask for.
struct Wanted {
    role: String,
    external_id: String,
    /// Who may assume it.
    principal: String,
}

impl Wanted {
    fn of(settings: Option<&Settings>, operator: &Operator) -> Option<Self> {
        let ours = operator.identity.clone().unwrap_or_else(|| "ARN_OF_THE_SERVER_IDENTITY".to_owned());
        match settings.map(|settings| &settings.access) {
            Some(Access::Role { role_arn, external_id }) => Some(Self {
                role: role_arn.rsplit('/').next().unwrap_or(ROLE).to_owned(),
                external_id: external_id.clone(),
                principal: ours,
            }),
            Some(Access::Organization { role_arn, member_role, external_id }) => Some(Self {
                role: member_role.clone(),
                external_id: external_id.clone(),
                principal: role_arn.clone().unwrap_or_else(|| "ARN_OF_THE_MANAGEMENT_ACCOUNT_USER".to_owned()),
            }),
            Some(Access::Key) => None,
            None => Some(Self { role: ROLE.to_owned(), external_id: "EXTERNAL_ID".to_owned(), principal: ours }),
        }
    }

    fn trust(&self) -> Value {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": self.principal },
                "Action": "sts:AssumeRole",
                "Condition": { "StringEquals": { "sts:ExternalId": self.external_id } },
            }],
        })
    }

    fn cloudformation(&self) -> Value {
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "A role with which Plumbline reads this account, and changes nothing.",
            "Resources": {
                "PlumblineRole": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "RoleName": self.role,
                        "AssumeRolePolicyDocument": self.trust(),
                        "Policies": [{ "PolicyName": "plumbline-read", "PolicyDocument": policy() }],
                    },
                },
            },
            "Outputs": { "RoleArn": { "Value": { "Fn::GetAtt": ["PlumblineRole", "Arn"] } } },
        })
    }

    fn terraform(&self) -> String {
        format!(
            "resource \"aws_iam_role\" \"plumbline\" {{\n  name = {role}\n\n  assume_role_policy = jsonencode({trust})\n}}\n\n\
             resource \"aws_iam_role_policy\" \"plumbline\" {{\n  name   = \"plumbline-read\"\n  \
             role   = aws_iam_role.plumbline.id\n  policy = jsonencode({policy})\n}}\n\n\
             output \"role_arn\" {{\n  value = aws_iam_role.plumbline.arn\n}}\n",
            role = Value::from(self.role.as_str()),
            trust = indented(&self.trust()),
            policy = indented(&policy()),
        )
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// JSON is valid HCL where an expression stands.
fn indented(value: &Value) -> String {
    pretty(value).replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_only_reads() {
        let reading = ["Describe", "Get", "List", "BatchGet", "Lookup", "Search"];
        let writing: Vec<&str> = actions()
            .into_iter()
            .filter(|action| {
                let verb = action.split_once(':').map_or("", |(_, verb)| verb);
                // The credential report is made by asking for it; that changes nothing.
                !reading.iter().any(|word| verb.starts_with(word)) && *action != "iam:GenerateCredentialReport"
            })
            .collect();
        assert!(writing.is_empty(), "{writing:?}");
    }

    #[test]
    fn the_policy_fits_into_a_role() {
        let letters = policy().to_string().chars().filter(|c| !c.is_whitespace()).count();
        assert!(letters < 10_240, "an inline role policy holds 10,240 characters, this has {letters}");
    }

    #[test]
    fn the_role_of_an_organization_trusts_its_management_account() {
        let settings = json!({ "access": { "by": "organization", "role_arn": "arn:aws:iam::111122223333:role/Top",
            "member_role": "Reader", "external_id": "e-1" } });
        let recipes = recipes(&settings, &Operator::default());
        let template = &recipes[1].text;
        assert!(template.contains("\"RoleName\": \"Reader\""));
        assert!(template.contains("\"AWS\": \"arn:aws:iam::111122223333:role/Top\""));
        assert!(template.contains("\"sts:ExternalId\": \"e-1\""));
    }

    #[test]
    fn a_key_needs_no_role() {
        let recipes = recipes(&json!({ "access": { "by": "access_key" } }), &Operator::default());
        assert_eq!(recipes.len(), 1);
    }
}
