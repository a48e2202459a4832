//! What a file is: format, encoding, separator, heads and a few rows, from its first bytes and a look at all of them.

use super::{Encoding, Format, Found, Line, MAX_FILE, MAX_XLSX, Reader, Shape, Sheet, Unreadable};
use rialto_core::upload::MAX_COLUMNS;
use rialto_core::{Address, AddressState};

/// Bytes at the beginning from which separator, heads and samples are found out.
const HEAD: usize = 64 << 10;

/// Rows shown.
const SAMPLES: usize = 5;

/// Rows looked at for the separator.
const LOOKED_AT: usize = 50;

/// Looks at a file while it comes in.
#[derive(Default)]
pub struct Sniffer {
    head: Vec<u8>,
    size: u64,
    /// Characters of several bytes, and bytes that are no UTF-8.
    several: u64,
    wrong: u64,
    /// Bytes of a character that goes on in the next piece.
    carry: Vec<u8>,
}

impl Sniffer {
    /// # Errors
    /// The file has become too large, or is none that can be read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.size += bytes.len() as u64;
        if self.head.len() < HEAD {
            self.head.extend_from_slice(&bytes[..bytes.len().min(HEAD - self.head.len())]);
            refuse_foreign(&self.head)?;
        }
        let most = if self.is_xlsx() { MAX_XLSX } else { MAX_FILE };
        if self.size > most {
            return Err(Unreadable::of(format!("The file is larger than {} MiB. Divide it, or save it as CSV.", most >> 20)));
        }
        self.look(bytes);
        Ok(())
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// A ZIP archive: `finish_xlsx` needs all of it.
    pub fn is_xlsx(&self) -> bool {
        self.head.starts_with(b"PK\x03\x04")
    }

    /// Counts what is UTF-8 and what is not.
    fn look(&mut self, bytes: &[u8]) {
        let joined;
        let mut rest = if self.carry.is_empty() {
            bytes
        } else {
            let mut all = std::mem::take(&mut self.carry);
            all.extend_from_slice(bytes);
            joined = all;
            &joined[..]
        };
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.several += several(text);
                    return;
                }
                Err(e) => {
                    let (good, bad) = rest.split_at(e.valid_up_to());
                    self.several += several(std::str::from_utf8(good).unwrap_or_default());
                    let Some(length) = e.error_len() else {
                        self.carry = bad.to_vec();
                        return;
                    };
                    self.wrong += 1;
                    rest = &bad[length..];
                }
            }
        }
    }

    fn encoding(&self) -> Encoding {
        match self.head.as_slice() {
            [0xEF, 0xBB, 0xBF, ..] => return Encoding::Utf8,
            [0xFF, 0xFE, ..] => return Encoding::Utf16Le,
            [0xFE, 0xFF, ..] => return Encoding::Utf16Be,
            _ => {}
        }
        // Of UTF-16 without a mark, every other byte of plain text is zero.
        let zeros = |from: usize| self.head.iter().skip(from).step_by(2).filter(|b| **b == 0).count() * 10;
        let half = self.head.len() / 2;
        if half > 1 && zeros(1) > half * 7 && zeros(0) < half {
            return Encoding::Utf16Le;
        }
        if half > 1 && zeros(0) > half * 7 && zeros(1) < half {
            return Encoding::Utf16Be;
        }
        let wrong = self.wrong + u64::from(!self.carry.is_empty());
        // A file of UTF-8 with a few bytes of something else stays UTF-8: those lines are told.
        if wrong == 0 || self.several > wrong { Encoding::Utf8 } else { Encoding::Windows1252 }
    }

    /// What was found out about a text file.
    ///
    /// # Errors
    /// It is empty, or no line of its beginning can be read.
    pub fn finish(self) -> Result<Found, Unreadable> {
        let encoding = self.encoding();
        let zeros = self.head.iter().filter(|b| **b == 0).count();
        if matches!(encoding, Encoding::Utf8 | Encoding::Windows1252) && zeros * 20 > self.head.len() {
            return Err(Unreadable::of(
                "This is no text file: it is full of NUL characters. Save the list as CSV or XLSX and upload that.",
            ));
        }
        let separator = self.separator(encoding);
        let shape = Shape { format: Format::Text, encoding, separator, header: false };
        let mut lines = self.lines(&shape);
        lines.truncate(LOOKED_AT);
        if lines.is_empty() && self.size > HEAD as u64 {
            return Err(Unreadable::of(format!("The first line, from which the columns are known, is longer than {} KiB.", HEAD >> 10)));
        }
        let mut found = found(shape, lines)?;
        if self.wrong > 0 && encoding == Encoding::Utf8 {
            found
                .warnings
                .push("Some lines hold bytes that are no UTF-8, as if two files had been put together. They are listed as faulty.".into());
        }
        Ok(found)
    }

    /// The lines that end in the first bytes; the last one only when the file ends there.
    fn lines(&self, shape: &Shape) -> Vec<Line> {
        let (mut reader, mut lines) = (Reader::new(shape), Vec::new());
        reader.push(&self.head, &mut lines);
        if self.size <= HEAD as u64 {
            reader.finish(&mut lines);
        }
        lines
    }

    /// The one that cuts most of the first rows into the same number of cells.
    fn separator(&self, encoding: Encoding) -> char {
        let mut best = (0, ',');
        for separator in [',', ';', '\t', '|'] {
            let lines = self.lines(&Shape { format: Format::Text, encoding, separator, header: false });
            let widths: Vec<usize> = lines.iter().take(LOOKED_AT).filter_map(|l| l.cells.as_ref().ok()).map(Vec::len).collect();
            let Some(width) = widths.first().copied().filter(|w| *w > 1) else { continue };
            // How many agree counts before how many cells there are.
            let agree = widths.iter().filter(|w| **w == width).count() * 1_000 / widths.len();
            let score = agree * 1_000 + width.min(900);
            if score > best.0 {
                best = (score, separator);
            }
        }
        best.1
    }
}

/// What was found out about an XLSX file.
///
/// # Errors
/// It is no sound XLSX file, or empty.
pub fn xlsx(bytes: Vec<u8>) -> Result<Found, Unreadable> {
    let mut lines = Vec::new();
    Sheet::open(bytes)?.read(|line| {
        lines.push(line);
        lines.len() < LOOKED_AT
    })?;
    found(Shape { format: Format::Xlsx, encoding: Encoding::Utf8, separator: ',', header: false }, lines)
}

fn several(text: &str) -> u64 {
    if text.is_ascii() { 0 } else { text.chars().filter(|c| !c.is_ascii()).count() as u64 }
}

fn refuse_foreign(head: &[u8]) -> Result<(), Unreadable> {
    let what = match head {
        [0xD0, 0xCF, 0x11, 0xE0, ..] => "an old Excel file (.xls). Open it and save it as XLSX or CSV",
        [b'%', b'P', b'D', b'F', ..] => "a PDF. Save the list as CSV or XLSX",
        [0x1F, 0x8B, ..] => "a compressed file. Unpack it first",
        [0x89, b'P', b'N', b'G', ..] | [0xFF, 0xD8, 0xFF, ..] => "a picture. Save the list as CSV or XLSX",
        _ => return Ok(()),
    };
    Err(Unreadable::of(format!("This is {what}, then upload that.")))
}

fn is_address(cell: &str) -> bool {
    Address::read(Some(cell)).state == AddressState::Usable
}

fn found(mut shape: Shape, lines: Vec<Line>) -> Result<Found, Unreadable> {
    let first = lines.first().ok_or_else(|| Unreadable::of("The file is empty."))?;
    let number = first.number;
    let first = first
        .cells
        .clone()
        .map_err(|why| Unreadable::of(format!("Line {number}, from which the columns are known, cannot be read. {why}")))?;
    if first.len() > MAX_COLUMNS {
        return Err(Unreadable::of(format!("The file has more than {MAX_COLUMNS} columns.")));
    }
    shape.header = !first.iter().any(|c| is_address(c));
    let rows = lines.iter().skip(usize::from(shape.header)).filter_map(|l| l.cells.as_ref().ok());
    let samples: Vec<Vec<String>> = rows.take(SAMPLES).map(|r| r.iter().map(|c| c.chars().take(80).collect()).collect()).collect();
    let columns: Vec<String> = match shape.header {
        true => first.iter().enumerate().map(|(n, h)| head(n, h)).collect(),
        false => (1..=first.len()).map(|n| format!("Column {n}")).collect(),
    };
    let mut warnings = Vec::new();
    for (n, column) in columns.iter().enumerate() {
        if let Some(before) = columns[..n].iter().position(|c| c.to_lowercase() == column.to_lowercase()) {
            let short: String = column.chars().take(60).collect();
            warnings.push(format!(
                "Columns {} and {} have the same head, {short}. Only the first is used unless you choose otherwise.",
                before + 1,
                n + 1
            ));
        }
        if warnings.len() == 20 {
            break;
        }
    }
    Ok(Found { shape, columns, samples, warnings })
}

fn head(number: usize, text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.is_empty() { format!("Column {}", number + 1) } else { text }
}
