//! Lines and cells as RFC 4180 has them, from text that comes in pieces. A quotation mark that is never closed costs its own line only:
//! what stood behind it is read again as lines.

use memchr::{memchr, memchr3};
use rialto_core::upload::MAX_COLUMNS;

use super::{Line, MAX_LINE};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the beginning of a cell.
    Begin,
    Plain,
    Quoted,
    /// Behind a quotation mark inside a quoted cell: its end, or the first of two.
    Closing,
    /// The line is faulty; what is left of it is passed over.
    Skip,
}

/// Cuts text into lines and cells.
pub(super) struct Cutter {
    separator: u8,
    state: State,
    cells: Vec<String>,
    cell: String,
    size: usize,
    /// The line under way, and the one that the text has come to.
    began: u64,
    now: u64,
    /// The last piece ended between CR and LF.
    after_cr: bool,
    /// What came since the first line break inside quotes.
    behind: String,
    fault: Option<String>,
}

impl Cutter {
    pub fn new(separator: u8) -> Self {
        Self {
            separator,
            state: State::Begin,
            cells: Vec::new(),
            cell: String::new(),
            size: 0,
            began: 1,
            now: 1,
            after_cr: false,
            behind: String::new(),
            fault: None,
        }
    }

    /// Takes a piece of text.
    pub fn push(&mut self, text: &str, out: &mut Vec<Line>) {
        let mut rest = text;
        if !text.is_empty() && std::mem::take(&mut self.after_cr) {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        while !rest.is_empty() {
            rest = match self.state {
                State::Begin => self.begin(rest, out),
                State::Plain => self.plain(rest, out),
                State::Quoted => self.quoted(rest, out),
                State::Closing => self.closing(rest, out),
                State::Skip => self.skip(rest, out),
            };
        }
    }

    /// After the last piece.
    pub fn finish(&mut self, out: &mut Vec<Line>) {
        while self.state == State::Quoted {
            self.unclosed(out, "and never closed");
        }
        if self.state != State::Begin || !self.cells.is_empty() {
            self.end_line(out);
        }
    }

    fn begin<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        if let Some(rest) = rest.strip_prefix('"') {
            self.state = State::Quoted;
            self.size += 1;
            return rest;
        }
        self.state = State::Plain;
        self.plain(rest, out)
    }

    fn plain<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        let at = memchr3(self.separator, b'\n', b'\r', rest.as_bytes());
        let (text, rest) = rest.split_at(at.unwrap_or(rest.len()));
        if !self.take(text) {
            return rest;
        }
        if at.is_none() { rest } else { self.end_cell(rest, out) }
    }

    /// At a separator or a line break.
    fn end_cell<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        if rest.as_bytes()[0] != self.separator {
            return self.line_break(rest, out);
        }
        self.size += 1;
        self.state = State::Begin;
        self.cells.push(std::mem::take(&mut self.cell));
        if self.cells.len() >= MAX_COLUMNS {
            self.fail(format!("It has more than {MAX_COLUMNS} columns."));
        }
        &rest[1..]
    }

    fn line_break<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        let behind = &rest[1..];
        let behind = if rest.starts_with('\r') {
            self.after_cr = behind.is_empty();
            behind.strip_prefix('\n').unwrap_or(behind)
        } else {
            behind
        };
        self.end_line(out);
        self.now += 1;
        self.began = self.now;
        behind
    }

    fn quoted<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        let at = memchr(b'"', rest.as_bytes());
        let (text, rest) = rest.split_at(at.unwrap_or(rest.len()));
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        if self.now > self.began {
            self.behind.push_str(text);
        } else if let Some(at) = memchr(b'\n', text.as_bytes()) {
            self.behind.push_str(&text[at + 1..]);
        }
        self.now += breaks;
        self.size += text.len();
        self.cell.push_str(text);
        if self.size > MAX_LINE {
            self.unclosed(out, &format!("and not closed within {} KiB", MAX_LINE >> 10));
            return rest;
        }
        if at.is_none() {
            return rest;
        }
        self.keep_behind("\"");
        self.state = State::Closing;
        &rest[1..]
    }

    fn keep_behind(&mut self, text: &str) {
        if self.now > self.began {
            self.behind.push_str(text);
        }
    }

    fn closing<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        match rest.as_bytes()[0] {
            b'"' => {
                self.keep_behind("\"");
                self.cell.push('"');
                self.size += 1;
                self.state = State::Quoted;
                &rest[1..]
            }
            c if c == self.separator => {
                self.keep_behind(&rest[..1]);
                self.end_cell(rest, out)
            }
            b'\n' | b'\r' => self.end_cell(rest, out),
            // What a space behind the mark means is clear.
            b' ' => {
                self.keep_behind(" ");
                &rest[1..]
            }
            _ => {
                self.fail("A quotation mark in it is closed in the middle of a cell; inside quotation marks, write two of them.".into());
                rest
            }
        }
    }

    /// The quotation mark that was opened belongs to nothing: its line is faulty, what stood behind it is read as lines.
    fn unclosed(&mut self, out: &mut Vec<Line>, how: &str) {
        let behind = std::mem::take(&mut self.behind);
        let several = self.now > self.began;
        out.push(Line { number: self.began, cells: Err(format!("A quotation mark is opened in it {how}.")) });
        let began = self.began;
        self.clear();
        if several {
            (self.now, self.began, self.state) = (began + 1, began + 1, State::Begin);
            self.push(&behind, out);
        } else {
            self.state = State::Skip;
            self.fault = Some(String::new());
        }
    }

    fn skip<'t>(&mut self, rest: &'t str, out: &mut Vec<Line>) -> &'t str {
        match memchr::memchr2(b'\n', b'\r', rest.as_bytes()) {
            Some(at) => self.line_break(&rest[at..], out),
            None => "",
        }
    }

    /// Adds to the cell; false when the line has become too long.
    fn take(&mut self, text: &str) -> bool {
        self.size += text.len();
        if self.size > MAX_LINE {
            self.fail(format!("It is longer than {} KiB.", MAX_LINE >> 10));
            return false;
        }
        self.cell.push_str(text);
        true
    }

    fn fail(&mut self, why: String) {
        self.fault = Some(why);
        self.state = State::Skip;
        self.cells.clear();
        self.cell.clear();
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.cell.clear();
        self.behind.clear();
        self.fault = None;
        self.size = 0;
        self.state = State::Begin;
    }

    fn end_line(&mut self, out: &mut Vec<Line>) {
        let width = self.cells.len() + 1;
        self.cells.push(std::mem::take(&mut self.cell));
        let cells = std::mem::replace(&mut self.cells, Vec::with_capacity(width));
        let fault = self.fault.take();
        let number = self.began;
        self.clear();
        match fault {
            // Told already.
            Some(why) if why.is_empty() => {}
            Some(why) => out.push(Line { number, cells: Err(why) }),
            None if cells.iter().all(|c| c.trim().is_empty()) => {}
            None => out.push(Line { number, cells: sound(cells) }),
        }
    }
}

/// Cells that can be stored and shown.
fn sound(cells: Vec<String>) -> Result<Vec<String>, String> {
    for (n, cell) in cells.iter().enumerate() {
        if cell.contains('\0') {
            return Err(format!("Column {} holds a NUL character.", n + 1));
        }
        if cell.contains(char::REPLACEMENT_CHARACTER) {
            return Err(format!("Column {} holds bytes that are no text in the encoding of the file.", n + 1));
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&str]) -> Vec<Line> {
        let (mut cutter, mut out) = (Cutter::new(b','), Vec::new());
        pieces.iter().for_each(|p| cutter.push(p, &mut out));
        cutter.finish(&mut out);
        out
    }

    fn good(lines: &[Line]) -> Vec<(u64, Vec<&str>)> {
        lines.iter().filter_map(|l| Some((l.number, l.cells.as_ref().ok()?.iter().map(String::as_str).collect()))).collect()
    }

    fn faults(lines: &[Line]) -> Vec<u64> {
        lines.iter().filter(|l| l.cells.is_err()).map(|l| l.number).collect()
    }

    #[test]
    fn lines_have_numbers_and_empty_ones_are_no_rows() {
        let lines = cut(&["a,b\r\n\r\n\"x\ny\",\"say \"\"hi\"\"\"\n,\nlast,"]);
        assert_eq!(good(&lines), [(1, vec!["a", "b"]), (3, vec!["x\ny", "say \"hi\""]), (6, vec!["last", ""])]);
    }

    #[test]
    fn a_mark_that_is_never_closed_costs_its_own_line() {
        let lines = cut(&["a,1\nb,\"2\nc,3\nd,4\n"]);
        assert_eq!((good(&lines), faults(&lines)), (vec![(1, vec!["a", "1"]), (3, vec!["c", "3"]), (4, vec!["d", "4"])], vec![2]));
        let long = "x,1\n".repeat(100_000);
        let lines = cut(&["a,1\nb,\"2\n", &long]);
        assert_eq!((good(&lines).len(), faults(&lines)), (100_001, vec![2]));
    }

    #[test]
    fn a_line_without_end_and_a_million_columns_are_one_fault_each() {
        let long = "x".repeat(1 << 20);
        let lines = cut(&["a\n", &long, &long, &long, "\nb\n", "\"", &long, &long, "\nc\n", &",".repeat(1_000_000), "\nd"]);
        assert_eq!(good(&lines), [(1, vec!["a"]), (3, vec!["b"]), (5, vec!["c"]), (7, vec!["d"])]);
        assert_eq!(faults(&lines), [2, 4, 6]);
    }

    #[test]
    fn what_cannot_be_stored_is_told() {
        let lines = cut(&["a\0b,1\nok,2\n\u{fffd},3\n\"a\"b,4\n"]);
        assert_eq!((good(&lines), faults(&lines)), (vec![(2, vec!["ok", "2"])], vec![1, 3, 4]));
    }

    proptest! {
        /// Where the pieces end changes nothing, and no text makes it panic or grow.
        #[test]
        fn pieces_do_not_matter(text in "[a\",\r\n é]{0,60}", cuts in proptest::collection::vec(0usize..60, 0..6)) {
            let mut at: Vec<usize> = cuts.into_iter().filter(|n| text.is_char_boundary(*n)).collect();
            at.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for n in at {
                pieces.push(&text[from..n]);
                from = n;
            }
            pieces.push(&text[from..]);
            prop_assert_eq!(cut(&pieces), cut(&[&text]));
        }

        /// What is written as RFC 4180 says is read as it was.
        #[test]
        fn written_is_read(rows in proptest::collection::vec(proptest::collection::vec("[a\",\r\n é;]{1,8}", 2..4), 1..6)) {
            let rows: Vec<Vec<String>> = rows.into_iter().filter(|r| r.iter().any(|c| !c.trim().is_empty())).collect();
            let text: String = rows.iter().map(|r| r.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n").collect();
            let read: Vec<Vec<String>> = cut(&[&text]).into_iter().map(|l| l.cells.unwrap()).collect();
            prop_assert_eq!(read, rows);
        }
    }
}
