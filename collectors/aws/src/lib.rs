//! Reads an AWS account or organization.
//!
//! A [`reader::Reader`] lists one thing in one account, and in one region where the service is regional: that is a scope. All
//! enabled regions of all accounts are read concurrently under a budget of calls, and every resource is streamed out as
//! soon as it is complete. What each reader calls, and the permission each attribute takes, is in the kind catalogue
//! (`server/core/kinds/aws/`); the access policy printed for customers is made from the same file.

mod access;
mod accounts;
mod attributes;
mod budget;
mod client;
mod guard;
mod probe;
mod reader;
mod run;
mod services;
mod settings;
mod whole;

pub use attributes::ToAttr;
pub use run::AwsCollector;
pub use settings::{Operator, Patience, Settings};
