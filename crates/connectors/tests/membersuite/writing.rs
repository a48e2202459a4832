//! Writebacks: acknowledged only when the sandbox shows it, and never twice there, whatever goes wrong.

use rialto_connectors::{Acknowledged, Delivery, DeliveryError};
use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{AddressFault, InterestChange, InterestSource, Message, What, WritebackKind, marker};
use rialto_sandbox::Fault;

use super::*;

type Delivered = Result<Acknowledged, DeliveryError>;

/// The mark of the writeback with this number.
fn mark(id: i64) -> String {
    marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id })
}

/// One of each kind.
fn all(remote: &Remote) -> Vec<What> {
    let categories = remote.sandbox().categories();
    let change = |at: usize, wanted| InterestChange {
        source: InterestSource::Area,
        code: categories[at].id.clone(),
        subcode: String::new(),
        name: categories[at].name.clone(),
        wanted,
    };
    vec![
        What::Unsubscribe,
        What::Resubscribe { say_yes: true },
        What::Resubscribe { say_yes: false },
        What::InvalidEmail { fault: AddressFault::InvalidDomain },
        What::Interests { changes: vec![change(0, true), change(1, false), change(2, false)] },
    ]
}

async fn deliver(bridge: &Bridge, id: i64, person: &str, what: &What, again: bool) -> Delivered {
    let at = Instant::parse("2026-01-05T08:09:10Z").unwrap();
    let message = Message { at, account: "Lumora Society".into(), reason: "no time".into(), what: what.clone() };
    bridge.deliver(Delivery { marker: &mark(id), remote_id: person, message: &message, again }).await
}

fn marks(remote: &Remote, person: &str, id: i64) -> usize {
    remote.sandbox().activities(person).iter().filter(|a| a.description.contains(&mark(id))).count()
}

/// Makes the person differ from what the message wants.
fn oppose(remote: &Remote, person: &str, what: &What) {
    let categories = remote.sandbox().categories();
    remote.sandbox().edit_person(person, |p| {
        p.do_not_email = matches!(what, What::Resubscribe { .. });
        p.opt_outs = vec![categories[0].id.clone(), categories[3].id.clone()];
    });
}

/// Whether all that the message says stands there.
fn shows(remote: &Remote, person: &str, what: &What) -> bool {
    let person = remote.sandbox().person(person).unwrap();
    match what {
        What::Unsubscribe => person.do_not_email,
        What::Resubscribe { say_yes } => person.do_not_email != *say_yes,
        What::InvalidEmail { .. } | What::Persona { .. } => true,
        What::Interests { changes } => changes.iter().all(|c| person.opt_outs.contains(&c.code) != c.wanted),
    }
}

#[tokio::test]
async fn each_kind_is_written_once_and_changes_nothing_else() {
    let remote = Remote::start(100).await;
    let bridge = remote.bridge(&[]);
    for (at, what) in (1..).zip(all(&remote)) {
        for number in 1..=20 {
            let person = remote.sandbox().id(number);
            oppose(&remote, &person, &what);
            let before = remote.sandbox().person(&person).unwrap();
            let id = at * 1_000 + i64::try_from(number).unwrap();
            assert_eq!(deliver(&bridge, id, &person, &what, false).await.unwrap(), Acknowledged::Written);
            assert!(shows(&remote, &person, &what), "{what:?} {number}");
            let mut after = remote.sandbox().person(&person).unwrap();
            let fourth = remote.sandbox().categories()[3].id.clone();
            assert!(after.opt_outs.contains(&fourth), "what others opted out of stays");
            (after.do_not_email, after.last_modified) = (before.do_not_email, before.last_modified);
            after.opt_outs.clone_from(&before.opt_outs);
            assert_eq!(after, before, "only the flag and the opt-outs");
            assert_eq!(deliver(&bridge, id, &person, &what, true).await.unwrap(), Acknowledged::FoundThere);
            assert_eq!(marks(&remote, &person, id), 1);
        }
    }
    assert_eq!(remote.sandbox().activity_count(), 100);
    let activity = &remote.sandbox().activities(&remote.sandbox().id(3))[0];
    assert!(activity.description.contains("Lumora Society on 2026-01-05 08:09:10 UTC. Do Not Email was ticked. Reason: no time"));
    assert_eq!((activity.name.as_str(), activity.date.unwrap().to_string().as_str()), ("Rialto: Unsubscribe", "2026-01-05T08:09:10Z"));
    let shown = bridge.shown(&remote.sandbox().id(3)).await.unwrap();
    assert_eq!(shown.markers, (1..=5).map(|at| mark(at * 1_000 + 3)).collect::<Vec<_>>());
    assert_eq!(remote.calls("POST ExecuteMSQL ActivityType"), 1, "what activities are made of is learned once");
}

#[tokio::test]
async fn the_standing_check_sees_what_reading_searches_sees() {
    let remote = Remote::start(120).await;
    let bridge = remote.bridge(&[]);
    for person in all_people(&bridge, &remote.code("All individuals")).await.unwrap() {
        assert_eq!(bridge.shown(&person.remote_id.unwrap()).await.unwrap().flag, Some(person.flag));
    }
    for none in ["nobody", "", "a'b", &remote.code("Board"), &remote.sandbox().id(121)] {
        assert_eq!(bridge.shown(none).await.unwrap().flag, None, "{none}");
    }
}

#[tokio::test]
async fn a_flag_without_its_mark_is_finished_and_a_later_yes_is_not_taken_back() {
    let remote = Remote::start(20).await;
    let (bridge, person) = (remote.bridge(&[]), remote.sandbox().id(7));
    remote.sandbox().set_do_not_email(&person, true);
    assert_eq!(deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap(), Acknowledged::Written);
    remote.sandbox().set_do_not_email(&person, false);
    assert_eq!(deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap(), Acknowledged::FoundThere);
    assert_eq!(bridge.shown(&person).await.unwrap().flag, Some(Flag::Yes));
    assert_eq!(marks(&remote, &person, 1), 1);
}

#[tokio::test]
async fn people_who_are_not_there_are_refused() {
    let remote = Remote::start(20).await;
    let bridge = remote.bridge(&[]);
    for what in all(&remote) {
        for id in [remote.sandbox().id(99), "nonsense".into(), String::new(), "a' or 'b".into(), remote.code("Board")] {
            let error = deliver(&bridge, 1, &id, &what, false).await.unwrap_err();
            assert!(matches!(error, DeliveryError::Refused { .. }), "{what:?} {id}: {error:?}");
        }
    }
    assert_eq!(remote.sandbox().activity_count(), 0);
}

#[tokio::test]
async fn a_missing_activity_type_holds_until_it_is_added() {
    let remote = Remote::with(Options { people: 20, set_up: false, ..Options::default() }).await;
    let (bridge, person) = (remote.bridge(&[]), remote.sandbox().id(3));
    let faults = bridge.set_up_faults().await.unwrap();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].detail.contains("Activity Type") && faults[0].detail.contains("\"Rialto\""), "{}", faults[0].detail);
    assert!(!faults[0].kinds.contains(&WritebackKind::MailingActivity) && faults[0].kinds.len() == 4);
    remote.sandbox().set_do_not_email(&person, false);
    let error = deliver(&bridge, 1, &person, &What::Unsubscribe, false).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::SetUp { missing } if missing.contains("Activity Type")), "{error:?}");
    assert!(marks(&remote, &person, 1) == 0 && remote.sandbox().person(&person).unwrap().do_not_email, "the wish itself stands");
    remote.sandbox().set_activity_type("Rialto", true);
    deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap();
    assert_eq!(marks(&remote, &person, 1), 1);
    assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    // Taken away again behind the connector's back.
    remote.sandbox().set_activity_type("Rialto", false);
    let error = deliver(&bridge, 2, &person, &What::Unsubscribe, false).await.unwrap_err();
    assert!(matches!(error, DeliveryError::SetUp { .. }), "{error:?}");
    let other = remote.bridge(&[("activity_type", "meeting")]);
    deliver(&other, 2, &person, &What::Unsubscribe, true).await.unwrap();
    assert_eq!(marks(&remote, &person, 2), 1);
}

/// The calls of a writeback, as fault rules name them.
const PLACES: &[&str] = &[
    "Get Individual",
    "Save Individual",
    "Save Activity",
    "ExecuteMSQL Activity",
    "ExecuteMSQL ActivityType",
    "DescribeObject Activity",
    "WhoAmI",
];

fn faults() -> Vec<Fault> {
    let renamed = |from: &str| Fault::RenamedField { from: from.into(), to: "Other".into() };
    vec![
        Fault::SlowBody { bytes_per_second: 20 },
        Fault::Timeout { seconds: 3 },
        Fault::RateLimited { retry_after: "120".into() },
        Fault::ServerError { status: 500 },
        Fault::ServerError { status: 503 },
        Fault::ServerError { status: 409 },
        Fault::HtmlPage,
        Fault::TruncatedPayload,
        Fault::EmptyBody,
        Fault::BadCredentials,
        Fault::CutBody { after_bytes: 0 },
        Fault::CutBody { after_bytes: 600 },
        Fault::Validation { status: 200, message: "No.".into() },
        Fault::Validation { status: 500, message: "No.".into() },
        Fault::WrongEntity,
        Fault::WrongTotal { delta: 1 },
        Fault::WrongTotal { delta: -1 },
        renamed("Description"),
        renamed("Entity"),
        renamed("DoNotEmail"),
        renamed("OptOuts"),
        renamed("ID"),
    ]
}

fn is_slow(fault: &Fault) -> bool {
    matches!(fault, Fault::Timeout { .. } | Fault::SlowBody { .. })
}

/// Tries until it is acknowledged, each time checking that the words are true; the fault holds for the first two.
async fn settle(remote: &Remote, bridge: &Bridge, person: &str, id: i64, what: &What, case: &str) {
    for tried in 0..4 {
        let delivered = deliver(bridge, id, person, what, tried > 0).await;
        let marks = marks(remote, person, id);
        assert!(marks < 2, "{case}: {marks} marks after {} tries", tried + 1);
        match delivered {
            Ok(_) => {
                assert!(marks == 1 && shows(remote, person, what), "{case}: acknowledged without the effect");
                return;
            }
            Err(error) => {
                let told = format!("{error} {error:?}");
                assert!(!told.contains(&remote.sandbox().options().secret_access_key), "{case}");
                assert!(!told.contains(&remote.sandbox().options().access_key_id), "{case}");
                assert!(!matches!(error, DeliveryError::SetUp { .. }) || marks == 0, "{case}: {error}");
            }
        }
        if tried == 1 {
            remote.sandbox().clear_faults();
        }
    }
    panic!("{case}: never acknowledged");
}

async fn one(fault: Fault, place: &'static str) {
    let remote = Remote::start(40).await;
    let slow = is_slow(&fault);
    let kinds = all(&remote).into_iter().filter(|what| !slow || matches!(what, What::Unsubscribe | What::Interests { .. }));
    for (id, what) in (1..).zip(kinds) {
        for number in 1..=if slow { 1 } else { 3 } {
            let person = remote.sandbox().id(number * 3 + 1);
            oppose(&remote, &person, &what);
            // A connector of its own, so that sessions and types are learned under the fault, too.
            let bridge = remote.bridge(&[]);
            remote.fault(FaultRule::always(fault.clone()).on(place));
            let case = format!("{fault:?} at {place}, {what:?}");
            settle(&remote, &bridge, &person, id * 100 + i64::try_from(number).unwrap(), &what, &case).await;
            remote.sandbox().clear_faults();
        }
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_there_and_nothing_is_there_twice() {
    let cases = faults().into_iter().flat_map(|fault| PLACES.iter().map(move |place| tokio::spawn(one(fault.clone(), place))));
    let mut running = futures::stream::iter(cases).buffer_unordered(32);
    while let Some(case) = running.next().await {
        case.unwrap();
    }
}

/// The answer to Save is cut after every few bytes: never acknowledged, and found by the next try.
#[tokio::test]
async fn an_answer_cut_anywhere_is_no_acknowledgement() {
    for saved in ["Activity", "Individual"] {
        let cases = (0..8usize).map(|from| tokio::spawn(cut(from, saved)));
        for case in cases.collect::<Vec<_>>() {
            case.await.unwrap();
        }
    }
}

async fn cut(from: usize, saved: &'static str) {
    let remote = Remote::start(600).await;
    let bridge = remote.bridge(&[]);
    for (at, after_bytes) in (from * 7..2_400).step_by(56).enumerate() {
        let (person, id, what) = (remote.sandbox().id(1 + at as u64), 1 + i64::try_from(at).unwrap(), What::Unsubscribe);
        oppose(&remote, &person, &what);
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(Fault::CutBody { after_bytes }).on(&format!("Save {saved}")).times(1));
        let first = deliver(&bridge, id, &person, &what, false).await;
        assert!(matches!(first, Err(DeliveryError::Failed(_))), "{saved} {after_bytes}: {first:?}");
        let second = deliver(&bridge, id, &person, &what, true).await.unwrap();
        let expected = if saved == "Activity" { Acknowledged::FoundThere } else { Acknowledged::Written };
        assert_eq!(second, expected, "{saved} {after_bytes}");
        assert!(marks(&remote, &person, id) == 1 && shows(&remote, &person, &what));
    }
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_happens_to_it_also_when_the_session_ends() {
    for fault in faults().into_iter().filter(|f| !is_slow(f)) {
        let remote = Remote::start(40).await;
        remote.fault(FaultRule::always(fault.clone()).on("Save Activity"));
        let what = What::InvalidEmail { fault: AddressFault::Malformed };
        let _ = deliver(&remote.bridge(&[]), 1, &remote.sandbox().id(5), &what, false).await;
        assert_eq!(remote.calls("POST Save Activity"), 1, "{fault:?}");
    }
    // One second for each question of the time: the session ends between the look at the person and the write.
    let remote = Remote::with(Options { people: 10, session_seconds: 3, ..Options::default() }).await;
    let (bridge, person) = (remote.bridge(&[]), remote.sandbox().id(2));
    let mut delivered = deliver(&bridge, 1, &person, &What::Unsubscribe, false).await;
    for _ in 0..20 {
        if delivered.is_ok() {
            break;
        }
        delivered = deliver(&bridge, 1, &person, &What::Unsubscribe, true).await;
    }
    assert!(delivered.is_ok(), "{delivered:?}");
    assert_eq!(marks(&remote, &person, 1), 1);
}

#[tokio::test]
async fn errors_are_of_their_kind() {
    let remote = Remote::start(40).await;
    let (bridge, person) = (remote.bridge(&[]), remote.sandbox().id(5));
    for (fault, kind) in [
        (Fault::RateLimited { retry_after: "120".into() }, "limited"),
        (Fault::ServerError { status: 502 }, "transient"),
        (Fault::CutBody { after_bytes: 9 }, "transient"),
        (Fault::HtmlPage, "protocol"),
        (Fault::EmptyBody, "protocol"),
        (Fault::WrongEntity, "protocol"),
        (Fault::TruncatedPayload, "protocol"),
        (Fault::BadCredentials, "auth"),
    ] {
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(fault.clone()).on("Save Activity"));
        let error = deliver(&bridge, 1, &person, &What::InvalidEmail { fault: AddressFault::Malformed }, false).await.unwrap_err();
        let DeliveryError::Failed(error) = error else { panic!("{fault:?}: {error:?}") };
        assert_eq!(error.kind(), kind, "{fault:?}");
    }
    for (fault, kind) in [(Fault::HtmlPage, "protocol"), (Fault::ServerError { status: 503 }, "transient"), (Fault::BadCredentials, "auth")]
    {
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(fault));
        assert_eq!(bridge.set_up_faults().await.unwrap_err().kind(), kind);
        assert_eq!(bridge.shown(&person).await.unwrap_err().kind(), kind);
        assert_eq!(bridge.interests().await.unwrap_err().kind(), kind);
        assert_eq!(bridge.interests_of(&person).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn many_writebacks_go_side_by_side() {
    let remote = Remote::start(400).await;
    let bridge = remote.bridge(&[]);
    let work = (1..=200u64).map(|number| {
        let (bridge, person) = (bridge.clone(), remote.sandbox().id(number));
        async move { deliver(&bridge, i64::try_from(number).unwrap(), &person, &What::Unsubscribe, false).await }
    });
    let done: Vec<Delivered> = futures::stream::iter(work).buffer_unordered(16).collect().await;
    assert!(done.iter().all(|d| matches!(d, Ok(Acknowledged::Written))));
    let marked = remote.sandbox().marked();
    assert_eq!((marked.len(), marked.iter().filter(|m| m.activities.len() > 1).count()), (200, 0));
    assert_eq!(remote.calls("POST WhoAmI"), 1);
}
