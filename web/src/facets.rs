//! What narrows a list, as every list shows it: facets beside it, and what is chosen above it.

/// One facet.
pub(crate) struct Facet {
    pub(crate) title: &'static str,
    pub(crate) values: Vec<Choice>,
    /// Values that unfold.
    pub(crate) more: Vec<Choice>,
}

/// One value of a facet, and the list with it chosen or no longer chosen.
pub(crate) struct Choice {
    pub(crate) label: String,
    /// How many it would leave; none where that is not kept.
    pub(crate) count: Option<String>,
    pub(crate) chosen: bool,
    pub(crate) href: String,
}

/// One thing that narrows the list, and the list without it.
pub(crate) struct Chip {
    pub(crate) facet: &'static str,
    pub(crate) label: String,
    pub(crate) href: String,
}
