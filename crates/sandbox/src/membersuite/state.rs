//! What the sandbox holds: edits on top of computed individuals, and all other records.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::membersuite::criteria::{Criteria, compare};
use crate::membersuite::ids;
use crate::membersuite::options::Options;
use crate::membersuite::people::{Individual, NewIndividual, Population, organization};
use crate::membersuite::records::{self, Activity, Configurable, SavedSearch};
use crate::membersuite::refusal::Refusal;
use crate::membersuite::schema::{ACTIVITY_STATUS, ACTIVITY_TYPE, Class, INDIVIDUAL, MESSAGE_CATEGORY, ORGANIZATION, SAVED_SEARCH};
use crate::membersuite::value::Object;
use crate::names::COMPANIES;

/// Results of searches that are kept.
const KEPT: usize = 16;

type Kept = BTreeMap<String, (u64, Arc<Vec<u64>>)>;

pub(crate) struct State {
    pub seed: u64,
    pub start: Timestamp,
    pub population: Population,
    pub end: u64,
    pub overrides: HashMap<u64, Individual>,
    pub created: usize,
    pub deleted: BTreeSet<u64>,
    pub searches: Vec<SavedSearch>,
    pub categories: Vec<Configurable>,
    pub activity_types: Vec<Configurable>,
    pub activity_statuses: Vec<Configurable>,
    pub activities: BTreeMap<u64, Activity>,
    /// Numbers of the activities of each individual.
    pub activities_of: BTreeMap<u64, Vec<u64>>,
    /// Who is found, or not, whatever the criteria say: by the criteria as text.
    pub pins: HashMap<String, BTreeMap<u64, bool>>,
    pub sessions: HashMap<String, Timestamp>,
    pub last_session: u64,
    /// Goes up with every change that may change what searches find.
    pub version: u64,
    kept: Mutex<Kept>,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let (seed, start) = (options.seed, crate::personify360::first_instant());
        Self {
            seed,
            start,
            population: Population { seed, people: options.people, start },
            end: options.people,
            overrides: HashMap::new(),
            created: 0,
            deleted: BTreeSet::new(),
            searches: records::searches(start),
            categories: records::categories(seed),
            activity_types: records::activity_types(seed, options.set_up),
            activity_statuses: records::activity_statuses(seed),
            activities: BTreeMap::new(),
            activities_of: BTreeMap::new(),
            pins: HashMap::new(),
            sessions: HashMap::new(),
            last_session: 0,
            version: 0,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn exists(&self, number: u64) -> bool {
        (1..=self.end).contains(&number) && !self.deleted.contains(&number)
    }

    /// The number behind an individual's id.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        let (class, number) = ids::read(self.seed, id)?;
        (class.name == INDIVIDUAL.name && self.exists(number)).then_some(number)
    }

    pub(crate) fn person(&self, number: u64) -> Individual {
        if let Some(person) = self.overrides.get(&number) {
            return person.clone();
        }
        let mut person = self.population.person(number);
        let out = |(at, _): &(usize, &Configurable)| self.population.opted_out(number, *at as u64);
        person.opt_outs = self.categories.iter().enumerate().filter(out).map(|(_, category)| category.id.clone()).collect();
        person
    }

    /// Changes one individual; the id stays.
    pub(crate) fn edit(&mut self, number: u64, now: Timestamp, change: impl FnOnce(&mut Individual)) -> Individual {
        let mut person = self.person(number);
        let (id, local_id) = (person.id.clone(), person.local_id);
        change(&mut person);
        (person.id, person.local_id, person.last_modified) = (id, local_id, now);
        self.overrides.insert(number, person.clone());
        self.version += 1;
        person
    }

    pub(crate) fn create(&mut self, new: NewIndividual, now: Timestamp) -> Individual {
        self.end += 1;
        self.created += 1;
        self.version += 1;
        let person = new.with_id(ids::id(self.seed, &INDIVIDUAL, self.end), self.end, now);
        self.overrides.insert(self.end, person.clone());
        person
    }

    pub(crate) fn activities_of(&self, number: u64) -> Vec<Activity> {
        let numbers = self.activities_of.get(&number).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(|number| self.activities.get(number)).cloned().collect()
    }

    /// The objects of a class for which the criteria hold, in the order of their ids.
    pub(crate) fn find(&self, class: &'static Class, criteria: &Criteria) -> Result<Vec<Object>, Refusal> {
        let ready = criteria.ready(class)?;
        let configurable = |all: &[Configurable]| all.iter().map(|one| one.object(class)).collect::<Vec<_>>();
        let all = match class.name {
            "Individual" => {
                let numbers = self.individuals(criteria)?;
                return Ok(numbers.iter().map(|number| self.person(*number).object()).collect());
            }
            name if name == ORGANIZATION.name => {
                (1..=COMPANIES.len() as u64).filter_map(|number| organization(self.seed, number, self.start)).collect()
            }
            name if name == SAVED_SEARCH.name => self.searches.iter().map(|search| search.object(self.seed)).collect(),
            name if name == MESSAGE_CATEGORY.name => configurable(&self.categories),
            name if name == ACTIVITY_TYPE.name => configurable(&self.activity_types),
            name if name == ACTIVITY_STATUS.name => configurable(&self.activity_statuses),
            _ => self.activities.values().map(Activity::object).collect(),
        };
        Ok(all.into_iter().filter(|object| ready.holds(object)).collect())
    }

    /// Numbers of the individuals for whom the criteria hold, in order; kept until something changes.
    pub(crate) fn individuals(&self, criteria: &Criteria) -> Result<Arc<Vec<u64>>, Refusal> {
        let key = key(criteria);
        if let Some((version, found)) = self.kept().get(&key)
            && *version == self.version
        {
            return Ok(found.clone());
        }
        let ready = criteria.ready(&INDIVIDUAL)?;
        let pins = self.pins.get(&key);
        let holds = |number: &u64| match pins.and_then(|pins| pins.get(number)) {
            Some(found) => *found,
            None => ready.holds(&self.person(*number).object()),
        };
        let found: Arc<Vec<u64>> = Arc::new((1..=self.end).filter(|number| self.exists(*number)).filter(holds).collect());
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, (self.version, found.clone()));
        Ok(found)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has individuals found by a search or not, whatever its criteria say; answers how many that changed.
    pub(crate) fn pin(&mut self, criteria: &Criteria, numbers: &[u64], found: bool) -> u64 {
        let before = self.individuals(criteria).unwrap_or_default();
        let pins = self.pins.entry(key(criteria)).or_default();
        let mut changed = 0;
        for number in numbers {
            changed += u64::from(before.binary_search(number).is_ok() != found);
            pins.insert(*number, found);
        }
        self.version += 1;
        changed
    }

    /// One object by its id.
    pub(crate) fn object(&self, id: &str) -> Option<Object> {
        let (class, number) = ids::read(self.seed, id)?;
        let configurable =
            |all: &[Configurable]| all.iter().find(|one| one.id.eq_ignore_ascii_case(id.trim())).map(|one| one.object(class));
        match class.name {
            "Individual" => self.exists(number).then(|| self.person(number).object()),
            name if name == ORGANIZATION.name => organization(self.seed, number, self.start),
            name if name == SAVED_SEARCH.name => self.search(number).map(|search| search.object(self.seed)),
            name if name == MESSAGE_CATEGORY.name => configurable(&self.categories),
            name if name == ACTIVITY_TYPE.name => configurable(&self.activity_types),
            name if name == ACTIVITY_STATUS.name => configurable(&self.activity_statuses),
            _ => self.activities.get(&number).map(Activity::object),
        }
    }

    pub(crate) fn search(&self, number: u64) -> Option<&SavedSearch> {
        self.searches.iter().find(|search| search.number == number)
    }
}

/// Sorts objects by fields that their class has.
pub(crate) fn sort(class: &'static Class, objects: &mut [Object], by: &[(String, bool)]) -> Result<(), Refusal> {
    let place = |(name, down): &(String, bool)| class.place(name).map(|at| (at, *down)).ok_or_else(|| Refusal::no_field(class, name));
    let by = by.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    objects.sort_by(|a, b| {
        let mut orders = by.iter().map(|(at, down)| {
            let order = match (a.values.get(*at), b.values.get(*at)) {
                (Some(a), Some(b)) => compare(a, b),
                _ => std::cmp::Ordering::Equal,
            };
            if *down { order.reverse() } else { order }
        });
        orders.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(())
}

/// What criteria are kept under.
fn key(criteria: &Criteria) -> String {
    format!("{criteria:?}")
}
