//! Interests: read, used as target groups, chosen by people, told to the remote, and whose word counts when (`docs/adr/0120`).

use std::collections::BTreeSet;

use rialto_core::run::{RunKind, Trigger};
use rialto_core::writeback::InterestKey;
use rialto_sandbox::{Fault, Sandbox};
use rialto_store::interests::{self, Choice, Chosen, Interest};
use rialto_store::runs::{NewRun, Run, Subject};
use rialto_store::{args, groups, writebacks};
use rialto_testkit::actor;

use crate::support::{World, worlds};

const EVENTS: (&str, &str, &str) = ("area", "EVENTS", "");
const BIRDS: (&str, &str, &str) = ("demographic", "INTEREST", "BIRDS");

impl World {
    async fn interest(&self, (source, code, subcode): (&str, &str, &str)) -> Interest {
        let text = "SELECT * FROM interest WHERE bridge_id = $1 AND source = $2 AND code = $3 AND subcode = $4";
        self.db.read().one(text, args![self.bridge, source, code, subcode]).await.unwrap()
    }

    /// Takes an interest into use and reads its people.
    async fn use_interest(&self, which: (&str, &str, &str)) -> i64 {
        let id = self.interest(which).await.id;
        let mut tx = self.db.write().await.unwrap();
        interests::make_used(&mut tx, id, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        self.read_interest(which).await;
        id
    }

    async fn read_interest(&self, which: (&str, &str, &str)) -> Run {
        let group_id = self.interest(which).await.group_id.unwrap();
        self.later(1);
        let subject = Subject::Group { group_id, bridge_id: self.bridge };
        self.carry_out(NewRun::of(RunKind::People, subject, Trigger::Resync)).await
    }

    async fn choose(&self, person: i64, changes: &[(i64, bool)]) -> Chosen {
        let who = self.who();
        let choice = Choice { subscriber_id: person, changes, source: "preference page", evidence: "a signed link", who: &who };
        let mut tx = self.db.write().await.unwrap();
        let chosen = interests::choose(&mut tx, &choice).await.unwrap();
        tx.commit().await.unwrap();
        chosen
    }

    /// Remote IDs of those who have an interest here; the kept count says the same.
    async fn having(&self, which: (&str, &str, &str)) -> BTreeSet<String> {
        let group = groups::get(self.db.read(), self.interest(which).await.group_id.unwrap()).await.unwrap().unwrap();
        let text = "SELECT s.remote_id FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1";
        let rows: Vec<(String,)> = self.db.read().all(text, args![group.id]).await.unwrap();
        assert_eq!(rows.len() as i64, group.members, "{}: the kept count", self.name);
        rows.into_iter().map(|(id,)| id).collect()
    }

    fn truth(&self, (source, code, subcode): (&str, &str, &str)) -> BTreeSet<String> {
        self.remote().interested(source, code, subcode).unwrap().into_iter().collect()
    }

    fn put(&self, remote_id: &str, (source, code, subcode): (&str, &str, &str), has: bool) {
        let (master, sub) = Sandbox::split_remote_id(remote_id).unwrap();
        assert!(self.remote().set_interest(&master, sub, source, code, subcode, has));
    }

    /// Somebody who has an interest and somebody who has not: id and Remote ID.
    async fn two(&self, which: (&str, &str, &str)) -> ((i64, String), (i64, String)) {
        let (having, people) = (self.having(which).await, self.people().await);
        let one = |has| people.iter().find(|(_, remote_id)| having.contains(remote_id) == has).unwrap().clone();
        (one(true), one(false))
    }

    async fn standing_words(&self) -> i64 {
        self.db.read().one::<(i64,)>("SELECT COUNT(*) FROM interest_choice", vec![]).await.unwrap().0
    }
}

#[tokio::test]
async fn what_the_remote_offers_is_known_and_those_who_have_it_are_a_target_group() {
    for w in worlds(400).await {
        let known: Vec<Interest> = w.db.read().all("SELECT * FROM interest ORDER BY id", vec![]).await.unwrap();
        assert_eq!((known.len(), known.iter().filter(|i| i.remote_active).count()), (12, 10), "{}", w.name);
        for which in [EVENTS, BIRDS] {
            w.use_interest(which).await;
            assert_eq!(w.having(which).await, w.truth(which), "{} {which:?}", w.name);
        }
        let group = groups::get(w.db.read(), w.interest(BIRDS).await.group_id.unwrap()).await.unwrap().unwrap();
        assert_eq!((group.kind.as_str(), group.name.as_str(), group.folder.as_str()), ("interest", "Interest: birds", "Interests"));
        assert!(group.data_as_of.is_some() && group.waterfall().is_some_and(|f| f.balances()));
        // The remote's later word is followed, through the same gate as any list.
        let (has, not) = w.two(EVENTS).await;
        w.put(&has.1, EVENTS, false);
        w.put(&not.1, EVENTS, true);
        w.read_interest(EVENTS).await;
        assert_eq!(w.having(EVENTS).await, w.truth(EVENTS), "{}", w.name);
        // A group goes with its interest, not by itself.
        let mut tx = w.db.write().await.unwrap();
        assert!(groups::delete(&mut tx, group.id, &actor()).await.is_err());
        drop(tx);
        let mut tx = w.db.write().await.unwrap();
        interests::stop_using(&mut tx, w.interest(BIRDS).await.id, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(groups::get(w.db.read(), group.id).await.unwrap().is_none(), "{}", w.name);
    }
}

#[tokio::test]
async fn a_choice_holds_at_once_outlives_reads_and_is_told_once() {
    for w in worlds(400).await {
        let (events, birds) = (w.use_interest(EVENTS).await, w.use_interest(BIRDS).await);
        let (has, not) = w.two(EVENTS).await;
        assert_eq!(w.choose(not.0, &[(events, true), (birds, true), (birds, true)]).await.refused, None);
        assert_eq!(w.choose(has.0, &[(events, false)]).await.changed, 1);
        assert_eq!(w.choose(has.0, &[(events, false)]).await, Chosen::default(), "nothing changes twice");
        for read in [false, true] {
            if read {
                let run = w.read_interest(EVENTS).await;
                assert_eq!((run.counts().removed, run.counts().added), (0, 0), "{}: {:?}", w.name, run.counts());
            }
            let having = w.having(EVENTS).await;
            assert!(having.contains(&not.1) && !having.contains(&has.1), "{} read: {read}", w.name);
        }
        w.cycle().await;
        assert_eq!(w.states().await, ["sent"; 2], "{}", w.name);
        w.check().await;
        assert!(w.truth(EVENTS).contains(&not.1) && !w.truth(EVENTS).contains(&has.1) && w.truth(BIRDS).contains(&not.1));
        // Told: from the next whole read on the remote's word counts again.
        for which in [EVENTS, BIRDS] {
            w.read_interest(which).await;
        }
        assert_eq!(w.standing_words().await, 0, "{}", w.name);
        w.put(&not.1, EVENTS, false);
        w.read_interest(EVENTS).await;
        assert!(!w.having(EVENTS).await.contains(&not.1), "{}", w.name);
    }
}

#[tokio::test]
async fn what_was_given_up_by_hand_or_switched_off_is_the_remotes_word() {
    for w in worlds(400).await {
        let events = w.use_interest(EVENTS).await;
        let (_, not) = w.two(EVENTS).await;
        w.choose(not.0, &[(events, true)]).await;
        let id = w.rows().await[0].id;
        let who = rialto_store::Actor { at: w.now(), ..actor() };
        let mut tx = w.db.write().await.unwrap();
        assert!(writebacks::cancel(&mut tx, id, "asked for by mistake", &who).await.unwrap());
        tx.commit().await.unwrap();
        w.read_interest(EVENTS).await;
        assert!(!w.having(EVENTS).await.contains(&not.1), "{}", w.name);
        w.set(|s| s.interests = false).await;
        assert!(w.choose(not.0, &[(events, true)]).await.refused.is_some());
        assert!(w.choose(1_000_000, &[(events, true)]).await.refused.is_some());
        assert_eq!(w.rows().await.len(), 1, "{}", w.name);
    }
}

#[tokio::test]
async fn lists_go_on_where_interests_cannot_be_read() {
    for w in worlds(60).await {
        let events = w.use_interest(EVENTS).await;
        w.fault(Fault::HtmlPage, "usr_Rialto_Interests");
        w.lists(w.bridge).await;
        let (trouble,): (String,) =
            w.db.read().one("SELECT interests_trouble FROM bridge WHERE id = $1", rialto_store::args![w.bridge]).await.unwrap();
        assert!(trouble.contains("usr_Rialto_Interests"), "{trouble}");
        w.remote().clear_faults();
        // Nothing offered is more likely a fault than the end of all interests.
        w.fault(Fault::EmptyList, "usr_Rialto_Interests");
        w.lists(w.bridge).await;
        let interest = w.interest(EVENTS).await;
        assert_eq!((interest.id, interest.gone_at), (events, None), "{}", w.name);
        let key: InterestKey = interest.key().unwrap();
        assert_eq!(key.code, "EVENTS");
    }
}
