//! The books of a run (`rules.md` section 3): every row that was read is accounted for.

use serde::{Deserialize, Serialize};

/// Row counts of one people run. Field names are the contract's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub read: i64,
    /// Joined this group, whether new to Rialto or known.
    pub added: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub left_out: i64,
    pub duplicate: i64,
    pub rejected: i64,
    pub members_before: i64,
    pub members_after: i64,
    /// Members that the remote no longer lists.
    pub leaving: i64,
    pub removed: i64,
    pub withheld: i64,
    /// Of which figures.
    pub created: i64,
    pub suppressed: i64,
    pub lifted: i64,
    pub lifts_withheld: i64,
}

/// One equation of the books that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the books do not balance: {equation}: {left} is not {right}")]
pub struct Imbalance {
    pub equation: &'static str,
    pub left: i64,
    pub right: i64,
}

impl Counts {
    /// Checks the three equations that hold for every run that may call itself a success.
    pub fn check(&self) -> Result<(), Imbalance> {
        let rows = self.added + self.updated + self.unchanged + self.left_out + self.duplicate + self.rejected;
        equal("read = added + updated + unchanged + left out + duplicate + rejected", self.read, rows)?;
        equal("members before + added − removed = members after", self.members_before + self.added - self.removed, self.members_after)?;
        equal("leaving = removed + withheld", self.leaving, self.removed + self.withheld)
    }
}

fn equal(equation: &'static str, left: i64, right: i64) -> Result<(), Imbalance> {
    if left == right { Ok(()) } else { Err(Imbalance { equation, left, right }) }
}

/// Line of the waterfall on which a member stands (`rules.md` section 3), in the order of the lines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    NoAddress,
    Malformed,
    SameAddress,
    Invalid,
    Complaint,
    UnsubscribedHere,
    AdminOrUpload,
    RemoteFlag,
    Mailable,
}

/// From what was read to who can be mailed. Every figure is a number of rows; the lines add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Waterfall {
    pub read: i64,
    pub rejected: i64,
    pub duplicate: i64,
    pub left_out: i64,
    /// Members that stay although the remote did not list them in the last run: withheld by the gate or by an
    /// incomplete run. They are added to what was read, so that the lines add up to the members shown.
    pub kept: i64,
    pub members: i64,
    pub no_address: i64,
    pub malformed: i64,
    pub same_address: i64,
    pub invalid: i64,
    pub complaint: i64,
    pub unsubscribed_here: i64,
    pub admin_or_upload: i64,
    pub remote_flag: i64,
    pub mailable: i64,
}

impl Waterfall {
    pub fn add(&mut self, line: Line, rows: i64) {
        let figure = match line {
            Line::NoAddress => &mut self.no_address,
            Line::Malformed => &mut self.malformed,
            Line::SameAddress => &mut self.same_address,
            Line::Invalid => &mut self.invalid,
            Line::Complaint => &mut self.complaint,
            Line::UnsubscribedHere => &mut self.unsubscribed_here,
            Line::AdminOrUpload => &mut self.admin_or_upload,
            Line::RemoteFlag => &mut self.remote_flag,
            Line::Mailable => &mut self.mailable,
        };
        *figure += rows;
    }

    /// Sum of the lines below `members`.
    pub fn accounted(&self) -> i64 {
        self.no_address
            + self.malformed
            + self.same_address
            + self.invalid
            + self.complaint
            + self.unsubscribed_here
            + self.admin_or_upload
            + self.remote_flag
            + self.mailable
    }

    pub fn balances(&self) -> bool {
        self.accounted() == self.members && self.read - self.rejected - self.duplicate - self.left_out + self.kept == self.members
    }
}
