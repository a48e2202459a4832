//! Target groups made of others: compound groups (CT-08: include or exclude, in all or in one or more) and random shares of a group
//! (`docs/adr/0013`, `0014`).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Most groups in one definition, both sides together.
pub const MAX_PARTS: usize = 50;
/// Most compound groups on the way from one down to groups that are none.
pub const MAX_DEPTH: usize = 5;
/// Most shares made in one split.
pub const MAX_SHARES: usize = 20;

/// How the groups of one side are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// "In all": whoever is in every one of them.
    All,
    /// "In one or more".
    Any,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::All, Self::Any].into_iter().find(|m| m.name() == name)
    }
}

/// One side of a definition: at least one group, each once, by internal id and ascending.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    mode: Mode,
    groups: Vec<i64>,
}

impl Side {
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn groups(&self) -> &[i64] {
        &self.groups
    }

    fn new(mode: Mode, mut groups: Vec<i64>) -> Option<Self> {
        groups.sort_unstable();
        groups.dedup();
        (!groups.is_empty()).then_some(Self { mode, groups })
    }

    fn holds(&self, is_in: impl Fn(i64) -> bool) -> bool {
        match self.mode {
            Mode::All => self.groups.iter().all(|g| is_in(*g)),
            Mode::Any => self.groups.iter().any(|g| is_in(*g)),
        }
    }
}

/// Why a definition cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("Choose at least one target group to include.")]
    NothingIncluded,
    /// Internal id of the group.
    #[error("A target group stands on one side only: include it or exclude it.")]
    OnBothSides(i64),
    #[error("Choose at most {MAX_PARTS} target groups, those to exclude among them.")]
    TooMany,
}

/// Who is in a compound group: those of `include`, without those of `exclude`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compound {
    include: Side,
    exclude: Option<Side>,
}

impl Compound {
    /// Nobody to exclude is no exclusion.
    pub fn new(include: (Mode, Vec<i64>), exclude: Option<(Mode, Vec<i64>)>) -> Result<Self, Fault> {
        let include = Side::new(include.0, include.1).ok_or(Fault::NothingIncluded)?;
        let exclude = exclude.and_then(|(mode, groups)| Side::new(mode, groups));
        let excluded = exclude.as_ref().map_or(&[][..], Side::groups);
        if let Some(both) = excluded.iter().find(|g| include.groups.contains(g)) {
            return Err(Fault::OnBothSides(*both));
        }
        if include.groups.len() + excluded.len() > MAX_PARTS {
            return Err(Fault::TooMany);
        }
        Ok(Self { include, exclude })
    }

    pub fn include(&self) -> &Side {
        &self.include
    }

    pub fn exclude(&self) -> Option<&Side> {
        self.exclude.as_ref()
    }

    /// Whether somebody belongs, by the groups they are in. The plainest reading of the rule; the engine works with whole sets.
    pub fn holds(&self, is_in: impl Fn(i64) -> bool) -> bool {
        self.include.holds(&is_in) && !self.exclude.as_ref().is_some_and(|e| e.holds(&is_in))
    }
}

/// A random part of one group that stays the same: of `of` buckets, those from `from` up to but not `to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    parent: i64,
    seed: i64,
    of: u32,
    from: u32,
    to: u32,
}

impl Share {
    /// As stored; `None` when the buckets make no sense.
    pub fn read(parent: i64, seed: i64, of: i64, from: i64, to: i64) -> Option<Self> {
        let bucket = |n: i64| u32::try_from(n).ok().filter(|n| *n <= 100);
        let (of, from, to) = (bucket(of)?, bucket(from)?, bucket(to)?);
        (from < to && to <= of).then_some(Self { parent, seed, of, from, to })
    }

    pub fn parent(&self) -> i64 {
        self.parent
    }

    /// Shares with the same seed were made in one split: nobody is in two of them.
    pub fn seed(&self) -> i64 {
        self.seed
    }

    /// (of, from, to).
    pub fn buckets(&self) -> (u32, u32, u32) {
        (self.of, self.from, self.to)
    }

    /// Whether somebody falls into this share. `key` is the canonical address, so that all who share one stay together.
    pub fn takes(&self, key: &str) -> bool {
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(key.as_bytes(), self.seed.cast_unsigned());
        let bucket = hash % u64::from(self.of.max(1));
        (u64::from(self.from)..u64::from(self.to)).contains(&bucket)
    }
}

/// How a group is split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shares {
    /// So many parts of one size.
    Equal(usize),
    /// Whole per cent of each part; what is left of a hundred goes to none.
    Percent(Vec<u32>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SplitFault {
    #[error("Split into 2 to {MAX_SHARES} parts.")]
    Parts,
    #[error("Give 1 to {MAX_SHARES} whole percentages from 1 to 99, together at most 100.")]
    Percentages,
}

/// The shares of a split; together they hold nobody twice.
pub fn split(parent: i64, seed: i64, shares: &Shares) -> Result<Vec<Share>, SplitFault> {
    let (of, sizes) = match shares {
        Shares::Equal(n) if (2..=MAX_SHARES).contains(n) => (*n as u32, vec![1; *n]),
        Shares::Equal(_) => return Err(SplitFault::Parts),
        Shares::Percent(sizes) => {
            let fits = (1..=MAX_SHARES).contains(&sizes.len()) && sizes.iter().all(|s| (1..=99).contains(s));
            if !fits || sizes.iter().sum::<u32>() > 100 {
                return Err(SplitFault::Percentages);
            }
            (100, sizes.clone())
        }
    };
    let mut from = 0;
    let shares = sizes.into_iter().map(|size| {
        let share = Share { parent, seed, of, from, to: from + size };
        from = share.to;
        share
    });
    Ok(shares.collect())
}

/// What a derived group is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Definition {
    Compound(Compound),
    Share(Share),
}

impl Definition {
    /// Internal ids of the groups it is made of.
    pub fn parts(&self) -> Vec<i64> {
        match self {
            Self::Compound(c) => c.include.groups.iter().chain(c.exclude.iter().flat_map(|e| e.groups.iter())).copied().collect(),
            Self::Share(s) => vec![s.parent],
        }
    }
}

/// Why a group cannot be part of another.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Nesting {
    /// Internal ids from the group back to itself.
    #[error("a target group would be made of itself")]
    Cycle(Vec<i64>),
    #[error("more than {MAX_DEPTH} target groups made of others would stand one on another")]
    TooDeep,
}

/// Checks the definitions of all derived groups (`parts` by group) as they would be, around `group`.
pub fn check_nesting(parts: &HashMap<i64, Vec<i64>>, group: i64) -> Result<(), Nesting> {
    let mut users: HashMap<i64, Vec<i64>> = HashMap::new();
    for (owner, of) in parts {
        for part in of {
            users.entry(*part).or_default().push(*owner);
        }
    }
    let derived = |g: i64| usize::from(parts.contains_key(&g));
    let below = height(parts, &derived, group, &mut vec![group], &mut HashMap::new())?;
    let above = height(&users, &derived, group, &mut vec![group], &mut HashMap::new())?;
    // Both ways count the group itself.
    let depth = below + above - derived(group);
    if depth > MAX_DEPTH { Err(Nesting::TooDeep) } else { Ok(()) }
}

/// The most derived groups on one way along the edges. Stops where a cycle closes.
fn height(
    edges: &HashMap<i64, Vec<i64>>,
    derived: &impl Fn(i64) -> usize,
    at: i64,
    way: &mut Vec<i64>,
    known: &mut HashMap<i64, usize>,
) -> Result<usize, Nesting> {
    if let Some(n) = known.get(&at) {
        return Ok(*n);
    }
    let mut longest = 0;
    for next in edges.get(&at).into_iter().flatten() {
        if let Some(start) = way.iter().position(|g| g == next) {
            return Err(Nesting::Cycle(way.iter().skip(start).chain([next]).copied().collect()));
        }
        way.push(*next);
        longest = longest.max(height(edges, derived, *next, way, known)?);
        way.pop();
    }
    known.insert(at, longest + derived(at));
    Ok(longest + derived(at))
}

/// Whether what a part holds may be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    Ready,
    /// Never read completely: a group to exclude would exclude nobody.
    NeverSynced,
    /// Removals wait for a person.
    Held,
    /// Its list is no longer offered, or its bridge was deleted.
    Gone,
    /// It is made of others itself, and keeps its last members because of one of them.
    Blocked,
}

impl PartState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NeverSynced => "never_synced",
            Self::Held => "held",
            Self::Gone => "gone",
            Self::Blocked => "blocked",
        }
    }

    /// Why a group with such a part keeps its last members; `None` when nothing stands in the way.
    pub fn sentence(self, name: &str) -> Option<String> {
        match self {
            Self::Ready => None,
            Self::NeverSynced => Some(format!("{name} was never synced completely.")),
            Self::Held => Some(format!("{name} waits for a decision on who leaves it.")),
            Self::Gone => Some(format!("{name} is no longer offered by its remote system.")),
            Self::Blocked => Some(format!("{name} keeps its last members itself, because of one of its own parts.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mode() -> impl Strategy<Value = Mode> {
        proptest::sample::select(&[Mode::All, Mode::Any][..])
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Compound::new((Mode::Any, vec![]), None), Err(Fault::NothingIncluded));
        assert_eq!(Compound::new((Mode::All, vec![1, 2]), Some((Mode::Any, vec![3, 2]))), Err(Fault::OnBothSides(2)));
        assert_eq!(Compound::new((Mode::All, (0..51).collect()), None), Err(Fault::TooMany));
        let c = Compound::new((Mode::All, vec![2, 1, 2]), Some((Mode::Any, vec![]))).unwrap();
        assert_eq!((c.include().groups(), c.exclude()), (&[1, 2][..], None));
        for bad in [Shares::Equal(1), Shares::Equal(21), Shares::Percent(vec![]), Shares::Percent(vec![60, 41]), Shares::Percent(vec![0])] {
            assert!(split(1, 7, &bad).is_err(), "{bad:?}");
        }
        assert!(Share::read(1, 1, 4, 3, 3).is_none() && Share::read(1, 1, 4, 3, 5).is_none() && Share::read(1, 1, 4, 3, 4).is_some());
    }

    #[test]
    fn nesting_ends_and_is_not_too_deep() {
        let chain = |n: i64| (1..=n).map(|g| (g, vec![g + 1])).collect::<HashMap<i64, Vec<i64>>>();
        assert_eq!(check_nesting(&chain(MAX_DEPTH as i64), 1), Ok(()));
        for at in [1, 3, MAX_DEPTH as i64 + 1] {
            assert_eq!(check_nesting(&chain(MAX_DEPTH as i64 + 1), at), Err(Nesting::TooDeep), "seen from group {at}");
        }
        let cycle = HashMap::from([(1, vec![2, 9]), (2, vec![3]), (3, vec![1])]);
        assert_eq!(check_nesting(&cycle, 2), Err(Nesting::Cycle(vec![2, 3, 1, 2])));
        assert_eq!(check_nesting(&HashMap::from([(1, vec![1])]), 1), Err(Nesting::Cycle(vec![1, 1])));
    }

    proptest! {
        /// In all and in one or more, by counting memberships.
        #[test]
        fn modes_mean_what_they_say(include in proptest::collection::vec(0i64..6, 1..6), exclude in proptest::collection::vec(6i64..12, 0..6),
                im in mode(), em in mode(), member in proptest::collection::hash_set(0i64..12, 0..12)) {
            let c = Compound::new((im, include.clone()), Some((em, exclude.clone()))).unwrap();
            let count = |side: &[i64]| side.iter().filter(|g| member.contains(g)).count();
            let met = |m: Mode, side: &[i64]| !side.is_empty() && if m == Mode::All { count(side) == side.len() } else { count(side) > 0 };
            prop_assert_eq!(c.holds(|g| member.contains(&g)), met(im, &include) && !met(em, &exclude));
        }

        #[test]
        fn everybody_falls_into_one_share_at_most_and_into_one_of_equal_parts(seed: i64, n in 2usize..=20, key in ".{0,20}",
                percent in proptest::collection::vec(1u32..20, 1..5)) {
            let hits = |shares: &[Share]| shares.iter().filter(|s| s.takes(&key)).count();
            prop_assert_eq!(hits(&split(1, seed, &Shares::Equal(n)).unwrap()), 1);
            prop_assert!(hits(&split(1, seed, &Shares::Percent(percent)).unwrap()) <= 1);
        }
    }

    #[test]
    fn shares_are_about_as_large_as_asked_for() {
        let shares = split(1, 42, &Shares::Percent(vec![10, 30])).unwrap();
        let sizes: Vec<usize> = shares.iter().map(|s| (0..20_000).filter(|n| s.takes(&format!("p{n}@members.example"))).count()).collect();
        assert!((1_850..2_150).contains(&sizes[0]) && (5_750..6_250).contains(&sizes[1]), "{sizes:?}");
    }
}
