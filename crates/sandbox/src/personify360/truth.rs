//! What was written to the sandbox, over all people: for checks that nothing was lost and nothing came twice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::personify360::odata::entities;
use crate::personify360::people::format_master;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::Table;

/// Most activity codes there may be.
const MOST_CODES: usize = 1_000;

/// The activities that bear one mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Marked {
    /// The mark, as `[rialto:…]`.
    pub marker: String,
    /// Remote ID and activity code, once for each activity: more than one means that it was written twice.
    pub activities: Vec<(String, String)>,
}

/// The last mark in a text.
fn mark(text: &str) -> Option<&str> {
    let rest = text.get(text.rfind("[rialto:")?..)?;
    rest.get(..=rest.find(']')?)
}

impl Sandbox {
    /// All marks of activities, in order.
    pub fn marked(&self) -> Vec<Marked> {
        let state = self.read();
        let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (index, rows) in state.rows.get(&Table::Activities).into_iter().flatten() {
            let (master, sub) = state.population.key(*index);
            for activity in rows.iter().map(|row| entities::activity(row)) {
                if let Some(marker) = mark(&activity.text) {
                    let of = (format!("{}-{sub}", format_master(master)), activity.code.clone());
                    found.entry(marker.to_owned()).or_default().push(of);
                }
            }
        }
        found.into_iter().map(|(marker, activities)| Marked { marker, activities }).collect()
    }

    /// Adds an activity code, or takes it away.
    pub fn set_code(&self, code: &str, exists: bool) {
        let mut state = self.write();
        state.codes.retain(|(known, _)| known != code);
        if exists && state.codes.len() < MOST_CODES {
            state.codes.push((code.to_owned(), String::new()));
        }
    }

    /// Drops a stored procedure.
    pub fn drop_procedure(&self, name: &str) {
        self.write().installed.remove(&name.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn the_last_mark_counts() {
        assert_eq!(mark("said [rialto:a] and [rialto:b]."), Some("[rialto:b]"));
        assert_eq!(mark("said [rialto:a"), None);
        assert_eq!(mark("said"), None);
    }
}
