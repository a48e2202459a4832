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
    (10, "reading", Text::Both(include_str!("../migrations/0010_reading.sql"))),
];

/// Applies what is missing, each step whole or not at all. A database of a newer Rialto is refused.
pub async fn run(db: &Db) -> Result<(), StoreError> {
    let migrator = migrator(db.is_sqlite());
    match db {
        Db::Sqlite { write, .. } => migrator.run(write).await?,
        Db::Postgres(pool) => migrator.run(pool).await?,
    }
    Ok(())
}

fn migrator(sqlite: bool) -> Migrator {
    let steps = MIGRATIONS.iter().map(|(version, name, text)| {
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
