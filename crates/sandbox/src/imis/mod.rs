//! A simulated iMIS of either generation (2017, EMS): the token service, the REST interface in its `$type`/`$values` dialect, IQA
//! queries in folders, contacts with communication preferences, activities, user-defined tables.
//!
//! Contacts are pure functions of a seed; only edits take memory. A query holds whom it selects at this moment. Everything lives
//! below `/imis`, so that the site root holds a path, as an older site behind its scheduler has one. Faults can be injected, pages let
//! a person play the other side, and everything the system holds can be read directly, to be compared with what was synchronized.

mod activities;
mod admin;
mod api;
mod contacts;
mod dialect;
mod options;
mod pages;
mod queries;
mod rows;
mod sandbox;
mod search;
mod server;
mod state;
mod tables;
mod token;
mod truth;

pub use activities::Activity;
pub use contacts::{CommunicationType, Contact, ContactPatch, NewContact, Preference};
pub use options::{Generation, Options};
pub use queries::{Column, NewQuery, Query, QueryPatch, Selection};
pub use sandbox::Sandbox;
pub use server::{ROOT, Running, serve, start};
pub use tables::{Field, FieldKind, Instances, Row, Table, TableError};
pub use truth::Marked;
