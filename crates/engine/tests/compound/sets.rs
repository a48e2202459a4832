//! Random parts, definitions and changes: who is in a group is always what the plain rule says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rialto_core::compound::{Compound, Definition, Mode};
use rialto_core::run::RunState;
use rialto_store::StoreError;

use crate::world::{World, set, worlds};

const PEOPLE: i64 = 40;
const LISTS: usize = 5;

/// What a person or a remote does. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Members(usize, BTreeSet<i64>),
    Define(Sides),
    Redefine(usize, Sides),
    Sync(usize),
}

#[derive(Clone, Debug)]
struct Sides {
    include: (Mode, Vec<usize>),
    exclude: Option<(Mode, Vec<usize>)>,
}

fn sides() -> impl Strategy<Value = Sides> {
    let side = || (proptest::sample::select(&[Mode::All, Mode::Any][..]), proptest::collection::vec(0usize..64, 1..4));
    (side(), proptest::option::of(side())).prop_map(|(include, exclude)| Sides { include, exclude })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..LISTS, proptest::collection::btree_set(1..=PEOPLE, 0..30)).prop_map(|(g, p)| Step::Members(g, p)),
        2 => sides().prop_map(Step::Define),
        2 => (0usize..64, sides()).prop_map(|(g, s)| Step::Redefine(g, s)),
        1 => (0usize..64).prop_map(Step::Sync),
    ]
}

/// The naive model: sets of people by remote group, definitions by group.
#[derive(Default)]
struct Model {
    remote: BTreeMap<i64, BTreeSet<i64>>,
    defined: BTreeMap<i64, Compound>,
}

impl Model {
    fn is_in(&self, person: i64, group: i64) -> bool {
        match self.defined.get(&group) {
            Some(c) => c.holds(|part| self.is_in(person, part)),
            None => self.remote.get(&group).is_some_and(|people| people.contains(&person)),
        }
    }

    fn members(&self, group: i64) -> BTreeSet<i64> {
        (1..=PEOPLE).filter(|p| self.is_in(*p, group)).collect()
    }

    /// Groups by number; a group on both sides is no definition.
    fn compound(&self, sides: &Sides) -> Option<Compound> {
        let all: Vec<i64> = self.remote.keys().chain(self.defined.keys()).copied().collect();
        let pick = |(mode, numbers): &(Mode, Vec<usize>)| (*mode, numbers.iter().map(|n| all[n % all.len()]).collect::<Vec<i64>>());
        Compound::new(pick(&sides.include), sides.exclude.as_ref().map(pick)).ok()
    }
}

async fn play(w: &World, model: &mut Model, step: Step) {
    match step {
        Step::Members(n, people) => {
            let group = w.remote[n];
            w.set_members(group, &set(people.iter().copied()), RunState::Succeeded).await;
            model.remote.insert(group, people);
        }
        Step::Define(sides) if model.defined.len() < 9 => {
            let Some(c) = model.compound(&sides) else { return };
            match w.make("Compound", &Definition::Compound(c.clone())).await {
                Ok(id) => drop(model.defined.insert(id, c)),
                Err(StoreError::Conflict(_)) => {}
                Err(e) => panic!("{e}"),
            }
        }
        Step::Define(_) => {}
        Step::Redefine(n, sides) => {
            let all: Vec<i64> = model.defined.keys().copied().collect();
            let (Some(c), false) = (model.compound(&sides), all.is_empty()) else { return };
            let id = all[n % all.len()];
            match w.redefine(id, &c).await {
                Ok(()) => drop(model.defined.insert(id, c)),
                Err(StoreError::Conflict(_)) => {}
                Err(e) => panic!("{e}"),
            }
        }
        Step::Sync(n) => {
            let all: Vec<i64> = model.defined.keys().copied().collect();
            if let Some(id) = all.get(n % all.len().max(1)) {
                w.sync(*id, false).await;
            }
        }
    }
}

#[tokio::test]
async fn members_are_what_the_rule_says_whatever_happens() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for w in worlds(PEOPLE, LISTS).await {
        let mut model = Model::default();
        for group in &w.remote {
            w.fill(*group, []).await;
            model.remote.insert(*group, BTreeSet::new());
        }
        let script = proptest::collection::vec(step(), 60).new_tree(&mut runner).unwrap().current();
        for (n, step) in script.into_iter().enumerate() {
            let told = format!("{} step {n}: {step:?}", w.name);
            play(&w, &mut model, step).await;
            w.settle().await;
            for (id, definition) in &model.defined {
                assert_eq!(w.members(*id).await, model.members(*id), "{told}: group {id} {definition:?}");
                w.honest(*id).await;
            }
        }
        assert!(model.defined.len() >= 5, "the history made some groups");
        assert!(model.defined.values().any(|c| c.include().groups().iter().any(|g| model.defined.contains_key(g))), "some stand on others");
    }
}
