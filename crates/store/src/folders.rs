//! Folders of target groups: paths such as `Spring/Newsletters`, at most five levels. A bridge has a folder of its own, in which its new
//! lists land; wherever a person moves a group, a refresh leaves it (SY-16, `docs/adr/0014`).

use crate::args;
use crate::audit::{self, Actor};
use crate::db::Tx;
use crate::error::StoreError;
use crate::groups::fold;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    GET = sql!("SELECT id, created_at, name, bridge_id FROM group_folder WHERE id = $1");
    BY_NAME = sql!("SELECT id, created_at, name, bridge_id FROM group_folder WHERE name_folded = $1 ORDER BY id LIMIT 1");
    OF_BRIDGE = sql!("SELECT id, created_at, name, bridge_id FROM group_folder WHERE bridge_id = $1");
    INSERT = sql!("INSERT INTO group_folder (id, created_at, name, name_folded, bridge_id) VALUES ($1, $2, $3, $4, $5)");
    ADOPT = sql!("UPDATE group_folder SET bridge_id = $2 WHERE id = $1");
    BRIDGE_NAME = sql!("SELECT name FROM bridge WHERE id = $1");
    BELOW = sql!("SELECT id, created_at, name, bridge_id FROM group_folder WHERE substr(name, 1, length($1) + 1) = $1 || '/' ORDER BY name");
    RENAME = sql!("UPDATE group_folder SET name = $2, name_folded = $3 WHERE id = $1");
    MOVE_GROUPS = sql!("UPDATE target_group SET folder = $2 || substr(folder, length($1) + 1)
        WHERE folder = $1 OR substr(folder, 1, length($1) + 1) = $1 || '/'");
    GROUPS_IN = sql!("SELECT COUNT(*) FROM target_group WHERE deleted_at IS NULL AND folder = $1");
    DELETE = sql!("DELETE FROM group_folder WHERE id = $1");
}

/// Longest path in characters.
const LONGEST: usize = 200;
const DEEPEST: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Folder {
    pub id: i64,
    pub created_at: i64,
    /// The whole path.
    pub name: String,
    /// The bridge whose new lists land here.
    pub bridge_id: Option<i64>,
}

/// A path as entered, tidied; empty for no folder. `Err` says what to enter.
pub fn path(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let names: Vec<&str> = text.split('/').map(str::trim).collect();
    if names.len() > DEEPEST || names.iter().any(|n| n.is_empty()) {
        return Err("Enter one to five names with / between them, such as Spring/Newsletters.");
    }
    let path = names.join("/");
    if path.chars().count() > LONGEST || path.chars().any(char::is_control) {
        return Err("Enter at most 200 characters.");
    }
    Ok(path)
}

pub async fn get(tx: &mut Tx, id: i64) -> Result<Folder, StoreError> {
    tx.one(GET, args![id]).await
}

async fn find(tx: &mut Tx, path: &str) -> Result<Option<Folder>, StoreError> {
    tx.opt(BY_NAME, args![fold(path)]).await
}

/// Makes the folder and those above it if they are missing; answers the path as the folders spell it. A person's act.
pub async fn ensure(tx: &mut Tx, path: &str, who: &Actor) -> Result<String, StoreError> {
    let mut whole = String::new();
    for name in path.split('/').filter(|n| !n.is_empty()) {
        let wanted = if whole.is_empty() { name.to_owned() } else { format!("{whole}/{name}") };
        whole = match find(tx, &wanted).await? {
            Some(known) => known.name,
            None => {
                insert(tx, &wanted, who).await?;
                wanted
            }
        };
    }
    Ok(whole)
}

/// Makes a folder; answers its id. `Conflict` when there is one of that name.
pub async fn create(tx: &mut Tx, path: &str, who: &Actor) -> Result<i64, StoreError> {
    if find(tx, path).await?.is_some() {
        return Err(taken(path));
    }
    let above = path.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
    let above = ensure(tx, above, who).await?;
    insert(tx, &below_of(&above, path), who).await
}

/// The last name of `path` below `above`.
fn below_of(above: &str, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

fn taken(path: &str) -> StoreError {
    StoreError::Conflict(format!("There is a folder {path} already."))
}

async fn insert(tx: &mut Tx, path: &str, who: &Actor) -> Result<i64, StoreError> {
    let id = ids::next(tx, "group_folder").await?;
    let made = tx.run(INSERT, args![id, who.at, path, fold(path), None::<i64>]).await;
    // Somebody else made it in the same moment.
    made.map_err(|e| if e.is_unique_violation() { taken(path) } else { e })?;
    audit::write(tx, who, "folder.create", "folder", Some(id), serde_json::json!({"path": path})).await?;
    Ok(id)
}

/// Renames or moves a folder with all that is in it. `Conflict` when the place is taken or inside the folder itself.
pub async fn relocate(tx: &mut Tx, id: i64, to: &str, who: &Actor) -> Result<(), StoreError> {
    let folder: Folder = tx.one(GET, args![id]).await?;
    let from = folder.name.clone();
    if to == from {
        return Ok(());
    }
    if fold(to).starts_with(&format!("{}/", fold(&from))) {
        return Err(StoreError::Conflict("A folder cannot be moved into itself.".into()));
    }
    if let Some(other) = find(tx, to).await?.filter(|f| f.id != id) {
        return Err(taken(&other.name));
    }
    let above = to.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
    let to = &below_of(&ensure(tx, above, who).await?, to);
    let below: Vec<Folder> = tx.all(BELOW, args![&from]).await?;
    for f in below.into_iter().chain([folder]) {
        let name = format!("{to}{}", f.name.strip_prefix(&from).unwrap_or_default());
        if path(&name).is_err() {
            return Err(StoreError::Conflict(
                "A folder below would stand more than five levels deep, or its path would be too long.".into(),
            ));
        }
        tx.run(RENAME, args![f.id, &name, fold(&name)]).await?;
    }
    tx.run(MOVE_GROUPS, args![&from, to]).await?;
    audit::write(tx, who, "folder.move", "folder", Some(id), serde_json::json!({"from": from, "to": to})).await
}

/// Deletes an empty folder; `Conflict` when groups or folders are in it.
pub async fn delete(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let folder: Folder = tx.one(GET, args![id]).await?;
    let (groups,): (i64,) = tx.one(GROUPS_IN, args![&folder.name]).await?;
    let below: Vec<Folder> = tx.all(BELOW, args![&folder.name]).await?;
    if groups > 0 || !below.is_empty() {
        return Err(StoreError::Conflict(format!("The folder holds {groups} target groups and {} folders. Move them first.", below.len())));
    }
    tx.run(DELETE, args![id]).await?;
    audit::write(tx, who, "folder.delete", "folder", Some(id), serde_json::json!({"path": folder.name})).await
}

/// The path of the bridge's own folder, made or adopted under `usual` when it has none. Another bridge's folder is never shared.
pub(crate) async fn of_bridge(tx: &mut Tx, bridge_id: i64, usual: &str, now: rialto_core::Instant) -> Result<String, StoreError> {
    if let Some(own) = tx.opt::<Folder>(OF_BRIDGE, args![bridge_id]).await? {
        return Ok(own.name);
    }
    let (bridge,): (String,) = tx.one(BRIDGE_NAME, args![bridge_id]).await?;
    let bridge = bridge.replace('/', " ");
    for name in [usual.replace('/', " "), format!("{usual} ({bridge})"), format!("{usual} ({bridge_id})")] {
        match find(tx, &name).await? {
            Some(other) if other.bridge_id.is_some() => {}
            Some(free) => {
                tx.run(ADOPT, args![free.id, bridge_id]).await?;
                return Ok(free.name);
            }
            None => {
                let id = ids::next(tx, "group_folder").await?;
                tx.run(INSERT, args![id, now, &name, fold(&name), bridge_id]).await?;
                return Ok(name);
            }
        }
    }
    Err(StoreError::Conflict(format!("No folder can be made for the bridge {bridge}.")))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn paths_are_tidied_and_bounded() {
        assert_eq!(path("  ").unwrap(), "");
        assert_eq!(path(" Spring / New ").unwrap(), "Spring/New");
        for bad in ["/", "a//b", "a/", "a/b/c/d/e/f", "a\tb", &"x".repeat(201)] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }
}
