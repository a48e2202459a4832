//! Reading an entity set through a filter.

use super::entities;
use super::filter::Expr;
use super::schema::{Entity, Kind};
use super::value::Value;
use crate::faults::Tweaks;
use crate::personify360::people::parse_master;
use crate::personify360::state::{Row, State, Table};

/// More rows pass than one answer may hold.
#[derive(Debug)]
pub(crate) struct TooMany;

struct Reader<'a> {
    state: &'a State,
    filter: Option<&'a Expr>,
    cap: usize,
    rows: Vec<Row>,
}

/// The rows of an entity set that pass a filter.
pub(crate) fn read(state: &State, entity: &Entity, filter: Option<&Expr>, cap: usize, tweaks: Tweaks<'_>) -> Result<Vec<Row>, TooMany> {
    let mut reader = Reader { state, filter, cap, rows: Vec::new() };
    match entity.kind {
        Kind::MarketingList => {
            for list in state.lists.values() {
                let shown = state.show(list);
                reader.offer(entities::marketing_list(&shown, tweaks.total(shown.member_count)))?;
            }
        }
        Kind::MarketingListMember => reader.members(entity)?,
        _ => reader.people(entity)?,
    }
    Ok(reader.rows)
}

impl Reader<'_> {
    fn offer(&mut self, row: Row) -> Result<(), TooMany> {
        if self.filter.is_some_and(|filter| !filter.passes(&row)) {
            return Ok(());
        }
        if self.rows.len() >= self.cap {
            return Err(TooMany);
        }
        self.rows.push(row);
        Ok(())
    }

    /// The people the filter can mean, in order of their ids.
    fn indexes(&self, entity: &Entity) -> Box<dyn Iterator<Item = u64>> {
        let end = self.state.end;
        let (Some(filter), Some(column)) = (self.filter, entity.column("MasterCustomerId")) else {
            return Box::new(1..=end);
        };
        if let Some(masters) = filter.only(column) {
            let numbers = masters.into_iter().filter_map(parse_master);
            let mut indexes: Vec<u64> = numbers.flat_map(|n| [n, n.saturating_add(1)]).filter(|i| (1..=end).contains(i)).collect();
            indexes.sort_unstable();
            indexes.dedup();
            return Box::new(indexes.into_iter());
        }
        let (low, high) = filter.bounds(column);
        let low = low.and_then(parse_master).unwrap_or(1).max(1);
        let high = high.and_then(parse_master).map_or(end, |n| n.saturating_add(1).min(end));
        Box::new(low..=high)
    }

    fn members(&mut self, entity: &Entity) -> Result<(), TooMany> {
        let state = self.state;
        let only = self.filter.and_then(|filter| filter.only(0)).map(|codes| codes.into_iter().map(str::to_owned).collect::<Vec<String>>());
        for list in state.lists.values() {
            if only.as_ref().is_some_and(|codes| !codes.contains(&list.code)) {
                continue;
            }
            for index in self.indexes(entity).filter(|index| state.on_list(list, *index)) {
                self.offer(entities::member(&list.code, &state.person_at(index)))?;
            }
        }
        Ok(())
    }

    fn people(&mut self, entity: &Entity) -> Result<(), TooMany> {
        let table = match entity.kind {
            Kind::CusActivity => Table::Activities,
            Kind::CusOptInOption => Table::OptIns,
            Kind::CusDemographic => Table::Demographics,
            _ => return self.computed(entity),
        };
        let state = self.state;
        let narrow = self.filter.is_some_and(|filter| filter.only(1).is_some());
        if narrow || table != Table::Activities {
            for index in self.indexes(entity).filter(|index| state.exists(*index)) {
                self.offer_all(&state.rows_of(table, index))?;
            }
            return Ok(());
        }
        state.rows.get(&table).map_or(Ok(()), |people| people.values().try_for_each(|rows| self.offer_all(rows)))
    }

    fn offer_all(&mut self, rows: &[Vec<Value>]) -> Result<(), TooMany> {
        rows.iter().try_for_each(|row| self.offer(row.clone()))
    }

    fn computed(&mut self, entity: &Entity) -> Result<(), TooMany> {
        for index in self.indexes(entity).filter(|index| self.state.exists(*index)) {
            let person = self.state.person_at(index);
            if entity.kind == Kind::CustomerInfo {
                self.offer(entities::customer(&person))?;
                continue;
            }
            let active = !self.state.inactive_addresses.contains(&index);
            if let Some(row) = entities::communication(&person, active) {
                self.offer(row)?;
            }
        }
        Ok(())
    }
}
