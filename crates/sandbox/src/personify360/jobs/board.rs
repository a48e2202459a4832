//! The scheduled jobs and the history of their runs.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::{Job, JobError, JobRun, NewJob, Pattern, Process, schedule};

/// Most jobs there may be.
pub(crate) const MOST_JOBS: usize = 200;
/// Runs kept in the history.
const KEPT_RUNS: usize = 200;
/// Missed occurrences of one job that are made up for; those before would have selected the same members.
const CAUGHT_UP: u64 = 20;

/// A run that is to be carried out.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub job: Option<u64>,
    pub process: Process,
    pub scheduled: bool,
    pub at: Timestamp,
    /// Occurrences before this one that are not made up for.
    pub missed: u64,
}

#[derive(Default)]
pub(crate) struct Board {
    jobs: BTreeMap<u64, Job>,
    runs: VecDeque<JobRun>,
    last_job: u64,
    last_run: u64,
}

impl Board {
    /// Schedules a job whose lists were checked.
    pub(crate) fn add(&mut self, new: NewJob, now: Timestamp) -> Result<Job, JobError> {
        if self.jobs.len() >= MOST_JOBS {
            return Err(JobError::TooMany);
        }
        if matches!(new.pattern, Pattern::Minutes(n) if !(1..=schedule::MOST_MINUTES).contains(&n)) {
            return Err(JobError::Minutes);
        }
        let begin = new.begin.unwrap_or(now);
        if new.end.is_some_and(|end| end < begin) {
            return Err(JobError::EndsFirst);
        }
        self.last_job += 1;
        let mut job = Job { id: self.last_job, process: new.process, pattern: new.pattern, begin, end: new.end, next: None };
        // What lay before the job was defined is not made up for, but "once" in the past means at once.
        let first = if job.pattern == Pattern::Once { Some(begin.max(now)) } else { job.pattern.first(begin, now) };
        job.next = within(first, job.end);
        self.jobs.insert(job.id, job.clone());
        Ok(job)
    }

    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.jobs.values().cloned().collect()
    }

    pub(crate) fn job(&self, id: u64) -> Option<&Job> {
        self.jobs.get(&id)
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        self.jobs.remove(&id).is_some()
    }

    /// When the next job is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.jobs.values().filter_map(|job| job.next).min()
    }

    /// Takes the earliest occurrence that is due; nobody else gets it.
    pub(crate) fn claim(&mut self, now: Timestamp) -> Option<Order> {
        let due = |job: &&mut Job| job.next.is_some_and(|next| next <= now);
        let job = self.jobs.values_mut().filter(due).min_by_key(|job| (job.next, job.id))?;
        let next = job.next?;
        let last = job.end.map_or(now, |end| end.min(now));
        let missed = job.pattern.due(job.begin, next, last).saturating_sub(CAUGHT_UP);
        let at = job.pattern.skip(job.begin, next, missed).unwrap_or(next);
        job.next = within(job.pattern.after(job.begin, at), job.end);
        Some(Order { job: Some(job.id), process: job.process.clone(), scheduled: true, at, missed })
    }

    /// Keeps a run under a number of its own.
    pub(crate) fn keep(&mut self, mut run: JobRun) -> JobRun {
        self.last_run += 1;
        run.id = self.last_run;
        if self.runs.len() >= KEPT_RUNS {
            self.runs.pop_back();
        }
        self.runs.push_front(run.clone());
        run
    }

    /// The runs kept, latest first.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &JobRun> {
        self.runs.iter()
    }
}

fn within(at: Option<Timestamp>, end: Option<Timestamp>) -> Option<Timestamp> {
    at.filter(|at| end.is_none_or(|end| *at <= end))
}
