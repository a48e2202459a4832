//! Email addresses as `rules.md` section 1 wants them: kept as written, compared in canonical form.

use unicode_normalization::UnicodeNormalization;

/// Whether mail can be sent to what stands in the address field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i16)]
pub enum AddressState {
    Usable = 0,
    Missing = 1,
    Malformed = 2,
}

impl AddressState {
    pub fn from_i16(n: i16) -> Self {
        match n {
            0 => Self::Usable,
            1 => Self::Missing,
            _ => Self::Malformed,
        }
    }
}

/// Longest address accepted, in bytes (RFC 5321 section 4.5.3.1.3 less the angle brackets).
pub const MAX_BYTES: usize = 254;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// As the source wrote it, trimmed, cut to a bounded length; empty when missing.
    pub written: String,
    /// Case-folded, NFC-normalised, trimmed. Empty when missing; set for malformed ones too, so that they can be found.
    pub canonical: String,
    pub state: AddressState,
}

impl Address {
    pub fn read(text: Option<&str>) -> Self {
        let written: String = text.unwrap_or("").trim().chars().filter(|c| *c != '\0').take(320).collect();
        let canonical = canonical(&written);
        let state = if canonical.is_empty() {
            AddressState::Missing
        } else if well_formed(&canonical) {
            AddressState::Usable
        } else {
            AddressState::Malformed
        };
        Self { written, canonical, state }
    }
}

/// The form by which two addresses are the same person's mailbox. The local part is folded, never reinterpreted
/// (no plus-tags or dots taken out).
pub fn canonical(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Personify's own rule is the base (one `@`, a full stop with two characters after it), made stricter where no
/// mail server would deliver: spaces, control characters, empty labels, lengths.
fn well_formed(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let plain = |c: char| {
        !c.is_whitespace() && !c.is_control() && !matches!(c, '@' | '<' | '>' | ',' | ';' | '"' | '(' | ')' | '\\' | '[' | ']' | ':')
    };
    address.len() <= MAX_BYTES
        && (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || unicode_normalization::char::is_combining_mark(c))
        })
        && domain.rsplit('.').next().is_some_and(|top| top.chars().count() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_sorted_into_usable_missing_and_malformed() {
        for good in ["ann@mail.example", " Ann.O'Neil+tag@Sub.Mail.EXAMPLE ", "jürgen@bücher.example", "a@b.co"] {
            assert_eq!(Address::read(Some(good)).state, AddressState::Usable, "{good}");
        }
        for bad in [
            "ann",
            "ann@",
            "@mail.example",
            "a@b",
            "a@b.c",
            "a b@mail.example",
            "a@@mail.example",
            "a@mail..example",
            "<a@mail.example>",
            "a@-x.example",
            ".a@mail.example",
            "a..b@mail.example",
        ] {
            assert_eq!(Address::read(Some(bad)).state, AddressState::Malformed, "{bad}");
        }
        for none in [None, Some(""), Some("  \t")] {
            assert_eq!(Address::read(none).state, AddressState::Missing);
        }
    }

    proptest! {
        #[test]
        fn canonical_is_stable_and_blind_to_case(text in "\\PC{0,60}") {
            let once = canonical(&text);
            prop_assert_eq!(&canonical(&once), &once);
            if text.is_ascii() {
                prop_assert_eq!(canonical(&text.to_ascii_uppercase()), once);
            }
        }

        #[test]
        fn reading_never_panics_and_is_bounded(text in "\\PC{0,2000}") {
            prop_assert!(Address::read(Some(&text)).written.chars().count() <= 320);
        }
    }
}
