//! From the table of a search to people. A table tells its columns in a schema and leaves out nulls.

use std::collections::HashSet;
use std::sync::Arc;

use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;

use super::settings::{ADDRESS, DO_NOT_EMAIL, ID};
use super::xml::{Node, protocol};
use crate::ConnectorError;

/// The rows of a page as they came.
#[derive(Debug)]
pub(super) struct Table {
    /// Columns by the schema, in lower case; `None` when there is no schema.
    columns: Option<HashSet<String>>,
    rows: Vec<Node>,
    /// How many the whole search finds.
    pub total: Option<u64>,
}

impl Table {
    /// Reads the `ResultValue` of ExecuteSearch, which may hold at most so many rows.
    pub(super) fn read(value: Node, most: usize) -> Result<Self, ConnectorError> {
        let total = value.text_of("TotalRowCount").map(|text| text.parse().map_err(|_| protocol("a TotalRowCount that is no number")));
        let total = total.transpose()?;
        let table = value.take("Table").filter(|table| !table.is_nil()).ok_or_else(|| protocol("a result without a table"))?;
        let columns = table.child("schema").map(|schema| {
            let mut columns = HashSet::new();
            leaves(schema, &mut columns);
            columns
        });
        let diffgram = table.take("diffgram").ok_or_else(|| protocol("a table without rows and without an empty diffgram"))?;
        let rows = diffgram.children.into_iter().next().map(|set| set.children).unwrap_or_default();
        if rows.len() > most {
            return Err(protocol(format!("more than the {most} rows that were asked for")));
        }
        Ok(Self { columns: columns.filter(|columns| !columns.is_empty()), rows, total })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Names of the elements of a schema that hold no others.
fn leaves(node: &Node, columns: &mut HashSet<String>) {
    if node.children.is_empty() {
        if let (true, Some(name)) = (node.name() == "element", node.attribute("name")) {
            columns.insert(name.to_ascii_lowercase());
        }
        return;
    }
    for child in &node.children {
        leaves(child, columns);
    }
}

/// Which columns pages of a read have had: a column that no row has is told from nulls by it where there is no schema.
#[derive(Clone, Default, Debug)]
pub(super) struct Columns {
    /// The fields asked for, in order, behind the three that are always wanted.
    wanted: Vec<String>,
    had: HashSet<String>,
    /// Where the row before had each of them: the next one mostly has it there too.
    places: Vec<usize>,
}

/// Columns before the fields.
const FIXED: [&str; 3] = [ID, ADDRESS, DO_NOT_EMAIL];

impl Columns {
    pub(super) fn of(fields: &[String]) -> Self {
        let wanted: Vec<String> = FIXED.into_iter().chain(fields.iter().map(String::as_str)).map(str::to_ascii_lowercase).collect();
        Self { places: vec![0; wanted.len()], wanted, had: HashSet::new() }
    }

    fn fields(&self) -> &[String] {
        self.wanted.get(FIXED.len()..).unwrap_or_default()
    }

    /// The people of a page, in the remote's order.
    pub(super) fn people(&mut self, table: Table) -> Result<Vec<RemotePerson>, ConnectorError> {
        if table.rows.is_empty() {
            return Ok(Vec::new());
        }
        self.remember(&table.rows);
        self.check(&table)?;
        let schema = table.columns.is_some();
        Ok(table.rows.into_iter().map(|row| self.person(row, schema)).collect())
    }

    /// Rows of an answer share their names; a hostile one has no two alike.
    fn remember(&mut self, rows: &[Node]) {
        let mut seen: Vec<&Arc<str>> = Vec::new();
        for cell in rows.iter().flat_map(|row| &row.children) {
            if !seen.iter().any(|known| Arc::ptr_eq(known, &cell.written)) {
                if seen.len() < 256 {
                    seen.push(&cell.written);
                }
                self.had.insert(cell.name().to_ascii_lowercase());
            }
        }
    }

    fn has(&self, column: &str, table: &Table) -> bool {
        table.columns.as_ref().map_or_else(|| self.had.contains(column), |columns| columns.contains(column))
    }

    /// A renamed column must never read as "no", as "no address", or as a null.
    fn check(&self, table: &Table) -> Result<(), ConnectorError> {
        let missing = |column: &str| Err(protocol(format!("the column {column} is missing")));
        let some = |column: &str| table.rows.iter().any(|row| row.children.iter().any(|cell| cell.name().eq_ignore_ascii_case(column)));
        if !some(ID) {
            return missing(ID);
        }
        for column in [ADDRESS, DO_NOT_EMAIL] {
            // Without a schema, one person may have no address, but not a whole page.
            let bare = table.columns.is_none() && column == ADDRESS && table.rows.len() == 1;
            if !bare && !self.has(&column.to_ascii_lowercase(), table) {
                return missing(column);
            }
        }
        match self.fields().iter().find(|field| table.columns.is_some() && !self.has(field, table)) {
            Some(field) => missing(field),
            None => Ok(()),
        }
    }

    fn person(&mut self, mut row: Node, schema: bool) -> RemotePerson {
        for (name, place) in self.wanted.iter().zip(&mut self.places) {
            let is = |cell: &Node| cell.name().eq_ignore_ascii_case(name);
            if !row.children.get(*place).is_some_and(is) {
                *place = row.children.iter().position(is).unwrap_or(usize::MAX);
            }
        }
        let at = |wanted: usize| self.places.get(wanted).and_then(|place| row.children.get(*place)).filter(|cell| !cell.is_nil());
        let id = at(0).filter(|cell| !cell.cut).map(|cell| cell.text.trim().to_owned()).filter(|id| !id.is_empty());
        let address = at(1).map(|cell| cell.text.clone());
        let flag = flag(at(2).map(|cell| cell.text.as_str()));
        // A cell's text goes to the field that asked for it; no two fields have one name.
        let mut cell = |(name, place): (&String, &usize)| match row.children.get_mut(*place).filter(|cell| !cell.is_nil()) {
            Some(cell) => Cell::Text(std::mem::take(&mut cell.text)),
            None if schema || self.had.contains(name) => Cell::Null,
            None => Cell::Absent,
        };
        let cells = self.wanted.iter().zip(&self.places).skip(FIXED.len()).map(&mut cell).collect();
        RemotePerson { remote_id: id, address, flag, cells }
    }
}

/// Do Not Email: anything but a clear "false" is a no.
pub(super) fn flag(do_not_email: Option<&str>) -> Flag {
    let clear = |text: &str| text.eq_ignore_ascii_case("false") || text == "0";
    if do_not_email.is_some_and(|text| clear(text.trim())) { Flag::Yes } else { Flag::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membersuite::xml::parse;

    const SCHEMA: &str = "<xs:schema><xs:element name=\"Table\"><xs:complexType><xs:element name=\"ID\"/><xs:element name=\"EmailAddress\"/><xs:element name=\"DoNotEmail\"/><xs:element name=\"LastName\"/></xs:complexType></xs:element></xs:schema>";

    fn table(schema: &str, rows: &str) -> Table {
        let text = format!(
            "<v><Table>{schema}<d:diffgram><NewDataSet>{rows}</NewDataSet></d:diffgram></Table><TotalRowCount>9</TotalRowCount></v>"
        );
        Table::read(parse(text.as_bytes()).unwrap(), 3).unwrap()
    }

    fn people(schema: &str, rows: &str) -> Result<Vec<RemotePerson>, ConnectorError> {
        Columns::of(&["LastName".to_owned()]).people(table(schema, rows))
    }

    const WHOLE: &str =
        "<Table><ID>1</ID><EmailAddress>a@x.example</EmailAddress><DoNotEmail>false</DoNotEmail><LastName>A</LastName></Table>";
    const BARE: &str = "<Table><ID> 2 </ID></Table>";

    #[test]
    fn nulls_are_nulls_where_the_schema_has_the_column() {
        let found = people(SCHEMA, &[WHOLE, BARE].concat()).unwrap();
        assert_eq!((found[0].flag, &found[0].cells[0]), (Flag::Yes, &Cell::Text("A".into())));
        assert_eq!((found[1].remote_id.as_deref(), found[1].flag, &found[1].address), (Some("2"), Flag::No, &None));
        assert_eq!(found[1].cells, [Cell::Null]);
        assert_eq!(people(SCHEMA, BARE).unwrap()[0].cells, [Cell::Null]);
    }

    #[test]
    fn columns_that_are_missing_are_named() {
        for name in ["ID", "EmailAddress", "DoNotEmail", "LastName"] {
            let rename = |text: &str| text.replace(name, "Other");
            let error = people(&rename(SCHEMA), &rename(&[WHOLE, BARE].concat())).unwrap_err().to_string();
            assert!(error.to_lowercase().contains(&format!("the column {} is missing", name.to_lowercase())), "{error}");
        }
        for name in ["ID", "EmailAddress", "DoNotEmail"] {
            assert!(people("", &[WHOLE, WHOLE].concat().replace(name, "Other")).unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn without_a_schema_a_field_that_no_row_has_is_left_as_it_is() {
        let without = WHOLE.replace("<LastName>A</LastName>", "");
        assert_eq!(people("", &without).unwrap()[0].cells, [Cell::Absent]);
        assert_eq!(people("", &[WHOLE, &without].concat()).unwrap()[1].cells, [Cell::Null]);
    }

    #[test]
    fn only_a_clear_false_is_a_yes() {
        for (text, expected) in
            [("false", Flag::Yes), (" False ", Flag::Yes), ("0", Flag::Yes), ("", Flag::No), ("no", Flag::No), ("true", Flag::No)]
        {
            assert_eq!(flag(Some(text)), expected, "{text}");
        }
        assert_eq!(flag(None), Flag::No);
    }

    #[test]
    fn more_rows_than_were_asked_for_and_results_without_a_table_are_refused() {
        let text = format!("<v><Table><diffgram><S>{}</S></diffgram></Table></v>", "<T/>".repeat(4));
        assert!(Table::read(parse(text.as_bytes()).unwrap(), 3).unwrap_err().to_string().contains("3 rows"));
        for odd in [
            "<v/>",
            "<v><Table/></v>",
            "<v><Table i:nil=\"true\"/></v>",
            "<v><Table><diffgram/></Table><TotalRowCount>x</TotalRowCount></v>",
        ] {
            assert!(Table::read(parse(odd.as_bytes()).unwrap(), 3).is_err(), "{odd}");
        }
    }
}
