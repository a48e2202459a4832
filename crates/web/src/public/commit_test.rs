use rialto_core::Instant as At;
use rialto_core::consent::Cause;
use rialto_store::args;
use rialto_store::sql::Sql;

use super::*;

/// Whoever gives the reason "poison" makes the transaction fail.
const POISON: Sql = Sql {
    sqlite: "CREATE TRIGGER poison BEFORE INSERT ON consent_ledger WHEN NEW.reason = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END",
    postgres: "ALTER TABLE consent_ledger ADD CONSTRAINT poison CHECK (reason <> 'poison')",
};

fn wish(subscriber_id: i64, reason: &str) -> Wish {
    let who = Actor { name: "person:link".into(), request_id: format!("r{subscriber_id}"), at: At(1_000_000) };
    let (source, evidence) = ("one-click", "Signed link".to_owned());
    let deed = Deed::Consent { step: Step::Open(Cause::OwnUnsubscribe), reason: reason.into() };
    Wish { subscriber_id, deed, source, evidence, who }
}

/// Wishes whose senders wait as long as the second value lives.
fn asked(wishes: Vec<Wish>) -> (Vec<Asked>, Vec<oneshot::Receiver<Answer>>) {
    wishes.into_iter().map(|wish| (wish, oneshot::channel())).map(|(wish, (answer, waits))| (Asked { wish, answer }, waits)).unzip()
}

async fn people(db: &Db, number: i64) {
    let mut tx = db.write().await.unwrap();
    for id in 1..=number {
        tx.run(
            "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state,
            remote_flag_seen, remote_flag_run, hash) VALUES ($1, 1, 1, 0, $2, $3, $3, 0, 1, 0, 1)",
            args![id, format!("R-{id}"), format!("p{id}@members.example")],
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
}

fn committer(db: &Db) -> (Committer, mpsc::UnboundedReceiver<Vec<i64>>) {
    let (marks, changed) = mpsc::unbounded_channel();
    (Committer { db: db.clone(), vault: rialto_testkit::vault(), wake: Wake::default(), marks }, changed)
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    let (n,): (i64,) = db.read().one(sql, args![]).await.unwrap();
    n
}

#[tokio::test]
async fn an_act_that_fails_does_not_fail_those_beside_it() {
    for test in rialto_testkit::both().await {
        people(&test.db, 3).await;
        let mut tx = test.db.write().await.unwrap();
        tx.run(POISON, args![]).await.unwrap();
        tx.commit().await.unwrap();
        let (committer, _) = committer(&test.db);
        let (wishes, _waiting) = asked(vec![wish(1, ""), wish(2, "poison"), wish(3, ""), wish(99, "")]);
        let outcomes = committer.carry_out(&wishes).await.unwrap();
        let expected = [(Ok(()), true), (Err(Refused::Away), false), (Ok(()), true), (Err(Refused::Gone), false)];
        assert_eq!(outcomes, expected, "{}", test.name);
        assert_eq!(count(&test.db, "SELECT COUNT(*) FROM consent_ledger").await, 2);
        assert_eq!(count(&test.db, "SELECT COUNT(*) FROM suppression WHERE subscriber_id = 2").await, 0, "nothing half");
    }
}

#[tokio::test]
async fn a_yes_that_nobody_waits_for_is_not_carried_out_and_a_no_is() {
    for test in rialto_testkit::both().await {
        people(&test.db, 3).await;
        let (committer, _) = committer(&test.db);
        let yes = |id| Wish {
            deed: Deed::Consent { step: Step::Lift(rialto_core::consent::Lifter::Person), reason: String::new() },
            ..wish(id, "")
        };
        let (first, waiting) = asked(vec![wish(1, ""), wish(2, ""), wish(3, "")]);
        drop(waiting);
        assert_eq!(committer.carry_out(&first).await.unwrap(), vec![(Ok(()), true); 3], "{}", test.name);
        let (late, mut waiting) = asked(vec![yes(1), yes(2), wish(3, "")]);
        drop(waiting.remove(0));
        let outcomes = committer.carry_out(&late).await.unwrap();
        assert_eq!(outcomes, [(Err(Refused::Away), false), (Ok(()), true), (Ok(()), false)], "{}", test.name);
        for (id, silent) in [(1, true), (2, false), (3, true)] {
            let causes = consent::open_causes(test.db.read(), id).await.unwrap();
            assert_eq!(causes.contains(&Cause::OwnUnsubscribe), silent, "{}: person {id}", test.name);
        }
    }
}

#[tokio::test]
async fn those_who_come_while_all_places_are_taken_hear_so_at_once() {
    let (queue, mut wishes) = mpsc::channel(1);
    let queue = Queue(queue);
    let first = tokio::spawn({
        let queue = queue.clone();
        async move { queue.carry_out(wish(1, "")).await }
    });
    let asked = loop {
        if let Ok(asked) = wishes.try_recv() {
            break asked;
        }
        tokio::task::yield_now().await;
    };
    let (answer, _kept) = oneshot::channel();
    queue.0.try_send(Asked { wish: wish(2, ""), answer }).ok().unwrap();
    assert_eq!(queue.carry_out(wish(3, "")).await, Err(Refused::Away));
    asked.answer.send(Ok(())).unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
}

/// The process ended between a commit and its mark: the next one marks.
#[tokio::test]
async fn counts_are_marked_after_a_crash() {
    const STALE: &str = "SELECT COUNT(*) FROM target_group WHERE waterfall_basis LIKE '%stale%'";
    for test in rialto_testkit::both().await {
        people(&test.db, 2).await;
        let mut tx = test.db.write().await.unwrap();
        let group = "INSERT INTO target_group (id, created_at, kind, name, name_folded, state, waterfall, waterfall_basis)
            VALUES ($1, 1, 'upload', 'G', 'g', 'active', '{}', '{}')";
        for id in 1..=2 {
            tx.run(group, args![id]).await.unwrap();
            tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $1)", args![id]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let (committer, _) = committer(&test.db);
        assert_eq!(committer.carry_out(&asked(vec![wish(1, "")]).0).await.unwrap(), [(Ok(()), true)]);
        assert_eq!(count(&test.db, STALE).await, 0, "not yet");
        let (marks, changed) = mpsc::unbounded_channel();
        drop(marks);
        mark(&test.db, changed).await;
        assert_eq!(count(&test.db, STALE).await, 1, "{}: the group of the one who acted", test.name);
    }
}
