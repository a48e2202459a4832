//! At least once, in order, whatever the receiver answers.

use std::time::Duration;

use rialto_sandbox::loyalty::{Options, Refused, Sandbox, Target};
use serde_json::json;

use super::inbox::{Inbox, delivered, publishing};
use super::model::Model;

const ONE: &str = "LOY-000001";

#[tokio::test]
async fn singles_and_batches_have_their_content_type_and_the_token() {
    let (running, inbox) = publishing(20, 1).await;
    running.sandbox.earn(ONE, 5).unwrap();
    delivered(&running.sandbox).await;
    let sent = inbox.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].content_type.as_str(), sent[0].token.as_str()), ("application/cloudevents+json", "Bearer rialto_secret"));
    assert_eq!(sent[0].body, &*running.sandbox.published()[0].text);
    running.sandbox.set_target(Some(inbox.target(4))).unwrap();
    running.sandbox.burst(10).unwrap();
    delivered(&running.sandbox).await;
    let sent = &inbox.sent()[1..];
    assert_eq!(sent.iter().map(|sent| sent.events().len()).collect::<Vec<_>>(), [4, 4, 2]);
    assert!(sent.iter().all(|sent| sent.content_type == "application/cloudevents-batch+json"));
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_in_order_and_nothing_is_lost() {
    let (running, inbox) = publishing(50, 3).await;
    inbox.answer(&[503, 500, 202, 429, 401, 202, 503]);
    for _ in 0..30 {
        running.sandbox.burst(1).unwrap();
    }
    delivered(&running.sandbox).await;
    let published: Vec<String> = running.sandbox.published().iter().map(|event| event.id.clone()).collect();
    let taken: Vec<String> = inbox.taken().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(taken, published);
    assert_eq!(inbox.sent().iter().filter(|sent| sent.status != 202).count(), 5);
    let stream = running.sandbox.stream();
    assert_eq!((stream.published, stream.acknowledged, stream.waiting, stream.waiting_bytes), (30, 30, 0, 0));
    let mut model = Model::default();
    inbox.taken().iter().for_each(|event| model.take(event));
    model.assert_as_expected_by(&running.sandbox);
}

#[tokio::test]
async fn a_receiver_that_is_not_there_gets_it_all_when_it_comes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/in/events", listener.local_addr().unwrap());
    drop(listener);
    let sandbox = Sandbox::new(Options { people: 5, ..Options::default() });
    sandbox.set_target(Some(Target::Http { address, token: "t".into(), batch: 10 })).unwrap();
    sandbox.burst(7).unwrap();
    assert!(!sandbox.delivered(Duration::from_millis(200)).await);
    assert!(sandbox.stream().answers[0].words.contains("did not answer"), "{:?}", sandbox.stream().answers);
    let inbox = Inbox::start().await;
    sandbox.set_target(Some(inbox.target(10))).unwrap();
    delivered(&sandbox).await;
    assert_eq!(inbox.taken().len(), 7);
}

#[tokio::test]
async fn without_a_target_nothing_waits() {
    let (running, inbox) = publishing(5, 1).await;
    running.sandbox.set_target(None).unwrap();
    running.sandbox.earn(ONE, 5).unwrap();
    assert_eq!((running.sandbox.stream().waiting, running.sandbox.published().len()), (0, 1));
    running.sandbox.set_target(Some(inbox.target(500))).unwrap();
    running.sandbox.send_all().await.unwrap();
    delivered(&running.sandbox).await;
    assert_eq!(inbox.taken().len(), 5);
}

#[tokio::test]
async fn targets_are_of_this_machine_and_tokens_are_not_told() {
    let sandbox = Sandbox::new(Options { people: 5, ..Options::default() });
    let http = |address: &str, batch| Target::Http { address: address.into(), token: "rialto_secret".into(), batch };
    for target in [http("http://10.0.0.1/events", 1), http("http://127.0.0.1:1/events", 0), http("http://127.0.0.1:1/events", 501)] {
        assert!(matches!(sandbox.set_target(Some(target)), Err(Refused::Target(_))));
    }
    assert_eq!(sandbox.target(), None);
    sandbox.set_target(Some(http("http://127.0.0.1:1/events", 1))).unwrap();
    assert!(!json!(sandbox.target()).to_string().contains("rialto_secret"));
}

#[tokio::test]
async fn a_sandbox_that_is_gone_sends_nothing_more() {
    let (running, inbox) = publishing(5, 1).await;
    inbox.answer(&[503; 1_000]);
    running.sandbox.burst(3).unwrap();
    drop(running);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sent = inbox.sent().len();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(inbox.sent().len(), sent);
}
