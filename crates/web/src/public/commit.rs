//! One durable commit for many (`docs/adr/0092`). What people decide at the same time is gathered and carried out in one transaction;
//! each is answered after its commit, and not before. While one batch is being committed the next one gathers by itself.

use std::collections::HashSet;
use std::time::Duration;

use rialto_store::consent::{self, Act, Done, Grounds, Step};
use rialto_store::interests::{self, Choice};
use rialto_store::views::consent as views;
use rialto_store::{Actor, Db, StoreError, Vault, Wake};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::state::App;

/// Wishes that may wait; more are refused, so that memory stays bounded and senders hear soon.
const WAITING: usize = 1_024;
/// Acts of one transaction.
const BATCH: usize = 256;
/// Longest wait for a commit. What is committed after that was still asked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries of one act against others that get in between.
const TRIES: usize = 3;
/// Counts of groups are marked after the answers, at most so often, and for at most a fifth of the time.
const REST: Duration = Duration::from_millis(200);
/// People whose groups are marked in one transaction.
const MARKED: usize = 1_000;

/// What somebody wants done about themselves.
pub(super) struct Wish {
    pub subscriber_id: i64,
    pub deed: Deed,
    pub source: &'static str,
    pub evidence: String,
    pub who: Actor,
}

pub(super) enum Deed {
    Consent {
        step: Step,
        reason: String,
    },
    /// Interests by internal id, and whether they are wanted.
    Interests(Vec<(i64, bool)>),
}

/// Nothing was written, or nobody knows: asking again is safe, as an act that was done is not done twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// There is no such person any more.
    Gone,
    /// The bridge is not told of interests any more.
    NotOffered,
    /// Storage is away, too slow, or too many are waiting.
    Away,
}

type Answer = Result<(), Refused>;

struct Asked {
    wish: Wish,
    answer: oneshot::Sender<Answer>,
}

impl Asked {
    /// A yes, or a choice of interests, stands while its sender waits for the answer: one that comes late, after a pause of the process or
    /// of storage, could undo what the same person has said since (docs/adr/0101). A no may be late.
    fn stands(&self) -> bool {
        let no = matches!(self.wish.deed, Deed::Consent { step: Step::Open(_) | Step::Invalid(_), .. });
        no || !self.answer.is_closed()
    }
}

/// Where wishes wait. The task behind it ends with the last of these.
#[derive(Clone)]
pub(super) struct Queue(mpsc::Sender<Asked>);

impl Queue {
    /// Answers after the commit.
    pub async fn carry_out(&self, wish: Wish) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Asked { wish, answer }).map_err(|_| Refused::Away)?;
        timeout(PATIENCE, answered).await.ok().and_then(Result::ok).unwrap_or(Err(Refused::Away))
    }
}

/// Starts the task that commits and the one that marks counts.
pub(super) fn start(app: &App) -> Queue {
    let (queue, wishes) = mpsc::channel(WAITING);
    let (marks, changed) = mpsc::unbounded_channel();
    let db = app.db.clone();
    tokio::spawn(Committer { db: app.db.clone(), vault: app.vault.clone(), wake: app.wake.clone(), marks }.run(wishes));
    tokio::spawn(async move { mark(&db, changed).await });
    Queue(queue)
}

struct Committer {
    db: Db,
    vault: Vault,
    wake: Wake,
    marks: mpsc::UnboundedSender<Vec<i64>>,
}

impl Committer {
    async fn run(self, mut wishes: mpsc::Receiver<Asked>) {
        let mut batch = Vec::with_capacity(BATCH);
        while wishes.recv_many(&mut batch, BATCH).await > 0 {
            let Some(outcomes) = self.carry_out(&batch).await else {
                // Whoever came meanwhile hears it now too, not after a wait of the same length.
                while let Ok(asked) = wishes.try_recv() {
                    batch.push(asked);
                }
                for asked in batch.drain(..) {
                    let _ = asked.answer.send(Err(Refused::Away));
                }
                continue;
            };
            let mut changed = Vec::new();
            for (asked, (outcome, has_changed)) in batch.drain(..).zip(outcomes) {
                if has_changed {
                    changed.push(asked.wish.subscriber_id);
                }
                // Whoever has hung up needs no answer.
                let _ = asked.answer.send(outcome);
            }
            if !changed.is_empty() {
                self.wake.ring();
                let _ = self.marks.send(changed);
            }
        }
    }

    /// Outcomes in the order of the wishes, and whether each changed something; `None` while storage is away.
    async fn carry_out(&self, asked: &[Asked]) -> Option<Vec<(Answer, bool)>> {
        match self.commit(asked).await {
            Ok(outcomes) => Some(outcomes),
            Err(error) if error.is_away() => {
                tracing::error!(%error, acts = asked.len(), "storage did not take what people decided; they were asked to try again");
                None
            }
            Err(error) => {
                tracing::warn!(%error, acts = asked.len(), "acts failed together; each is tried by itself");
                let mut outcomes = Vec::with_capacity(asked.len());
                for one in asked {
                    outcomes.push(self.alone(one).await);
                }
                Some(outcomes)
            }
        }
    }

    async fn alone(&self, asked: &Asked) -> (Answer, bool) {
        for tries in 1..=TRIES {
            match self.commit(std::slice::from_ref(asked)).await {
                Ok(outcomes) => return outcomes.first().copied().unwrap_or((Err(Refused::Away), false)),
                Err(error) if error.is_race() && tries < TRIES => {}
                Err(error) => {
                    tracing::error!(%error, request = asked.wish.who.request_id, "an act by a person's link failed");
                    break;
                }
            }
        }
        (Err(Refused::Away), false)
    }

    /// All or nothing; outcomes in the order of the wishes.
    async fn commit(&self, asked: &[Asked]) -> Result<Vec<(Answer, bool)>, StoreError> {
        let mut tx = self.db.write_few().await?;
        let (mut acts, mut places, mut choices) = (Vec::new(), Vec::new(), Vec::new());
        // Looked at inside the transaction: getting one may have taken long.
        for (place, Asked { wish: w, .. }) in asked.iter().enumerate().filter(|(_, one)| one.stands()) {
            let (subscriber_id, source, evidence, who) = (w.subscriber_id, w.source, w.evidence.as_str(), &w.who);
            match &w.deed {
                Deed::Consent { step, reason } => {
                    places.push(place);
                    acts.push(Act { subscriber_id, step: *step, grounds: Grounds { source, reason, evidence }, who });
                }
                Deed::Interests(changes) => choices.push((place, Choice { subscriber_id, changes, source, evidence, who })),
            }
        }
        let mut outcomes = vec![(Err(Refused::Away), false); asked.len()];
        for (place, done) in places.into_iter().zip(&consent::act(&mut tx, &self.vault, &acts).await?) {
            outcomes[place] = outcome(done);
        }
        for (place, choice) in choices {
            let chosen = interests::choose(&mut tx, &choice).await?;
            let answer = match chosen.refused {
                None => Ok(()),
                Some(interests::Refused::Unknown) => Err(Refused::Gone),
                Some(interests::Refused::NotTold) => Err(Refused::NotOffered),
            };
            outcomes[place] = (answer, chosen.changed > 0);
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

fn outcome(done: &Done) -> (Answer, bool) {
    match done.refused {
        Some(_) => (Err(Refused::Gone), false),
        None => (Ok(()), !done.causes.is_empty()),
    }
}

/// Marks the counts that acts have made stale; first those of acts after which the process ended before it could.
async fn mark(db: &Db, mut changed: mpsc::UnboundedReceiver<Vec<i64>>) {
    let mut people: HashSet<i64> = match views::lately_by_link(db.read()).await {
        Ok(found) => found.into_iter().collect(),
        Err(error) => {
            tracing::warn!(%error, "counts that the last acts made stale may be old until the next sync");
            HashSet::new()
        }
    };
    loop {
        if people.is_empty() {
            match changed.recv().await {
                Some(more) => people.extend(more),
                None => return,
            }
            sleep(REST).await;
        }
        while let Ok(more) = changed.try_recv() {
            people.extend(more);
        }
        let began = Instant::now();
        match mark_some(db, &mut people).await {
            Ok(()) => {}
            Err(_) if changed.is_closed() => return,
            Err(error) => tracing::warn!(%error, "counts could not be marked as stale; that is tried again"),
        }
        sleep(REST.max(began.elapsed() * 4)).await;
    }
}

async fn mark_some(db: &Db, people: &mut HashSet<i64>) -> Result<(), StoreError> {
    let some: Vec<i64> = people.iter().copied().take(MARKED).collect();
    let mut tx = db.write().await?;
    consent::mark_counts(&mut tx, &some).await?;
    tx.commit().await?;
    some.iter().for_each(|id| {
        people.remove(id);
    });
    Ok(())
}

#[cfg(test)]
#[path = "commit_test.rs"]
mod tests;
