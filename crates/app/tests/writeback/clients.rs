//! People who press the links of their mails, one act after another each, and what they heard: the history outside of the product.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::house::{House, Person};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Unsubscribe,
    Resubscribe,
}

impl Act {
    pub fn other(self) -> Self {
        match self {
            Act::Unsubscribe => Act::Resubscribe,
            Act::Resubscribe => Act::Unsubscribe,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A success: it is done, whatever happens now.
    Done,
    /// 503 with the time to come back: it may be done or not.
    Later,
    /// The connection broke: nobody knows.
    Nothing,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub person: i64,
    pub act: Act,
    pub heard: Heard,
    /// From the beginning of the history.
    pub at: Duration,
    pub took: Duration,
}

/// Requests; those of one person in the order in which they were made.
pub type History = Vec<Asked>;

/// One request of a person. Any answer but a success and "come back later" fails the test.
pub async fn ask(house: &House, port: u16, person: &Person, act: Act, one_click: bool) -> Heard {
    let body = match (act, one_click) {
        (Act::Unsubscribe, true) => "List-Unsubscribe=One-Click",
        (Act::Unsubscribe, false) => "act=unsubscribe&reason=too_often&words=every+day",
        (Act::Resubscribe, _) => "act=resubscribe",
    };
    let url = format!("http://127.0.0.1:{port}{}", person.link);
    let request = house.http().post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let Ok(answer) = request.send().await else { return Heard::Nothing };
    let status = answer.status().as_u16();
    let later = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    match (status, later) {
        (200, _) => Heard::Done,
        (503, Some(1..)) => Heard::Later,
        _ => panic!("{}: {act:?} was answered with {status}, Retry-After {later:?}", house.name),
    }
}

/// Where processes listen now.
#[derive(Clone)]
pub struct Ports(Arc<[AtomicU16]>);

impl Ports {
    pub fn new(ports: &[u16]) -> Self {
        Self(ports.iter().map(|p| AtomicU16::new(*p)).collect())
    }

    pub fn set(&self, port: u16) {
        self.0[0].store(port, Ordering::SeqCst);
    }

    fn pick(&self, dice: &mut Dice) -> u16 {
        dice.pick(&self.0).load(Ordering::SeqCst)
    }
}

/// How people behave.
#[derive(Clone)]
pub struct Habits {
    /// Between two requests of one client.
    pub pause: Duration,
    /// Acts after which a person has had enough.
    pub each: usize,
}

pub struct Clients {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<History>>,
    acknowledged: Arc<AtomicUsize>,
}

impl Clients {
    /// Splits the people among `number` clients.
    pub fn start(house: &Arc<House>, ports: &Ports, people: &[Person], number: usize, habits: &Habits, seed: u64) -> Self {
        let (stop, acknowledged) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        let tasks = (0..number).map(|n| {
            let client = Client {
                house: house.clone(),
                ports: ports.clone(),
                people: people.iter().skip(n).step_by(number).map(|p| (p.clone(), None, 0)).collect(),
                habits: habits.clone(),
                dice: Dice::new(seed.wrapping_mul(1_000).wrapping_add(n as u64)),
                stop: stop.clone(),
                acknowledged: acknowledged.clone(),
                began,
                history: Vec::new(),
            };
            tokio::spawn(client.live())
        });
        Self { tasks: tasks.collect(), stop, acknowledged }
    }

    /// How many acts were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// True when everybody has had enough.
    pub fn are_done(&self) -> bool {
        self.tasks.iter().all(JoinHandle::is_finished)
    }

    /// Lets everybody hear the answer they wait for, and ends.
    pub async fn end(self) -> History {
        self.stop.cancel();
        let mut history = Vec::new();
        for task in self.tasks {
            history.extend(task.await.unwrap());
        }
        history
    }
}

struct Client {
    house: Arc<House>,
    ports: Ports,
    /// With what they asked for last, and how often they acted.
    people: Vec<(Person, Option<Act>, usize)>,
    habits: Habits,
    dice: Dice,
    stop: CancellationToken,
    acknowledged: Arc<AtomicUsize>,
    began: Instant,
    history: History,
}

impl Client {
    async fn live(mut self) -> History {
        while !self.stop.is_cancelled() && !self.people.is_empty() {
            let at = self.dice.below(self.people.len() as u64) as usize;
            let (person, last, acts) = self.people[at].clone();
            // Mostly what changes something.
            let act = match last {
                Some(last) if self.dice.one_in(8) => last,
                Some(last) => last.other(),
                None => Act::Unsubscribe,
            };
            self.insist(&person, act).await;
            self.people[at] = (person, Some(act), acts + 1);
            if acts + 1 >= self.habits.each {
                self.people.swap_remove(at);
            }
            tokio::time::sleep(self.habits.pause).await;
        }
        self.history
    }

    /// Asks until it is done, or gives up.
    async fn insist(&mut self, person: &Person, act: Act) {
        loop {
            let (port, one_click) = (self.ports.pick(&mut self.dice), self.dice.one_in(2));
            let at = Instant::now();
            let heard = ask(&self.house, port, person, act, one_click).await;
            self.history.push(Asked { person: person.id, act, heard, at: at - self.began, took: at.elapsed() });
            if heard == Heard::Done {
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                return;
            }
            if self.dice.one_in(4) || self.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}
