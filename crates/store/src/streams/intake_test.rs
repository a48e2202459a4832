use rialto_core::audience::Sent;

use super::*;

const GOOD: &str =
    r#"{"specversion":"1.0","type":"profile.deleted","source":"/n","subject":"a","id":"1","sequence":1,"data":{"profileAltId":"a"}}"#;

fn north() -> Vec<Source> {
    let of = |id, source: &str, retired| Source { id, stream_id: 1, source: source.into(), retired };
    vec![of(7, "/n", false), of(8, "/s", true)]
}

#[test]
fn good_events_beside_bad_ones_are_taken_as_they_came() {
    let foreign = GOOD.replace("/n", "/s");
    let body = format!("[{GOOD}, {foreign}, 7, {{\"id\":\"x\"}} ,{GOOD}]");
    let batch = Batch::read(body.as_bytes(), &north()).unwrap();
    assert_eq!((batch.accepted, batch.texts.as_str()), (2, format!("{GOOD},{GOOD}").as_str()));
    let said: Vec<_> = batch.refused.iter().map(|(at, r)| (*at, r.event_id.as_str())).collect();
    assert_eq!(said, [(2, ""), (3, "x")]);
    assert_eq!(batch.passed, Passed { events: 1, source: "/s".into() }, "of a business unit that is read no longer");
}

#[test]
fn what_is_no_json_is_refused_by_itself_where_events_come_one_by_one() {
    let mut batch = Batch::default();
    batch.add("{\"spec", &north());
    batch.add(GOOD, &north());
    assert_eq!((batch.accepted, batch.refused.len(), batch.refused[0].1.body.as_str()), (1, 1, "{\"spec"));
}

#[test]
fn what_fields_look_like_is_noted_by_business_unit() {
    let with = |tier: &str| GOOD.replace("deleted", "upserted").replace("\"a\"}", &format!("\"a\",\"attributes\":{{\"tier\":{tier}}}}}"));
    let batch = Batch::read(format!("[{},{},{}]", with("null"), with("\"Gold\""), with("7")).as_bytes(), &north()).unwrap();
    let (seen, sample) = &batch.seen[&(7, "attributes.tier".to_owned())];
    assert_eq!((batch.accepted, seen.words().as_str(), sample.as_str()), (3, "integer or text", "Gold"));
}

#[test]
fn only_what_is_no_batch_is_refused_whole() {
    for odd in ["", "7", "\"x\"", "[", "{\"a\":}", "[1,]"] {
        assert!(matches!(Batch::read(odd.as_bytes(), &[]), Err(NoBatch::Shape(_))), "{odd}");
    }
    assert!(matches!(Batch::read(b"\xff", &[]), Err(NoBatch::Shape(_))));
    let many = format!("[{}1]", "1,".repeat(MAX_BATCH));
    assert_eq!(Batch::read(many.as_bytes(), &[]).unwrap_err(), NoBatch::TooMany);
    assert_eq!(Batch::read(b"[]", &[]).unwrap().accepted, 0);
}

#[test]
fn fields_are_noted_when_they_tell_something_new() {
    let of = |name: &str, value: Sent| {
        let mut seen = Seen::default();
        seen.add(&value);
        Fields::from([((1, name.to_owned()), (seen, value.sample()))])
    };
    let (mut noted, start) = (Noted::default(), Instant(0));
    let mut news = |fields: &Fields, at: Instant| {
        let news = noted.news([fields].into_iter(), at);
        noted.note(news.clone(), at);
        news.len()
    };
    assert_eq!(news(&of("a", Sent::Integer(1)), start), 1);
    assert_eq!(news(&of("a", Sent::Integer(2)), start.plus_seconds(59)), 0, "as before");
    assert_eq!(news(&of("a", Sent::Boolean(true)), start.plus_seconds(59)), 1, "another type");
    assert_eq!(news(&of("a", Sent::Integer(3)), start.plus_seconds(119)), 1, "a fresh sample");
    let many: Fields = (0..FIELDS).map(|n| ((1, n.to_string()), (Seen::default(), String::new()))).collect();
    news(&many, start);
    assert_eq!(news(&of("one too many", Sent::Integer(1)), start), 0, "bounded");
}

#[test]
fn batches_are_joined_to_arrays_that_the_log_takes() {
    let of = |accepted: usize| Batch { accepted, texts: vec!["1"; accepted].join(","), ..Batch::default() };
    let (one, none, two, many) = (of(1), of(0), of(2), of(MAX_BATCH));
    let all = joined(&[&one, &none, &two, &many, &one]);
    let counts: Vec<usize> = all.iter().map(|(n, _)| *n).collect();
    assert_eq!(counts, [3, MAX_BATCH, 1]);
    for (n, body) in all {
        assert_eq!(serde_json::from_str::<Vec<u8>>(&body).unwrap().len(), n);
    }
}
