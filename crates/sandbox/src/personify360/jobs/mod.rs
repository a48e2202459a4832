//! The batch jobs that keep marketing lists: MKT510 creates the members of a list, once and first; MKT600 regenerates
//! the lists of one set-up code by a schedule.

mod board;
mod run;
mod schedule;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use board::Board;
pub use schedule::Pattern;

/// How often a list is to be regenerated; as a set-up code of MKT600, which lists a run regenerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Frequency {
    /// At every run of MKT600, whatever its set-up code.
    Always,
    /// By runs with the set-up code DAILY.
    Daily,
    /// By runs with the set-up code WEEKLY.
    Weekly,
    /// By runs with the set-up code MONTHLY.
    Monthly,
    /// By runs with the set-up code QUARTERLY.
    Quarterly,
    /// Never by MKT600; no set-up code.
    Never,
}

impl Frequency {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 6] = [Self::Always, Self::Daily, Self::Weekly, Self::Monthly, Self::Quarterly, Self::Never];

    /// Its code, for example `DAILY`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Always => "ALWAYS",
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
            Self::Quarterly => "QUARTERLY",
            Self::Never => "NEVER",
        }
    }
}

impl FromStr for Frequency {
    type Err = JobError;

    fn from_str(text: &str) -> Result<Self, JobError> {
        Self::ALL.into_iter().find(|frequency| frequency.code() == text).ok_or(JobError::NoFrequency)
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process", deny_unknown_fields)]
pub enum Process {
    /// Creates the members of one list, the first time.
    #[serde(rename = "MKT510")]
    Mkt510 {
        /// Code of the list.
        list_code: String,
    },
    /// Regenerates the lists whose frequency is the set-up code, and those with ALWAYS.
    #[serde(rename = "MKT600")]
    Mkt600 {
        /// Any frequency but NEVER.
        setup_code: Frequency,
        /// Only this list (and those with ALWAYS); its frequency must be the set-up code.
        #[serde(default)]
        list_code: Option<String>,
    },
}

impl Process {
    /// `MKT510` or `MKT600`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mkt510 { .. } => "MKT510",
            Self::Mkt600 { .. } => "MKT600",
        }
    }

    /// The set-up code, if the job has one.
    pub fn setup_code(&self) -> Option<Frequency> {
        match self {
            Self::Mkt510 { .. } => None,
            Self::Mkt600 { setup_code, .. } => Some(*setup_code),
        }
    }

    /// The list it is limited to.
    pub fn list_code(&self) -> Option<&str> {
        match self {
            Self::Mkt510 { list_code } => Some(list_code),
            Self::Mkt600 { list_code, .. } => list_code.as_deref(),
        }
    }
}

/// A job to be scheduled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NewJob {
    /// What it does.
    #[serde(flatten)]
    pub process: Process,
    /// How it recurs.
    pub pattern: Pattern,
    /// Its first occurrence; absent means now.
    #[serde(default)]
    pub begin: Option<Timestamp>,
    /// No occurrence after this instant.
    #[serde(default)]
    pub end: Option<Timestamp>,
}

/// A scheduled job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its number, from 1.
    pub id: u64,
    /// What it does.
    #[serde(flatten)]
    pub process: Process,
    /// How it recurs.
    pub pattern: Pattern,
    /// Its first occurrence.
    pub begin: Timestamp,
    /// No occurrence after this instant.
    pub end: Option<Timestamp>,
    /// Its next occurrence; absent when there will be none.
    pub next: Option<Timestamp>,
}

/// What a run did with one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// MKT510 created it.
    Created,
    /// MKT600 regenerated it.
    Regenerated,
    /// It was left as it is, by a rule of the process.
    Skipped,
    /// The run was asked for something that does not fit.
    Refused,
    /// A remark.
    Note,
}

impl Outcome {
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Regenerated => "Regenerated",
            Self::Skipped => "Skipped",
            Self::Refused => "Refused",
            Self::Note => "Note",
        }
    }
}

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The list it is about.
    pub list: Option<String>,
    /// What was done.
    pub outcome: Outcome,
    /// Members of the list afterwards, if it was created or regenerated.
    pub members: Option<u64>,
    /// In words.
    pub text: String,
}

/// One run of a job, with its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobRun {
    /// Its number, from 1.
    pub id: u64,
    /// The scheduled job; absent if it was run for itself.
    pub job: Option<u64>,
    /// What was run.
    #[serde(flatten)]
    pub process: Process,
    /// Whether the schedule started it.
    pub scheduled: bool,
    /// When it started: the occurrence, or when somebody asked for it. Lists that it regenerates bear this time.
    pub started: Timestamp,
    /// How many lists it created or regenerated.
    pub regenerated: u64,
    /// How many it skipped or refused.
    pub left: u64,
    /// At most 1,000 lines.
    pub log: Vec<LogLine>,
}

/// Why a job cannot be scheduled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The text names no frequency.
    #[error("The frequency must be one of ALWAYS, DAILY, WEEKLY, MONTHLY, QUARTERLY, NEVER.")]
    NoFrequency,
    /// The set-up code is NEVER.
    #[error("NEVER is no set-up code: lists with it are not regenerated by MKT600.")]
    NeverRuns,
    /// There is no such list.
    #[error("There is no list with the code {0}.")]
    NoList(String),
    /// The list has another frequency than the set-up code.
    #[error("The frequency of {list} is {frequency}: it does not match the set-up code {setup_code}.")]
    OtherFrequency {
        /// Code of the list.
        list: String,
        /// Its frequency.
        frequency: Frequency,
        /// The set-up code.
        setup_code: Frequency,
    },
    /// The minutes of the pattern are out of bounds.
    #[error("The pattern must be between 1 minute and {} minutes.", schedule::MOST_MINUTES)]
    Minutes,
    /// The end comes before the beginning.
    #[error("The end date lies before the begin date.")]
    EndsFirst,
    /// There is no room for another job.
    #[error("There are {} jobs already; delete one first.", board::MOST_JOBS)]
    TooMany,
}
