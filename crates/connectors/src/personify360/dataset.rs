//! The answer of a stored procedure: `<StoredProcedureOutput><Data>` around a DataSet as escaped text, whose own
//! declaration says utf-16 although all of it is UTF-8. `No Data Found` stands for no rows; null cells are left out.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::service::protocol;
use crate::ConnectorError;

/// Bytes kept of one cell; the rest is cut on a character boundary.
const CELL: usize = 64 << 10;
/// Elements around `Data`.
const OUTER_DEPTH: usize = 4;

/// Takes the rows of a DataSet one cell at a time.
pub(super) trait Sink {
    /// An error ends the reading: the sink takes no more rows.
    fn begin(&mut self) -> Result<(), ConnectorError>;
    fn cell(&mut self, name: &str, text: &str);
    fn end(&mut self);
}

/// The DataSet out of an answer, unescaped once; `None` when the procedure found no rows. Bytes that are no UTF-8 become
/// U+FFFD in the cell where they stand.
pub(super) fn unwrap(body: &[u8]) -> Result<Option<String>, ConnectorError> {
    // Nearly every answer is sound: the check alone is much cheaper than the search for what to replace.
    let text = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    let text = text.trim_start_matches('\u{feff}');
    let at = data_start(text)?;
    let mut inner = String::with_capacity(text.len().saturating_sub(at));
    let rest = text.get(at..).unwrap_or_default();
    let used = unescape(rest, &mut inner)?;
    let tail = rest.get(used..).unwrap_or_default().trim_end();
    if !(tail.starts_with("</") && tail.ends_with('>') && tail.matches("</").count() >= 2) {
        return Err(cut());
    }
    if inner.trim().eq_ignore_ascii_case("No Data Found") {
        return Ok(None);
    }
    if !inner.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return Err(protocol("an answer without a DataSet"));
    }
    Ok(Some(inner))
}

/// Where the text of `Data` begins.
fn data_start(text: &str) -> Result<usize, ConnectorError> {
    let mut reader = Reader::from_str(text);
    let mut depth = 0;
    loop {
        match reader.read_event().map_err(|_| cut())? {
            Event::Start(e) if e.local_name().into_inner() == "Data" => {
                return usize::try_from(reader.buffer_position()).map_err(|_| cut());
            }
            Event::Start(_) if depth < OUTER_DEPTH => depth += 1,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::Text(_) => {}
            Event::DocType(_) => return Err(protocol("an answer with a document type")),
            Event::Eof => return Err(cut()),
            _ => return Err(protocol("an answer without a Data element")),
        }
    }
}

/// Resolves the references of a text up to its closing tag; returns where that stands.
fn unescape(text: &str, out: &mut String) -> Result<usize, ConnectorError> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let plain = memchr::memchr2(b'&', b'<', rest).ok_or_else(cut)?;
        let stop = at + plain;
        out.push_str(text.get(at..stop).unwrap_or_default());
        let special = text.get(stop..).unwrap_or_default();
        if special.starts_with('&') {
            at = stop + reference(special, out)?;
        } else if let Some(section) = special.strip_prefix("<![CDATA[") {
            let length = section.find("]]>").ok_or_else(cut)?;
            out.push_str(section.get(..length).unwrap_or_default());
            at = stop + "<![CDATA[".len() + length + "]]>".len();
        } else if special.starts_with("</") {
            return Ok(stop);
        } else {
            return Err(protocol("an answer with elements inside Data"));
        }
    }
}

/// Resolves the reference that begins the text; returns its length.
fn reference(text: &str, out: &mut String) -> Result<usize, ConnectorError> {
    let common = match text.as_bytes() {
        [_, b'l', b't', b';', ..] => Some(('<', 4)),
        [_, b'g', b't', b';', ..] => Some(('>', 4)),
        [_, b'a', b'm', b'p', b';', ..] => Some(('&', 5)),
        [_, b'q', b'u', b'o', b't', b';', ..] => Some(('"', 6)),
        [_, b'a', b'p', b'o', b's', b';', ..] => Some(('\'', 6)),
        _ => None,
    };
    if let Some((plain, length)) = common {
        out.push(plain);
        return Ok(length);
    }
    let end = text.bytes().take(12).position(|b| b == b';').ok_or_else(cut)?;
    let name = text.get(1..end).unwrap_or_default();
    out.push(character(name).ok_or_else(|| protocol("an unknown entity"))?);
    Ok(end + 1)
}

/// `#65` or `#x41` as a character.
fn character(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code)
}

/// Hands the rows of a DataSet to the sink. Schemas are skipped; anything deeper than a cell is refused.
pub(super) fn read(inner: &str, sink: &mut impl Sink) -> Result<(), ConnectorError> {
    let mut reader = Reader::from_str(inner.trim_start_matches('\u{feff}').trim_start());
    let mut depth = 0;
    loop {
        match reader.read_event().map_err(|_| cut())? {
            Event::Start(e) => match depth {
                0 => depth = 1,
                1 if e.local_name().into_inner() == "schema" => {
                    reader.read_to_end(e.name()).map_err(|_| cut())?;
                }
                1 => {
                    sink.begin()?;
                    depth = 2;
                }
                _ => cell(&mut reader, &e, sink)?,
            },
            Event::Empty(e) => match depth {
                2 if !is_nil(&e) => sink.cell(e.local_name().into_inner(), ""),
                1 => {
                    sink.begin()?;
                    sink.end();
                }
                _ => {}
            },
            Event::End(_) => {
                if depth == 2 {
                    sink.end();
                }
                depth -= 1;
            }
            Event::DocType(_) => return Err(protocol("a DataSet with a document type")),
            Event::Text(t) if !t.trim().is_empty() => return Err(protocol("text between the rows of a DataSet")),
            Event::CData(_) | Event::GeneralRef(_) => return Err(protocol("text between the rows of a DataSet")),
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => return Err(cut()),
            _ => {}
        }
    }
}

fn cell(reader: &mut Reader<&[u8]>, start: &BytesStart<'_>, sink: &mut impl Sink) -> Result<(), ConnectorError> {
    let mut text: Cow<'_, str> = Cow::Borrowed("");
    loop {
        match reader.read_event().map_err(|_| cut())? {
            Event::Text(t) => append(&mut text, t.into_inner()),
            Event::CData(t) => append(&mut text, t.into_inner()),
            Event::GeneralRef(r) => append(&mut text, Cow::Owned(resolved(&r)?)),
            Event::End(_) => break,
            Event::Comment(_) => {}
            Event::Eof => return Err(cut()),
            _ => return Err(protocol("a DataSet with elements inside a cell")),
        }
    }
    if !is_nil(start) {
        sink.cell(start.local_name().into_inner(), bounded(&text));
    }
    Ok(())
}

fn append<'t>(text: &mut Cow<'t, str>, more: Cow<'t, str>) {
    if text.is_empty() {
        *text = more;
    } else if text.len() < CELL {
        text.to_mut().push_str(&more);
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, ConnectorError> {
    let name: &str = reference;
    let plain = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => character(name).ok_or_else(|| protocol("an unknown entity"))?,
    };
    Ok(plain.into())
}

fn is_nil(element: &BytesStart<'_>) -> bool {
    if element.attributes_raw().is_empty() {
        return false;
    }
    element.attributes().flatten().any(|a| a.key.local_name().into_inner() == "nil" && matches!(&*a.value, "true" | "1"))
}

/// The text, cut to what is kept of a cell.
pub(super) fn bounded(text: &str) -> &str {
    if text.len() <= CELL { text } else { text.get(..text.floor_char_boundary(CELL)).unwrap_or_default() }
}

fn cut() -> ConnectorError {
    protocol("an answer that is cut off or not well formed")
}
