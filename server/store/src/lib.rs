//! All SQL of Plumbline.
//!
//! The pool is private. There are four doors, each a transaction that enters a role of its own: [`TenantTx`] sees one
//! tenant's rows, [`IdentityTx`] sees people and memberships before a tenant is chosen, [`QueueTx`] sees jobs, [`FeedTx`]
//! changes advisories. Queries are plain functions that take a door, one file a noun.

mod database;
mod door;
mod error;
pub mod seal;

pub mod agent;
pub mod attestation;
pub mod bill;
pub mod compliance;
pub mod criticality;
pub mod exception;
pub mod feed;
pub mod finding;
pub mod fix;
pub mod group;
pub mod identity;
pub mod image_rules;
pub mod inbox;
pub mod job;
pub mod ledger;
pub mod memory;
pub mod page;
pub mod path;
pub mod plan;
pub mod posture;
pub mod reconcile;
pub mod reseal;
pub mod resource;
pub mod run;
pub mod software;
pub mod source;
pub mod stack;
pub mod subject;
pub mod tag;
pub mod tenant;
pub mod ticket;
pub mod triage;
pub mod view;

pub use database::Database;
pub use door::{FeedTx, IdentityTx, QueueTx, TenantTx};
pub use error::StoreError;
pub use page::{Page, PageRequest};
