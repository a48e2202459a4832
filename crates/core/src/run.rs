//! Sync runs: kinds, states, phases and triggers (`rules.md` section 3).

use crate::names::names;

names! {
    /// What a run does.
    RunKind { Lists = "lists", People = "people", Upload = "upload", Approval = "approval", Undo = "undo", Test = "test" }
}

names! {
    RunState {
        Queued = "queued", Running = "running", Succeeded = "succeeded", Incomplete = "incomplete", Held = "held",
        Approved = "approved", Discarded = "discarded", Superseded = "superseded", Failed = "failed",
    }
}

names! {
    Phase { Reading = "reading", Planning = "planning", Applying = "applying" }
}

names! {
    Trigger {
        Login = "login", Send = "send", RefreshGroups = "refresh_groups", RefreshBridge = "refresh_bridge",
        Resync = "resync", Info = "info", Overnight = "overnight", Upload = "upload", Api = "api", Cli = "cli",
    }
}

impl Trigger {
    /// Nobody waits for it: its runs are carried out after all others.
    pub fn is_patient(self) -> bool {
        self == Self::Overnight
    }
}

impl RunState {
    /// Nothing will change the run's rows any more, unless a person decides on a held one.
    pub fn ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}
