//! Segments (`docs/adr/0152`): who is in one is asked by one statement. When something that it asks about has changed, or another day has
//! come, it is asked again; a run is made only where other people are found.

use rialto_core::Instant;
use rialto_core::run::Trigger;
use rialto_core::segment::Today;
use rialto_store::segments::{self, Context, Due, Kept, Looked};
use rialto_store::{Actor, StoreError, compound, membership};
use roaring::RoaringTreemap;

use crate::Parts;
use crate::compound::settle;

/// A segment with what it speaks of, ready to be asked.
pub(crate) struct Question {
    kept: Kept,
    context: Context,
}

/// Who is in a segment, and the state of what it was asked about.
pub(crate) struct Answer {
    pub(crate) people: RoaringTreemap,
    state: Looked,
    took_ms: i64,
}

impl Question {
    /// The segment behind a group; `None` for groups of other kinds.
    pub(crate) async fn of(parts: &Parts, group_id: i64) -> Result<Option<Self>, StoreError> {
        let Some(kept) = segments::get(parts.db.read(), group_id).await? else { return Ok(None) };
        let context = Context::load(parts.db.read(), today(parts)).await?;
        Ok(Some(Self { kept, context }))
    }

    /// Why it cannot be asked now, as sentences; empty for nothing.
    pub(crate) fn blocked_by(&self, made_of: &[compound::Part]) -> String {
        let mut why: Vec<String> = self.context.check(&self.kept.segment).into_iter().map(|fault| fault.message).collect();
        why.extend(Some(compound::blocked_by(made_of)).filter(|told| !told.is_empty()));
        why.join(" ")
    }

    pub(crate) async fn ask(&self, parts: &Parts) -> Result<Answer, StoreError> {
        let began = tokio::time::Instant::now();
        let Kept { group_id, revision, segment, .. } = &self.kept;
        let state = segments::state_of(parts.db.read(), *group_id, *revision, segment, &self.context.today).await?;
        let people = segments::ids(&parts.db, segment, &self.context).await?;
        Ok(Answer { people, state, took_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX) })
    }
}

impl Answer {
    /// Notes that the group's members are those of this answer.
    pub(crate) async fn keep(&self, parts: &Parts, group_id: i64, data_as_of: Option<Instant>) -> Result<(), StoreError> {
        let mut tx = parts.db.write().await?;
        segments::looked(&mut tx, group_id, &self.state, self.took_ms, parts.clock.now(), data_as_of).await?;
        compound::set_blocked(&mut tx, group_id, "").await?;
        tx.commit().await
    }
}

/// Today where the account is.
fn today(parts: &Parts) -> Today {
    Today::in_zone(parts.clock.now(), &parts.settings.usual.timezone)
}

/// No younger than the oldest of its parts' own data; unknown when one of them is.
pub(crate) fn data_as_of(parts: &Parts, made_of: &[compound::Part]) -> Option<Instant> {
    let now = parts.clock.now();
    if made_of.is_empty() { Some(now) } else { settle::data_as_of(made_of).map(|oldest| oldest.min(now)) }
}

/// Asks one segment that is due. False when none is.
pub(crate) async fn follow(parts: &Parts) -> Result<bool, StoreError> {
    let Some(due) = segments::due(parts.db.read(), parts.clock.now()).await? else { return Ok(false) };
    let mut tx = parts.db.write().await?;
    let mine = segments::take(&mut tx, due, parts.clock.now()).await?;
    tx.commit().await?;
    if mine {
        look(parts, due).await?;
    }
    Ok(true)
}

async fn look(parts: &Parts, due: Due) -> Result<(), StoreError> {
    let group_id = due.group_id;
    let Some(question) = Question::of(parts, group_id).await? else { return Ok(()) };
    let made_of = compound::parts(parts.db.read(), group_id).await?;
    let why = question.blocked_by(&made_of);
    if !why.is_empty() {
        let mut tx = parts.db.write().await?;
        compound::set_blocked(&mut tx, group_id, &why).await?;
        return tx.commit().await;
    }
    let answer = question.ask(parts).await?;
    if answer.people == membership::members(&parts.db, group_id).await? {
        return answer.keep(parts, group_id, data_as_of(parts, &made_of)).await;
    }
    let trigger = if due.by_the_day { Trigger::Overnight } else { Trigger::Api };
    let who = Actor { name: "rialto".into(), request_id: String::new(), at: parts.clock.now() };
    let mut tx = parts.db.write().await?;
    match compound::ask(&mut tx, group_id, trigger, false, &who).await {
        Ok(_) => tx.commit().await,
        // Somebody asked for a run of it meanwhile.
        Err(StoreError::Conflict(_)) => Ok(()),
        Err(e) if e.is_unique_violation() => Ok(()),
        Err(e) => Err(e),
    }
}
