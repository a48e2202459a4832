//! What storage can answer instead of data.

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("not found")]
    NotFound,
    /// A rule of the data forbids it; the text is for people.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Unsupported(String),
    /// PostgreSQL's texts cannot hold the character U+0000, so neither database gets it.
    #[error("a text must not hold the character U+0000")]
    NulInText,
    /// Stored data that this version cannot read.
    #[error("stored data is not readable: {0}")]
    Corrupt(String),
    /// The run is no longer this worker's.
    #[error("the run was taken over by another worker")]
    TakenOver,
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("schema: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl StoreError {
    /// A deadlock or serialization failure of PostgreSQL, or a busy SQLite: the transaction may simply be tried again.
    pub fn is_retryable(&self) -> bool {
        let Self::Database(sqlx::Error::Database(e)) = self else { return false };
        matches!(e.code().as_deref(), Some("40P01" | "40001" | "5" | "261" | "517"))
    }

    /// Another transaction got in between: trying again sees what it did.
    pub fn is_race(&self) -> bool {
        self.is_unique_violation() || self.is_retryable()
    }

    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(e)) if e.is_unique_violation())
    }
}
