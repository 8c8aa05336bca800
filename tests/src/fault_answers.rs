//! How AWS says no, in each of its protocols.

use crate::fault_proxy::{Answer, Asked};

/// What a service speaks.
enum Protocol {
    Json,
    Cbor,
    Query,
    Ec2,
    S3,
    Rest,
}

fn protocol(asked: &Asked) -> Protocol {
    if !asked.header("x-amz-target").is_empty() {
        return Protocol::Json;
    }
    if !asked.header("smithy-protocol").is_empty() {
        return Protocol::Cbor;
    }
    match asked.service.as_str() {
        "ec2" => Protocol::Ec2,
        "s3" | "cloudfront" => Protocol::S3,
        _ if asked.action.is_empty() => Protocol::Rest,
        _ => Protocol::Query,
    }
}

pub(crate) fn throttled(asked: &Asked) -> Answer {
    let code = match protocol(asked) {
        Protocol::Json | Protocol::Cbor => "ThrottlingException",
        Protocol::Query => "Throttling",
        Protocol::Ec2 => "RequestLimitExceeded",
        Protocol::S3 => "SlowDown",
        Protocol::Rest => "TooManyRequestsException",
    };
    let status = match protocol(asked) {
        Protocol::Ec2 | Protocol::S3 => 503,
        Protocol::Rest => 429,
        Protocol::Json | Protocol::Cbor | Protocol::Query => 400,
    };
    said(asked, status, code, "Rate exceeded")
}

pub(crate) fn denied(asked: &Asked) -> Answer {
    let code = match protocol(asked) {
        Protocol::Json | Protocol::Cbor | Protocol::Rest => "AccessDeniedException",
        Protocol::Query | Protocol::S3 => "AccessDenied",
        Protocol::Ec2 => "UnauthorizedOperation",
    };
    let status = if matches!(protocol(asked), Protocol::Json | Protocol::Cbor) { 400 } else { 403 };
    said(asked, status, code, "You are not allowed to do that")
}

fn said(asked: &Asked, status: u16, code: &str, message: &str) -> Answer {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let (headers, body) = match protocol(asked) {
        Protocol::Json => (vec![], format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}").into_bytes()),
        Protocol::Rest => {
            (vec![header("x-amzn-errortype", code)], format!("{{\"message\":\"{message}\"}}").into_bytes())
        }
        Protocol::Cbor => {
            (vec![header("smithy-protocol", "rpc-v2-cbor")], cbor(&[("__type", code), ("message", message)]))
        }
        Protocol::Query => (
            vec![],
            format!("<ErrorResponse><Error>{error}</Error><RequestId>1</RequestId></ErrorResponse>").into_bytes(),
        ),
        Protocol::Ec2 => (
            vec![],
            format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>1</RequestID></Response>")
                .into_bytes(),
        ),
        Protocol::S3 if asked.service == "cloudfront" => {
            (vec![], format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>").into_bytes())
        }
        Protocol::S3 => (vec![], format!("<Error>{error}</Error>").into_bytes()),
    };
    Answer { status, headers, body }
}

/// A map of a few short texts.
fn cbor(members: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0xa0 | u8::try_from(members.len()).expect("few members")];
    for text in members.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend([0x78, u8::try_from(text.len()).expect("a short text")]);
        bytes.extend(text.as_bytes());
    }
    bytes
}
