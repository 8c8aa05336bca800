use super::{Pattern, facts, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

fn satisfied(pattern: &str) -> Vec<String> {
    let facts = facts(&json!(pattern), &Value::Null);
    facts["controls"].as_array().expect("a list").iter().map(|id| id.as_str().expect("a word").to_owned()).collect()
}

fn satisfies(pattern: &str, control: &str) -> bool {
    satisfied(pattern).iter().any(|id| id == control)
}

fn matches(pattern: &str, event: Value) -> bool {
    parse(pattern).expect("a pattern").matches(&event)
}

/// The patterns that the benchmark itself prints, each with its control.
const PRESCRIBED: [(&str, &str); 8] = [
    (
        "unauthorized_api_calls",
        r#"{ ($.errorCode ="*UnauthorizedOperation") || ($.errorCode ="AccessDenied*") && ($.sourceIPAddress!="delivery.logs.amazonaws.com") && ($.eventName!="HeadBucket") }"#,
    ),
    (
        "sign_in_without_mfa",
        r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#,
    ),
    (
        "root_use",
        r#"{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }"#,
    ),
    (
        "trail_changes",
        "{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging) }",
    ),
    ("sign_in_failures", r#"{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }"#),
    (
        "key_deletion",
        "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
    ),
    (
        "security_group_changes",
        "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }",
    ),
    (
        "config_changes",
        "{ ($.eventSource = config.amazonaws.com) && (($.eventName=StopConfigurationRecorder)||($.eventName=DeleteDeliveryChannel)||($.eventName=PutDeliveryChannel)||($.eventName=PutConfigurationRecorder)) }",
    ),
];

#[test]
fn a_prescribed_pattern_satisfies_its_control_and_no_other() {
    for (control, pattern) in PRESCRIBED {
        assert_eq!(satisfied(pattern), [control], "{pattern}");
    }
}

#[test]
fn spelling_order_and_supersets_do_not_matter() {
    for pattern in [
        "{$.eventName=StopLogging||$.eventName=StartLogging||$.eventName=DeleteTrail||$.eventName=UpdateTrail||$.eventName=CreateTrail}",
        r#"{ $.eventName = "*Trail" || ($.eventName = "St*Logging") }"#,
        "{ $.eventSource = cloudtrail.amazonaws.com }",
        r#"{ ($.eventSource = "cloudtrail.amazonaws.com") && ($.eventName = "*") }"#,
        "{ $.eventName = %^(Create|Update|Delete)Trail$|Logging% }",
        "{ $.eventSource = cloudtrail.amazonaws.com && ($.readOnly IS FALSE) }",
        r#"{ ($.eventSource = "cloudtrail*") && (($.awsRegion = "us-east-1") || ($.awsRegion != "us-east-1")) }"#,
        "?CreateTrail ?UpdateTrail ?DeleteTrail ?StartLogging ?StopLogging",
        r#""cloudtrail.amazonaws.com""#,
        "",
    ] {
        assert!(satisfies(pattern, "trail_changes"), "{pattern}");
    }
}

#[test]
fn a_condition_that_hides_some_events_is_found_out() {
    let names = "(($.eventName = \"*Trail\") || ($.eventName = \"St*Logging\"))";
    for clause in [
        "$.awsRegion = \"us-east-1\"",
        "$.awsRegion != \"ap-northeast-3\"",
        "$.userIdentity.arn != \"arn:aws:iam::111122223333:role/deploy\"",
        "$.userIdentity.type = \"IAMUser\"",
        "$.userIdentity.type != \"AWSService\"",
        "$.errorCode NOT EXISTS",
        "$.sourceIPAddress != %^10[.]%",
        "$.requestParameters.name = \"organization\"",
        "$.requestParameters.isMultiRegionTrail IS TRUE",
        "$.userIdentity.sessionContext.attributes.mfaAuthenticated != \"true\"",
        "(($.awsRegion != \"eu-north-1\") || ($.userAgent != \"terraform\"))",
    ] {
        assert!(!satisfies(&format!("{{ {names} && {clause} }}"), "trail_changes"), "{clause}");
    }
    assert!(!satisfies(
        "?CreateTrail ?UpdateTrail ?DeleteTrail ?StartLogging ?StopLogging -terraform",
        "trail_changes"
    ));
    assert!(!satisfies("{ ($.eventName = CreateTrail) || ($.eventName = DeleteTrail) }", "trail_changes"));
    assert!(!satisfies(
        "{ $.eventName = ConsoleLogin && $.additionalEventData.MFAUsed != Yes && $.userIdentity.type = Root }",
        "sign_in_without_mfa"
    ));
    assert!(!satisfies(
        "{ $.errorCode = AccessDenied || $.errorCode = \"*UnauthorizedOperation\" }",
        "unauthorized_api_calls"
    ));
    assert!(!satisfies("{ $.userIdentity.type = Root && $.eventName = ConsoleLogin }", "root_use"));
}

#[test]
fn what_is_missed_is_named() {
    let told = facts(&json!("{ ($.eventName = CreateTrail) || ($.eventName = \"*Logging\") }"), &Value::Null);
    assert_eq!(told["misses"], json!({ "trail_changes": ["UpdateTrail", "DeleteTrail"] }));
}

#[test]
fn a_filter_on_accounts_or_regions_satisfies_nothing() {
    assert_eq!(facts(&json!(""), &json!("@aws.region = \"us-east-1\""))["controls"], json!([]));
}

#[test]
fn what_is_no_pattern_is_told_apart() {
    for text in [
        "{",
        "{ }",
        "{ $.a }",
        "{ $.a = }",
        "{ a = b }",
        "{ $.a = b } c",
        "{ ($.a = b }",
        "[a, b",
        "\"open",
        "{ $.a = %( % }",
        "{ $.a[x] = 1 }",
    ] {
        assert!(parse(text).is_err(), "{text}");
        assert_eq!(facts(&json!(text), &Value::Null)["valid"], json!(false));
    }
    assert_eq!(facts(&Value::Null, &Value::Null)["valid"], json!(false));
}

#[test]
fn conditions_mean_what_the_provider_says() {
    let event = json!({
        "status": 404, "latency": 0.5, "name": "a b", "text": "200", "on": true, "off": false, "nil": null,
        "list": ["one", { "flag": "x" }], "dotted.name": "d", "deep": { "er": "-1" },
    });
    for pattern in [
        "{ $.status = 404 }",
        "{ $.status >= 4e2 && $.status < 500 }",
        "{ $.latency > 0.25 }",
        "{ $.status = 4* }",
        "{ $.name = \"a b\" }",
        "{ $.name = \"a*\" }",
        "{ $.text = 200 }",
        "{ $.on IS TRUE }",
        "{ $.off IS FALSE }",
        "{ $.nil IS NULL }",
        "{ $.gone NOT EXISTS }",
        "{ $.nil EXISTS }",
        "{ $.list[0] = one }",
        "{ $.list[1].flag = x }",
        "{ $.list[*].flag = x }",
        "{ $.['dotted.name'] = d }",
        "{ $.deep.er = -1 }",
        "{ $.name != c }",
        "{ $.name = %^a% }",
        "{ $.status = 1 || $.on IS TRUE && $.off IS FALSE }",
        "{ ($.status = 1 || $.on IS TRUE) && $.off IS FALSE }",
    ] {
        assert!(matches(pattern, event.clone()), "{pattern}");
    }
    for pattern in [
        "{ $.status = 40 }",
        "{ $.name = a }",
        "{ $.gone != x }",
        "{ $.list = one }",
        "{ $.nil NOT EXISTS }",
        "{ $.list[2] = x }",
        "{ $.deep = x }",
        "{ ($.on IS TRUE || $.status = 404) && $.off IS TRUE }",
        "{ $.text > 100 }",
    ] {
        assert!(!matches(pattern, event.clone()), "{pattern}");
    }
}

#[test]
fn lines_match_by_terms_and_columns() {
    let line = r#"127.0.0.1 - alice [10/Oct/2025:13:55:36 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
    for pattern in [
        "[ip, id, user, timestamp, request, status = 4*, bytes > 1000]",
        "[..., status = 404, bytes]",
        "[ip = 127.*, ...]",
        "[..., request = \"*index*\", status = 404 || status = 403, bytes]",
        "GET 404",
        "?POST ?GET",
        "\"index.html\" -POST",
        "[...]",
    ] {
        assert!(parse(pattern).expect("a pattern").matches(&json!(line)), "{pattern}");
    }
    for pattern in ["[ip, user]", "[..., status = 5*, bytes]", "GET 405", "GET -404", "?POST ?PUT", "inde"] {
        assert!(!parse(pattern).expect("a pattern").matches(&json!(line)), "{pattern}");
    }
}

/// A condition tree over trail changes, as text, with some freedom of spelling.
fn spelled(names: Vec<&'static str>) -> impl Strategy<Value = String> {
    let count = names.len();
    (Just(names).prop_shuffle(), proptest::collection::vec((0..4_u8, 0..3_usize), count), any::<bool>()).prop_map(
        |(names, spelling, nested)| {
            let terms: Vec<String> = names
                .iter()
                .zip(spelling)
                .map(|(name, (form, spaces))| {
                    let space = " ".repeat(spaces);
                    match form {
                        0 => format!("($.eventName{space}={space}{name})"),
                        1 => format!("$.eventName{space}={space}\"{name}\""),
                        2 => format!("(({space}$.eventName = \"{name}\"))"),
                        _ => format!("(\n$.eventName={name}{space})"),
                    }
                })
                .collect();
            let (first, rest) = terms.split_at(terms.len() / 2);
            if nested && !first.is_empty() {
                format!("{{ ({}) || ({}) }}", first.join(" || "), rest.join("||"))
            } else {
                format!("{{{}}}", terms.join(" || "))
            }
        },
    )
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,80}", inside in "[$.a-z\\[\\]*()&|=!<>%\"'{}, 0-9\\\\-]{0,80}") {
        let _ = parse(&text);
        for pattern in [inside.clone(), format!("{{{inside}}}"), format!("[{inside}]")] {
            if let Ok(read) = parse(&pattern) {
                let _ = read.matches(&json!({ "a": [{ "b": 1 }] }));
                let _ = read.matches(&json!("a b \"c d\" [e"));
                let _ = facts(&json!(pattern), &Value::Null);
            }
        }
    }

    #[test]
    fn reordering_and_bracketing_changes_nothing(
        pattern in spelled(vec!["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"])
    ) {
        prop_assert_eq!(satisfied(&pattern), vec!["trail_changes".to_owned()], "{}", pattern);
    }

    #[test]
    fn leaving_one_name_out_satisfies_nothing(
        pattern in spelled(vec!["CreateTrail", "UpdateTrail", "StartLogging", "StopLogging"])
    ) {
        prop_assert!(satisfied(&pattern).is_empty(), "{}", pattern);
    }

    #[test]
    fn adding_an_alternative_never_takes_a_control_away(
        (_, pattern) in proptest::sample::select(PRESCRIBED.to_vec()), name in "[A-Za-z]{1,12}"
    ) {
        let inner = pattern.trim().trim_start_matches('{').trim_end_matches('}');
        let wider = format!("{{ ({inner}) || ($.eventName = {name}) }}");
        for control in satisfied(pattern) {
            prop_assert!(satisfies(&wider, &control), "{}", wider);
        }
    }
}

#[test]
fn deep_brackets_are_refused_and_not_followed() {
    let text = format!("{{ {}$.a = 1{} }}", "(".repeat(5000), ")".repeat(5000));
    assert!(parse(&text).is_err());
    assert!(matches!(parse("  "), Ok(Pattern::Everything)));
}
