//! Reads container hosts: a Docker engine over its API.
//!
//! What a host answers may be hostile, for whoever owns it may have taken it over: sizes, counts and waits are
//! bounded, and settings that hold secrets are searched for them and then left out.

pub mod docker;
mod text;
