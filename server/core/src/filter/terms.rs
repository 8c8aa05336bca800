//! What a filter's words about checks mean: what the content says of each check.

use crate::layer::Layer;
use crate::verdict::Severity;

/// What the content says of its checks, for whoever has to read a filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    pub checks: Vec<CheckTerms>,
    pub frameworks: Vec<FrameworkTerms>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTerms {
    pub id: String,
    pub title: String,
    pub layer: Layer,
    /// The kind of resource that it judges.
    pub kind: String,
    pub severity: Severity,
}

/// One framework, with the checks of each control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameworkTerms {
    pub id: String,
    pub controls: Vec<(String, Vec<String>)>,
}
