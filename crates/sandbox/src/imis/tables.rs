//! User-defined tables: their definitions, and the rows of contacts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::imis::rows::Cell;

/// Most fields of a table.
const MOST_FIELDS: usize = 398;
/// Most rows one contact may have in a table.
const MOST_ROWS: usize = 1_000;
/// Longest name of a table or field.
const NAME: usize = 100;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text of a greatest length.
    Char,
    /// Whole numbers.
    Int,
    /// Date and time.
    Date,
    /// Yes or no.
    Boolean,
}

impl FieldKind {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Char, Self::Int, Self::Date, Self::Boolean];

    /// As the window of user-defined tables says it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Char => "Char",
            Self::Int => "Int",
            Self::Date => "Date",
            Self::Boolean => "Boolean",
        }
    }

    fn takes(self, cell: &Cell) -> bool {
        match (self, cell) {
            (_, Cell::Null) | (Self::Char, _) | (Self::Int, Cell::Int(_)) | (Self::Boolean, Cell::Bool(_)) => true,
            (Self::Int, Cell::Text(text)) => text.parse::<i64>().is_ok(),
            (Self::Boolean, Cell::Text(text)) => text.parse::<bool>().is_ok(),
            (Self::Date, Cell::Text(text)) => text.parse::<jiff::civil::DateTime>().is_ok(),
            _ => false,
        }
    }
}

/// A field of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its exact name.
    pub name: String,
    /// What the window shows beside it.
    #[serde(default)]
    pub prompt: String,
    /// Its type.
    pub kind: FieldKind,
    /// Greatest length, for texts.
    #[serde(default)]
    pub length: u32,
}

impl Field {
    /// A text of at most so many characters.
    pub fn text(name: &str, prompt: &str, length: u32) -> Self {
        Self { name: name.into(), prompt: prompt.into(), kind: FieldKind::Char, length }
    }
}

/// Whether a contact may have several rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instances {
    /// One row each.
    Single,
    /// Multiple Instances Allowed.
    Multi,
}

/// The definition of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its exact name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// One row for each contact, or several.
    pub instances: Instances,
    /// Its fields.
    pub fields: Vec<Field>,
}

impl Table {
    /// The table of the personas writeback as its documentation has it.
    pub fn personas() -> Self {
        Self {
            name: "INFORMZ_PERSONA".into(),
            description: "Personas, written by the marketing system".into(),
            instances: Instances::Multi,
            fields: vec![Field::text("SCORE_NAME", "Persona Name", 255), Field::text("SCORE_DESC", "Persona Desc", 2000)],
        }
    }

    fn check(&self) -> Result<(), TableError> {
        good_name(&self.name)?;
        if self.fields.len() > MOST_FIELDS {
            return Err(TableError::TooMany);
        }
        for (at, field) in self.fields.iter().enumerate() {
            good_name(&field.name)?;
            if self.fields.iter().take(at).any(|f| f.name.eq_ignore_ascii_case(&field.name)) {
                return Err(TableError::Exists(field.name.clone()));
            }
        }
        Ok(())
    }
}

fn good_name(name: &str) -> Result<(), TableError> {
    let fits = !name.is_empty() && name.len() <= NAME && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits { Ok(()) } else { Err(TableError::Name(name.chars().take(NAME).collect())) }
}

/// Why a table was not made or altered, or a row not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// There is no such table, field, row or contact.
    #[error("there is no {0}")]
    Missing(String),
    /// The name is none.
    #[error("{0:?} is no name: use letters, digits and underscores")]
    Name(String),
    /// More than a table may have.
    #[error("more than a table may hold")]
    TooMany,
    /// The row breaks the definition.
    #[error("{0}")]
    Value(String),
}

/// A row as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The contact's iMIS ID.
    pub id: String,
    /// Its number among the contact's rows.
    pub ordinal: i64,
    /// What stands in the fields that are not null.
    pub values: BTreeMap<String, String>,
}

/// Named values of a row.
pub(crate) type Cells = Vec<(String, Cell)>;

/// A table with its rows, by contact and ordinal.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub table: Table,
    pub rows: BTreeMap<(u64, i64), Cells>,
}

impl Stored {
    /// The row as it would be stored, or what it breaks.
    fn fit(&self, given: Cells) -> Result<Cells, TableError> {
        let mut fitting = Vec::new();
        for (name, cell) in given {
            if ["ID", "PartyId", "Ordinal"].iter().any(|own| own.eq_ignore_ascii_case(&name)) {
                continue;
            }
            let field = self.table.fields.iter().find(|f| f.name.eq_ignore_ascii_case(&name));
            let field = field.ok_or_else(|| TableError::Value(format!("The property {name} is not defined.")))?;
            if !field.kind.takes(&cell) {
                return Err(TableError::Value(format!("The value of {name} is no {}.", field.kind.label())));
            }
            if field.kind == FieldKind::Char && cell.text().encode_utf16().count() > field.length as usize {
                return Err(TableError::Value(format!("The value of {name} is longer than {} characters.", field.length)));
            }
            fitting.push((field.name.clone(), cell));
        }
        Ok(fitting)
    }

    /// Stores a new row and answers its ordinal.
    pub(crate) fn insert(&mut self, index: u64, given: Cells) -> Result<i64, TableError> {
        let cells = self.fit(given)?;
        let theirs = self.rows.range((index, i64::MIN)..=(index, i64::MAX));
        let (count, last) = (theirs.clone().count(), theirs.last().map(|((_, ordinal), _)| *ordinal));
        let ordinal = match self.table.instances {
            Instances::Single if count > 0 => return Err(TableError::Exists("a row of this contact".into())),
            Instances::Single => 0,
            Instances::Multi if count >= MOST_ROWS => return Err(TableError::TooMany),
            Instances::Multi => last.unwrap_or(0) + 1,
        };
        self.rows.insert((index, ordinal), cells);
        Ok(ordinal)
    }

    /// Replaces a row.
    pub(crate) fn replace(&mut self, index: u64, ordinal: i64, given: Cells) -> Result<(), TableError> {
        let cells = self.fit(given)?;
        let row = self.rows.get_mut(&(index, ordinal)).ok_or_else(|| TableError::Missing("such row".into()))?;
        *row = cells;
        Ok(())
    }
}

/// All user-defined tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables(pub Vec<Stored>);

impl Tables {
    /// A table by its name without regard to case.
    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        self.0.iter().find(|t| t.table.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Result<&mut Stored, TableError> {
        let found = self.0.iter_mut().find(|t| t.table.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| TableError::Missing(format!("table {name}")))
    }

    pub(crate) fn create(&mut self, table: Table) -> Result<(), TableError> {
        table.check()?;
        if self.get(&table.name).is_some() {
            return Err(TableError::Exists(table.name));
        }
        if self.0.len() >= MOST_FIELDS {
            return Err(TableError::TooMany);
        }
        self.0.push(Stored { table, rows: BTreeMap::new() });
        Ok(())
    }

    pub(crate) fn drop(&mut self, name: &str) -> Result<(), TableError> {
        self.get_mut(name)?;
        self.0.retain(|t| !t.table.name.eq_ignore_ascii_case(name));
        Ok(())
    }

    pub(crate) fn rename(&mut self, name: &str, to: &str) -> Result<(), TableError> {
        good_name(to)?;
        if !name.eq_ignore_ascii_case(to) && self.get(to).is_some() {
            return Err(TableError::Exists(to.to_owned()));
        }
        self.get_mut(name)?.table.name = to.to_owned();
        Ok(())
    }

    /// Puts another field in a field's place; its values go along.
    pub(crate) fn alter(&mut self, name: &str, field: &str, to: Field) -> Result<(), TableError> {
        let stored = self.get_mut(name)?;
        let mut changed = stored.table.clone();
        let place = changed.fields.iter_mut().find(|f| f.name == field).ok_or_else(|| TableError::Missing(format!("field {field}")))?;
        *place = to.clone();
        changed.check()?;
        stored.table = changed;
        for (known, _) in stored.rows.values_mut().flatten().filter(|(known, _)| known == field) {
            known.clone_from(&to.name);
        }
        Ok(())
    }

    pub(crate) fn add_field(&mut self, name: &str, field: Field) -> Result<(), TableError> {
        let stored = self.get_mut(name)?;
        let mut changed = stored.table.clone();
        changed.fields.push(field);
        changed.check()?;
        stored.table = changed;
        Ok(())
    }

    pub(crate) fn drop_field(&mut self, name: &str, field: &str) -> Result<(), TableError> {
        let stored = self.get_mut(name)?;
        let before = stored.table.fields.len();
        stored.table.fields.retain(|f| f.name != field);
        if stored.table.fields.len() == before {
            return Err(TableError::Missing(format!("field {field}")));
        }
        for row in stored.rows.values_mut() {
            row.retain(|(known, _)| known != field);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Cells {
        vec![("SCORE_NAME".into(), Cell::Text(name.into()))]
    }

    #[test]
    fn rows_are_numbered_checked_and_follow_a_renamed_field() {
        let mut tables = Tables::default();
        tables.create(Table::personas()).unwrap();
        assert!(matches!(tables.create(Table::personas()), Err(TableError::Exists(_))));
        let stored = tables.get_mut("informz_persona").unwrap();
        assert_eq!((stored.insert(3, row("a")), stored.insert(3, row("b")), stored.insert(4, row("c"))), (Ok(1), Ok(2), Ok(1)));
        assert!(matches!(stored.insert(3, row(&"ä".repeat(256))), Err(TableError::Value(_))));
        assert!(matches!(stored.insert(3, vec![("X".into(), Cell::Null)]), Err(TableError::Value(_))));
        tables.alter("INFORMZ_PERSONA", "SCORE_NAME", Field::text("NAME", "", 10)).unwrap();
        assert_eq!(tables.get("INFORMZ_PERSONA").unwrap().rows[&(3, 1)][0].0, "NAME");
        assert!(tables.alter("INFORMZ_PERSONA", "NAME", Field::text("SCORE_DESC", "", 10)).is_err());
        tables.drop_field("INFORMZ_PERSONA", "NAME").unwrap();
        assert!(tables.get("INFORMZ_PERSONA").unwrap().rows[&(3, 1)].is_empty());
        tables.drop("INFORMZ_PERSONA").unwrap();
        assert!(tables.get("INFORMZ_PERSONA").is_none() && tables.rename("X", "Y").is_err());
    }

    #[test]
    fn a_single_table_has_one_row_for_each() {
        let mut tables = Tables::default();
        tables.create(Table { instances: Instances::Single, ..Table::personas() }).unwrap();
        let stored = tables.get_mut("INFORMZ_PERSONA").unwrap();
        assert_eq!(stored.insert(3, row("a")), Ok(0));
        assert!(matches!(stored.insert(3, row("b")), Err(TableError::Exists(_))));
    }
}
