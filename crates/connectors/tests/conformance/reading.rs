//! Lists and people under faults: an error of the right class, or the right people; what is neither must be told apart by the books.

use std::collections::BTreeSet;

use rialto_connectors::{ConnectorError, RemoteList};
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;
use rialto_sandbox::{Fault, FaultRule};

use super::cases::{Case, Found, NOT_ASKED, hold};
use super::faults::{of_rows, of_the_service, that_pass, words};
use super::subject::{Subject, fields, read};

const PEOPLE: &str = "People of a list";
const LISTS: &str = "List of lists";
/// As many as take several pages.
const MANY: u64 = 600;

pub fn cases<S: Subject>() -> Vec<Case> {
    let mut cases = Vec::new();
    for (fault, class) in of_the_service() {
        cases.push(Case::new(PEOPLE, words(&fault), fails::<S>(S::PEOPLE, fault.clone(), class)));
        cases.push(Case::new(LISTS, words(&fault), fails::<S>(S::LISTS, fault, class)));
    }
    cases.push(Case::new(PEOPLE, "status 422", fails::<S>(S::PEOPLE, Fault::ServerError { status: 422 }, "rejected")));
    for column in S::REQUIRED.iter().chain(S::FIELDS.iter().rev().take(1)) {
        let fault = Fault::RenamedField { from: (*column).into(), to: "Other".into() };
        cases.push(Case::new(PEOPLE, "a column is renamed", names::<S>(fault, column)).at(*column));
    }
    for fault in of_rows() {
        cases.push(Case::new(PEOPLE, words(&fault), under::<S>(fault)));
    }
    for fault in that_pass() {
        cases.push(Case::new(PEOPLE, format!("once: {}", words(&fault)), passes::<S>(fault)));
    }
    cases.push(Case::new(PEOPLE, "the third page fails", later::<S>()));
    cases.push(Case::new(LISTS, words(&Fault::EmptyList), no_lists::<S>()));
    cases.push(Case::new(PEOPLE, "429, Retry-After 1000000000", patience::<S>()));
    cases
}

fn told(error: &ConnectorError, secret: &str) -> Result<String, String> {
    let told = format!("{error} {error:?}");
    hold!(!told.contains(secret), "the error holds the secret: {told}");
    hold!(told.len() < 2_000, "the error has no end");
    Ok(told)
}

async fn fails<S: Subject>(place: &'static str, fault: Fault, class: &'static str) -> Found {
    let remote = S::start(MANY).await;
    let (bridge, code) = (remote.paged(), remote.everybody());
    remote.fault(FaultRule::always(fault).on(place));
    let error = match place == S::LISTS {
        true => bridge.lists().await.map(|l| l.len()),
        false => read::<S>(&bridge, &code).await.map(|p| p.len()),
    };
    hold!(remote.fired() > 0, "the fault was never met: {place}");
    let Err(error) = error else { return Err(format!("{error:?} in place of an error")) };
    told(&error, S::SECRET)?;
    hold!(error.kind() == class, "{} in place of {class}: {error}", error.kind());
    Ok(class.to_owned())
}

async fn names<S: Subject>(fault: Fault, column: &str) -> Found {
    let remote = S::start(MANY).await;
    let bridge = remote.paged();
    remote.fault(FaultRule::always(fault).on(S::PEOPLE));
    let Err(error) = read::<S>(&bridge, &remote.everybody()).await else { return Err("nobody noticed".into()) };
    hold!(error.kind() == "protocol", "{error}");
    let told = told(&error, S::SECRET)?;
    hold!(told.to_ascii_lowercase().contains(&column.to_ascii_lowercase()), "it does not name {column}: {told}");
    Ok("protocol, named".to_owned())
}

type Read = Result<Vec<RemotePerson>, ConnectorError>;

/// What came of a read: the list before, during and after, and who was on it before and after.
struct Seen {
    before: RemoteList,
    announced: Option<RemoteList>,
    after: RemoteList,
    were: Vec<RemotePerson>,
    are: Vec<RemotePerson>,
    read: Read,
}

async fn under<S: Subject>(fault: Fault) -> Found {
    let remote = S::start(MANY).await;
    let bridge = remote.paged();
    let moves = matches!(fault, Fault::MovingRows | Fault::RegenerateDuring);
    let code = if moves { remote.moving() } else { remote.everybody() };
    let one = async || bridge.list(&code).await.map_err(|e| e.to_string())?.ok_or("the list is not there".to_owned());
    let (before, were) = (one().await?, remote.members(&code));
    // Where a list is asked for decides on whether its total is wrong, too.
    let wrong_total = matches!(fault, Fault::WrongTotal { .. });
    remote.fault(if wrong_total { FaultRule::always(fault.clone()) } else { FaultRule::always(fault.clone()).on(S::PEOPLE) });
    let announced = if wrong_total { Some(one().await?) } else { None };
    let read = read::<S>(&bridge, &code).await;
    hold!(remote.fired() > 0 || moves, "the fault was never met");
    remote.clear_faults();
    let seen = Seen { before, announced, after: one().await?, were, are: remote.members(&code), read };
    if let Err(error) = &seen.read {
        told(error, S::SECRET)?;
    }
    judge(&fault, &seen)
}

fn judge(fault: &Fault, seen: &Seen) -> Found {
    let Seen { before, announced, after, were, are, read } = seen;
    let kind = |of: &[&str]| match read {
        Err(error) if of.contains(&error.kind()) => Ok(error.kind().to_owned()),
        Ok(people) if people == were => Ok("as they are".to_owned()),
        Ok(people) => Err(format!("{} people", people.len())),
        Err(error) => Err(error.to_string()),
    };
    match fault {
        Fault::EmptyList => match read {
            Ok(people) if people.is_empty() && before.members.is_some_and(|n| n > 0) => Ok("fewer than announced".to_owned()),
            _ => kind(&["protocol"]),
        },
        Fault::DuplicateRows => {
            let people = read.as_ref().map_err(|e| e.to_string())?;
            hold!(ids(people) == ids(were), "not everybody was read");
            Ok(if people.len() == were.len() { "each once" } else { "handed on for the books" }.to_owned())
        }
        Fault::MovingRows | Fault::RegenerateDuring => {
            let people = read.as_ref().map_err(|e| e.to_string())?;
            let stayed: BTreeSet<_> = ids(were).intersection(&ids(are)).cloned().collect();
            let all = stayed.is_subset(&ids(people));
            let dated = before.refreshed_at != after.refreshed_at;
            hold!(all || dated, "somebody who stays was not read, and nothing tells it");
            Ok(if dated { "told by the list's date" } else { "whoever stays is read" }.to_owned())
        }
        Fault::WrongTotal { delta } => {
            let wrong = before.members.map(|n| n.saturating_add_signed(*delta));
            hold!(announced.as_ref().and_then(|l| l.members) == wrong, "announced: {announced:?}");
            kind(&["protocol"]).map(|found| if found == "as they are" { "told by the count".to_owned() } else { found })
        }
        Fault::OversizeValue { bytes } if *bytes <= 1 << 20 => {
            let people = read.as_ref().map_err(|e| e.to_string())?;
            hold!(ids(people) == ids(were), "not everybody was read");
            hold!(longest(people) == 64 << 10, "{} bytes long", longest(people));
            Ok("cut to 64 KiB".to_owned())
        }
        Fault::OversizeValue { .. } => kind(&["protocol"]),
        Fault::InvalidUtf8 => {
            let people = read.as_ref().map_err(|e| e.to_string())?;
            let cells = people.iter().zip(were).flat_map(|(read, is)| read.cells.iter().zip(&is.cells));
            let spoiled = |cell: &Cell| matches!(cell, Cell::Text(text) if text.starts_with('\u{fffd}'));
            let others = cells.filter(|(read, is)| read != is && !spoiled(read)).count();
            let keys = |people: &[RemotePerson]| people.iter().map(|p| (p.remote_id.clone(), p.flag)).collect::<Vec<_>>();
            hold!(others == 0 && keys(people) == keys(were) && people != were, "{others} others are spoiled, too");
            Ok("stay in their cell".to_owned())
        }
        Fault::MissingKey => {
            let people = read.as_ref().map_err(|e| e.to_string())?;
            let keyless = people.iter().filter(|p| p.remote_id.is_none()).count();
            hold!(keyless > 0 && people.len() >= were.len(), "{keyless} of {}", people.len());
            Ok("handed on without one".to_owned())
        }
        Fault::SlowBody { .. } => kind(&["transient"]),
        Fault::Validation { .. } => kind(&["rejected", "protocol"]),
        Fault::WrongEntity => kind(&[]),
        _ => Err("nobody said what has to become of this".into()),
    }
}

fn ids(people: &[RemotePerson]) -> BTreeSet<String> {
    people.iter().filter_map(|p| p.remote_id.clone()).collect()
}

fn longest(people: &[RemotePerson]) -> usize {
    let length = |cell: &Cell| if let Cell::Text(text) = cell { text.len() } else { 0 };
    people.iter().flat_map(|p| p.cells.iter().map(length)).max().unwrap_or_default()
}

async fn passes<S: Subject>(fault: Fault) -> Found {
    let remote = S::start(MANY).await;
    let (bridge, code) = (remote.paged(), remote.everybody());
    remote.fault(FaultRule::always(fault).on(S::PEOPLE).after(1).times(1));
    let people = read::<S>(&bridge, &code).await.map_err(|e| e.to_string())?;
    hold!(remote.fired() == 1, "the fault was never met");
    hold!(people == remote.members(&code), "other people");
    Ok("as they are".to_owned())
}

/// Pages that were read stand, and the error comes after them.
async fn later<S: Subject>() -> Found {
    let remote = S::start(MANY).await;
    let (bridge, code, fields) = (remote.paged(), remote.everybody(), fields::<S>());
    remote.fault(FaultRule::always(Fault::HtmlPage).on(S::PEOPLE).after(2));
    let mut stream = bridge.people(&code, &fields);
    let mut people = Vec::new();
    let error = loop {
        match futures::StreamExt::next(&mut stream).await {
            Some(Ok(page)) => people.extend(page.rows),
            Some(Err(error)) => break error,
            None => return Err("it ends as if all had been read".into()),
        }
    };
    let truth = remote.members(&code);
    hold!(error.kind() == "protocol" && !people.is_empty(), "{} people, then {error}", people.len());
    hold!(people[..] == truth[..people.len()], "the pages before the error are others");
    Ok("pages before it stand".to_owned())
}

/// A remote that answers "none" is believed; the engine marks nothing gone because of it.
async fn no_lists<S: Subject>() -> Found {
    let remote = S::start(50).await;
    let bridge = remote.bridge(&[]);
    remote.fault(FaultRule::always(Fault::EmptyList).on(S::LISTS));
    match bridge.lists().await {
        Ok(lists) if lists.is_empty() => Ok("none".to_owned()),
        Ok(lists) if lists.len() == remote.lists().len() => Ok(NOT_ASKED.to_owned()),
        Err(error) if matches!(error.kind(), "protocol" | "rejected") => Ok(error.kind().to_owned()),
        other => Err(format!("{other:?}")),
    }
}

/// A wait longer than anybody's patience is handed on at once, an hour at most.
async fn patience<S: Subject>() -> Found {
    let remote = S::start(50).await;
    let bridge = remote.bridge(&[]);
    remote.fault(FaultRule::always(Fault::RateLimited { retry_after: "1000000000".into() }).on(S::PEOPLE));
    match read::<S>(&bridge, &remote.everybody()).await {
        Err(ConnectorError::Limited { retry_after: Some(wait) }) if wait.as_secs() == 3_600 => Ok("limited, an hour".to_owned()),
        other => Err(format!("{other:?}")),
    }
}
