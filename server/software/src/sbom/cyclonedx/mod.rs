//! CycloneDX (<https://cyclonedx.org/docs/1.6/json/>): 1.6 JSON out, 1.2 and later JSON in.

mod read;
mod write;

pub use read::read;
pub use write::write;
