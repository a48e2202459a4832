//! To NATS JetStream, and read back from there. The server is the one of `RIALTO_TEST_NATS`, which `scripts/nats.sh` starts.

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use rialto_sandbox::loyalty::{Options, Poison, Sandbox, Target, UNITS};
use serde_json::Value;

use super::inbox::delivered;
use super::model::Model;

const STREAM: &str = "RIALTO_SANDBOX_TEST";

fn address() -> String {
    std::env::var("RIALTO_TEST_NATS").expect(
        "RIALTO_TEST_NATS must name a NATS server with JetStream, such as nats://127.0.0.1:4222: `make test` starts a private one, \
         as does `nats_start` of scripts/nats.sh",
    )
}

struct Kept {
    subject: String,
    headers: HeaderMap,
    event: Option<Value>,
}

/// All messages of the stream, in order.
async fn kept(context: &Context) -> Vec<Kept> {
    let mut stream = context.get_stream(STREAM).await.unwrap();
    let last = stream.info().await.unwrap().state.last_sequence;
    let mut kept = Vec::new();
    for number in 1..=last {
        let message = stream.get_raw_message(number).await.unwrap();
        kept.push(Kept {
            subject: message.subject.to_string(),
            event: serde_json::from_slice(&message.payload).ok(),
            headers: message.headers,
        });
    }
    kept
}

#[tokio::test]
async fn events_are_kept_in_the_stream_in_order_under_their_ids() {
    let address = address();
    let context = jetstream::new(async_nats::connect(&address).await.unwrap());
    // What a run before has left there; the first one leaves nothing.
    let _ = context.delete_stream(STREAM).await;
    let sandbox = Sandbox::new(Options { people: 40, ..Options::default() });
    let target = Target::Nats { address, token: String::new(), stream: Some(STREAM.to_owned()), batch: 16 };
    sandbox.set_target(Some(target)).unwrap();
    sandbox.burst(100).unwrap();
    sandbox.delete_member("LOY-000001").unwrap();
    sandbox.poison(None, Poison::NotJson).unwrap();
    // Larger than the server takes: refused for good, and what comes after it is not held up.
    sandbox.poison(None, Poison::HugeBody).unwrap();
    sandbox.reorder(Some("LOY-000002")).unwrap();
    sandbox.duplicate(Some("LOY-000003"), 3).unwrap();
    delivered(&sandbox).await;
    let stream = sandbox.stream();
    assert_eq!((stream.refused, stream.acknowledged), (1, 107), "{:?}", stream.answers);

    let kept = kept(&context).await;
    context.delete_stream(STREAM).await.unwrap();
    let mut published: Vec<String> = sandbox.published().iter().filter(|e| e.text.len() < 1 << 20).map(|e| e.id.clone()).collect();
    // The server knows the copies again by their id.
    published.dedup();
    let ids: Vec<&str> = kept.iter().map(|kept| kept.headers.get("Nats-Msg-Id").unwrap().as_str()).collect();
    assert_eq!(ids, published);
    let mut model = Model::default();
    for kept in &kept {
        let Some(event) = &kept.event else { continue };
        let unit = if event["source"] == UNITS[0] { "loyalty.north" } else { "loyalty.south" };
        assert_eq!((kept.subject.as_str(), event["source"].is_string()), (unit, true));
        model.take(event);
    }
    model.assert_as_expected_by(&sandbox);
}

#[tokio::test]
async fn a_broker_that_is_not_there_keeps_events_waiting() {
    let sandbox = Sandbox::new(Options { people: 5, ..Options::default() });
    let target = |address: String| Target::Nats { address, token: String::new(), stream: None, batch: 1 };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("nats://{}", listener.local_addr().unwrap());
    drop(listener);
    sandbox.set_target(Some(target(nobody))).unwrap();
    sandbox.burst(2).unwrap();
    assert!(!sandbox.delivered(std::time::Duration::from_millis(500)).await);
    let stream = sandbox.stream();
    assert_eq!(stream.waiting, 2);
    assert!(stream.answers[0].words.starts_with("NATS is not there"), "{:?}", stream.answers);
}
