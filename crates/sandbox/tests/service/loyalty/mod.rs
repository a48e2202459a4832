//! The simulated loyalty system, as a receiver of its events and as a person see it.

mod acts;
mod delivery;
mod generator;
mod inbox;
mod model;
mod nats;
mod on_demand;
mod pages;
