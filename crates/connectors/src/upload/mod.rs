//! Files that people upload: CSV and TSV in the encodings that spreadsheets write, and XLSX. Read piece by piece in bounded memory; a
//! faulty line is told by its number, and the good ones beside it are read. Nothing here reaches for the network or the disk: bytes
//! go in, lines come out (`docs/adr/0134`).

mod csv;
mod sniff;
mod text;
mod xlsx;

use serde::{Deserialize, Serialize};

pub use sniff::{Sniffer, xlsx as look_at_xlsx};
pub use text::Reader;
pub use xlsx::Sheet;

/// Largest file, in bytes.
pub const MAX_FILE: u64 = 512 << 20;

/// Largest XLSX file, in bytes: it is a ZIP archive, of which the directory stands at the end, so all of it is held at once.
pub const MAX_XLSX: u64 = 32 << 20;

/// Longest line, in bytes of UTF-8.
pub const MAX_LINE: usize = 256 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lines of text; the separator may be a tab.
    Text,
    Xlsx,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Encoding {
    #[serde(rename = "UTF-8")]
    Utf8,
    #[serde(rename = "UTF-16LE")]
    Utf16Le,
    #[serde(rename = "UTF-16BE")]
    Utf16Be,
    #[serde(rename = "Windows-1252")]
    Windows1252,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }

    fn codec(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
    }
}

/// How a file is read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shape {
    pub format: Format,
    /// Of text; an XLSX is UTF-8 by its own rules.
    pub encoding: Encoding,
    /// Of text: one of `,`, `;`, tab and `|`.
    pub separator: char,
    /// The first line names the columns.
    pub header: bool,
}

impl Shape {
    /// The separator in words.
    pub fn separator_name(&self) -> &'static str {
        match self.separator {
            ',' => "comma",
            ';' => "semicolon",
            '\t' => "tab",
            '|' => "vertical bar",
            _ => "none",
        }
    }
}

/// What was found out about a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    #[serde(flatten)]
    pub shape: Shape,
    /// Heads of the columns, or "Column 1" and so on.
    pub columns: Vec<String>,
    /// The first rows.
    pub samples: Vec<Vec<String>>,
    /// What a person should know before they go on.
    pub warnings: Vec<String>,
}

/// A line that was read, or why it cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Counted from 1; of a cell with line breaks the first.
    pub number: u64,
    pub cells: Result<Vec<String>, String>,
}

/// The file as a whole cannot be read; a sentence for people that says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    fn of(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
