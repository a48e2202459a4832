//! Uploads: what the columns of a file are used for, and how a first guess is made (`rules.md` section 1, `docs/adr/0134`).

use serde::{Deserialize, Serialize};

use crate::address::{Address, AddressState, canonical};
use crate::names::names;

/// The bridge number of records that only uploads know: no bridge, so no Remote ID and no writeback (`docs/adr/0133`).
pub const SOURCE: i64 = 0;

/// Head of the column in which exports name a record of Rialto.
pub const ID_COLUMN: &str = "Rialto ID";

/// Most columns of a file.
pub const MAX_COLUMNS: usize = 500;

names! {
    /// What a file is a list of.
    UploadKind { People = "people", Unsubscribers = "unsubscribers" }
}

names! {
    /// What becomes of members whom the file does not name.
    UploadMode { Add = "add", Replace = "replace" }
}

/// What one column is used for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "use")]
pub enum Use {
    Ignore,
    /// The e-mail address: the key of a row.
    Address,
    /// The id of a record, as exports write it.
    Id,
    /// An uploaded field of this name, text.
    Field {
        name: String,
    },
}

/// What a file's columns are used for, one by one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub columns: Vec<Use>,
    /// An empty cell clears what an earlier upload stored; else it leaves it.
    #[serde(default)]
    pub empty_clears: bool,
}

/// Why a mapping cannot be used, and on which column (counted from 1; 0 for the whole).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable {
    pub column: usize,
    pub detail: String,
}

impl Mapping {
    /// Where the address stands.
    pub fn address(&self) -> Option<usize> {
        self.columns.iter().position(|c| *c == Use::Address)
    }

    /// Where the id of a record stands.
    pub fn id(&self) -> Option<usize> {
        self.columns.iter().position(|c| *c == Use::Id)
    }

    /// Columns that fill fields: their place and the field's name.
    pub fn fields(&self) -> Vec<(usize, &str)> {
        let named = self.columns.iter().enumerate().filter_map(|(n, c)| match c {
            Use::Field { name } => Some((n, name.as_str())),
            _ => None,
        });
        named.collect()
    }

    /// # Errors
    /// No column holds addresses or ids, one use stands twice, or a field has no usable name.
    pub fn check(&self, columns: usize) -> Result<(), Unusable> {
        let fault = |column: usize, detail: String| Err(Unusable { column, detail });
        if self.columns.len() != columns {
            return fault(0, format!("The file has {columns} columns; say of each what it is used for."));
        }
        if self.address().is_none() && self.id().is_none() {
            return fault(0, "Choose the column that holds the e-mail addresses.".into());
        }
        let mut seen: Vec<String> = Vec::new();
        for (n, c) in self.columns.iter().enumerate() {
            let key = match c {
                Use::Ignore => continue,
                Use::Address => "\u{1}address".to_owned(),
                Use::Id => "\u{1}id".to_owned(),
                Use::Field { name } => {
                    let length = name.trim().chars().count();
                    if length == 0 || length > 80 || name.chars().any(char::is_control) {
                        return fault(n + 1, "A field needs a name of 1 to 80 characters.".into());
                    }
                    fold(name)
                }
            };
            if seen.contains(&key) {
                return fault(n + 1, "Another column is used for the same already. Use only one of them.".into());
            }
            seen.push(key);
        }
        Ok(())
    }
}

/// Names of fields are compared so.
pub fn fold(name: &str) -> String {
    canonical(name)
}

/// Heads of exports of Rialto that say something about a person which no upload changes.
const OF_EXPORTS: [&str; 9] = ["source", "bridge", "remote id", "may be mailed", "consent", "reason", "came", "member of", "member since"];

/// Heads of exports of a run's people: in another file they may well be a field.
const OF_RUNS: [&str; 3] = ["membership", "remote says", "changed fields"];

/// Heads that mean an e-mail address.
const ADDRESSES: [&str; 12] = [
    "e-mail",
    "email",
    "e-mail address",
    "email address",
    "emailaddress",
    "e_mail",
    "email_address",
    "mail",
    "address",
    "e-mail-adresse",
    "primary_email_address",
    "primary email address",
];

/// A first guess from the heads of the columns and some rows. `known` are the uploaded fields that exist. A file that Rialto exported is
/// recognised by its id column: everything else in it stays as it is.
pub fn guess(heads: &[String], samples: &[Vec<String>], known: &[String]) -> Mapping {
    let folded: Vec<String> = heads.iter().map(|h| fold(h)).collect();
    let id = folded.iter().position(|h| *h == fold(ID_COLUMN));
    // Where the head says so already, one address among the rows is enough.
    let bears = |n: usize, named: bool| {
        let cells = samples.iter().filter_map(|row| row.get(n)).filter(|c| !c.trim().is_empty());
        let (all, good) =
            cells.fold((0, 0), |(all, good), c| (all + 1, good + usize::from(Address::read(Some(c)).state == AddressState::Usable)));
        all > 0 && if named { good > 0 } else { good * 2 > all }
    };
    let address = folded
        .iter()
        .enumerate()
        .position(|(n, h)| ADDRESSES.contains(&h.as_str()) && (samples.is_empty() || bears(n, true) || id.is_some()))
        .or_else(|| (0..heads.len()).find(|n| bears(*n, false)));
    let mut taken: Vec<String> = address.iter().map(|n| folded[*n].clone()).collect();
    let columns = folded.iter().zip(heads).enumerate().map(|(n, (folded, head))| {
        if Some(n) == address {
            Use::Address
        } else if Some(n) == id {
            Use::Id
        } else if OF_EXPORTS.contains(&folded.as_str())
            || (id.is_some() && OF_RUNS.contains(&folded.as_str()))
            || head.trim().is_empty()
            || taken.contains(folded)
            || head.chars().count() > 80
        {
            Use::Ignore
        } else if let Some(name) = known.iter().find(|k| fold(k) == *folded) {
            taken.push(folded.clone());
            Use::Field { name: name.clone() }
        } else if id.is_some() {
            Use::Ignore
        } else {
            taken.push(folded.clone());
            Use::Field { name: head.trim().to_owned() }
        }
    });
    Mapping { columns: columns.collect(), empty_clears: false }
}

/// A spreadsheet takes text for a formula that begins so, apostrophes before it not counted.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Text for an export: an apostrophe in front makes text of what a spreadsheet would take for a formula.
pub fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// What `guarded` was made from.
pub fn without_guard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// Who bears an address, as far as an upload has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bearers {
    /// The record that only uploads know.
    pub own: Option<i64>,
    /// A bridge's record, the lowest id, and its bridge.
    pub first: Option<i64>,
    pub bridge: i64,
    /// Records of bridges.
    pub records: usize,
    /// Most records of one bridge.
    pub of_one_bridge: usize,
}

/// Where a row with an address belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Joins {
    /// The only record of a bridge that bears the address.
    Record(i64),
    /// The record that only uploads know.
    Own(i64),
    /// A new record that only uploads know.
    New,
}

/// Rule of section 1: the one record of a bridge, else a record of its own. The flag says that several records bear the address.
pub fn joins(b: Bearers) -> (Joins, bool) {
    let own = b.own.map_or(Joins::New, Joins::Own);
    match (b.records, b.first) {
        (1, Some(id)) => (Joins::Record(id), false),
        (n, _) => (own, n > 1),
    }
}

/// Whose record an unsubscriber's address is silenced by. Where several records of one bridge share it, nobody's link was used: a record
/// of uploads stands for the address, so that the household is listed and none of them is told (section 2).
pub fn silences(b: Bearers) -> Joins {
    match (b.of_one_bridge, b.first) {
        (1, Some(id)) => Joins::Record(id),
        _ => b.own.map_or(Joins::New, Joins::Own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|t| (*t).to_owned()).collect()
    }

    fn field(name: &str) -> Use {
        Use::Field { name: name.into() }
    }

    #[test]
    fn heads_and_samples_say_what_a_column_is() {
        let samples = vec![texts(&["Ann", "ann@x.example", "4"]), texts(&["Bob", "", "5"])];
        let m = guess(&texts(&["Name", "E-Mail", "shirt SIZE"]), &samples, &texts(&["Shirt size"]));
        assert_eq!(m.columns, [field("Name"), Use::Address, field("Shirt size")]);
        // No head says so, the rows do.
        let m = guess(&texts(&["Column 1", "Column 2"]), &[texts(&["x", "ann@x.example"])], &[]);
        assert_eq!(m.columns, [field("Column 1"), Use::Address]);
        // A head that says so over something else.
        let m = guess(&texts(&["Address", "Contact"]), &[texts(&["1 High Street", "ann@x.example"])], &[]);
        assert_eq!(m.columns, [field("Address"), Use::Address]);
    }

    #[test]
    fn an_export_is_recognised_and_nothing_of_it_is_stored() {
        let m = guess(&texts(&["Rialto ID", "Address", "Remote ID", "May be mailed", "City"]), &[], &[]);
        assert_eq!(m.columns, [Use::Id, Use::Address, Use::Ignore, Use::Ignore, Use::Ignore]);
        assert_eq!(m.check(5), Ok(()));
        // An export of a run's people, where somebody has uploaded a field of such a name.
        let known = texts(&["Membership"]);
        let m = guess(&texts(&["Rialto ID", "Person", "Membership", "Changed fields"]), &[], &known);
        assert_eq!(m.columns, [Use::Id, Use::Ignore, Use::Ignore, Use::Ignore]);
        let m = guess(&texts(&["E-mail", "Membership"]), &[], &known);
        assert_eq!(m.columns, [Use::Address, field("Membership")]);
    }

    #[test]
    fn a_mapping_names_its_faults() {
        let of = |columns: &[Use]| Mapping { columns: columns.to_vec(), empty_clears: false }.check(columns.len()).unwrap_err().column;
        assert_eq!(of(&[Use::Ignore, field("a")]), 0);
        assert_eq!(of(&[Use::Address, Use::Address]), 2);
        assert_eq!(of(&[Use::Address, field("Size"), field("size ")]), 3);
        assert_eq!(of(&[Use::Address, field(" ")]), 2);
        assert!(Mapping { columns: vec![Use::Address], empty_clears: false }.check(2).is_err());
    }

    proptest! {
        /// What is guessed can be used whenever a column for it was found.
        #[test]
        fn a_guess_is_no_fault(heads in proptest::collection::vec("[A-Za-z @é-]{0,90}", 1..12)) {
            let m = guess(&heads, &[], &[]);
            prop_assert_eq!(m.columns.len(), heads.len());
            if m.address().is_some() || m.id().is_some() {
                prop_assert_eq!(m.check(heads.len()), Ok(()));
            }
        }

        #[test]
        fn exactly_one_record_is_joined(own in proptest::option::of(1i64..9), records in 0usize..5) {
            let b = Bearers { own, first: (records > 0).then_some(100), bridge: 1, records, of_one_bridge: records };
            let (to, several) = joins(b);
            prop_assert_eq!(matches!(to, Joins::Record(_)), records == 1);
            prop_assert_eq!(several, records > 1);
            if let Joins::Own(id) = to { prop_assert_eq!(Some(id), own); }
        }

        /// An export that is uploaded again brings what was exported.
        #[test]
        fn a_guard_comes_off_and_nothing_else(text in "['=+@a-]{0,6}\\PC{0,6}") {
            let written = guarded(&text);
            prop_assert_eq!(without_guard(&written), text.as_str());
        }
    }
}
