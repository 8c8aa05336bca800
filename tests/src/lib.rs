//! What the integration tests share.

pub mod app;
pub mod browser;
pub mod builders;
pub mod chrome;
pub mod cluster;
pub mod docker;
pub mod estate_rows;
mod fault_answers;
pub mod fault_proxy;
pub mod host;
pub mod lab;
pub mod polling;
pub mod provider;
pub mod registry;
pub mod trackers;
pub mod walk;

pub use app::TestApp;
pub use browser::{Answer, Browser};
