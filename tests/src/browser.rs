//! A browser without a window: it keeps cookies, sends forms with the token of the page that they stand in, and follows
//! nothing by itself.

use crate::app::Serve;
use actix_web::body::to_bytes;
use actix_web::cookie::Cookie;
use actix_web::http::header::{self, HeaderMap};
use actix_web::test::TestRequest;
use scraper::{Html, Selector};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The origin that the application believes to have.
pub const ORIGIN: &str = "http://127.0.0.1:8080";

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where a redirect leads.
    #[must_use]
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// The text of everything that a selector finds, white space folded.
    #[must_use]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).expect("a selector");
        page.select(&selector)
            .map(|found| found.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// An attribute of the first element that a selector finds.
    #[must_use]
    pub fn attribute(&self, selector: &str, attribute: &str) -> Option<String> {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).expect("a selector");
        page.select(&selector).next().and_then(|found| found.value().attr(attribute)).map(str::to_owned)
    }

    /// An attribute of every element that a selector finds and that has it.
    ///
    /// # Panics
    /// When the selector is not valid.
    #[must_use]
    pub fn attributes(&self, selector: &str, attribute: &str) -> Vec<String> {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).expect("a selector");
        page.select(&selector).filter_map(|found| found.value().attr(attribute)).map(str::to_owned).collect()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// One person's browser.
#[derive(Clone)]
pub struct Browser {
    serve: Serve,
    address: IpAddr,
    /// What the application believes its own pages to come from.
    origin: String,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(serve: Serve, address: IpAddr, origin: String) -> Self {
        Self { serve, address, origin, cookies: BTreeMap::new() }
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    /// Asks for a part of a page, as htmx does.
    pub async fn fragment(&mut self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path).insert_header(("HX-Request", "true"))).await
    }

    /// Sends a form to a path, with the token of the page at `from`.
    pub async fn submit(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(from).await;
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        self.post(path, &fields).await
    }

    /// Sends a form as one of our own pages would, with the token of the account page.
    pub async fn send_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.submit("/account", path, fields).await
    }

    /// Sends exactly these fields, from our own origin.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(TestRequest::post().uri(path).insert_header(("Origin", self.origin.as_str())).set_form(fields)).await
    }

    /// Sends a form with a file, with the token of the page at `from`.
    pub async fn upload(&mut self, from: &str, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        let token = self.token(from).await;
        let mut body = Vec::new();
        for (name, value) in fields.iter().copied().chain([("csrf", token.as_str())]) {
            let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let kind = ("Content-Type", "multipart/form-data; boundary=edge");
        let request = TestRequest::post().uri(path).insert_header(("Origin", self.origin.as_str())).insert_header(kind);
        self.send(request.set_payload(body)).await
    }

    /// The token of the forms in a page.
    pub async fn token(&mut self, page: &str) -> String {
        let answer = self.get(page).await;
        let token = answer.attribute("input[name=csrf]", "value");
        token.unwrap_or_else(|| panic!("{page} has a form with a token: {} {}", answer.status, answer.body))
    }

    /// Signs in through the form.
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.submit("/sign-in", "/sign-in", &[("email", email), ("password", password)]).await
    }

    /// Sends any request with this browser's cookies, from its address.
    pub async fn send(&mut self, request: TestRequest) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.peer_addr(SocketAddr::new(self.address, 40_000));
        if !cookies.is_empty() {
            request = request.insert_header((header::COOKIE, cookies.join("; ")));
        }
        let answer = (self.serve)(request).await;
        let answer = answer.unwrap_or_else(|error| panic!("the application answers: {error}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        self.keep(&headers);
        let body = to_bytes(answer.into_body()).await.unwrap_or_default();
        Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for set in headers.get_all(header::SET_COOKIE) {
            let text = set.to_str().expect("a cookie in ASCII").to_owned();
            let cookie = Cookie::parse(text).expect("a cookie");
            let over = cookie.max_age().is_some_and(|age| age.is_zero() || age.is_negative());
            if over {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }
}
