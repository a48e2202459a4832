//! Bulk insert into a table: COPY on PostgreSQL, multi-row VALUES on SQLite. Both are plain inserts: a key that is
//! already there fails the transaction.

use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids;

/// A value of a bulk row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<'a> {
    /// Of a column of numbers, times or flags.
    Null,
    /// Of a column of text: a parameter has a type also when it is null.
    NullText,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
}

/// Rows a statement on SQLite, largest first: few different texts, so that prepared statements are used again.
const CHUNKS: [usize; 5] = [256, 64, 16, 4, 1];

/// Values a statement on SQLite (its own limit is 32,766).
const MAX_VALUES: usize = 30_000;

/// Rows of each of several tables that go in one message on SQLite.
const TOGETHER: usize = 2;

/// Inserts rows laid out one after another in `cells`. `columns` are generated identifiers, never input.
pub async fn insert_rows(tx: &mut Tx, table: &str, columns: &[String], cells: &[Bound<'_>]) -> Result<(), StoreError> {
    if cells.is_empty() {
        return Ok(());
    }
    let columns_text = columns.join(", ");
    match tx {
        Tx::Sqlite(tx) => insert_values(tx, table, &columns_text, columns.len(), cells, "").await,
        Tx::Postgres(tx) => {
            let mut copy = tx.copy_in_raw(&format!("COPY {table} ({columns_text}) FROM STDIN")).await?;
            let text = encode_copy(cells, columns.len());
            if let Err(e) = copy.send(text.into_bytes()).await {
                copy.abort("not sent whole").await.ok();
                return Err(e.into());
            }
            copy.finish().await?;
            Ok(())
        }
    }
}

async fn insert_values(
    tx: &mut Transaction<'static, Sqlite>,
    table: &str,
    columns: &str,
    width: usize,
    cells: &[Bound<'_>],
    tail: &str,
) -> Result<(), StoreError> {
    let mut rest = cells;
    for rows in CHUNKS.into_iter().filter(|rows| rows * width <= MAX_VALUES) {
        while rest.len() >= rows * width {
            let (now, later) = rest.split_at(rows * width);
            let query = sqlx::query::<Sqlite>(AssertSqlSafe(values_text(table, columns, width, rows, tail)));
            bind_values(query, now.iter()).execute(&mut **tx).await?;
            rest = later;
        }
    }
    Ok(())
}

/// Rows for one table, laid out one after another in `cells`.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// A generated identifier, as the columns are: never input.
    pub table: &'a str,
    pub columns: &'a [&'a str],
    pub cells: Vec<Bound<'a>>,
    /// A row whose key is there already is passed over.
    pub or_nothing: bool,
    /// Columns that hold ids counted from 0, and the table whose new ids they mean: those taken with the insert.
    pub fresh: &'a [(usize, &'a str)],
}

impl Rows<'_> {
    fn tail(&self) -> &'static str {
        if self.or_nothing { " ON CONFLICT DO NOTHING" } else { "" }
    }

    /// Adds the first id of its table to each fresh one.
    fn number(&mut self, wanted: &[(&str, usize)], first: &[i64]) {
        let width = self.columns.len();
        for (at, table) in self.fresh {
            let first = wanted.iter().zip(first).find(|((name, _), _)| name == table).map_or(0, |(_, first)| *first);
            for cell in self.cells.iter_mut().skip(*at).step_by(width) {
                if let Bound::Int(id) = cell {
                    *id += first;
                }
            }
        }
    }
}

/// Inserts few rows of one table.
pub async fn insert_few(tx: &mut Tx, rows: Rows<'_>) -> Result<(), StoreError> {
    insert_together(tx, vec![rows], &[]).await
}

/// As `insert_rows`, for few rows of several tables, whose columns are numbers, BOOLEAN or TEXT. On PostgreSQL it is one statement with an array
/// a column: its text is the same however many rows there are, and a COPY would be three messages of which the last waits for the
/// acknowledgement of the one before, about 40 ms over TCP (`docs/adr/0092`, `0143`).
///
/// `wanted`: how many ids are taken of which tables, for the columns that `Rows::fresh` names.
pub async fn insert_together(tx: &mut Tx, mut sets: Vec<Rows<'_>>, wanted: &[(&str, usize)]) -> Result<(), StoreError> {
    sets.retain(|s| !s.cells.is_empty());
    if sets.is_empty() {
        return Ok(());
    }
    if tx.is_sqlite() {
        let first = ids::take_each(tx, wanted).await?;
        sets.iter_mut().for_each(|s| s.number(wanted, &first));
    }
    let tx = match tx {
        Tx::Postgres(tx) => tx,
        Tx::Sqlite(tx) => return insert_few_values(tx, &sets).await,
    };
    let columns: Vec<Vec<Column<'_>>> = sets.iter().map(turned).collect();
    let mut query =
        sqlx::query::<sqlx::Postgres>(AssertSqlSafe(arrays_text(&sets, &columns, !wanted.is_empty()))).bind(ids::wanted(wanted));
    for column in columns.into_iter().flatten() {
        query = match column {
            Column::Ints(v) => query.bind(v),
            Column::Floats(v) => query.bind(v),
            Column::Bools(v) => query.bind(v),
            Column::Texts(v) => query.bind(v),
        };
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// On SQLite each statement is a message to the thread that has the database: where there are a row or two a table, all go in one.
async fn insert_few_values(tx: &mut Transaction<'static, Sqlite>, sets: &[Rows<'_>]) -> Result<(), StoreError> {
    let one = |s: &Rows<'_>| values_text(s.table, &s.columns.join(", "), s.columns.len(), s.cells.len() / s.columns.len(), s.tail());
    if sets.iter().all(|s| s.cells.len() <= TOGETHER * s.columns.len()) {
        let text: Vec<String> = sets.iter().map(one).collect();
        let query = sqlx::query::<Sqlite>(AssertSqlSafe(text.join("; ")));
        bind_values(query, sets.iter().flat_map(|s| &s.cells)).execute(&mut **tx).await?;
        return Ok(());
    }
    for s in sets {
        insert_values(tx, s.table, &s.columns.join(", "), s.columns.len(), &s.cells, s.tail()).await?;
    }
    Ok(())
}

/// The type of a column of generated profile tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typed {
    Int,
    Float,
    Bool,
    Text,
    /// `YYYY-MM-DD HH:MM:SS` as text.
    Moment,
    /// `YYYY-MM-DD` as text.
    Date,
}

/// Inserts rows or, where the first column's value is there already, sets the others. `columns` are generated identifiers, never input; the
/// first is the table's key, and no key stands twice among the rows.
pub async fn upsert_rows(tx: &mut Tx, table: &str, columns: &[(String, Typed)], cells: &[Bound<'_>]) -> Result<(), StoreError> {
    let Some(((key, _), others)) = columns.split_first() else { return Ok(()) };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let set: Vec<String> = others.iter().map(|(name, _)| format!("{name} = excluded.{name}")).collect();
    let tail = format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "));
    let tx = match tx {
        Tx::Sqlite(tx) => return insert_values(tx, table, &names.join(", "), columns.len(), cells, &tail).await,
        Tx::Postgres(tx) => tx,
    };
    let array = |(at, (_, typed)): (usize, &(String, Typed))| format!("${}::{}", at + 1, typed.array());
    let arrays: Vec<String> = columns.iter().enumerate().map(array).collect();
    let values: Vec<String> = columns.iter().enumerate().map(|(at, (_, typed))| format!("c{at}{}", typed.cast())).collect();
    let aliases: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
    let text = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM unnest({}) AS u({}){tail}",
        names.join(", "),
        values.join(", "),
        arrays.join(", "),
        aliases.join(", ")
    );
    let mut query = sqlx::query::<sqlx::Postgres>(AssertSqlSafe(text));
    for (at, (_, typed)) in columns.iter().enumerate() {
        let column = cells.iter().skip(at).step_by(columns.len());
        query = match typed {
            Typed::Int => query.bind(column.map(|c| if let Bound::Int(n) = c { Some(*n) } else { None }).collect::<Vec<_>>()),
            Typed::Float => query.bind(column.map(|c| if let Bound::Float(n) = c { Some(*n) } else { None }).collect::<Vec<_>>()),
            Typed::Bool => query.bind(column.map(|c| if let Bound::Bool(b) = c { Some(*b) } else { None }).collect::<Vec<_>>()),
            Typed::Text | Typed::Moment | Typed::Date => {
                query.bind(column.map(|c| if let Bound::Text(t) = *c { Some(t) } else { None }).collect::<Vec<_>>())
            }
        };
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

impl Typed {
    fn array(self) -> &'static str {
        match self {
            Self::Int => "bigint[]",
            Self::Float => "float8[]",
            Self::Bool => "boolean[]",
            Self::Text | Self::Moment | Self::Date => "text[]",
        }
    }

    fn cast(self) -> &'static str {
        match self {
            Self::Moment => "::timestamp",
            Self::Date => "::date",
            _ => "",
        }
    }
}

type SqliteQuery<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_values<'a>(mut query: SqliteQuery<'static>, cells: impl Iterator<Item = &'a Bound<'a>>) -> SqliteQuery<'static> {
    for cell in cells {
        query = match *cell {
            Bound::Null | Bound::NullText => query.bind(None::<i64>),
            Bound::Int(n) => query.bind(n),
            Bound::Float(n) => query.bind(n),
            Bound::Bool(b) => query.bind(b),
            Bound::Text(t) => query.bind(t.to_owned()),
        };
    }
    query
}

/// The values of one column.
enum Column<'a> {
    Ints(Vec<Option<i64>>),
    Floats(Vec<Option<f64>>),
    Bools(Vec<Option<bool>>),
    Texts(Vec<Option<&'a str>>),
}

impl Column<'_> {
    fn array_type(&self) -> &'static str {
        match self {
            Column::Ints(_) => "bigint[]",
            Column::Floats(_) => "float8[]",
            Column::Bools(_) => "boolean[]",
            Column::Texts(_) => "text[]",
        }
    }
}

/// Rows turned into columns. A column is of the type of its first value; one of nulls only, of that of its nulls.
fn turned<'a>(rows: &'a Rows<'a>) -> Vec<Column<'a>> {
    let width = rows.columns.len();
    let column = |at: usize| rows.cells.iter().skip(at).step_by(width);
    (0..width)
        .map(|at| {
            let first = column(at).find(|c| !matches!(c, Bound::Null | Bound::NullText)).or_else(|| column(at).next());
            match first {
                Some(Bound::Float(_)) => {
                    Column::Floats(column(at).map(|c| if let Bound::Float(n) = c { Some(*n) } else { None }).collect())
                }
                Some(Bound::Bool(_)) => Column::Bools(column(at).map(|c| if let Bound::Bool(b) = c { Some(*b) } else { None }).collect()),
                Some(Bound::Text(_) | Bound::NullText) => {
                    Column::Texts(column(at).map(|c| if let Bound::Text(t) = *c { Some(t) } else { None }).collect())
                }
                _ => Column::Ints(column(at).map(|c| if let Bound::Int(n) = c { Some(*n) } else { None }).collect()),
            }
        })
        .collect()
}

/// $1 are the ids to be taken, the columns follow.
fn arrays_text(sets: &[Rows<'_>], columns: &[Vec<Column<'_>>], takes: bool) -> String {
    let mut number = 1;
    let mut parts: Vec<String> = Vec::new();
    if takes {
        parts.push(format!("n AS ({})", ids::TAKE_EACH.postgres));
    }
    let inserts = sets.iter().zip(columns).map(|(set, columns)| {
        let arrays: Vec<String> = columns
            .iter()
            .map(|c| {
                number += 1;
                format!("${number}::{}", c.array_type())
            })
            .collect();
        let value = |at: usize| match set.fresh.iter().find(|(column, _)| *column == at) {
            Some((_, table)) => format!("c{at} + (SELECT next_id - taken FROM n JOIN wanted USING (name) WHERE name = '{table}')"),
            None => format!("c{at}"),
        };
        let names: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
        let values: Vec<String> = (0..columns.len()).map(value).collect();
        let (table, into) = (set.table, set.columns.join(", "));
        let from = format!("unnest({}) AS u({})", arrays.join(", "), names.join(", "));
        format!("INSERT INTO {table} ({into}) SELECT {} FROM {from}{}", values.join(", "), set.tail())
    });
    let mut inserts: Vec<String> = inserts.collect();
    let last = inserts.pop().unwrap_or_default();
    parts.extend(inserts.into_iter().enumerate().map(|(at, insert)| format!("i{at} AS ({insert})")));
    parts.insert(0, "wanted AS (SELECT n AS name, c AS taken FROM json_to_recordset($1::json) AS r(n text, c bigint))".to_owned());
    format!("WITH {} {last}", parts.join(", "))
}

fn values_text(table: &str, columns: &str, width: usize, rows: usize, tail: &str) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    format!("INSERT INTO {table} ({columns}) VALUES {}{tail}", vec![row; rows].join(","))
}

/// PostgreSQL's text format of COPY: tab between columns, newline after a row, `\N` for null.
fn encode_copy(cells: &[Bound<'_>], width: usize) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(cells.len() * 16);
    let mut int = itoa::Buffer::new();
    for (i, cell) in cells.iter().enumerate() {
        match *cell {
            Bound::Null | Bound::NullText => out.push_str("\\N"),
            Bound::Int(n) => out.push_str(int.format(n)),
            Bound::Float(n) => {
                let _ = write!(out, "{n}");
            }
            Bound::Bool(b) => out.push(if b { 't' } else { 'f' }),
            Bound::Text(t) => escape(&mut out, t),
        }
        out.push(if (i + 1) % width == 0 { '\n' } else { '\t' });
    }
    out
}

fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\t', '\n', '\r', '\0']) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            _ => {}
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_text_escapes_what_would_break_a_row() {
        let text = encode_copy(&[Bound::Int(1), Bound::Text("a\tb\\c\nd\0e"), Bound::Null, Bound::Bool(true)], 2);
        assert_eq!(text, "1\ta\\tb\\\\c\\nde\n\\N\tt\n");
    }
}
