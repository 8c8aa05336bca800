//! The product: configuration, wiring, and the commands of the `plumbline` binary.

pub mod config;
pub mod demo;
pub mod postgres;
pub mod serve;
