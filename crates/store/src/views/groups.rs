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
             l.id AS last_id, l.created_at AS last_created_at, l.state AS last_state, h.id AS held_id, h.created_at AS held_created_at",
            $tail
        )
    };
}

statements! {
    BY_NAME = rows!(" ORDER BY g.name_folded, g.id LIMIT $7 OFFSET $8");
    BY_NAME_DOWN = rows!(" ORDER BY g.name_folded DESC, g.id DESC LIMIT $7 OFFSET $8");
    BY_MEMBERS = rows!(" ORDER BY g.members, g.name_folded, g.id LIMIT $7 OFFSET $8");
    BY_MEMBERS_DOWN = rows!(" ORDER BY g.members DESC, g.name_folded, g.id LIMIT $7 OFFSET $8");
    BY_SYNCED = rows!(" ORDER BY COALESCE(g.synced_at, 0), g.name_folded, g.id LIMIT $7 OFFSET $8");
    BY_SYNCED_DOWN = rows!(" ORDER BY COALESCE(g.synced_at, 0) DESC, g.name_folded, g.id LIMIT $7 OFFSET $8");
    TOTAL = listing!("SELECT COUNT(*)", "");
    ONE = rows!(" AND g.id = $7");
    FOLDERS = sql!("SELECT DISTINCT folder FROM target_group WHERE deleted_at IS NULL AND folder <> '' ORDER BY folder");
    MAILINGS = sql!("SELECT COUNT(*), MAX(at) FROM target_group_use WHERE group_id = $1");
}

/// A group with what surrounds it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct GroupRow {
    #[sqlx(flatten)]
    pub group: Group,
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
}

impl GroupRow {
    /// The run under way, as id and creation time.
    pub fn open_run(&self) -> Option<(i64, i64)> {
        let open = matches!(self.last_state.as_deref(), Some("queued" | "running"));
        self.last_id.zip(self.last_created_at).filter(|_| open)
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
fn like(q: &str) -> String {
    let folded = rialto_core::address::canonical(q);
    if folded.is_empty() {
        return folded;
    }
    format!("%{}%", folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// One page. An organisation has hundreds of groups, not millions: pages count from the start.
pub async fn page(
    mut read: Read<'_>,
    filter: &Filter,
    sort: Sort,
    down: bool,
    limit: i64,
    offset: i64,
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
    args.extend(args![limit, offset]);
    read.all(sql, args).await
}

pub async fn total(mut read: Read<'_>, filter: &Filter) -> Result<i64, StoreError> {
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

/// In how many mailings the group was used, and when last.
pub async fn uses(mut read: Read<'_>, id: i64) -> Result<(i64, Option<i64>), StoreError> {
    read.one(MAILINGS, args![id]).await
}
