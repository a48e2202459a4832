//! Faults the service can be told to show.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A way in which an answer goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// 429 with this `Retry-After`.
    RateLimited {
        /// Value of the header: seconds or an HTTP date.
        retry_after: String,
    },
    /// An error of the server with a text body; nothing is carried out.
    ServerError {
        /// Status, for example 503.
        status: u16,
    },
    /// The request is carried out, but its answer is held back so long.
    Timeout {
        /// Seconds until the answer comes.
        seconds: u64,
    },
    /// The request is carried out, but the connection breaks within the body.
    CutBody {
        /// Bytes sent before that.
        after_bytes: usize,
    },
    /// The body comes slowly.
    SlowBody {
        /// Bytes each second.
        bytes_per_second: u64,
    },
    /// A web page with status 200.
    HtmlPage,
    /// No rows, with status 200.
    EmptyList,
    /// A body that is whole as HTTP has it, but ends in the middle.
    TruncatedPayload,
    /// Each page after the first begins with the last row of the page before.
    DuplicateRows,
    /// Once per read, between its pages, a member not yet read leaves and one behind the position joins.
    MovingRows,
    /// Once per read, between its pages, the list is generated anew.
    RegenerateDuring,
    /// Lists announce so many members more (or fewer) than they have.
    WrongTotal {
        /// Difference to the truth.
        delta: i64,
    },
    /// A column or property under another name.
    RenamedField {
        /// Its name.
        from: String,
        /// The name shown instead.
        to: String,
    },
    /// A text far longer than its column allows, in the first row.
    OversizeValue {
        /// Its length.
        bytes: usize,
    },
    /// Bytes that are no UTF-8, in the first row.
    InvalidUtf8,
    /// 401, as if the password had been changed.
    BadCredentials,
    /// Some rows lack MASTER_CUSTOMER_ID.
    MissingKey,
    /// The service objects to what is sent, and nothing is carried out.
    Validation {
        /// 200, with the objections in place of the entity, or a status of refusal.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The request is carried out, but its answer has no body.
    EmptyBody,
    /// The request is carried out, but Save answers with the entity of somebody else.
    WrongEntity,
}

/// When a fault is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Name of a stored procedure, a part of the path, an entity that is written (`CusActivity`), or both (`Save CusActivity`); absent means every request.
    #[serde(default)]
    pub procedure: Option<String>,
    /// So many matching requests are answered properly first.
    #[serde(default)]
    pub skip: u64,
    /// How many times; absent means until cleared.
    #[serde(default)]
    pub times: Option<u64>,
}

impl FaultRule {
    /// A rule for every request until cleared.
    pub fn always(fault: Fault) -> Self {
        Self { fault, procedure: None, skip: 0, times: None }
    }

    /// Limits the rule to a procedure or a part of the path.
    pub fn on(mut self, procedure: &str) -> Self {
        self.procedure = Some(procedure.to_owned());
        self
    }

    /// Answers so many matching requests properly first.
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Limits how many times the fault is shown.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// What a rule looks at in a request.
pub(crate) struct Seen<'a> {
    pub path: &'a str,
    pub procedure: Option<&'a str>,
    /// For Create, Save and Delete.
    pub entity: Option<&'a str>,
    /// For list members: whether this is the first page.
    pub first_page: Option<bool>,
}

struct Armed {
    rule: FaultRule,
    seen: u64,
    fired: u64,
    reading: bool,
}

impl Armed {
    fn matches(&self, seen: &Seen<'_>) -> bool {
        let Some(wanted) = &self.rule.procedure else {
            return true;
        };
        let named = seen.procedure.is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let written = seen.entity.is_some_and(|entity| {
            let act = wanted.strip_suffix(entity).and_then(|rest| rest.strip_suffix(' '));
            wanted == entity || act == Some(seen.path)
        });
        named || written || seen.path.contains(wanted.as_str())
    }

    /// Faults between the pages of a read wait for its second page, and come once per read.
    fn ready(&mut self, seen: &Seen<'_>) -> bool {
        if !matches!(self.rule.fault, Fault::MovingRows | Fault::RegenerateDuring) {
            return true;
        }
        match seen.first_page {
            Some(true) => {
                self.reading = true;
                false
            }
            Some(false) => std::mem::take(&mut self.reading),
            None => false,
        }
    }

    fn take(&mut self, seen: &Seen<'_>) -> Option<Fault> {
        if self.rule.times.is_some_and(|times| self.fired >= times) {
            return None;
        }
        if !self.matches(seen) || !self.ready(seen) {
            return None;
        }
        self.seen += 1;
        if self.seen <= self.rule.skip {
            return None;
        }
        self.fired += 1;
        Some(self.rule.fault.clone())
    }
}

/// A rule and how often it was shown.
#[derive(Clone, Debug, Serialize)]
pub struct FaultStatus {
    /// The rule.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// How many times its fault was shown.
    pub fired: u64,
}

/// The rules in force.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Armed>>,
}

impl Faults {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, rule: FaultRule) {
        self.lock().push(Armed { rule, seen: 0, fired: 0, reading: false });
    }

    /// Removes the rules with faults of the same kind.
    pub(crate) fn remove(&self, kind: &Fault) {
        self.lock().retain(|armed| std::mem::discriminant(&armed.rule.fault) != std::mem::discriminant(kind));
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn status(&self) -> Vec<FaultStatus> {
        let show = |armed: &Armed| FaultStatus { rule: armed.rule.clone(), fired: armed.fired };
        self.lock().iter().map(show).collect()
    }

    /// The fault to show for a request: the first rule that has one.
    pub(crate) fn take(&self, seen: &Seen<'_>) -> Option<Fault> {
        self.lock().iter_mut().find_map(|armed| armed.take(seen))
    }
}

/// Stands for bytes that are no UTF-8 until the answer is sent.
pub(crate) const INVALID_MARK: &str = "\u{E000}";

/// How the rows of an answer are to be disturbed.
#[derive(Clone, Copy)]
pub(crate) struct Tweaks<'a>(pub Option<&'a Fault>);

impl<'a> Tweaks<'a> {
    /// The name a column is shown under.
    pub(crate) fn name<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        match self.0 {
            Some(Fault::RenamedField { from, to }) if from == name => to,
            _ => name,
        }
    }

    /// A text to put in place of the first row's.
    pub(crate) fn first_text(&self, text: &str) -> Option<String> {
        match self.0 {
            Some(Fault::OversizeValue { bytes }) => Some("x".repeat((*bytes).min(64 << 20))),
            Some(Fault::InvalidUtf8) => Some([INVALID_MARK, text].concat()),
            _ => None,
        }
    }

    pub(crate) fn empty(&self) -> bool {
        matches!(self.0, Some(Fault::EmptyList))
    }

    pub(crate) fn drops_key(&self, row: u64) -> bool {
        matches!(self.0, Some(Fault::MissingKey)) && row % 7 == 3
    }

    pub(crate) fn duplicates(&self) -> bool {
        matches!(self.0, Some(Fault::DuplicateRows))
    }

    pub(crate) fn wrong_entity(&self) -> bool {
        matches!(self.0, Some(Fault::WrongEntity))
    }

    pub(crate) fn total(&self, count: u64) -> u64 {
        match self.0 {
            Some(Fault::WrongTotal { delta }) => count.saturating_add_signed(*delta),
            _ => count,
        }
    }
}
