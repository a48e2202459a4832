//! People sync of one target group (`rules.md` section 3): read, write people, prove, gate, plan, apply.

mod batch;
mod classify;
mod decide;
mod plan_only;
mod read;

use rialto_connectors::{ConnectorError, RemoteList};
use rialto_core::Instant;
use rialto_core::gate::{self, Evidence};
use rialto_core::person::FieldSpec;
use rialto_core::run::Phase;
use rialto_core::upload::SOURCE;
use rialto_core::writeback::InterestKey;
use rialto_store::groups::{self, Group};
use rialto_store::interests::{self, OwnWords};
use rialto_store::runs::{self, Ending, Run};
use rialto_store::{fields, membership, people};

use crate::Parts;
use crate::lease::Lease;
use crate::remote::{self, Remote, Trouble};
pub(crate) use batch::Slicer;
use decide::Closing;
use read::Tally;

/// Times a list that changes while it is read is read from the start.
const MAX_READS: usize = 3;

/// Where the people of a group come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// A list, by the remote's code.
    List(String),
    /// Those who have an interest, by our id and the remote's key.
    Interest(i64, InterestKey),
}

/// Everything that stays the same during a run.
pub(crate) struct Job<'a> {
    pub parts: &'a Parts,
    pub run: &'a Run,
    pub lease: &'a Lease,
    pub remote: Remote,
    pub group: Group,
    pub source: Source,
    pub specs: Vec<FieldSpec>,
    /// People's own words about an interest: they stand over what the remote shows (`docs/adr/0120`).
    pub own: OwnWords,
    /// What the remote acknowledges from then on may not be in what is read.
    pub began: Instant,
    /// Uploads have brought records of their own: somebody new may be one of them.
    pub uploads: bool,
    /// The oldest run of the bridge that was open when this one began to read: what such runs read may be newer.
    pub oldest_open: i64,
}

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let mut job = prepare(parts, run, lease).await?;
    let members = membership::members(&parts.db, job.group.id).await?;
    // In this order: a word that comes in between is in the words, and whoever it let in or out is no reason to move anybody.
    if let Source::Interest(id, _) = job.source {
        job.own = interests::own_words(&parts.db, id, job.began).await?;
    }
    let mut tally = Tally::new(members);
    let began = tokio::time::Instant::now();
    let (list, trouble) = read_until_stable(&job, &mut tally).await?;
    tally.read_ms = began.elapsed().as_millis() as u64;
    tally.notes.flush(&parts.db, run.id).await?;
    if lease.is_gone() {
        return Err(Trouble::Interrupted);
    }
    lease.enter(Phase::Planning);
    let announced = list.as_ref().and_then(|l| l.members);
    let proof = match trouble {
        Some(ref error) => gate::Proof::Incomplete(format!("The read broke off: {error}.")),
        None => gate::prove(&Evidence {
            announced,
            read: tally.counts.read.unsigned_abs(),
            rejected: tally.counts.rejected.unsigned_abs(),
            duplicate: tally.counts.duplicate.unsigned_abs(),
            stable: tally.stable,
        }),
    };
    let data_as_of = match job.source {
        Source::List(_) => list.and_then(|l| l.refreshed_at),
        // No list was made beforehand: what was read is as of the read.
        Source::Interest(..) => Some(job.began),
    };
    if run.plan_only {
        let mut ending = plan_only::conclude(&job, tally, &proof).await?;
        ending.data_as_of = data_as_of;
        if let Some(error) = trouble {
            ending.advice = error.advice().to_owned();
            ending.error_kind = error.kind().to_owned();
        }
        return Ok(ending);
    }
    decide::conclude(&job, tally, Closing { proof: &proof, data_as_of, trouble: trouble.as_ref() }).await
}

/// Opens the bridge, finds the list, brings the fields up to date.
async fn prepare<'a>(parts: &'a Parts, run: &'a Run, lease: &'a Lease) -> Result<Job<'a>, Trouble> {
    let group_id = run.group_id.unwrap_or(0);
    let group = groups::get(parts.db.read(), group_id)
        .await?
        .ok_or_else(|| Trouble::refused("The target group was deleted.", "Choose another target group."))?;
    let began = parts.clock.now();
    let source = source(parts, &group).await?;
    let remote = remote::open(parts, group.bridge_id).await?;
    let offered = remote::offered_fields(&remote).await?;
    let known = fields::list(parts.db.read(), remote.bridge.id).await?;
    if offered.is_empty() && known.iter().any(|f| f.gone_at.is_none()) {
        return Err(Trouble::refused(
            "The remote system offers no personalization field any more.",
            "Check the personalization view and the set-up script, then refresh the target group list.",
        ));
    }
    let specs = if run.plan_only {
        fields::specs(&known, &offered)
    } else {
        let mut tx = parts.db.write().await?;
        let specs = fields::mirror(&mut tx, remote.bridge.id, &offered, parts.clock.now()).await?;
        tx.commit().await?;
        specs
    };
    let oldest_open = runs::oldest_open(parts.db.read(), remote.bridge.id, run.id).await?;
    let uploads = people::count(parts.db.read(), SOURCE, 1).await? > 0;
    Ok(Job { parts, run, lease, remote, group, source, specs, own: OwnWords::default(), began, uploads, oldest_open })
}

async fn source(parts: &Parts, group: &Group) -> Result<Source, Trouble> {
    if let Some(code) = &group.code {
        return Ok(Source::List(code.clone()));
    }
    let interest = interests::of_group(parts.db.read(), group.id).await?;
    let interest = interest
        .ok_or_else(|| Trouble::refused("This target group mirrors no remote list.", "Only remote target groups can be synced."))?;
    Ok(Source::Interest(interest.id, interest.key()?))
}

/// Reads the list, again when it was regenerated meanwhile. A read that breaks off after its first rows is told, not thrown: what it
/// brought stands.
async fn read_until_stable(job: &Job<'_>, tally: &mut Tally) -> Result<(Option<RemoteList>, Option<ConnectorError>), Trouble> {
    let mut before = list_now(job).await?;
    for _ in 0..MAX_READS {
        announce(job, before.members).await?;
        tally.restart();
        job.lease.restart();
        let outcome = match read::read_once(job, tally, before.members).await {
            Ok(()) => list_now(job).await,
            Err(trouble) => Err(trouble),
        };
        let after = match outcome {
            Ok(after) => after,
            Err(Trouble::Remote(error)) if tally.keep_better() => return Ok((Some(before), Some(error))),
            Err(other) => return Err(other),
        };
        if after.refreshed_at == before.refreshed_at && after.members == before.members {
            tally.stable = true;
            return Ok((Some(after), None));
        }
        tracing::info!(run = job.run.id, "the list was regenerated while it was read; reading it again");
        before = after;
    }
    Ok((Some(before), None))
}

/// The list as the remote describes it now. A vanished list marks its group gone.
async fn list_now(job: &Job<'_>) -> Result<RemoteList, Trouble> {
    let connector = &job.remote.connector;
    let (found, others, what) = match &job.source {
        Source::List(code) => match connector.list(code).await? {
            Some(list) => (Some(list), false, String::new()),
            None => (None, !connector.lists().await?.is_empty(), format!("list {code}")),
        },
        Source::Interest(_, key) => match connector.interest_list(key).await? {
            Some(list) => (Some(list), false, String::new()),
            None => {
                (None, !connector.interests().await?.is_empty(), format!("interest {}", [key.code.as_str(), &key.subcode].join(" ").trim()))
            }
        },
    };
    if let Some(list) = found {
        return Ok(list);
    }
    // One list missing proves little when all are: an empty list of lists marks nothing gone.
    if !job.run.plan_only && others {
        let mut tx = job.parts.db.write().await?;
        groups::set_state(&mut tx, job.group.id, "gone").await?;
        tx.commit().await?;
    }
    Err(Trouble::refused(
        format!("{} has no {what} any more. Nobody was removed.", job.remote.kind.name),
        "Refresh the target group list, or choose another target group.",
    ))
}

async fn announce(job: &Job<'_>, members: Option<u64>) -> Result<(), Trouble> {
    let Some(members) = members.and_then(|n| i64::try_from(n).ok()) else { return Ok(()) };
    let mut tx = job.parts.db.write().await?;
    runs::announced(&mut tx, job.run.id, &job.lease.worker, members).await?;
    tx.commit().await?;
    Ok(())
}
