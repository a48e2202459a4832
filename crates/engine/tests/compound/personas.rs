//! Personas against a naive model: everybody has the first one, from the top, whose target group they are in.

use std::collections::{BTreeMap, BTreeSet};

use rialto_core::run::RunState;
use rialto_store::personas::{self, Entered};
use rialto_store::{StoreError, groups};

use crate::world::{World, set, worlds};

const PEOPLE: i64 = 40;

/// What has to hold: personas in order, each with its name and its target group.
type Model = Vec<(i64, String, usize)>;

impl World {
    async fn personas<T>(
        &self,
        act: impl AsyncFnOnce(&mut rialto_store::Tx, &rialto_store::Actor) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tx = self.db.write().await.unwrap();
        let done = act(&mut tx, &self.who()).await?;
        tx.commit().await?;
        Ok(done)
    }

    async fn make_persona(&self, name: &str, source: i64) -> Result<i64, StoreError> {
        let entered = Entered { name, avatar: "star", description: "Who they are.", source_group: source };
        self.personas(async |tx, who| personas::create(tx, &entered, who).await).await
    }

    async fn agrees(&self, model: &Model, lists: &[BTreeSet<i64>], said: &str) {
        let shown = personas::list(self.db.read()).await.unwrap();
        let names: Vec<&str> = shown.iter().map(|s| s.persona.name.as_str()).collect();
        assert_eq!(names, model.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>(), "{}: {said}", self.name);
        let mut taken = BTreeSet::new();
        for (s, (_, name, list)) in shown.iter().zip(model) {
            let wanted: BTreeSet<i64> = lists[*list].difference(&taken).copied().collect();
            assert_eq!(self.members(s.persona.group_id).await, wanted, "{}: {name} after {said}", self.name);
            assert_eq!((s.overlap(), s.members), (Some(s.source_members - s.members), wanted.len() as i64), "{}: {name}", self.name);
            taken.extend(&lists[*list]);
        }
        for person in 1..=PEOPLE {
            let has = personas::of_person(self.db.read(), person).await.unwrap().map(|p| p.name);
            let first = model.iter().find(|(.., list)| lists[*list].contains(&person)).map(|(_, name, _)| name.clone());
            assert_eq!(has, first, "{}: person {person} after {said}", self.name);
        }
    }
}

#[tokio::test]
async fn everybody_has_the_first_that_matches_whatever_changes() {
    for w in worlds(PEOPLE, 5).await {
        let mut dice = 7_u64;
        let mut roll = move |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let mut lists = vec![BTreeSet::new(); 5];
        for (at, group) in w.remote.iter().enumerate() {
            lists[at] = (1..=PEOPLE).filter(|_| roll(3) == 0).collect();
            w.fill(*group, lists[at].clone()).await;
        }
        let mut model: Model = Vec::new();
        for round in 0..40 {
            let said = match roll(5) {
                0 => {
                    let (at, name) = (roll(5) as usize, format!("Persona {round}"));
                    let made = w.make_persona(&name, w.remote[at]).await;
                    assert_eq!(made.is_err(), model.iter().any(|(.., list)| *list == at), "{}: a group twice", w.name);
                    if let Ok(id) = made {
                        model.push((id, name, at));
                    }
                    "make".to_owned()
                }
                1 if model.len() > 1 => {
                    let place = roll(model.len() as u64) as usize;
                    let moved = model.remove(place);
                    model.insert(roll(model.len() as u64 + 1) as usize, moved);
                    let ids: Vec<i64> = model.iter().map(|(id, ..)| *id).collect();
                    w.personas(async |tx, who| personas::order(tx, &ids, who).await).await.unwrap();
                    "order".to_owned()
                }
                2 if !model.is_empty() && roll(3) == 0 => {
                    let (id, ..) = model.remove(roll(model.len() as u64) as usize);
                    w.settle().await;
                    w.personas(async |tx, who| personas::delete(tx, id, who).await).await.unwrap();
                    "delete".to_owned()
                }
                3 if !model.is_empty() => {
                    let (place, at) = (roll(model.len() as u64) as usize, roll(5) as usize);
                    let (id, name, _) = model[place].clone();
                    let entered = Entered { name: &name, avatar: "leaf", description: "", source_group: w.remote[at] };
                    let changed = w.personas(async |tx, who| personas::update(tx, id, &entered, who).await).await;
                    let clash = model.iter().enumerate().any(|(p, (.., list))| p != place && *list == at);
                    assert_eq!(changed.is_err(), clash, "{}: a group twice", w.name);
                    if !clash {
                        model[place].2 = at;
                    }
                    "update".to_owned()
                }
                _ => {
                    let at = roll(5) as usize;
                    lists[at] = (1..=PEOPLE).filter(|_| roll(3) == 0).collect();
                    w.set_members(w.remote[at], &set(lists[at].clone()), RunState::Succeeded).await;
                    format!("members of {at}")
                }
            };
            w.settle().await;
            w.agrees(&model, &lists, &format!("round {round}, {said}")).await;
        }
        assert!(!model.is_empty(), "{}", w.name);
        for s in personas::list(w.db.read()).await.unwrap() {
            w.honest(s.persona.group_id).await;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_says_why() {
    for w in worlds(10, 3).await {
        for group in &w.remote {
            w.fill(*group, 1..=5).await;
        }
        let first = w.make_persona("Students", w.remote[0]).await.unwrap();
        let second = w.make_persona("Members", w.remote[1]).await.unwrap();
        w.settle().await;
        let refused = async |made: Result<i64, StoreError>| made.unwrap_err().to_string();
        assert!(refused(w.make_persona("STUDENTS", w.remote[2]).await).await.contains("named STUDENTS already"), "{}", w.name);
        assert!(refused(w.make_persona("Others", w.remote[0]).await).await.contains("Students uses this target group"), "{}", w.name);
        let of: BTreeMap<i64, i64> =
            personas::list(w.db.read()).await.unwrap().iter().map(|s| (s.persona.id, s.persona.group_id)).collect();
        assert!(refused(w.make_persona("Circle", of[&first]).await).await.contains("holds the people of a persona"), "{}", w.name);
        for ids in [vec![first], vec![first, first], vec![first, second, 99]] {
            let ordered = w.personas(async |tx, who| personas::order(tx, &ids, who).await).await;
            assert!(ordered.unwrap_err().to_string().contains("changed meanwhile"), "{}: {ids:?}", w.name);
        }
        let group = of[&first];
        let deleted = w.personas(async |tx, who| groups::delete(tx, group, who).await).await;
        assert!(deleted.unwrap_err().to_string().contains("Delete the persona"), "{}", w.name);
        assert_eq!(w.group(group).await.kind, "persona");
        assert_eq!(w.members(of[&second]).await, BTreeSet::new(), "all of them are students");
    }
}
