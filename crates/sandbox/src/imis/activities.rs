//! Activity records: what the History tab of a contact shows.

use serde::Serialize;

use crate::imis::rows::Cell;
use crate::imis::tables::Cells;

/// Longest DESCRIPTION.
const DESCRIPTION: usize = 255;
/// Most activities one contact may have.
pub(crate) const MOST: usize = 2_000;

const COLUMNS: &[&str] = &[
    "PartyId",
    "ID",
    "SEQN",
    "ACTIVITY_TYPE",
    "TRANSACTION_DATE",
    "EFFECTIVE_DATE",
    "THRU_DATE",
    "TICKLER_DATE",
    "DESCRIPTION",
    "NOTE",
    "PRODUCT_CODE",
    "SOURCE_SYSTEM",
    "UF_1",
    "UF_2",
    "UF_3",
    "UF_4",
    "UF_5",
    "UF_6",
    "UF_7",
];

/// Activity types that exist from the start: code and description.
pub(crate) const TYPES: &[(&str, &str)] = &[
    ("iUnsub", "Unsubscribed from mailings"),
    ("iOptout", "Opted out of mailings"),
    ("iResub", "Subscribed to mailings again"),
    ("iBadEmail", "Invalid e-mail address"),
    ("EVENT", "Event registration"),
    ("GIFT", "Gift"),
];

/// An activity of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Its number.
    pub seqn: i64,
    /// The contact's iMIS ID.
    pub id: String,
    /// Its type.
    pub activity_type: String,
    /// When it took place, as it was sent.
    pub transaction_date: String,
    /// What it says.
    pub description: String,
    /// More words.
    pub note: String,
}

/// A stored activity.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub seqn: i64,
    pub cells: Cells,
}

impl Stored {
    pub(crate) fn text(&self, column: &str) -> String {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.text()).unwrap_or_default()
    }

    pub(crate) fn show(&self, id: &str) -> Activity {
        Activity {
            seqn: self.seqn,
            id: id.to_owned(),
            activity_type: self.text("ACTIVITY_TYPE"),
            transaction_date: self.text("TRANSACTION_DATE"),
            description: self.text("DESCRIPTION"),
            note: self.text("NOTE"),
        }
    }

    /// All its properties.
    pub(crate) fn row(&self, id: &str) -> Cells {
        let own = [("PartyId".to_owned(), Cell::Text(id.to_owned())), ("SEQN".to_owned(), Cell::Int(self.seqn))];
        own.into_iter().chain(self.cells.iter().cloned()).collect()
    }
}

/// The columns of an activity as sent, or what they break.
pub(crate) fn fit(given: Cells, types: &[(String, String)], today: &str) -> Result<Cells, String> {
    let mut cells = Vec::new();
    for (name, cell) in given {
        let known = COLUMNS.iter().find(|c| c.eq_ignore_ascii_case(&name)).ok_or_else(|| format!("The property {name} is not defined."))?;
        if matches!(*known, "PartyId" | "ID" | "SEQN") {
            continue;
        }
        cells.push(((*known).to_owned(), cell));
    }
    let text = |cells: &Cells, column: &str| cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.text()).unwrap_or_default();
    let kind = text(&cells, "ACTIVITY_TYPE");
    if !types.iter().any(|(code, _)| code.eq_ignore_ascii_case(&kind)) {
        return Err(format!("The activity type {kind} is not defined."));
    }
    if text(&cells, "DESCRIPTION").chars().count() > DESCRIPTION {
        return Err(format!("DESCRIPTION is longer than {DESCRIPTION} characters."));
    }
    if text(&cells, "TRANSACTION_DATE").is_empty() {
        cells.retain(|(name, _)| name != "TRANSACTION_DATE");
        cells.push(("TRANSACTION_DATE".into(), Cell::Text(today.to_owned())));
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_needs_a_known_type_and_known_columns() {
        let types = vec![("iUnsub".to_owned(), String::new())];
        let cell = |name: &str, text: &str| (name.to_owned(), Cell::Text(text.into()));
        let fitting = fit(vec![cell("activity_type", "iUnsub"), cell("DESCRIPTION", "x")], &types, "2026-01-05T00:00:00").unwrap();
        assert!(fitting.contains(&cell("TRANSACTION_DATE", "2026-01-05T00:00:00")) && fitting.contains(&cell("ACTIVITY_TYPE", "iUnsub")));
        assert!(fit(vec![cell("ACTIVITY_TYPE", "x")], &types, "").is_err());
        assert!(fit(vec![cell("ACTIVITY_TYPE", "iUnsub"), cell("COLOUR", "x")], &types, "").is_err());
        assert!(fit(vec![cell("ACTIVITY_TYPE", "iUnsub"), cell("DESCRIPTION", &"x".repeat(256))], &types, "").is_err());
    }
}
