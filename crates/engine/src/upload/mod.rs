//! A file that somebody brought, planned or applied as a run: read line by line, rows met with records, then the same gate, plan,
//! transaction and books as any run (`rules.md` sections 1 and 3, `docs/adr/0133` to `0137`).

mod end;
mod lines;
mod people;
mod place;
mod silence;

use rialto_connectors::upload::Found;
use rialto_core::Counts;
use rialto_core::run::{Phase, RunState};
use rialto_core::upload::{Mapping, UploadKind};
use rialto_store::notes::{Note, Notes};
use rialto_store::runs::{self, Ending, Run};
use rialto_store::uploads::{self, Upload};

use crate::Parts;
use crate::lease::Lease;
use crate::remote::Trouble;
use lines::Lines;

/// What stays the same during a run.
struct Job<'a> {
    parts: &'a Parts,
    run: &'a Run,
    lease: &'a Lease,
    upload: Upload,
    found: Found,
    mapping: Mapping,
}

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let job = prepare(parts, run, lease).await?;
    lease.enter(Phase::Reading);
    announce(&job).await?;
    match job.upload.kind() {
        UploadKind::People => people::run(&job).await,
        UploadKind::Unsubscribers => silence::run(&job).await,
    }
}

async fn prepare<'a>(parts: &'a Parts, run: &'a Run, lease: &'a Lease) -> Result<Job<'a>, Trouble> {
    let gone = || Trouble::refused("The file of this upload is not there any more.", "Upload it again.");
    let upload = uploads::get(parts.db.read(), run.upload_id.ok_or_else(gone)?).await?.ok_or_else(gone)?;
    if !upload.is_open() {
        return Err(gone());
    }
    let found: Found = serde_json::from_str(&upload.found).map_err(|_| gone())?;
    let mapping =
        upload.mapping().ok_or_else(|| Trouble::refused("Nobody has said what the columns are used for.", "Choose that first."))?;
    mapping.check(found.columns.len()).map_err(|e| Trouble::refused(e.detail, "Choose again what the columns are used for."))?;
    Ok(Job { parts, run, lease, upload, found, mapping })
}

/// The plan has counted the rows already.
async fn announce(job: &Job<'_>) -> Result<(), Trouble> {
    let (Some(planned), _) = uploads::last_runs(&job.parts.db, job.upload.id).await? else { return Ok(()) };
    let rows = planned.counts().read;
    if job.run.plan_only || rows == 0 {
        return Ok(());
    }
    let mut tx = job.parts.db.write().await?;
    runs::announced(&mut tx, job.run.id, &job.lease.worker, rows).await?;
    Ok(tx.commit().await?)
}

impl Job<'_> {
    fn lines(&self) -> Lines {
        Lines::open(self.parts.db.clone(), self.upload.id, self.found.shape.clone())
    }
}

/// A faulty line, told by its number.
fn reject(counts: &mut Counts, notes: &mut Notes, number: u64, why: &str) {
    counts.rejected += 1;
    notes.add(Note { kind: "rejected", remote_id: String::new(), subscriber_id: None, detail: format!("Line {number}: {why}") });
}

fn duplicate(counts: &mut Counts, notes: &mut Notes, number: u64, address: &str) {
    counts.duplicate += 1;
    let detail = format!("Line {number}: this person came before in the file; the first line counts.");
    notes.add(Note { kind: "duplicate", remote_id: address.to_owned(), subscriber_id: None, detail });
}

fn ending(counts: Counts, reason: String, stats: serde_json::Value) -> Ending {
    Ending { state: RunState::Succeeded, counts, reason, advice: String::new(), error_kind: String::new(), data_as_of: None, stats }
}

fn balanced(counts: &Counts) -> Result<(), Trouble> {
    let fault = |e: rialto_core::books::Imbalance| {
        Trouble::refused(e.to_string(), "Report this with the run's id: it is a fault of Rialto. Nobody was removed.")
    };
    counts.check().map_err(fault)
}
