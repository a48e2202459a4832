//! A simulated Personify360 data service: HTTP Basic, `$metadata`, Atom and verbose JSON,
//! stored-procedure calls, Create and Save, over any number of invented people.
//!
//! People and list membership are pure functions of a seed; only edits take memory. A list holds
//! whom it selected when MKT510 created it or MKT600 last regenerated it; the jobs run by the
//! sandbox's clock. Faults can be injected, pages let a person play the other side, and everything
//! the service holds can be read directly, so that what was synchronized from it can be compared
//! with the truth.

mod admin;
mod answer;
mod churn;
mod dataset;
mod http;
mod interests;
mod jobs;
mod lists;
mod marketing;
mod odata;
mod options;
mod pages;
mod people;
mod procedures;
mod regeneration;
mod reply;
mod sandbox;
mod save;
mod search;
mod server;
mod service;
mod setup;
mod state;
mod truth;
mod xml;

pub use churn::{Churn, ChurnReport};
pub use interests::Held;
pub use jobs::{Frequency, Job, JobError, JobRun, LogLine, NewJob, Outcome, Pattern, Process};
pub use lists::List;
pub use marketing::{ListStatus, Selection, Who};
pub(crate) use options::start as first_instant;
pub use options::{Clock, EntitySetNames, Options, ProcedureNames, counting_clock};
pub use people::{NewPerson, Person, PersonPatch, Word};
pub use sandbox::{Activity, Sandbox};
pub use server::{Running, serve, start};
pub use setup::SetupReport;
pub use truth::Marked;
