//! Queries for reading only: what pages and API show.

pub mod api;
#[cfg(test)]
mod back_tests;
pub mod bridges;
pub(crate) mod by_address;
pub mod changes;
pub mod compound;
pub mod consent;
pub mod folders;
pub mod groups;
pub mod history;
pub mod members;
pub mod overview;
pub mod people;
pub mod runs;
pub mod schedules;
pub mod search;
#[cfg(test)]
mod tests;
pub mod writebacks;

use crate::sql::Sql;

/// The direction in which a list is read from a place. What is read comes nearest first; back, that is the list turned round.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Way {
    #[default]
    Onward,
    Back,
}

impl Way {
    pub(crate) fn pick(self, onward: Sql, back: Sql) -> Sql {
        match self {
            Self::Onward => onward,
            Self::Back => back,
        }
    }
}
