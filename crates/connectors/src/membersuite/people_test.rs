use proptest::prelude::*;
use rialto_core::consent::Flag;

use super::*;

fn person(id: u32) -> RemotePerson {
    // Every 50th row has no readable key.
    let remote_id = (!id.is_multiple_of(50)).then(|| format!("id-{id}"));
    RemotePerson { remote_id, address: None, flag: Flag::Yes, cells: Vec::new() }
}

/// What a search finds, and what happens to it between the pages.
struct Remote {
    found: Vec<u32>,
    next: u32,
}

impl Remote {
    fn page(&self, from: u64, most: usize) -> (Vec<RemotePerson>, Option<u64>) {
        let rows = self.found.iter().skip(from as usize).take(most).map(|id| person(*id)).collect();
        (rows, Some(self.found.len() as u64))
    }

    fn leave(&mut self, at: usize) {
        if !self.found.is_empty() {
            self.found.remove(at % self.found.len());
        }
    }

    fn join(&mut self, at: usize) {
        self.next += 1;
        self.found.insert(at % (self.found.len() + 1), self.next);
    }
}

/// Reads to the end; before each page something happens.
fn read(remote: &mut Remote, most: usize, mut meanwhile: impl FnMut(&mut Remote, u64)) -> Result<Vec<RemotePerson>, ConnectorError> {
    let mut course = Course::new(most, None);
    let mut all = Vec::new();
    loop {
        course.ask()?;
        let (rows, total) = remote.page(course.from, most);
        let count = rows.len();
        let step = course.take(rows, count, total)?;
        all.extend(step.rows);
        if step.end {
            return Ok(all);
        }
        meanwhile(remote, course.from);
    }
}

fn ids(people: &[RemotePerson]) -> HashSet<String> {
    people.iter().filter_map(|p| p.remote_id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_that_keeps_still_is_read_once_and_whole(people in 0u32..400, most in 2usize..90) {
        let mut remote = Remote { found: (1..=people).collect(), next: people };
        let truth: Vec<_> = remote.found.iter().map(|id| person(*id)).collect();
        prop_assert_eq!(read(&mut remote, most, |_, _| {}).unwrap(), truth);
    }

    /// Whoever is found from the beginning to the end is read, whatever others do: the numbers of rows alone would miss some.
    #[test]
    fn nobody_who_stays_is_missed_when_others_leave_and_join(
        people in 1u32..300,
        most in 10usize..60,
        moves in prop::collection::vec((any::<bool>(), 0usize..400), 0..60),
    ) {
        let mut remote = Remote { found: (1..=people).filter(|id: &u32| !id.is_multiple_of(50)).collect(), next: 10_001 };
        let before: HashSet<String> = ids(&remote.page(0, 1_000).0);
        let mut moves = moves.into_iter();
        let read = read(&mut remote, most, |remote, _| {
            for (leaves, at) in moves.by_ref().take(4) {
                if leaves { remote.leave(at) } else { remote.join(at) }
            }
        });
        if let Ok(read) = read {
            let after = ids(&remote.page(0, 1_000).0);
            let stayed: HashSet<_> = before.intersection(&after).cloned().collect();
            prop_assert!(stayed.is_subset(&ids(&read)), "{:?}", stayed.difference(&ids(&read)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_service_that_ignores_the_start_or_deals_out_people_one_by_one_is_left() {
    let mut course = Course::new(10, None);
    let page: Vec<_> = (1..=10).map(person).collect();
    assert!(!course.take(page.clone(), 10, Some(1_000)).unwrap().end);
    assert!(course.take(page, 10, Some(1_000)).unwrap_err().to_string().contains("startRecord"));
    let mut course = Course::new(400, Some(1_000_000));
    let mut id = 1;
    let error = loop {
        if let Err(error) = course.ask() {
            break error;
        }
        id += 1;
        let rows = vec![person(id * 50 + 1), person(id * 50 + 51)];
        course.take(rows, 2, Some(1_000_000)).unwrap();
    };
    assert!(error.to_string().contains("far fewer rows") && id < 200, "{error} {id}");
}

#[test]
fn a_search_that_never_ends_is_left() {
    let mut course = Course::new(400, Some(10));
    let mut id = 0;
    let error = loop {
        course.ask().unwrap();
        let from = id;
        id += 399;
        let rows = (from..=id).map(|id| person(id * 50 + 1)).collect();
        if let Err(error) = course.take(rows, 400, None) {
            break error;
        }
    };
    assert!(error.to_string().contains("more than 100020 people"), "{error}");
}

#[test]
fn an_empty_answer_to_a_search_that_announces_people_is_an_error() {
    assert!(Course::new(400, None).take(Vec::new(), 0, Some(7)).unwrap_err().to_string().contains("7 were announced"));
    assert_eq!(Course::new(400, None).take(Vec::new(), 0, Some(0)).unwrap(), Step { rows: Vec::new(), end: true });
}
