//! Invented people.

use std::collections::HashSet;

use rialto_sandbox::{Options, Sandbox};

#[test]
fn people_follow_from_the_seed_and_have_the_expected_shares() {
    let sandbox = |seed| Sandbox::new(Options { people: 20_000, seed, ..Options::default() });
    let people = sandbox(7).list_members("ALL_MEMBERS");
    assert_eq!(people, sandbox(7).list_members("ALL_MEMBERS"));
    assert_ne!(people, sandbox(8).list_members("ALL_MEMBERS"));
    let share = |count: usize| count as f64 / people.len() as f64;
    let none = share(people.iter().filter(|p| p.email.is_none()).count());
    assert!((0.02..0.04).contains(&none), "{none}");
    let no = share(people.iter().filter(|p| !p.allow_email).count());
    assert!((0.07..0.09).contains(&no), "{no}");
    assert!(people.iter().all(|p| p.allow_solicitation || !p.allow_email));
    assert!(people.iter().any(|p| p.sub_customer_id == 1));
    let emails: Vec<&String> = people.iter().filter_map(|p| p.email.as_ref()).collect();
    assert!(emails.iter().all(|email| email.ends_with(".example")));
    let distinct: HashSet<_> = emails.iter().collect();
    let shared = share(emails.len() - distinct.len());
    assert!((0.005..0.02).contains(&shared), "{shared}");
}

#[test]
fn solicitation_off_implies_email_off() {
    let sandbox = Sandbox::new(Options::default());
    let (master, sub) = sandbox.ids(5);
    sandbox.set_allow_email(&master, sub, true).unwrap();
    let person = sandbox.set_allow_solicitation(&master, sub, false).unwrap();
    assert!(!person.allow_email && !person.allow_solicitation);
    assert_eq!(sandbox.person(&master, sub).unwrap(), person);
    assert!(sandbox.set_allow_email("000000000000", 0, true).is_none());
}
