//! Who may do what in a tenant.

use serde::{Deserialize, Serialize};

/// A member's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Owner,
    Ciso,
    Analyst,
    Auditor,
}

/// One thing that a handler may require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Posture, findings, inventory, compliance, sources' state.
    ReadPosture,
    /// Change a finding's triage.
    Triage,
    /// Accept a risk for a time.
    ApproveException,
    /// Give or withdraw the attestation of a manual control.
    Attest,
    /// Start or cancel a run; hand in a bill of materials, which is one.
    RunSource,
    /// Connect, change or remove a source and its credentials.
    ManageSources,
    /// Say where images may come from, and which files are known to be bad.
    ManageRules,
    /// Invite, change or remove members, and configure sign-in.
    ManageMembers,
    /// Read who is a member.
    ReadMembers,
    /// Read the audit log.
    ReadAudit,
    /// Export evidence and reports.
    Export,
}

impl Permission {
    pub const ALL: [Self; 11] = [
        Self::ReadPosture,
        Self::Triage,
        Self::ApproveException,
        Self::Attest,
        Self::RunSource,
        Self::ManageSources,
        Self::ManageRules,
        Self::ManageMembers,
        Self::ReadMembers,
        Self::ReadAudit,
        Self::Export,
    ];
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::Ciso, Self::Analyst, Self::Auditor];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Ciso => "ciso",
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether the role carries the permission. Written out in full, so that a new permission is decided for each role.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::ReadPosture | P::Export => true,
            P::Triage | P::RunSource => matches!(self, Self::Owner | Self::Ciso | Self::Analyst),
            P::ApproveException => matches!(self, Self::Owner | Self::Ciso),
            P::Attest | P::ManageRules => matches!(self, Self::Owner | Self::Ciso),
            P::ManageSources | P::ManageMembers => matches!(self, Self::Owner),
            P::ReadMembers | P::ReadAudit => matches!(self, Self::Owner | Self::Ciso | Self::Auditor),
        }
    }
}
