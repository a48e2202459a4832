//! Running the jobs: by hand, or because the sandbox's clock has passed an occurrence.
//!
//! Nothing waits for the clock: whoever looks at the sandbox or changes it first has the runs carried out that were due
//! until then. Since nothing else changes what the sandbox holds, this is what a scheduler at the very moment would have done.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::board::Order;
use super::{Frequency, Job, JobError, JobRun, LogLine, NewJob, Outcome, Process};
use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::State;

/// Most lines of one run's log.
const MOST_LINES: usize = 1_000;

impl Sandbox {
    /// Schedules a job. Its lists must exist, and a list named for MKT600 must have the set-up code as its frequency.
    pub fn add_job(&self, new: NewJob) -> Result<Job, JobError> {
        let now = self.now();
        let mut state = self.write();
        check(&state, &new.process)?;
        let job = state.board.add(new, now)?;
        self.watch(&state);
        Ok(job)
    }

    /// The scheduled jobs, in order of their numbers.
    pub fn jobs(&self) -> Vec<Job> {
        self.read().board.jobs()
    }

    /// Removes a job from the schedule; its runs stay in the history.
    pub fn delete_job(&self, id: u64) -> bool {
        let mut state = self.write();
        let removed = state.board.remove(id);
        self.watch(&state);
        removed
    }

    /// Runs a scheduled job now; its next occurrence stays.
    pub fn run_job(&self, id: u64) -> Option<JobRun> {
        let process = self.read().board.job(id)?.process.clone();
        Some(self.carry_out(Order { job: Some(id), process, scheduled: false, at: self.now(), missed: 0 }))
    }

    /// Runs MKT510 or MKT600 now, without a schedule. What does not fit is refused in the log.
    pub fn run_process(&self, process: Process) -> JobRun {
        self.settle();
        self.carry_out(Order { job: None, process, scheduled: false, at: self.now(), missed: 0 })
    }

    /// The last 200 runs, latest first.
    pub fn job_runs(&self) -> Vec<JobRun> {
        self.read().board.runs().cloned().collect()
    }

    /// One of the runs kept.
    pub fn job_run(&self, id: u64) -> Option<JobRun> {
        self.read().board.runs().find(|run| run.id == id).cloned()
    }

    /// Notes when the next job is due, so that looking at the sandbox costs nothing until then.
    fn watch(&self, state: &State) {
        let next = state.board.next().map_or(i64::MAX, |next| next.as_microsecond());
        self.inner.next_due.store(next, Ordering::Release);
    }

    /// Carries out the runs that the clock has passed.
    pub(crate) fn settle(&self) {
        if self.inner.next_due.load(Ordering::Acquire) == i64::MAX {
            return;
        }
        let now = self.now();
        while self.inner.next_due.load(Ordering::Acquire) <= now.as_microsecond() {
            let mut state = self.lock_write();
            let order = state.board.claim(now);
            self.watch(&state);
            drop(state);
            match order {
                Some(order) => self.carry_out(order),
                None => return,
            };
        }
    }

    /// Each list is locked for itself, so that runs at the same time share the work list by list.
    fn carry_out(&self, order: Order) -> JobRun {
        let mut log = Vec::new();
        if order.missed > 0 {
            log.push(note(format!("{} earlier occurrences were passed over: the members would have been the same.", order.missed)));
        }
        match &order.process {
            Process::Mkt510 { list_code } => log.push(mkt510(&mut self.lock_write(), list_code, order.at)),
            Process::Mkt600 { setup_code: Frequency::Never, list_code } => {
                let text = JobError::NeverRuns.to_string();
                log.push(LogLine { list: list_code.clone(), outcome: Outcome::Refused, members: None, text });
            }
            Process::Mkt600 { setup_code, list_code } => {
                let codes = mkt600_lists(&self.lock_read(), *setup_code, list_code.as_deref());
                log.extend(codes.iter().map(|code| mkt600(&mut self.lock_write(), code, *setup_code, order.at)));
                if codes.is_empty() {
                    log.push(note(format!("No list has the frequency {setup_code} or ALWAYS.")));
                }
            }
        }
        let count = |wanted: &[Outcome]| log.iter().filter(|line| wanted.contains(&line.outcome)).count() as u64;
        let (regenerated, left) = (count(&[Outcome::Created, Outcome::Regenerated]), count(&[Outcome::Skipped, Outcome::Refused]));
        log.truncate(MOST_LINES);
        let Order { job, process, scheduled, at: started, .. } = order;
        self.lock_write().board.keep(JobRun { id: 0, job, process, scheduled, started, regenerated, left, log })
    }
}

fn check(state: &State, process: &Process) -> Result<(), JobError> {
    if process.setup_code() == Some(Frequency::Never) {
        return Err(JobError::NeverRuns);
    }
    let Some(code) = process.list_code() else {
        return Ok(());
    };
    let list = state.lists.get(code).ok_or_else(|| JobError::NoList(code.chars().take(24).collect()))?;
    match process.setup_code() {
        Some(setup_code) if !matches(list.frequency, setup_code) => {
            Err(JobError::OtherFrequency { list: code.to_owned(), frequency: list.frequency, setup_code })
        }
        _ => Ok(()),
    }
}

/// ALWAYS goes with every set-up code.
fn matches(frequency: Frequency, setup_code: Frequency) -> bool {
    frequency == Frequency::Always || (frequency == setup_code && frequency != Frequency::Never)
}

fn line(code: &str, outcome: Outcome, members: Option<u64>, text: String) -> LogLine {
    LogLine { list: Some(code.to_owned()), outcome, members, text }
}

fn note(text: String) -> LogLine {
    LogLine { list: None, outcome: Outcome::Note, members: None, text }
}

fn no_list(code: &str) -> LogLine {
    line(code, Outcome::Refused, None, "There is no such list.".into())
}

fn mkt510(state: &mut State, code: &str, now: Timestamp) -> LogLine {
    let Some(list) = state.lists.get(code) else {
        return no_list(code);
    };
    if list.created {
        return line(code, Outcome::Skipped, None, "MKT510 has created this list before; MKT600 regenerates it.".into());
    }
    let fresh = state.select(list);
    if state.count_of(list, &fresh) == 0 {
        return line(
            code,
            Outcome::Skipped,
            None,
            "No rows came back: the list was not created, and MKT600 will not regenerate it.".into(),
        );
    }
    let members = state.regenerate(code, now).unwrap_or_default();
    line(code, Outcome::Created, Some(members), format!("{members} members."))
}

/// The lists a run of MKT600 is about, in order of their codes.
fn mkt600_lists(state: &State, setup_code: Frequency, only: Option<&str>) -> Vec<String> {
    let chosen = |frequency: Frequency, code: &str| match only {
        Some(only) => only == code || frequency == Frequency::Always,
        None => matches(frequency, setup_code),
    };
    let mut codes: Vec<String> =
        state.lists.values().filter(|list| chosen(list.frequency, &list.code)).map(|list| list.code.clone()).collect();
    if let Some(only) = only.filter(|only| !state.lists.contains_key(*only)) {
        codes.push(only.to_owned());
    }
    codes
}

fn mkt600(state: &mut State, code: &str, setup_code: Frequency, now: Timestamp) -> LogLine {
    let Some(list) = state.lists.get(code) else {
        return no_list(code);
    };
    if !matches(list.frequency, setup_code) {
        let text = format!("Its frequency is {}: it does not match the set-up code {setup_code}.", list.frequency);
        return line(code, Outcome::Refused, None, text);
    }
    if !list.created {
        return line(code, Outcome::Skipped, None, "MKT510 has not created this list: not regenerated.".into());
    }
    let members = state.regenerate(code, now).unwrap_or_default();
    line(code, Outcome::Regenerated, Some(members), format!("{members} members."))
}
