//! One bridge, from its first claim until nothing is left that could go: claims, requests and records at the same time, in one task.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use rialto_core::Instant;
use rialto_core::writeback::WritebackKind;
use rialto_store::StoreError;
use rialto_store::writebacks::{self, Answer, Claimant, Next, Outcome, SetUp};
use tokio::time::Instant as At;
use tokio_util::sync::CancellationToken;

use super::away::{self, Away};
use super::deliver::{Doubt, Terms, deliver};
use super::load::{Kept, Load, Taken};
use super::{Ended, asks_set_up};
use crate::remote::{self, Remote};
use crate::{Engine, Parts};

/// Pause after storage failed to take answers.
const STORAGE_PAUSE: Duration = Duration::from_millis(500);
/// Most requests at once to one remote, whatever the settings say.
const SIDE_BY_SIDE: usize = 64;

type Delivered = (Answer, At, Option<Doubt>);
type Claiming<'a> = BoxFuture<'a, (At, Result<Next, StoreError>)>;
type Recording<'a> = BoxFuture<'a, (Vec<Kept>, Result<Vec<i64>, StoreError>)>;
type Probing<'a> = BoxFuture<'a, Result<Probed, StoreError>>;

/// What became of a doubt, written down already.
enum Probed {
    /// The remote answers; these faults of its set-up stand.
    There(Vec<SetUp>),
    Blocked,
}

/// Sends a bridge's writebacks until none is left that could go, the remote is away, or the process stops.
pub(super) async fn drive(engine: Engine, bridge_id: i64, stop: CancellationToken) -> Ended {
    let parts = engine.parts();
    let worker = format!("{}-out", engine.inner.name);
    match ready(parts, bridge_id).await {
        Ok(Ok((remote, side_by_side))) => Drive::new(parts, &remote, worker, side_by_side).run(&stop).await,
        Ok(Err(ended)) => ended,
        Err(e) => {
            tracing::error!(bridge = bridge_id, error = %e, "writebacks could not be sent");
            Ended::BrokenOff
        }
    }
}

/// Opens the bridge; probes it first when it is blocked or something is held.
async fn ready(parts: &Parts, bridge_id: i64) -> Result<Result<(Remote, usize), Ended>, StoreError> {
    let now = parts.clock.now();
    let Some(d) = writebacks::destination(parts.db.read(), bridge_id).await?.filter(|d| d.enabled) else {
        return Ok(Err(Ended::Waiting));
    };
    if d.blocked_at.is_some() {
        let mut tx = parts.db.write().await?;
        let mine = writebacks::take_probe(&mut tx, bridge_id, now, now.plus_seconds(60)).await?;
        tx.commit().await?;
        if !mine {
            return Ok(Err(Ended::Waiting));
        }
    }
    let held = writebacks::signs(parts.db.read(), now).await?.iter().any(|s| s.bridge_id == bridge_id && s.held);
    let remote = match remote::open(parts, Some(bridge_id)).await {
        Ok(remote) => remote,
        Err(remote::Trouble::Store(e)) => return Err(e),
        Err(trouble) => {
            away::block(parts, bridge_id, &Away::closed(&trouble)).await?;
            return Ok(Err(Ended::Waiting));
        }
    };
    if d.blocked_at.is_some() || asks_set_up(&d, held) {
        let limit = Duration::from_millis(parts.settings.writebacks.call_millis);
        match away::probe(&*remote.connector, limit).await {
            Ok(faults) => away::there(parts, bridge_id, faults, &[]).await.map(drop)?,
            Err(away) => {
                away::block(parts, bridge_id, &away).await?;
                return Ok(Err(Ended::Waiting));
            }
        }
    }
    let side_by_side = usize::try_from(d.read_settings().concurrency).unwrap_or(1).clamp(1, SIDE_BY_SIDE);
    Ok(Ok((remote, side_by_side)))
}

struct Drive<'a> {
    parts: &'a Parts,
    remote: &'a Remote,
    worker: String,
    side_by_side: usize,
    terms: Terms,
    load: Load,
    /// Cutoff up to which nothing more was due when last asked.
    drained: Option<Instant>,
    /// Something was recorded since the claim under way was begun: it may not have seen what is due now.
    freed: bool,
    /// Rate or budget leaves nothing more to claim; what is in hand was counted, and goes.
    spent: bool,
    /// Nothing new is begun: the reason of the end, once all that runs has ended.
    winding_up: Option<Ended>,
    storage_away: bool,
    /// A delivery put the destination in doubt, and no probe has begun since.
    doubtful: bool,
    probing: bool,
    /// The remote said when to come back.
    told_to_wait: Option<Away>,
    /// Set-up faults that deliveries met and no probe has looked at yet.
    found: Vec<(WritebackKind, String)>,
}

impl<'a> Drive<'a> {
    fn new(parts: &'a Parts, remote: &'a Remote, worker: String, side_by_side: usize) -> Self {
        let s = &parts.settings.writebacks;
        let terms = Terms { account: s.account_name.clone(), limit: Duration::from_millis(s.call_millis), clock: parts.clock.clone() };
        Self {
            parts,
            remote,
            worker,
            side_by_side,
            terms,
            load: Load::default(),
            drained: None,
            freed: false,
            spent: false,
            winding_up: None,
            storage_away: false,
            doubtful: false,
            probing: false,
            told_to_wait: None,
            found: Vec::new(),
        }
    }

    async fn run(mut self, stop: &CancellationToken) -> Ended {
        let mut running: FuturesUnordered<BoxFuture<'a, Delivered>> = FuturesUnordered::new();
        let mut claiming: Option<Claiming<'a>> = None;
        let mut recording: Option<Recording<'a>> = None;
        let mut probing: Option<Probing<'a>> = None;
        loop {
            self.give_back_the_late();
            while running.len() < self.side_by_side
                && self.may_begin()
                && let Some(taken) = self.load.hand.pop_front()
            {
                running.push(self.begin(taken));
            }
            if self.doubtful && probing.is_none() && self.winding_up.is_none() {
                probing = Some(self.probe());
            }
            if claiming.is_none() && self.wants_more() {
                self.freed = false;
                claiming = Some(self.claim());
            }
            if recording.is_none() {
                let nothing_else = running.is_empty() && (claiming.is_none() || self.load.hand.is_empty()) && !self.storage_away;
                recording = self.record(nothing_else);
            }
            if running.is_empty() && claiming.is_none() && recording.is_none() && probing.is_none() && self.load.is_empty() {
                return self.ended();
            }
            let pause = self.load.record_at.unwrap_or_else(|| At::now() + STORAGE_PAUSE);
            tokio::select! {
                Some(delivered) = running.next() => self.delivered(delivered),
                (asked_at, next) = wait(&mut claiming) => { claiming = None; self.claimed(asked_at, next); }
                (kept, recorded) = wait(&mut recording) => { recording = None; self.recorded(kept, recorded); }
                probed = wait(&mut probing) => { probing = None; self.probed(probed); }
                () = tokio::time::sleep_until(pause), if recording.is_none() => {}
                () = stop.cancelled(), if self.winding_up.is_none() => self.wind_up(Ended::BrokenOff),
            }
        }
    }

    fn ended(&self) -> Ended {
        let spent = self.spent.then_some(Ended::Spent);
        self.winding_up.or(spent).or(self.drained.map(Ended::Drained)).unwrap_or(Ended::BrokenOff)
    }

    fn may_begin(&self) -> bool {
        self.winding_up.is_none() && !self.doubtful && !self.probing && !self.storage_away
    }

    fn wants_more(&self) -> bool {
        self.may_begin() && !self.spent && self.drained.is_none() && self.load.hand.len() < self.side_by_side
    }

    /// Nothing new is begun; what was claimed and not begun goes back.
    fn wind_up(&mut self, ended: Ended) {
        self.winding_up.get_or_insert(ended);
        self.load.give_back(self.parts.clock.now(), &Outcome::Untouched, "", |_| true);
    }

    /// Claims that waited too long here might outlast their lease.
    fn give_back_the_late(&mut self) {
        let now = At::now();
        if self.load.hand.front().is_some_and(|t| t.begin_by <= now) {
            self.load.give_back(self.parts.clock.now(), &Outcome::Untouched, "", |t| t.begin_by <= now);
        }
    }

    fn begin(&self, taken: Taken) -> BoxFuture<'a, Delivered> {
        let (remote, terms, ends) = (self.remote, self.terms.clone(), At::now() + self.terms.limit);
        Box::pin(async move {
            let (answer, doubt) = deliver(&*remote.connector, &taken.claimed, taken.cutoff, ends, &terms).await;
            (answer, taken.lease_ends, doubt)
        })
    }

    fn claim(&self) -> Claiming<'a> {
        let (parts, bridge_id, worker) = (self.parts, self.remote.bridge.id, self.worker.clone());
        let most = i64::try_from(self.load.appetite(self.side_by_side)).unwrap_or(1);
        Box::pin(async move {
            let (asked_at, now) = (At::now(), parts.clock.now());
            let lease = i64::try_from(parts.settings.writebacks.lease_millis).unwrap_or(i64::MAX / 1_000) * 1_000;
            let by = Claimant { worker: &worker, now, lease_until: Instant(now.0.saturating_add(lease)) };
            (asked_at, writebacks::claim_next(&parts.db, bridge_id, by, most).await)
        })
    }

    fn claimed(&mut self, asked_at: At, next: Result<Next, StoreError>) {
        let lease = Duration::from_millis(self.parts.settings.writebacks.lease_millis);
        match next {
            Ok(Next::Claimed { rows, cutoff }) => {
                self.load.take(rows, cutoff, asked_at, lease, self.terms.limit);
                if self.winding_up.is_some() {
                    self.wind_up(Ended::BrokenOff);
                }
            }
            Ok(Next::Nothing { cutoff }) => self.drained = (!self.freed).then_some(cutoff),
            Ok(Next::Spent) => self.spent = true,
            Ok(Next::Blocked | Next::Off) => self.wind_up(Ended::Waiting),
            Err(e) => {
                tracing::warn!(bridge = self.remote.bridge.id, error = %e, "writebacks could not be claimed");
                self.wind_up(Ended::BrokenOff);
            }
        }
    }

    fn delivered(&mut self, (answer, lease_ends, doubt): Delivered) {
        self.load.keep(answer, lease_ends, Duration::from_millis(self.parts.settings.writebacks.record_millis));
        self.doubtful |= doubt.is_some();
        match doubt {
            Some(doubt @ Doubt::Away { .. }) => self.told_to_wait = away::told_to_wait(&doubt).or(self.told_to_wait.take()),
            Some(Doubt::SetUp { kind, missing }) => self.found.push((kind, missing)),
            None => {}
        }
    }

    /// Asks the remote, and writes down what became of it. All that waits for storage is polled together: SQLite has one writer, and a
    /// claim or a record that holds it must be able to go on.
    fn probe(&mut self) -> Probing<'a> {
        (self.doubtful, self.probing) = (false, true);
        let (found, told_to_wait) = (std::mem::take(&mut self.found), self.told_to_wait.take());
        let (parts, remote, limit) = (self.parts, self.remote, self.terms.limit);
        Box::pin(async move {
            let probed = match told_to_wait {
                Some(away) => Err(away),
                None => away::probe(&*remote.connector, limit).await,
            };
            match probed {
                Ok(faults) => away::there(parts, remote.bridge.id, faults, &found).await.map(Probed::There),
                Err(away) => away::block(parts, remote.bridge.id, &away).await.map(|()| Probed::Blocked),
            }
        })
    }

    fn probed(&mut self, probed: Result<Probed, StoreError>) {
        self.probing = false;
        match probed {
            Ok(Probed::There(kept)) => {
                let now = self.parts.clock.now();
                for fault in kept {
                    let held = |t: &Taken| fault.kinds.iter().any(|k| k.name() == t.claimed.kind);
                    self.load.give_back(now, &Outcome::Held, &fault.detail, held);
                }
            }
            Ok(Probed::Blocked) => self.wind_up(Ended::Waiting),
            Err(e) => {
                tracing::warn!(bridge = self.remote.bridge.id, error = %e, "what a probe found could not be written down");
                self.wind_up(Ended::BrokenOff);
            }
        }
    }

    fn record(&mut self, at_once: bool) -> Option<Recording<'a>> {
        let due = self.load.due(at_once);
        if due.is_empty() {
            return None;
        }
        let (parts, worker) = (self.parts, self.worker.clone());
        Some(Box::pin(async move {
            let answers: Vec<Answer> = due.iter().map(|k| k.answer.clone()).collect();
            let recorded = writebacks::record(&parts.db, &worker, &answers).await;
            (due, recorded)
        }))
    }

    fn recorded(&mut self, kept: Vec<Kept>, recorded: Result<Vec<i64>, StoreError>) {
        match recorded {
            Ok(ids) => {
                self.storage_away = false;
                // Somebody's next message may be due now.
                (self.drained, self.freed) = (None, true);
                let late = kept.len().saturating_sub(ids.len());
                if late > 0 {
                    tracing::warn!(
                        bridge = self.remote.bridge.id,
                        late,
                        "answers came after their lease; others have these writebacks now"
                    );
                }
            }
            Err(e) => {
                tracing::warn!(bridge = self.remote.bridge.id, error = %e, "answers could not be recorded; they are kept until their lease ends");
                self.storage_away = true;
                let lost = self.load.put_back(kept, STORAGE_PAUSE);
                if lost > 0 {
                    tracing::error!(
                        bridge = self.remote.bridge.id,
                        lost,
                        "answers outlived their lease; their marks are looked for by the next try"
                    );
                }
                if self.load.answers.is_empty() {
                    // Nothing left that could show whether storage is back: the next claim does.
                    self.storage_away = false;
                    self.wind_up(Ended::BrokenOff);
                }
            }
        }
    }
}

/// The future, if there is one; for ever otherwise.
async fn wait<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
