//! The data service as a client sees it.

mod admin;
mod faults;
mod lists;
mod people;
mod reading;
mod support;
mod tcp;
mod writing;
