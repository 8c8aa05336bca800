//! Trackers that stand in for GitHub, GitLab, Jira and a webhook, over HTTP: they answer in the providers' published shapes,
//! and fail when told to.

mod shapes;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The token that the trackers let in.
pub const TOKEN: &str = "a-token-of-the-tracker";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// This status, with `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// No answer, and nothing was done.
    Silence,
    /// Everything was done, and the answer never came.
    SilenceAfterwards,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    /// A header of it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Its body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// One issue of any of them.
#[derive(Debug, Clone, Default)]
pub struct Issue {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub labels: Vec<String>,
    pub closed: bool,
    pub comments: Vec<String>,
    /// Whether the search of the tracker does not know it yet.
    pub unsearched: bool,
}

#[derive(Debug, Default)]
struct Board {
    issues: Vec<Issue>,
    /// For requests that change something, in their order.
    faults: VecDeque<Fault>,
    /// For requests that ask.
    faults_of_questions: VecDeque<Fault>,
    asked: Vec<Asked>,
}

/// The trackers, until this is dropped.
pub struct Trackers {
    pub url: String,
    board: Arc<Mutex<Board>>,
    server: ServerHandle,
}

impl Trackers {
    /// Starts them at a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let board = Arc::new(Mutex::new(Board::default()));
        let data = web::Data::from(board.clone());
        let server =
            HttpServer::new(move || actix_web::App::new().app_data(data.clone()).default_service(web::to(answer)));
        let server = server.workers(1).shutdown_timeout(0).listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { url, board, server: handle })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Board) -> T) -> T {
        look(&mut self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next request that changes something goes wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.with(|board| board.faults.push_back(fault));
    }

    /// The next request that asks goes wrong.
    pub fn fail_next_question(&self, fault: Fault) {
        self.with(|board| board.faults_of_questions.push_back(fault));
    }

    /// All issues.
    #[must_use]
    pub fn issues(&self) -> Vec<Issue> {
        self.with(|board| board.issues.clone())
    }

    /// Everything that was asked, in its order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.with(|board| board.asked.clone())
    }

    /// Somebody changes the first issue there.
    ///
    /// # Panics
    /// When there is none.
    pub fn change(&self, change: impl FnOnce(&mut Issue)) {
        self.with(|board| change(board.issues.first_mut().expect("an issue")));
    }

    /// Stops answering.
    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

async fn answer(request: HttpRequest, body: web::Bytes, board: web::Data<Mutex<Board>>) -> HttpResponse {
    let asked = Asked {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let is_question = asked.method == "GET" || asked.path.contains("/search");
    let (fault, answered) = {
        let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = if is_question { board.faults_of_questions.pop_front() } else { board.faults.pop_front() };
        board.asked.push(asked.clone());
        let works = matches!(fault, None | Some(Fault::SilenceAfterwards));
        (fault, works.then(|| shapes::answer(&asked, &mut board.issues)))
    };
    match (fault, answered) {
        (Some(Fault::Status(status, wait)), _) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = HttpResponse::build(status);
            if let Some(wait) = wait {
                answer.insert_header(("Retry-After", wait.to_string()));
            }
            answer.json(json!({ "message": "as the test told me" }))
        }
        (None, Some((status, body))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if body.is_null() { HttpResponse::build(status).finish() } else { HttpResponse::build(status).json(body) }
        }
        _ => {
            tokio::time::sleep(Duration::from_secs(20)).await;
            HttpResponse::GatewayTimeout().finish()
        }
    }
}
