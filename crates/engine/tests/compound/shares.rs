//! A split: shares that stay the same, that follow their group, and that nobody is in twice.

use std::collections::BTreeSet;

use rialto_core::compound::{Definition, Shares, split};
use rialto_core::run::RunState;
use rialto_store::args;

use crate::world::{World, set, worlds};

async fn splits(w: &World, parent: i64, seed: i64, shares: &Shares) -> Vec<i64> {
    let mut ids = Vec::new();
    for share in split(parent, seed, shares).unwrap() {
        ids.push(w.make("Part", &Definition::Share(share)).await.unwrap());
    }
    w.settle().await;
    ids
}

async fn sets(w: &World, ids: &[i64]) -> Vec<BTreeSet<i64>> {
    let mut all = Vec::new();
    for id in ids {
        w.honest(*id).await;
        all.push(w.members(*id).await);
    }
    for (n, one) in all.iter().enumerate() {
        assert!(all.iter().skip(n + 1).all(|other| one.is_disjoint(other)), "{}: somebody is in two parts", w.name);
    }
    all
}

#[tokio::test]
async fn parts_share_out_everybody_once_and_stay_while_their_group_changes() {
    for w in worlds(2_000, 1).await {
        let parent = w.remote[0];
        w.fill(parent, 1..=1_500).await;
        let ids = splits(&w, parent, 99, &Shares::Equal(3)).await;
        let before = sets(&w, &ids).await;
        let union = |all: &[BTreeSet<i64>]| all.iter().flatten().copied().collect::<BTreeSet<i64>>();
        assert_eq!(union(&before), (1..=1_500).collect(), "{}", w.name);
        assert!(before.iter().all(|s| (400..600).contains(&s.len())), "{:?}", before.iter().map(BTreeSet::len).collect::<Vec<_>>());
        // Pairs with one address stay together.
        let part_of = |all: &[BTreeSet<i64>], id: i64| all.iter().position(|s| s.contains(&id));
        for id in (2..1_500).step_by(2).filter(|id| id % 7 != 0 && (id + 1) % 7 != 0) {
            assert_eq!(part_of(&before, id), part_of(&before, id + 1), "{}: {id}", w.name);
        }
        // Some change their address, some leave, some come: whoever stays, stays where they are.
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE subscriber SET address = 'new' || CAST(id AS TEXT) || '@x.example', canonical = 'new' || CAST(id AS TEXT) || '@x.example' WHERE id % 3 = 0", args![]).await.unwrap();
        tx.commit().await.unwrap();
        w.set_members(parent, &set(101..=2_000), RunState::Succeeded).await;
        w.settle().await;
        let after = sets(&w, &ids).await;
        assert_eq!(union(&after), (101..=2_000).collect(), "{}", w.name);
        for id in 101..=1_500 {
            assert_eq!(part_of(&before, id), part_of(&after, id), "{}: {id} moved", w.name);
        }
    }
}

#[tokio::test]
async fn somebody_let_in_twice_is_put_right_in_favour_of_the_older_part() {
    for w in worlds(200, 1).await {
        let parent = w.remote[0];
        w.fill(parent, 1..=200).await;
        let ids = splits(&w, parent, 7, &Shares::Equal(2)).await;
        let before = sets(&w, &ids).await;
        let twice = *before[0].iter().next().unwrap();
        let mut tx = w.db.write().await.unwrap();
        tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![ids[1], twice]).await.unwrap();
        tx.run("UPDATE target_group SET members = members + 1 WHERE id = $1", args![ids[1]]).await.unwrap();
        tx.commit().await.unwrap();
        for id in &ids {
            w.sync(*id, false).await;
        }
        assert_eq!(sets(&w, &ids).await, before, "{}", w.name);
    }
}

#[tokio::test]
async fn percentages_leave_a_rest_and_the_same_seed_tells_off_the_same() {
    let mut seen = Vec::new();
    for w in worlds(3_000, 1).await {
        let parent = w.remote[0];
        w.fill(parent, 1..=3_000).await;
        let ids = splits(&w, parent, 5, &Shares::Percent(vec![10, 30])).await;
        let parts = sets(&w, &ids).await;
        assert!((200..400).contains(&parts[0].len()) && (750..1_050).contains(&parts[1].len()), "{} {}", parts[0].len(), parts[1].len());
        seen.push(parts);
        w.fill(parent, []).await;
        w.settle().await;
        assert!(sets(&w, &ids).await.iter().all(BTreeSet::is_empty), "{}", w.name);
    }
    assert_eq!(seen[0], seen[1], "both databases tell off the same people");
}
