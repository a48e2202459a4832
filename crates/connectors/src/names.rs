//! Names and texts of a remote, made fit to be stored and shown.

/// Longest code of a list, in characters: the set-up script's `@ListCode` cuts longer ones, and would then read another list.
pub(crate) const CODE: usize = 24;
/// Longest name of a field, in characters: SQL Server's own limit.
pub(crate) const FIELD: usize = 128;
/// Longest name of a list and label of a field.
pub(crate) const NAME: usize = 200;
/// Longest description.
pub(crate) const DESCRIPTION: usize = 4_000;
/// Longest word for how often a list is made anew.
pub(crate) const FREQUENCY: usize = 80;

/// A text to show: without control characters, at most so many characters.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let plain = |c: char| match c {
        '\t' | '\n' | '\r' => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    };
    let cut: String = text.trim().chars().filter_map(plain).take(most).collect();
    cut.trim().to_owned()
}

/// A name by which the remote is asked again: trimmed, and `None` if it is empty, too long, or holds characters that cannot
/// be sent or were not readable.
pub(crate) fn key(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().nth(most).is_none();
    let odd = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    (fits && !text.chars().any(odd)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned_and_keys_are_taken_whole_or_not_at_all() {
        assert_eq!(shown(" A\u{0}B\r\nC\u{9f}\t", 10), "AB  C");
        assert_eq!(shown(&"ä".repeat(300), NAME).chars().count(), NAME);
        assert_eq!(key(" A b ", CODE).as_deref(), Some("A b"));
        assert_eq!(key(&"ä".repeat(24), CODE), Some("ä".repeat(24)));
        for bad in ["", "  ", "A\u{0}", "A\nB", "A\u{fffd}", &"x".repeat(25)] {
            assert_eq!(key(bad, CODE), None, "{bad:?}");
        }
    }
}
