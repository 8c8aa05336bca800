//! The outermost layer: every request gets an id and a line in the log, every answer its security headers, every error
//! its page.

use crate::again::Again;
use crate::error::WebError;
use crate::frame::Theme;
use crate::state::AppState;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use askama::Template;
use std::time::Instant;

const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An error as it is shown, whatever the form.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub status: StatusCode,
    pub title: &'static str,
    pub detail: String,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// Where a page goes instead of showing the error.
    pub go: Option<String>,
    /// The form to be sent again, where only the moment was wrong.
    pub again: Option<Again>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    theme: Theme,
    title: &'static str,
    detail: String,
    status: u16,
    request_id: String,
    ours: bool,
    again: Option<Again>,
}

#[derive(Template)]
#[template(path = "problem_fragment.html")]
struct ProblemFragment {
    title: &'static str,
    detail: String,
    request_id: String,
    ours: bool,
    again: Option<Again>,
}

/// What is needed of a request to answer it with an error, after the request is gone.
struct Asked {
    id: String,
    method: Method,
    wants_json: bool,
    htmx: bool,
    theme: Theme,
    https: bool,
}

/// What is smaller arrives in one round trip as it is; to shrink it would only cost the server a change of threads.
const WORTH_SHRINKING: u64 = 8 * 1024;

/// Tells the layer that shrinks answers to leave a small one as it is; [`outermost`] takes the mark off again.
fn spare(answer: &mut ServiceResponse<BoxBody>) {
    let is_small = matches!(answer.response().body().size(), BodySize::Sized(size) if size < WORTH_SHRINKING);
    if is_small && !answer.headers().contains_key(header::CONTENT_ENCODING) {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(AS_IT_IS));
    }
}

const AS_IT_IS: &str = "identity";

/// As [`boxed`], outside of what shrinks answers.
pub(crate) async fn outermost(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut answer = next.call(req).await?.map_into_boxed_body();
    if answer.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding == AS_IT_IS) {
        answer.headers_mut().remove(header::CONTENT_ENCODING);
    }
    Ok(answer)
}

/// Boxes the body of whatever is inside, so that the layers outside need not name it.
pub(crate) async fn boxed(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    Ok(next.call(req).await?.map_into_boxed_body())
}

pub(crate) async fn edge(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let asked = Asked::of(&req);
    match next.call(req).await {
        Ok(answer) => {
            let mut answer = answer.map_into_boxed_body();
            if let Some(problem) = problem_of(&answer, &asked) {
                let (req, old) = answer.into_parts();
                answer = ServiceResponse::new(req, asked.show(&problem, old.headers()));
            }
            spare(&mut answer);
            asked.finish(answer.headers_mut());
            let route = answer.request().match_pattern().unwrap_or_default();
            asked.log(&route, answer.status(), started);
            Ok(answer)
        }
        Err(error) => {
            // Only layers below fail in this way: the session's, when the database is gone.
            tracing::error!(request_id = asked.id, %error, "request failed");
            let problem = WebError::Internal(String::new()).problem();
            let mut answer = asked.show(&problem, &HeaderMap::new());
            asked.finish(answer.headers_mut());
            asked.log("", answer.status(), started);
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

fn problem_of(answer: &ServiceResponse<BoxBody>, asked: &Asked) -> Option<Problem> {
    let error = answer.response().error()?;
    if let Some(ours) = error.as_error::<WebError>() {
        if let WebError::Internal(context) = ours {
            tracing::error!(request_id = asked.id, context, "request failed");
        }
        let again = if matches!(ours, WebError::Busy) { Again::of(answer.request()) } else { None };
        return Some(Problem { again, ..ours.problem() });
    }
    let status = answer.status();
    if status.is_server_error() {
        tracing::error!(request_id = asked.id, %error, "request failed");
        return Some(WebError::Internal(String::new()).problem());
    }
    status.is_client_error().then(|| Problem {
        status,
        title: "That does not work",
        detail: "The request was not understood.".to_owned(),
        retry_after: None,
        go: None,
        again: None,
    })
}

impl Asked {
    fn of(req: &ServiceRequest) -> Self {
        let state = req.app_data::<web::Data<AppState>>();
        let mut bytes = [0u8; 8];
        if let Some(state) = state {
            state.mint.fill(&mut bytes);
        }
        let accept = req.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            id: hex::encode(bytes),
            method: req.method().clone(),
            wants_json: accept.contains("json") && !accept.contains("html"),
            htmx: req.headers().contains_key("hx-request"),
            theme: Theme::of(req.request()),
            https: state.is_some_and(|state| state.config.public_url.scheme() == "https"),
        }
    }

    fn show(&self, problem: &Problem, set_before: &HeaderMap) -> HttpResponse {
        let mut answer = match &problem.go {
            Some(path) if !self.wants_json => self.send_to(path, problem.status),
            _ => self.render(problem),
        };
        // A session that ended takes its cookie along.
        for cookie in set_before.get_all(header::SET_COOKIE) {
            answer.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        if let Some(seconds) = problem.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }

    fn send_to(&self, path: &str, status: StatusCode) -> HttpResponse {
        if self.htmx {
            return HttpResponse::build(status).insert_header(("HX-Redirect", path)).finish();
        }
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
    }

    fn render(&self, problem: &Problem) -> HttpResponse {
        let mut answer = HttpResponse::build(problem.status);
        let ours = problem.status.is_server_error();
        if self.wants_json {
            let body = serde_json::json!({
                "type": "about:blank", "title": problem.title, "status": problem.status.as_u16(),
                "detail": problem.detail, "request_id": self.id,
            });
            return answer.content_type("application/problem+json").body(body.to_string());
        }
        let (title, detail, request_id) = (problem.title, problem.detail.clone(), self.id.clone());
        let again = problem.again.clone();
        let html = if self.htmx {
            answer.insert_header(("HX-Retarget", "#flash")).insert_header(("HX-Reswap", "innerHTML"));
            ProblemFragment { title, detail, request_id, ours, again }.render()
        } else {
            let status = problem.status.as_u16();
            ProblemPage { theme: self.theme, title, detail, status, request_id, ours, again }.render()
        };
        answer.content_type("text/html; charset=utf-8").body(html.unwrap_or_else(|_| title.to_owned()))
    }

    fn finish(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
        set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY);
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::X_FRAME_OPTIONS, "DENY");
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        set(header::REFERRER_POLICY, "same-origin");
        set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()");
        if self.https {
            set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
        }
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }

    /// The route rather than the path: some paths carry a one-time token.
    fn log(&self, route: &str, status: StatusCode, started: Instant) {
        let millis = started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(request_id = self.id, method = %self.method, route, status = status.as_u16(), millis, "request");
    }
}
