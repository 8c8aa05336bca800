//! The route table. Each noun lists its own routes; tests walk the whole table.

use crate::call::{Access, Agent, Caller, Newcomer};
use crate::form::Form;
use crate::upload::Upload;
use crate::{
    account, agent, assets, audit, bills, compliance, components, criticality, exceptions, finding, findings, fixes,
    flaw, flaws, health, image_rules, inbox, invitation, member, oidc, paths, plan, posture, provider, resource,
    resources, runs, sbom, setup, sign_in, sources, stack, tenant, theme, tickets, trackers, triage, views, what_if,
};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, web};
use std::fmt;

/// One route: who may call it is read off its handler's first parameter.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    build: Box<dyn Fn() -> actix_web::Route + Send + Sync>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.access)
    }
}

/// The parameters of a handler that reads: a caller, and anything more.
pub trait Reads {
    const ACCESS: Access;
}

/// The parameters of a handler that changes something: a caller first, and a form last, whose token is checked.
pub trait Changes {
    const ACCESS: Access;
}

macro_rules! parameters {
    ($($more:ident),*) => {
        impl<C: Caller, $($more),*> Reads for (C, $($more,)*) {
            const ACCESS: Access = C::ACCESS;
        }
        impl<C: Caller, $($more,)* T> Changes for (C, $($more,)* Form<T>) {
            const ACCESS: Access = C::ACCESS;
        }
        impl<C: Caller, $($more,)* T> Changes for (C, $($more,)* Upload<T>) {
            const ACCESS: Access = C::ACCESS;
        }
    };
}
parameters!();
parameters!(A);
parameters!(A, B);
parameters!(A, B, D);

/// The parameters of a handler that an agent calls: who shows a credential, and anything more.
pub trait ByAgent {}

impl ByAgent for (Newcomer,) {}
impl<A> ByAgent for (Agent, A) {}

impl Route {
    /// A page.
    pub fn get<F, P>(path: &'static str, handler: F) -> Self
    where
        F: Handler<P> + Send + Sync,
        P: FromRequest + Reads + 'static,
        F::Output: Responder + 'static,
    {
        let build = Box::new(move || web::get().to(handler.clone()));
        Self { method: Method::GET, path, access: P::ACCESS, build }
    }

    /// A form's target.
    pub fn post<F, P>(path: &'static str, handler: F) -> Self
    where
        F: Handler<P> + Send + Sync,
        P: FromRequest + Changes + 'static,
        F::Output: Responder + 'static,
    {
        let build = Box::new(move || web::post().to(handler.clone()));
        Self { method: Method::POST, path, access: P::ACCESS, build }
    }
}

impl Route {
    /// What an agent calls: it has no session, so that there is no form and no token of one.
    pub fn agent<F, P>(path: &'static str, handler: F) -> Self
    where
        F: Handler<P> + Send + Sync,
        P: FromRequest + ByAgent + 'static,
        F::Output: Responder + 'static,
    {
        let build = Box::new(move || web::post().to(handler.clone()));
        Self { method: Method::POST, path, access: Access::Agent, build }
    }
}

/// Every route of the application.
#[must_use]
pub fn table() -> Vec<Route> {
    [
        posture::routes(),
        fixes::routes(),
        plan::routes(),
        what_if::routes(),
        findings::routes(),
        finding::routes(),
        triage::routes(),
        inbox::routes(),
        views::routes(),
        exceptions::routes(),
        paths::routes(),
        resources::routes(),
        resource::routes(),
        stack::routes(),
        sbom::routes(),
        flaws::routes(),
        flaw::routes(),
        components::routes(),
        image_rules::routes(),
        criticality::routes(),
        compliance::routes(),
        sources::routes(),
        runs::routes(),
        bills::routes(),
        member::routes(),
        invitation::routes(),
        provider::routes(),
        audit::routes(),
        account::routes(),
        tenant::routes(),
        sign_in::routes(),
        oidc::routes(),
        setup::routes(),
        theme::routes(),
        trackers::routes(),
        tickets::routes(),
        health::routes(),
        assets::routes(),
        agent::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Registers the table.
pub(crate) fn register(config: &mut web::ServiceConfig) {
    for route in table() {
        config.route(route.path, (route.build)());
    }
    config.default_service(web::to(|| async { Err::<String, _>(crate::WebError::NotFound) }));
}
