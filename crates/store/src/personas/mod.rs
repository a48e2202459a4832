//! Personas (PE-01, PE-02, PE-04): each subscriber gets the first one, from the top, whose target group they are in. The people of a persona
//! are the members of a derived group of its own (`docs/adr/0121`), so that runs, books and gate hold for them as for any other group.

mod told;
mod views;

use rialto_core::compound::{Compound, Definition, Mode};
use rialto_core::run::Trigger;
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::compound::{self, New};
use crate::db::Tx;
use crate::error::StoreError;
use crate::groups::{self, fold};
use crate::ids;
use crate::sql::{sql, statements};

pub use told::{Daily, Look, daily, look, send_now, set_next};
pub use views::{Shown, get, list, of_person};
#[cfg(test)]
pub(crate) use {told::ALL as TOLD_ALL, views::ALL as VIEWS_ALL};

statements! {
    ALL_OF_THEM = sql!("SELECT * FROM persona ORDER BY position");
    INSERT = sql!("INSERT INTO persona (id, created_at, name, name_folded, avatar, description, position, source_group, group_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    UPDATE = sql!("UPDATE persona SET name = $2, name_folded = $3, avatar = $4, description = $5, source_group = $6 WHERE id = $1");
    DELETE = sql!("DELETE FROM persona WHERE id = $1");
    /// In two steps, since no position may stand twice at any time.
    ASIDE = sql!("UPDATE persona SET position = 0 - CAST($2 AS BIGINT) WHERE id = $1");
    BACK = sql!("UPDATE persona SET position = -position WHERE position < 0");
    KIND = sql!("UPDATE target_group SET kind = 'persona' WHERE id = $1");
    NAME = sql!("UPDATE target_group SET name = $2, name_folded = $3, description = $4 WHERE id = $1");
    USABLE = sql!("SELECT COUNT(*) FROM target_group WHERE id = $1 AND deleted_at IS NULL AND kind <> 'persona'");
}

/// Most personas: a derived group is made of so many others.
pub const MOST: usize = rialto_core::compound::MAX_PARTS;

/// Folder in which the target groups of personas stand.
const FOLDER: &str = "Personas";

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Persona {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub avatar: String,
    pub description: String,
    /// From 1; the first that matches counts.
    pub position: i64,
    /// The target group whose people may get it.
    pub source_group: i64,
    /// The target group of those who have it.
    pub group_id: i64,
}

/// A persona as entered; checked by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Entered<'a> {
    pub name: &'a str,
    pub avatar: &'a str,
    pub description: &'a str,
    pub source_group: i64,
}

/// Makes a persona behind all others, with its target group; answers its id. `Conflict` where the name or the group is another persona's, the
/// group is gone or is itself one of a persona, or there are [`MOST`] already.
pub async fn create(tx: &mut Tx, new: &Entered<'_>, who: &Actor) -> Result<i64, StoreError> {
    let all = in_order(tx).await?;
    if all.len() >= MOST {
        return Err(StoreError::Conflict(format!("There are {MOST} personas already. Delete one first.")));
    }
    check(tx, &all, 0, new).await?;
    let earlier: Vec<i64> = all.iter().map(|p| p.source_group).collect();
    let group = New { name: new.name, description: new.description, folder: FOLDER };
    let group_id = compound::create(tx, &group, &definition(new.source_group, &earlier)?, who).await?;
    tx.run(KIND, args![group_id]).await?;
    let id = ids::next(tx, "persona").await?;
    let position = all.last().map_or(1, |last| last.position + 1);
    let row = args![id, who.at, new.name, fold(new.name), new.avatar, new.description, position, new.source_group, group_id];
    tx.run(INSERT, row).await?;
    compound::ask(tx, group_id, Trigger::Api, false, who).await?;
    audit::write(tx, who, "persona.create", "persona", Some(id), detail(new)).await?;
    Ok(id)
}

/// Changes a persona. Another target group moves people: the persona and all behind it are made anew.
pub async fn update(tx: &mut Tx, id: i64, to: &Entered<'_>, who: &Actor) -> Result<(), StoreError> {
    let mut all = in_order(tx).await?;
    check(tx, &all, id, to).await?;
    let persona = all.iter_mut().find(|p| p.id == id).ok_or(StoreError::NotFound)?;
    tx.run(UPDATE, args![id, to.name, fold(to.name), to.avatar, to.description, to.source_group]).await?;
    tx.run(NAME, args![persona.group_id, to.name, fold(to.name), to.description]).await?;
    persona.source_group = to.source_group;
    define(tx, &all, who).await?;
    audit::write(tx, who, "persona.update", "persona", Some(id), detail(to)).await
}

/// Deletes a persona with its target group, as `groups::delete` does and refuses. Its people get the next persona that matches.
pub async fn delete(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let mut all = in_order(tx).await?;
    let at = all.iter().position(|p| p.id == id).ok_or(StoreError::NotFound)?;
    let gone = all.remove(at);
    tx.run(DELETE, args![id]).await?;
    groups::delete(tx, gone.group_id, who).await?;
    place(tx, &mut all).await?;
    define(tx, &all, who).await?;
    audit::write(tx, who, "persona.delete", "persona", Some(id), json!({"name": gone.name})).await
}

/// Puts all personas in another order. `Conflict` unless each of them is named once.
pub async fn order(tx: &mut Tx, ids: &[i64], who: &Actor) -> Result<(), StoreError> {
    let all = in_order(tx).await?;
    let place_of = |p: &Persona| ids.iter().position(|id| *id == p.id);
    if ids.len() != all.len() || all.iter().any(|p| place_of(p).is_none()) {
        return Err(StoreError::Conflict("The personas have changed meanwhile. Look at them again, then put them in order.".into()));
    }
    let before: Vec<String> = all.iter().map(|p| p.name.clone()).collect();
    let mut sorted = all;
    sorted.sort_by_key(|p| place_of(p));
    place(tx, &mut sorted).await?;
    define(tx, &sorted, who).await?;
    let after: Vec<&str> = sorted.iter().map(|p| p.name.as_str()).collect();
    audit::write(tx, who, "persona.order", "persona", None, json!({"before": before, "after": after})).await
}

fn detail(entered: &Entered<'_>) -> serde_json::Value {
    json!({"name": entered.name, "avatar": entered.avatar, "target_group": entered.source_group})
}

/// All personas, held against other changes of them.
async fn in_order(tx: &mut Tx) -> Result<Vec<Persona>, StoreError> {
    ids::next(tx, "persona_edit").await?;
    tx.all(ALL_OF_THEM, args![]).await
}

async fn check(tx: &mut Tx, all: &[Persona], own: i64, entered: &Entered<'_>) -> Result<(), StoreError> {
    let others = || all.iter().filter(|p| p.id != own);
    if others().any(|p| fold(&p.name) == fold(entered.name)) {
        return Err(StoreError::Conflict(format!("There is a persona named {} already.", entered.name)));
    }
    if let Some(other) = others().find(|p| p.source_group == entered.source_group) {
        return Err(StoreError::Conflict(format!(
            "The persona {} uses this target group; a second one would get nobody. Choose another group.",
            other.name
        )));
    }
    if tx.one::<(i64,)>(USABLE, args![entered.source_group]).await?.0 == 0 {
        return Err(StoreError::Conflict("This target group cannot be used: it was deleted, or holds the people of a persona.".into()));
    }
    Ok(())
}

/// Positions from 1 in the order given.
async fn place(tx: &mut Tx, all: &mut [Persona]) -> Result<(), StoreError> {
    for (position, persona) in (1..).zip(all.iter_mut()) {
        persona.position = position;
        tx.run(ASIDE, args![persona.id, position]).await?;
    }
    tx.run(BACK, args![]).await.map(drop)
}

/// Gives each persona's group its definition, where it has another one; its members follow by a run.
async fn define(tx: &mut Tx, all: &[Persona], who: &Actor) -> Result<(), StoreError> {
    for (at, persona) in all.iter().enumerate() {
        let earlier: Vec<i64> = all[..at].iter().map(|p| p.source_group).collect();
        let wanted = definition(persona.source_group, &earlier)?;
        if compound::definition_in(tx, persona.group_id).await?.as_ref() == Some(&wanted) {
            continue;
        }
        if let Definition::Compound(to) = &wanted {
            compound::redefine(tx, persona.group_id, to, who).await?;
        }
    }
    Ok(())
}

/// In its own group, and in none of those before it.
fn definition(source: i64, earlier: &[i64]) -> Result<Definition, StoreError> {
    // As the store reads them.
    let mut earlier = earlier.to_vec();
    earlier.sort_unstable();
    let exclude = (!earlier.is_empty()).then_some((Mode::Any, earlier));
    Compound::new((Mode::Any, vec![source]), exclude).map(Definition::Compound).map_err(|fault| StoreError::Conflict(fault.to_string()))
}
