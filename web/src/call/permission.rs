//! Each permission as a type, so that a handler's signature names it: `Call<ReadPosture>`.

use plumbline_core::role::Permission;

/// A permission as a type.
pub trait May {
    const PERMISSION: Permission;
}

macro_rules! permission {
    ($($name:ident),+ $(,)?) => {$(
        #[doc = concat!("[`Permission::", stringify!($name), "`] as a type.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl May for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

permission! {
    ReadPosture, Triage, ApproveException, Attest, RunSource, ManageSources, ManageRules, ManageMembers, ReadMembers, ReadAudit,
    Export,
}
