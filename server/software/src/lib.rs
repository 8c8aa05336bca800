//! Software: what is installed in an image or on a host, and what is known of it.
//!
//! From the bytes of a layer or of a package database to components; from components and advisories to flaws. Pure: it
//! reads what it is handed and reaches for nothing. Everything here meets input that somebody hostile may have made, so
//! sizes, depths and counts are bounded and nothing panics.

pub mod advisory;
pub mod component;
pub mod distribution;
pub mod hash_list;
pub mod layer;
pub mod packages;
pub mod sbom;
pub mod version;

pub use component::{Component, Source, Type};
pub use distribution::Distribution;
