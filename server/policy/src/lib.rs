//! The check engine and its content.
//!
//! Pure: given resources, it says verdicts. The content lives beside the code, as files: `checks/<layer>/<provider>/<id>.yaml`,
//! `frameworks/*.yaml`, and the Rego functions that rules share in `rego/*.rego`. A rule is compiled once and shared by
//! threads; each thread evaluates with an [`Evaluator`] of its own.

pub mod catalogue;
pub mod check;
pub mod engine;
pub mod exposure;
pub mod facts;
pub mod framework;
pub mod guard;
mod memo;

pub use catalogue::Catalogue;
pub use check::Check;
pub use engine::{Decision, Evaluator, Missing, OneOf, Related, Subject};
pub use framework::{Control, Framework};
