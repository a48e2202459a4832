//! Files as people and spreadsheets write them, and as an enemy would: what is found out, what is read, and that nothing grows.

use std::io::{Cursor, Write};

use rialto_connectors::upload::{Encoding, Format, Found, Line, Reader, Sheet, Sniffer, look_at_xlsx};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn look(bytes: &[u8]) -> Result<Found, String> {
    let mut sniffer = Sniffer::default();
    for piece in bytes.chunks(1_000) {
        sniffer.push(piece).map_err(|e| e.0)?;
    }
    sniffer.finish().map_err(|e| e.0)
}

fn read(bytes: &[u8]) -> (Found, Vec<Line>) {
    let found = look(bytes).unwrap();
    let (mut reader, mut lines) = (Reader::new(&found.shape), Vec::new());
    for piece in bytes.chunks(7) {
        reader.push(piece, &mut lines);
    }
    reader.finish(&mut lines);
    (found, lines)
}

fn good(lines: &[Line]) -> Vec<Vec<&str>> {
    lines.iter().filter_map(|l| Some(l.cells.as_ref().ok()?.iter().map(String::as_str).collect())).collect()
}

const TEXT: &str = "E-mail;Näme\nann@x.example;Änne\nbob@x.example;Bøb\n";

#[test]
fn every_encoding_is_found_out_and_read() {
    let utf16 = |be: bool, mark: bool| -> Vec<u8> {
        let text = if mark { format!("\u{feff}{TEXT}") } else { TEXT.to_owned() };
        text.encode_utf16().flat_map(|u| if be { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    let latin: Vec<u8> = TEXT.chars().map(|c| u32::from(c) as u8).collect();
    for (bytes, encoding) in [
        (TEXT.as_bytes().to_vec(), Encoding::Utf8),
        (format!("\u{feff}{TEXT}").into_bytes(), Encoding::Utf8),
        (latin, Encoding::Windows1252),
        (utf16(false, true), Encoding::Utf16Le),
        (utf16(true, true), Encoding::Utf16Be),
        (utf16(false, false), Encoding::Utf16Le),
        (utf16(true, false), Encoding::Utf16Be),
    ] {
        let (found, lines) = read(&bytes);
        assert_eq!((found.shape.encoding, found.shape.separator, found.shape.header), (encoding, ';', true));
        assert_eq!(found.columns, ["E-mail", "Näme"], "{encoding:?}");
        assert_eq!(good(&lines)[1..], [vec!["ann@x.example", "Änne"], vec!["bob@x.example", "Bøb"]], "{encoding:?}");
    }
}

#[test]
fn a_letter_far_behind_the_beginning_counts() {
    let mut bytes = b"ann@x.example,x\n".repeat(10_000);
    bytes.extend(b"bob@x.example,B\xf8b\n");
    assert_eq!(look(&bytes).unwrap().shape.encoding, Encoding::Windows1252);
    let mut bytes = b"ann@x.example,x\n".repeat(10_000);
    bytes.extend("bob@x.example,Bøb\n".as_bytes());
    assert_eq!(look(&bytes).unwrap().shape.encoding, Encoding::Utf8);
}

#[test]
fn separators_and_heads_are_found_out() {
    for (text, separator, header) in [
        ("a,b\n1,2\n", ',', true),
        ("a;b\n\"1,5\";\"2,5\"\n", ';', true),
        ("a\tb\n1\t2\n", '\t', true),
        ("a|b\n1|2\n", '|', true),
        ("ann@x.example\nbob@x.example\n", ',', false),
        ("Smith, Ann;ann@x.example\nJones, Bob;bob@x.example\nSolo;c@x.example\n", ';', false),
    ] {
        let found = look(text.as_bytes()).unwrap();
        assert_eq!((found.shape.separator, found.shape.header), (separator, header), "{text}");
    }
    let found = look(b"Email,Name,email\na@x.example,A,\n").unwrap();
    assert!(found.warnings[0].contains("Columns 1 and 3 have the same head"), "{:?}", found.warnings);
}

#[test]
fn what_is_no_list_is_refused_in_words() {
    for (bytes, words) in [
        (b"".as_slice(), "empty"),
        (b"\n\r\n\n", "empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\xd0\xcf\x11\xe0....", "XLSX or CSV"),
        (b"\x1f\x8b....", "Unpack"),
        (b"ab\0\0\0\0cd\0\0\0\0\0e", "NUL"),
    ] {
        let why = look(bytes).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
    let why = look(&[b",".repeat(60_000), b"\n".to_vec()].concat()).unwrap_err();
    assert!(why.contains("more than 500 columns"), "{why}");
    let why = look(&b",".repeat(1_000_000)).unwrap_err();
    assert!(why.contains("longer than"), "{why}");
    let why = look(&vec![b'x'; 3 << 20]).unwrap_err();
    assert!(why.contains("longer than"), "{why}");
}

fn workbook(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const BOOK: (&str, &str) =
    ("xl/workbook.xml", r#"<workbook xmlns:r="r"><sheets><sheet name="One" sheetId="1" r:id="rId7"/></sheets></workbook>"#);
const LINKS: (&str, &str) =
    ("xl/_rels/workbook.xml.rels", r#"<Relationships><Relationship Id="rId7" Target="worksheets/first.xml"/></Relationships>"#);
const TEXTS: (&str, &str) = (
    "xl/sharedStrings.xml",
    r#"<sst><si><t>E-mail</t></si><si><r><t>A &amp; </t></r><r><t>B</t></r></si><si/><si><t>ann@x.example</t></si></sst>"#,
);
const STYLES: (&str, &str) = (
    "xl/styles.xml",
    r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="22"/></cellXfs></styleSheet>"#,
);

fn sheet(rows: &str) -> String {
    format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")
}

fn rows_of(bytes: Vec<u8>) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let read = Sheet::open(bytes).map_err(|e| e.0)?.read(|line| {
        lines.push(line);
        true
    });
    read.map(|()| lines).map_err(|e| e.0)
}

#[test]
fn a_spreadsheet_is_read_as_people_see_it() {
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="D1" t="inlineStr"><is><t>Since</t></is></c><c r="E1" t="str"><v>Sum</v></c></row>
        <row r="2"/><row r="4"><c r="A4" t="s"><v>3</v></c><c r="B4"/><c r="C4" t="b"><v>1</v></c><c r="D4" s="1"><v>45000</v></c><c r="E4"><f>SUM(1,2)</f><v>3</v></c></row>
        <row r="5"><c r="A5" t="e"><v>#N/A</v></c></row><row r="6"><c r="A6"><v>1.5E3</v></c><c r="D6" s="2"><v>45000.5</v></c></row>"#;
    let sheet = sheet(rows);
    let bytes = workbook(&[BOOK, LINKS, TEXTS, STYLES, ("xl/worksheets/first.xml", &sheet)]);
    let found = look_at_xlsx(bytes.clone()).unwrap();
    assert_eq!((found.shape.format, found.shape.header), (Format::Xlsx, true));
    assert_eq!(found.columns, ["E-mail", "A & B", "Column 3", "Since", "Sum"]);
    let lines = rows_of(bytes).unwrap();
    assert_eq!(lines.iter().map(|l| l.number).collect::<Vec<_>>(), [1, 4, 5, 6]);
    assert_eq!(good(&lines)[1..], [vec!["ann@x.example", "", "yes", "2023-03-15", "3"], vec!["1500", "", "", "2023-03-15 12:00:00"]]);
    assert_eq!(lines[2].cells.as_ref().unwrap_err(), "Column 1 holds the error #N/A.");
}

#[test]
fn hostile_spreadsheets_are_refused_and_nothing_grows() {
    let first = "xl/worksheets/first.xml";
    // A million columns are one faulty row; the next is read.
    let wide: String = (0..600).map(|n| format!("<c r=\"{}1\"><v>1</v></c>", ["A", "ZZ", "AAA", "XFD"][n % 4])).collect();
    let wide = sheet(&format!("<row r=\"1\">{wide}</row><row r=\"2\"><c r=\"A2\"><v>7</v></c></row>"));
    let lines = rows_of(workbook(&[BOOK, LINKS, (first, &wide)])).unwrap();
    assert!(lines[0].cells.as_ref().unwrap_err().contains("more than 500 columns"), "{lines:?}");
    assert_eq!(lines[1].cells, Ok(vec!["7".to_owned()]));
    // Bombs: a text without end, one text after another, a comment, an attribute, entities that unfold.
    let long = "A".repeat(8 << 20);
    for (what, parts) in [
        ("a text", vec![(first, sheet(&format!("<row><c t=\"str\"><v>{long}</v></c></row>")))]),
        ("an attribute", vec![(first, sheet(&format!("<row x=\"{long}\"/>")))]),
        ("a comment", vec![(first, sheet(&format!("<!--{long}--><row/>")))]),
        (
            "texts",
            vec![
                ("xl/sharedStrings.xml", format!("<sst>{}</sst>", format!("<si><t>{}</t></si>", "B".repeat(500_000)).repeat(220))),
                (first, sheet("")),
            ],
        ),
        ("a workbook", vec![("xl/_rels/workbook.xml.rels", "<a/>".repeat(4 << 20)), (first, sheet(""))]),
        ("entities", vec![(first, format!("<!DOCTYPE x [<!ENTITY a \"aaaa\">]>{}", sheet("<row><c t=\"str\"><v>&a;</v></c></row>")))]),
    ] {
        let mut all = vec![BOOK];
        if !parts.iter().any(|(name, _)| name.ends_with("rels")) {
            all.push(LINKS);
        }
        all.extend(parts.iter().map(|(name, text)| (*name, text.as_str())));
        let why = rows_of(workbook(&all)).map(|lines| lines.len()).unwrap_err();
        assert!(why.contains("XLSX file"), "{what}: {why}");
    }
    for (what, bytes) in [
        ("no archive", b"PK\x03\x04nonsense".to_vec()),
        ("no workbook", workbook(&[("a.txt", "a")])),
        ("no sheet", workbook(&[BOOK, LINKS])),
    ] {
        assert!(rows_of(bytes).is_err(), "{what}");
    }
    // Cut anywhere, it is an error and no panic.
    let whole = workbook(&[BOOK, LINKS, TEXTS, (first, &sheet("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>"))]);
    for end in (0..whole.len()).step_by(7) {
        assert!(rows_of(whole[..end].to_vec()).is_err(), "cut at {end}");
    }
}
