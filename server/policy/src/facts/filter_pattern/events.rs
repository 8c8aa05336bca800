//! Events as CloudTrail writes them, for each class of event that a monitoring control names.

use serde_json::{Value, json};
use std::sync::LazyLock;

/// A monitoring control, and what it wants seen.
pub(super) struct Control {
    pub(super) id: &'static str,
    pub(super) classes: Vec<Class>,
    /// Events with such a member need not be seen, whatever else they are.
    pub(super) exempt: &'static [(&'static str, &'static str)],
}

/// One class of event: what makes it that class, and otherwise anything.
pub(super) struct Class {
    pub(super) label: &'static str,
    /// The members that make it the class; all others may be anything.
    pub(super) fixed: Vec<&'static str>,
    /// Examples that differ in who, where and how.
    pub(super) examples: Vec<Value>,
}

/// Members that every event has.
pub(super) const ALWAYS_THERE: [&str; 14] = [
    "eventVersion",
    "userIdentity",
    "userIdentity.type",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "eventID",
    "eventType",
    "recipientAccountId",
    "readOnly",
    "managementEvent",
];

pub(super) fn all() -> &'static [Control] {
    static ALL: LazyLock<Vec<Control>> = LazyLock::new(|| {
        let mut all = vec![unauthorized_calls(), sign_in_without_mfa(), root_use(), sign_in_failures()];
        all.extend(CHANGES.iter().map(|(id, source, names)| changes(id, source, names)));
        all
    });
    &ALL
}

/// Controls over named API calls: id, event source, event names.
const CHANGES: [(&str, &str, &[&str]); 12] = [
    (
        "iam_policy_changes",
        "iam.amazonaws.com",
        &[
            "DeleteGroupPolicy",
            "DeleteRolePolicy",
            "DeleteUserPolicy",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
            "CreatePolicy",
            "DeletePolicy",
            "CreatePolicyVersion",
            "DeletePolicyVersion",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "AttachUserPolicy",
            "DetachUserPolicy",
            "AttachGroupPolicy",
            "DetachGroupPolicy",
        ],
    ),
    (
        "trail_changes",
        "cloudtrail.amazonaws.com",
        &["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"],
    ),
    ("key_deletion", "kms.amazonaws.com", &["DisableKey", "ScheduleKeyDeletion"]),
    (
        "bucket_policy_changes",
        "s3.amazonaws.com",
        &[
            "PutBucketAcl",
            "PutBucketPolicy",
            "PutBucketCors",
            "PutBucketLifecycle",
            "PutBucketReplication",
            "DeleteBucketPolicy",
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "DeleteBucketReplication",
        ],
    ),
    (
        "config_changes",
        "config.amazonaws.com",
        &["StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"],
    ),
    (
        "security_group_changes",
        "ec2.amazonaws.com",
        &[
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "CreateSecurityGroup",
            "DeleteSecurityGroup",
        ],
    ),
    ("security_group_rule_changes", "ec2.amazonaws.com", &["ModifySecurityGroupRules"]),
    (
        "network_acl_changes",
        "ec2.amazonaws.com",
        &[
            "CreateNetworkAcl",
            "CreateNetworkAclEntry",
            "DeleteNetworkAcl",
            "DeleteNetworkAclEntry",
            "ReplaceNetworkAclEntry",
            "ReplaceNetworkAclAssociation",
        ],
    ),
    (
        "gateway_changes",
        "ec2.amazonaws.com",
        &[
            "CreateCustomerGateway",
            "DeleteCustomerGateway",
            "AttachInternetGateway",
            "CreateInternetGateway",
            "DeleteInternetGateway",
            "DetachInternetGateway",
        ],
    ),
    (
        "route_changes",
        "ec2.amazonaws.com",
        &[
            "CreateRoute",
            "CreateRouteTable",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
            "DeleteRouteTable",
            "DeleteRoute",
            "DisassociateRouteTable",
        ],
    ),
    (
        "vpc_changes",
        "ec2.amazonaws.com",
        &[
            "CreateVpc",
            "DeleteVpc",
            "ModifyVpcAttribute",
            "AcceptVpcPeeringConnection",
            "CreateVpcPeeringConnection",
            "DeleteVpcPeeringConnection",
            "RejectVpcPeeringConnection",
            "AttachClassicLinkVpc",
            "DetachClassicLinkVpc",
            "DisableVpcClassicLink",
            "EnableVpcClassicLink",
        ],
    ),
    (
        "organization_changes",
        "organizations.amazonaws.com",
        &[
            "AcceptHandshake",
            "AttachPolicy",
            "CreateAccount",
            "CreateOrganizationalUnit",
            "CreatePolicy",
            "DeclineHandshake",
            "DeleteOrganization",
            "DeleteOrganizationalUnit",
            "DeletePolicy",
            "DetachPolicy",
            "DisablePolicyType",
            "EnablePolicyType",
            "InviteAccountToOrganization",
            "LeaveOrganization",
            "MoveAccount",
            "RemoveAccountFromOrganization",
            "UpdatePolicy",
            "UpdateOrganizationalUnit",
        ],
    ),
];

/// Who calls, from where, with what; every class is seen through all of them.
fn callers() -> Vec<Value> {
    let user = json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/example",
        "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE", "userName": "example",
    });
    let role = json!({
        "type": "AssumedRole", "principalId": "AROAEXAMPLE:session", "accountId": "111122223333",
        "arn": "arn:aws:sts::111122223333:assumed-role/example/session", "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/example", "userName": "example" },
            "attributes": { "mfaAuthenticated": "true", "creationDate": "2026-01-15T09:00:00Z" },
        },
    });
    let root = json!({
        "type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333",
    });
    let service = json!({ "type": "AWSService", "invokedBy": "cloudformation.amazonaws.com" });
    vec![
        event(user.clone(), "us-east-1", "198.51.100.7", "aws-cli/2.15"),
        event(role, "eu-west-1", "203.0.113.9", "Mozilla/5.0"),
        event(root, "us-east-1", "198.51.100.8", "console.amazonaws.com"),
        event(service, "ap-southeast-2", "cloudformation.amazonaws.com", "cloudformation.amazonaws.com"),
        with(
            event(user, "sa-east-1", "10.0.0.4", "Terraform/1.9"),
            &[
                ("errorCode", json!("AccessDenied")),
                ("errorMessage", json!("not authorized")),
                ("vpcEndpointId", json!("vpce-0123")),
            ],
        ),
    ]
}

fn event(identity: Value, region: &str, address: &str, agent: &str) -> Value {
    json!({
        "eventVersion": "1.11", "userIdentity": identity, "eventTime": "2026-01-15T10:00:00Z", "awsRegion": region,
        "sourceIPAddress": address, "userAgent": agent, "requestParameters": { "name": "example" }, "responseElements": null,
        "requestID": "11111111-2222-3333-4444-555555555555", "eventID": "66666666-7777-8888-9999-000000000000",
        "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

fn changes(id: &'static str, source: &'static str, names: &[&'static str]) -> Control {
    let classes = names.iter().map(|name| Class {
        label: name,
        fixed: vec!["eventName", "eventSource", "eventType", "readOnly", "managementEvent", "eventCategory"],
        examples: callers()
            .into_iter()
            .map(|event| with(event, &[("eventName", json!(name)), ("eventSource", json!(source))]))
            .collect(),
    });
    Control { id, classes: classes.collect(), exempt: &[] }
}

/// The deliveries of logs and the probing of buckets fail all day long; leaving them out is the publisher's own advice.
fn unauthorized_calls() -> Control {
    const CODES: [&str; 4] =
        ["Client.UnauthorizedOperation", "UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];
    const CALLS: [(&str, &str, bool); 3] = [
        ("ec2.amazonaws.com", "RunInstances", false),
        ("s3.amazonaws.com", "GetBucketPolicy", true),
        ("kms.amazonaws.com", "Decrypt", true),
    ];
    let classes = CODES.iter().map(|code| {
        let examples = callers().into_iter().flat_map(|event| {
            CALLS.iter().map(move |(source, name, reads)| {
                with(
                    event.clone(),
                    &[
                        ("errorCode", json!(code)),
                        ("errorMessage", json!("not authorized")),
                        ("eventSource", json!(source)),
                        ("eventName", json!(name)),
                        ("readOnly", json!(reads)),
                    ],
                )
            })
        });
        Class { label: code, fixed: vec!["errorCode", "eventType"], examples: examples.collect() }
    });
    Control {
        id: "unauthorized_api_calls",
        classes: classes.collect(),
        exempt: &[("sourceIPAddress", "delivery.logs.amazonaws.com"), ("eventName", "HeadBucket")],
    }
}

const SIGN_IN: [(&str, &str); 3] =
    [("eventName", "ConsoleLogin"), ("eventSource", "signin.amazonaws.com"), ("eventType", "AwsConsoleSignIn")];

fn sign_in(caller: Value, outcome: &str, mfa: &str) -> Value {
    let event = SIGN_IN.iter().fold(caller, |event, (path, value)| with(event, &[(path, json!(value))]));
    with(
        without(without(event, "errorCode"), "errorMessage"),
        &[
            ("responseElements", json!({ "ConsoleLogin": outcome })),
            (
                "additionalEventData",
                json!({ "LoginTo": "https://console.aws.amazon.com/", "MobileVersion": "No", "MFAUsed": mfa }),
            ),
        ],
    )
}

fn callers_of_type(kinds: &[&str]) -> Vec<Value> {
    callers()
        .into_iter()
        .filter(|event| event["userIdentity"]["type"].as_str().is_some_and(|k| kinds.contains(&k)))
        .collect()
}

fn sign_in_without_mfa() -> Control {
    let examples = callers_of_type(&["IAMUser"]).into_iter().map(|caller| sign_in(caller, "Success", "No"));
    Control {
        id: "sign_in_without_mfa",
        classes: vec![Class {
            label: "ConsoleLogin",
            fixed: vec![
                "eventName",
                "eventSource",
                "eventType",
                "readOnly",
                "managementEvent",
                "eventCategory",
                "userIdentity.type",
                "additionalEventData.MFAUsed",
                "responseElements.ConsoleLogin",
                "errorCode",
                "errorMessage",
            ],
            examples: examples.collect(),
        }],
        exempt: &[],
    }
}

fn sign_in_failures() -> Control {
    let examples = callers_of_type(&["IAMUser", "Root"]).into_iter().flat_map(|caller| {
        ["Yes", "No"].map(|mfa| {
            with(sign_in(caller.clone(), "Failure", mfa), &[("errorMessage", json!("Failed authentication"))])
        })
    });
    Control {
        id: "sign_in_failures",
        classes: vec![Class {
            label: "ConsoleLogin",
            fixed: vec![
                "eventName",
                "eventSource",
                "eventType",
                "readOnly",
                "managementEvent",
                "eventCategory",
                "responseElements.ConsoleLogin",
                "errorMessage",
                "errorCode",
            ],
            examples: examples.collect(),
        }],
        exempt: &[],
    }
}

fn root_use() -> Control {
    let fixed = vec!["userIdentity.type", "userIdentity.invokedBy", "eventType"];
    let roots = || callers_of_type(&["Root"]).into_iter();
    let calls = roots().flat_map(|root| {
        [("iam.amazonaws.com", "CreateAccessKey", false), ("ec2.amazonaws.com", "DescribeInstances", true)].map(
            |(source, name, reads)| {
                with(
                    root.clone(),
                    &[("eventSource", json!(source)), ("eventName", json!(name)), ("readOnly", json!(reads))],
                )
            },
        )
    });
    let sign_ins = roots().map(|root| sign_in(root, "Success", "Yes"));
    Control {
        id: "root_use",
        classes: vec![
            Class { label: "AwsApiCall", fixed: fixed.clone(), examples: calls.collect() },
            Class { label: "AwsConsoleSignIn", fixed, examples: sign_ins.collect() },
        ],
        exempt: &[],
    }
}

/// The event with the members at these paths; a path is made of names and dots.
fn with(mut event: Value, members: &[(&str, Value)]) -> Value {
    for (path, value) in members {
        let pointer = format!("/{}", path.replace('.', "/"));
        match event.pointer_mut(&pointer) {
            Some(place) => *place = value.clone(),
            None => event[*path] = value.clone(),
        }
    }
    event
}

fn without(mut event: Value, member: &str) -> Value {
    if let Some(members) = event.as_object_mut() {
        members.remove(member);
    }
    event
}
