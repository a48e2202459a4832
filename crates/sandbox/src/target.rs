//! Addresses: percent-encoding, query options, and path segments.

/// Undoes percent-encoding; `+` stays, except in queries.
pub(crate) fn decode(text: &str, plus_is_blank: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus_is_blank => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

/// The options of a query, decoded.
pub(crate) fn query(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Some((decode(name, true)?, decode(value, true)?))
    };
    parts.map(pair).collect()
}

/// Splits `Set(key)` into the set and its key predicate.
pub(crate) fn segment(text: &str) -> (&str, Option<&str>) {
    match text.split_once('(') {
        Some((set, rest)) => (set, rest.strip_suffix(')').or(Some(rest))),
        None => (text, None),
    }
}

/// The text between single quotes.
pub(crate) fn unquote(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}
