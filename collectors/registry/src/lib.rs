//! Reads an OCI registry: its repositories, the images that their tags name, and what is in them.
//!
//! An image is its digest. What a digest stands for cannot change, so that manifests, layers and whole images that an
//! earlier run has read come out of the tenant's memory; only tags and signatures are asked for anew. Layers are streamed
//! from the registry through the layer reader, never held whole in memory or on disk. Everything that a registry answers
//! may be hostile: sizes, pages, redirects and waits are bounded, and every byte is checked against its digest.

mod access;
mod answer;
mod blob;
mod challenge;
mod client;
mod config;
mod contents;
mod credential;
mod digest;
mod ecr;
mod error;
mod found;
mod image;
mod layers;
mod list;
mod manifest;
mod newest;
mod operator;
mod paging;
mod probe;
mod repository;
mod resource;
mod run;
mod settings;
mod signature;
mod tags;
mod throttle;
mod token;
mod verify;

pub use operator::{Operator, Patience};
pub use run::RegistryCollector;
pub use settings::{Auth, Policy, Scheme, Settings};
