//! Target groups as pages list them.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::groups::Group;
use crate::sql::{Arg, Sql, sql, statements};

/// One text for all orders: `$1` bridge, `$2` kind, `$3` folder wanted, `$4` folder, `$5` name pattern, `$6` state.
macro_rules! listing {
    ($head:literal, $tail:literal) => {
        Sql {
            sqlite: listing!(text $head, $tail),
            postgres: listing!(text $head, $tail),
        }
    };
    (text $head:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM target_group g LEFT JOIN bridge b ON b.id = g.bridge_id
              LEFT JOIN sync_run l ON l.id = (SELECT MAX(r.id) FROM sync_run r WHERE r.group_id = g.id)
              LEFT JOIN sync_run h ON h.id = (SELECT MAX(r.id) FROM sync_run r WHERE r.group_id = g.id AND r.state = 'held')
              WHERE g.deleted_at IS NULL AND ($1 = 0 OR g.bridge_id = $1) AND ($2 = '' OR g.kind = $2)
              AND ($3 = FALSE OR g.folder = $4) AND ($5 = '' OR g.name_folded LIKE $5 ESCAPE '\\')
              AND ($6 = '' OR ($6 = 'gone' AND g.state = 'gone') OR ($6 = 'never' AND g.synced_at IS NULL AND g.state = 'active')
                OR ($6 = 'held' AND h.id IS NOT NULL) OR ($6 = 'failed' AND l.state = 'failed')
                OR ($6 = 'running' AND l.state IN ('queued', 'running'))
                OR ($6 = 'synced' AND g.synced_at IS NOT NULL AND g.state = 'active'))",
            $tail
        )
    };
}

/// As `listing!`, with the columns of a row.
macro_rules! rows {
    ($tail:literal) => {
        listing!(
            "SELECT g.*, COALESCE(b.name, '') AS bridge_name, COALESCE(b.kind, '') AS bridge_kind, b.created_at AS bridge_created_at,
             g.name_folded, l.id AS last_id, l.created_at AS last_created_at, l.state AS last_state, h.id AS held_id, h.created_at AS held_created_at,
             CAST(CASE WHEN b.deleted_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS bridge_gone,
             COALESCE((SELECT c.blocked FROM compound c WHERE c.group_id = g.id), '') AS blocked",
            $tail
        )
    };
}

statements! {
    // $7: whether to begin behind a place ($8, $9).
    BY_NAME = rows!(" AND ($7 = FALSE OR (g.name_folded, g.id) > ($8, $9)) ORDER BY g.name_folded, g.id LIMIT $10");
    BY_NAME_DOWN = rows!(" AND ($7 = FALSE OR (g.name_folded, g.id) < ($8, $9)) ORDER BY g.name_folded DESC, g.id DESC LIMIT $10");
    BY_MEMBERS = rows!(" AND ($7 = FALSE OR (g.members, g.id) > ($8, $9)) ORDER BY g.members, g.id LIMIT $10");
    BY_MEMBERS_DOWN = rows!(" AND ($7 = FALSE OR (g.members, g.id) < ($8, $9)) ORDER BY g.members DESC, g.id DESC LIMIT $10");
    BY_SYNCED = rows!(" AND ($7 = FALSE OR (COALESCE(g.synced_at, 0), g.id) > ($8, $9)) ORDER BY COALESCE(g.synced_at, 0), g.id LIMIT $10");
    BY_SYNCED_DOWN = rows!(" AND ($7 = FALSE OR (COALESCE(g.synced_at, 0), g.id) < ($8, $9))
        ORDER BY COALESCE(g.synced_at, 0) DESC, g.id DESC LIMIT $10");
    TOTAL = listing!("SELECT COUNT(*)", "");
    TOTAL_OF_ANY_STATE = sql!("SELECT COUNT(*) FROM target_group g WHERE g.deleted_at IS NULL AND ($1 = 0 OR g.bridge_id = $1)
        AND ($2 = '' OR g.kind = $2) AND ($3 = FALSE OR g.folder = $4) AND ($5 = '' OR g.name_folded LIKE $5 ESCAPE '\\')");
    ONE = rows!(" AND g.id = $7");
    FOLDERS = sql!("SELECT DISTINCT folder FROM target_group WHERE deleted_at IS NULL AND folder <> '' ORDER BY folder");
    USES = sql!("SELECT mailing_id, at FROM target_group_use WHERE group_id = $1 ORDER BY at DESC, mailing_id DESC LIMIT $2");
    MAILINGS = sql!("SELECT COUNT(*), MAX(at) FROM target_group_use WHERE group_id = $1");
}

/// A group with what surrounds it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct GroupRow {
    #[sqlx(flatten)]
    pub group: Group,
    name_folded: String,
    /// Empty for kinds that belong to no bridge; so is `bridge_kind`.
    pub bridge_name: String,
    pub bridge_kind: String,
    pub bridge_created_at: Option<i64>,
    /// The newest run of the group, whatever its state.
    pub last_id: Option<i64>,
    pub last_created_at: Option<i64>,
    pub last_state: Option<String>,
    /// The newest run that waits for a decision.
    pub held_id: Option<i64>,
    pub held_created_at: Option<i64>,
    bridge_gone: i64,
    /// Why a group made of others keeps its last members: sentences for people; empty when it does not.
    pub blocked: String,
}

impl GroupRow {
    /// The run under way, as id and creation time.
    pub fn open_run(&self) -> Option<(i64, i64)> {
        let open = matches!(self.last_state.as_deref(), Some("queued" | "running"));
        self.last_id.zip(self.last_created_at).filter(|_| open)
    }

    /// The bridge that the group came over was deleted.
    pub fn bridge_gone(&self) -> bool {
        self.bridge_gone != 0
    }

    /// Where a page sorted so begins or ends.
    pub fn place(&self, sort: Sort) -> Place {
        let key = match sort {
            Sort::Name => Key::Text(self.name_folded.clone()),
            Sort::Members => Key::Number(self.group.members),
            Sort::Synced => Key::Number(self.group.synced_at.unwrap_or(0)),
        };
        Place { key, id: self.group.id }
    }

    pub fn held_run(&self) -> Option<(i64, i64)> {
        self.held_id.zip(self.held_created_at)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    #[default]
    Name,
    Members,
    Synced,
}

/// What a list is sorted by, of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    Text(String),
    Number(i64),
}

/// A place between two rows of a sorted list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub key: Key,
    pub id: i64,
}

impl Sort {
    /// The place that a URL names: `<id>~<key>`. `None` for what fits no such place.
    pub fn read_place(self, text: &str) -> Option<Place> {
        let (id, key) = text.split_once('~')?;
        let key = match self {
            Self::Name => Key::Text(key.to_owned()),
            Self::Members | Self::Synced => Key::Number(key.parse().ok()?),
        };
        Some(Place { key, id: id.parse().ok()? })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Key::Text(text) => write!(f, "{}~{text}", self.id),
            Key::Number(n) => write!(f, "{}~{n}", self.id),
        }
    }
}

/// Which groups to show. 0, empty and `None` mean all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub bridge_id: i64,
    pub kind: String,
    pub folder: Option<String>,
    /// `synced`, `never`, `held`, `failed`, `running` or `gone`.
    pub state: String,
    /// Part of the name.
    pub q: String,
}

impl Filter {
    fn args(&self) -> Vec<Arg> {
        args![self.bridge_id, &self.kind, self.folder.is_some(), self.folder.clone().unwrap_or_default(), like(&self.q), &self.state]
    }
}

/// The pattern for "contains", on folded text; empty for no text.
pub(super) fn like(q: &str) -> String {
    let folded = rialto_core::address::canonical(q);
    if folded.is_empty() {
        return folded;
    }
    format!("%{}%", folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// Rows of a sorted list behind a place, in the order of the list; `None` begins at its start.
pub async fn page(
    mut read: Read<'_>,
    filter: &Filter,
    sort: Sort,
    down: bool,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<GroupRow>, StoreError> {
    let sql = match (sort, down) {
        (Sort::Name, false) => BY_NAME,
        (Sort::Name, true) => BY_NAME_DOWN,
        (Sort::Members, false) => BY_MEMBERS,
        (Sort::Members, true) => BY_MEMBERS_DOWN,
        (Sort::Synced, false) => BY_SYNCED,
        (Sort::Synced, true) => BY_SYNCED_DOWN,
    };
    let mut args = filter.args();
    args.extend(args![after.is_some()]);
    args.push(match (sort, after.map(|p| &p.key)) {
        (Sort::Name, Some(Key::Text(text))) => text.into(),
        (Sort::Name, _) => Arg::Text(String::new()),
        (_, Some(Key::Number(n))) => (*n).into(),
        _ => Arg::Int(0),
    });
    args.extend(args![after.map_or(0, |p| p.id), limit]);
    read.all(sql, args).await
}

pub async fn total(mut read: Read<'_>, filter: &Filter) -> Result<i64, StoreError> {
    if filter.state.is_empty() {
        // The states of runs cost two look-ups a group; most lists need none.
        let mut args = filter.args();
        args.truncate(5);
        return read.one::<(i64,)>(TOTAL_OF_ANY_STATE, args).await.map(|(n,)| n);
    }
    read.one::<(i64,)>(TOTAL, filter.args()).await.map(|(n,)| n)
}

pub async fn one(mut read: Read<'_>, id: i64) -> Result<Option<GroupRow>, StoreError> {
    let mut args = Filter::default().args();
    args.extend(args![id]);
    read.opt(ONE, args).await
}

pub async fn folders(mut read: Read<'_>) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = read.all(FOLDERS, args![]).await?;
    Ok(rows.into_iter().map(|(f,)| f).collect())
}

/// The latest mailings that used the group, as (mailing, when).
pub async fn latest_uses(mut read: Read<'_>, id: i64, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    read.all(USES, args![id, limit]).await
}

/// In how many mailings the group was used, and when last.
pub async fn uses(mut read: Read<'_>, id: i64) -> Result<(i64, Option<i64>), StoreError> {
    read.one(MAILINGS, args![id]).await
}
