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
    (
        17,
        "uploads",
        Text::Two {
            sqlite: include_str!("../migrations/0017_uploads.sqlite.sql"),
            postgres: include_str!("../migrations/0017_uploads.postgres.sql"),
        },
    ),
    (
        19,
        "queue",
        Text::Two {
            sqlite: include_str!("../migrations/0019_queue.sqlite.sql"),
            postgres: include_str!("../migrations/0019_queue.postgres.sql"),
        },
    ),
    (20, "personas", Text::Both(include_str!("../migrations/0020_personas.sql"))),
    (21, "fetched writebacks", Text::Both(include_str!("../migrations/0021_fetched_writebacks.sql"))),
    (22, "timing", Text::Both(include_str!("../migrations/0022_timing.sql"))),
    (23, "open writebacks", Text::Both(include_str!("../migrations/0023_open_writebacks.sql"))),
    (24, "streams", Text::Both(include_str!("../migrations/0024_streams.sql"))),
    (
        25,
        "stream log",
        Text::Two {
            sqlite: include_str!("../migrations/0025_stream_log.sqlite.sql"),
            postgres: include_str!("../migrations/0025_stream_log.postgres.sql"),
        },
    ),
    (
        26,
        "ruled groups",
        Text::Two {
            sqlite: include_str!("../migrations/0026_ruled_groups.sqlite.sql"),
            postgres: include_str!("../migrations/0026_ruled_groups.postgres.sql"),
        },
    ),
    (27, "passed over", Text::Both(include_str!("../migrations/0027_passed_over.sql"))),
    (28, "matched later", Text::Both(include_str!("../migrations/0028_matched_later.sql"))),
    (29, "feeds", Text::Both(include_str!("../migrations/0029_feeds.sql"))),
    (30, "data exchange", Text::Both(include_str!("../migrations/0030_data_exchange.sql"))),
    (31, "segments", Text::Both(include_str!("../migrations/0031_segments.sql"))),
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

    /// Migration 19 writes four tables of SQLite anew, and two that point at one of them.
    #[tokio::test]
    async fn the_queue_and_what_caused_it_come_over_as_they_were() {
        const TABLES: [(&str, &str); 6] = [
            ("suppression", "id"),
            ("consent_ledger", "id"),
            ("audit", "id"),
            ("writeback", "id"),
            ("writeback_try", "writeback_id, number"),
            ("writeback_item", "writeback_id, subscriber_id"),
        ];
        for test in rialto_testkit::both().await {
            let db = empty(&test).await;
            let before = migrator(db.is_sqlite(), 14);
            match &db {
                Db::Sqlite { write, .. } => before.run(write).await.unwrap(),
                Db::Postgres(pool) => before.run(pool).await.unwrap(),
            }
            let mut tx = db.write().await.unwrap();
            for text in [
                "INSERT INTO bridge (id, created_at, kind, name, settings, secrets, enabled, position) VALUES (3, 5, 'imis', 'Old', '{}', '{}', TRUE, 1)",
                "INSERT INTO suppression (id, created_at, cause, subscriber_id, canonical) VALUES (7, 1, 'own_unsubscribe', 4, ''),
                    (9, 1, 'own_unsubscribe', 0, 'ann@x.example')",
                "INSERT INTO consent_ledger (id, created_at, act, cause, subscriber_id, address_key, source, run_id, actor, reason, evidence)
                    VALUES (2, 1, 'open', 'own_unsubscribe', 4, 'k', 'link', NULL, 'link', 'Too much', 'E'), (5, 2, 'lift', 'upload', NULL, NULL, 's', 8, 'a', '', '')",
                "INSERT INTO audit (id, created_at, actor, action, object, object_id, detail, request_id) VALUES (11, 1, 'cli', 'x', 'y', NULL, '{}', 'r')",
                "INSERT INTO writeback (id, created_at, bridge_id, kind, subscriber_id, mailing_id, cause, urgency, message, state, next_at, tries, asked_by,
                        maybe_there, fence, worker, claimed_at, ended_at, reason)
                    VALUES (21, 1, 3, 'unsubscribe', 4, 0, 2, 0, '{}', 'sent', NULL, 1, '', FALSE, 1, 'w', 2, 3, ''),
                        (22, 1, 3, 'interests', 4, 0, 9, 1, '{}', 'error', 50, 2, 'user:a', TRUE, 6, 'w', 2, NULL, 'Why'),
                        (23, 1, 3, 'mailing_activity', 0, 6, 9, 2, '{}', 'scheduled', 90, 0, '', FALSE, 0, '', NULL, NULL, '')",
                "INSERT INTO writeback_try (writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker)
                    VALUES (22, 1, 1, 2, 'error', 'No', '', 'w'), (22, 2, 3, 4, 'lost', '', 'user:a', 'w')",
                "INSERT INTO writeback_item (writeback_id, subscriber_id, detail, state) VALUES (23, 4, '{}', 1)",
            ] {
                tx.run(text, vec![]).await.unwrap();
            }
            tx.commit().await.unwrap();
            let all = async || {
                let mut rows = Vec::new();
                for (table, key) in TABLES {
                    let text = match db.is_sqlite() {
                        true => format!(
                            "SELECT group_concat(doc) FROM (SELECT json_array({}) AS doc FROM {table} ORDER BY {key})",
                            columns(table)
                        ),
                        false => format!("SELECT string_agg(row_to_json(t)::text, ';' ORDER BY {key}) FROM {table} t"),
                    };
                    rows.push(db.read().all_built::<(String,)>(text, vec![]).await.unwrap());
                }
                rows
            };
            let old = all().await;
            run(&db).await.unwrap();
            assert_eq!(all().await, old, "{}", test.name);
            let mut tx = db.write().await.unwrap();
            let orphan = "INSERT INTO writeback_try (writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker)
                VALUES (99, 1, 1, 2, 'error', 'No', '', 'w')";
            assert!(tx.run(orphan, vec![]).await.is_err(), "{}: tries still belong to a writeback", test.name);
            drop(tx);
            let mut tx = db.write().await.unwrap();
            let persona = "INSERT INTO writeback (id, created_at, bridge_id, kind, subscriber_id, cause, urgency, message, state, next_at)
                VALUES (24, 1, 3, $1, 4, 9, 2, '{}', 'new', 1)";
            assert!(tx.run(persona, crate::args!["persona"]).await.is_ok(), "{}", test.name);
            drop(tx);
            let mut tx = db.write().await.unwrap();
            assert!(tx.run(persona, crate::args!["other"]).await.is_err(), "{}", test.name);
            drop(tx);
            db.close().await;
        }
    }

    fn columns(table: &str) -> &'static str {
        match table {
            "suppression" => "id, created_at, cause, subscriber_id, canonical",
            "consent_ledger" => "id, created_at, act, cause, subscriber_id, address_key, source, run_id, actor, reason, evidence",
            "audit" => "id, created_at, actor, action, object, object_id, detail, request_id",
            "writeback" => {
                "id, created_at, bridge_id, kind, subscriber_id, mailing_id, cause, urgency, message, state, next_at, tries, asked_by, maybe_there,
                fence, worker, claimed_at, ended_at, reason"
            }
            "writeback_try" => "writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker",
            _ => "writeback_id, subscriber_id, detail, state",
        }
    }
}
