//! From how a run ended to whether a mailing may use the group.

use rialto_core::Instant;
use rialto_core::freshness::{self, Age, in_words};
use rialto_core::run::RunState;
use rialto_store::groups::Group;
use rialto_store::runs::Run;

use super::LateData;

/// The group may be mailed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ready {
    /// The run that read its people; none for a group that mirrors no remote list.
    pub run_id: Option<i64>,
    pub members: i64,
    /// As the waterfall counts; `None` before anything counted.
    pub mailable: Option<i64>,
    pub synced_at: Option<Instant>,
    /// When the remote made the list's data, and how old that is in seconds.
    pub data_as_of: Option<Instant>,
    pub data_age_seconds: Option<i64>,
    /// Sentences for people.
    pub warnings: Vec<String>,
}

/// The group stops the mailing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    pub why: Why,
    pub run_id: Option<i64>,
    /// A sentence for people, and what to do.
    pub reason: String,
    pub advice: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Why {
    /// Many would leave or be lifted: a person must decide first.
    Held,
    /// The read did not prove itself: somebody's "no" may be missing.
    Incomplete,
    Failed,
    /// The remote has the list no more.
    Gone,
    /// Automatic syncs only plan.
    PlanOnly,
    /// The bridge is switched off or deleted.
    BridgeOff,
    /// There is no such group.
    Deleted,
    TimeOut,
    /// The list's own data is older than promised, and the mailing does not take that.
    LateData,
}

impl Why {
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::PlanOnly => "plan_only",
            Self::BridgeOff => "bridge_off",
            Self::Deleted => "deleted",
            Self::TimeOut => "time_out",
            Self::LateData => "late_data",
        }
    }
}

impl Stopped {
    pub(super) fn new(why: Why, reason: &str, advice: &str) -> Self {
        Self { why, run_id: None, reason: reason.to_owned(), advice: advice.to_owned() }
    }

    pub(super) fn of_run(self, run_id: i64) -> Self {
        Self { run_id: Some(run_id), ..self }
    }
}

/// A group with nothing to read before a mailing.
pub(super) fn unread(group: Group) -> Ready {
    let warnings = match (group.kind.as_str(), group.synced_at) {
        ("remote", Some(at)) => vec![format!("This kind of bridge reads nothing before a mailing; the people are as of {}.", Instant(at))],
        ("remote", None) => vec!["This kind of bridge reads nothing before a mailing, and the list was never read.".to_owned()],
        _ => Vec::new(),
    };
    Ready {
        run_id: None,
        members: group.members,
        mailable: group.waterfall().map(|w| w.mailable),
        synced_at: group.synced_at.map(Instant),
        data_as_of: group.data_as_of.map(Instant),
        data_age_seconds: None,
        warnings,
    }
}

/// What an ended run means for a mailing. A discarded one was decided by a person: everyone is kept.
pub(super) fn of(group: Option<Group>, run: &Run, late: LateData, now: Instant) -> Result<Ready, Stopped> {
    let stop = |why, advice: &str| Err(Stopped::new(why, &run.reason, advice).of_run(run.id));
    let Some(group) = group else {
        return Err(Stopped::new(Why::Deleted, "The target group was deleted.", "Choose another target group.").of_run(run.id));
    };
    match run.state() {
        RunState::Succeeded | RunState::Discarded => ready(group, run, late, now),
        RunState::Held => stop(Why::Held, "Open the run, remove the people or keep everyone, then send again."),
        RunState::Incomplete => stop(Why::Incomplete, "Sync the target group again; send when a sync has succeeded."),
        _ if group.state == "gone" => stop(Why::Gone, &run.advice),
        _ => stop(Why::Failed, &run.advice),
    }
}

fn ready(group: Group, run: &Run, late: LateData, now: Instant) -> Result<Ready, Stopped> {
    let mut warnings = Vec::new();
    let data_as_of = run.data_as_of.or(group.data_as_of).map(Instant);
    let age = freshness::judge(&group.regeneration, data_as_of, now);
    if let Some(text) = age_text(&group.regeneration, &age) {
        if late == LateData::Stop && matches!(age, Age::Late { .. }) {
            let advice = "Have the remote system make the list anew, then send again.";
            return Err(Stopped::new(Why::LateData, &text, advice).of_run(run.id));
        }
        warnings.push(text);
    }
    if !group.remote_active {
        warnings.push("The remote system marks this list as not in use.".to_owned());
    }
    Ok(Ready {
        run_id: Some(run.id),
        members: group.members,
        mailable: group.waterfall().map(|w| w.mailable),
        synced_at: group.synced_at.map(Instant),
        data_as_of,
        data_age_seconds: data_as_of.map(|at| now.seconds_since(at).max(0)),
        warnings,
    })
}

fn age_text(regeneration: &str, age: &Age) -> Option<String> {
    match age {
        Age::Fine => None,
        Age::Late { age, promised } => Some(format!(
            "The list's own data is {} old; its frequency {} promises at most {}.",
            in_words(*age),
            regeneration.trim(),
            in_words(*promised)
        )),
        Age::Unknown { .. } => {
            Some(format!("The list is to be made anew {}, but the remote system does not say when it last was.", regeneration.trim()))
        }
    }
}
