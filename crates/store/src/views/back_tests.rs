//! Lists read back: the same people as on the way there, whatever the order.

use super::tests::{NOW, actor, both, fill};
use crate::runs::{NewRun, Subject};
use crate::views::api::ChangeKind;
use crate::views::changes::{self, By, Place};
use crate::views::{Way, by_address, members, people, runs};
use crate::{Db, args};
use rialto_core::books::Line;
use rialto_core::run::{RunKind, Trigger};

fn ids(found: Vec<members::Member>) -> Vec<i64> {
    found.into_iter().map(|m| m.id).collect()
}

#[tokio::test]
async fn members_are_read_back_nearest_first() {
    for (made, db) in both().await {
        let group = fill(&db).await.groups[0];
        assert_eq!(ids(members::by_id(db.read(), group, Way::Back, 4, 2).await.unwrap()), [3, 2]);
        for told in [1, 30, 60, 1_000_000] {
            let from = ("dan@x.example", 7);
            let found = members::by_address(&db, group, told, Way::Back, from, 9).await.unwrap();
            assert_eq!(ids(found), [6, 3, 2, 1], "nobody without an address on {}", made.name);
        }
        assert_eq!(ids(members::on_line(db.read(), group, Line::Mailable, Way::Back, i64::MAX, 9).await.unwrap()), [7, 1]);
        assert_eq!(ids(members::on_line(db.read(), group, Line::SameAddress, Way::Back, i64::MAX, 9).await.unwrap()), [2]);
        assert_eq!(ids(members::on_line(db.read(), group, Line::NoAddress, Way::Back, 9, 9).await.unwrap()), [4]);
        assert_eq!(ids(people::by_address_back(db.read(), "AN", ("ann@x.example", 2), 9).await.unwrap()), [1]);
        assert!(people::by_address_back(db.read(), "b", ("bob@x.example", 3), 9).await.unwrap().is_empty(), "the beginning bounds it");
    }
}

async fn run_of(db: &Db, bridge_id: i64, group_id: i64) -> i64 {
    let mut tx = db.write().await.unwrap();
    let new = NewRun { plan_only: true, ..NewRun::of(RunKind::People, Subject::Group { group_id, bridge_id }, Trigger::Resync) };
    let asked = crate::runs::request(&mut tx, new, &actor()).await.unwrap();
    tx.run("UPDATE sync_run SET state = 'succeeded', finished_at = $2 WHERE id = $1", args![asked.run_id, NOW]).await.unwrap();
    tx.commit().await.unwrap();
    asked.run_id
}

#[tokio::test]
async fn runs_are_read_back_along_every_filter() {
    for (made, db) in both().await {
        let m = fill(&db).await;
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(run_of(&db, m.bridge_id, m.groups[0]).await);
        }
        let state = || "succeeded".to_owned();
        let filters = [
            runs::RunFilter::default(),
            runs::RunFilter { state: state(), ..Default::default() },
            runs::RunFilter { kind: "people".into(), ..Default::default() },
            runs::RunFilter { bridge_id: m.bridge_id, ..Default::default() },
            runs::RunFilter { group_id: m.groups[0], ..Default::default() },
            runs::RunFilter { group_id: m.groups[0], state: state(), ..Default::default() },
        ];
        for filter in filters {
            let found = runs::turn(db.read(), &filter, Way::Back, all[0], 9).await.unwrap();
            assert_eq!(found.iter().map(|r| r.run.id).collect::<Vec<_>>(), all[1..], "{filter:?} on {}", made.name);
        }
    }
}

/// A run that changed four people in each table, one of them without an address.
async fn changed(db: &Db, run_id: i64) {
    let mut tx = db.write().await.unwrap();
    for (table, column, value) in [("membership_change", "op", "3"), ("flag_change", "op", "3"), ("person_change", "before_values", "'{}'")]
    {
        for person in [1_i64, 4, 6, 7] {
            let text = format!("INSERT INTO {table} (run_id, subscriber_id, {column}) VALUES ($1, $2, {value})");
            tx.run_built(text, args![run_id, person]).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_people_of_a_run_are_walked_there_and_back_in_both_orders() {
    for (made, db) in both().await {
        let m = fill(&db).await;
        let run = run_of(&db, m.bridge_id, m.groups[0]).await;
        changed(&db, run).await;
        for kind in [ChangeKind::Member(3), ChangeKind::Flag(3), ChangeKind::Person] {
            // Every way of reading by address, forced by the count they are told.
            for (by, told) in [(By::Came, 3), (By::Address, 3), (By::Address, 30), (By::Address, 60), (By::Address, 1_000_000)] {
                let wanted = if by == By::Came { [1, 4, 6, 7] } else { [4, 1, 6, 7] };
                for way in [Way::Onward, Way::Back] {
                    let (mut walked, mut from): (Vec<i64>, Option<Place>) = (Vec::new(), None);
                    while let Some(place) = changes::places(&db, run, (kind, told), by, way, from.take(), 1).await.unwrap().pop() {
                        walked.push(place.id);
                        from = Place::read(&place.to_string());
                    }
                    if way == Way::Back {
                        walked.reverse();
                    }
                    assert_eq!(walked, wanted, "{kind:?} {by:?} {told} {way:?} on {}", made.name);
                }
            }
        }
        assert!(changes::places(&db, run, (ChangeKind::Member(1), 0), By::Came, Way::Onward, None, 9).await.unwrap().is_empty());
        let mut seen = changes::review(db.read(), run, m.groups[0], &[8, 1]).await.unwrap();
        seen.sort_by_key(|r| r.person.id);
        let told: Vec<_> = seen.iter().map(|r| (r.person.id, r.member_op, r.flag_op, r.member_now, r.before_values.as_str())).collect();
        assert_eq!(told, [(1, 3, 3, 1, "{}"), (8, 0, 0, 0, "")], "on {}", made.name);
    }
}

#[tokio::test]
async fn a_page_of_people_reads_no_table_whole() {
    let made = rialto_testkit::sqlite().await;
    let db = Db::connect(&made.url).await.unwrap();
    let of_people =
        [by_address::members::ALL, by_address::changed_members::ALL, by_address::changed_flags::ALL, by_address::changed_values::ALL];
    for (name, sql) in changes::ALL.iter().chain(of_people.into_iter().flatten()) {
        let plan: Vec<(i64, i64, i64, String)> = db.read().all_built(format!("EXPLAIN QUERY PLAN {}", sql.sqlite), vec![]).await.unwrap();
        for (_, _, _, step) in plan {
            assert!(!["SCAN c", "SCAN m", "SCAN f", "SCAN p", "SCAN x", "SCAN s"].iter().any(|s| step == *s), "{name}: {step}");
            assert!(!step.contains("TEMP B-TREE") || name.contains("LOOK_UP"), "{name} sorts: {step}");
        }
    }
}
