//! A form with a file in it: the token is checked as in any other, and the file is never larger than is said here.

use crate::error::WebError;
use crate::form;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

/// The largest form with a file: 32 MiB.
pub(crate) const MOST_BYTES: usize = 32 << 20;
/// The most of it that may be anything but the file.
const MOST_TYPED: usize = 256 << 10;
/// The most parts that a form may have.
const MOST_PARTS: usize = 50;

/// What was typed, and the file that was chosen beside it; empty when none was.
#[derive(Debug, Clone)]
pub struct Upload<T> {
    pub typed: T,
    pub file: Bytes,
}

impl<T: DeserializeOwned + 'static> FromRequest for Upload<T> {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let Some(boundary) = boundary(&req) else {
                let body = whole(payload, MOST_TYPED).await?;
                form::check_type(&req)?;
                let typed = form::read(&req, form_urlencoded::parse(&body).into_owned().collect())?;
                return Ok(Self { typed, file: Bytes::new() });
            };
            let body = whole(payload, MOST_BYTES).await?;
            let (fields, file) = parts(&body, &boundary).ok_or_else(broken)?;
            if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MOST_TYPED {
                return Err(WebError::TooLarge);
            }
            Ok(Self { typed: form::read(&req, fields)?, file })
        })
    }
}

fn broken() -> WebError {
    WebError::Invalid("The form did not arrive whole. Send it again.".into())
}

async fn whole(mut payload: Payload, most: usize) -> Result<Bytes, WebError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| broken())?;
        if body.len() + chunk.len() > most {
            return Err(WebError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What stands between the parts; none for a form of another type.
fn boundary(req: &HttpRequest) -> Option<String> {
    let kind = req.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let parameters = kind.strip_prefix("multipart/form-data")?;
    let boundary = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?.trim_matches('"');
    (!boundary.is_empty() && boundary.len() <= 70).then(|| boundary.to_owned())
}

/// The fields, and the content of the part called `file`; none when the body is no such form.
fn parts(body: &Bytes, boundary: &str) -> Option<(Vec<(String, String)>, Bytes)> {
    let mark = format!("--{boundary}");
    let between = format!("\r\n{mark}");
    let (mut fields, mut file) = (Vec::new(), Bytes::new());
    let mut at = find(body, mark.as_bytes(), 0)? + mark.len();
    for _ in 0..MOST_PARTS {
        let rest = body.get(at..)?;
        if rest.starts_with(b"--") {
            return Some((fields, file));
        }
        let start = find(body, b"\r\n\r\n", at)? + 4;
        let head = std::str::from_utf8(body.get(at..start)?).ok()?;
        let end = find(body, between.as_bytes(), start.checked_sub(2)?)?.max(start);
        let (name, is_file) = disposition(head)?;
        let content = body.slice(start..end);
        if is_file {
            if name == "file" {
                file = content;
            }
        } else {
            fields.push((name, std::str::from_utf8(&content).ok()?.to_owned()));
        }
        at = end + between.len();
    }
    None
}

/// The name of a part, and whether it is a file.
fn disposition(head: &str) -> Option<(String, bool)> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let parameter = |name: &str| {
        let (_, value) = line.split_once(&format!("; {name}=\""))?;
        value.split_once('"').map(|(value, _)| value.to_owned())
    };
    Some((parameter("name")?, parameter("filename").is_some()))
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = from;
    loop {
        let rest = body.get(at..)?;
        at += rest.iter().position(|byte| *byte == first)?;
        if body.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = Vec<(String, String)>;

    fn read(text: &str) -> Option<(Fields, Vec<u8>)> {
        let (fields, file) = parts(&Bytes::from(text.to_owned()), "XX")?;
        Some((fields, file.to_vec()))
    }

    fn field(name: &str, value: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    #[test]
    fn fields_and_the_file_are_told_apart() {
        let file = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\nContent-Type: text/x\r\n\r\n\
                    {\"a\": \"--X\"}\r\n\r\n--XX--\r\n";
        let body = format!("{}{}{file}", field("csrf", "t"), field("note", ""));
        let (fields, content) = read(&body).unwrap();
        assert_eq!(fields, [("csrf".to_owned(), "t".to_owned()), ("note".to_owned(), String::new())]);
        assert_eq!(content, b"{\"a\": \"--X\"}\r\n");
    }

    #[test]
    fn what_does_not_end_is_no_form() {
        let body = format!("{}--XX--", field("a", "b"));
        assert!(read(&body).is_some());
        for end in [body.len() - 2, body.len() - 5, 20, 4, 0] {
            assert_eq!(read(&body[..end]), None, "{end}");
        }
        assert_eq!(read(&field("a", "b").repeat(MOST_PARTS + 1)), None);
        assert_eq!(read("--XX\r\nContent-Type: x\r\n\r\nb\r\n--XX--"), None, "a part without a name");
    }
}
