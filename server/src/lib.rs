//! The product: configuration, wiring, and the commands of the `plumbline` binary.

pub mod config;
pub mod demo;
pub mod postgres;
pub mod serve;

pub use plumbline_worker::feeds;

/// Many small values that live as long as one page or one batch of verdicts: what the system's allocator is worst at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
