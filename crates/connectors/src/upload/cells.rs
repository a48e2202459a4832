//! Values of spreadsheet cells as people would write them.

/// `B7` → 1.
pub(super) fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.take(4).fold(0usize, |n, b| n * 26 + usize::from(b.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// As people would write it: no exponent where there is a plain form.
pub(super) fn number(value: &str) -> String {
    let value = value.trim();
    match value.parse::<f64>() {
        Ok(n) if n.is_finite() && value.contains(['e', 'E']) && n.abs() < 1e18 => n.to_string(),
        _ => value.to_owned(),
    }
}

/// A serial number of days as date and time.
pub(super) fn date(value: &str, since_1904: bool) -> Option<String> {
    let days: f64 = value.trim().parse().ok()?;
    if !(0.0..2_958_466.0).contains(&days) {
        return None;
    }
    // 1900 is counted as a leap year there.
    let from = if since_1904 { jiff::civil::date(1904, 1, 1) } else { jiff::civil::date(1899, 12, 30) };
    let seconds = (days.fract() * 86_400.0).round() as i64;
    let at = from.checked_add(jiff::Span::new().days(days.trunc() as i64)).ok()?.at(0, 0, 0, 0);
    let at = at.checked_add(jiff::Span::new().seconds(seconds)).ok()?;
    let shown = if seconds == 0 { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
    Some(at.strftime(shown).to_string())
}

/// Whether a number format shows days or times: its letters outside quotes and brackets say so.
pub(super) fn shows_date(code: &str) -> bool {
    let (mut quoted, mut bracket) = (false, false);
    code.chars().any(|c| {
        match c {
            '"' => quoted = !quoted,
            '[' => bracket = true,
            ']' => bracket = false,
            _ => {}
        }
        !quoted && !bracket && matches!(c.to_ascii_lowercase(), 'y' | 'd' | 'h')
    })
}
