//! How long names and texts of this remote may be.

pub(super) use crate::texts::{key, shown};

/// Longest code of a list, in characters: the set-up script's `@ListCode` cuts longer ones, and would then read another list.
pub(super) const CODE: usize = 24;
/// Longest name of a field, in characters: SQL Server's own limit.
pub(super) const FIELD: usize = 128;
/// Longest name of a list and label of a field.
pub(super) const NAME: usize = 200;
/// Longest description.
pub(super) const DESCRIPTION: usize = 4_000;
/// Longest word for how often a list is made anew.
pub(super) const FREQUENCY: usize = 80;
