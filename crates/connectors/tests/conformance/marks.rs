//! Writebacks without faults: each has its effect and its mark, once, and changes nothing else.

use futures::StreamExt;
use rialto_connectors::{Acknowledged, DeliveryError};
use rialto_core::consent::Flag;
use rialto_core::writeback::{What, find_marker};

use super::cases::{Case, Found, NOT_ASKED, hold};
use super::subject::{Subject, about, deliver, mark, read};

pub fn cases<S: Subject>() -> Vec<Case> {
    let kinds = [0, 1, 2, 3, 4, 5];
    let mut cases: Vec<Case> = kinds.into_iter().map(|at| Case::new("Writeback", KINDS[at], each::<S>(KINDS[at]))).collect();
    cases.extend([
        Case::new("Writeback", "the same one again", again::<S>()),
        Case::new("Writeback", "begun by an earlier try", begun::<S>()),
        Case::new("Writeback", "the remote said yes since", later_yes::<S>()),
        Case::new("Writeback", "people who are not there", nobody::<S>()),
        Case::new("Writeback", "many side by side", many::<S>()),
        Case::new("Standing check", "none", standing::<S>()),
    ]);
    cases
}

/// As `about` says them.
const KINDS: [&str; 6] = ["unsubscribe", "resubscribe", "resubscribe, remote no stands", "invalid email", "interests", "persona"];

/// One kind, for many people.
async fn each<S: Subject>(kind: &'static str) -> Found {
    let remote = S::start(100).await;
    let Some(what) = remote.all().into_iter().find(|what| about(what) == kind) else { return Ok(NOT_ASKED.to_owned()) };
    let bridge = remote.bridge(&[]);
    for number in 1..=20 {
        let (id, person) = (i64::try_from(number).unwrap_or_default(), remote.id(number));
        remote.oppose(&person, &what);
        let before = remote.rest(&person, &what);
        let delivered = deliver(&bridge, id, &person, &what, false).await.map_err(|e| e.to_string())?;
        hold!(delivered == Acknowledged::Written, "{delivered:?}");
        hold!(remote.shows(&person, &what), "{person}: acknowledged, and not there");
        hold!(remote.marks(&person, &what, &mark(id)) == 1, "{person}: it does not stand there once");
        hold!(remote.rest(&person, &what) == before, "{person}: it changed something else: {} was {before}", remote.rest(&person, &what));
    }
    // A reason full of what could pass for marks is no mark.
    if !matches!(what, What::Persona { .. }) {
        let shown = bridge.shown(&remote.id(7)).await.map_err(|e| e.to_string())?;
        hold!(shown.markers == [mark(7)], "{:?}", shown.markers);
        hold!(find_marker(&shown.markers[0]).is_some(), "it is none of ours");
    }
    Ok("once, and nothing else".to_owned())
}

async fn again<S: Subject>() -> Found {
    let remote = S::start(50).await;
    let bridge = remote.bridge(&[]);
    for (id, what) in (1..).zip(remote.all()) {
        let person = remote.id(3);
        remote.oppose(&person, &what);
        deliver(&bridge, id, &person, &what, false).await.map_err(|e| e.to_string())?;
        for _ in 0..3 {
            let delivered = deliver(&bridge, id, &person, &what, true).await.map_err(|e| e.to_string())?;
            hold!(delivered == Acknowledged::FoundThere, "{what:?}: {delivered:?}");
            hold!(remote.marks(&person, &what, &mark(id)) == 1, "{what:?}: it stands there twice");
        }
    }
    Ok("found there".to_owned())
}

/// The flag was set, and the mark was not left.
async fn begun<S: Subject>() -> Found {
    let remote = S::start(50).await;
    let person = remote.id(7);
    remote.oppose(&person, &What::Resubscribe { say_yes: true });
    hold!(remote.shows(&person, &What::Unsubscribe), "the sandbox did not say no");
    let delivered = deliver(&remote.bridge(&[]), 1, &person, &What::Unsubscribe, true).await.map_err(|e| e.to_string())?;
    hold!(delivered == Acknowledged::Written, "{delivered:?}");
    hold!(remote.marks(&person, &What::Unsubscribe, &mark(1)) == 1, "it was not finished");
    Ok("finished".to_owned())
}

/// An old writeback that is tried once more takes nothing back.
async fn later_yes<S: Subject>() -> Found {
    let remote = S::start(50).await;
    let (bridge, person) = (remote.bridge(&[]), remote.id(7));
    remote.oppose(&person, &What::Unsubscribe);
    deliver(&bridge, 1, &person, &What::Unsubscribe, false).await.map_err(|e| e.to_string())?;
    remote.oppose(&person, &What::Unsubscribe);
    let delivered = deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.map_err(|e| e.to_string())?;
    hold!(delivered == Acknowledged::FoundThere, "{delivered:?}");
    hold!(!remote.shows(&person, &What::Unsubscribe), "the later yes was taken back");
    Ok("it stays".to_owned())
}

async fn nobody<S: Subject>() -> Found {
    let remote = S::start(50).await;
    let bridge = remote.bridge(&[]);
    for what in remote.all() {
        for person in [remote.nobody().as_str(), "nonsense", "", "a' or 'b", "../admin", "A\u{0}B"] {
            let delivered = deliver(&bridge, 1, person, &what, false).await;
            hold!(matches!(delivered, Err(DeliveryError::Refused { .. })), "{what:?} of {person:?}: {delivered:?}");
        }
    }
    hold!(remote.activities() == 0, "something was written");
    let shown = bridge.shown(&remote.nobody()).await.map_err(|e| e.to_string())?;
    hold!(shown.flag.is_none() && shown.markers.is_empty(), "{shown:?}");
    Ok("refused".to_owned())
}

async fn many<S: Subject>() -> Found {
    let remote = S::start(400).await;
    let bridge = remote.bridge(&[]);
    let work = (1..=150u64).map(|number| {
        let (bridge, person) = (bridge.clone(), remote.id(number));
        async move { deliver(&bridge, i64::try_from(number).unwrap_or_default(), &person, &What::Unsubscribe, false).await }
    });
    let done: Vec<_> = futures::stream::iter(work).buffer_unordered(16).collect().await;
    hold!(done.iter().all(|d| matches!(d, Ok(Acknowledged::Written))), "{:?}", done.iter().find(|d| d.is_err()));
    for number in 1..=150 {
        let (id, person) = (i64::try_from(number).unwrap_or_default(), remote.id(number));
        hold!(remote.marks(&person, &What::Unsubscribe, &mark(id)) == 1, "{person}: not there once");
    }
    hold!(remote.activities() == 150, "{} activities", remote.activities());
    Ok("each once".to_owned())
}

/// What is shown of a person is what reading lists shows.
async fn standing<S: Subject>() -> Found {
    let remote = S::start(120).await;
    let bridge = remote.bridge(&[]);
    let people = read::<S>(&bridge, &remote.everybody()).await.map_err(|e| e.to_string())?;
    let mut noes = 0;
    for person in &people {
        let id = person.remote_id.as_deref().unwrap_or_default();
        let shown = bridge.shown(id).await.map_err(|e| e.to_string())?;
        hold!(shown.flag == Some(person.flag) && shown.markers.is_empty(), "{id}: {shown:?}, read {:?}", person.flag);
        noes += usize::from(person.flag == Flag::No);
    }
    hold!(people.len() == 120 && noes > 0, "{} people, {noes} of them with a no", people.len());
    Ok("as lists show it".to_owned())
}
