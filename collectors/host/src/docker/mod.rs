//! A Docker engine, as its API tells of it: the daemon, its containers, images, networks and volumes.
//!
//! The engine's API is spoken to over its own thin client (see ADR 0017): over a Unix socket where the operator of this
//! installation allows it, or over TLS with a client certificate. Nothing but GET is ever sent. The account of a scope is
//! the engine's id, its region `global`.

mod access;
mod client;
mod container;
mod daemon;
mod error;
mod image;
mod network;
mod probe;
mod resource;
mod run;
mod settings;
mod watch;

pub use run::DockerCollector;
pub use settings::Operator;
