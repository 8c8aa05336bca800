//! Advisories: what is known to be wrong with which versions of which packages.
//!
//! Records come in the OSV format, one file for one advisory, from many databases that describe the same flaws. Here they
//! are read, a component's version is judged against them, and what was found is merged so that one flaw is one flaw,
//! however many databases tell of it. The exploited-flaws catalogue and the exploitation forecast are read here too.
//!
//! What cannot be judged (a version that does not parse, a range of a type nobody knows) is an error of its own and never
//! reads as "not affected".

pub mod bundle;
pub mod cvss;
pub mod ecosystem;
pub mod epss;
pub mod flaw;
pub mod found;
pub mod judge;
pub mod kev;
pub mod osv;
pub mod rating;
mod wire;

pub use flaw::{Flaw, Notice, flaws};
pub use found::{Found, Told, find};
pub use judge::{Hit, Unjudged};
pub use osv::{Advisory, Affected, Unreadable};
pub use rating::{Rating, Severity, Urgency};
