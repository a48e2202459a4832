//! Whatever a remote sends, decoding ends, does not panic, and keeps to its bounds.

use proptest::prelude::*;
use rialto_core::person::RemotePerson;

use super::envelope::outcome;
use super::object::Object;
use super::rows::{Columns, Table};
use super::search::Query;
use super::xml;
use crate::ConnectorError;

const MOST: usize = 20;

/// The people of a page.
fn people(body: &[u8]) -> Result<Vec<RemotePerson>, ConnectorError> {
    let value = outcome(body, "ExecuteSearch").map_err(ConnectorError::from)?.value;
    Columns::of(&["EmailAddress".into(), "LastName".into()]).people(Table::read(value, MOST)?)
}

/// Decodes in every way; answers are errors or within the bounds.
fn bear(body: &[u8]) -> Result<(), TestCaseError> {
    match people(body) {
        Ok(people) => {
            prop_assert!(people.len() <= MOST && people.iter().all(|p| p.cells.len() == 2));
        }
        Err(error) => prop_assert!(error.to_string().len() < 900),
    }
    if let Ok(tree) = xml::parse(body) {
        if let Ok(object) = Object::read(&tree) {
            let _ = (object.flag("DoNotEmail"), object.list("OptOuts"));
        }
        if let Ok(query) = Query::of(&tree, &[]) {
            prop_assert!(query.arguments(0, 1).len() < 300 << 10);
        }
        let mut out = String::new();
        tree.write(&mut out, "");
        prop_assert!(out.len() < 64 * body.len() + 1_000);
    }
    let _ = xml::parse(body).map(Object::page);
    Ok(())
}

fn envelope(result: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"e\"><s:Body><ExecuteSearchResponse><ExecuteSearchResult xmlns:a=\"r\"><a:Success>true</a:Success><a:ResultValue>{result}\
         </a:ResultValue></ExecuteSearchResult></ExecuteSearchResponse></s:Body></s:Envelope>"
    )
}

fn sound() -> String {
    let schema = "<xs:schema><xs:element name=\"T\"><xs:element name=\"ID\"/><xs:element name=\"EmailAddress\"/><xs:element name=\"DoNotEmail\"/><xs:element name=\"LastName\"/></xs:element></xs:schema>";
    let row = "<T><ID>1</ID><EmailAddress>a@x.example</EmailAddress><DoNotEmail>false</DoNotEmail><LastName>\u{e4}&amp;</LastName></T>";
    envelope(&format!("<a:Table>{schema}<d:diffgram><N>{row}{row}</N></d:diffgram></a:Table><a:TotalRowCount>2</a:TotalRowCount>"))
}

fn pieces() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "<T>",
        "</T>",
        "<T/>",
        "<ID>1</ID>",
        "<DoNotEmail>false</DoNotEmail>",
        "<EmailAddress i:nil=\"true\"/>",
        "<a:Table>",
        "</a:Table>",
        "<diffgram>",
        "</diffgram>",
        "<Value>",
        "</Value>",
        "<Fields>",
        "<ClassType>Individual</ClassType>",
        "<Type>Individual</Type>",
        "<TotalRowCount>-1</TotalRowCount>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        "&b;",
        "&#0;",
        "&#x110000;",
        "&amp;",
        "<a b=\"&lt;\" b=\"\">",
    ]);
    let piece = prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}", 1 => "[\\x00-\\x7f]{0,8}"];
    prop::collection::vec(piece, 0..60).prop_map(|p| p.concat())
}

#[test]
fn the_sound_answer_is_sound_and_every_prefix_is_refused() {
    let sound = sound();
    assert_eq!(people(sound.as_bytes()).unwrap().len(), 2);
    for at in (0..sound.len()).filter(|at| sound.is_char_boundary(*at)) {
        assert!(people(&sound.as_bytes()[..at]).is_err(), "{at}");
    }
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
        bear(envelope(&text).as_bytes())?;
        bear(envelope(&format!("<Table><diffgram><N>{}{text}</N></diffgram></Table>", "<T/>".repeat(rows))).as_bytes())?;
    }

    #[test]
    fn a_changed_byte_is_borne(at in 0..2_000usize, to in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = sound().into_bytes();
        let at = at % bytes.len();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        if cut {
            bytes.truncate(at);
        }
        bear(&bytes)?;
    }

    #[test]
    fn depth_is_borne(depth in 0..1_500usize, piece in prop::sample::select(vec!["<a>", "<Value>", "<a xmlns:b=\"c\">"])) {
        bear(piece.repeat(depth).as_bytes())?;
        bear(envelope(&piece.repeat(depth)).as_bytes())?;
    }
}
