//! `rialto demo --once`: walks the loop over the HTTP API and compares every step with what the sandbox itself holds.

mod b12;
mod b2;
mod b3;
mod b4;
mod imis;
mod l7;
mod loyalty;
mod m3;
mod others;
mod p1;
mod p2;
mod p3_browser;
mod p3_login;
mod p3_overnight;
mod p3_refresh_bridge;
mod p3_refresh_groups;
mod p3_resync;
mod p3_send;
mod p4;
mod p5;
mod p5_interests;
mod p6;
mod report;
mod told;
mod truth;
mod u1;
mod u2;
mod world;

use std::process::ExitCode;

use anyhow::bail;

use crate::cli::Demo;
use crate::commands::print_json;
use crate::config::Config;
use crate::observe;
use report::Report;
use world::World;

/// The remote list each step works with.
const NEWSLETTER: &str = "NEWSLETTER";
const CONFERENCE: &str = "CONFERENCE";
const WEST: &str = "REGION_WEST";
const BOARD: &str = "BOARD";
const STUDENTS: &str = "STUDENTS";
const LAPSED: &str = "LAPSED";

/// Fewest people with whom every step has somebody to act on.
const FEWEST: u64 = 400;

pub async fn run(args: &Demo) -> anyhow::Result<ExitCode> {
    observe::log(&Config { log_level: "error".into(), ..Config::default() });
    if args.people < FEWEST {
        bail!("--people: the walk needs at least {FEWEST}, so that every list has members to spare");
    }
    let mut report = Report::new(args.json);
    match World::begin(args.people).await {
        Ok(world) => walk(world, &mut report).await,
        Err(error) => report.step("start", "A whole installation starts in a temporary folder", Err(error)),
    }
    if args.json {
        print_json(&report.as_json());
    } else {
        report.print();
    }
    Ok(if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn walk(world: World, report: &mut Report) {
    report.step("P1", "Marketing lists and personalization fields become target groups and fields", p1::walk(&world).await);
    report.step("P2", "The people of a list come over, and only the remote lifts its own no", p2::walk(&world).await);
    report.step("P3.login", "A sign-in reads lists and fields that are ten minutes old", p3_login::walk(&world).await);
    report.step("P3.send", "A mailing's groups are read again, or say why they stop it", p3_send::walk(&world).await);
    report.step("P3.refresh_groups", "Refresh on the Target Groups page reads lists, never people", p3_refresh_groups::walk(&world).await);
    report.step("P3.refresh_bridge", "Refresh in Bridge Configuration reads lists, never people", p3_refresh_bridge::walk(&world).await);
    report.step("P3.resync", "Resync Target Group reads the people of one list", p3_resync::walk(&world).await);
    report.step("P3.overnight", "The night reads lists first, then the groups of its rule, once", p3_overnight::walk(&world).await);
    report.step("P4", "A list is as of its last regeneration, and its age is told", p4::walk(&world).await);
    report.step("P5", "What people decide reaches the constituent's record, once and in order", p5::walk(&world).await);
    report.step(
        "P5.interests",
        "Interests are chosen by people, are target groups, and are written back",
        p5_interests::walk(&world).await,
    );
    report.step("P6", "The queue: cycles, two retries by itself, then by hand", p6::walk(&world).await);
    report.step("B1", "Why a person may (not) be mailed is proved by an append-only ledger", p5::proof(&world).await);
    report.step("B5", "Only the remote's acknowledgement counts as delivered", p5::acknowledged(&world).await);
    report.step("B6", "The standing check finds drift, and repairs it", p6::drift(&world).await);
    report.step("B7", "A dead worker leaves nothing stuck, and order holds", p6::heals(&world).await);
    report.step("B2", "Large removals wait for a person, and an unproven read removes nobody", b2::walk(&world).await);
    report.step("B3", "A plan writes nothing, approval removes exactly what was shown, discard keeps", b3::walk(&world).await);
    report.step("B4", "A run is undone: what it did is back, and nobody becomes mailable", b4::walk(&world).await);
    report.step("B12", "The books of every run balance, and the counts add up to what the remote holds", b12::walk(&world).await);
    report.step(
        "U1",
        "A file of people becomes a target group; known people are joined, nothing of theirs is overwritten",
        u1::walk(&world).await,
    );
    report.step("U2", "A file of unsubscribers silences whom it names, and the remote is told", u2::walk(&world).await);
    match others::MemberSuite::begin(&world).await {
        Ok(suite) => {
            report.step("M1", "Active public searches become target groups", suite.searches_are_groups().await);
            report.step("M2", "The people of a search come over, without those of Do Not Email", suite.do_not_email_is_left_out().await);
            report.step(
                "M3",
                "Refresh in two places, Info and a mailing read MemberSuite, each told as what it is",
                suite.triggers().await,
            );
            report.step("M4", "Info: the last counts at once, Resync Now, Remote IDs, what is left out", suite.info().await);
            report.step("M5", "What people decide ticks and unticks Do Not Email", suite.told().await);
        }
        Err(error) => report.step("M1", "Active public searches become target groups", Err(error)),
    }
    match imis::Imis::begin(&world).await {
        Ok(imis) => {
            report.step("I3", "iMIS: lists from IQA queries, opt-outs written back", imis.queries_and_consent().await);
            report.step("I1", "Personas: the first that matches, written back where it changed", imis.personas().await);
            report.step("I2", "Without their table personas are held, and go out by themselves after the repair", imis.table().await);
        }
        Err(error) => report.step("I3", "iMIS: lists from IQA queries, opt-outs written back", Err(error)),
    }
    match loyalty::Programme::begin(&world).await {
        Ok(mut programme) => {
            report.step("L1", "A stream connection reads only the events of its business unit", programme.connection().await);
            report.step("L2", "Audience lists and 1:1 profile extensions have typed fields", programme.lists().await);
            report.step(
                "L3",
                "A profile enrichment: destination, source, field matching, and a look before it is enabled",
                programme.made().await,
            );
            report.step("L4", "Profile events are applied as they come, whatever goes wrong on the way", programme.applied().await);
            report.step("L5", "Edited only while disabled, then it catches up; usage and history tell the rest", programme.edited().await);
            report.step("L6", "The loyalty side chooses what it shares", programme.shared().await);
            report.step("L7", "Segments and texts use the newest values", programme.used().await);
        }
        Err(error) => report.step("L1", "A stream connection reads only the events of its business unit", Err(error)),
    }
    world.end().await;
}
