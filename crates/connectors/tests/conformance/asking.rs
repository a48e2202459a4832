//! Every question that is no reading of people, under faults of the whole service: sorted by who can do something about it.

use rialto_core::writeback::WritebackKind;
use rialto_sandbox::{Fault, FaultRule};

use super::cases::{Case, Found, NOT_ASKED, hold};
use super::faults::{of_the_service, words};
use super::subject::Subject;
use crate::support::Bridge;

const QUESTIONS: &[&str] = &["probe", "lists", "list", "fields", "set_up_faults", "shown", "interests", "interests_of"];

pub fn cases<S: Subject>() -> Vec<Case> {
    let mut cases = Vec::new();
    for (fault, class) in of_the_service() {
        for question in QUESTIONS {
            cases.push(Case::new("Any other question", words(&fault), fails::<S>(question, fault.clone(), class)).at(*question));
        }
    }
    cases
}

/// What becomes of a question: `Ok` says how much was answered.
pub async fn ask<S: Subject>(
    bridge: &Bridge,
    question: &str,
    code: &str,
    person: &str,
) -> Result<usize, rialto_connectors::ConnectorError> {
    match question {
        "probe" => bridge.probe().await.map(|p| p.lists + p.fields),
        "lists" => bridge.lists().await.map(|l| l.len()),
        "list" => bridge.list(code).await.map(|l| usize::from(l.is_some())),
        "fields" => bridge.fields().await.map(|f| f.len()),
        "set_up_faults" => bridge.set_up_faults().await.map(|f| f.len()),
        "shown" => bridge.shown(person).await.map(|s| s.markers.len()),
        "interests" => bridge.interests().await.map(|i| i.len()),
        _ => bridge.interests_of(person).await.map(|i| i.len()),
    }
}

/// Whether a connector is asked this at all.
pub fn is_asked<S: Subject>(question: &str) -> bool {
    !question.starts_with("interests") || S::writes(WritebackKind::Interests)
}

async fn fails<S: Subject>(question: &'static str, fault: Fault, class: &'static str) -> Found {
    if !is_asked::<S>(question) {
        return Ok(NOT_ASKED.to_owned());
    }
    let remote = S::start(50).await;
    let (bridge, code, person) = (remote.bridge(&[]), remote.everybody(), remote.id(3));
    remote.fault(FaultRule::always(fault));
    let Err(error) = ask::<S>(&bridge, question, &code, &person).await else { return Err("it was answered".into()) };
    let told = format!("{error} {error:?}");
    hold!(!told.contains(S::SECRET), "the error holds the secret: {told}");
    hold!(error.kind() == class, "{} in place of {class}: {error}", error.kind());
    Ok(class.to_owned())
}
