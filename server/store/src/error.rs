//! What can go wrong in the store that a caller tells apart.

/// A query that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of that id in this tenant; another tenant's looks the same.
    #[error("not found")]
    NotFound,
    /// A rule of the data was broken; the text is for the person who tried.
    #[error("{0}")]
    Conflict(String),
    /// Something else of this tenant holds what it needs, and did for as long as a person waits.
    #[error("busy")]
    Busy,
    /// A secret that cannot be opened: wrong key, or tampered with.
    #[error("a stored secret cannot be opened")]
    Sealed,
    /// It took longer than whoever asked wanted to wait, and was stopped.
    #[error("it took too long")]
    TooLong,
    #[error("database: {0}")]
    Database(sqlx::Error),
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// PostgreSQL's code for a statement that was stopped.
const STOPPED: &str = "57014";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) if code == STOPPED => Self::TooLong,
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Turns the violation of a named constraint into words for the person who caused it.
    pub fn on_constraint(error: sqlx::Error, constraint: &str, words: &str) -> Self {
        match error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) {
            Some(name) if name == constraint => Self::Conflict(words.to_owned()),
            _ => Self::Database(error),
        }
    }
}
