//! Writebacks that the remote fetches: leases, words about them, races of two who fetch, and what is no business of a batch.

use std::collections::BTreeSet;

use rialto_core::Instant;
use rialto_core::consent::{Cause, Flag, Lifter};
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{Delivery, What, WritebackKind};
use rialto_store::consent::{self, Act, Grounds, Step};
use rialto_store::writebacks::{self, Claimed, Fetched, Heard, SetUp, Settings, Word};
use rialto_store::{Actor, Db, fetch_tokens};
use rialto_testkit::{START, actor, both, vault};

use crate::support::{House, bridge, house};

const MINUTE: i64 = 60_000_000;
const UNSUBSCRIBE: Step = Step::Open(Cause::OwnUnsubscribe);
const RESUBSCRIBE: Step = Step::Lift(Lifter::Person);

fn at(minute: i64) -> Instant {
    Instant(START + minute * MINUTE)
}

async fn acts(db: &Db, steps: &[(i64, Step)]) {
    let who = actor();
    let grounds = Grounds { source: "link", reason: "Too much mail", evidence: "" };
    let acts: Vec<Act<'_>> = steps.iter().map(|(id, step)| Act { subscriber_id: *id, step: *step, grounds, who: &who }).collect();
    let mut tx = db.write().await.unwrap();
    consent::act(&mut tx, &vault(), &acts).await.unwrap();
    tx.commit().await.unwrap();
}

async fn deliver(db: &Db, bridge: i64, delivery: Delivery) {
    let mut tx = db.write().await.unwrap();
    writebacks::put_settings(&mut tx, bridge, &Settings { delivery, ..Settings::default() }, &actor()).await.unwrap();
    tx.commit().await.unwrap();
}

/// A bridge whose remote fetches, with so many people of it.
async fn polled(db: &Db, people: usize) -> (House, Vec<i64>) {
    let house = house(db).await;
    let rows: Vec<_> = (1..=people).map(|n| house.row(&format!("{n:04}-0"), &format!("p{n}@mail.example"), Flag::Yes, "Ulm")).collect();
    let ids = house.write(1, &rows, true).await.ids;
    deliver(db, house.bridge, Delivery::Polled).await;
    (house, ids)
}

async fn fetch_some(db: &Db, bridge: i64, batch: &str, minute: i64, most: i64) -> Vec<Claimed> {
    match writebacks::fetch(db, bridge, batch, at(minute), at(minute + 5), most).await.unwrap() {
        Fetched::Batch { rows, .. } => rows,
        other => panic!("{other:?}"),
    }
}

async fn fetch(db: &Db, bridge: i64, batch: &str, minute: i64) -> Vec<Claimed> {
    fetch_some(db, bridge, batch, minute, 100).await
}

fn word(c: &Claimed, refused: Option<&str>) -> Word {
    Word { of: PublicId::new(Kind::Writeback, Instant(c.created_at), c.id), refused: refused.map(str::to_owned) }
}

async fn hear(db: &Db, bridge: i64, batch: &str, minute: i64, words: &[Word]) -> Vec<Heard> {
    let destination = writebacks::destination(db.read(), bridge).await.unwrap().unwrap();
    writebacks::hear(db, &destination, batch, words, "MemberSuite", at(minute)).await.unwrap()
}

async fn states(db: &Db) -> Vec<String> {
    let rows: Vec<(String,)> = db.read().all("SELECT state FROM writeback ORDER BY id", vec![]).await.unwrap();
    rows.into_iter().map(|(s,)| s).collect()
}

async fn outcomes(db: &Db, id: i64) -> Vec<String> {
    writebacks::tries(db.read(), id).await.unwrap().into_iter().rev().map(|t| t.outcome).collect()
}

#[tokio::test]
async fn sent_is_only_what_was_fetched_and_acknowledged() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 3).await;
        acts(db, &[(ids[0], UNSUBSCRIBE), (ids[1], UNSUBSCRIBE), (ids[0], RESUBSCRIBE)]).await;
        let batch = fetch(db, house.bridge, "a", 1).await;
        assert_eq!(batch.iter().map(|c| c.subscriber_id).collect::<Vec<_>>(), [ids[0], ids[1]], "{}: the head of each person", test.name);
        assert_eq!(states(db).await, ["processing", "processing", "new"]);
        assert!(fetch(db, house.bridge, "b", 2).await.is_empty(), "{}: the lease holds", test.name);
        let words = [word(&batch[0], None), word(&batch[1], Some("Locked by the registrar"))];
        assert_eq!(hear(db, house.bridge, "a", 3, &words).await, [Heard::Recorded, Heard::Recorded], "{}", test.name);
        assert_eq!(states(db).await, ["sent", "error", "new"]);
        let (flag,): (i16,) =
            db.read().one("SELECT remote_flag_delivered FROM subscriber WHERE id = $1", rialto_store::args![ids[0]]).await.unwrap();
        assert_eq!(flag, 2, "{}", test.name);
        let refused = writebacks::get(db.read(), batch[1].id).await.unwrap().unwrap();
        assert!(refused.reason.contains("Locked by the registrar"), "{}", refused.reason);
        // The next of the same person, now that what came before it is done; what was refused waits for its pause.
        let next = fetch(db, house.bridge, "c", 4).await;
        assert_eq!(next.iter().map(|c| c.kind.as_str()).collect::<Vec<_>>(), ["resubscribe"], "{}", test.name);
        assert_eq!(hear(db, house.bridge, "c", 4, &[word(&next[0], None)]).await, [Heard::Recorded]);
        let again = fetch(db, house.bridge, "d", 14).await;
        assert_eq!((again.len(), again[0].id, again[0].tries), (1, batch[1].id, 2), "{}", test.name);
    }
}

#[tokio::test]
async fn the_same_word_again_changes_nothing_and_another_one_is_no_word() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 3).await;
        acts(db, &[(ids[0], UNSUBSCRIBE), (ids[1], UNSUBSCRIBE)]).await;
        let batch = fetch(db, house.bridge, "a", 1).await;
        let words = [word(&batch[0], None), word(&batch[1], Some("No"))];
        hear(db, house.bridge, "a", 2, &words).await;
        assert_eq!(hear(db, house.bridge, "a", 2, &words).await, [Heard::Repeated, Heard::Repeated], "{}", test.name);
        // Also long after the lease, and when it was fetched again since.
        let other = fetch(db, house.bridge, "b", 20).await;
        assert_eq!(other.len(), 1);
        assert_eq!(hear(db, house.bridge, "a", 30, &words).await, [Heard::Repeated, Heard::Repeated], "{}", test.name);
        let turned = [word(&batch[0], Some("No")), word(&batch[1], None)];
        assert_eq!(hear(db, house.bridge, "a", 30, &turned).await, [Heard::Otherwise, Heard::Otherwise], "{}", test.name);
        assert_eq!(outcomes(db, batch[0].id).await, ["sent"]);
        let counts = writebacks::counts(db.read(), house.bridge).await.unwrap();
        assert!(counts.contains(&(house.bridge, "sent".to_owned(), 1)), "{}: {counts:?}", test.name);
    }
}

#[tokio::test]
async fn what_was_never_answered_comes_again_and_a_late_word_is_refused() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 3).await;
        acts(db, &[(ids[0], UNSUBSCRIBE)]).await;
        let first = fetch(db, house.bridge, "a", 0).await;
        assert_eq!(hear(db, house.bridge, "a", 5, &[word(&first[0], None)]).await, [Heard::Late], "{}: the lease is over", test.name);
        let second = fetch(db, house.bridge, "b", 6).await;
        assert_eq!((second[0].id, second[0].tries, second[0].maybe_there), (first[0].id, 2, true), "{}", test.name);
        assert_eq!(hear(db, house.bridge, "a", 7, &[word(&first[0], None)]).await, [Heard::Late], "{}: somebody else has it", test.name);
        assert_eq!(hear(db, house.bridge, "b", 7, &[word(&second[0], None)]).await, [Heard::Recorded], "{}", test.name);
        assert_eq!(hear(db, house.bridge, "a", 8, &[word(&first[0], None)]).await, [Heard::Late]);
        assert_eq!(outcomes(db, first[0].id).await, ["lost", "sent"], "{}", test.name);
        let lost = writebacks::tries(db.read(), first[0].id).await.unwrap().remove(1);
        assert!(lost.answer.contains("not acknowledged"), "{}", lost.answer);
    }
}

#[tokio::test]
async fn three_times_never_answered_waits_for_a_person_and_loses_nothing() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 2).await;
        acts(db, &[(ids[0], UNSUBSCRIBE)]).await;
        for n in 0..3 {
            assert_eq!(fetch(db, house.bridge, &n.to_string(), n * 10).await.len(), 1, "{}: {n}", test.name);
        }
        assert!(fetch(db, house.bridge, "last", 40).await.is_empty());
        let stuck: writebacks::Writeback = db.read().one("SELECT * FROM writeback", vec![]).await.unwrap();
        assert_eq!((stuck.state.as_str(), stuck.next_at, stuck.maybe_there), ("error", None, true), "{}", test.name);
        assert!(stuck.reason.contains("never acknowledged"), "{}", stuck.reason);
        let mut tx = db.write().await.unwrap();
        assert!(writebacks::retry(&mut tx, stuck.id, &actor()).await.unwrap());
        tx.commit().await.unwrap();
        let by_hand = fetch(db, house.bridge, "hand", 41).await;
        assert_eq!(hear(db, house.bridge, "hand", 42, &[word(&by_hand[0], None)]).await, [Heard::Recorded], "{}", test.name);
    }
}

#[tokio::test]
async fn words_about_what_is_not_in_the_batch_count_for_nothing_and_stop_no_other() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 3).await;
        acts(db, &[(ids[0], UNSUBSCRIBE), (ids[1], UNSUBSCRIBE)]).await;
        let other = bridge(db).await;
        let text = "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, hash)
            VALUES (901, 0, 1, $1, 'X', 'x@mail.example', 'x@mail.example', 0, 1, 0)";
        let mut tx = db.write().await.unwrap();
        tx.run(text, rialto_store::args![other]).await.unwrap();
        tx.commit().await.unwrap();
        deliver(db, other, Delivery::Polled).await;
        acts(db, &[(901, UNSUBSCRIBE)]).await;
        let one = fetch_some(db, house.bridge, "a", 1, 1).await;
        let two = fetch_some(db, house.bridge, "b", 1, 1).await;
        let foreign = fetch(db, other, "a", 1).await;
        assert_eq!((one.len(), two.len(), foreign.len()), (1, 1, 1), "{}", test.name);
        let mut wrong_time = word(&one[0], None);
        wrong_time.of.created_ms += 1;
        let made_up = Word { of: PublicId::new(Kind::Writeback, at(0), 987_654), refused: None };
        let words = [wrong_time, made_up, word(&foreign[0], None), word(&two[0], None), word(&one[0], None)];
        let heard = hear(db, house.bridge, "a", 2, &words).await;
        assert_eq!(heard, [Heard::Unknown, Heard::Unknown, Heard::Unknown, Heard::NotInBatch, Heard::Recorded], "{}", test.name);
        assert_eq!(states(db).await, ["sent", "processing", "processing"], "{}", test.name);
    }
}

#[tokio::test]
async fn two_who_fetch_at_once_never_get_the_same_and_each_is_recorded_once() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 120).await;
        acts(db, &ids.iter().map(|id| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
        let (mut all, mut number) = (BTreeSet::new(), 0);
        loop {
            let names = [format!("l{number}"), format!("r{number}")];
            let (left, right) =
                tokio::join!(fetch_some(db, house.bridge, &names[0], 1, 17), fetch_some(db, house.bridge, &names[1], 1, 17));
            if left.is_empty() && right.is_empty() {
                break;
            }
            for row in left.iter().chain(&right) {
                assert!(all.insert(row.id), "{}: {} was leased twice", test.name, row.id);
            }
            // The same word twice at once: recorded by one, repeated by the other.
            let words: Vec<Word> = left.iter().map(|c| word(c, None)).collect();
            let (one, two) = tokio::join!(hear(db, house.bridge, &names[0], 2, &words), hear(db, house.bridge, &names[0], 2, &words));
            for pair in one.iter().zip(&two) {
                assert!(matches!(pair, (Heard::Recorded, Heard::Repeated) | (Heard::Repeated, Heard::Recorded)), "{}: {pair:?}", test.name);
            }
            let words: Vec<Word> = right.iter().map(|c| word(c, None)).collect();
            assert!(hear(db, house.bridge, &names[1], 2, &words).await.iter().all(|h| *h == Heard::Recorded), "{}", test.name);
            number += 1;
        }
        assert_eq!(all.len(), 120, "{}", test.name);
        let counts = writebacks::counts(db.read(), house.bridge).await.unwrap();
        assert_eq!(counts, [(house.bridge, "sent".to_owned(), 120)], "{}", test.name);
    }
}

#[tokio::test]
async fn a_yes_is_told_only_where_the_remote_says_no_no_of_its_own_and_is_recorded_as_told() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 2).await;
        acts(db, &[(ids[0], UNSUBSCRIBE), (ids[0], RESUBSCRIBE)]).await;
        let no = fetch(db, house.bridge, "a", 1).await;
        hear(db, house.bridge, "a", 1, &[word(&no[0], None)]).await;
        let set = |run: i64| {
            let args = rialto_store::args![ids[0], run];
            async move {
                let mut tx = db.write().await.unwrap();
                tx.run("UPDATE subscriber SET remote_flag_run = $2 WHERE id = $1", args).await.unwrap();
                tx.commit().await.unwrap();
            }
        };
        set(7).await;
        let told = fetch(db, house.bridge, "b", 2).await;
        assert_eq!(told[0].read_message().unwrap().what, What::Resubscribe { say_yes: false }, "{}", test.name);
        // The remote's own no ends before the answer: what was told was no yes all the same.
        set(0).await;
        assert_eq!(hear(db, house.bridge, "b", 3, &[word(&told[0], None)]).await, [Heard::Recorded]);
        let (flag,): (i16,) =
            db.read().one("SELECT remote_flag_delivered FROM subscriber WHERE id = $1", rialto_store::args![ids[0]]).await.unwrap();
        assert_eq!(flag, 2, "{}: our no was the last that was delivered", test.name);
    }
}

#[tokio::test]
async fn a_worker_gets_nothing_of_a_bridge_that_fetches_and_leases_go_on_when_it_is_pushed_again() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 3).await;
        acts(db, &[(ids[0], UNSUBSCRIBE), (ids[1], UNSUBSCRIBE)]).await;
        let by = |minute| writebacks::Claimant { worker: "w1", now: at(minute), lease_until: at(minute + 1) };
        assert!(matches!(writebacks::claim_next(db, house.bridge, by(1), 10).await.unwrap(), writebacks::Next::Off), "{}", test.name);
        let leased = fetch_some(db, house.bridge, "a", 1, 1).await;
        deliver(db, house.bridge, Delivery::Push).await;
        assert!(matches!(writebacks::fetch(db, house.bridge, "b", at(2), at(3), 10).await.unwrap(), Fetched::Pushed), "{}", test.name);
        let mut tx = db.write().await.unwrap();
        writebacks::begin_cycle(&mut tx, house.bridge, at(2), at(12)).await.unwrap();
        tx.commit().await.unwrap();
        let writebacks::Next::Claimed { rows, .. } = writebacks::claim_next(db, house.bridge, by(2), 10).await.unwrap() else {
            panic!("{}: nothing was claimed", test.name)
        };
        assert_eq!(rows.iter().map(|c| c.subscriber_id).collect::<Vec<_>>(), [ids[1]], "{}: what is leased stays leased", test.name);
        // An answer within the lease counts although it is pushed by now.
        assert_eq!(hear(db, house.bridge, "a", 3, &[word(&leased[0], None)]).await, [Heard::Recorded], "{}", test.name);
    }
}

#[tokio::test]
async fn outages_and_faults_of_our_way_hold_nothing_back_from_who_fetches() {
    for test in both().await {
        let db = &test.db;
        let (house, ids) = polled(db, 2).await;
        deliver(db, house.bridge, Delivery::Push).await;
        acts(db, &[(ids[0], UNSUBSCRIBE)]).await;
        let fault = || SetUp { kinds: vec![WritebackKind::Unsubscribe], detail: "The activity type is missing.".into() };
        let mut tx = db.write().await.unwrap();
        writebacks::keep_faults(&mut tx, house.bridge, &[fault()], at(0)).await.unwrap();
        writebacks::block(&mut tx, house.bridge, "Away.", at(0), at(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(states(db).await, ["held"]);
        deliver(db, house.bridge, Delivery::Polled).await;
        let d = writebacks::destination(db.read(), house.bridge).await.unwrap().unwrap();
        assert_eq!((d.blocked_at, d.set_up(), d.is_polled()), (None, vec![], true), "{}", test.name);
        // A worker that was under way held it once more.
        let mut tx = db.write().await.unwrap();
        writebacks::keep_faults(&mut tx, house.bridge, &[fault()], at(0)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(fetch(db, house.bridge, "a", 1).await.len(), 1, "{}", test.name);
    }
}

#[tokio::test]
async fn who_does_not_come_for_an_hour_stays_away() {
    for test in both().await {
        let db = &test.db;
        let (house, _) = polled(db, 1).await;
        let away = async |minute: i64| {
            let d = writebacks::destination(db.read(), house.bridge).await.unwrap().unwrap();
            d.stays_away(Instant(actor().at.0 + minute * MINUTE))
        };
        assert_eq!(away(60).await, None, "{}: an hour to begin with", test.name);
        assert_eq!(away(61).await, Some(actor().at.0), "{}", test.name);
        let now = Instant(actor().at.0 + 61 * MINUTE);
        writebacks::fetch(db, house.bridge, "a", now, Instant(now.0 + MINUTE), 1).await.unwrap();
        assert_eq!(away(100).await, None, "{}", test.name);
        assert_eq!(away(200).await, Some(now.0), "{}", test.name);
        deliver(db, house.bridge, Delivery::Push).await;
        assert_eq!(away(10_000).await, None, "{}: nobody has to come", test.name);
    }
}

#[tokio::test]
async fn a_token_is_one_a_bridge_replaced_and_revoked_with_an_audit_row_each() {
    for test in both().await {
        let db = &test.db;
        let (house, who) = (house(db).await, Actor { name: "user:ann".into(), ..actor() });
        let hash = |c: char| c.to_string().repeat(64);
        let put = async |token: &str| {
            let mut tx = db.write().await.unwrap();
            let done = fetch_tokens::put(&mut tx, house.bridge, token, &who).await;
            if done.is_ok() {
                tx.commit().await.unwrap();
            }
            done
        };
        assert!(put("too short").await.is_err(), "{}: no hash", test.name);
        put(&hash('a')).await.unwrap();
        put(&hash('b')).await.unwrap();
        let door = fetch_tokens::door(db.read(), house.bridge).await.unwrap().unwrap();
        assert_eq!((door.token_hash, door.bridge_id), (hash('b'), house.bridge), "{}", test.name);
        assert_eq!(fetch_tokens::get(db.read(), house.bridge).await.unwrap().unwrap().created_by, "user:ann");
        let mut tx = db.write().await.unwrap();
        fetch_tokens::revoke(&mut tx, house.bridge, &who).await.unwrap();
        assert!(fetch_tokens::revoke(&mut tx, house.bridge, &who).await.is_err(), "{}", test.name);
        tx.commit().await.unwrap();
        assert_eq!(fetch_tokens::door(db.read(), house.bridge).await.unwrap(), None);
        let acts: Vec<(String,)> =
            db.read().all("SELECT action FROM audit WHERE action LIKE 'fetch_token.%' ORDER BY id", vec![]).await.unwrap();
        assert_eq!(
            acts.iter().map(|(a,)| a.as_str()).collect::<Vec<_>>(),
            ["fetch_token.make", "fetch_token.replace", "fetch_token.revoke"]
        );
    }
}
