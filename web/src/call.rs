//! Who calls, and what they may: the first parameter of every handler.
//!
//! [`Call`] is a member of a tenant with a permission, and holds the transaction that sees this tenant alone.
//! [`SignedIn`] is a person outside any tenant, [`Visitor`] is anybody. A handler has no other way to the database.

mod agent;
mod member;
mod permission;
mod person;
mod visit;
mod visitor;

pub(crate) use agent::bearer;
pub use agent::{Agent, Newcomer};
pub use member::{Actor, Call};
pub use permission::*;
pub use person::SignedIn;
pub use visit::Visit;
pub use visitor::Visitor;

use plumbline_core::role::Permission;

/// Opens the database. Made only in this module and those below it, and for the session store.
#[derive(Clone, Copy)]
pub(crate) struct Key(());

impl Key {
    /// The session store's own: sessions are loaded before anybody is known to call.
    pub(crate) fn for_sessions() -> Self {
        Self(())
    }
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Public,
    /// Any signed-in person, member of a tenant or not.
    SignedIn,
    /// A member of a tenant whose role carries the permission.
    Member(Permission),
    /// An agent of a container host, by a credential of its own and no session.
    Agent,
}

/// A first parameter: says who may call.
pub trait Caller {
    const ACCESS: Access;
}
