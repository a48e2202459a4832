//! The OData side of the service: entities, filters, and the two formats.

pub(crate) mod atom;
pub(crate) mod entities;
pub(crate) mod filter;
pub(crate) mod json;
pub(crate) mod lexer;
pub(crate) mod metadata;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod value;
