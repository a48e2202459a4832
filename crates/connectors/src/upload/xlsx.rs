//! The first sheet of an XLSX file (ISO/IEC 29500) as lines. A ZIP archive is a stranger's: every part is read through a limit, whatever
//! sizes it announces, and no entity or event of the XML may grow without end.

use std::io::{BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rialto_core::upload::MAX_COLUMNS;
use zip::ZipArchive;

use super::{Line, MAX_LINE, Unreadable};

/// Unpacked bytes of a sheet: a million rows of ten cells fit.
const MAX_SHEET: u64 = 768 << 20;
/// Unpacked bytes of the texts that cells share.
const MAX_TEXTS: usize = 96 << 20;
/// Unpacked bytes of a part that describes the workbook.
const MAX_PART: u64 = 8 << 20;
/// Bytes of one piece of XML.
const MAX_EVENT: u64 = 1 << 20;
/// Rows of a sheet, by the format's own rule.
const MAX_ROWS: u64 = 1 << 20;

type Part<'z> = Reader<BufReader<Limited<zip::read::ZipFile<'z, Cursor<Vec<u8>>>>>>;

/// An XLSX file that is open.
pub struct Sheet {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    path: String,
    texts: Texts,
    /// Of each cell style, whether it shows a date.
    dates: Vec<bool>,
    /// Days since 1904 instead of 1900.
    since_1904: bool,
}

/// Texts that cells share, one behind the other.
#[derive(Default)]
struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    fn get(&self, n: usize) -> Option<&str> {
        let from = if n == 0 { 0 } else { *self.ends.get(n - 1)? };
        self.all.get(from as usize..*self.ends.get(n)? as usize)
    }
}

/// Stops where a part is larger than it may be, or one event is.
struct Limited<R> {
    inner: R,
    left: u64,
    event: Arc<AtomicU64>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(to)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| std::io::Error::other("the part is too large"))?;
        if self.event.fetch_add(n as u64, Ordering::Relaxed) > MAX_EVENT {
            return Err(std::io::Error::other("a piece of it is too large"));
        }
        Ok(n)
    }
}

fn broken(what: &str, why: impl std::fmt::Display) -> Unreadable {
    Unreadable::of(format!("This XLSX file cannot be read: {what}: {why}. Open it in a spreadsheet and save it anew, or save it as CSV."))
}

fn open_part<'z>(
    archive: &'z mut ZipArchive<Cursor<Vec<u8>>>,
    path: &str,
    most: u64,
) -> Result<Option<(Part<'z>, Arc<AtomicU64>)>, Unreadable> {
    let file = match archive.by_name(path) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(e) => return Err(broken(path, e)),
    };
    let event = Arc::new(AtomicU64::new(0));
    let limited = Limited { inner: file, left: most, event: event.clone() };
    Ok(Some((Reader::from_reader(BufReader::new(limited)), event)))
}

/// Calls `each` with every event of a part until it answers false. Answers whether the part is there.
fn events(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    path: &str,
    most: u64,
    mut each: impl FnMut(Event<'_>) -> Result<bool, Unreadable>,
) -> Result<bool, Unreadable> {
    let Some((mut reader, event)) = open_part(archive, path, most)? else { return Ok(false) };
    let mut buffer = Vec::new();
    loop {
        event.store(0, Ordering::Relaxed);
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|e| broken(path, e))? {
            Event::Eof => return Ok(true),
            Event::DocType(_) => return Err(broken(path, "it declares a document type, which no spreadsheet writes")),
            event => {
                if !each(event)? {
                    return Ok(true);
                }
            }
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|a| a.key.local_name().as_ref() == name)?;
    let text = found.value.into_owned();
    Some(quick_xml::escape::unescape(&text).map(|t| t.into_owned()).unwrap_or(text))
}

/// Text of an event, entities resolved; empty for other events.
fn text_of(event: &Event<'_>) -> String {
    match event {
        Event::Text(t) => t.to_string(),
        Event::CData(t) => t.to_string(),
        Event::GeneralRef(r) => {
            let name = r.to_string();
            quick_xml::escape::unescape(&format!("&{name};")).map(|t| t.into_owned()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

impl Sheet {
    /// # Errors
    /// It is no sound XLSX file, or larger inside than a file may be.
    pub fn open(bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken("the archive", e))?;
        if archive.len() > 2_000 {
            return Err(broken("the archive", "it has more than 2,000 parts"));
        }
        let (mut first, mut since_1904) = (None, false);
        let there = events(&mut archive, "xl/workbook.xml", MAX_PART, |event| {
            if let Event::Start(tag) | Event::Empty(tag) = &event {
                match tag.local_name().as_ref() {
                    "sheet" if first.is_none() => first = attribute(tag, "id"),
                    "workbookPr" => since_1904 = attribute(tag, "date1904").is_some_and(|v| v == "1" || v == "true"),
                    _ => {}
                }
            }
            Ok(true)
        })?;
        if !there {
            return Err(Unreadable::of("This archive is no XLSX file. Save the list as CSV or XLSX and upload that."));
        }
        let path = sheet_path(&mut archive, first.as_deref())?;
        let texts = shared_texts(&mut archive)?;
        let dates = date_styles(&mut archive)?;
        Ok(Self { archive, path, texts, dates, since_1904 })
    }

    /// Calls `each` with every row that is not empty until it answers false.
    ///
    /// # Errors
    /// The sheet breaks off or is too large: what came before it stands.
    pub fn read(&mut self, mut each: impl FnMut(Line) -> bool) -> Result<(), Unreadable> {
        let Self { archive, path, texts, dates, since_1904 } = self;
        let mut row = Row::default();
        let there = events(archive, path, MAX_SHEET, |event| match &event {
            Event::Start(tag) => {
                row.start(tag);
                Ok(true)
            }
            // A cell without a value, or a row without cells.
            Event::Empty(tag) => {
                row.start(tag);
                row.end(tag.local_name().as_ref(), texts, dates, *since_1904);
                Ok(true)
            }
            Event::End(tag) => {
                let name = tag.local_name();
                row.end(name.as_ref(), texts, dates, *since_1904);
                if name.as_ref() == "sheetData" {
                    return Ok(false);
                }
                if name.as_ref() != "row" {
                    return Ok(true);
                }
                if row.number > MAX_ROWS {
                    return Err(broken("the sheet", "it has more than 1,048,576 rows"));
                }
                Ok(row.line().is_none_or(&mut each))
            }
            other => {
                row.text(&text_of(other));
                Ok(true)
            }
        })?;
        if there { Ok(()) } else { Err(broken("the archive", "its first sheet is missing")) }
    }
}

/// The row under way.
#[derive(Default)]
struct Row {
    number: u64,
    cells: Vec<String>,
    size: usize,
    fault: Option<String>,
    /// Of the cell under way: its place, type and style.
    place: usize,
    kind: String,
    style: usize,
    value: String,
    within: bool,
}

impl Row {
    fn start(&mut self, tag: &BytesStart<'_>) {
        match tag.local_name().as_ref() {
            "row" => {
                let number = attribute(tag, "r").and_then(|r| r.parse().ok()).unwrap_or(self.number + 1);
                *self = Self { number, ..Self::default() };
            }
            "c" => {
                let place = attribute(tag, "r").and_then(|r| column(&r)).unwrap_or(self.cells.len());
                self.place = place.max(self.cells.len());
                self.kind = attribute(tag, "t").unwrap_or_default();
                self.style = attribute(tag, "s").and_then(|s| s.parse().ok()).unwrap_or(0);
                self.value.clear();
            }
            "v" | "t" => self.within = true,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.within && self.size + self.value.len() + text.len() <= MAX_LINE {
            self.value.push_str(text);
        } else if self.within {
            self.fault = Some(format!("It is longer than {} KiB.", MAX_LINE >> 10));
        }
    }

    fn end(&mut self, name: &str, texts: &Texts, dates: &[bool], since_1904: bool) {
        match name {
            "v" | "t" => self.within = false,
            "c" => {
                let value = std::mem::take(&mut self.value);
                if value.is_empty() {
                    return;
                }
                if self.place >= MAX_COLUMNS {
                    self.fault = Some(format!("It has more than {MAX_COLUMNS} columns."));
                    return;
                }
                let value = match self.kind.as_str() {
                    "s" => value.trim().parse().ok().and_then(|n| texts.get(n)).map(str::to_owned).unwrap_or_default(),
                    "b" => if value.trim() == "1" { "yes" } else { "no" }.to_owned(),
                    "e" => {
                        self.fault = Some(format!("Column {} holds the error {}.", self.place + 1, value.trim()));
                        return;
                    }
                    "" | "n" if dates.get(self.style).copied().unwrap_or(false) => date(&value, since_1904).unwrap_or(value),
                    "" | "n" => number(&value),
                    _ => value,
                };
                self.size += value.len();
                if self.size > MAX_LINE {
                    self.fault = Some(format!("It is longer than {} KiB.", MAX_LINE >> 10));
                    return;
                }
                if value.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                    self.fault = Some(format!("Column {} holds characters that are no text.", self.place + 1));
                    return;
                }
                self.cells.resize(self.place, String::new());
                self.cells.push(value);
            }
            _ => {}
        }
    }

    fn line(&mut self) -> Option<Line> {
        let cells = std::mem::take(&mut self.cells);
        match self.fault.take() {
            Some(why) => Some(Line { number: self.number, cells: Err(why) }),
            None if cells.iter().all(|c| c.trim().is_empty()) => None,
            None => Some(Line { number: self.number, cells: Ok(cells) }),
        }
    }
}

/// `B7` → 1.
fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.take(4).fold(0usize, |n, b| n * 26 + usize::from(b.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// As people would write it: no exponent where there is a plain form.
fn number(value: &str) -> String {
    let value = value.trim();
    match value.parse::<f64>() {
        Ok(n) if n.is_finite() && value.contains(['e', 'E']) && n.abs() < 1e18 => n.to_string(),
        _ => value.to_owned(),
    }
}

/// A serial number of days as date and time.
fn date(value: &str, since_1904: bool) -> Option<String> {
    let days: f64 = value.trim().parse().ok()?;
    if !(0.0..2_958_466.0).contains(&days) {
        return None;
    }
    // 1900 is counted as a leap year there.
    let from = if since_1904 { jiff::civil::date(1904, 1, 1) } else { jiff::civil::date(1899, 12, 30) };
    let seconds = (days.fract() * 86_400.0).round() as i64;
    let at = from.checked_add(jiff::Span::new().days(days.trunc() as i64)).ok()?.at(0, 0, 0, 0);
    let at = at.checked_add(jiff::Span::new().seconds(seconds)).ok()?;
    let shown = if seconds == 0 { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
    Some(at.strftime(shown).to_string())
}

fn sheet_path(archive: &mut ZipArchive<Cursor<Vec<u8>>>, id: Option<&str>) -> Result<String, Unreadable> {
    let mut target = None;
    events(archive, "xl/_rels/workbook.xml.rels", MAX_PART, |event| {
        if let Event::Start(tag) | Event::Empty(tag) = &event
            && tag.local_name().as_ref() == "Relationship"
            && id.is_some()
            && attribute(tag, "Id").as_deref() == id
        {
            target = attribute(tag, "Target");
        }
        Ok(true)
    })?;
    let target = target.unwrap_or_else(|| "worksheets/sheet1.xml".into());
    Ok(target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned))
}

fn shared_texts(archive: &mut ZipArchive<Cursor<Vec<u8>>>) -> Result<Texts, Unreadable> {
    let mut texts = Texts::default();
    // Phonetic hints stand beside the text and are no part of it.
    let (mut within, mut hint) = (false, false);
    events(archive, "xl/sharedStrings.xml", MAX_SHEET, |event| {
        match &event {
            Event::Start(tag) => match tag.local_name().as_ref() {
                "t" => within = true,
                "rPh" => hint = true,
                _ => {}
            },
            Event::Empty(tag) if tag.local_name().as_ref() == "si" => texts.ends.push(texts.all.len() as u32),
            Event::End(tag) => match tag.local_name().as_ref() {
                "t" => within = false,
                "rPh" => hint = false,
                "si" => texts.ends.push(texts.all.len() as u32),
                _ => {}
            },
            other if within && !hint => texts.all.push_str(&text_of(other)),
            _ => {}
        }
        if texts.all.len() + texts.ends.len() * 4 > MAX_TEXTS {
            return Err(Unreadable::of(format!(
                "The texts in this XLSX file are larger than {} MiB. Save it as CSV and upload that.",
                MAX_TEXTS >> 20
            )));
        }
        Ok(true)
    })?;
    Ok(texts)
}

fn date_styles(archive: &mut ZipArchive<Cursor<Vec<u8>>>) -> Result<Vec<bool>, Unreadable> {
    let (mut own, mut styles, mut within) = (std::collections::HashSet::new(), Vec::new(), false);
    events(archive, "xl/styles.xml", MAX_PART, |event| {
        match &event {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "numFmt" => {
                    if let (Some(id), Some(code)) = (attribute(tag, "numFmtId"), attribute(tag, "formatCode"))
                        && shows_date(&code)
                    {
                        own.insert(id);
                    }
                }
                "cellXfs" => within = true,
                "xf" if within && styles.len() < 100_000 => {
                    let id = attribute(tag, "numFmtId").unwrap_or_default();
                    let usual = id.parse::<u32>().is_ok_and(|n| matches!(n, 14..=22 | 45..=47));
                    styles.push(usual || own.contains(&id));
                }
                _ => {}
            },
            Event::End(tag) if tag.local_name().as_ref() == "cellXfs" => within = false,
            _ => {}
        }
        Ok(true)
    })?;
    Ok(styles)
}

/// Whether a number format shows days or times: its letters outside quotes and brackets say so.
fn shows_date(code: &str) -> bool {
    let (mut quoted, mut bracket) = (false, false);
    code.chars().any(|c| {
        match c {
            '"' => quoted = !quoted,
            '[' => bracket = true,
            ']' => bracket = false,
            _ => {}
        }
        !quoted && !bracket && matches!(c.to_ascii_lowercase(), 'y' | 'd' | 'h')
    })
}
