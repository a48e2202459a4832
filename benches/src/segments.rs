//! `scripts/bench.sh --segments`: segments counted over profiles with 30 fields on one database, each the best and the median of several.

use std::fmt::Write;

use anyhow::{Result, ensure};
use rialto_core::audience::FieldType;
use rialto_core::segment::{Segment, Today};
use rialto_store::audiences::{self, NewField};
use rialto_store::bridges::{self, Entered};
use rialto_store::segments::{self, Context};
use rialto_store::{Db, args};
use serde_json::json;
use tokio::time::Instant;

use crate::child::peak_mib;
use crate::load::{actor, vault};

const FIELDS: i64 = 30;
const TIMES: usize = 5;

pub const HEAD: &str = "| database | profiles | segment | people | best ms | median ms | everybody's ids ms | peak memory |\n|---|---|---|---|---|---|---|---|";

/// The figures of one database, a line a segment.
pub async fn measure(name: &str, url: &str, people: i64) -> Result<String> {
    let db = Db::open(url).await?;
    let list = house(&db, people).await?;
    let context = Context::load(db.read(), Today::in_zone(actor().at, "UTC")).await?;
    let field = |number: i64, is: serde_json::Value| json!({"field": {"of": {"audience": list}, "number": number, "is": is}});
    let gold = field(2, json!({"text": {"is": ["gold"]}}));
    let many = field(3, json!({"number": {"more": 9_000}}));
    let rules = [
        ("one text", json!({"all": [gold]})),
        ("text and number", json!({"all": [gold, many]})),
        ("not, or empty", json!({"any": [field(2, json!({"text": {"is_not": ["gold"]}})), field(4, json!("empty"))]})),
        (
            "nested, with dates and consent",
            json!({"all": [{"any": [gold, field(5, json!({"time": {"in_last": {"n": 30, "unit": "days"}}}))]}, {"none": [many]}, {"mailable": true}]}),
        ),
    ];
    let mut lines = String::new();
    for (title, rule) in rules {
        let segment = Segment::read(&rule)?;
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..TIMES {
            let began = Instant::now();
            found = segments::count(&db, &segment, &context).await?.people;
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        took.sort_by(f64::total_cmp);
        let began = Instant::now();
        let ids = segments::ids(&db, &segment, &context).await?.len();
        let all = began.elapsed().as_secs_f64() * 1_000.0;
        ensure!(ids == found.unsigned_abs() && found > 0, "{title}: {ids} ids, {found} people");
        let (best, median) = (took[0], took[TIMES / 2]);
        writeln!(lines, "| {name} | {people} | {title} | {found} | {best:.0} | {median:.0} | {all:.0} | {} MiB |", peak_mib())?;
    }
    db.close().await;
    Ok(lines.trim_end().to_owned())
}

fn kind(number: i64) -> FieldType {
    match number {
        2 => FieldType::Text,
        3 | 4 => FieldType::Long,
        5 => FieldType::Date,
        n if n % 3 == 0 => FieldType::Float,
        n if n % 3 == 1 => FieldType::Integer,
        _ => FieldType::Text,
    }
}

/// A bridge with people, and a list with a row for each of them.
async fn house(db: &Db, people: i64) -> Result<i64> {
    let field = |number: i64| {
        let kind = if number == 1 { FieldType::Text } else { kind(number) };
        let name = format!("field_{number}");
        let length = (kind == FieldType::Text).then_some(100);
        NewField { api_name: name.clone(), name, kind, length, description: String::new(), default_value: String::new() }
    };
    let fields: Vec<NewField> = (1..=FIELDS).map(field).collect();
    let mut tx = db.write().await?;
    let entered = Entered { name: "CRM".into(), enabled: true, ..Entered::default() };
    let bridge = bridges::create(&mut tx, &vault(), "imis", &entered, &actor()).await?;
    let new = audiences::New { name: "Loyalty", api_name: "loyalty", folder: "", description: "", extends: None, fields: &fields };
    let list = audiences::create(&mut tx, &new, &actor()).await?;
    tx.run("UPDATE audience SET match_by = 'email' WHERE id = $1", args![list]).await?;
    tx.run(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen,
            remote_flag_run, hash) SELECT i, 1, 1, CAST($2 AS BIGINT), CAST(i AS TEXT), 'p' || CAST(i AS TEXT) || '@mail.example',
            'p' || CAST(i AS TEXT) || '@mail.example', 0, 1, 0, 1 FROM n",
        args![people, bridge],
    )
    .await?;
    let columns: Vec<String> = (1..=FIELDS).map(|n| format!("f{n}")).collect();
    let values: Vec<String> = (2..=FIELDS).map(|n| value(tx.is_sqlite(), n)).collect();
    let text = format!(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO audience_{list} ({}, link) SELECT 'k' || CAST(i AS TEXT), {}, 'p' || CAST(i AS TEXT) || '@mail.example' FROM n",
        columns.join(", "),
        values.join(", ")
    );
    tx.run_built(text, args![people]).await?;
    tx.commit().await?;
    let mut tx = db.write().await?;
    tx.run_built(format!("ANALYZE audience_{list}"), args![]).await?;
    tx.commit().await?;
    rialto_store::people::recount(db, true).await?;
    Ok(list)
}

/// What stands in a field of the person number `i`: tiers of which every fifth is gold, points up to 10,000, days around today.
fn value(sqlite: bool, number: i64) -> String {
    match (number, kind(number)) {
        (2, _) => "CASE i % 5 WHEN 0 THEN 'Gold' WHEN 1 THEN 'Silver' ELSE 'Bronze' END".to_owned(),
        (3, _) => "(i * 7919) % 10000".to_owned(),
        (4, _) => "CASE WHEN i % 4 = 0 THEN NULL ELSE i END".to_owned(),
        (_, FieldType::Date) if sqlite => "date('2026-01-05', '-' || (i % 400) || ' days')".to_owned(),
        (_, FieldType::Date) => "DATE '2026-01-05' - CAST(i % 400 AS INTEGER)".to_owned(),
        (_, FieldType::Float) => format!("(i % 1000) / {number}.0"),
        (_, FieldType::Integer) => format!("CAST((i * {number}) % 100000 AS INTEGER)"),
        _ => format!("'value ' || CAST(i % {number}00 AS TEXT)"),
    }
}
