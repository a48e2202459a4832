//! What the loyalty side does: each act that changes a shared value publishes one event at once.

use std::time::Duration;

use serde_json::Value as Json;

use crate::loyalty::catalogue::{CATALOGUE, EMAIL, FIRST_NAME, LAST_NAME, Shared, place};
use crate::loyalty::members::{Member, NewMember, Population, UNITS};
use crate::loyalty::sandbox::{Sandbox, SendingAll};
use crate::loyalty::value::Value;

/// Most members that may be added by hand or through the admin routes.
const MOST_ADDED: usize = 10_000;
/// Members that are sent again at a time.
const CHUNK: u64 = 500;
/// How long it waits for the receiver where the outbox is full.
const PATIENCE: Duration = Duration::from_millis(20);

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No member has this id, or they were deleted.
    #[error("There is no such member. Take an id from the page Members.")]
    NoMember,
    /// The catalogue has no such field.
    #[error("There is no field {0}. The page Sharing shows all there are.")]
    NoField(String),
    /// The value does not fit the field.
    #[error("{field}: {why}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// No such business unit.
    #[error("There is no such business unit. It is /loyalty/north or /loyalty/south.")]
    NoUnit,
    /// A number is out of its range.
    #[error("{0}")]
    Range(&'static str),
    /// 10,000 were added.
    #[error("This simulator holds no more than 10,000 members added by hand.")]
    TooMany,
    /// The outbox holds 256 MiB.
    #[error("Too much waits to be sent. See on the page Publishing why the receiver does not take it.")]
    Full,
    /// It goes on already.
    #[error("That is under way already. Wait until it has ended.")]
    Busy,
    /// The target cannot be used.
    #[error("{0}")]
    Target(&'static str),
}

impl Sandbox {
    /// A visit that earns points, from 1 to 1,000,000: points, points of a lifetime, visits and last purchase, and the tier where it is reached.
    ///
    /// # Errors
    /// No such member, too many points, or too much waits.
    pub fn earn(&self, id: &str, points: u32) -> Result<Member, Refused> {
        if !(1..=1_000_000).contains(&points) {
            return Err(Refused::Range("Earn 1 to 1,000,000 points."));
        }
        self.change(id, |member, now| member.earn(points, now))
    }

    /// Sets a field: a value of its type, a text that spells one, or null to clear it.
    ///
    /// # Errors
    /// No such member or field, a value that does not fit, or too much waits.
    pub fn set(&self, id: &str, field: &str, value: Json) -> Result<Member, Refused> {
        self.set_all(id, [(field, &value)])
    }

    /// Sets several fields, in one event.
    ///
    /// # Errors
    /// As for one; then none is set.
    pub fn set_all<'v>(&self, id: &str, fields: impl IntoIterator<Item = (&'v str, &'v Json)>) -> Result<Member, Refused> {
        let read = |(name, value): (&str, &Json)| {
            let at = place(name).ok_or_else(|| Refused::NoField(name.chars().take(100).collect()))?;
            let field = &CATALOGUE[at];
            let value = Value::from_json(field.kind, value).map_err(|why| Refused::BadValue { field: field.name, why })?;
            Ok((at, value))
        };
        let values: Vec<(usize, Value)> = fields.into_iter().map(read).collect::<Result<_, Refused>>()?;
        self.change(id, |member, _| {
            for (at, value) in values {
                member.values[at] = value;
            }
        })
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Member, jiff::Timestamp)) -> Result<Member, Refused> {
        self.publishing(|state, now| {
            let number = state.number(id).ok_or(Refused::NoMember)?;
            if let Some(draft) = state.change(number, now, |member| change(member, now)) {
                state.publish(&draft);
            }
            state.member(number).ok_or(Refused::NoMember)
        })
    }

    /// Adds a member, of the lowest tier and without points.
    ///
    /// # Errors
    /// A text that does not fit, no such unit, 10,000 were added, or too much waits.
    pub fn add_member(&self, new: &NewMember) -> Result<Member, Refused> {
        let text = |at: usize, text: &str| {
            let field = &CATALOGUE[at];
            Value::read(field.kind, text).map_err(|why| Refused::BadValue { field: field.name, why })
        };
        let first = text(FIRST_NAME, &new.first_name)?;
        let last = text(LAST_NAME, &new.last_name)?;
        let email = text(EMAIL, new.email.as_deref().unwrap_or_default())?;
        let unit = match &new.unit {
            Some(unit) => UNITS.into_iter().find(|known| known == unit).ok_or(Refused::NoUnit)?,
            None => UNITS[0],
        };
        self.publishing(|state, now| {
            if state.created >= MOST_ADDED {
                return Err(Refused::TooMany);
            }
            let make = |number| {
                let mut member = Population::joined(number, unit, now);
                (member.values[FIRST_NAME], member.values[LAST_NAME], member.values[EMAIL]) = (first, last, email);
                member
            };
            let (number, draft) = state.add(now, make).ok_or(Refused::NoMember)?;
            state.publish(&draft);
            state.member(number).ok_or(Refused::NoMember)
        })
    }

    /// Deletes a member: the event's `data` holds the profileAltId alone.
    ///
    /// # Errors
    /// No such member, or too much waits.
    pub fn delete_member(&self, id: &str) -> Result<(), Refused> {
        self.publishing(|state, now| {
            let number = state.number(id).ok_or(Refused::NoMember)?;
            let draft = state.delete(number, now).ok_or(Refused::NoMember)?;
            state.publish(&draft);
            Ok(())
        })
    }

    /// Chooses what is shared, by name; everything else is not. It publishes nothing: send all of them when receivers are to know it before
    /// something changes. Answers whether it is another choice than before.
    ///
    /// # Errors
    /// No such field.
    pub fn share(&self, fields: &[&str]) -> Result<bool, Refused> {
        if let Some(unknown) = fields.iter().find(|name| place(name).is_none()) {
            return Err(Refused::NoField(unknown.chars().take(100).collect()));
        }
        let shared = Shared::of(|at| fields.contains(&CATALOGUE[at].name));
        Ok(self.state().share(shared))
    }

    /// Publishes the full shared state of every member, and every delete, once more. What was told with the sequence that it has keeps that
    /// sequence, so that it is no news; where it was not, because other fields are shared now, it is the next version. Waits where
    /// the outbox is full. Answers how many events that were.
    ///
    /// # Errors
    /// It goes on already.
    pub async fn send_all(&self) -> Result<u64, Refused> {
        let mark = self.mark_sending_all().ok_or(Refused::Busy)?;
        Ok(self.send_everybody(mark).await)
    }

    /// The same in the background. Call it inside a runtime.
    ///
    /// # Errors
    /// It goes on already.
    pub fn begin_send_all(&self) -> Result<(), Refused> {
        let mark = self.mark_sending_all().ok_or(Refused::Busy)?;
        let sandbox = self.clone();
        tokio::spawn(async move { sandbox.send_everybody(mark).await });
        Ok(())
    }

    async fn send_everybody(&self, _mark: SendingAll) -> u64 {
        let (mut next, mut sent) = (1, 0);
        loop {
            let chunk = self.publishing(|state, now| {
                let end = state.end.min(next + CHUNK - 1);
                for number in next..=end {
                    if let Some(draft) = state.again(number, now) {
                        state.publish(&draft);
                        sent += 1;
                    }
                }
                next = end + 1;
                Ok(next > state.end)
            });
            match chunk {
                Ok(true) => return sent,
                Ok(false) => tokio::task::yield_now().await,
                Err(_) => tokio::time::sleep(PATIENCE).await,
            }
        }
    }
}
