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
            let (wishes, answers): (Vec<Wish>, Vec<_>) = batch.drain(..).map(|a| (a.wish, a.answer)).unzip();
            let outcomes = self.carry_out(&wishes).await;
            for (answer, (outcome, _)) in answers.into_iter().zip(&outcomes) {
                // Whoever has hung up needs no answer.
                let _ = answer.send(*outcome);
            }
            let changed = wishes.iter().zip(&outcomes).filter(|(_, (_, changed))| *changed);
            let changed: Vec<i64> = changed.map(|(wish, _)| wish.subscriber_id).collect();
            if !changed.is_empty() {
                self.wake.ring();
                let _ = self.marks.send(changed);
            }
        }
    }

    /// Outcomes in the order of the wishes, and whether each changed something.
    async fn carry_out(&self, wishes: &[Wish]) -> Vec<(Answer, bool)> {
        match self.commit(wishes).await {
            Ok(outcomes) => outcomes,
            Err(error) if error.is_away() => {
                tracing::error!(%error, acts = wishes.len(), "storage did not take what people decided; they were asked to try again");
                vec![(Err(Refused::Away), false); wishes.len()]
            }
            Err(error) => {
                tracing::warn!(%error, acts = wishes.len(), "acts failed together; each is tried by itself");
                let mut outcomes = Vec::with_capacity(wishes.len());
                for wish in wishes {
                    outcomes.push(self.alone(wish).await);
                }
                outcomes
            }
        }
    }

    async fn alone(&self, wish: &Wish) -> (Answer, bool) {
        for tries in 1..=TRIES {
            match self.commit(std::slice::from_ref(wish)).await {
                Ok(outcomes) => return outcomes.first().copied().unwrap_or((Err(Refused::Away), false)),
                Err(error) if error.is_race() && tries < TRIES => {}
                Err(error) => {
                    tracing::error!(%error, request = wish.who.request_id, "an act by a person's link failed");
                    break;
                }
            }
        }
        (Err(Refused::Away), false)
    }

    /// All or nothing; outcomes in the order of the wishes.
    async fn commit(&self, wishes: &[Wish]) -> Result<Vec<(Answer, bool)>, StoreError> {
        let mut acts: Vec<Act<'_>> = Vec::with_capacity(wishes.len());
        let mut choices: Vec<(usize, Choice<'_>)> = Vec::new();
        for (place, w) in wishes.iter().enumerate() {
            let (subscriber_id, source, evidence, who) = (w.subscriber_id, w.source, w.evidence.as_str(), &w.who);
            match &w.deed {
                Deed::Consent { step, reason } => {
                    acts.push(Act { subscriber_id, step: *step, grounds: Grounds { source, reason, evidence }, who });
                }
                Deed::Interests(changes) => choices.push((place, Choice { subscriber_id, changes, source, evidence, who })),
            }
        }
        let mut tx = self.db.write().await?;
        let mut outcomes: Vec<(Answer, bool)> = consent::act(&mut tx, &self.vault, &acts).await?.iter().map(outcome).collect();
        // In the order of their places, so that each stands where it belongs.
        for (place, choice) in choices {
            let chosen = interests::choose(&mut tx, &self.vault, &choice).await?;
            let answer = match chosen.refused {
                None => Ok(()),
                Some(interests::Refused::Unknown) => Err(Refused::Gone),
                Some(interests::Refused::NotTold) => Err(Refused::NotOffered),
            };
            outcomes.insert(place, (answer, chosen.changed > 0));
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
