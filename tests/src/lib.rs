//! What the integration tests share.

pub mod app;
pub mod browser;
pub mod builders;
pub mod chrome;
pub mod estate_rows;
pub mod provider;
pub mod walk;

pub use app::TestApp;
pub use browser::{Answer, Browser};
