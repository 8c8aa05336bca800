//! How the stand-in goes wrong where a test says so.

/// How a request goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with a document of it.
    Status(u16),
    /// Too many requests, to be asked again after so many seconds.
    Later(u32),
    /// The list can no longer be gone on with.
    Expired,
    /// Half of the answer, as if it were all.
    Half,
}

pub(super) struct Rule {
    pub(super) path: String,
    pub(super) times: u32,
    pub(super) fault: Fault,
}
