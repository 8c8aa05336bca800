//! What surrounds the content of a page.

use actix_web::HttpRequest;
use plumbline_core::role::Permission;
use plumbline_store::identity::Membership;
use serde::{Deserialize, Serialize};

/// The cookie that keeps the theme.
pub(crate) const THEME_COOKIE: &str = "plumbline-theme";

/// Dark, light, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn of(req: &HttpRequest) -> Self {
        match req.cookie(THEME_COOKIE).as_ref().map(|cookie| cookie.value()) {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::Auto,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Auto => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// Something said once, on the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    pub good: bool,
    pub text: String,
}

impl Flash {
    #[must_use]
    pub fn good(text: impl Into<String>) -> Self {
        Self { good: true, text: text.into() }
    }

    #[must_use]
    pub fn bad(text: impl Into<String>) -> Self {
        Self { good: false, text: text.into() }
    }
}

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nav {
    Posture,
    Fixes,
    Findings,
    Exceptions,
    Paths,
    Resources,
    Flaws,
    Components,
    Compliance,
    Sources,
    Members,
    Audit,
    Account,
    Inbox,
    Settings,
}

/// One entry of the navigation.
#[derive(Debug, Clone, Copy)]
pub struct NavLink {
    pub title: &'static str,
    pub path: &'static str,
    pub current: bool,
}

/// The navigation, in its order, and what it takes to see an entry.
const NAV: [(Nav, &str, &str, Permission); 13] = [
    (Nav::Posture, "Posture", "/posture", Permission::ReadPosture),
    (Nav::Fixes, "Fixes", "/fixes", Permission::ReadPosture),
    (Nav::Findings, "Findings", "/findings", Permission::ReadPosture),
    (Nav::Exceptions, "Exceptions", "/exceptions", Permission::ReadPosture),
    (Nav::Paths, "Attack paths", "/paths", Permission::ReadPosture),
    (Nav::Resources, "Resources", "/resources", Permission::ReadPosture),
    (Nav::Flaws, "Flaws", "/flaws", Permission::ReadPosture),
    (Nav::Components, "Components", "/components", Permission::ReadPosture),
    (Nav::Compliance, "Compliance", "/compliance", Permission::ReadPosture),
    (Nav::Sources, "Sources", "/sources", Permission::ReadPosture),
    (Nav::Members, "Members", "/members", Permission::ReadMembers),
    (Nav::Audit, "Audit log", "/audit", Permission::ReadAudit),
    (Nav::Settings, "Settings", "/settings", Permission::ReadPosture),
];

/// What surrounds a page for somebody signed in.
#[derive(Debug, Clone)]
pub struct Frame {
    pub theme: Theme,
    pub csrf: String,
    pub flash: Option<Flash>,
    pub nav: Nav,
    /// The path of this page, to come back to.
    pub here: String,
    pub person_name: String,
    pub person_email: String,
    /// The tenant shown; none for a person who is in no tenant.
    pub current: Option<Membership>,
    pub tenants: Vec<Membership>,
    /// What the person has not read in this tenant's inbox; up to a hundred are counted.
    pub unread: i64,
}

impl Frame {
    /// The entries that the caller's role may open.
    #[must_use]
    pub fn links(&self) -> Vec<NavLink> {
        let Some(current) = &self.current else { return Vec::new() };
        NAV.into_iter()
            .filter(|(.., permission)| current.role.may(*permission))
            .map(|(nav, title, path, _)| NavLink { title, path, current: nav == self.nav })
            .collect()
    }

    /// Whether the caller's role carries a permission in the tenant shown.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.current.as_ref().is_some_and(|current| current.role.may(permission))
    }

    /// Up to two letters for the person's badge.
    #[must_use]
    pub fn initials(&self) -> String {
        self.person_name
            .split_whitespace()
            .filter_map(|word| word.chars().next())
            .take(2)
            .flat_map(char::to_uppercase)
            .collect()
    }
}

/// What surrounds a page for anybody.
#[derive(Debug, Clone)]
pub struct PublicFrame {
    pub theme: Theme,
    pub csrf: String,
    pub flash: Option<Flash>,
}
