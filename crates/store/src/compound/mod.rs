//! Target groups made of others: their definitions, the groups they are made of, and when their members must be made anew
//! (`docs/adr/0013`).

mod evaluate;
mod outdated;

use std::collections::HashMap;

use rialto_core::compound::{self, Compound, Definition, Mode, Nesting, PartState, Share, Side};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::groups::{self, fold};
use crate::sql::{sql, statements};
use crate::{folders, ids};

#[cfg(test)]
pub(crate) use evaluate::ALL as EVALUATE_ALL;
pub use evaluate::{evaluate, share_of};
#[cfg(test)]
pub(crate) use outdated::ALL as OUTDATED_ALL;
pub use outdated::{ask, ask_outdated};

statements! {
    GET = sql!("SELECT form, include_mode, exclude_mode, seed, buckets, first_bucket, end_bucket, blocked FROM compound WHERE group_id = $1");
    SIDES = sql!("SELECT part_group, side FROM compound_part WHERE group_id = $1 ORDER BY part_group");
    /// With the state of each part (`rialto_core::compound::PartState`): 0 ready, 1 never synced, 2 held, 3 gone, 4 blocked.
    PARTS = sql!("SELECT t.id, t.created_at, t.name, t.kind, t.members, t.applied_run, t.synced_at, t.data_as_of, t.regeneration, p.side, h.id AS held_id,
        h.created_at AS held_created_at, CAST(CASE
            WHEN t.state = 'gone' OR t.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL THEN 3
            WHEN h.id IS NOT NULL THEN 2 WHEN c.blocked <> '' THEN 4 WHEN t.synced_run IS NULL THEN 1 ELSE 0 END AS BIGINT) AS state
        FROM compound_part p JOIN target_group t ON t.id = p.part_group LEFT JOIN bridge b ON b.id = t.bridge_id
        LEFT JOIN compound c ON c.group_id = t.id
        LEFT JOIN sync_run h ON h.id = (SELECT MAX(r.id) FROM sync_run r WHERE r.group_id = t.id AND r.state = 'held')
        WHERE p.group_id = $1 ORDER BY p.side DESC, t.name_folded, t.id");
    INSERT_GROUP = sql!("INSERT INTO target_group (id, created_at, kind, name, name_folded, description, folder, state, edited_at)
        VALUES ($1, $2, 'compound', $3, $4, $5, $6, 'active', $2)");
    INSERT = sql!("INSERT INTO compound (group_id, form, include_mode, exclude_mode, seed, buckets, first_bucket, end_bucket)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    MODES = sql!("UPDATE compound SET include_mode = $2, exclude_mode = $3 WHERE group_id = $1 AND form = 'compound'");
    DROP_PARTS = sql!("DELETE FROM compound_part WHERE group_id = $1");
    DROP = sql!("DELETE FROM compound WHERE group_id = $1");
    INSERT_PART = sql!("INSERT INTO compound_part (group_id, part_group, side) SELECT CAST($1 AS BIGINT), id, CAST($3 AS TEXT) FROM target_group
        WHERE id = $2 AND deleted_at IS NULL");
    EDITED = sql!("UPDATE target_group SET edited_at = $2 WHERE id = $1");
    EDGES = sql!("SELECT group_id, part_group FROM compound_part");
    USERS = sql!("SELECT g.name FROM compound_part p JOIN target_group g ON g.id = p.group_id
        WHERE p.part_group = $1 AND g.deleted_at IS NULL ORDER BY g.name_folded, g.id");
    NAMES = sql!("SELECT id, name FROM target_group WHERE id IN ", ids 1, "");
    BLOCKED = sql!("UPDATE compound SET blocked = $2 WHERE group_id = $1");
}

#[derive(sqlx::FromRow)]
struct Row {
    form: String,
    include_mode: Option<String>,
    exclude_mode: Option<String>,
    seed: Option<i64>,
    buckets: Option<i64>,
    first_bucket: Option<i64>,
    end_bucket: Option<i64>,
    blocked: String,
}

/// A group that a derived group is made of.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Part {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub kind: String,
    pub members: i64,
    pub applied_run: i64,
    pub synced_at: Option<i64>,
    pub data_as_of: Option<i64>,
    /// How often the remote makes the list anew; empty for groups of other kinds.
    pub regeneration: String,
    /// `include`, `exclude`, `parent` of a share, or `asked` of a segment.
    pub side: String,
    /// The run that waits for a decision.
    pub held_id: Option<i64>,
    pub held_created_at: Option<i64>,
    state: i64,
}

impl Part {
    pub fn state(&self) -> PartState {
        match self.state {
            0 => PartState::Ready,
            1 => PartState::NeverSynced,
            2 => PartState::Held,
            3 => PartState::Gone,
            _ => PartState::Blocked,
        }
    }
}

/// Why a group keeps its last members: a sentence for each part that cannot be relied on; empty when all can.
pub fn blocked_by(parts: &[Part]) -> String {
    let sentences: Vec<String> = parts.iter().filter_map(|p| p.state().sentence(&p.name)).collect();
    sentences.join(" ")
}

/// A derived group to be made.
#[derive(Clone, Debug)]
pub struct New<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub folder: &'a str,
}

/// What a derived group is made of; `None` for other kinds, and for segments, which have a rule.
pub async fn definition(mut read: Read<'_>, group_id: i64) -> Result<Option<Definition>, StoreError> {
    let Some(row) = read.opt::<Row>(GET, args![group_id]).await?.filter(|r| r.form != "segment") else { return Ok(None) };
    let sides: Vec<(i64, String)> = read.all(SIDES, args![group_id]).await?;
    defined(group_id, &row, &sides).map(Some)
}

/// The same inside a transaction.
pub(crate) async fn definition_in(tx: &mut Tx, group_id: i64) -> Result<Option<Definition>, StoreError> {
    let Some(row) = tx.opt::<Row>(GET, args![group_id]).await?.filter(|r| r.form != "segment") else { return Ok(None) };
    let sides: Vec<(i64, String)> = tx.all(SIDES, args![group_id]).await?;
    defined(group_id, &row, &sides).map(Some)
}

fn defined(group_id: i64, row: &Row, sides: &[(i64, String)]) -> Result<Definition, StoreError> {
    let of = |side: &str| sides.iter().filter(|(_, s)| s == side).map(|(id, _)| *id).collect::<Vec<i64>>();
    let mode = |name: Option<&String>| name.and_then(|m| Mode::from_name(m));
    let broken = || StoreError::Corrupt(format!("the definition of target group {group_id}"));
    if row.form == "share" {
        let parent = of("parent").first().copied().ok_or_else(broken)?;
        let bound = |n: Option<i64>| n.ok_or_else(broken);
        let share = Share::read(parent, bound(row.seed)?, bound(row.buckets)?, bound(row.first_bucket)?, bound(row.end_bucket)?);
        return Ok(Definition::Share(share.ok_or_else(broken)?));
    }
    let include = (mode(row.include_mode.as_ref()).ok_or_else(broken)?, of("include"));
    let exclude = mode(row.exclude_mode.as_ref()).map(|m| (m, of("exclude")));
    Compound::new(include, exclude).map(Definition::Compound).map_err(|_| broken())
}

/// The groups it is made of, as they are now.
pub async fn parts(mut read: Read<'_>, group_id: i64) -> Result<Vec<Part>, StoreError> {
    read.all(PARTS, args![group_id]).await
}

/// Why the last run kept the members as they were; empty when it did not.
pub async fn blocked(mut read: Read<'_>, group_id: i64) -> Result<String, StoreError> {
    Ok(read.opt::<Row>(GET, args![group_id]).await?.map(|r| r.blocked).unwrap_or_default())
}

/// Makes a derived group, without members as yet; answers its id. `Conflict` when a part is not there any more, or when groups would
/// stand too deep on one another.
pub async fn create(tx: &mut Tx, new: &New<'_>, definition: &Definition, who: &Actor) -> Result<i64, StoreError> {
    one_at_a_time(tx).await?;
    let id = ids::next(tx, "target_group").await?;
    let folder = folders::ensure(tx, new.folder, who).await?;
    tx.run(INSERT_GROUP, args![id, who.at, new.name, fold(new.name), new.description, folder]).await?;
    match definition {
        Definition::Compound(c) => {
            let none = None::<i64>;
            let exclude = c.exclude().map(|e| e.mode().name());
            tx.run(INSERT, args![id, "compound", c.include().mode().name(), exclude, none, none, none, none]).await?;
        }
        Definition::Share(s) => {
            let (of, from, to) = s.buckets();
            let none = None::<String>;
            tx.run(INSERT, args![id, "share", none.clone(), none, s.seed(), i64::from(of), i64::from(from), i64::from(to)]).await?;
        }
    }
    write_parts(tx, id, definition).await?;
    let detail = serde_json::json!({"kind": "compound", "name": new.name, "parts": definition.parts()});
    audit::write(tx, who, "target_group.create", "target_group", Some(id), detail).await?;
    Ok(id)
}

/// Gives a compound group another definition; its members follow with its next run. `NotFound` for other groups.
pub async fn redefine(tx: &mut Tx, id: i64, to: &Compound, who: &Actor) -> Result<(), StoreError> {
    one_at_a_time(tx).await?;
    groups::get_in(tx, id).await?;
    let exclude = to.exclude().map(|e| e.mode().name());
    if tx.run(MODES, args![id, to.include().mode().name(), exclude]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.run(DROP_PARTS, args![id]).await?;
    let definition = Definition::Compound(to.clone());
    write_parts(tx, id, &definition).await?;
    tx.run(EDITED, args![id, who.at]).await?;
    let side = |s: &Side| serde_json::json!({"mode": s.mode(), "groups": s.groups()});
    let detail = serde_json::json!({"include": side(to.include()), "exclude": to.exclude().map(side)});
    audit::write(tx, who, "target_group.redefine", "target_group", Some(id), detail).await
}

/// Definitions are written one after another, so that two edits cannot close a circle together.
pub(crate) async fn one_at_a_time(tx: &mut Tx) -> Result<(), StoreError> {
    ids::next(tx, "compound_edit").await.map(drop)
}

async fn write_parts(tx: &mut Tx, id: i64, definition: &Definition) -> Result<(), StoreError> {
    let mut rows: Vec<(i64, &str)> = Vec::new();
    match definition {
        Definition::Compound(c) => {
            rows.extend(c.include().groups().iter().map(|g| (*g, "include")));
            rows.extend(c.exclude().into_iter().flat_map(Side::groups).map(|g| (*g, "exclude")));
        }
        Definition::Share(s) => rows.push((s.parent(), "parent")),
    }
    for (part, side) in rows {
        if tx.run(INSERT_PART, args![id, part, side]).await? == 0 {
            return Err(StoreError::Conflict("One of the target groups was deleted meanwhile. Choose again.".into()));
        }
    }
    nesting(tx, id).await
}

/// Makes these the groups that a segment asks about. `Conflict` as `create`.
pub(crate) async fn ask_about(tx: &mut Tx, id: i64, groups: &[i64]) -> Result<(), StoreError> {
    tx.run(DROP_PARTS, args![id]).await?;
    for group in groups {
        if tx.run(INSERT_PART, args![id, *group, "asked"]).await? == 0 {
            return Err(StoreError::Conflict("One of the target groups was deleted meanwhile. Choose again.".into()));
        }
    }
    nesting(tx, id).await
}

async fn nesting(tx: &mut Tx, id: i64) -> Result<(), StoreError> {
    let mut edges: HashMap<i64, Vec<i64>> = HashMap::new();
    for (owner, part) in tx.all::<(i64, i64)>(EDGES, args![]).await? {
        edges.entry(owner).or_default().push(part);
    }
    match compound::check_nesting(&edges, id) {
        Ok(()) => Ok(()),
        Err(Nesting::TooDeep) => Err(StoreError::Conflict(format!(
            "More than {} compound groups would stand one on another. Use the groups they are made of instead.",
            compound::MAX_DEPTH
        ))),
        Err(Nesting::Cycle(way)) => {
            let list = serde_json::Value::from(way.clone()).to_string();
            let names: HashMap<i64, String> = tx.all::<(i64, String)>(NAMES, args![list]).await?.into_iter().collect();
            let way: Vec<&str> = way.iter().filter_map(|g| names.get(g)).map(String::as_str).collect();
            Err(StoreError::Conflict(format!("The target group would be made of itself: {}.", way.join(" → "))))
        }
    }
}

/// Names of the groups that are made of this one.
pub async fn users_of(tx: &mut Tx, group_id: i64) -> Result<Vec<String>, StoreError> {
    Ok(tx.all::<(String,)>(USERS, args![group_id]).await?.into_iter().map(|(n,)| n).collect())
}

/// Forgets the definition of a deleted group.
pub(crate) async fn forget(tx: &mut Tx, group_id: i64) -> Result<(), StoreError> {
    tx.run(DROP_PARTS, args![group_id]).await?;
    tx.run(DROP, args![group_id]).await.map(drop)
}

/// Notes why the last run kept the members; empty when it made them anew.
pub async fn set_blocked(tx: &mut Tx, group_id: i64, why: &str) -> Result<(), StoreError> {
    tx.run(BLOCKED, args![group_id, why]).await.map(drop)
}
