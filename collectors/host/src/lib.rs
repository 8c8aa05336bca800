//! Reads container hosts: a Docker engine over its API, and machines by an agent that reports.
//!
//! What a host answers may be hostile, for whoever owns it may have taken it over: sizes, counts and waits are
//! bounded, and settings that hold secrets are searched for them and then left out.

pub mod agent;
pub mod docker;
mod machine;
pub mod report;
mod text;

pub use machine::HostCollector;
