//! People and how they come in, before a tenant is chosen. All of it goes through the identity door.

pub mod person;
pub mod provider;
pub mod session;
pub mod setup;
pub mod token;

pub use person::{Caller, Membership, Person};
pub use setup::create_setup_link;
pub use token::Token;
