//! Texts with fields, such as `You are {{ LOYALTY.tier | default("Bronze") }} with {{ LOYALTY.points | number }} points` (L7, PZ-01, PZ-02).
//!
//! A text is read once, checked against the fields that exist, and becomes a [`Template`]; rendering it for one person then needs nothing but the
//! values, and cannot fail but for its size. There are fields, conditions and a few filters: no loops, no includes, no names beyond the fields.
//! The grammar is Jinja's, read by minijinja's parser; what is allowed of it and what it means is decided here (docs/adr/0153).

mod compile;
mod filters;
mod names;
mod program;
mod render;
mod scan;
mod value;
mod words;

use program::Node;

pub use render::{Medium, Stopped};
pub use value::{Kind, Value};

/// Longest text, in bytes.
pub const MAX_TEMPLATE: usize = 256 * 1024;
/// Longest result, in bytes.
pub const MAX_OUTPUT: usize = 1024 * 1024;
/// Most faults that are told at once.
pub const MAX_FAULTS: usize = 20;

/// A field that a text may name.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// `LOYALTY.points` or `first_name`: one or two names with a dot between.
    pub reference: String,
    pub kind: Kind,
    /// Stands in for an empty value (PZ-02); `Null` for none.
    pub default: Value,
}

/// What is wrong with a text, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Beginning with 1.
    pub line: usize,
    pub what: String,
    pub advice: String,
}

/// A text that was checked.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
    /// The fields that it names, and their defaults.
    fields: Vec<Field>,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn new(text: &str, known: &[Field]) -> Result<Self, Vec<Fault>> {
        scan::scan(text)?;
        compile::compile(text, known)
    }

    /// References of the fields that it names: `render` takes their values in this order.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|f| f.reference.as_str())
    }

    /// The text for one person. `values` are those of [`Self::references`]; one that is missing or of another kind is taken as empty.
    ///
    /// # Errors
    /// It grows too long, or takes too much work.
    pub fn render(&self, values: &[Value], medium: Medium) -> Result<String, Stopped> {
        render::render(&self.nodes, &self.fields, values, medium)
    }
}

/// What is wrong with a text; empty when it can be sent.
pub fn check(text: &str, known: &[Field]) -> Vec<Fault> {
    Template::new(text, known).err().unwrap_or_default()
}

#[cfg(test)]
mod property_test;
#[cfg(test)]
mod tests;
