//! Random histories: edits of the remote, faults and syncs in any order; the invariants hold after each step.

use std::collections::BTreeSet;

use rialto_sandbox::{Fault, FaultRule, Who};

use crate::support::{World, first, worlds};

/// A repeatable sequence of numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

async fn edit(w: &World, dice: &mut Dice) {
    let sandbox = &w.sandbox.sandbox;
    let people = w.remote("NEWSLETTER");
    let some = || first(&people.iter().skip(7).cloned().collect(), 4);
    match dice.roll(7) {
        0 => {
            sandbox.remove_from_list("NEWSLETTER", &Who::First(1 + dice.roll(60)));
        }
        1 => {
            let outside: BTreeSet<String> = w.remote("ALL_MEMBERS").difference(&people).cloned().collect();
            sandbox.add_to_list("NEWSLETTER", &Who::Ids(first(&outside, 1 + dice.roll(8) as usize)));
        }
        2 => some().iter().for_each(|(m, s)| {
            sandbox.set_allow_solicitation(m, *s, false);
        }),
        3 => some().iter().for_each(|(m, s)| {
            sandbox.set_allow_email(m, *s, true);
        }),
        4 => some().iter().for_each(|(m, s)| {
            sandbox.set_email(m, *s, Some("shared@home.example"));
        }),
        5 => w.unsubscribe(&format!("{}-{}", some()[0].0, some()[0].1)).await,
        _ => sandbox.inject(
            FaultRule::always(
                [Fault::TruncatedPayload, Fault::EmptyList, Fault::WrongTotal { delta: 1 }, Fault::DuplicateRows][dice.roll(4) as usize]
                    .clone(),
            )
            .after(dice.roll(4)),
        ),
    }
}

#[tokio::test]
async fn any_history_keeps_books_consent_and_membership_honest() {
    for seed in [3, 11, 29] {
        for w in worlds(240).await {
            let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
            w.sync("NEWSLETTER").await;
            for _ in 0..12 {
                edit(&w, &mut dice).await;
                let before = w.members("NEWSLETTER").await;
                let run = w.sync("NEWSLETTER").await;
                w.sandbox.sandbox.clear_faults();
                let after = w.members("NEWSLETTER").await;
                if run.state != "failed" {
                    w.waterfall("NEWSLETTER").await;
                }
                let context = format!("{} seed {seed}: {} {}", w.name, run.state, run.reason);
                match run.state.as_str() {
                    "succeeded" => assert_eq!(after, w.remote("NEWSLETTER"), "{context}"),
                    _ => assert!(after.is_superset(&before), "only a complete read removes; {context}"),
                }
                if run.state == "held" && dice.roll(2) == 0 {
                    let approval = w.approve(&run).await;
                    assert_eq!(approval.state, "succeeded", "{context}: {}", approval.reason);
                    assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"), "{context}");
                }
            }
            let last = w.sync("NEWSLETTER").await;
            assert!(["succeeded", "held"].contains(&last.state.as_str()), "{}", last.reason);
            // Every no of the remote is a no here; a person who left keeps theirs.
            assert!(w.flagged().await.is_superset(&w.remote_no("NEWSLETTER")), "{} seed {seed}", w.name);
        }
    }
}
