//! Bulk insert into a table: COPY on PostgreSQL, multi-row VALUES on SQLite. Both are plain inserts: a key that is
//! already there fails the transaction.

use sqlx::AssertSqlSafe;

use crate::db::Tx;
use crate::error::StoreError;

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

/// Values up to which plain inserts are quicker than COPY on PostgreSQL.
const FEW: usize = 6_000;

/// Inserts rows laid out one after another in `cells`. `columns` are generated identifiers, never input.
pub async fn insert_rows(tx: &mut Tx, table: &str, columns: &[String], cells: &[Bound<'_>]) -> Result<(), StoreError> {
    if cells.is_empty() {
        return Ok(());
    }
    let columns_text = columns.join(", ");
    match tx {
        Tx::Postgres(tx) => {
            let mut copy = tx.copy_in_raw(&format!("COPY {table} ({columns_text}) FROM STDIN")).await?;
            let text = encode_copy(cells, columns.len());
            if let Err(e) = copy.send(text.into_bytes()).await {
                copy.abort("not sent whole").await.ok();
                return Err(e.into());
            }
            copy.finish().await?;
        }
        Tx::Sqlite(tx) => {
            let mut rest = cells;
            for rows in CHUNKS.into_iter().filter(|rows| rows * columns.len() <= MAX_VALUES) {
                let values = rows * columns.len();
                while rest.len() >= values {
                    let (now, later) = rest.split_at(values);
                    let text = values_text(table, &columns_text, columns.len(), rows);
                    let mut query = sqlx::query::<sqlx::Sqlite>(AssertSqlSafe(text));
                    for cell in now {
                        query = match *cell {
                            Bound::Null | Bound::NullText => query.bind(None::<i64>),
                            Bound::Int(n) => query.bind(n),
                            Bound::Float(n) => query.bind(n),
                            Bound::Bool(b) => query.bind(b),
                            Bound::Text(t) => query.bind(t.to_owned()),
                        };
                    }
                    query.execute(&mut **tx).await?;
                    rest = later;
                }
            }
        }
    }
    Ok(())
}

/// As `insert_rows`, for few rows whose columns are BIGINT, BOOLEAN or TEXT. On PostgreSQL a COPY is three messages of which the last
/// waits for the acknowledgement of the one before, about 40 ms over TCP (`docs/adr/0092`); these go as plain inserts.
pub async fn insert_few(tx: &mut Tx, table: &str, columns: &[String], cells: &[Bound<'_>]) -> Result<(), StoreError> {
    let width = columns.len();
    if cells.len() > FEW || cells.is_empty() || tx.is_sqlite() {
        return insert_rows(tx, table, columns, cells).await;
    }
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let columns_text = columns.join(", ");
    let mut rest = cells;
    for rows in CHUNKS {
        while rest.len() >= rows * width {
            let (now, later) = rest.split_at(rows * width);
            let text = numbered_text(table, &columns_text, width, rows);
            let mut query = sqlx::query::<sqlx::Postgres>(AssertSqlSafe(text));
            for cell in now {
                query = match *cell {
                    Bound::Null => query.bind(None::<i64>),
                    Bound::NullText => query.bind(None::<String>),
                    Bound::Int(n) => query.bind(n),
                    Bound::Float(n) => query.bind(n),
                    Bound::Bool(b) => query.bind(b),
                    Bound::Text(t) => query.bind(t.to_owned()),
                };
            }
            query.execute(&mut **tx).await?;
            rest = later;
        }
    }
    Ok(())
}

fn numbered_text(table: &str, columns: &str, width: usize, rows: usize) -> String {
    let row = |first: usize| format!("({})", (first..first + width).map(|n| format!("${n}")).collect::<Vec<_>>().join(","));
    let rows: Vec<String> = (0..rows).map(|n| row(n * width + 1)).collect();
    format!("INSERT INTO {table} ({columns}) VALUES {}", rows.join(","))
}

fn values_text(table: &str, columns: &str, width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    format!("INSERT INTO {table} ({columns}) VALUES {}", vec![row; rows].join(","))
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
