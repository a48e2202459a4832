//! The parser's complaints in plain words.

use super::Fault;

/// Longest piece of a text that a fault repeats, in characters.
const PIECE: usize = 40;

/// A piece of the text as a fault repeats it.
pub(super) fn quoted(piece: &str) -> String {
    let short: String = piece.chars().map(|c| if c.is_control() { ' ' } else { c }).take(PIECE).collect();
    let more = if piece.chars().nth(PIECE).is_some() { "…" } else { "" };
    format!("“{short}{more}”")
}

/// What the parser says, as somebody who writes mailings understands it.
pub(super) fn syntax(line: usize, detail: &str) -> Fault {
    let (what, advice) = match detail {
        _ if detail.contains("unexpected end of string") => {
            ("A text in quotes does not end.".to_owned(), "Put the closing quote, the same as the opening one.")
        }
        _ if detail.contains("end of comment") => ("A comment that begins with {# does not end.".to_owned(), "Close it with #}."),
        _ if detail.contains("end of raw block") => {
            ("A part that begins with {% raw %} does not end.".to_owned(), "Close it with {% endraw %}.")
        }
        _ if detail.contains("unexpected end of variable block") => {
            ("There is nothing between {{ and }}.".to_owned(), "Put a field there, such as {{ first_name }}.")
        }
        _ if detail.contains("unexpected end of input") && detail.contains("variable") => {
            ("{{ is never closed.".to_owned(), "Put }} behind the field.")
        }
        _ if detail.contains("unexpected end of input") => (
            "Something is not closed up to the end of the text.".to_owned(),
            "Close {{ with }}, {% with %}, and every {% if … %} with {% endif %}.",
        ),
        _ if detail.contains("expected end of variable block") => (
            "What stands between {{ and }} is more than a field.".to_owned(),
            "Write one field, with filters behind it: {{ first_name | upper }}. Names have no spaces.",
        ),
        _ if detail.contains("expected end of block") => (
            "A condition has more in it than Rialto understands.".to_owned(),
            "Write it like {% if LOYALTY.points > 1000 and LOYALTY.tier == \"Gold\" %}.",
        ),
        _ if detail.contains("recursion") => ("The brackets go too deep.".to_owned(), "Make the expression simpler."),
        _ => (
            format!("This cannot be read: {}.", quoted(detail.strip_prefix("unexpected ").unwrap_or(detail))),
            "Write a field like {{ first_name }} and a condition like {% if first_name %} … {% endif %}.",
        ),
    };
    Fault { line, what, advice: advice.to_owned() }
}
