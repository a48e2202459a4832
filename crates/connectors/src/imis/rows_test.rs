use super::*;
use crate::imis::documents::Column;

fn columns(generation: Generation, aliases: &[&str], fields: &[&str]) -> Columns {
    let column = |alias: &&str| Column { alias: (*alias).to_owned(), caption: String::new(), kind: "String".into() };
    let definition = Definition { columns: aliases.iter().map(column).collect(), prompts: Vec::new() };
    let fields: Vec<String> = fields.iter().map(|f| (*f).to_owned()).collect();
    Columns::of(generation, &definition, "Email", &fields)
}

const ALL: &[&str] = &["ID", "Email", "DoNotEmail", "City", "State"];

fn ems(rows: &str) -> Rows {
    let body = format!("{{\"$type\":\"x\",\"Items\":{{\"$type\":\"y\",\"$values\":[{rows}]}},\"TotalCount\":1,\"HasNext\":false}}");
    Rows::decode(&body.into(), Generation::Ems).unwrap()
}

fn old(rows: &[&[(&str, &str)]]) -> Rows {
    let property = |(name, value): &(&str, &str)| format!("{{\"Name\":\"{name}\",\"Value\":{value}}}");
    let row = |cells: &&[(&str, &str)]| {
        format!("{{\"Properties\":{{\"$values\":[{}]}}}}", cells.iter().map(property).collect::<Vec<_>>().join(","))
    };
    let body = format!("{{\"Items\":{{\"$values\":[{}]}}}}", rows.iter().map(row).collect::<Vec<_>>().join(","));
    Rows::decode(&body.into(), Generation::Y2017).unwrap()
}

fn read(columns: &Columns, history: &mut History, page: Rows) -> Result<Vec<RemotePerson>, ConnectorError> {
    history.check(columns, &page)?;
    Ok(people(columns, history, page, 0))
}

#[test]
fn flat_rows_become_people() {
    let columns = columns(Generation::Ems, ALL, &["City", "Shoe"]);
    let row = r#"{"$type":"r","ID":"101","Email":null,"DoNotEmail":false,"City":"X","State":null}"#;
    let found = read(&columns, &mut History::default(), ems(row)).unwrap();
    let expected =
        RemotePerson { remote_id: Some("101".into()), address: None, flag: Flag::Yes, cells: vec![Cell::Text("X".into()), Cell::Absent] };
    assert_eq!(found, [expected]);
}

#[test]
fn only_a_clear_false_is_a_yes() {
    let columns = columns(Generation::Ems, ALL, &[]);
    for (value, flag) in
        [("false", Flag::Yes), ("\"N\"", Flag::Yes), ("0", Flag::Yes), ("true", Flag::No), ("null", Flag::No), ("\"?\"", Flag::No)]
    {
        let row = format!("{{\"ID\":101,\"Email\":\"a@b.example\",\"DoNotEmail\":{value}}}");
        assert_eq!(read(&columns, &mut History::default(), ems(&row)).unwrap()[0].flag, flag, "{value}");
    }
}

#[test]
fn a_column_that_is_missing_on_ems_is_an_error_with_its_name() {
    let columns = columns(Generation::Ems, ALL, &["City"]);
    for (row, name) in [
        (r#"{"Key":"1","Email":"a","DoNotEmail":false,"City":"X"}"#, "ID"),
        (r#"{"ID":"1","Mail":"a","DoNotEmail":false,"City":"X"}"#, "Email"),
        (r#"{"ID":"1","Email":"a","NoMail":false,"City":"X"}"#, "DoNotEmail"),
        (r#"{"ID":"1","Email":"a","DoNotEmail":false}"#, "City"),
    ] {
        let error = read(&columns, &mut History::default(), ems(row)).unwrap_err();
        assert!(error.kind() == "protocol" && error.to_string().contains(&format!("column {name} ")), "{row}: {error}");
    }
}

#[test]
fn the_older_generation_leaves_out_nulls_and_a_renamed_column_is_found() {
    let columns = columns(Generation::Y2017, ALL, &["City", "State"]);
    let mut history = History::default();
    let first = old(&[&[
        ("ResultRow", "\"1\""),
        ("ID", "\"101\""),
        ("DoNotEmail", r#"{"$type":"System.Boolean","$value":false}"#),
        ("City", "\"X\""),
    ]]);
    let found = read(&columns, &mut history, first).unwrap();
    assert_eq!((found[0].address.as_deref(), found[0].flag), (None, Flag::Yes));
    assert_eq!(found[0].cells, [Cell::Text("X".into()), Cell::Absent], "no row has had a State yet");
    let second = old(&[&[("ID", "\"102\""), ("State", "\"Y\"")]]);
    let found = read(&columns, &mut history, second).unwrap();
    assert_eq!((found[0].flag, found[0].cells.clone()), (Flag::No, vec![Cell::Null, Cell::Text("Y".into())]));
    let renamed = old(&[&[("ID", "\"103\""), ("NoMail", "\"x\""), ("City", "\"X\""), ("Email", "\"a\"")]]);
    assert!(read(&columns, &mut history, renamed).unwrap_err().to_string().contains("DoNotEmail is missing; was it renamed to NoMail?"));
    let row: &[(&str, &str)] = &[("ID", "\"1\""), ("Email", "\"a\"")];
    let flagless = old(&[row; 60]);
    assert!(read(&columns, &mut history, flagless).is_err(), "nobody in a whole page has a flag");
}

#[test]
fn rows_without_a_key_are_handed_on() {
    let columns = columns(Generation::Ems, ALL, &[]);
    let rows = r#"{"ID":"1","Email":"a","DoNotEmail":false},{"Email":"b","DoNotEmail":true},{"ID":" ","Email":"c","DoNotEmail":true}"#;
    let mut history = History::default();
    let found = read(&columns, &mut history, ems(rows)).unwrap();
    assert_eq!(found.iter().map(|p| p.remote_id.is_some()).collect::<Vec<_>>(), [true, false, false]);
    let alone = r#"{"Email":"b","DoNotEmail":true}"#;
    assert_eq!(read(&columns, &mut history, ems(alone)).unwrap().len(), 1);
    assert!(read(&columns, &mut History::default(), ems(alone)).is_err());
}
