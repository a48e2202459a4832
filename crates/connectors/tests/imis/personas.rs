//! Personas: one row of ours per person, and no other row is touched.

use rialto_core::writeback::PersonaText;
use rialto_sandbox::imis::{Field, Instances, Row, Table};
use rialto_sandbox::{Fault, FaultRule};

use super::*;

const TABLE: &str = "INFORMZ_PERSONA";

fn text(name: &str) -> PersonaText {
    PersonaText { name: name.into(), description: format!("About {name}.") }
}

fn persona(name: &str, before: &[&str]) -> What {
    let said = if name.is_empty() { PersonaText { name: String::new(), description: String::new() } } else { text(name) };
    What::Persona { name: said.name, description: said.description, before: before.iter().map(|b| text(b)).collect() }
}

fn rows(remote: &Remote, person: &str) -> Vec<Row> {
    remote.sandbox().rows(TABLE, Some(person), 100)
}

fn names(remote: &Remote, person: &str) -> Vec<String> {
    rows(remote, person).iter().map(|r| r.values.get("SCORE_NAME").cloned().unwrap_or_default()).collect()
}

fn theirs(remote: &Remote, person: &str, name: &str) {
    remote.sandbox().add_row(TABLE, person, &[("SCORE_NAME", name), ("SCORE_DESC", "By hand.")]).unwrap();
}

#[tokio::test]
async fn our_row_is_made_replaced_and_deleted_and_theirs_stay() {
    for generation in GENERATIONS {
        let remote = Remote::start(50, generation).await;
        let bridge = remote.bridge(&[]);
        theirs(&remote, "107", "Board member");
        theirs(&remote, "107", "Student");
        let write = |number, what: What| {
            let bridge = bridge.clone();
            async move { deliver(&bridge, number, "107", &what, false).await.unwrap() }
        };
        assert_eq!(write(1, persona("Student", &[])).await, Acknowledged::Written);
        assert_eq!(names(&remote, "107"), ["Board member", "Student", "Student"], "the same name with other words is not ours");
        let ordinal = rows(&remote, "107")[2].ordinal;
        assert_eq!(rows(&remote, "107")[2].values["SCORE_DESC"], "About Student.");
        assert_eq!(write(2, persona("Researcher", &["Student"])).await, Acknowledged::Written);
        assert_eq!(
            (names(&remote, "107"), rows(&remote, "107")[2].ordinal),
            (vec!["Board member".into(), "Student".into(), "Researcher".into()], ordinal)
        );
        assert_eq!(write(3, persona("Researcher", &["Researcher"])).await, Acknowledged::Written);
        assert_eq!(names(&remote, "107").len(), 3);
        assert_eq!(write(4, persona("", &["Researcher"])).await, Acknowledged::Written);
        assert_eq!(names(&remote, "107"), ["Board member", "Student"]);
        assert_eq!(write(5, persona("", &["Researcher"])).await, Acknowledged::Written);
        assert_eq!(names(&remote, "107").len(), 2);
        assert_eq!(remote.sandbox().activity_count(), 0, "a persona leaves a row and nothing else");
        refused(deliver(&bridge, 6, "99999", &persona("Student", &[]), false).await);
        refused(deliver(&bridge, 6, "99999", &persona("", &[]), false).await);
    }
}

#[tokio::test]
async fn rows_that_came_twice_become_one() {
    let remote = Remote::start(50, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    for _ in 0..3 {
        remote.sandbox().add_row(TABLE, "107", &[("SCORE_NAME", "Student"), ("SCORE_DESC", "About Student.")]).unwrap();
    }
    theirs(&remote, "107", "Other");
    assert_eq!(deliver(&bridge, 1, "107", &persona("Student", &[]), true).await.unwrap(), Acknowledged::Written);
    assert_eq!(names(&remote, "107"), ["Student", "Other"]);
    assert_eq!(deliver(&bridge, 1, "107", &persona("Student", &[]), true).await.unwrap(), Acknowledged::FoundThere);
}

#[tokio::test]
async fn long_values_are_cut_counted_and_found_again() {
    let remote = Remote::start(50, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    let long = PersonaText { name: "ä".repeat(300), description: "😀".repeat(1_500) };
    let what = What::Persona { name: long.name.clone(), description: long.description.clone(), before: Vec::new() };
    assert_eq!(deliver(&bridge, 1, "107", &what, false).await.unwrap(), Acknowledged::Cut { values: 2 });
    let row = rows(&remote, "107").remove(0);
    assert_eq!((row.values["SCORE_NAME"].as_str(), row.values["SCORE_DESC"].chars().count()), ("ä".repeat(255).as_str(), 1_000));
    let next = What::Persona { name: "Short".into(), description: "😀".repeat(1_001), before: vec![long] };
    assert_eq!(deliver(&bridge, 2, "107", &next, false).await.unwrap(), Acknowledged::Cut { values: 1 });
    assert_eq!(names(&remote, "107"), ["Short"]);
}

#[tokio::test]
async fn a_table_of_single_rows_serves_as_long_as_its_row_is_ours() {
    let remote = Remote::with(Options { people: 50, persona_table: false, ..Options::default() }).await;
    remote.sandbox().create_table(Table { instances: Instances::Single, ..Table::personas() }).unwrap();
    let bridge = remote.bridge(&[]);
    for (number, (name, before)) in (1..).zip([("A", vec![]), ("B", vec!["A"]), ("", vec!["B"]), ("C", vec![])]) {
        deliver(&bridge, number, "107", &persona(name, &before), false).await.unwrap();
        assert_eq!(names(&remote, "107"), if name.is_empty() { vec![] } else { vec![name.to_owned()] });
    }
    theirs(&remote, "108", "Theirs");
    refused(deliver(&bridge, 9, "108", &persona("A", &[]), false).await);
    assert_eq!(names(&remote, "108"), ["Theirs"]);
}

const PLACES: &[&str] = &[
    "GET BoEntityDefinition",
    "GET INFORMZ_PERSONA",
    "POST INFORMZ_PERSONA",
    "PUT INFORMZ_PERSONA",
    "DELETE INFORMZ_PERSONA",
    "GET Party",
];

fn faults() -> Vec<Fault> {
    vec![
        Fault::RateLimited { retry_after: "120".into() },
        Fault::ServerError { status: 500 },
        Fault::ServerError { status: 409 },
        Fault::HtmlPage,
        Fault::TruncatedPayload,
        Fault::EmptyBody,
        Fault::BadCredentials,
        Fault::CutBody { after_bytes: 0 },
        Fault::CutBody { after_bytes: 150 },
        Fault::Validation { status: 200, message: "No.".into() },
        Fault::Validation { status: 400, message: "No.".into() },
        Fault::WrongEntity,
        Fault::RenamedField { from: "SCORE_NAME".into(), to: "NAME".into() },
        Fault::RenamedField { from: "SCORE_DESC".into(), to: "DESC".into() },
        Fault::RenamedField { from: "Identity".into(), to: "Key".into() },
        Fault::RenamedField { from: "Items".into(), to: "Rows".into() },
        Fault::RenamedField { from: "Properties".into(), to: "Values".into() },
    ]
}

/// Under every fault of every request: acknowledged only when exactly one row of ours says it; their rows are never touched.
#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_there() {
    for generation in GENERATIONS {
        let remote = Remote::start(50, generation).await;
        theirs(&remote, "107", "Board member");
        for fault in faults() {
            for place in PLACES {
                for (number, (name, before)) in (1..).zip([("A", vec![]), ("B", vec!["A"]), ("", vec!["A", "B"])]) {
                    let bridge = remote.bridge(&[]);
                    remote.fault(FaultRule::always(fault.clone()).on(place));
                    let case = format!("{fault:?} at {place}, {name:?}");
                    let mut acknowledged = false;
                    for tried in 0..4 {
                        // As the engine says it: a try that failed may have arrived.
                        let delivered = deliver(&bridge, number, "107", &persona(name, &before), tried > 0).await;
                        let found = names(&remote, "107");
                        assert_eq!(found[0], "Board member", "{case}");
                        match delivered {
                            Ok(_) => {
                                let ours: Vec<&str> = found[1..].iter().map(String::as_str).collect();
                                let wanted: &[&str] = if name.is_empty() { &[] } else { &[name] };
                                assert_eq!(ours, wanted, "{case}");
                                acknowledged = true;
                                break;
                            }
                            Err(error) => assert!(!format!("{error} {error:?}").contains(PASSWORD)),
                        }
                        if tried == 1 {
                            remote.sandbox().clear_faults();
                        }
                    }
                    assert!(acknowledged, "{case}: never acknowledged");
                    remote.sandbox().clear_faults();
                }
            }
        }
    }
}

/// Each fault of the table is one sentence; what is written back waits, and goes out after the repair.
#[tokio::test]
async fn a_table_that_is_not_as_documented_holds_personas_and_says_why() {
    for generation in GENERATIONS {
        let remote = Remote::start(50, generation).await;
        let (sandbox, bridge) = (remote.sandbox(), remote.bridge(&[]));
        let name = || Field::text("SCORE_NAME", "Persona Name", 255);
        let desc = || Field::text("SCORE_DESC", "Persona Desc", 2_000);
        let of_kind = |kind| Field { kind, ..name() };
        type Act<'a> = Box<dyn Fn() + 'a>;
        let alter = |from: &'static str, to: Field| -> Act<'_> { Box::new(move || sandbox.alter_field(TABLE, from, to.clone()).unwrap()) };
        let cases: Vec<(Act<'_>, Act<'_>, &str)> = vec![
            (
                Box::new(|| sandbox.drop_table(TABLE).unwrap()),
                Box::new(|| sandbox.create_table(Table::personas()).unwrap()),
                "table INFORMZ_PERSONA is missing",
            ),
            (
                Box::new(|| sandbox.rename_table(TABLE, "Informz_Persona").unwrap()),
                Box::new(|| sandbox.rename_table("Informz_Persona", TABLE).unwrap()),
                "is named Informz_Persona: rename it to INFORMZ_PERSONA",
            ),
            (
                Box::new(|| sandbox.rename_table(TABLE, "INFORMZ_PERSONAS").unwrap()),
                Box::new(|| sandbox.rename_table("INFORMZ_PERSONAS", TABLE).unwrap()),
                "is named INFORMZ_PERSONAS",
            ),
            (
                Box::new(|| sandbox.drop_field(TABLE, "SCORE_NAME").unwrap()),
                Box::new(move || sandbox.add_field(TABLE, name()).unwrap()),
                "SCORE_NAME is missing",
            ),
            (
                Box::new(|| sandbox.drop_field(TABLE, "SCORE_DESC").unwrap()),
                Box::new(move || sandbox.add_field(TABLE, desc()).unwrap()),
                "SCORE_DESC is missing",
            ),
            (
                alter("SCORE_NAME", Field { name: "Score_Name".into(), ..name() }),
                alter("Score_Name", name()),
                "column Score_Name of the table INFORMZ_PERSONA must be named SCORE_NAME",
            ),
            (alter("SCORE_DESC", Field { name: "SCOREDESC".into(), ..desc() }), alter("SCOREDESC", desc()), "must be named SCORE_DESC"),
            (
                alter("SCORE_NAME", of_kind(rialto_sandbox::imis::FieldKind::Int)),
                alter("SCORE_NAME", name()),
                "SCORE_NAME of the table INFORMZ_PERSONA has the type Integer",
            ),
            (alter("SCORE_NAME", of_kind(rialto_sandbox::imis::FieldKind::Date)), alter("SCORE_NAME", name()), "has the type Date"),
            (
                alter("SCORE_NAME", Field { length: 100, ..name() }),
                alter("SCORE_NAME", name()),
                "SCORE_NAME of the table INFORMZ_PERSONA has the length 100: it must be 255",
            ),
            (alter("SCORE_DESC", Field { length: 4_000, ..desc() }), alter("SCORE_DESC", desc()), "has the length 4000: it must be 2000"),
        ];
        for (number, (spoil, repair, words)) in (1..).zip(cases) {
            assert_eq!(bridge.set_up_faults().await.unwrap(), [], "{words}");
            spoil();
            let faults = bridge.set_up_faults().await.unwrap();
            assert!(faults.len() == 1 && faults[0].detail.contains(words), "{words}: {faults:?}");
            assert_eq!(faults[0].kinds, [rialto_core::writeback::WritebackKind::Persona]);
            let person = (100 + number).to_string();
            let told = set_up_fault(deliver(&bridge, number, &person, &persona("Student", &[]), false).await);
            assert_eq!(told, faults[0].detail);
            deliver(&bridge, 1_000 + number, &person, &What::Unsubscribe, false).await.expect("consent does not wait for a table");
            repair();
            deliver(&bridge, number, &person, &persona("Student", &[]), false).await.unwrap();
            assert_eq!(names(&remote, &person), ["Student"], "{words}");
        }
        // Prompts are ignored, and so are other columns.
        sandbox.alter_field(TABLE, "SCORE_NAME", Field { prompt: "Anything".into(), ..name() }).unwrap();
        sandbox.add_field(TABLE, Field::text("OTHER", "", 5)).unwrap();
        assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    }
}
