//! When a bridge's writebacks go out, as its Writeback Settings show it.

use rialto_core::schedule::SHOWN_AHEAD;
use rialto_core::timing::{OwnTiming, TIMED, When};
use rialto_core::writeback::WritebackKind;
use rialto_store::bridges::Bridge;
use rialto_store::writebacks::Settings;
use serde::Deserialize;

use super::text::{Here, When as Moment};
use crate::api::writeback_timing as api;

/// What the form is filled with: names of `When`, or blank for what is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Entered {
    when_unsubscribe: String,
    when_resubscribe: String,
    when_invalid_email: String,
    when_interests: String,
    daily_at: String,
    daily_timezone: String,
}

/// One kind, and what can be chosen for it.
pub struct Kind {
    pub name: String,
    pub label: &'static str,
    /// Value, words, whether it is chosen.
    pub options: Vec<(&'static str, String, bool)>,
}

/// The times as they are shown.
pub struct Times {
    pub kinds: Vec<Kind>,
    pub at: String,
    pub timezone: String,
    /// As declared: shown where nothing is entered.
    pub usual_at: String,
    pub usual_timezone: String,
    /// When those that go once a day are due; empty where none do.
    pub coming: Vec<(String, Moment)>,
}

impl Entered {
    fn kinds(&self) -> [(WritebackKind, &str); 4] {
        [
            (WritebackKind::Unsubscribe, &self.when_unsubscribe),
            (WritebackKind::Resubscribe, &self.when_resubscribe),
            (WritebackKind::InvalidEmail, &self.when_invalid_email),
            (WritebackKind::Interests, &self.when_interests),
        ]
    }

    pub fn of(own: &OwnTiming) -> Self {
        let when = |kind| own.kinds.get(&kind).map(|when| when.name().to_owned()).unwrap_or_default();
        Self {
            when_unsubscribe: when(WritebackKind::Unsubscribe),
            when_resubscribe: when(WritebackKind::Resubscribe),
            when_invalid_email: when(WritebackKind::InvalidEmail),
            when_interests: when(WritebackKind::Interests),
            daily_at: own.at.clone().unwrap_or_default(),
            daily_timezone: own.timezone.clone().unwrap_or_default(),
        }
    }

    /// What was entered; a word that is none is as declared.
    pub fn read(&self) -> OwnTiming {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        OwnTiming {
            kinds: self.kinds().into_iter().filter_map(|(kind, name)| When::from_name(name).map(|when| (kind, when))).collect(),
            at: filled(&self.daily_at),
            timezone: filled(&self.daily_timezone),
        }
    }

    /// The fields of the form, for taking a change back.
    pub fn pairs(&self) -> [(&'static str, &str); 6] {
        [
            ("when_unsubscribe", &self.when_unsubscribe),
            ("when_resubscribe", &self.when_resubscribe),
            ("when_invalid_email", &self.when_invalid_email),
            ("when_interests", &self.when_interests),
            ("daily_at", &self.daily_at),
            ("daily_timezone", &self.daily_timezone),
        ]
    }
}

/// The kinds that the bridge's system is told of, and when they go; `settings` as they stand.
pub fn times(bridge: &Bridge, entered: &Entered, settings: &Settings, here: &Here) -> Times {
    let declared = api::timing(bridge, &Settings::default());
    let goes = api::timing(bridge, settings);
    let chosen = entered.kinds();
    let kind = |kind: &WritebackKind| {
        let mine = chosen.iter().find(|(k, _)| k == kind).map_or("", |(_, name)| *name);
        let usual = ("", format!("As usual: {}", declared.of(*kind).label().to_lowercase()), mine.is_empty());
        let others = When::ALL.iter().map(|when| (when.name(), when.label().to_owned(), mine == when.name()));
        Kind { name: format!("when_{kind}"), label: kind.label(), options: std::iter::once(usual).chain(others).collect() }
    };
    let daily = goes.kinds.values().any(|when| *when == When::Daily);
    let coming = goes.rule().filter(|_| daily).map(|rule| rule.next(here.now, SHOWN_AHEAD.min(3))).unwrap_or_default();
    Times {
        kinds: TIMED.iter().filter(|k| api::is_told(bridge, **k)).map(kind).collect(),
        at: entered.daily_at.clone(),
        timezone: entered.daily_timezone.clone(),
        usual_at: declared.at,
        usual_timezone: declared.timezone,
        coming: coming.into_iter().map(|at| (here.minute(at.0), here.when(at.0))).collect(),
    }
}
