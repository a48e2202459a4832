//! What goes wrong between two systems, on demand: copies, reordering, bursts, gaps, poison.

use serde::{Deserialize, Serialize};

use crate::invented::mix;
use crate::loyalty::acts::Refused;
use crate::loyalty::poison::Poison;
use crate::loyalty::sandbox::Sandbox;
use crate::loyalty::state::State;
use crate::loyalty::stream::Draft;

/// Points of the visits that these acts invent.
const POINTS: u32 = 10;
/// Most events of a burst.
pub const MOST_BURST: u32 = 5_000;

/// Something to go wrong. Without a member it happens to one that is picked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum OnDemand {
    /// [`Sandbox::duplicate`].
    Duplicate {
        /// The member.
        member: Option<String>,
        /// 2 or 3.
        times: u32,
    },
    /// [`Sandbox::reorder`].
    Reorder {
        /// The member.
        member: Option<String>,
    },
    /// [`Sandbox::burst`].
    Burst {
        /// From 1 to 5,000.
        count: u32,
    },
    /// [`Sandbox::skip`].
    Skip {
        /// The member.
        member: Option<String>,
    },
    /// [`Sandbox::withhold`].
    Withhold {
        /// The member.
        member: Option<String>,
    },
    /// [`Sandbox::poison`].
    Poison {
        /// The member.
        member: Option<String>,
        /// What is wrong.
        poison: Poison,
    },
}

impl Sandbox {
    /// Lets it go wrong; answers the id of the member to whom it happened, or of the last of them.
    ///
    /// # Errors
    /// No such member, a number out of its range, or too much waits.
    pub fn carry_out(&self, what: &OnDemand) -> Result<String, Refused> {
        match what {
            OnDemand::Duplicate { member, times } => self.duplicate(member.as_deref(), *times),
            OnDemand::Reorder { member } => self.reorder(member.as_deref()),
            OnDemand::Burst { count } => self.burst(*count),
            OnDemand::Skip { member } => self.skip(member.as_deref()),
            OnDemand::Withhold { member } => self.withhold(member.as_deref()),
            OnDemand::Poison { member, poison } => self.poison(member.as_deref(), *poison),
        }
    }

    /// A visit whose event is sent two or three times, the very same each time.
    ///
    /// # Errors
    /// No such member, another number, or too much waits.
    pub fn duplicate(&self, member: Option<&str>, times: u32) -> Result<String, Refused> {
        if !(2..=3).contains(&times) {
            return Err(Refused::Range("An event is sent 2 or 3 times."));
        }
        self.one_visit(member, |state, draft| (0..times).for_each(|_| state.publish(draft)))
    }

    /// Two visits; the event of the second is sent first.
    ///
    /// # Errors
    /// No such member, or too much waits.
    pub fn reorder(&self, member: Option<&str>) -> Result<String, Refused> {
        self.publishing(|state, now| {
            let number = chosen(state, member)?;
            let visits = [POINTS, POINTS].map(|points| state.visit(number, points, now));
            for draft in visits.iter().rev().flatten() {
                state.publish(draft);
            }
            Ok(crate::loyalty::members::id(number))
        })
    }

    /// Visits of so many members, published at once.
    ///
    /// # Errors
    /// More than 5,000, nobody is there, or too much waits.
    pub fn burst(&self, count: u32) -> Result<String, Refused> {
        if !(1..=MOST_BURST).contains(&count) {
            return Err(Refused::Range("A burst has 1 to 5,000 events."));
        }
        self.publishing(|state, now| {
            let mut last = 0;
            for _ in 0..count {
                last = chosen(state, None)?;
                if let Some(draft) = state.visit(last, POINTS, now) {
                    state.publish(&draft);
                }
            }
            Ok(crate::loyalty::members::id(last))
        })
    }

    /// A sequence number that no event has, and a visit with the one after it.
    ///
    /// # Errors
    /// No such member, or too much waits.
    pub fn skip(&self, member: Option<&str>) -> Result<String, Refused> {
        self.publishing(|state, now| {
            let number = chosen(state, member)?;
            state.skip(number);
            if let Some(draft) = state.visit(number, POINTS, now) {
                state.publish(&draft);
            }
            Ok(crate::loyalty::members::id(number))
        })
    }

    /// A visit whose event is never sent. The next one about the member, or sending all of them, tells its outcome.
    ///
    /// # Errors
    /// No such member, or too much waits.
    pub fn withhold(&self, member: Option<&str>) -> Result<String, Refused> {
        self.one_visit(member, |_, _| ())
    }

    /// An event with something wrong.
    ///
    /// # Errors
    /// No such member, or too much waits.
    pub fn poison(&self, member: Option<&str>, poison: Poison) -> Result<String, Refused> {
        self.publishing(|state, now| {
            let number = chosen(state, member)?;
            let draft = state.poison(number, poison, now).ok_or(Refused::NoMember)?;
            state.publish(&draft);
            Ok(draft.subject)
        })
    }

    fn one_visit(&self, member: Option<&str>, send: impl FnOnce(&mut State, &Draft)) -> Result<String, Refused> {
        self.publishing(|state, now| {
            let number = chosen(state, member)?;
            if let Some(draft) = state.visit(number, POINTS, now) {
                send(state, &draft);
            }
            Ok(crate::loyalty::members::id(number))
        })
    }
}

/// The member with this id, or one that is picked: another one each time.
fn chosen(state: &mut State, member: Option<&str>) -> Result<u64, Refused> {
    match member {
        Some(id) => state.number(id).ok_or(Refused::NoMember),
        None => state.pick().ok_or(Refused::NoMember),
    }
}

impl State {
    /// A visit as [`Sandbox::earn`] does it; its event is for the caller to publish.
    pub(crate) fn visit(&mut self, number: u64, points: u32, now: jiff::Timestamp) -> Option<Draft> {
        self.change(number, now, |member| member.earn(points, now))
    }

    /// Some member who is there.
    pub(crate) fn pick(&mut self) -> Option<u64> {
        self.picks += 1;
        if self.count() == 0 {
            return None;
        }
        let from = mix(self.picks, 0x4C4F_5901, 0) % self.end;
        (0..self.end).map(|step| (from + step) % self.end + 1).find(|number| self.exists(*number))
    }

    /// A roll for the load generator, from 1 to `most`.
    pub(crate) fn roll(&self, most: u32) -> u32 {
        1 + (mix(self.picks, 0x4C4F_5902, 0) % u64::from(most)) as u32
    }
}
