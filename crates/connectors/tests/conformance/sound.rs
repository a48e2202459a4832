//! Without faults: what the connector says of the remote is what the remote holds.

use std::collections::BTreeSet;

use futures::StreamExt;
use rialto_connectors::catalogue::NoMode;
use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;
use rialto_core::writeback::{InterestKey, InterestSource};

use super::cases::{Case, Found, NOT_ASKED, hold};
use super::subject::{Subject, fields, open, read};

const PEOPLE: &str = "People of a list";
const NONE: &str = "none";

pub fn cases<S: Subject>() -> Vec<Case> {
    let mut cases = vec![
        Case::new("Form", NONE, form::<S>()),
        Case::new("Probe", NONE, probe::<S>()),
        Case::new("List of lists", NONE, lists::<S>()),
        Case::new("Fields", NONE, same_fields::<S>()),
        Case::new("People with a no", NONE, those_with_a_no::<S>()),
        Case::new(PEOPLE, "the stream is dropped", dropped::<S>()),
        Case::new("Sign-in", "a wrong secret", wrong_secret::<S>()),
        Case::new("Connection", "a network that is not allowed", not_allowed::<S>()),
        Case::new("Connection", "nobody listens", closed::<S>()),
        Case::new("Interests", NONE, interests::<S>()),
    ];
    for rows in S::PAGES {
        cases.push(Case::new(PEOPLE, NONE, every_list::<S>(rows)).at(*rows));
    }
    // So many people that the last page is full, or has one row, or lacks one.
    for people in [99, 100, 101, 199, 200, 201] {
        cases.push(Case::new(PEOPLE, "the last page is full, or nearly", boundary::<S>(people)).at(people.to_string()));
    }
    cases
}

/// All faults of a form at once, each with its key, and nothing is opened with them.
async fn form<S: Subject>() -> Found {
    let kind = S::kind();
    let faults = (kind.check)(&Default::default(), &Default::default());
    let named: BTreeSet<&str> = faults.iter().map(|f| f.field.as_str()).collect();
    for field in kind.settings.iter().chain(kind.secrets).filter(|f| f.required && f.default.is_empty()) {
        hold!(named.contains(field.key), "{} is missing, and nothing says so", field.key);
    }
    hold!((kind.open)(&Default::default(), &Default::default(), &crate::support::outbound(&[])?).is_err(), "it opens without settings");
    let (settings, secrets) = S::connection("https://remote.example/");
    let settings = settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let secrets = secrets.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
    let faults = (kind.check)(&settings, &secrets);
    hold!(faults.is_empty(), "{faults:?}");
    Ok("every fault with its key".to_owned())
}

async fn probe<S: Subject>() -> Found {
    let remote = S::start(200).await;
    let bridge = remote.bridge(&[]);
    let report = bridge.probe().await.map_err(|e| e.to_string())?;
    hold!(report.lists == remote.lists().len(), "{report:?}");
    hold!(report.fields == bridge.fields().await.map_err(|e| e.to_string())?.len(), "{report:?}");
    hold!(report.warnings.iter().all(|w| w.ends_with('.') && w.len() > 20), "no sentences: {report:?}");
    let faults = bridge.set_up_faults().await.map_err(|e| e.to_string())?;
    hold!(faults.is_empty(), "all is set up there: {faults:?}");
    Ok("counts, and warns in sentences".to_owned())
}

async fn lists<S: Subject>() -> Found {
    let remote = S::start(300).await;
    let bridge = remote.bridge(&[]);
    let lists = bridge.lists().await.map_err(|e| e.to_string())?;
    let codes: BTreeSet<String> = lists.iter().map(|l| l.code.clone()).collect();
    hold!(codes == remote.lists().into_iter().collect(), "{codes:?}");
    for list in &lists {
        let one = bridge.list(&list.code).await.map_err(|e| e.to_string())?.ok_or(format!("{} is not there", list.code))?;
        hold!((&one.code, &one.name, one.active) == (&list.code, &list.name, list.active), "{one:?} is not {list:?}");
        hold!(!one.name.is_empty() && one.name.chars().count() <= 200, "a name of {} characters", one.name.chars().count());
        // The proof of completeness.
        let people = read::<S>(&bridge, &list.code).await.map_err(|e| e.to_string())?;
        hold!(one.members == Some(people.len() as u64), "{}: {:?} announced, {} read", list.name, one.members, people.len());
    }
    for none in ["", "no such list", "x' or '1'='1", "../../admin", "A\u{0}B", &"x".repeat(5_000)] {
        match bridge.list(none).await {
            Ok(None) => {}
            Err(error) if error.kind() == "rejected" => {}
            other => return Err(format!("{none:?}: {other:?}")),
        }
    }
    Ok("as there, each with its count".to_owned())
}

async fn same_fields<S: Subject>() -> Found {
    let remote = S::start(100).await;
    let bridge = remote.bridge(&[]);
    let offered = bridge.fields().await.map_err(|e| e.to_string())?;
    let names: BTreeSet<&str> = offered.iter().map(|f| f.name.as_str()).collect();
    hold!(names.len() == offered.len(), "a name comes twice");
    for field in S::FIELDS {
        hold!(names.contains(field), "{field} is not offered");
    }
    hold!(offered.iter().all(|f| !f.label.is_empty() && f.name.len() <= 512), "{offered:?}");
    for code in remote.lists() {
        let people = read::<S>(&bridge, &code).await.map_err(|e| e.to_string())?;
        hold!(people.iter().all(|p| p.cells.len() == S::FIELDS.len()), "{code}: another number of cells");
    }
    // A renamed field must never empty what is stored: it is an error, or it is left.
    let (unknown, code) = (vec!["NoSuchField".to_owned()], remote.everybody());
    let mut pages = bridge.people(&code, &unknown);
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => hold!(page.rows.iter().all(|p| p.cells == [Cell::Absent]), "an unknown field was read"),
            Err(error) => hold!(error.to_string().to_ascii_lowercase().contains("nosuchfield"), "it is not named: {error}"),
        }
    }
    Ok("the same of every list".to_owned())
}

async fn every_list<S: Subject>(rows: &'static str) -> Found {
    let remote = S::start(1_100).await;
    let bridge = remote.bridge(&[("page_rows", rows)]);
    for code in remote.lists() {
        let (people, truth) = (read::<S>(&bridge, &code).await.map_err(|e| e.to_string())?, remote.members(&code));
        hold!(people == truth, "{code}: {}", difference(&people, &truth));
    }
    hold!(remote.members(&remote.everybody()).len() == 1_100, "not everybody is on the list of everybody");
    Ok("each once, as they are".to_owned())
}

fn difference(people: &[RemotePerson], truth: &[RemotePerson]) -> String {
    let first = people.iter().zip(truth).find(|(read, is)| read != is);
    format!("{} of {}; first: {first:?}", people.len(), truth.len())
}

async fn boundary<S: Subject>(people: u64) -> Found {
    let remote = S::start(people).await;
    let (bridge, code) = (remote.bridge(&[("page_rows", "100")]), remote.everybody());
    let (read, truth) = (read::<S>(&bridge, &code).await.map_err(|e| e.to_string())?, remote.members(&code));
    hold!(read == truth, "{}", difference(&read, &truth));
    let asked = remote.requests().counts.iter().filter(|(what, _)| what.contains(S::PEOPLE)).map(|(_, n)| n).sum::<u64>();
    hold!(asked <= people / 100 + 4, "{asked} requests for {people} people");
    Ok("each once, as they are".to_owned())
}

/// Those with a remote no are read with it: the engine leaves them out or suppresses them, as the kind says.
async fn those_with_a_no<S: Subject>() -> Found {
    let remote = S::start(400).await;
    let (bridge, code) = (remote.paged(), remote.everybody());
    let read = read::<S>(&bridge, &code).await.map_err(|e| e.to_string())?;
    let no = |people: &[RemotePerson]| people.iter().filter(|p| p.flag != Flag::Yes).count();
    hold!(no(&read) > 0 && no(&read) == no(&remote.members(&code)), "{} have a no", no(&read));
    Ok(match S::kind().no_mode {
        NoMode::ImportAsSuppressed => "suppressed",
        NoMode::LeaveOut => "left out",
    }
    .to_owned())
}

async fn dropped<S: Subject>() -> Found {
    let remote = S::start(5_000).await;
    let (bridge, code, fields) = (remote.bridge(&[("page_rows", S::PAGES[0])]), remote.everybody(), fields::<S>());
    let mut people = bridge.people(&code, &fields);
    let first = people.next().await.ok_or("nothing came")?;
    hold!(first.is_ok(), "{first:?}");
    drop(people);
    let pause = std::time::Duration::from_millis(300);
    tokio::time::sleep(pause).await;
    let asked = remote.requests().total;
    tokio::time::sleep(pause).await;
    hold!(remote.requests().total == asked, "it goes on");
    hold!(asked < 15, "{asked} requests for one page");
    Ok("reading stops".to_owned())
}

async fn wrong_secret<S: Subject>() -> Found {
    let remote = S::start(10).await;
    // Also one of Base64.
    let wrong = "d3JvbmctaG9yc2UtYmF0dGVyeQ==";
    let bridge = open::<S>(&remote.root(), &[], Some(wrong), &["127.0.0.0/8"])?;
    let Err(error) = bridge.lists().await else { return Err("it was let in".into()) };
    hold!(error.kind() == "auth", "{error}");
    hold!(!format!("{error} {error:?}").contains(wrong), "the error holds the secret: {error}");
    Ok("auth".to_owned())
}

async fn not_allowed<S: Subject>() -> Found {
    let remote = S::start(10).await;
    let refused = open::<S>(&remote.root(), &[], None, &[]);
    hold!(refused.is_err_and(|detail| detail.contains("does not connect to")), "a number of a private network was taken");
    let named = remote.root().replace("127.0.0.1", "localhost");
    let bridge = open::<S>(&named, &[], None, &[])?;
    let Err(error) = bridge.lists().await else { return Err("it connected".into()) };
    hold!(error.kind() == "blocked", "{error}");
    hold!(remote.requests().total == 0, "something was sent");
    Ok("blocked".to_owned())
}

async fn closed<S: Subject>() -> Found {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
    let root = format!("http://{}/", listener.local_addr().map_err(|e| e.to_string())?);
    drop(listener);
    let bridge = open::<S>(&root, &[], None, &["127.0.0.0/8"])?;
    let Err(error) = bridge.lists().await else { return Err("somebody answered".into()) };
    hold!(error.kind() == "transient" && error.to_string().ends_with("no connection to 127.0.0.1 could be made"), "{error}");
    Ok("transient".to_owned())
}

/// Interests that are offered, and those of a person; and their people, where a kind lists them.
async fn interests<S: Subject>() -> Found {
    if !S::writes(rialto_core::writeback::WritebackKind::Interests) {
        return Ok(NOT_ASKED.to_owned());
    }
    let remote = S::start(150).await;
    let bridge = remote.paged();
    let offered = bridge.interests().await.map_err(|e| e.to_string())?;
    let keys: BTreeSet<_> = offered.iter().map(|i| i.key()).collect();
    hold!(!keys.is_empty() && keys.len() == offered.len(), "{} interests, {} keys", offered.len(), keys.len());
    hold!(offered.iter().all(|i| !i.name.is_empty() && i.name.chars().count() <= 200), "{offered:?}");
    let mut have: Vec<(String, BTreeSet<_>)> = Vec::new();
    for number in 1..=40 {
        let id = remote.id(number);
        let theirs = bridge.interests_of(&id).await.map_err(|e| e.to_string())?;
        hold!(theirs.iter().all(|i| keys.contains(&i.key())), "{theirs:?} are not offered");
        have.push((id, theirs.iter().map(|i| i.key()).collect()));
    }
    if S::kind().lists_interests {
        for key in &keys {
            let list = bridge.interest_list(key).await.map_err(|e| e.to_string())?.ok_or("an interest is not there")?;
            let (fields, mut who) = (fields::<S>(), BTreeSet::new());
            let mut pages = bridge.interest_people(key, &fields);
            while let Some(page) = pages.next().await {
                who.extend(page.map_err(|e| e.to_string())?.rows.into_iter().filter_map(|p| p.remote_id));
            }
            hold!(list.members == Some(who.len() as u64), "{key:?}: {:?} announced, {} read", list.members, who.len());
            for (id, theirs) in &have {
                hold!(who.contains(id) == theirs.contains(key), "{key:?} of {id}");
            }
        }
        let unknown = InterestKey { source: InterestSource::Area, code: "NO_SUCH".into(), subcode: String::new() };
        let none = bridge.interest_list(&unknown).await.map_err(|e| e.to_string())?;
        hold!(none.is_none(), "an unknown interest has people: {none:?}");
        return Ok("as there, with their people".to_owned());
    }
    Ok("as there".to_owned())
}
