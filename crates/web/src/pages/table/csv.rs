//! Exports: RFC 4180, row by row as the database gives them, safe to open in a spreadsheet.

use std::fmt::Write;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, TryStreamExt};

use super::{Cell, Column};
use crate::error::Error;

/// Rows read from the database at once while a list is exported.
pub const SLICE: i64 = 1_000;

/// A download named `<name>.csv`. `slices` yields rows as they are read; no more than one slice is in memory. A failure on the way
/// breaks the download off, so that a part never looks like the whole.
pub fn download<R, S>(name: &str, columns: Vec<Column<R>>, slices: S) -> Response
where
    R: Send + 'static,
    S: Stream<Item = Result<Vec<R>, Error>> + Send + 'static,
{
    let mut head = String::from('\u{feff}');
    line(&mut head, columns.iter().map(|c| safe(&c.label)));
    let rows = slices.map(move |slice| {
        let mut text = String::new();
        for row in slice? {
            line(&mut text, columns.iter().map(|c| field(&(c.cell)(&row))));
        }
        Ok::<_, Error>(Bytes::from(text))
    });
    let body = futures::stream::once(async { Ok(Bytes::from(head)) })
        .chain(rows)
        .inspect_err(|error| tracing::error!(%error, "an export broke off"));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    (headers, Body::from_stream(body)).into_response()
}

fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    for (i, field) in fields.enumerate() {
        if i > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) {
            // Writing to a text cannot fail.
            let _ = write!(out, "\"{}\"", field.replace('"', "\"\""));
        } else {
            out.push_str(&field);
        }
    }
    out.push_str("\r\n");
}

/// Figures are ours and stay figures; everything else may have been typed by anybody.
fn field(cell: &Cell) -> String {
    match cell {
        Cell::Number(_) | Cell::Figure(_) => cell.plain(),
        other => safe(&other.plain()),
    }
}

/// A spreadsheet takes text that begins so for a formula; an upload reads it back as it was.
fn safe(text: &str) -> String {
    rialto_core::upload::guarded(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        for nasty in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(safe(nasty), format!("'{nasty}"));
        }
        assert_eq!((safe("ann@x.example"), safe("a=b")), ("ann@x.example".to_owned(), "a=b".to_owned()));
        assert_eq!((field(&Cell::Number(-3)), field(&Cell::Figure("-2.5".into()))), ("-3".into(), "-2.5".into()));
    }

    #[test]
    fn quotes_commas_and_lines_are_kept_as_rfc_4180_says() {
        let mut out = String::new();
        line(&mut out, ["plain", "a,b", "say \"x\"", "two\r\nlines", ""].into_iter().map(str::to_owned));
        assert_eq!(out, "plain,\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\",\r\n");
    }
}
