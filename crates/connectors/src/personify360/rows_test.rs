use quick_xml::escape::escape;

use super::super::dataset;
use super::super::history::History;
use super::*;

fn fields() -> Vec<String> {
    ["FIRST_NAME", "CITY", "Member Since"].map(str::to_owned).to_vec()
}

fn wrap(inner: &str) -> String {
    format!("<StoredProcedureOutput><Data>{}</Data></StoredProcedureOutput>", escape(inner))
}

fn set(rows: &str) -> String {
    wrap(&format!("<?xml version=\"1.0\" encoding=\"utf-16\"?><NewDataSet>{rows}</NewDataSet>"))
}

fn decode(body: &[u8]) -> Result<Vec<RemotePerson>, ConnectorError> {
    decode_after(&mut History::default(), body)
}

fn decode_after(history: &mut History, body: &[u8]) -> Result<Vec<RemotePerson>, ConnectorError> {
    let columns = Columns::of_procedure("L", &fields());
    let mut rows = Rows::new(&columns, 1_000);
    if let Some(inner) = dataset::unwrap(body)? {
        dataset::read(&inner, &mut rows)?;
    }
    history.check(&mut rows)?;
    Ok(rows.people)
}

const FLAGS: &str = "<ALLOW_EMAIL_FLAG>Y</ALLOW_EMAIL_FLAG><ALLOW_SOLICITATION_FLAG>Y</ALLOW_SOLICITATION_FLAG>";

fn row(key: &str, rest: &str) -> String {
    format!("<Table><MASTER_CUSTOMER_ID>{key}</MASTER_CUSTOMER_ID><SUB_CUSTOMER_ID>0</SUB_CUSTOMER_ID>{rest}</Table>")
}

fn text(t: &str) -> Cell {
    Cell::Text(t.into())
}

#[test]
fn rows_are_read_in_any_order_of_columns_with_nulls_left_out() {
    let body = set(&[
        row("000000000101", &format!("<PRIMARY_EMAIL_ADDRESS>a@x.example</PRIMARY_EMAIL_ADDRESS>{FLAGS}<CITY>Zürich &amp; Ōhamura &lt;\"'&gt;</CITY>")),
        row("000000000102", "<CITY/><FIRST_NAME>R&amp;amp;D</FIRST_NAME><ALLOW_SOLICITATION_FLAG>Y</ALLOW_SOLICITATION_FLAG><ALLOW_EMAIL_FLAG>N</ALLOW_EMAIL_FLAG><Member_x0020_Since>2020-01-01T00:00:00</Member_x0020_Since>"),
    ].concat());
    let people = decode(body.as_bytes()).unwrap();
    assert_eq!(people[0].remote_id.as_deref(), Some("000000000101-0"));
    assert_eq!(people[0].address.as_deref(), Some("a@x.example"));
    assert_eq!(people[0].flag, Flag::Yes);
    assert_eq!(people[0].cells, [Cell::Null, text("Zürich & Ōhamura <\"'>"), Cell::Null]);
    assert_eq!(people[1].flag, Flag::No);
    assert_eq!(people[1].cells, [text("R&amp;D"), text(""), text("2020-01-01T00:00:00")]);
}

#[test]
fn rows_without_both_ids_have_no_key() {
    let body = set(&[
        row("1", &format!("{ADDRESS_CELL}{FLAGS}")),
        row(" ", FLAGS),
        format!("<Table><SUB_CUSTOMER_ID>0</SUB_CUSTOMER_ID>{FLAGS}</Table>"),
        format!("<Table><MASTER_CUSTOMER_ID>4</MASTER_CUSTOMER_ID>{FLAGS}</Table>"),
        "<Table/>".to_owned(),
    ]
    .concat());
    let keys: Vec<_> = decode(body.as_bytes()).unwrap().into_iter().map(|p| p.remote_id).collect();
    assert_eq!(keys, [Some("1-0".to_owned()), None, None, None, None]);
}

#[test]
fn bytes_that_are_no_utf8_stay_in_their_cell() {
    let body = set(&row("1", &format!("{FLAGS}<FIRST_NAME>A@B</FIRST_NAME>"))).replace('@', "\u{e000}");
    let mut bytes = body.into_bytes();
    let at = bytes.windows(3).position(|w| w == "\u{e000}".as_bytes()).unwrap();
    bytes.splice(at..at + 3, [0xFF]);
    assert_eq!(decode(&bytes).unwrap()[0].cells[0], text("A\u{fffd}B"));
}

#[test]
fn a_long_cell_is_cut_and_a_byte_order_mark_a_schema_and_cdata_are_borne() {
    let long = "ä".repeat(50_000);
    let inner = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<NewDataSet><xs:schema id=\"x\" xmlns:xs=\"y\"><xs:element name=\"z\"/></xs:schema>{}</NewDataSet>",
        row("1", &format!("{FLAGS}<CITY>{long}</CITY>"))
    );
    let body = format!(
        "\u{feff}<?xml version=\"1.0\"?><StoredProcedureOutput xmlns=\"x\"><Data><![CDATA[{inner}]]></Data></StoredProcedureOutput>\n"
    );
    let people = decode(body.as_bytes()).unwrap();
    assert_eq!(people[0].cells[1], text(&"ä".repeat(32_768)));
}

#[test]
fn no_data_found_is_a_page_without_rows() {
    assert_eq!(decode(wrap(" No Data Found\r\n").as_bytes()).unwrap(), []);
    assert_eq!(decode(set("").as_bytes()).unwrap(), []);
}

#[test]
fn documents_that_break_the_contract_are_refused() {
    let good = set(&row("1", FLAGS));
    for cut in 1..good.len() {
        assert!(decode(&good.as_bytes()[..cut]).is_err(), "{}", &good[..cut]);
    }
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><NewDataSet><Table><CITY>&b;</CITY></Table></NewDataSet>";
    let deep = format!("<NewDataSet><Table><CITY>{}</CITY></Table></NewDataSet>", "<a>".repeat(10_000));
    for body in [
        format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{good}"),
        wrap(bomb),
        wrap(&deep),
        "<a>".repeat(10_000),
        wrap(""),
        wrap("Some Data Found"),
        wrap("<NewDataSet><Table><CITY>&b;</CITY></Table></NewDataSet>"),
        "<StoredProcedureOutput/>".into(),
        "<StoredProcedureOutput><Data/></StoredProcedureOutput>".into(),
        "<StoredProcedureOutput><Data>&bogus;</Data></StoredProcedureOutput>".into(),
        wrap("<NewDataSet>loose</NewDataSet>"),
        wrap("<NewDataSet><Table></NewDataSet>"),
    ] {
        let error = decode(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), "protocol", "{}", &body[..body.len().min(200)]);
    }
}

fn page(n: usize, rest: &str) -> String {
    set(&(0..n).map(|i| row(&format!("{i:012}"), rest)).collect::<String>())
}

const ADDRESS_CELL: &str = "<PRIMARY_EMAIL_ADDRESS>a@x.example</PRIMARY_EMAIL_ADDRESS>";

fn refused(body: &str, column: &str) -> bool {
    decode(body.as_bytes()).is_err_and(|e| e.kind() == "protocol" && e.to_string().contains(column))
}

#[test]
fn a_renamed_flag_is_an_error_and_never_a_no_for_everybody() {
    for n in [1, 49, 50, 200] {
        assert!(refused(&page(n, &format!("{ADDRESS_CELL}{}", FLAGS.replace("ALLOW_EMAIL_FLAG", "MAIL_OK"))), "ALLOW_EMAIL_FLAG"), "{n}");
        assert!(refused(&page(n, &format!("{ADDRESS_CELL}<ALLOW_EMAIL_FLAG>Y</ALLOW_EMAIL_FLAG>")), "ALLOW_SOLICITATION_FLAG"), "{n}");
        assert!(refused(&page(n, &format!("{ADDRESS_CELL}{FLAGS}")).replace("SUB_CUSTOMER_ID", "SUB"), "SUB_CUSTOMER_ID"), "{n}");
    }
}

#[test]
fn a_missing_address_column_is_told_from_people_without_an_address() {
    assert_eq!(decode(page(1, FLAGS).as_bytes()).unwrap()[0].address, None);
    for n in [2, 49, 50, 200] {
        assert!(refused(&page(n, FLAGS), "PRIMARY_EMAIL_ADDRESS"), "{n}");
    }
    let blank = decode(page(49, &format!("{FLAGS}<PRIMARY_EMAIL_ADDRESS/>")).as_bytes()).unwrap();
    assert_eq!(blank[0].address.as_deref(), Some(""));
    let mut history = History::default();
    decode_after(&mut history, page(60, &format!("{ADDRESS_CELL}{FLAGS}")).as_bytes()).unwrap();
    assert_eq!(decode_after(&mut history, page(49, FLAGS).as_bytes()).unwrap().len(), 49, "a tail of people without an address");
    assert!(refused(&page(3, &format!("{FLAGS}<EMAIL>a@x.example</EMAIL>")), "PRIMARY_EMAIL_ADDRESS"));
}

#[test]
fn a_field_that_no_row_has_had_is_absent_and_null_afterwards() {
    let with = |n, rest: &str| page(n, &format!("{ADDRESS_CELL}{FLAGS}{rest}"));
    let mut history = History::default();
    for n in [1, 50, 200] {
        let people = decode_after(&mut history, with(n, "<CITY>x</CITY>").as_bytes()).unwrap();
        assert!(people.iter().all(|p| p.cells == [Cell::Absent, text("x"), Cell::Absent]));
    }
    let one = row("999999999999", &format!("{ADDRESS_CELL}{FLAGS}<FIRST_NAME>Ann</FIRST_NAME>"));
    let both = set(&format!("{}{one}", row("999999999998", &format!("{ADDRESS_CELL}{FLAGS}"))));
    let people = decode_after(&mut history, both.as_bytes()).unwrap();
    assert_eq!(people[0].cells, [Cell::Null, Cell::Null, Cell::Absent]);
    let later = decode_after(&mut history, with(200, "").as_bytes()).unwrap();
    assert_eq!(later[0].cells, [Cell::Null, Cell::Null, Cell::Absent]);
}

#[test]
fn a_row_of_another_list_is_refused() {
    let of = |list: &str| decode(page(3, &format!("{ADDRESS_CELL}{FLAGS}<LIST_CODE>{list}</LIST_CODE>")).as_bytes());
    assert!(of(" l ").is_ok());
    assert_eq!(of("OTHER").unwrap_err().kind(), "protocol");
}

#[test]
fn what_pages_leave_behind_is_bounded() {
    let mut history = History::default();
    let full = "<FIRST_NAME>x</FIRST_NAME><CITY>x</CITY><Member_x0020_Since>x</Member_x0020_Since>";
    for n in 0..40 {
        let unknown: String = (0..40).map(|i| format!("<N{n}x{i}{}/>", "y".repeat(1_000))).collect();
        decode_after(&mut history, page(1, &format!("{ADDRESS_CELL}{FLAGS}{full}{unknown}")).as_bytes()).unwrap();
    }
    assert!(history.unknown.len() <= 256 && history.unknown.iter().all(|n| n.len() <= 128));
}

#[test]
fn a_renamed_field_is_an_error_on_a_full_page_and_left_alone_on_a_small_one() {
    let renamed = format!("{ADDRESS_CELL}{FLAGS}<FORENAME>Ann</FORENAME>");
    assert!(refused(&page(50, &renamed), "FIRST_NAME"));
    let small = decode(page(3, &renamed).as_bytes()).unwrap();
    assert_eq!(small[0].cells[0], Cell::Absent);
    let nulls = decode(page(50, &format!("{ADDRESS_CELL}{FLAGS}")).as_bytes()).unwrap();
    assert_eq!(nulls[0].cells[0], Cell::Absent);
}

#[test]
fn a_last_page_may_lack_what_earlier_pages_had() {
    let mut history = History::default();
    let whole = format!("{ADDRESS_CELL}{FLAGS}<FIRST_NAME>Ann</FIRST_NAME><EXTRA>1</EXTRA>");
    decode_after(&mut History::default(), page(60, &format!("{ADDRESS_CELL}{FLAGS}")).as_bytes()).unwrap();
    assert!(decode_after(&mut history, page(60, &whole).as_bytes()).is_err(), "CITY is missing beside an unknown column");
    let whole = format!("{whole}<CITY>x</CITY><Member_x0020_Since>2020-01-01</Member_x0020_Since>");
    decode_after(&mut history, page(60, &whole).as_bytes()).unwrap();
    let tail = decode_after(&mut history, page(1, "<EXTRA>1</EXTRA>").as_bytes()).unwrap();
    assert_eq!((tail[0].flag, tail[0].cells[0].clone()), (Flag::No, Cell::Null));
    assert!(decode_after(&mut history, page(1, "<OTHER>1</OTHER>").as_bytes()).is_err());
}

#[test]
fn a_field_that_is_also_a_fixed_column_gets_its_text() {
    let columns = Columns::of_procedure("L", &["PRIMARY_EMAIL_ADDRESS".to_owned(), "CITY".to_owned()]);
    let mut rows = Rows::new(&columns, 60);
    let inner = dataset::unwrap(page(60, &format!("{ADDRESS_CELL}{FLAGS}<CITY>x</CITY>")).as_bytes()).unwrap().unwrap();
    dataset::read(&inner, &mut rows).unwrap();
    History::default().check(&mut rows).unwrap();
    assert_eq!(rows.people[0].cells, [text("a@x.example"), text("x")]);
}
