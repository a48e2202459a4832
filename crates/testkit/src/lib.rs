//! Dev-only: the databases under test, a clock moved by hand, repeatable randomness.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rialto_core::{Clock, Random};
use rialto_store::{Db, Vault};

/// Environment variable with the address of a PostgreSQL server on which databases may be made and dropped.
pub const POSTGRES: &str = "RIALTO_TEST_POSTGRES";

/// 2026-01-05 08:00 UTC, a Monday.
pub const START: i64 = 1_767_600_000_000_000;

/// A database of its own. On SQLite it vanishes with this value; on PostgreSQL the next test drops it.
pub struct TestDb {
    pub db: Db,
    pub url: String,
    pub name: &'static str,
    _folder: Option<tempfile::TempDir>,
    _dropped: Option<Dropped>,
}

/// Databases on PostgreSQL that no test uses any more: hundreds of them would take gigabytes of disk.
static DONE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Hands its database over to be dropped.
struct Dropped(String);

impl Drop for Dropped {
    fn drop(&mut self) {
        DONE.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.0));
    }
}

/// A fresh database on SQLite and one on PostgreSQL. A missing PostgreSQL is a failure, never a skip.
pub async fn both() -> Vec<TestDb> {
    vec![sqlite().await, postgres().await]
}

pub async fn sqlite() -> TestDb {
    let folder = tempfile::tempdir().expect("a folder for the test database");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let db = Db::open(&url).await.expect("SQLite opens and migrates");
    TestDb { db, url, name: "sqlite", _folder: Some(folder), _dropped: None }
}

pub async fn postgres() -> TestDb {
    let server = std::env::var(POSTGRES)
        .unwrap_or_else(|_| panic!("{POSTGRES} is not set: run the tests with `make test`, which starts a private server"));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let admin = sqlx::PgPool::connect(&format!("{server}/postgres")).await.expect("PostgreSQL answers");
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let done = std::mem::take(&mut *DONE.lock().unwrap_or_else(PoisonError::into_inner));
    for name in done {
        drop_database(&admin, &format!("{name} WITH (FORCE)")).await;
    }
    if number == 0 {
        // Whatever somebody is connected to stays: another machine's processes may use this server too.
        for name in left_behind(&admin).await {
            drop_database(&admin, &name).await;
        }
    }
    let now: i64 = sqlx::query_scalar(NOW).fetch_one(&admin).await.expect("PostgreSQL knows the time");
    let name = format!("rialto_test_{now}_{}_{number}", std::process::id());
    for text in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&admin).await.expect("a test database can be made");
    }
    admin.close().await;
    let url = format!("{server}/{name}");
    let db = Db::open(&url).await.expect("PostgreSQL migrates");
    TestDb { db, url, name: "postgres", _folder: None, _dropped: Some(Dropped(name)) }
}

const NOW: &str = "SELECT extract(epoch FROM now())::bigint";

/// Another process may be at it too: what cannot be dropped stays.
async fn drop_database(admin: &sqlx::PgPool, which: &str) {
    let _ = sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {which}"))).execute(admin).await;
}

/// Databases of tests, by the process that made them. Nobody else's match.
const OF_TESTS: &str = "SELECT datname::text, split_part(datname, '_', 4)::bigint FROM pg_database
    WHERE datname ~ '^rialto_test_[0-9]{10}_[0-9]+_[0-9]+$' LIMIT 1000";

/// Databases of processes of this machine that have ended.
async fn left_behind(admin: &sqlx::PgPool) -> Vec<String> {
    let all: Vec<(String, i64)> = sqlx::query_as(OF_TESTS).fetch_all(admin).await.unwrap_or_default();
    let ended = |pid: &i64| !std::path::Path::new(&format!("/proc/{pid}")).exists() && std::path::Path::new("/proc/self").exists();
    all.into_iter().filter(|(_, pid)| ended(pid)).map(|(name, _)| name).collect()
}

/// A clock and the hand that moves it (microseconds since 1970-01-01).
pub fn clock() -> (Clock, Arc<AtomicI64>) {
    let at = Arc::new(AtomicI64::new(START));
    (Clock::manual(at.clone()), at)
}

/// The same bytes in the same order every time; different for every call.
pub fn random() -> Random {
    let next = AtomicU64::new(1);
    Random::new(move |out| {
        for chunk in out.chunks_mut(8) {
            let n = next.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            chunk.copy_from_slice(&n.rotate_left(23).to_le_bytes()[..chunk.len()]);
        }
    })
}

pub fn vault() -> Vault {
    Vault::new([42; 32], random())
}

/// Somebody who acts at `START`.
pub fn actor() -> rialto_store::Actor {
    rialto_store::Actor { name: "user:ann@rialto.example".into(), request_id: "test".into(), at: rialto_core::Instant(START) }
}
