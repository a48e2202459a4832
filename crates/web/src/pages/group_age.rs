//! How old the data behind a group's counts are, and whether that is older than its list promises.

use rialto_core::Instant;
use rialto_core::freshness::{self, in_words};
use rialto_store::groups::Group;

use super::text::{Chip, Here, When};

/// The age of a list's own data: when the remote made what the counts stand on.
pub struct DataAge {
    pub made: Option<When>,
    /// As the remote says it, in small letters; empty when it promises nothing it names.
    pub regeneration: String,
    /// Set where there is something to look at.
    pub chip: Option<Chip>,
    /// What is amiss and what to do; empty when nothing is.
    pub words: String,
}

impl DataAge {
    pub fn of(group: &Group, here: &Here) -> Self {
        // Before the first sync no count stands on anything: then the list as it is there.
        let made = group.data_as_of.or(group.remote_refreshed_at.filter(|_| group.synced_at.is_none()));
        let mut age = Self::judged(&group.regeneration, made, here);
        let newer = group.remote_refreshed_at.filter(|there| group.synced_at.is_some() && group.data_as_of.is_some_and(|d| *there > d));
        if let Some(there) = newer {
            age.chip = Some(age.chip.unwrap_or(Chip::off("Newer there")));
            age.words = format!("The remote system has made the list anew {}. Resync to bring it over.", here.when(there).ago);
        }
        age
    }

    /// For data made at `made` (µs), by the regeneration frequency alone.
    pub fn judged(regeneration: &str, made: Option<i64>, here: &Here) -> Self {
        let word = regeneration.trim().to_lowercase();
        let (chip, words) = match freshness::judge(regeneration, made.map(Instant), here.now) {
            freshness::Age::Fine => (None, String::new()),
            freshness::Age::Late { age, promised } => (
                Some(Chip::look("Older than promised")),
                format!(
                    "The list’s own data are {} old; its frequency ({word}) promises at most {}. Have the remote system make the list anew, then resync.",
                    in_words(age),
                    in_words(promised)
                ),
            ),
            freshness::Age::Unknown { .. } => (
                Some(Chip::look("Age unknown")),
                format!("The list is to be made anew ({word}), but the remote system does not say when it last was."),
            ),
        };
        Self { made: here.maybe(made), regeneration: word, chip, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn late_data_say_how_late_and_what_to_do() {
        let here = Here::new(Instant(100 * DAY), "UTC");
        let late = DataAge::judged("DAILY", Some(98 * DAY), &here);
        assert_eq!(late.chip, Some(Chip::look("Older than promised")));
        assert!(late.words.contains("2 days old") && late.words.contains("(daily) promises at most 1 day"), "{}", late.words);
        assert_eq!(DataAge::judged("DAILY", Some(99 * DAY), &here).chip, None);
        assert_eq!(DataAge::judged("", None, &here).words, "");
        assert_eq!(DataAge::judged("WEEKLY", None, &here).chip, Some(Chip::look("Age unknown")));
    }
}
