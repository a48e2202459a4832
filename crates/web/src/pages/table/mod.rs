//! Lists: columns are defined once, and give the head, the cells, the choice of columns and the export.
//!
//! A page makes `Vec<Column<Row>>`, reads its rows, and calls `Table::of(…)`; its template includes `table/table.html`, and
//! `table/tools.html` where columns can be chosen and rows exported. See `docs/DESIGN.md`.

mod cell;
pub mod csv;
mod turn;

pub use cell::Cell;
pub use turn::{Turn, Turned};

use std::borrow::Cow;

use super::preferences;
use super::shell::Reader;

/// Columns that fit beside each other on a common screen.
const BROAD: usize = 7;
/// The same of a table whose cells hold both what was and what is.
const BROAD_MOVED: usize = 6;
/// The same of a table whose cells hold values of any length.
const BROAD_ROOMY: usize = 5;

/// Rows of a page.
pub const LIMIT: i64 = 50;

/// How a column can be sorted by. Only offered where an index gives the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sorting {
    No,
    /// One direction only: from the lowest up.
    Up,
    /// Both; a first press begins with the lowest, or with the highest.
    Both {
        first_down: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    Always,
    Usually,
    OnRequest,
}

/// Makes a cell of a row.
type Make<R> = Box<dyn Fn(&R) -> Cell + Send + Sync>;

/// A column over rows of type `R`.
pub struct Column<R> {
    /// In the URL and in the reader's choice: small letters, digits, `-` and `_`.
    pub key: Cow<'static, str>,
    pub label: Cow<'static, str>,
    class: &'static str,
    sorting: Sorting,
    shown: Shown,
    cell: Make<R>,
}

impl<R> Column<R> {
    pub fn new(
        key: impl Into<Cow<'static, str>>,
        label: impl Into<Cow<'static, str>>,
        cell: impl Fn(&R) -> Cell + Send + Sync + 'static,
    ) -> Self {
        Self { key: key.into(), label: label.into(), class: "", sorting: Sorting::No, shown: Shown::Usually, cell: Box::new(cell) }
    }

    /// Figures: set right.
    pub fn number(mut self) -> Self {
        self.class = "num";
        self
    }

    /// Times and other short words that must not break.
    pub fn short(mut self) -> Self {
        self.class = "nowrap";
        self
    }

    /// Text of any length.
    pub fn wide(mut self) -> Self {
        self.class = "wide";
        self
    }

    pub fn sorted(mut self, sorting: Sorting) -> Self {
        self.sorting = sorting;
        self
    }

    /// Cannot be left out: what the row is.
    pub fn always(mut self) -> Self {
        self.shown = Shown::Always;
        self
    }

    /// Shown only to those who chose it.
    pub fn on_request(mut self) -> Self {
        self.shown = Shown::OnRequest;
        self
    }
}

/// Keeps the columns that this reader sees.
pub fn chosen<R>(reader: &Reader, table: &str, columns: Vec<Column<R>>) -> Vec<Column<R>> {
    let choice = preferences::columns(&reader.headers, table);
    columns.into_iter().filter(|c| is_shown(c, choice.as_deref())).collect()
}

fn is_shown<R>(column: &Column<R>, choice: Option<&[String]>) -> bool {
    match (column.shown, choice) {
        (Shown::Always, _) => true,
        (_, Some(choice)) => choice.iter().any(|c| *c == column.key),
        (shown, None) => shown == Shown::Usually,
    }
}

/// What a row menu (⋯) offers.
pub struct Action {
    pub label: String,
    pub href: String,
    kind: ActionKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ActionKind {
    Link,
    /// A page that opens as a dialog where there is JavaScript.
    Dialog,
    /// The same, with an address that can be kept.
    Look,
    /// The same, by a form: opening it does something.
    Begin,
    /// A form with nothing but a button.
    Post,
}

impl Action {
    pub fn link(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into(), kind: ActionKind::Link }
    }

    pub fn dialog(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into(), kind: ActionKind::Dialog }
    }

    /// A dialog with tabs: its address can be kept, and Back leads out of it.
    pub fn look(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into(), kind: ActionKind::Look }
    }

    pub fn post(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into(), kind: ActionKind::Post }
    }

    /// Opens a dialog by a form; its page can be read at the same address.
    pub fn begin(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into(), kind: ActionKind::Begin }
    }

    pub fn is_post(&self) -> bool {
        matches!(self.kind, ActionKind::Post | ActionKind::Begin)
    }

    pub fn begins(&self) -> bool {
        self.kind == ActionKind::Begin
    }

    pub fn is_dialog(&self) -> bool {
        matches!(self.kind, ActionKind::Dialog | ActionKind::Look)
    }

    pub fn is_look(&self) -> bool {
        self.kind == ActionKind::Look
    }
}

pub struct Heading {
    pub label: String,
    pub class: &'static str,
    /// Sorts by this column; `None` where that is not offered.
    pub href: Option<String>,
    /// `ascending`, `descending`, `none`; empty when the column cannot be sorted by.
    pub order: &'static str,
}

pub struct Filled {
    pub class: &'static str,
    pub label: String,
    pub cell: Cell,
}

pub struct Line {
    pub cells: Vec<Filled>,
    pub menu: Vec<Action>,
    /// Names the menu for those who hear it.
    pub name: String,
}

pub struct Choice {
    pub key: String,
    pub label: String,
    pub shown: bool,
}

/// The order a list stands in: the column's key, and whether the highest comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order<'a> {
    pub key: &'a str,
    pub down: bool,
}

/// The order of a list, and what makes the address of the same list in another order.
pub type Sorted<'a> = (Order<'a>, &'a dyn Fn(Order<'_>) -> String);

/// A list as its template shows it.
pub struct Table {
    pub id: Cow<'static, str>,
    pub headings: Vec<Heading>,
    pub lines: Vec<Line>,
    pub menus: bool,
    /// Cells hold both what was and what is.
    pub moved: bool,
    /// Cells hold values of any length.
    pub roomy: bool,
    /// Columns that can be chosen; empty when none can.
    pub choices: Vec<Choice>,
    /// Where the same rows can be downloaded.
    pub csv: Option<String>,
    /// The same with defaults in the place of empty values, where the page shows defaults.
    pub csv_filled: Option<String>,
    /// Said beside the pages: how many there are.
    pub counted: String,
    pub first: Option<String>,
    pub back: Option<String>,
    pub next: Option<String>,
    pub next_name: &'static str,
}

impl Table {
    /// Rows in their order; `None` for a list that cannot be sorted.
    pub fn of<R>(id: impl Into<Cow<'static, str>>, reader: &Reader, columns: &[Column<R>], rows: &[R], order: Option<Sorted<'_>>) -> Self {
        let id = id.into();
        let choice = preferences::columns(&reader.headers, &id);
        let shown: Vec<&Column<R>> = columns.iter().filter(|c| is_shown(c, choice.as_deref())).collect();
        let fill = |c: &Column<R>, row: &R| Filled { class: c.class, label: c.label.clone().into_owned(), cell: (c.cell)(row) };
        let lines = rows
            .iter()
            .map(|row| Line { cells: shown.iter().map(|c| fill(c, row)).collect(), menu: Vec::new(), name: String::new() })
            .collect();
        let choices = columns.iter().filter(|c| c.shown != Shown::Always);
        Self {
            id,
            headings: shown.iter().map(|c| heading(c, order)).collect(),
            lines,
            menus: false,
            moved: false,
            roomy: false,
            choices: choices
                .map(|c| Choice {
                    key: c.key.clone().into_owned(),
                    label: c.label.clone().into_owned(),
                    shown: is_shown(c, choice.as_deref()),
                })
                .collect(),
            csv: None,
            csv_filled: None,
            counted: String::new(),
            first: None,
            back: None,
            next: None,
            next_name: "Next",
        }
    }

    /// More columns than a screen holds: the table moves sideways in a frame of its own.
    pub fn broad(&self) -> bool {
        let columns = self.headings.len();
        columns > BROAD || self.moved && columns > BROAD_MOVED || self.roomy && columns > BROAD_ROOMY
    }

    /// A table of a part of a page: no choice of columns, no pages.
    pub fn plain<R>(reader: &Reader, columns: &[Column<R>], rows: &[R]) -> Self {
        Self { choices: Vec::new(), ..Self::of("", reader, columns, rows, None) }
    }

    /// Gives each row its menu; `menu` answers the row's name and what can be done. Rows without actions have none.
    pub fn with_menus<R>(mut self, rows: &[R], menu: impl Fn(&R) -> (String, Vec<Action>)) -> Self {
        for (line, row) in self.lines.iter_mut().zip(rows) {
            (line.name, line.menu) = menu(row);
        }
        self.menus = self.lines.iter().any(|l| !l.menu.is_empty());
        self
    }
}

fn heading<R>(column: &Column<R>, order: Option<Sorted<'_>>) -> Heading {
    let none = Heading { label: column.label.clone().into_owned(), class: column.class, href: None, order: "" };
    let Some((order, sort)) = order else { return none };
    let here = order.key == column.key;
    let down = match column.sorting {
        Sorting::No => return none,
        Sorting::Up => false,
        Sorting::Both { first_down } => {
            if here {
                !order.down
            } else {
                first_down
            }
        }
    };
    let said = match (here, order.down) {
        (false, _) => "none",
        (true, true) => "descending",
        (true, false) => "ascending",
    };
    // Pressing what is sorted already in its only direction would do nothing.
    let useless = here && column.sorting == Sorting::Up;
    Heading { href: (!useless).then(|| sort(Order { key: &column.key, down })), order: said, ..none }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(sorting: Sorting) -> Column<i64> {
        Column::new("n", "N", |n: &i64| Cell::Number(*n)).number().sorted(sorting)
    }

    #[test]
    fn a_heading_turns_the_order_round_and_says_it() {
        let sort = |o: Order<'_>| format!("{}{}", o.key, o.down);
        let at = |key, down, sorting| heading(&column(sorting), Some((Order { key, down }, &sort)));
        let both = Sorting::Both { first_down: true };
        let other = at("x", false, both);
        assert_eq!((other.order, other.href.as_deref()), ("none", Some("ntrue")));
        let down = at("n", true, both);
        assert_eq!((down.order, down.href.as_deref()), ("descending", Some("nfalse")));
        let only = at("n", false, Sorting::Up);
        assert_eq!((only.order, only.href), ("ascending", None));
        assert_eq!(at("n", false, Sorting::No).order, "");
    }

    #[test]
    fn a_choice_of_columns_never_hides_what_the_row_is() {
        let [always, usual, asked] = [column(Sorting::No).always(), column(Sorting::No), column(Sorting::No).on_request()];
        assert!(is_shown(&always, Some(&[])) && is_shown(&usual, None) && !is_shown(&asked, None));
        assert!(!is_shown(&usual, Some(&[])) && is_shown(&asked, Some(&["n".into()])));
    }
}
