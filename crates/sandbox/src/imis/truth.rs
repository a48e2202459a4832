//! What was written to the sandbox, over all people: for checks that nothing was lost and nothing came twice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::imis::contacts::Population;
use crate::imis::sandbox::Sandbox;

/// The activities that bear one mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Marked {
    /// The mark, as `[rialto:…]`.
    pub marker: String,
    /// iMIS ID and activity type, once for each activity: more than one means that it was written twice.
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
        for (index, activities) in &state.activities {
            for activity in activities {
                if let Some(marker) = mark(&activity.text("DESCRIPTION")) {
                    let of = (Population::id(*index), activity.text("ACTIVITY_TYPE"));
                    found.entry(marker.to_owned()).or_default().push(of);
                }
            }
        }
        found.into_iter().map(|(marker, activities)| Marked { marker, activities }).collect()
    }
}
