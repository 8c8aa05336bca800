//! The pages of Plumbline.
//!
//! One file a noun: its routes, its page structs and its handlers together. Every handler's first parameter states who
//! may call it ([`call::Call`], [`call::SignedIn`], [`call::Visitor`]) and is its only way to the database; the route
//! table in [`route`] is made of the same handlers, so that tests enumerate what the server answers. `docs/ARCHITECTURE.md`
//! draws the whole house.

pub mod account;
mod again;
pub mod agent;
pub mod assets;
pub mod audit;
pub mod bills;
pub mod call;
mod chance;
mod charts;
pub mod compliance;
pub mod components;
pub mod criticality;
mod csrf;
pub mod edge;
pub mod error;
pub mod exceptions;
mod facets;
pub mod finding;
pub mod findings;
pub mod fixes;
pub mod flaw;
pub mod flaws;
pub mod form;
pub mod frame;
pub mod health;
mod image;
pub mod image_rules;
pub mod inbox;
pub mod invitation;
pub mod limits;
pub mod member;
pub mod oidc;
pub mod outside;
mod part;
pub mod passwords;
mod paths;
pub mod plan;
pub mod posture;
pub mod provider;
pub mod resource;
pub mod resources;
pub mod route;
pub mod runs;
pub mod sbom;
pub mod session;
pub mod setup;
pub mod sign_in;
pub mod sources;
mod stack;
pub mod state;
mod tags;
pub mod tenant;
pub mod text;
pub mod theme;
mod tickets;
mod trackers;
mod tree;
mod triage;
pub mod upload;
pub mod views;
pub mod what_if;
mod words;

pub use error::WebError;
pub use state::{AppState, Config};

use actix_htmx::HtmxMiddleware;
use actix_web::body::BoxBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, Error, HttpServer, web};
use std::net::TcpListener;

/// A form is a few fields; nothing a person types is longer.
const FORM_BYTES: usize = 256 * 1024;

/// The whole application, as the server and the tests run it.
pub fn app(
    state: &web::Data<AppState>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    App::new()
        .app_data(state.clone())
        .app_data(web::PayloadConfig::new(FORM_BYTES))
        .app_data(web::PathConfig::default().error_handler(|_, _| WebError::NotFound.into()))
        .app_data(web::QueryConfig::default().error_handler(|_, _| WebError::NotFound.into()))
        .configure(route::register)
        .wrap(session::middleware(state))
        .wrap(HtmxMiddleware)
        .wrap(from_fn(csrf::guard_origin))
        .wrap(from_fn(edge::edge))
        .wrap(from_fn(edge::boxed))
        .wrap(Compress::default())
        .wrap(from_fn(edge::outermost))
}

/// Serves the application on a listener that is already bound.
///
/// # Errors
/// When the listener cannot be used.
pub fn server(listener: TcpListener, state: AppState, workers: usize) -> std::io::Result<Server> {
    let state = web::Data::new(state);
    // A page is sent in several pieces; waiting to join them costs a reader 40 ms.
    let http = HttpServer::new(move || app(&state)).workers(workers).tcp_nodelay(true).shutdown_timeout(10);
    Ok(http.listen(listener)?.run())
}
