//! The queue: with its cause, in each person's order, fenced, held and let go, counted.

use rialto_core::Instant;
use rialto_core::consent::{Cause, Flag, Lifter};
use rialto_core::writeback::{What, WritebackKind};
use rialto_store::consent::{self, Act, Done, Grounds, Step};
use rialto_store::writebacks::{self, Answer, Claimed, Outcome, SetUp};
use rialto_store::{Actor, Db};
use rialto_testkit::{START, actor, both, vault};

use crate::support::{House, bridge, house};

const MINUTE: i64 = 60_000_000;

fn grounds() -> Grounds<'static> {
    Grounds { source: "link", reason: "Too much mail", evidence: "" }
}

async fn acts(db: &Db, steps: &[(i64, Step)]) -> Vec<Done> {
    let who = actor();
    let acts: Vec<Act<'_>> =
        steps.iter().map(|(id, step)| Act { subscriber_id: *id, step: *step, grounds: grounds(), who: &who }).collect();
    let mut tx = db.write().await.unwrap();
    let done = consent::act(&mut tx, &vault(), &acts).await.unwrap();
    tx.commit().await.unwrap();
    done
}

async fn claim(db: &Db, bridge: i64, minute: i64) -> Vec<Claimed> {
    let now = Instant(START + minute * MINUTE);
    writebacks::claim(db, bridge, "w1", now, now, Instant(now.0 + 5 * MINUTE), 100).await.unwrap()
}

fn answer(c: &Claimed, minute: i64, outcome: Outcome) -> Answer {
    let at = Instant(START + minute * MINUTE);
    let (id, fence, bridge_id, subscriber_id) = (c.id, c.fence, c.bridge_id, c.subscriber_id);
    Answer { id, fence, bridge_id, subscriber_id, outcome, said: "said".into(), started_at: at, at, asked_by: c.asked_by.clone() }
}

fn sent(flag: Flag) -> Outcome {
    Outcome::Sent { found_there: false, flag: Some(flag) }
}

async fn queued(db: &Db) -> Vec<(i64, i64, String, String)> {
    db.read().all("SELECT bridge_id, subscriber_id, kind, state FROM writeback ORDER BY id", vec![]).await.unwrap()
}

async fn people(house: &House) -> Vec<i64> {
    let rows = [
        house.row("1-0", "ann@mail.example", Flag::Yes, "Ulm"),
        house.row("2-0", "bob@mail.example", Flag::Yes, "Ulm"),
        house.row("3-0", "home@mail.example", Flag::Yes, "Ulm"),
        house.row("4-0", "home@mail.example", Flag::Yes, "Ulm"),
    ];
    house.write(1, &rows, true).await.ids
}

#[tokio::test]
async fn an_act_and_its_writeback_stand_together_and_each_once() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        let unsubscribe = Step::Open(Cause::OwnUnsubscribe);
        let done = acts(&test.db, &[(ids[0], unsubscribe), (ids[0], unsubscribe), (ids[1], unsubscribe)]).await;
        assert_eq!(done.iter().map(|d| d.writebacks).collect::<Vec<_>>(), [1, 0, 1], "{}", test.name);
        assert_eq!(queued(&test.db).await.len(), 2);
        let ledger: Vec<(i64,)> = test.db.read().all("SELECT subscriber_id FROM consent_ledger ORDER BY id", vec![]).await.unwrap();
        assert_eq!(ledger, [(ids[0],), (ids[1],)]);
        // Opened and lifted in one batch: both are told, in order, and nothing stays open.
        let lift = Step::Lift(Lifter::Person);
        let done = acts(&test.db, &[(ids[0], lift), (ids[0], unsubscribe), (ids[0], lift)]).await;
        assert_eq!(done.iter().map(|d| d.writebacks).collect::<Vec<_>>(), [1, 1, 1]);
        assert!(consent::open_causes(test.db.read(), ids[0]).await.unwrap().is_empty(), "{}", test.name);
        let (open,): (i64,) = test.db.read().one("SELECT COUNT(*) FROM suppression", vec![]).await.unwrap();
        assert_eq!(open, 2, "Bob and his address");
    }
}

#[tokio::test]
async fn who_has_no_address_decides_too() {
    for test in both().await {
        let house = house(&test.db).await;
        let rows = [
            house.row("1-0", "", Flag::Yes, "Ulm"),
            house.row("2-0", "bob@mail.example", Flag::Yes, "Ulm"),
            house.row("3-0", "", Flag::Yes, "Ulm"),
            house.row("4-0", "dan@mail.example", Flag::Yes, "Ulm"),
            house.row("5-0", "", Flag::Yes, "Ulm"),
        ];
        let ids = house.write(1, &rows, true).await.ids;
        // Alone, before and after somebody with an address, and together with one; over one connection, which keeps its statements.
        let (who, step) = (actor(), Step::Open(Cause::OwnUnsubscribe));
        let mut tx = test.db.write().await.unwrap();
        for some in [&ids[..1], &ids[1..2], &ids[2..3], &ids[3..]] {
            let acts: Vec<Act<'_>> = some.iter().map(|id| Act { subscriber_id: *id, step, grounds: grounds(), who: &who }).collect();
            let done = consent::act(&mut tx, &vault(), &acts).await.unwrap_or_else(|e| panic!("{}: {e}", test.name));
            assert!(done.iter().all(|d| d.writebacks == 1), "{}", test.name);
        }
        tx.commit().await.unwrap();
        let keys: Vec<(Option<String>,)> = test.db.read().all("SELECT address_key FROM consent_ledger ORDER BY id", vec![]).await.unwrap();
        assert_eq!(keys.iter().map(|(k,)| k.is_some()).collect::<Vec<_>>(), [false, true, false, true, false], "{}", test.name);
    }
}

#[tokio::test]
async fn one_after_the_other_and_nobody_waits_for_somebody_else() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe)), (ids[0], Step::Lift(Lifter::Person))]).await;
        acts(&test.db, &[(ids[1], Step::Open(Cause::OwnUnsubscribe))]).await;
        let first = claim(&test.db, house.bridge, 1).await;
        assert_eq!(
            first.iter().map(|c| (c.subscriber_id, c.kind.as_str())).collect::<Vec<_>>(),
            [(ids[0], "unsubscribe"), (ids[1], "unsubscribe")]
        );
        let failed = Outcome::Error { next_at: None, maybe_there: true };
        let answers = [answer(&first[0], 2, failed), answer(&first[1], 2, sent(Flag::No))];
        assert_eq!(writebacks::record(&test.db, "w1", &answers).await.unwrap().len(), 2);
        // Ann's resubscribe waits behind her failed unsubscribe, until somebody retries that.
        assert!(claim(&test.db, house.bridge, 3).await.is_empty(), "{}", test.name);
        let mut tx = test.db.write().await.unwrap();
        assert!(writebacks::retry(&mut tx, first[0].id, &actor()).await.unwrap());
        assert!(!writebacks::retry(&mut tx, first[1].id, &actor()).await.unwrap(), "what was sent stays sent");
        tx.commit().await.unwrap();
        let again = claim(&test.db, house.bridge, 4).await;
        assert_eq!((again.len(), again[0].id, again[0].tries, again[0].maybe_there), (1, first[0].id, 2, true));
        writebacks::record(&test.db, "w1", &[answer(&again[0], 5, sent(Flag::No))]).await.unwrap();
        let last = claim(&test.db, house.bridge, 6).await;
        assert_eq!(last[0].read_message().unwrap().what, What::Resubscribe { say_yes: true });
        writebacks::record(&test.db, "w1", &[answer(&last[0], 7, sent(Flag::Yes))]).await.unwrap();
        let (flag,): (i16,) =
            test.db.read().one("SELECT remote_flag_delivered FROM subscriber WHERE id = $1", rialto_store::args![ids[0]]).await.unwrap();
        assert_eq!(flag, 1);
        assert_eq!(writebacks::tries(test.db.read(), first[0].id).await.unwrap().len(), 2);
        let counts = writebacks::counts(test.db.read(), house.bridge).await.unwrap();
        assert_eq!(counts, [(house.bridge, "sent".to_owned(), 3)], "{}", test.name);
    }
}

#[tokio::test]
async fn who_comes_back_late_writes_nothing() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe))]).await;
        let frozen = claim(&test.db, house.bridge, 1).await;
        assert!(claim(&test.db, house.bridge, 2).await.is_empty(), "the lease holds");
        let second = claim(&test.db, house.bridge, 7).await;
        assert_eq!((second.len(), second[0].maybe_there, second[0].tries), (1, true, 2), "{}", test.name);
        assert!(writebacks::record(&test.db, "w1", &[answer(&frozen[0], 8, sent(Flag::No))]).await.unwrap().is_empty());
        assert_eq!(queued(&test.db).await[0].3, "processing");
        writebacks::record(&test.db, "w2", &[answer(&second[0], 9, sent(Flag::No))]).await.unwrap();
        let outcomes: Vec<String> = writebacks::tries(test.db.read(), second[0].id).await.unwrap().into_iter().map(|t| t.outcome).collect();
        assert_eq!(outcomes, ["sent", "lost"]);
    }
}

/// One process holds both: its own late answer, and that of its second try.
#[tokio::test]
async fn of_two_answers_in_one_batch_the_one_of_the_claim_that_stands_counts() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe))]).await;
        let late = claim(&test.db, house.bridge, 1).await;
        let second = claim(&test.db, house.bridge, 7).await;
        let both = [answer(&late[0], 8, sent(Flag::No)), answer(&second[0], 8, sent(Flag::No))];
        assert_eq!(writebacks::record(&test.db, "w1", &both).await.unwrap(), [second[0].id], "{}", test.name);
        let tries = writebacks::tries(test.db.read(), second[0].id).await.unwrap();
        assert_eq!(tries.into_iter().map(|t| t.outcome).collect::<Vec<_>>(), ["sent", "lost"], "{}", test.name);
        let counts = writebacks::counts(test.db.read(), house.bridge).await.unwrap();
        assert_eq!(counts, [(house.bridge, "sent".to_owned(), 1)], "{}", test.name);
    }
}

/// Found in Error, claimed before the retry gets at it: the claim stands.
#[tokio::test]
async fn retrying_all_leaves_alone_what_is_claimed_meanwhile() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe))]).await;
        let first = claim(&test.db, house.bridge, 1).await;
        let failed = Outcome::Error { next_at: Some(Instant(START + 2 * MINUTE)), maybe_there: true };
        writebacks::record(&test.db, "w1", &[answer(&first[0], 1, failed)]).await.unwrap();
        // As a claim does, not yet committed.
        let mut claiming = test.db.write().await.unwrap();
        claiming.run("UPDATE writeback SET state = 'processing', fence = fence + 1, tries = tries + 1", vec![]).await.unwrap();
        let (db, bridge) = (test.db.clone(), house.bridge);
        let retrying = tokio::spawn(async move {
            let mut tx = db.write().await?;
            let number = writebacks::retry_all(&mut tx, bridge, "", &actor()).await?;
            tx.commit().await.map(|()| number)
        });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        claiming.commit().await.unwrap();
        assert_eq!(retrying.await.unwrap().unwrap(), 0, "{}", test.name);
        assert_eq!(queued(&test.db).await[0].3, "processing", "{}", test.name);
    }
}

#[tokio::test]
async fn set_up_faults_hold_and_their_end_lets_go_without_a_try() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe)), (ids[1], Step::Open(Cause::OwnUnsubscribe))]).await;
        let first = claim(&test.db, house.bridge, 1).await;
        writebacks::record(&test.db, "w1", &[answer(&first[0], 1, Outcome::Held), answer(&first[1], 1, Outcome::Untouched)]).await.unwrap();
        let fault = SetUp { kinds: vec![WritebackKind::Unsubscribe], detail: "RIALTO_UNSUB is missing.".into() };
        let mut tx = test.db.write().await.unwrap();
        writebacks::ensure(&mut tx).await.unwrap();
        writebacks::keep_faults(&mut tx, house.bridge, &[fault], Instant(START)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(queued(&test.db).await.iter().all(|q| q.3 == "held"), "{}", test.name);
        assert!(claim(&test.db, house.bridge, 2).await.is_empty());
        let mut tx = test.db.write().await.unwrap();
        writebacks::keep_faults(&mut tx, house.bridge, &[], Instant(START)).await.unwrap();
        tx.commit().await.unwrap();
        let again = claim(&test.db, house.bridge, 3).await;
        assert_eq!(again.iter().map(|c| c.tries).collect::<Vec<_>>(), [1, 1]);
    }
}

/// The engine of one process and a page of another, both the first for a bridge.
#[tokio::test]
async fn two_who_make_the_row_of_a_new_bridge_at_once_both_succeed() {
    for test in both().await {
        let house = house(&test.db).await;
        let mut first = test.db.write().await.unwrap();
        writebacks::ensure(&mut first).await.unwrap();
        let db = test.db.clone();
        let second = tokio::spawn(async move {
            let mut second = db.write().await?;
            writebacks::ensure(&mut second).await?;
            second.commit().await
        });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        first.commit().await.unwrap();
        second.await.unwrap().unwrap_or_else(|e| panic!("{}: {e}", test.name));
        assert!(writebacks::destination(test.db.read(), house.bridge).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn other_bridges_are_told_when_one_record_bears_the_address_and_households_are_asked() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        let other = bridge(&test.db).await;
        let text = "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, hash)
            VALUES ($1, 0, 1, $2, $3, $4, $4, 0, 1, 0)";
        let mut tx = test.db.write().await.unwrap();
        for (id, key, address) in [(901, "A", "ann@mail.example"), (902, "H", "home@mail.example")] {
            tx.run(text, rialto_store::args![id, other, key, address]).await.unwrap();
        }
        tx.commit().await.unwrap();
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe)), (ids[2], Step::Open(Cause::OwnUnsubscribe))]).await;
        let told: Vec<(i64, i64)> = queued(&test.db).await.into_iter().map(|q| (q.0, q.1)).collect();
        assert_eq!(told, [(house.bridge, ids[0]), (other, 901), (house.bridge, ids[2]), (other, 902)], "{}", test.name);
        let asked: Vec<(i64, i64)> = test.db.read().all("SELECT subscriber_id, bridge_id FROM household", vec![]).await.unwrap();
        assert_eq!(asked, [(ids[2], house.bridge)]);
        acts(&test.db, &[(902, Step::Open(Cause::OwnUnsubscribe))]).await;
        let (asked,): (i64,) = test.db.read().one("SELECT COUNT(*) FROM household", vec![]).await.unwrap();
        assert_eq!(asked, 2, "two bear the address in the first bridge");
    }
}

#[tokio::test]
async fn a_no_of_ours_that_comes_back_is_no_cause_of_the_remote() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe))]).await;
        let claimed = claim(&test.db, house.bridge, 1).await;
        // Written at the remote, not yet recorded: a sync reads it.
        house.write(2, &[house.row("1-0", "ann@mail.example", Flag::No, "Ulm")], true).await;
        assert_eq!(consent::open_causes(test.db.read(), ids[0]).await.unwrap(), [Cause::OwnUnsubscribe], "{}", test.name);
        writebacks::record(&test.db, "w1", &[answer(&claimed[0], 2, sent(Flag::No))]).await.unwrap();
        acts(&test.db, &[(ids[0], Step::Lift(Lifter::Person))]).await;
        assert!(consent::open_causes(test.db.read(), ids[0]).await.unwrap().is_empty(), "{}", test.name);
    }
}

#[tokio::test]
async fn a_message_that_never_arrived_hides_no_word_of_the_remote() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        let unsubscribe = Step::Open(Cause::OwnUnsubscribe);
        acts(&test.db, &[(ids[0], unsubscribe), (ids[1], unsubscribe)]).await;
        let claimed = claim(&test.db, house.bridge, 1).await;
        // Ann's was refused: it is not there. Bob's broke off: it may be there.
        let refused = Outcome::Error { next_at: None, maybe_there: false };
        let broken = Outcome::Error { next_at: None, maybe_there: true };
        writebacks::record(&test.db, "w1", &[answer(&claimed[0], 2, refused), answer(&claimed[1], 2, broken)]).await.unwrap();
        let no = |key, address| house.row(key, address, Flag::No, "Ulm");
        let said = [no("1-0", "ann@mail.example"), no("2-0", "bob@mail.example")];
        house.write(2, &said, true).await;
        assert!(consent::open_causes(test.db.read(), ids[0]).await.unwrap().contains(&Cause::RemoteFlag), "{}", test.name);
        assert!(!consent::open_causes(test.db.read(), ids[1]).await.unwrap().contains(&Cause::RemoteFlag), "{}", test.name);
        // Without a no of his own that could be meant, the remote's word counts.
        acts(&test.db, &[(ids[1], Step::Lift(Lifter::Person))]).await;
        house.write(3, &said[1..], true).await;
        assert_eq!(consent::open_causes(test.db.read(), ids[1]).await.unwrap(), [Cause::RemoteFlag], "{}", test.name);
    }
}

#[tokio::test]
async fn what_is_given_up_is_counted_and_stays() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = people(&house).await;
        let who = Actor { at: Instant(START), ..actor() };
        acts(&test.db, &[(ids[0], Step::Open(Cause::OwnUnsubscribe)), (ids[1], Step::Open(Cause::OwnUnsubscribe))]).await;
        let claimed = claim(&test.db, house.bridge, 1).await;
        writebacks::record(&test.db, "w1", &[answer(&claimed[0], 1, Outcome::Error { next_at: None, maybe_there: false })]).await.unwrap();
        let mut tx = test.db.write().await.unwrap();
        assert!(writebacks::cancel(&mut tx, claimed[0].id, "Left the association", &who).await.unwrap());
        assert!(!writebacks::cancel(&mut tx, claimed[0].id, "again", &who).await.unwrap());
        assert!(!writebacks::cancel(&mut tx, claimed[1].id, "is being sent", &who).await.unwrap());
        tx.commit().await.unwrap();
        let mut counts = writebacks::counts(test.db.read(), house.bridge).await.unwrap();
        counts.sort();
        assert_eq!(counts, [(house.bridge, "cancelled".to_owned(), 1), (house.bridge, "processing".to_owned(), 1)], "{}", test.name);
    }
}

#[tokio::test]
async fn only_some_kinds_can_be_off() {
    for test in both().await {
        let house = house(&test.db).await;
        let mut tx = test.db.write().await.unwrap();
        for kind in WritebackKind::ALL {
            let on = writebacks::is_on(&mut tx, house.bridge, *kind).await.unwrap();
            assert_eq!(on, *kind != WritebackKind::Persona, "{}: {kind}", test.name);
        }
        let off = writebacks::Settings { interests: false, personas: true, ..Default::default() };
        writebacks::put_settings(&mut tx, house.bridge, &off, &actor()).await.unwrap();
        for kind in WritebackKind::ALL {
            let on = writebacks::is_on(&mut tx, house.bridge, *kind).await.unwrap();
            assert_eq!(on, *kind != WritebackKind::Interests, "{}: {kind}", test.name);
        }
    }
}
