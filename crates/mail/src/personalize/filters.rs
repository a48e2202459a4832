//! What a text may do with a value: a fixed set, each with its arguments checked when the text is read.

use super::value::{Kind, Value};

/// Names as a text writes them.
pub(super) const NAMES: [&str; 8] = ["default", "upper", "lower", "title", "trim", "number", "round", "date"];

/// Most digits behind the point.
const MAX_DIGITS: i64 = 10;
/// Longest separator of a number, in characters.
const MAX_SEPARATOR: usize = 3;
/// Longest pattern of a date, in characters.
const MAX_PATTERN: usize = 60;
/// What may follow a percent sign in a date's pattern, with a `-` before it for no leading zero.
const DATE_SIGNS: &str = "YymdeBbhAaju%";
/// As above, of a time.
const TIME_SIGNS: &str = "HIMSpP";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Upper,
    Lower,
    Title,
    Trim,
    Number { digits: Option<usize>, thousands: String, point: String },
    Round(usize),
    Date(String),
}

impl Filter {
    /// A filter as written. `of`: what it is put behind.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn read(name: &str, args: &[Value], of: Option<Kind>) -> Result<Self, (String, String)> {
        let takes = |most: usize, example: &str| {
            if args.len() <= most {
                Ok(())
            } else {
                Err((format!("{name} has too many values in its brackets."), format!("Write it like {example}.")))
            }
        };
        let on = |fits: bool, kind: &str| {
            let what = of.map_or("this", Kind::words);
            if fits {
                Ok(())
            } else {
                Err((format!("{name} is for {kind}, and this is {what}."), format!("Take {name} away, or choose another field.")))
            }
        };
        match name {
            "upper" | "lower" | "title" | "trim" => {
                takes(0, &format!("{{{{ first_name | {name} }}}}"))?;
                Ok(match name {
                    "upper" => Self::Upper,
                    "lower" => Self::Lower,
                    "title" => Self::Title,
                    _ => Self::Trim,
                })
            }
            "number" => {
                takes(3, "number(2) or number(2, \".\", \",\")")?;
                on(of.is_none_or(|k| k == Kind::Number), "numbers")?;
                let digits = args.first().map(digits).transpose()?;
                Ok(Self::Number { digits, thousands: separator(args.get(1), ",")?, point: separator(args.get(2), ".")? })
            }
            "round" => {
                takes(1, "round or round(1)")?;
                on(of.is_none_or(|k| k == Kind::Number), "numbers")?;
                Ok(Self::Round(args.first().map_or(Ok(0), digits)?))
            }
            "date" => {
                takes(1, "date(\"%d.%m.%Y\")")?;
                on(of.is_none_or(Kind::is_day), "dates")?;
                Ok(Self::Date(args.first().map_or_else(|| Ok("%Y-%m-%d".to_owned()), |p| pattern(p, of))?))
            }
            _ => Err((
                format!("There is no filter {}.", super::words::quoted(name)),
                super::names::advice(name, NAMES.iter().copied(), &format!("Filters are: {}.", NAMES.join(", "))),
            )),
        }
    }

    /// The kind of what it makes.
    pub(super) fn kind(&self) -> Kind {
        if matches!(self, Self::Round(_)) { Kind::Number } else { Kind::Text }
    }

    /// Empty stays empty.
    pub(super) fn apply(&self, value: &Value) -> Value {
        let text = match self {
            _ if value.is_null() => return Value::Null,
            Self::Upper => value.shown().to_uppercase(),
            Self::Lower => value.shown().to_lowercase(),
            Self::Title => title(&value.shown()),
            Self::Trim => value.shown().trim().to_owned(),
            Self::Number { digits, thousands, point } => {
                let Some(text) = fixed(value, *digits) else { return Value::Null };
                grouped(&text, thousands, point)
            }
            Self::Round(digits) => return fixed(value, Some(*digits)).and_then(|t| Value::read(&t, Kind::Number)).unwrap_or(Value::Null),
            Self::Date(pattern) => match value.moment() {
                Some(at) => at.strftime(pattern).to_string(),
                None => return Value::Null,
            },
        };
        Value::Text(text)
    }
}

fn digits(value: &Value) -> Result<usize, (String, String)> {
    match value {
        Value::Integer(n) if (0..=MAX_DIGITS).contains(n) => Ok(usize::try_from(*n).unwrap_or(0)),
        _ => Err(("The digits behind the point are no whole number.".into(), format!("Write a number from 0 to {MAX_DIGITS}."))),
    }
}

fn separator(value: Option<&Value>, usual: &str) -> Result<String, (String, String)> {
    match value {
        None => Ok(usual.to_owned()),
        Some(Value::Text(text)) if text.chars().count() <= MAX_SEPARATOR && !text.chars().any(|c| c.is_ascii_digit()) => Ok(text.clone()),
        Some(Value::Null) => Ok(String::new()),
        Some(_) => Err((
            "What stands between the digits is no short text.".into(),
            format!("Write at most {MAX_SEPARATOR} characters between quotes, such as number(2, \".\", \",\")."),
        )),
    }
}

/// Only signs that need no zone and no locale, and have a short result.
fn pattern(value: &Value, of: Option<Kind>) -> Result<String, (String, String)> {
    let advice = || {
        "Write it like date(\"%d.%m.%Y\"): %d day, %m month, %Y year, %B name of the month, %A of the weekday, %H hour, %M minute."
            .to_owned()
    };
    let Value::Text(text) = value else { return Err(("The pattern of the date is no text.".into(), advice())) };
    if text.chars().count() > MAX_PATTERN {
        return Err((format!("The pattern of the date is longer than {MAX_PATTERN} characters."), advice()));
    }
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            continue;
        }
        let sign = rest.next().and_then(|c| if c == '-' { rest.next() } else { Some(c) });
        match sign {
            Some(c) if DATE_SIGNS.contains(c) => {}
            Some(c) if TIME_SIGNS.contains(c) && of != Some(Kind::Date) => {}
            Some(c) if TIME_SIGNS.contains(c) => {
                return Err((format!("%{c} asks for a time, and the field is a date without one."), "Take it out of the pattern.".into()));
            }
            Some(c) => return Err((format!("%{c} is not known in the pattern of a date."), advice())),
            None => return Err(("The pattern of the date ends with a percent sign.".into(), "Write %% for a percent sign.".into())),
        }
    }
    Ok(text.clone())
}

/// Each word's first letter large, the rest as it was: McDonald stays, and so does O'Brien.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase())
        } else {
            out.push(c)
        }
        begins = c.is_whitespace() || c == '-';
    }
    out
}

/// The number in digits, with so many behind the point.
fn fixed(value: &Value, digits: Option<usize>) -> Option<String> {
    match (value, digits) {
        (Value::Integer(n), None | Some(0)) => Some(n.to_string()),
        (Value::Integer(n), Some(digits)) => Some(format!("{n}.{}", "0".repeat(digits))),
        (_, Some(digits)) => value.float().map(|n| format!("{n:.digits$}")),
        (_, None) => value.float().map(|n| n.to_string()),
    }
}

fn grouped(text: &str, thousands: &str, point: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, behind) = text.split_once('.').map_or((text, None), |(whole, behind)| (whole, Some(behind)));
    let mut out = sign.to_owned();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push_str(thousands);
        }
        out.push(c);
    }
    if let Some(behind) = behind {
        out.push_str(point);
        out.push_str(behind);
    }
    out
}
