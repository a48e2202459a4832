//! One request, and what its answer means.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rialto_connectors::{Acknowledged, Connector, ConnectorError, Delivery, DeliveryError};
use rialto_core::consent::Flag;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{What, WritebackKind, marker, retries_by_itself};
use rialto_core::{Clock, Instant};
use rialto_store::writebacks::{Answer, Claimed, Outcome};
use tokio::time::Instant as At;

/// What an answer says about the destination as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It may be away. The remote itself may have said when to come back.
    Away { retry_after: Option<Duration> },
    /// Its set-up lacks something for this kind.
    SetUp { kind: WritebackKind, missing: String },
}

/// What is told with every message, and how long one may take.
#[derive(Clone)]
pub(super) struct Terms {
    pub account: String,
    pub limit: Duration,
    pub clock: Clock,
}

/// Delivers a claimed writeback. `cutoff`: of the cycle it goes out in; the next try belongs to a later one. `ends`: when it is given up.
pub(super) async fn deliver(connector: &dyn Connector, c: &Claimed, cutoff: Instant, ends: At, terms: &Terms) -> (Answer, Option<Doubt>) {
    let started_at = terms.clock.now();
    let result = request(connector, c, ends, terms).await;
    let at = terms.clock.now();
    let (outcome, said, doubt) = match result {
        Ok((acknowledged, flag)) => {
            let found_there = acknowledged == Acknowledged::FoundThere;
            (Outcome::Sent { found_there, flag }, shows(acknowledged), None)
        }
        Err(error) => failed(c, error, at, cutoff),
    };
    metrics::counter!("rialto_writebacks_total", "outcome" => label(&outcome)).increment(1);
    (answer(c, outcome, said, started_at, at), doubt)
}

/// What an acknowledgement says.
fn shows(acknowledged: Acknowledged) -> String {
    match acknowledged {
        Acknowledged::Written => "The remote shows it.".to_owned(),
        Acknowledged::FoundThere => "An earlier try had arrived: it stands there.".to_owned(),
        Acknowledged::Cut { values } => {
            metrics::counter!("rialto_writeback_values_cut_total").increment(u64::from(values));
            format!("The remote shows it. Values longer than their columns there, and cut: {values}.")
        }
    }
}

/// The answer to a claim, whatever it is.
pub(super) fn answer(c: &Claimed, outcome: Outcome, said: String, started_at: Instant, at: Instant) -> Answer {
    let (id, fence, bridge_id, subscriber_id) = (c.id, c.fence, c.bridge_id, c.subscriber_id);
    Answer { id, fence, bridge_id, subscriber_id, outcome, said, started_at, at, asked_by: c.asked_by.clone() }
}

enum Failure {
    /// Stored text that cannot be read: no request was made.
    Unreadable(String),
    Delivery(DeliveryError),
}

/// The work's result, unless its time is over. That is looked at before each step: a process that stood still may find an answer waiting
/// for it, and must not send its next request when others have sent all of them since (docs/adr/0100).
async fn before<T>(ends: At, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut over) = (pin!(work), pin!(tokio::time::sleep_until(ends)));
    poll_fn(|cx| {
        if At::now() >= ends {
            return Poll::Ready(None);
        }
        match work.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => over.as_mut().poll(cx).map(|()| None),
        }
    })
    .await
}

async fn request(connector: &dyn Connector, c: &Claimed, ends: At, terms: &Terms) -> Result<(Acknowledged, Option<Flag>), Failure> {
    let mut message = c.read_message().map_err(|e| Failure::Unreadable(e.to_string()))?;
    message.account.clone_from(&terms.account);
    // Looked up again at the claim: no "yes" over the remote's own no.
    if let What::Resubscribe { say_yes } = &mut message.what {
        *say_yes = c.remote_flag_run == 0;
    }
    let marker = marker(PublicId::new(Kind::Writeback, Instant(c.created_at), c.id));
    let again = c.maybe_there || c.tries > 1;
    let delivery = Delivery { marker: &marker, remote_id: &c.remote_id, message: &message, again };
    let answered = before(ends, connector.deliver(delivery)).await.unwrap_or_else(|| {
        let detail = format!("no answer within {} seconds", terms.limit.as_secs_f32());
        Err(DeliveryError::Failed(ConnectorError::Transient { detail }))
    });
    answered.map(|acknowledged| (acknowledged, message.flag())).map_err(Failure::Delivery)
}

fn failed(c: &Claimed, failure: Failure, at: Instant, cutoff: Instant) -> (Outcome, String, Option<Doubt>) {
    let later = Instant(at.0.max(cutoff.0.saturating_add(1)));
    let next_at = retries_by_itself(c.tries, !c.asked_by.is_empty()).then_some(later);
    match failure {
        Failure::Unreadable(detail) => (Outcome::Error { next_at: None, maybe_there: false }, detail, None),
        Failure::Delivery(DeliveryError::SetUp { missing }) => {
            let doubt = WritebackKind::from_name(&c.kind).map(|kind| Doubt::SetUp { kind, missing: missing.clone() });
            (Outcome::Held, missing, doubt)
        }
        Failure::Delivery(error @ DeliveryError::Refused { .. }) => {
            (Outcome::Error { next_at, maybe_there: false }, crate::worker::sentence(&error.to_string()), None)
        }
        Failure::Delivery(DeliveryError::Failed(error)) => {
            let said = format!("{} {}", crate::worker::sentence(&error.to_string()), error.advice());
            (Outcome::Error { next_at, maybe_there: true }, said, doubt(&error))
        }
    }
}

/// Whether the error may be the destination's, rather than the message's.
fn doubt(error: &ConnectorError) -> Option<Doubt> {
    match error {
        ConnectorError::Limited { retry_after } => Some(Doubt::Away { retry_after: *retry_after }),
        ConnectorError::Auth { .. } | ConnectorError::Transient { .. } | ConnectorError::Blocked { .. } => {
            Some(Doubt::Away { retry_after: None })
        }
        ConnectorError::Rejected { .. } | ConnectorError::Protocol { .. } => None,
    }
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { found_there: true, .. } => "found_there",
        Outcome::Sent { .. } => "sent",
        Outcome::Error { .. } => "error",
        Outcome::Held => "held",
        Outcome::Untouched => "untouched",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_step_is_taken_when_the_time_is_over_even_if_one_could_be() {
        let start = At::now();
        assert_eq!(before(start + Duration::from_secs(5), async { 1 }).await, Some(1));
        assert_eq!(before(start + Duration::from_secs(5), std::future::pending::<()>()).await, None);
        assert_eq!(At::now() - start, Duration::from_secs(5));
        let (answer, answered) = tokio::sync::oneshot::channel();
        let sent = std::cell::Cell::new(false);
        let work = before(At::now() + Duration::from_secs(5), async {
            let _ = answered.await;
            sent.set(true);
        });
        let mut work = pin!(work);
        assert!(futures::poll!(work.as_mut()).is_pending());
        // It stands still, and the answer comes meanwhile.
        tokio::time::advance(Duration::from_secs(60)).await;
        answer.send(()).unwrap();
        assert_eq!(work.await, None);
        assert!(!sent.get(), "the next request was sent");
    }
}
