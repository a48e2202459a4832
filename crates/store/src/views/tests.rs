//! The views on both databases.

use rialto_core::Instant;
use rialto_core::address::Address;
use rialto_core::books::{Counts, Line};
use rialto_core::consent::Cause;
use rialto_core::run::{Phase, RunKind, RunState, Trigger};

use crate::bridges::Entered;
use crate::consent::Grounds;
use crate::groups::Described;
use crate::runs::{Ending, NewRun, Subject};
use crate::views::{Way, groups, members, overview, people, runs, search};
use crate::{Actor, Db, Vault, args};

pub(super) const NOW: Instant = Instant(1_767_600_000_000_000);

/// What testkit offers, made here: a unit test sees this crate's types, testkit those of the finished one.
pub(super) fn actor() -> Actor {
    Actor { name: "user:ann@rialto.example".into(), request_id: "test".into(), at: NOW }
}

fn vault() -> Vault {
    Vault::new([42; 32], rialto_core::Random::new(|out| out.fill(7)))
}

/// Fresh databases by testkit, opened by this crate.
pub(super) async fn both() -> Vec<(rialto_testkit::TestDb, Db)> {
    let mut all = Vec::new();
    for made in rialto_testkit::both().await {
        let db = Db::connect(&made.url).await.unwrap();
        all.push((made, db));
    }
    all
}

pub(super) struct Made {
    pub(super) bridge_id: i64,
    pub(super) groups: Vec<i64>,
}

/// One bridge, three groups (`Alpha`, `Beta`, `gamma_x`), seven people in Alpha, one more in Beta.
pub(super) async fn fill(db: &Db) -> Made {
    let mut tx = db.write().await.unwrap();
    let entered = Entered { name: "CRM".into(), enabled: true, ..Entered::default() };
    let bridge_id = crate::bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await.unwrap();
    let list = |code: &str, name: &str| Described {
        code: code.into(),
        name: name.into(),
        description: String::new(),
        active: true,
        regeneration: String::new(),
        members: None,
        refreshed_at: None,
        modified_at: None,
    };
    let lists = [list("A", "Alpha"), list("B", "Beta"), list("C", "gamma_x")];
    crate::groups::mirror(&mut tx, bridge_id, "CRM", &lists, true, NOW).await.unwrap();
    let groups: Vec<i64> =
        tx.all::<(i64,)>("SELECT id FROM target_group ORDER BY id", args![]).await.unwrap().into_iter().map(|(id,)| id).collect();
    let addresses = [
        ("1", "ann@x.example", 0_i64),
        ("2", "ANN@x.example", 0),
        ("3", "bob@x.example", 5),
        ("4", "", 0),
        ("5", "nope", 0),
        ("6", "cee@x.example", 0),
        ("7", "dan@x.example", 0),
        ("8", "eve@x.example", 0),
    ];
    for (i, (remote_id, address, flagged)) in addresses.iter().enumerate() {
        let id = i as i64 + 1;
        let a = Address::read(Some(address));
        tx.run("INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen,
            remote_flag_run, hash) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, 1, $8, 1)",
            args![id, NOW, bridge_id, *remote_id, a.written, a.canonical, a.state as i16, *flagged]).await.unwrap();
        let group = if id == 8 { groups[1] } else { groups[0] };
        tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![group, id]).await.unwrap();
    }
    tx.run("UPDATE target_group SET members = 7 WHERE id = $1", args![groups[0]]).await.unwrap();
    let grounds = Grounds { source: "test", reason: "", evidence: "" };
    crate::consent::open(&mut tx, &vault(), 6, Cause::OwnUnsubscribe, &grounds, &actor()).await.unwrap();
    tx.commit().await.unwrap();
    Made { bridge_id, groups }
}

#[tokio::test]
async fn groups_are_filtered_sorted_and_counted() {
    for (made, db) in both().await {
        let m = fill(&db).await;
        let names = |rows: Vec<groups::GroupRow>| rows.into_iter().map(|r| r.group.name).collect::<Vec<_>>();
        let all = groups::Filter::default();
        assert_eq!(
            names(groups::page(db.read(), &all, groups::Sort::Name, true, None, 2).await.unwrap()),
            ["gamma_x", "Beta"],
            "{}",
            made.name
        );
        assert_eq!(names(groups::page(db.read(), &all, groups::Sort::Members, true, None, 9).await.unwrap())[0], "Alpha");
        let some =
            groups::Filter { q: "A_X".into(), bridge_id: m.bridge_id, folder: Some("CRM".into()), state: "never".into(), ..all.clone() };
        assert_eq!(names(groups::page(db.read(), &some, groups::Sort::Synced, false, None, 9).await.unwrap()), ["gamma_x"]);
        assert_eq!(groups::total(db.read(), &all).await.unwrap(), 3);
        assert_eq!(groups::total(db.read(), &groups::Filter { state: "held".into(), ..all }).await.unwrap(), 0);
        assert_eq!(groups::folders(db.read()).await.unwrap(), ["CRM"]);
        assert_eq!(groups::uses(db.read(), m.groups[0]).await.unwrap(), (0, None));
    }
}

#[tokio::test]
async fn pages_of_groups_meet_without_a_gap_in_every_order() {
    for (made, db) in both().await {
        fill(&db).await;
        for sort in [groups::Sort::Name, groups::Sort::Members, groups::Sort::Synced] {
            for down in [false, true] {
                let all = groups::Filter::default();
                let (mut walked, mut after) = (Vec::new(), None);
                loop {
                    let page = groups::page(db.read(), &all, sort, down, after.as_ref(), 2).await.unwrap();
                    let Some(last) = page.last() else { break };
                    let text = last.place(sort).to_string();
                    after = sort.read_place(&text);
                    assert_eq!(after, Some(last.place(sort)), "a place survives its way through a URL");
                    walked.extend(page.into_iter().map(|r| r.group.name));
                }
                let whole = groups::page(db.read(), &all, sort, down, None, 9).await.unwrap();
                assert_eq!(walked, whole.into_iter().map(|r| r.group.name).collect::<Vec<_>>(), "{sort:?} {down} on {}", made.name);
                assert_eq!(walked.len(), 3);
            }
        }
        assert_eq!(groups::Sort::Members.read_place("1~many"), None);
    }
}

#[tokio::test]
async fn the_search_finds_groups_by_any_part_of_their_name_and_those_that_begin_so_first() {
    for (_made, db) in both().await {
        fill(&db).await;
        let names = async |q: &str| search::groups(db.read(), q, 9).await.unwrap().into_iter().map(|g| g.name).collect::<Vec<_>>();
        assert_eq!(names("A").await, ["Alpha", "Beta", "gamma_x"]);
        assert_eq!(names("BE").await, ["Beta"]);
        assert_eq!(names("_").await, ["gamma_x"]);
        assert!(names(" ").await.is_empty() && names("%").await.is_empty());
    }
}

#[tokio::test]
async fn gone_and_plan_only_groups_need_somebody() {
    for (_made, db) in both().await {
        let m = fill(&db).await;
        assert!(overview::gone(db.read()).await.unwrap().is_empty() && overview::plan_only(db.read()).await.unwrap().is_empty());
        let mut tx = db.write().await.unwrap();
        tx.run("UPDATE target_group SET state = 'gone' WHERE id IN ($1, $2)", args![m.groups[0], m.groups[1]]).await.unwrap();
        tx.run("UPDATE target_group SET plan_only = TRUE WHERE id = $1", args![m.groups[2]]).await.unwrap();
        tx.commit().await.unwrap();
        // Beta is gone too, but nobody is in it.
        assert_eq!(overview::gone(db.read()).await.unwrap().into_iter().map(|g| g.name).collect::<Vec<_>>(), ["Alpha"]);
        assert_eq!(overview::plan_only(db.read()).await.unwrap()[0].name, "gamma_x");
    }
}

#[tokio::test]
async fn a_filtered_page_of_runs_walks_an_index() {
    let made = rialto_testkit::sqlite().await;
    let db = Db::connect(&made.url).await.unwrap();
    for (name, sql) in runs::ALL.iter().chain(overview::ALL).chain(groups::ALL) {
        let plan: Vec<(i64, i64, i64, String)> = db.read().all_built(format!("EXPLAIN QUERY PLAN {}", sql.sqlite), vec![]).await.unwrap();
        for (_, _, _, step) in plan {
            let growing =
                step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).is_some_and(|t| ["r", "n", "l", "h"].contains(&t));
            // The newest runs of all are read along the key.
            assert!(!growing || name.starts_with("PAGE"), "{name} reads every run: {step}");
            assert!(
                !step.contains("USE TEMP B-TREE FOR ORDER BY") || !name.starts_with("BY_") && !name.starts_with("OF_"),
                "{name} sorts: {step}"
            );
        }
    }
}

#[tokio::test]
async fn the_people_behind_a_line_are_those_it_counts() {
    for (made, db) in both().await {
        let m = fill(&db).await;
        let group = m.groups[0];
        let w = crate::waterfall::compute(&db, group, 7, Counts { read: 7, ..Counts::default() }).await.unwrap();
        assert!(w.balances());
        let figures = [
            (Line::NoAddress, w.no_address),
            (Line::Malformed, w.malformed),
            (Line::SameAddress, w.same_address),
            (Line::Invalid, w.invalid),
            (Line::Complaint, w.complaint),
            (Line::UnsubscribedHere, w.unsubscribed_here),
            (Line::AdminOrUpload, w.admin_or_upload),
            (Line::RemoteFlag, w.remote_flag),
            (Line::Mailable, w.mailable),
        ];
        let mut seen = Vec::new();
        for (line, figure) in figures {
            let found = members::on_line(db.read(), group, line, Way::Onward, 0, 50).await.unwrap();
            assert_eq!(found.len() as i64, figure, "{line:?} on {}", made.name);
            seen.extend(found.into_iter().map(|p| p.id));
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[tokio::test]
async fn pages_of_members_meet_without_a_gap() {
    for (_made, db) in both().await {
        let m = fill(&db).await;
        let group = m.groups[0];
        // Every way of reading by address, forced by the count they are told.
        for told in [1, 30, 60, 1_000_000] {
            let (mut walked, mut after) = (Vec::new(), (String::new(), 0));
            loop {
                let page = members::by_address(&db, group, told, Way::Onward, (&after.0, after.1), 2).await.unwrap();
                let Some(last) = page.last() else { break };
                after = (last.canonical.clone(), last.id);
                walked.extend(page.iter().map(|p| p.id));
            }
            assert_eq!(walked, [4, 1, 2, 3, 6, 7, 5]);
        }
        let ids: Vec<i64> = members::by_id(db.read(), group, Way::Onward, 2, 3).await.unwrap().into_iter().map(|p| p.id).collect();
        assert_eq!(ids, [3, 4, 5]);
        assert_eq!(members::find(db.read(), group, "Ann@X.example", 9).await.unwrap().len(), 2);
        assert_eq!(members::find(db.read(), group, "7", 9).await.unwrap()[0].id, 7);
        let people = members::by_id(db.read(), group, Way::Onward, 0, 50).await.unwrap();
        let causes = members::causes(&db, &people).await.unwrap();
        assert_eq!(causes.get(&6), Some(&vec![Cause::OwnUnsubscribe]));
        assert_eq!(causes.get(&3), Some(&vec![Cause::RemoteFlag]));
        assert_eq!(causes.len(), 2);
    }
}

#[tokio::test]
async fn people_are_found_by_the_beginning_of_an_address_or_by_remote_id() {
    for (_made, db) in both().await {
        let m = fill(&db).await;
        let found = people::by_address(db.read(), "AN", ("", 0), 9).await.unwrap();
        assert_eq!(found.iter().map(|p| p.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(people::same_address(db.read(), &found[0]).await.unwrap()[0].id, 2);
        assert_eq!(people::by_remote_id(db.read(), " 8 ", 9).await.unwrap()[0].address, "eve@x.example");
        assert_eq!(people::groups(db.read(), 8).await.unwrap()[0].id, m.groups[1]);
        assert_eq!(people::more(db.read(), 3).await.unwrap().remote_flag_seen, 1);
        let six = people::one(db.read(), 6).await.unwrap().unwrap();
        assert_eq!(people::causes(db.read(), &six).await.unwrap().len(), 2);
        assert!(people::profiles(&db, m.bridge_id, &[], &[1]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_failed_run_needs_somebody_until_a_newer_one_comes() {
    for (_made, db) in both().await {
        let m = fill(&db).await;
        let subject = Subject::Group { group_id: m.groups[0], bridge_id: m.bridge_id };
        let ask = async || {
            let mut tx = db.write().await.unwrap();
            let asked = crate::runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Resync), &actor()).await.unwrap();
            crate::runs::claim(&mut tx, "w", NOW, 60).await.unwrap().unwrap();
            crate::runs::heartbeat(&mut tx, asked.run_id, "w", NOW.plus_seconds(60), 3, Phase::Reading).await.unwrap();
            tx.commit().await.unwrap();
            asked.run_id
        };
        let end = async |id: i64, state: RunState| {
            let ending = Ending {
                state,
                counts: Counts::default(),
                reason: "No.".into(),
                advice: String::new(),
                error_kind: String::new(),
                data_as_of: None,
                stats: serde_json::json!({}),
            };
            let mut tx = db.write().await.unwrap();
            assert!(crate::runs::finish(&mut tx, id, "w", NOW, &ending).await.unwrap());
            tx.run("INSERT INTO sync_run_note (run_id, number, kind, remote_id, detail) VALUES ($1, 1, 'rejected', '', 'x')", args![id])
                .await
                .unwrap();
            tx.run("INSERT INTO membership_change (run_id, subscriber_id, op) VALUES ($1, 7, 3)", args![id]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let first = ask().await;
        let row = groups::one(db.read(), m.groups[0]).await.unwrap().unwrap();
        assert_eq!(row.open_run().map(|(id, _)| id), Some(first));
        end(first, RunState::Failed).await;
        assert_eq!(overview::failed(db.read()).await.unwrap()[0].run.id, first);
        let second = ask().await;
        assert!(overview::failed(db.read()).await.unwrap().is_empty());
        end(second, RunState::Held).await;
        assert_eq!(overview::held(db.read()).await.unwrap()[0].group_name, "Alpha");
        let row = groups::one(db.read(), m.groups[0]).await.unwrap().unwrap();
        assert_eq!((row.held_id, row.open_run()), (Some(second), None));
        let changes = runs::changes(db.read(), second).await.unwrap();
        assert_eq!((changes.withheld, changes.rejected, changes.updated), (1, 1, 0));
        assert_eq!(runs::notes(db.read(), second, &["rejected", "misfit"], Way::Onward, 0, 9).await.unwrap().len(), 1);
        let of_group = runs::RunFilter { group_id: m.groups[0], ..runs::RunFilter::default() };
        assert_eq!(runs::page(db.read(), &of_group, i64::MAX, 9).await.unwrap().len(), 2);
        assert_eq!(runs::page(db.read(), &runs::RunFilter { state: "held".into(), ..of_group }, i64::MAX, 9).await.unwrap().len(), 1);
        assert_eq!(runs::one(db.read(), first).await.unwrap().unwrap().bridge_name, "CRM");
        crate::people::recount(&db, true).await.unwrap();
        let figures = overview::figures(&db).await.unwrap();
        assert_eq!((figures.people, figures.groups, figures.groups_synced), (8, 3, 0));
    }
}
