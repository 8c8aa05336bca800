use super::pattern::{covers, overlap};
use super::*;
use proptest::prelude::*;

const OWN: &str = "111122223333";
const OTHER: &str = "444455556666";

fn policy(statements: Value) -> Value {
    resource(OWN, &json!({ "Version": "2012-10-17", "Statement": statements }), &[])
}

fn is_public(statements: Value) -> bool {
    policy(statements)["public"].as_array().is_some_and(|list| !list.is_empty())
}

fn allow(principal: Value, condition: Value) -> Value {
    let mut statement = json!({
        "Sid": "Read", "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
    });
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

fn open_with(condition: Value) -> bool {
    is_public(allow(json!("*"), condition))
}

#[test]
fn everyone_is_public_in_every_spelling() {
    for principal in [
        json!("*"),
        json!({ "AWS": "*" }),
        json!({ "AWS": ["arn:aws:iam::111122223333:root", "*"] }),
        json!({ "AWS": "arn:aws:iam::*:root" }),
        json!({ "AWS": "arn:aws:iam::1111222233??:role/x" }),
        json!({ "Service": "*" }),
        json!({ "CanonicalUser": "*" }),
    ] {
        assert!(is_public(allow(principal.clone(), Value::Null)), "{principal}");
    }
}

#[test]
fn those_named_are_not_the_public() {
    for principal in [
        json!({ "AWS": OWN }),
        json!({ "AWS": "arn:aws:iam::444455556666:root" }),
        json!({ "Service": "cloudfront.amazonaws.com" }),
        json!({ "AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1" }),
        json!({ "AWS": "AIDAEXAMPLEEXAMPLE123" }),
    ] {
        assert!(!is_public(allow(principal.clone(), Value::Null)), "{principal}");
    }
}

#[test]
fn everyone_but_one_is_public() {
    let statement = json!({ "Effect": "Allow", "NotPrincipal": { "AWS": OTHER }, "Action": "*", "Resource": "*" });
    assert!(is_public(statement));
}

#[test]
fn conditions_that_name_someone_keep_the_public_out() {
    for condition in [
        json!({ "StringEquals": { "aws:PrincipalOrgID": "o-abc123" } }),
        json!({ "StringEquals": { "AWS:principalorgid": ["o-abc123", "o-def456"] } }),
        json!({ "StringEquals": { "aws:PrincipalOrgID": "${aws:ResourceOrgID}" } }),
        json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": "o-abc123/r-1/ou-2/*" } }),
        json!({ "StringEquals": { "aws:SourceAccount": OWN } }),
        json!({ "StringLike": { "kms:CallerAccount": OWN } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:sns:*:111122223333:*" } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:*:*:bucket" } }),
        json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/*" } }),
        json!({ "StringEquals": { "aws:SourceVpce": "vpce-1" } }),
        json!({ "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "2001:db8::/48", "198.51.100.7"] } }),
        json!({ "Bool": { "elasticfilesystem:AccessedViaMountTarget": true } }),
        json!({ "ForAllValues:StringLike": { "aws:PrincipalOrgPaths": "o-abc123/*" }, "Null": { "aws:PrincipalOrgPaths": false } }),
    ] {
        assert!(!open_with(condition.clone()), "{condition}");
    }
}

#[test]
fn conditions_that_name_nobody_do_not() {
    for condition in [
        json!({ "Bool": { "aws:SecureTransport": "true" } }),
        json!({ "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-abc123" } }),
        json!({ "ForAllValues:StringEquals": { "aws:PrincipalOrgID": "o-abc123" } }),
        json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-abc123" } }),
        json!({ "StringLike": { "aws:PrincipalOrgID": "*" } }),
        json!({ "StringLike": { "aws:PrincipalOrgID": "o-*" } }),
        json!({ "StringEquals": { "aws:SourceAccount": [OWN, "*"] } }),
        json!({ "StringEquals": { "aws:SourceAccount": [] } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:sns:*:*:*" } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::*" } }),
        json!({ "IpAddress": { "aws:SourceIp": "0.0.0.0/0" } }),
        json!({ "IpAddress": { "aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"] } }),
        json!({ "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "::/0"] } }),
        json!({ "NotIpAddress": { "aws:SourceIp": "203.0.113.0/24" } }),
        json!({ "IpAddress": { "aws:VpcSourceIp": "10.0.0.0/8" } }),
        json!({ "StringEquals": { "sts:ExternalId": "word" } }),
        json!({ "StringLike": { "aws:Referer": "https://example.com/*" } }),
        json!({ "StringEquals": { "aws:PrincipalTag/team": "a" } }),
        json!({ "Null": { "aws:PrincipalOrgID": "false" } }),
        json!({ "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } }),
        json!({ "Bool": { "aws:PrincipalIsAWSService": "false" } }),
    ] {
        assert!(open_with(condition.clone()), "{condition}");
    }
}

#[test]
fn conditions_together_need_only_one_that_pins() {
    assert!(!open_with(json!({
        "Bool": { "aws:SecureTransport": "true" }, "StringEquals": { "aws:SourceVpc": "vpc-1" },
    })));
}

#[test]
fn a_deny_for_everyone_takes_away_what_it_covers() {
    let open = json!({ "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::b/*" });
    let deny = |action: &str, resource: &str| json!({ "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": action, "Resource": resource });
    assert!(!is_public(json!([open, deny("s3:*", "*")])));
    assert!(!is_public(json!([deny("*", "arn:aws:s3:::b/*"), open])));
    assert!(is_public(json!([open, deny("s3:*", "arn:aws:s3:::b/private/*")])));
    let left = policy(json!([open, deny("s3:Put*", "arn:aws:s3:::b*")]));
    assert_eq!(left["public"][0]["actions"], json!(["s3:getobject"]));
}

#[test]
fn a_deny_for_all_but_our_own_leaves_only_them() {
    let open = json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*" });
    let deny = |condition: Value| json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition });
    assert!(!is_public(json!([open, deny(json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-abc123" } }))])));
    assert!(!is_public(json!([
        open,
        deny(json!({
            "StringNotEqualsIfExists": { "aws:PrincipalOrgID": "o-abc123" }, "BoolIfExists": { "aws:PrincipalIsAWSService": "false" },
        }))
    ])));
    let others = policy(json!([open, deny(json!({ "StringNotEquals": { "aws:PrincipalAccount": [OWN, OTHER] } }))]));
    assert_eq!(others["public"], json!([]));
    assert_eq!(others["external"][0]["account"], json!(OTHER));
    for condition in [
        json!({ "StringEquals": { "aws:PrincipalOrgID": "o-abc123" } }),
        json!({ "StringNotEquals": { "aws:PrincipalTag/team": "a" } }),
        json!({ "ForAnyValue:StringNotEquals": { "aws:PrincipalOrgID": "o-abc123" } }),
        json!({ "StringNotLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/reader" } }),
        json!({ "Bool": { "aws:SecureTransport": "false" } }),
    ] {
        assert!(is_public(json!([open, deny(condition.clone())])), "{condition}");
    }
}

#[test]
fn a_deny_for_all_but_named_principals_leaves_only_them() {
    let open = json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*" });
    let deny = json!({ "Effect": "Deny", "NotPrincipal": { "AWS": format!("arn:aws:iam::{OTHER}:root") }, "Action": "*", "Resource": "*" });
    let facts = policy(json!([open, deny]));
    assert_eq!(facts["public"], json!([]));
    assert_eq!(facts["external"][0]["account"], json!(OTHER));
}

#[test]
fn other_accounts_services_and_providers_are_told_apart() {
    let facts = policy(json!([
        { "Effect": "Allow", "Principal": { "AWS": [OWN, OTHER, "AROAEXAMPLEEXAMPLE123"] }, "Action": "sts:AssumeRole",
          "Condition": { "StringEquals": { "sts:ExternalId": "word" } } },
        { "Sid": "Service", "Effect": "Allow", "Principal": { "Service": ["ec2.amazonaws.com"] }, "Action": "sts:AssumeRole" },
        { "Sid": "Web", "Effect": "Allow", "Principal": { "Federated": "arn:aws:iam::111122223333:oidc-provider/token.example.com" },
          "Action": "sts:AssumeRoleWithWebIdentity",
          "Condition": { "StringLike": { "token.example.com:sub": "*" }, "StringEquals": { "token.example.com:aud": "sts.amazonaws.com" } } },
    ]));
    assert_eq!(
        facts["external"],
        json!([{ "account": OTHER, "sid": "#1", "actions": ["sts:assumerole"], "conditioned": true }])
    );
    assert_eq!(facts["services"], json!([{ "service": "ec2.amazonaws.com", "sid": "Service", "conditioned": false }]));
    assert_eq!(facts["federated"][0]["conditions"], json!(["token.example.com:aud"]));
    assert_eq!(facts["deleted_principals"], json!(["AROAEXAMPLEEXAMPLE123"]));
    assert_eq!(facts["public"], json!([]));
}

#[test]
fn everyone_of_another_account_is_that_account() {
    let facts = policy(allow(json!("*"), json!({ "StringEquals": { "aws:PrincipalAccount": OTHER } })));
    assert_eq!(facts["external"][0]["account"], json!(OTHER));
    let facts = policy(allow(json!("*"), json!({ "StringEquals": { "aws:PrincipalOrgID": "o-abc123" } })));
    assert_eq!(facts["organizations"], json!(["o-abc123"]));
}

#[test]
fn insecure_transport_is_denied_on_all_actions_and_the_whole_resource() {
    let own = bucket_arns(&json!("b"));
    let statement = |resources: Value| {
        json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources,
        "Condition": { "Bool": { "aws:SecureTransport": "false" } } })
    };
    let denied = |statements: Value| {
        resource(OWN, &json!({ "Statement": statements }), &own)["denies_insecure_transport"] == json!(true)
    };
    assert!(denied(statement(json!(["arn:aws:s3:::b", "arn:aws:s3:::b/*"]))));
    assert!(denied(statement(json!("*"))));
    assert!(denied(statement(json!("arn:aws:s3:::b*"))));
    assert!(denied(json!([statement(json!("arn:aws:s3:::b")), statement(json!("arn:aws:s3:::b/*"))])));
    assert!(!denied(statement(json!("arn:aws:s3:::b/*"))));
    let change = |name: &str, value: Value| {
        let mut changed = statement(json!("*"));
        changed[name] = value;
        denied(changed)
    };
    assert!(!change("Effect", json!("Allow")));
    assert!(!change("Action", json!("s3:GetObject")));
    assert!(!change("Principal", json!({ "AWS": OTHER })));
    assert!(!change("Condition", json!({ "Bool": { "aws:SecureTransport": "true" } })));
    assert!(!change(
        "Condition",
        json!({ "Bool": { "aws:SecureTransport": "false" }, "StringEquals": { "aws:SourceVpc": "vpc-1" } })
    ));
    assert!(!change("Condition", Value::Null));
    assert!(change("Condition", json!({ "BoolIfExists": { "AWS:SECURETRANSPORT": [false] } })));
}

#[test]
fn admin_is_all_actions_on_all_resources_without_condition() {
    let admin = |statement: Value| {
        let facts = identity(OWN, &json!({ "Statement": statement }));
        facts["admin"].as_array().is_some_and(|sids| !sids.is_empty())
    };
    assert!(admin(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })));
    assert!(admin(json!([{ "Effect": "Allow", "Action": ["s3:Get*", "*:*"], "Resource": ["arn:aws:s3:::x", "*"] }])));
    assert!(admin(json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:*" })));
    assert!(admin(
        json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "StringLike": { "aws:PrincipalArn": "*" } } })
    ));
    assert!(!admin(
        json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "true" } } })
    ));
    assert!(!admin(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })));
    assert!(!admin(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" })));
    assert!(!admin(json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::*" })));
    assert!(!admin(
        json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }, { "Effect": "Deny", "Action": "*", "Resource": "*" }])
    ));
}

#[test]
fn full_services_are_named() {
    let facts = identity(
        OWN,
        &json!({ "Statement": { "Effect": "Allow", "Action": ["iam:*", "KMS:*", "s3:Get*"], "Resource": "*" } }),
    );
    assert_eq!(facts["full_services"], json!(["iam", "kms"]));
}

#[test]
fn absent_is_valid_and_grants_nothing() {
    let facts = resource(OWN, &Value::Null, &[]);
    assert_eq!((&facts["present"], &facts["valid"], &facts["public"]), (&json!(false), &json!(true), &json!([])));
    assert_eq!(identities(OWN, &json!([]))["present"], json!(false));
}

#[test]
fn what_cannot_be_read_lets_anyone_in() {
    for odd in [
        json!("no JSON"),
        json!({}),
        json!({ "Statement": "x" }),
        json!({ "Statement": [{ "Effect": "allow", "Principal": "*", "Action": "*" }] }),
        json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": { "x": 1 } }, "Action": "*" } }),
        json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }),
    ] {
        let facts = resource(OWN, &odd, &[]);
        assert_eq!(facts["valid"], json!(false), "{odd}");
        assert_eq!(facts["public"][0]["sid"], json!(statement::UNREADABLE), "{odd}");
    }
    assert_eq!(identity(OWN, &json!("no JSON"))["admin"], json!([statement::UNREADABLE]));
}

#[test]
fn a_policy_sent_as_text_is_read() {
    let text = json!({ "Statement": allow(json!("*"), Value::Null) }).to_string();
    assert_eq!(resource(OWN, &json!(text), &[])["public"][0]["sid"], json!("Read"));
}

#[test]
fn inline_policies_are_read_together() {
    let list = json!([
        { "PolicyName": "a", "PolicyDocument": { "Statement": { "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*" } } },
        { "PolicyName": "b", "PolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] } },
    ]);
    assert_eq!(identities(OWN, &list)["admin"], json!(["b/#1"]));
}

#[test]
fn patterns_cover() {
    for (wide, narrow) in
        [("*", ""), ("*", "*"), ("s3:*", "s3:get*"), ("s3:g?t*", "s3:get*"), ("a*c", "abc"), ("**", "x"), ("??", "?x")]
    {
        assert!(covers(wide, narrow), "{wide} {narrow}");
    }
    for (wide, narrow) in
        [("s3:get*", "s3:*"), ("?", "*"), ("a?c", "a*c"), ("", "a"), ("a", ""), ("a*c", "abd"), ("a", "?")]
    {
        assert!(!covers(wide, narrow), "{wide} {narrow}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("*".to_owned()),
        Just("Allow".to_owned()),
        Just("Deny".to_owned()),
        Just("s3:*".to_owned()),
        Just("arn:aws:iam::111122223333:root".to_owned()),
        Just("o-1".to_owned()),
        "[a-z:*?]{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.prop_map(Value::from)
    ];
    let key = prop_oneof![
        Just("Statement"),
        Just("Effect"),
        Just("Principal"),
        Just("NotPrincipal"),
        Just("Action"),
        Just("NotAction"),
        Just("Resource"),
        Just("NotResource"),
        Just("Condition"),
        Just("AWS"),
        Just("StringEquals"),
        Just("aws:PrincipalOrgID"),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(ToOwned::to_owned), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn statement_value() -> impl Strategy<Value = Value> {
    let principal = prop_oneof![
        Just(json!("*")),
        Just(json!({ "AWS": "*" })),
        Just(json!({ "AWS": OTHER })),
        Just(json!({ "AWS": OWN })),
        Just(json!({ "Service": "ec2.amazonaws.com" })),
    ];
    let action = prop_oneof![Just("s3:*"), Just("s3:GetObject"), Just("*"), Just("s3:Put*")];
    let condition = prop_oneof![
        Just(json!({})),
        Just(json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } })),
        Just(json!({ "Bool": { "aws:SecureTransport": "false" } })),
        Just(json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-1" } })),
    ];
    (any::<bool>(), principal, action, condition).prop_map(|(allow, principal, action, condition)| {
        json!({ "Sid": "x", "Effect": if allow { "Allow" } else { "Deny" }, "Principal": principal, "Action": action,
            "Resource": "*", "Condition": condition })
    })
}

proptest! {
    #[test]
    fn no_document_is_too_odd(document in json_value()) {
        let facts = resource(OWN, &document, &[]);
        let granted = identity(OWN, &document);
        let nothing = document.is_null() || facts["valid"] == json!(true) || facts["public"] != json!([]);
        prop_assert!(nothing && granted["statements"].is_array());
        identities(OWN, &document);
    }

    #[test]
    fn the_order_of_statements_does_not_matter(statements in prop::collection::vec(statement_value(), 0..5)) {
        let mut reversed = statements.clone();
        reversed.reverse();
        let sorted = |list: &Value| {
            let mut texts: Vec<String> = list.as_array().into_iter().flatten().map(Value::to_string).collect();
            texts.sort();
            texts
        };
        let (one, other) = (policy(json!(statements)), policy(json!(reversed)));
        prop_assert_eq!(sorted(&one["public"]), sorted(&other["public"]));
        prop_assert_eq!(sorted(&one["external"]), sorted(&other["external"]));
    }

    #[test]
    fn an_unconditional_deny_for_everyone_leaves_nothing_public(mut statements in prop::collection::vec(statement_value(), 0..5)) {
        statements.push(json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" }));
        prop_assert!(!is_public(json!(statements)));
    }

    #[test]
    fn an_allow_opens_and_never_closes(statements in prop::collection::vec(statement_value(), 0..5), more in statement_value()) {
        prop_assume!(more["Effect"] == json!("Allow"));
        let mut with = statements.clone();
        with.push(more);
        prop_assert!(!is_public(json!(statements)) || is_public(json!(with)));
    }

    #[test]
    fn one_value_is_a_list_of_one(statement in statement_value()) {
        let mut listed = statement.clone();
        listed["Action"] = json!([statement["Action"]]);
        listed["Resource"] = json!([statement["Resource"]]);
        prop_assert_eq!(policy(statement), policy(json!([listed])));
    }

    #[test]
    fn what_covers_matches_all_that_is_covered(wide in "[ab*?]{0,5}", narrow in "[ab*?]{0,5}", fill in "[ab]{0,3}", letter in "[ab]") {
        let text: String = narrow.chars().map(|c| match c {
            '*' => fill.clone(),
            '?' => letter.clone(),
            plain => plain.to_string(),
        }).collect();
        if covers(&wide, &narrow) {
            prop_assert!(covers(&wide, &text), "{} {} {}", wide, narrow, text);
            prop_assert!(overlap(&wide, &narrow));
        }
        if covers(&wide, &text) {
            prop_assert!(overlap(&wide, &narrow), "{} {} {}", wide, narrow, text);
        }
    }
}
