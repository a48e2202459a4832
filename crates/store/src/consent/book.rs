//! What stands open about some people and their addresses, and what acts make of it: decided in memory, written in sets by `act`.

use std::collections::{BTreeMap, HashMap};

use rialto_core::consent::{Binding, Cause, Lifter};
use rialto_core::writeback::{AddressFault, What};
use serde_json::json;

use super::act::{Act, Done, Step};
use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{Sql, sql, statements};
use crate::writebacks::Dates;

/// All that stands about some people ($1), in one statement. What each row is: 1 a person, 2 the only bearer of an address in a bridge or how many
/// there are, 3 an open cause, 4 when a bridge's writebacks go out. `$ids` says whether an id is one of $1, `$open` and `$close` stand around a list: both are looked up by an index.
macro_rules! stands {
    ($ids:literal, $open:literal, $close:literal) => {
        concat!(
            "WITH p AS MATERIALIZED (SELECT id, canonical, bridge_id, remote_flag_run FROM subscriber WHERE id ", $ids, "),
            b AS MATERIALIZED (SELECT s.canonical, s.bridge_id, MIN(s.id) AS id, COUNT(*) AS number, MAX(s.remote_flag_run) AS remote_flag_run
                FROM subscriber s JOIN bridge x ON x.id = s.bridge_id AND x.deleted_at IS NULL
                WHERE s.canonical <> '' AND s.canonical ", $open, "SELECT canonical FROM p", $close, " GROUP BY s.canonical, s.bridge_id)
            SELECT CAST(1 AS BIGINT) AS what, id, canonical AS text, '' AS bound, bridge_id, remote_flag_run, CAST(0 AS BIGINT) AS number FROM p
            UNION ALL SELECT 2, id, canonical, '', bridge_id, remote_flag_run, number FROM b
            UNION ALL SELECT 3, c.id, c.cause, c.canonical, c.subscriber_id, 0, 0 FROM suppression c
                WHERE c.subscriber_id <> 0 AND c.subscriber_id ", $open, "SELECT id FROM p UNION SELECT id FROM b", $close, "
            UNION ALL SELECT 3, c.id, c.cause, c.canonical, 0, 0, 0 FROM suppression c
                WHERE c.canonical <> '' AND c.canonical ", $open, "SELECT canonical FROM p", $close, "
            UNION ALL SELECT 4, 0, d.timing, '', d.bridge_id, 0, 0 FROM writeback_destination d WHERE d.timing <> ''"
        )
    };
}

statements! {
    STANDS = Sql {
        sqlite: stands!("IN (SELECT value FROM json_each($1))", "IN (", ")"),
        postgres: stands!("= ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text($1::json)))", "= ANY (ARRAY(", "))"),
    };
    /// Two acts about one record or one address go one after the other: a record's lock is negative, an address's positive.
    LOCK = sql!(
        sqlite "SELECT COUNT(*) FROM json_each($1)",
        postgres "WITH p AS MATERIALIZED (SELECT id, canonical FROM subscriber
                WHERE id = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text($1::json))))
            SELECT COUNT(pg_advisory_xact_lock(k)) FROM (SELECT -id AS k FROM p
                UNION SELECT hashtextextended(canonical, 0) & 9223372036854775807 FROM p WHERE canonical <> '' ORDER BY 1) AS keys"
    );
}

#[derive(sqlx::FromRow)]
struct Stands {
    what: i64,
    id: i64,
    text: String,
    bound: String,
    bridge_id: i64,
    remote_flag_run: i64,
    number: i64,
}

/// What a row of `suppression` is bound to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Bound {
    Record(i64),
    Address(String),
}

struct Person {
    canonical: String,
    bridge_id: i64,
    remote_no: bool,
}

struct Bearers {
    bridge_id: i64,
    first: i64,
    number: i64,
    remote_no: bool,
}

/// A row of the ledger to be written.
pub(super) struct Entry {
    pub act: usize,
    pub verb: &'static str,
    pub cause: Cause,
}

/// A writeback to be queued; `entry` is its cause.
pub(super) struct Told {
    pub act: usize,
    pub entry: usize,
    pub bridge_id: i64,
    pub subscriber_id: i64,
    pub what: What,
}

/// Several people of a bridge bear the address: listed, and not told.
pub(super) struct Household {
    pub act: usize,
    pub entry: usize,
    pub bridge_id: i64,
}

/// Open now, by what act; rows that stood before the batch have their id.
enum Standing {
    Row(i64),
    By(usize),
}

#[derive(Default)]
pub(super) struct Book {
    people: HashMap<i64, Person>,
    bearers: HashMap<String, Vec<Bearers>>,
    open: BTreeMap<(Bound, &'static str), Standing>,
    gone: Vec<i64>,
    pub dates: Dates,
    pub entries: Vec<Entry>,
    pub told: Vec<Told>,
    pub households: Vec<Household>,
}

impl Book {
    /// Locks the people and their addresses against other acts, then reads what stands.
    pub async fn read(tx: &mut Tx, people: &[i64]) -> Result<Self, StoreError> {
        lock(tx, people).await?;
        let mut book = Self::default();
        for row in tx.all::<Stands>(STANDS, args![json!(people).to_string()]).await? {
            let (bridge_id, remote_no) = (row.bridge_id, row.remote_flag_run != 0);
            match row.what {
                1 => drop(book.people.insert(row.id, Person { canonical: row.text, bridge_id, remote_no })),
                2 => {
                    let bearers = Bearers { bridge_id, first: row.id, number: row.number, remote_no };
                    book.bearers.entry(row.text).or_default().push(bearers);
                }
                4 => book.dates.take(bridge_id, &row.text),
                _ => {
                    let bound = if row.bridge_id != 0 { Bound::Record(row.bridge_id) } else { Bound::Address(row.bound) };
                    if let Some(cause) = Cause::from_name(&row.text) {
                        book.open.insert((bound, cause.name()), Standing::Row(row.id));
                    }
                }
            }
        }
        Ok(book)
    }

    /// Decides one act on top of those before it.
    pub fn take(&mut self, number: usize, act: &Act<'_>) -> Done {
        if !self.people.contains_key(&act.subscriber_id) {
            return Done { refused: Some("There is no such person any more."), ..Done::default() };
        }
        match act.step {
            Step::Open(Cause::InvalidAddress) => self.open(number, act, Cause::InvalidAddress, AddressFault::RepeatBouncer),
            Step::Invalid(fault) => self.open(number, act, Cause::InvalidAddress, fault),
            Step::Open(cause) => self.open(number, act, cause, AddressFault::RepeatBouncer),
            Step::Lift(lifter) => self.lift(number, act, lifter),
        }
    }

    fn open(&mut self, number: usize, act: &Act<'_>, cause: Cause, fault: AddressFault) -> Done {
        if cause == Cause::RemoteFlag {
            return Done { refused: Some("Only the remote system itself sets its own flag."), ..Done::default() };
        }
        let canonical = self.canonical(act.subscriber_id).map(str::to_owned);
        let binding = cause.binding();
        if binding == Binding::Address && canonical.is_none() {
            return Done { refused: Some("This person has no e-mail address that it could be about."), ..Done::default() };
        }
        let record = (binding != Binding::Address).then_some(Bound::Record(act.subscriber_id));
        let address = canonical.filter(|_| binding != Binding::Record).map(Bound::Address);
        let mut opened = false;
        for bound in record.into_iter().chain(address) {
            if let std::collections::btree_map::Entry::Vacant(place) = self.open.entry((bound, cause.name())) {
                place.insert(Standing::By(number));
                opened = true;
            }
        }
        if !opened {
            return Done::default();
        }
        self.entries.push(Entry { act: number, verb: "open", cause });
        let before = self.told.len();
        if cause == Cause::InvalidAddress {
            self.tell(number, act.subscriber_id, &What::InvalidEmail { fault });
        } else {
            self.tell(number, act.subscriber_id, &What::Unsubscribe);
        }
        Done { causes: vec![cause], writebacks: self.told.len() - before, ..Done::default() }
    }

    fn lift(&mut self, number: usize, act: &Act<'_>, lifter: Lifter) -> Done {
        let bounds = self.bounds(act.subscriber_id);
        let mut causes = Vec::new();
        let mut liftable: Vec<Cause> = Cause::ALL.into_iter().filter(|c| c.lifted_by(lifter)).collect();
        liftable.sort_by_key(|c| c.name());
        for cause in liftable {
            let mut found = false;
            for bound in &bounds {
                match self.open.remove(&(bound.clone(), cause.name())) {
                    Some(Standing::Row(id)) => {
                        self.gone.push(id);
                        found = true;
                    }
                    Some(Standing::By(_)) => found = true,
                    None => {}
                }
            }
            if found {
                self.entries.push(Entry { act: number, verb: "lift", cause });
                causes.push(cause);
            }
        }
        let before = self.told.len();
        if causes.iter().any(|c| silences_remote(*c)) && !self.silent(&bounds) {
            self.tell(number, act.subscriber_id, &What::Resubscribe { say_yes: true });
        }
        Done { causes, writebacks: self.told.len() - before, ..Done::default() }
    }

    /// Whether a cause stands that the remotes were told of as a no.
    fn silent(&self, bounds: &[Bound]) -> bool {
        let ours = Cause::ALL.into_iter().filter(|c| silences_remote(*c));
        ours.into_iter().any(|c| bounds.iter().any(|b| self.open.contains_key(&(b.clone(), c.name()))))
    }

    fn bounds(&self, subscriber_id: i64) -> Vec<Bound> {
        let address = self.canonical(subscriber_id).map(|c| Bound::Address(c.to_owned()));
        std::iter::once(Bound::Record(subscriber_id)).chain(address).collect()
    }

    /// To the record itself and, in every other bridge, to the record that alone bears the address (`rules.md` section 2).
    fn tell(&mut self, act: usize, subscriber_id: i64, what: &What) {
        let entry = self.entries.len().saturating_sub(1);
        let Some(person) = self.people.get(&subscriber_id) else { return };
        let own = person.bridge_id;
        let mut told = Vec::new();
        if own > 0 {
            told.push((own, subscriber_id, person.remote_no));
        }
        for b in self.bearers.get(&person.canonical).into_iter().flatten() {
            if b.bridge_id == own {
                if b.number > 1 && *what == What::Unsubscribe {
                    self.households.push(Household { act, entry, bridge_id: own });
                }
            } else if b.number > 1 {
                if *what == What::Unsubscribe {
                    self.households.push(Household { act, entry, bridge_id: b.bridge_id });
                }
            } else if !matches!(what, What::Resubscribe { .. }) || !self.silent(&[Bound::Record(b.first)]) {
                told.push((b.bridge_id, b.first, b.remote_no));
            }
        }
        self.told.extend(told.into_iter().map(|(bridge_id, subscriber_id, remote_no)| {
            let what = match what {
                What::Resubscribe { .. } => What::Resubscribe { say_yes: !remote_no },
                other => other.clone(),
            };
            Told { act, entry, bridge_id, subscriber_id, what }
        }));
    }

    pub fn canonical(&self, subscriber_id: i64) -> Option<&str> {
        self.people.get(&subscriber_id).map(|p| p.canonical.as_str()).filter(|c| !c.is_empty())
    }

    /// Rows that stood before and are lifted.
    pub fn closed(&self) -> &[i64] {
        &self.gone
    }

    /// Causes that these acts opened and that still stand, each with its act.
    pub fn opened(&self) -> Vec<(Cause, Bound, usize)> {
        let fresh = self.open.iter().filter_map(|((bound, cause), standing)| match standing {
            Standing::By(act) => Cause::from_name(cause).map(|c| (c, bound.clone(), *act)),
            Standing::Row(_) => None,
        });
        fresh.collect()
    }
}

/// Holds people and their addresses against other acts about them until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, people: &[i64]) -> Result<(), StoreError> {
    // Its one writer holds everything already.
    if tx.is_sqlite() {
        return Ok(());
    }
    tx.one::<(i64,)>(LOCK, args![json!(people).to_string()]).await.map(drop)
}

/// Causes that are told to the remotes as a no, and their end as a yes.
fn silences_remote(cause: Cause) -> bool {
    matches!(cause, Cause::OwnUnsubscribe | Cause::Complaint | Cause::Admin | Cause::Upload)
}
