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

    /// Storage itself is away, full, locked or read-only: nothing is wrong with what was asked, and all of it may be asked again later.
    pub fn is_away(&self) -> bool {
        use sqlx::Error as E;
        match self {
            Self::Database(E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed) => true,
            Self::Database(E::Database(e)) => e.code().is_some_and(|code| away_code(&code)),
            _ => false,
        }
    }

    /// Another transaction got in between: trying again sees what it did.
    pub fn is_race(&self) -> bool {
        self.is_unique_violation() || self.is_retryable()
    }

    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(e)) if e.is_unique_violation())
    }
}

/// SQLite: busy, read-only, I/O error, full, cannot open (extended codes carry the primary one in their low byte). PostgreSQL: connection,
/// resources, read-only, shutdown.
fn away_code(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xFF, 5 | 8 | 10 | 13 | 14),
        _ => code == "25006" || ["08", "53", "57P"].iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_that_is_away_is_told_from_a_faulty_statement() {
        for away in ["5", "13", "778", "14", "08006", "53100", "57P01", "25006"] {
            assert!(away_code(away), "{away}");
        }
        for other in ["1", "19", "2067", "23505", "40001", "42601", "57014"] {
            assert!(!away_code(other), "{other}");
        }
        assert!(StoreError::Database(sqlx::Error::PoolClosed).is_away());
        assert!(!StoreError::NotFound.is_away());
    }
}
