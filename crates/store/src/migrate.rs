//! Brings the schema up to date: one folder, two dialects where SQLite cannot follow.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::db::Db;
use crate::error::StoreError;

enum Text {
    Both(&'static str),
    Two { sqlite: &'static str, postgres: &'static str },
}

/// Append-only: a released migration is never edited.
const MIGRATIONS: &[(i64, &str, Text)] = &[
    (1, "base", Text::Both(include_str!("../migrations/0001_base.sql"))),
    (
        2,
        "membership",
        Text::Two {
            sqlite: include_str!("../migrations/0002_membership.sqlite.sql"),
            postgres: include_str!("../migrations/0002_membership.postgres.sql"),
        },
    ),
    (3, "compound", Text::Both(include_str!("../migrations/0003_compound.sql"))),
    (4, "schedules", Text::Both(include_str!("../migrations/0004_schedules.sql"))),
    (
        5,
        "hardening",
        Text::Two {
            sqlite: include_str!("../migrations/0005_hardening.sqlite.sql"),
            postgres: include_str!("../migrations/0005_hardening.postgres.sql"),
        },
    ),
    (6, "attributes", Text::Both(include_str!("../migrations/0006_attributes.sql"))),
    (10, "reading", Text::Both(include_str!("../migrations/0010_reading.sql"))),
    (11, "writebacks", Text::Both(include_str!("../migrations/0011_writebacks.sql"))),
    (12, "reconcile", Text::Both(include_str!("../migrations/0012_reconcile.sql"))),
    (13, "writeback times", Text::Both(include_str!("../migrations/0013_writeback_times.sql"))),
    (14, "interests", Text::Both(include_str!("../migrations/0014_interests.sql"))),
    (18, "timing", Text::Both(include_str!("../migrations/0018_timing.sql"))),
    (
        19,
        "queue",
        Text::Two {
            sqlite: include_str!("../migrations/0019_queue.sqlite.sql"),
            postgres: include_str!("../migrations/0019_queue.postgres.sql"),
        },
    ),
    (20, "personas", Text::Both(include_str!("../migrations/0020_personas.sql"))),
];

/// Applies what is missing, each step whole or not at all. A database of a newer Rialto is refused.
pub async fn run(db: &Db) -> Result<(), StoreError> {
    let migrator = migrator(db.is_sqlite(), i64::MAX);
    match db {
        Db::Sqlite { write, .. } => migrator.run(write).await?,
        Db::Postgres(pool) => migrator.run(pool).await?,
    }
    Ok(())
}

/// Steps up to a number.
fn migrator(sqlite: bool, last: i64) -> Migrator {
    let steps = MIGRATIONS.iter().filter(|(version, ..)| *version <= last).map(|(version, name, text)| {
        let sql = match text {
            Text::Both(sql) => *sql,
            Text::Two { sqlite: lite, postgres } => {
                if sqlite {
                    *lite
                } else {
                    *postgres
                }
            }
        };
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sqlx::SqlStr::from_static(sql), false)
    });
    Migrator::with_migrations(steps.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bridges, schedules};

    /// An empty database beside or in place of the test's own.
    async fn empty(test: &rialto_testkit::TestDb) -> Db {
        let db = Db::connect(&test.url.replace("test.db", "old.db")).await.unwrap();
        if let Db::Postgres(pool) = &db {
            for text in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"] {
                sqlx::query(text).execute(pool).await.unwrap();
            }
        }
        db
    }

    #[tokio::test]
    async fn bridges_of_an_older_rialto_get_their_schedule() {
        for test in rialto_testkit::both().await {
            let db = empty(&test).await;
            let before = migrator(db.is_sqlite(), 3);
            match &db {
                Db::Sqlite { write, .. } => before.run(write).await.unwrap(),
                Db::Postgres(pool) => before.run(pool).await.unwrap(),
            }
            let mut tx = db.write().await.unwrap();
            for id in [3i64, 8] {
                let insert = "INSERT INTO bridge (id, created_at, kind, name, settings, secrets, enabled, position)
                    VALUES ($1, 5, 'personify360', 'Old', '{}', '{}', TRUE, $1)";
                tx.run(insert, crate::args![id]).await.unwrap();
            }
            tx.run("INSERT INTO counter (name, next_id) VALUES ('bridge', 9)", vec![]).await.unwrap();
            tx.commit().await.unwrap();
            run(&db).await.unwrap();
            let mut tx = db.write().await.unwrap();
            let who = crate::Actor { name: "cli".into(), request_id: String::new(), at: rialto_core::Instant(7) };
            let vault = crate::Vault::new([42; 32], rialto_testkit::random());
            let new = bridges::create(&mut tx, &vault, "personify360", &bridges::Entered::default(), &who).await.unwrap();
            tx.commit().await.unwrap();
            let all: Vec<(i64, Option<i64>)> =
                schedules::list(db.read()).await.unwrap().into_iter().map(|s| (s.bridge_id, s.since)).collect();
            assert_eq!(all, [(3, None), (8, None), (new, Some(7))], "{}", test.name);
            db.close().await;
        }
    }
}
