//! Whether the columns that were promised are there, over all pages of a read.

use std::collections::BTreeSet;

use rialto_core::fields::Cell;

use super::rows::{ADDRESS, ALLOW_EMAIL, ALLOW_SOLICITATION, FIXED, MASTER, Rows, SUB};
use super::service::protocol;
use super::table::{printable, remember};
use crate::ConnectorError;

/// From so many rows on, a column that no row has is taken for a missing column, not for nulls.
const TELLING: usize = 50;
/// Names of unknown columns of a read that are remembered; any more count as new on every page.
const UNKNOWN: usize = 256;

/// Which columns earlier pages of the same read had.
#[derive(Default)]
pub(super) struct History {
    seen: Vec<bool>,
    pub unknown: BTreeSet<String>,
}

impl History {
    /// Refuses a page whose columns are not what was promised. A DataSet leaves out nulls, so a column that no row has had yet may
    /// be null for everybody or not be sent at all: fields are then absent, so that what is stored stays.
    pub(super) fn check(&mut self, rows: &mut Rows<'_>) -> Result<(), ConnectorError> {
        if rows.foreign {
            let column = rows.columns.list_column();
            return Err(protocol(format!(
                "people of another list than was asked for ({column}), as if the service ignored which list it was"
            )));
        }
        self.seen.resize(rows.seen.len(), false);
        if rows.people.is_empty() {
            return Ok(());
        }
        let news: Vec<String> = rows.unknown.difference(&self.unknown).cloned().collect();
        let missing: Vec<usize> = rows.seen.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| at).collect();
        for place in missing {
            if !place.checked_sub(FIXED).is_some_and(|field| rows.columns.is_alias(field)) {
                self.judge(rows, place, &news)?;
            }
        }
        for (known, count) in self.seen.iter_mut().zip(&rows.seen) {
            *known |= *count > 0;
        }
        for name in &rows.unknown {
            remember(&mut self.unknown, name, UNKNOWN);
        }
        Ok(())
    }

    fn judge(&self, rows: &mut Rows<'_>, place: usize, news: &[String]) -> Result<(), ConnectorError> {
        let full = rows.people.len() >= TELLING;
        let known = self.seen.get(place).copied().unwrap_or_default();
        let refuse = match place {
            _ if rows.columns.nulls => true,
            ADDRESS => full || !news.is_empty() || (!known && rows.people.len() > 1),
            MASTER | SUB | ALLOW_EMAIL | ALLOW_SOLICITATION => full || !news.is_empty() || !known,
            _ => full && !news.is_empty(),
        };
        if refuse {
            return Err(missing(place, rows.columns.names.get(place), news));
        }
        if (!known || !news.is_empty())
            && let Some(field) = place.checked_sub(FIXED)
        {
            rows.people.iter_mut().filter_map(|p| p.cells.get_mut(field)).for_each(|c| *c = Cell::Absent);
        }
        Ok(())
    }
}

fn missing(place: usize, column: Option<&String>, news: &[String]) -> ConnectorError {
    let column = column.map_or("", String::as_str);
    protocol(match news {
        [unknown] => format!("the column {column} is missing; was it renamed to {}?", printable(unknown)),
        [] if place == ADDRESS => {
            format!(
                "no row has the column {column}; let the procedure send blanks for people without an address, as the set-up script does"
            )
        }
        _ => format!("the column {column} is missing or was renamed"),
    })
}
