//! Two pools behind one type. `read()` and `write()` are the only ways in.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, FromRow, Postgres, Sqlite, Transaction};

use crate::error::StoreError;
use crate::sql::{Arg, Sql, storable};

/// Lowest SQLite that Rialto accepts: older ones can corrupt a WAL database (fixed in 3.51.3).
const LOWEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// How long a connection to PostgreSQL is waited for. While the server is away all of it passes (the driver goes on trying), and whoever
/// asked hears 503 then: well before a mail program gives up a one-click.
const AWAY: Duration = Duration::from_secs(4);

/// A row type that reads from both databases. Derive `sqlx::FromRow`; tuples work too.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

#[derive(Clone, Debug)]
pub enum Db {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// A read handle: statements outside any transaction.
#[derive(Clone, Copy)]
pub struct Read<'a>(&'a Db);

/// A write transaction. Dropped without `commit`, it is rolled back.
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens `sqlite://path`, `sqlite:path` or `postgres://…`, brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let db = Self::connect(url).await?;
        crate::migrate::run(&db).await?;
        Ok(db)
    }

    /// Opens without migrating.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)?
                .application_name("rialto")
                // A generic plan for all groups is 100 times too slow for small ones (docs/adr/0003).
                .options([("plan_cache_mode", "force_custom_plan"), ("timezone", "UTC")])
                // Statements are short; to compile one for the machine takes longer than to run it.
                .options([("jit", "off")])
                // A process that is frozen inside a transaction must not hold its locks for ever (docs/adr/0101).
                .options([("idle_in_transaction_session_timeout", "15s")]);
            let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(AWAY).connect_lazy_with(options);
            first_connection(&pool).await?;
            return Ok(Self::Postgres(pool));
        }
        let path = url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
            .ok_or_else(|| StoreError::Unsupported("database.url must begin with sqlite:// or postgres://".into()))?;
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true)
            .pragma("cache_size", "-32000")
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", "10000");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            // SQLite itself rolls back what a full disk broke off; the driver then takes the connection for busy for ever (docs/adr/0102).
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone())
            .await?;
        check_sqlite_version(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(6)
            .acquire_timeout(Duration::from_secs(15))
            .connect_with(options.pragma("query_only", "on").pragma("cache_size", "-4000"))
            .await?;
        Ok(Self::Sqlite { read, write })
    }

    pub fn read(&self) -> Read<'_> {
        Read(self)
    }

    /// Begins a write transaction; on SQLite it takes the one write lock at once.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Begins a write transaction for a few people or messages found by their keys: on PostgreSQL one plan serves its statements again and
    /// again (docs/adr/0143), where `write` has them planned for the values of each.
    pub async fn write_few(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { .. } => self.write().await,
            Self::Postgres(pool) => Ok(Tx::Postgres(pool.begin_with("BEGIN; SET LOCAL plan_cache_mode = auto").await?)),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    /// Ends all connections; on SQLite the WAL is folded into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// The server may be starting as well: it is waited for four times as long as later.
async fn first_connection(pool: &PgPool) -> Result<(), StoreError> {
    for _ in 0..3 {
        match pool.acquire().await {
            Err(sqlx::Error::PoolTimedOut) => {}
            other => return Ok(other.map(drop)?),
        }
    }
    Ok(pool.acquire().await.map(drop)?)
}

/// Makes the file so that only its owner can read it, if it is not there; SQLite gives its side files the same mode.
fn make_private(path: &str) -> Result<(), StoreError> {
    if path.is_empty() || path.starts_with(":memory:") {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(StoreError::Database(sqlx::Error::Io(e))),
        _ => Ok(()),
    }
}

async fn check_sqlite_version(pool: &SqlitePool) -> Result<(), StoreError> {
    let text: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let mut parts = text.split('.').map(|p| p.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let version = (next(), next(), next());
    if version < LOWEST_SQLITE {
        return Err(StoreError::Unsupported(format!("SQLite {text} is too old; Rialto needs 3.51.3 or later")));
    }
    Ok(())
}

macro_rules! bind {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in storable($args)? {
            query = match arg {
                Arg::Int(v) => query.bind(v),
                Arg::OptInt(v) => query.bind(v),
                Arg::Float(v) => query.bind(v),
                Arg::Text(v) => query.bind(v),
                Arg::OptText(v) => query.bind(v),
                Arg::Bool(v) => query.bind(v),
                Arg::OptBool(v) => query.bind(v),
                Arg::Bytes(v) => query.bind(v),
            };
        }
        query
    }};
}

macro_rules! queries {
    ($sqlite:pat => $lite:expr, $postgres:pat => $pg:expr) => {
        /// All rows of a query.
        pub async fn all<T: Row>(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<Vec<T>, StoreError> {
            let sql = sql.into();
            Ok(match self {
                $sqlite => bind!(sqlx::query_as::<Sqlite, T>(sql.sqlite), args).fetch_all($lite).await?,
                $postgres => bind!(sqlx::query_as::<Postgres, T>(sql.postgres), args).fetch_all($pg).await?,
            })
        }

        /// The first row, if there is one.
        pub async fn opt<T: Row>(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<Option<T>, StoreError> {
            let sql = sql.into();
            Ok(match self {
                $sqlite => bind!(sqlx::query_as::<Sqlite, T>(sql.sqlite), args).fetch_optional($lite).await?,
                $postgres => bind!(sqlx::query_as::<Postgres, T>(sql.postgres), args).fetch_optional($pg).await?,
            })
        }

        /// The one row that must be there.
        pub async fn one<T: Row>(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<T, StoreError> {
            self.opt(sql, args).await?.ok_or(StoreError::NotFound)
        }

        /// All rows of a query whose text was built from generated identifiers (profile tables). Values are bound, never
        /// part of the text.
        pub async fn all_built<T: Row>(&mut self, text: String, args: Vec<Arg>) -> Result<Vec<T>, StoreError> {
            Ok(match self {
                $sqlite => bind!(sqlx::query_as::<Sqlite, T>(AssertSqlSafe(text)), args).fetch_all($lite).await?,
                $postgres => bind!(sqlx::query_as::<Postgres, T>(AssertSqlSafe(text)), args).fetch_all($pg).await?,
            })
        }
    };
}

impl Read<'_> {
    queries!(Read(Db::Sqlite { read, .. }) => read, Read(Db::Postgres(pool)) => pool);

    pub fn is_sqlite(self) -> bool {
        self.0.is_sqlite()
    }

    /// One row of arrays, which only PostgreSQL has.
    pub(crate) async fn columns<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(self, sql: Sql, args: Vec<Arg>) -> Result<T, StoreError> {
        let Db::Postgres(pool) = self.0 else { return Err(StoreError::Unsupported("arrays need PostgreSQL".into())) };
        Ok(bind!(sqlx::query_as::<Postgres, T>(sql.postgres), args).fetch_one(pool).await?)
    }
}

impl Tx {
    queries!(Tx::Sqlite(tx) => &mut **tx, Tx::Postgres(tx) => &mut **tx);

    /// Runs a statement; answers how many rows it changed.
    pub async fn run(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<u64, StoreError> {
        let sql = sql.into();
        Ok(match self {
            Tx::Sqlite(tx) => bind!(sqlx::query::<Sqlite>(sql.sqlite), args).execute(&mut **tx).await?.rows_affected(),
            Tx::Postgres(tx) => bind!(sqlx::query::<Postgres>(sql.postgres), args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// As `run`, for a text built from generated identifiers.
    pub async fn run_built(&mut self, text: String, args: Vec<Arg>) -> Result<u64, StoreError> {
        let text = AssertSqlSafe(text);
        Ok(match self {
            Tx::Sqlite(tx) => bind!(sqlx::query::<Sqlite>(text), args).execute(&mut **tx).await?.rows_affected(),
            Tx::Postgres(tx) => bind!(sqlx::query::<Postgres>(text), args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
