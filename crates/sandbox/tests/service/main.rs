//! The data service as a client sees it.

mod admin;
mod clock;
mod faults;
mod imis;
mod jobs;
mod lists;
mod loyalty;
mod membersuite;
mod pages;
mod people;
mod reading;
mod regeneration;
mod support;
mod tcp;
mod writing;
