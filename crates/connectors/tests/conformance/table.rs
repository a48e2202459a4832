//! The table in `docs/CONNECTORS.md`: written by `scripts/conformance.sh`, otherwise compared.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::COLUMNS;
use super::cases::Row;

const BEGIN: &str = "<!-- conformance: written by scripts/conformance.sh -->";
const END: &str = "<!-- end of conformance -->";
const HEAD: [&str; 2] = ["asked or told", "under"];

/// Parts of the suite end at the same time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONNECTORS.md")
}

/// A line of the table: behaviour, fault, and a cell for each column.
type Line = Vec<String>;

fn read(text: &str) -> (usize, usize, Vec<Line>) {
    let begin = text.find(BEGIN).expect("docs/CONNECTORS.md has the mark where the table begins") + BEGIN.len();
    let end = begin + text[begin..].find(END).expect("docs/CONNECTORS.md has the mark where the table ends");
    let cells = |line: &str| -> Line {
        line.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let lines = text[begin..end].lines().filter(|line| line.starts_with("| ")).skip(1);
    (begin, end, lines.map(cells).collect())
}

fn write(lines: &[Line]) -> String {
    let columns = HEAD.len() + COLUMNS.len();
    let head: Vec<&str> = HEAD.iter().chain(COLUMNS).copied().collect();
    let mut text = format!("\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(columns));
    for line in lines {
        text.push_str(&format!("| {} |\n", line.join(" | ")));
    }
    text
}

/// Keeps what was found for a column, or compares it with what stands in the document.
pub fn keep_or_compare(column: &str, rows: &[Row]) {
    let _mine = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let place = HEAD.len() + COLUMNS.iter().position(|c| *c == column).expect("the column is in the table");
    let text = std::fs::read_to_string(document()).expect("docs/CONNECTORS.md");
    let (begin, end, mut lines) = read(&text);
    let keep = std::env::var_os("RIALTO_CONFORMANCE_WRITE").is_some();
    let mut wrong = Vec::new();
    for row in rows {
        let at = lines.iter().position(|line| line[0] == row.about && line[1] == row.fault);
        match at {
            Some(at) if lines[at].get(place) == Some(&row.found) => {}
            Some(at) if keep => lines[at][place].clone_from(&row.found),
            None if keep => {
                let mut line = vec![row.about.clone(), row.fault.clone()];
                line.resize(HEAD.len() + COLUMNS.len(), String::new());
                line[place].clone_from(&row.found);
                lines.push(line);
            }
            Some(at) => wrong.push(format!("{} / {}: {:?}, found {:?}", row.about, row.fault, lines[at][place], row.found)),
            None => wrong.push(format!("{} / {} is missing", row.about, row.fault)),
        }
    }
    assert!(wrong.is_empty(), "the table in docs/CONNECTORS.md is out of date (scripts/conformance.sh):\n{}", wrong.join("\n"));
    if keep {
        lines.sort_by(|a, b| a[..2].cmp(&b[..2]));
        let new = [&text[..begin], &write(&lines), &text[end..]].concat();
        std::fs::write(document(), new).expect("docs/CONNECTORS.md can be written");
    }
}

#[test]
fn the_table_is_whole() {
    let text = std::fs::read_to_string(document()).expect("docs/CONNECTORS.md");
    let (.., lines) = read(&text);
    for line in &lines {
        assert!(line.len() == HEAD.len() + COLUMNS.len() && line.iter().all(|cell| !cell.is_empty()), "{line:?}");
    }
    assert!(lines.len() > 60, "{} rows", lines.len());
}
