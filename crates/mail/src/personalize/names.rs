//! Which of the names that exist somebody may have meant.

/// Longest name that is compared, in characters.
const LONGEST: usize = 120;

/// "Did you mean …?", or `otherwise` where nothing is near.
pub(super) fn advice<'a>(written: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(written, known).map_or_else(|| otherwise.to_owned(), |name| format!("Did you mean {name}?"))
}

/// The name that takes the fewest changes, where a third of it at most is different. Capitals do not count, and a name without its scope is near.
fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = folded(written)?;
    let last = last_part(&written);
    known
        .filter_map(|name| {
            let folded = folded(name)?;
            // `points` for `LOYALTY.points`.
            let part = if written.contains('.') == folded.contains('.') { usize::MAX } else { distance(last, last_part(&folded)) + 1 };
            let far = distance(&written, &folded).min(part);
            (far <= written.chars().count().max(3) / 3).then_some((far, name))
        })
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn folded(name: &str) -> Option<String> {
    (name.chars().count() <= LONGEST).then(|| name.to_lowercase())
}

/// How many characters have to be put in, taken out or exchanged (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let change = diagonal + usize::from(x != *y);
            diagonal = *above;
            left = change.min(*above + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
