//! Whole numbers as people read them.

/// `1,204`; a real minus sign for what is below zero. For sentences and pages, never for programs.
pub fn figure(n: impl Into<i128>) -> String {
    let n: i128 = n.into();
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 4);
    if n < 0 {
        out.push('−');
    }
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([figure(0), figure(999), figure(1_204), figure(-1_000_000)], ["0", "999", "1,204", "−1,000,000"]);
        assert_eq!(figure(u64::MAX), "18,446,744,073,709,551,615");
    }
}
