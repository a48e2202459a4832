//! Recording: what the remote answered, written only where the claim still stands. The remote's acknowledgement alone makes Sent.

use std::collections::{BTreeMap, HashMap};

use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::writeback::WritebackKind;
use serde_json::json;

use super::DAY;
use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::interests;
use crate::people::{Bound, Rows, flag_to, insert_few};
use crate::sql::{sql, statements};

/// Longest answer of a remote that is kept, in characters.
const LONGEST: usize = 2_000;

statements! {
    /// The plus keeps SQLite from walking all that is Processing and reading the whole list for each.
    SETTLE = sql!(
        sqlite "UPDATE writeback SET state = r.s, next_at = r.n, ended_at = r.e, reason = r.w, maybe_there = maybe_there OR r.m,
                tries = tries - r.u, asked_by = CASE WHEN r.s = 'new' THEN asked_by ELSE '' END
            FROM (SELECT value->>'i' AS i, value->>'f' AS f, value->>'s' AS s, value->>'n' AS n, value->>'e' AS e, value->>'w' AS w,
                value->>'m' AS m, value->>'u' AS u FROM json_each($1)) AS r
            WHERE writeback.id = r.i AND writeback.fence = r.f AND +writeback.state = 'processing' RETURNING writeback.id, writeback.fence, writeback.kind,
                writeback.cause",
        postgres "UPDATE writeback SET state = r.s, next_at = r.n, ended_at = r.e, reason = r.w, maybe_there = maybe_there OR r.m,
                tries = tries - r.u, asked_by = CASE WHEN r.s = 'new' THEN asked_by ELSE '' END
            FROM json_to_recordset($1::json) AS r(i bigint, f bigint, s text, n bigint, e bigint, w text, m boolean, u bigint)
            WHERE writeback.id = r.i AND writeback.fence = r.f AND writeback.state = 'processing' RETURNING writeback.id, writeback.fence, writeback.kind,
                writeback.cause"
    );
    /// Slices of people hold the same lock shared, so that the two never wait for each other's rows in a circle.
    LOCK_FLAGS = sql!(sqlite "SELECT 1", postgres "SELECT COUNT(pg_advisory_xact_lock(77, 1))");
    FLAGS = sql!(
        sqlite "UPDATE subscriber SET remote_flag_delivered = r.f, remote_flag_delivered_at = r.t
            FROM (SELECT value->>'i' AS i, value->>'f' AS f, value->>'t' AS t FROM json_each($1)) AS r WHERE subscriber.id = r.i",
        postgres "UPDATE subscriber SET remote_flag_delivered = r.f, remote_flag_delivered_at = r.t
            FROM json_to_recordset($1::json) AS r(i bigint, f smallint, t bigint) WHERE subscriber.id = r.i"
    );
    ENDED = sql!("INSERT INTO writeback_ended (bridge_id, state, day, number) VALUES ($1, $2, $3, $4)
        ON CONFLICT (bridge_id, state, day) DO UPDATE SET number = writeback_ended.number + $4");
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The remote acknowledged it; `flag` is what stands there now.
    Sent { found_there: bool, flag: Option<Flag> },
    /// It failed. `next_at`: when it is tried again by itself. `maybe_there`: the request may have reached the remote.
    Error { next_at: Option<Instant>, maybe_there: bool },
    /// A set-up fault: costs no try.
    Held,
    /// Nothing was sent: back to New and due at once, costs no try and leaves none.
    Untouched,
}

/// The answer to one claimed writeback.
#[derive(Clone, Debug)]
pub struct Answer {
    pub id: i64,
    pub fence: i64,
    pub bridge_id: i64,
    pub subscriber_id: i64,
    pub outcome: Outcome,
    /// What the remote said; cut when stored.
    pub said: String,
    pub started_at: Instant,
    pub at: Instant,
    pub asked_by: String,
}

/// Writes down answers in one transaction; answers the ids for which the claim still stood. The others belong to somebody else by now.
pub async fn record(db: &Db, worker: &str, answers: &[Answer]) -> Result<Vec<i64>, StoreError> {
    if answers.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = answers.iter().map(settled).collect();
    let mut tx = db.write_few().await?;
    let kept: Vec<(i64, i64, String, i64)> = tx.all(SETTLE, args![json!(rows).to_string()]).await?;
    let kept: HashMap<(i64, i64), (String, i64)> = kept.into_iter().map(|(id, fence, kind, cause)| ((id, fence), (kind, cause))).collect();
    // One process may hold a late answer and that of its next try.
    let standing: Vec<&Answer> = answers.iter().filter(|a| kept.contains_key(&(a.id, a.fence))).collect();
    let tried: Vec<&&Answer> = standing.iter().filter(|a| a.outcome != Outcome::Untouched).collect();
    let texts: Vec<String> = tried.iter().map(|a| cut(&a.said)).collect();
    let cells: Vec<Bound<'_>> = tried.iter().zip(&texts).flat_map(|(a, text)| try_cells(a, text, worker)).collect();
    insert_few(&mut tx, Rows { table: "writeback_try", columns: &TRY, cells, or_nothing: false, fresh: &[] }).await?;
    // The later of two acts about one person stands: rows are updated once.
    let mut flags: BTreeMap<i64, (i64, i16, i64)> = BTreeMap::new();
    let mut ended: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    let mut unsent: BTreeMap<i64, (i64, Instant)> = BTreeMap::new();
    for a in &standing {
        if matches!(a.outcome, Outcome::Held | Outcome::Untouched) {
            unsent.entry(a.bridge_id).or_insert((0, a.at)).0 += 1;
        }
        if let Outcome::Sent { flag, .. } = &a.outcome {
            *ended.entry((a.bridge_id, a.at.0.div_euclid(DAY))).or_default() += 1;
            if let Some(flag) = flag {
                let later = flags.entry(a.subscriber_id).or_insert((a.id, flag_to(*flag), a.at.0));
                if a.id > later.0 {
                    *later = (a.id, flag_to(*flag), a.at.0);
                }
            }
        }
    }
    if !flags.is_empty() {
        let rows: Vec<_> = flags.iter().map(|(id, (_, flag, at))| json!({"i": id, "f": flag, "t": at})).collect();
        tx.one::<(i64,)>(LOCK_FLAGS, args![]).await?;
        tx.run(FLAGS, args![json!(rows).to_string()]).await?;
    }
    let chosen: Vec<(i64, Instant)> = standing
        .iter()
        .filter(|a| matches!(a.outcome, Outcome::Sent { .. }))
        .filter_map(|a| kept.get(&(a.id, a.fence)).filter(|(kind, _)| kind == WritebackKind::Interests.name()).map(|(_, act)| (*act, a.at)))
        .collect();
    if let Some(at) = chosen.iter().map(|(_, at)| *at).max() {
        let acts: Vec<i64> = chosen.iter().map(|(act, _)| *act).collect();
        interests::delivered(&mut tx, &acts, at).await?;
    }
    for ((bridge_id, day), number) in ended {
        tx.run(ENDED, args![bridge_id, "sent", day, number]).await?;
    }
    for (bridge_id, (number, at)) in unsent {
        super::destination::give_back(&mut tx, bridge_id, number, at).await?;
    }
    tx.commit().await?;
    Ok(standing.iter().map(|a| a.id).collect())
}

fn settled(a: &Answer) -> serde_json::Value {
    let (state, next, ended, maybe, unused) = match &a.outcome {
        Outcome::Sent { .. } => ("sent", None, Some(a.at.0), false, 0),
        Outcome::Error { next_at, maybe_there } => ("error", next_at.map(|n| n.0), None, *maybe_there, 0),
        Outcome::Held => ("held", None, None, false, 1),
        Outcome::Untouched => ("new", Some(0), None, false, 1),
    };
    let reason = if matches!(a.outcome, Outcome::Sent { .. } | Outcome::Untouched) { String::new() } else { cut(&a.said) };
    json!({"i": a.id, "f": a.fence, "s": state, "n": next, "e": ended, "w": reason, "m": maybe, "u": unused})
}

const TRY: [&str; 8] = ["writeback_id", "number", "started_at", "ended_at", "outcome", "answer", "asked_by", "worker"];

fn try_cells<'a>(a: &'a Answer, text: &'a str, worker: &'a str) -> [Bound<'a>; 8] {
    let outcome = match a.outcome {
        Outcome::Sent { found_there: true, .. } => "found_there",
        Outcome::Sent { .. } => "sent",
        Outcome::Error { .. } => "error",
        Outcome::Held | Outcome::Untouched => "held",
    };
    [
        Bound::Int(a.id),
        Bound::Int(a.fence),
        Bound::Int(a.started_at.0),
        Bound::Int(a.at.0),
        Bound::Text(outcome),
        Bound::Text(text),
        Bound::Text(&a.asked_by),
        Bound::Text(worker),
    ]
}

/// Bounded, and without characters that a database refuses.
fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(LONGEST).collect()
}
