//! Triage: where the work on a finding stands, whose it is, and by when it is to be done.

pub mod owners;
pub mod sla;
mod stage;

pub use stage::{Move, Stage};
