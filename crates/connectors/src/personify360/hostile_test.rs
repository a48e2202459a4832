//! Whatever a remote sends, decoding ends, does not panic, and keeps to its bounds.

use proptest::prelude::*;
use quick_xml::escape::escape;
use rialto_core::person::RemotePerson;

use super::budget::TABLE_ROWS;
use super::dataset;
use super::history::History;
use super::json;
use super::metadata;
use super::rows::{Columns, FIXED, Rows};
use super::table::Table;
use crate::ConnectorError;

const MOST: usize = 20;

fn fields() -> Vec<String> {
    ["CITY", "Member Since", "MASTER_CUSTOMER_ID"].map(str::to_owned).to_vec()
}

/// The people of a page, whichever dialect it is in.
fn people(body: &[u8], columns: &Columns) -> Result<Vec<RemotePerson>, ConnectorError> {
    let mut rows = Rows::new(columns, MOST);
    if columns.nulls {
        json::read(body, &mut rows)?;
    } else if let Some(inner) = dataset::unwrap(body)? {
        dataset::read(&inner, &mut rows)?;
    }
    History::default().check(&mut rows)?;
    Ok(rows.people)
}

/// Decodes in every way; answers are errors or within the bounds.
fn bear(body: &[u8]) -> Result<(), TestCaseError> {
    for columns in [Columns::of_procedure("L", &fields()), Columns::of_entity_set("L", &fields())] {
        match people(body, &columns) {
            Ok(people) => {
                prop_assert!(people.len() <= MOST);
                prop_assert!(people.iter().all(|p| p.cells.len() == columns.names.len() - FIXED));
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), "protocol");
                prop_assert!(error.to_string().len() < 600);
            }
        }
    }
    if let Ok(table) = Table::decode(body, &["CITY"]) {
        prop_assert!(table.rows().count() <= TABLE_ROWS);
    }
    prop_assert!(metadata::properties(body, "S").is_ok_and(|p| p.len() <= 4_096) || metadata::properties(body, "S").is_err());
    Ok(())
}

/// Pieces of which answers are made, sound ones and others.
fn pieces() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "<T>",
        "</T>",
        "<T/>",
        "<CITY>",
        "</CITY>",
        "<CITY/>",
        "<MASTER_CUSTOMER_ID>1</MASTER_CUSTOMER_ID>",
        "<SUB_CUSTOMER_ID>0</SUB_CUSTOMER_ID>",
        "<PRIMARY_EMAIL_ADDRESS>a@x.example</PRIMARY_EMAIL_ADDRESS>",
        "<ALLOW_EMAIL_FLAG>Y</ALLOW_EMAIL_FLAG><ALLOW_SOLICITATION_FLAG>Y</ALLOW_SOLICITATION_FLAG>",
        "<Member_x0020_Since xsi:nil=\"true\"/>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?x?>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        "&b;",
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&amp;",
        "\u{feff}",
        "<xs:schema>",
        "</xs:schema>",
        "{\"d\":",
        "{\"results\":",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"CITY\":",
        "\"MasterCustomerId\":\"1\"",
        "null",
        "1e999",
        "-0",
        "\"\\ud800\"",
        "\"/Date(99999999999999999)/\"",
        "{},",
        "[{}]",
    ]);
    let piece = prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}", 1 => "[\\x00-\\x7f]{0,8}"];
    prop::collection::vec(piece, 0..60).prop_map(|p| p.concat())
}

/// A sound answer of both dialects.
fn sound() -> [String; 2] {
    let row = "<T><MASTER_CUSTOMER_ID>1</MASTER_CUSTOMER_ID><SUB_CUSTOMER_ID>0</SUB_CUSTOMER_ID><PRIMARY_EMAIL_ADDRESS>a@x.example</PRIMARY_EMAIL_ADDRESS><ALLOW_EMAIL_FLAG>Y</ALLOW_EMAIL_FLAG><ALLOW_SOLICITATION_FLAG>Y</ALLOW_SOLICITATION_FLAG><CITY>\u{e4}&amp;</CITY></T>";
    let entity = "{\"MasterCustomerId\":\"1\",\"SubCustomerId\":0,\"PrimaryEmailAddress\":null,\"AllowEmailFlag\":true,\"AllowSolicitationFlag\":\"Y\",\"CITY\":1.5,\"Member Since\":\"/Date(0)/\",\"MASTER_CUSTOMER_ID\":null}";
    let inner = format!("<NewDataSet>{row}{row}</NewDataSet>");
    [
        format!("<StoredProcedureOutput><Data>{}</Data></StoredProcedureOutput>", escape(&inner)),
        format!("{{\"d\":{{\"results\":[{entity},{entity}]}}}}"),
    ]
}

#[test]
fn the_sound_answers_are_sound() {
    let [xml, json] = sound();
    assert_eq!(people(xml.as_bytes(), &Columns::of_procedure("L", &fields())).unwrap().len(), 2);
    assert_eq!(people(json.as_bytes(), &Columns::of_entity_set("L", &fields())).unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_borne(body in prop::collection::vec(any::<u8>(), 0..400)) {
        bear(&body)?;
    }

    #[test]
    fn any_order_of_pieces_is_borne(text in pieces(), rows in 0..40usize) {
        bear(text.as_bytes())?;
        let inner = format!("<NewDataSet>{}{text}</NewDataSet>", "<T/>".repeat(rows));
        bear(format!("<StoredProcedureOutput><Data>{}</Data></StoredProcedureOutput>", escape(&inner)).as_bytes())?;
        bear(format!("<a><Data><![CDATA[{inner}]]></Data></a>").as_bytes())?;
        bear(format!("{{\"d\":[{}{text}]}}", "{},".repeat(rows)).as_bytes())?;
    }

    #[test]
    fn a_changed_byte_is_borne(at in 0..2_000usize, to in any::<u8>(), cut in any::<bool>()) {
        for good in sound() {
            let mut bytes = good.into_bytes();
            let at = at % bytes.len();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            if cut {
                bytes.truncate(at);
            }
            bear(&bytes)?;
        }
    }

    #[test]
    fn depth_is_borne(depth in 0..1_500usize, piece in prop::sample::select(vec!["<a>", "[", "{\"d\":", "{\"a\":["])) {
        let deep = piece.repeat(depth);
        bear(deep.as_bytes())?;
        bear(format!("{{\"d\":[{{\"a\":{deep}").as_bytes())?;
        bear(format!("<a><Data>{}</Data></a>", escape(format!("<N><T><CITY>{deep}"))).as_bytes())?;
    }
}
