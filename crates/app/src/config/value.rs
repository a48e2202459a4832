//! One value of the configuration, as TOML or the environment gives it.

use std::str::FromStr;

/// A value before its key has judged it. The environment gives texts only.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<String>),
}

impl Value {
    /// `None` for what no key takes: tables, floats, dates, mixed lists.
    pub fn from_toml(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::String(s) => Some(Self::Text(s.clone())),
            toml::Value::Integer(n) => Some(Self::Integer(*n)),
            toml::Value::Boolean(b) => Some(Self::Bool(*b)),
            toml::Value::Array(items) => items.iter().map(|i| i.as_str().map(str::to_owned)).collect::<Option<_>>().map(Self::List),
            _ => None,
        }
    }

    pub fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.trim().to_owned()),
            _ => Err("must be a text".into()),
        }
    }

    pub fn bool(self) -> Result<bool, String> {
        match self {
            Self::Bool(b) => Ok(b),
            Self::Text(t) if t.trim().eq_ignore_ascii_case("true") => Ok(true),
            Self::Text(t) if t.trim().eq_ignore_ascii_case("false") => Ok(false),
            _ => Err("must be true or false".into()),
        }
    }

    pub fn number<T: FromStr + PartialOrd + std::fmt::Display>(self, least: T, most: T) -> Result<T, String> {
        let fault = || format!("must be a whole number from {least} to {most}");
        let text = match self {
            Self::Integer(n) => n.to_string(),
            Self::Text(t) => t.trim().to_owned(),
            _ => return Err(fault()),
        };
        text.parse::<T>().ok().filter(|n| *n >= least && *n <= most).ok_or_else(fault)
    }

    /// A list; in the environment its items are separated by commas.
    pub fn list(self) -> Result<Vec<String>, String> {
        match self {
            Self::List(items) => Ok(items),
            Self::Text(t) => Ok(t.split(',').map(str::trim).filter(|i| !i.is_empty()).map(str::to_owned).collect()),
            _ => Err("must be a list of texts".into()),
        }
    }

    /// A duration such as `90s`, `10m`, `2h` or `1d`, in seconds.
    pub fn seconds(self, least: i64, most: i64) -> Result<i64, String> {
        let fault = || "must be a duration such as 90s, 10m, 2h or 1d".to_owned();
        let Self::Text(text) = self else { return Err(fault()) };
        let text = text.trim();
        let unit = text.chars().next_back().ok_or_else(fault)?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(fault()),
        };
        let digits = text.strip_suffix(unit).unwrap_or(text).trim();
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let seconds = all_digits.then(|| digits.parse::<i64>().ok()?.checked_mul(factor)).flatten().ok_or_else(fault)?;
        if (least..=most).contains(&seconds) { Ok(seconds) } else { Err(format!("must be from {least} to {most} seconds")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Value {
        Value::Text(t.into())
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(text("10m").seconds(0, 10_000), Ok(600));
        assert_eq!(text(" 2 h ").seconds(0, 10_000), Ok(7_200));
        for bad in ["", "10", "m", "-1m", "1.5h", "10mm", "99999999999999999999d", "9223372036854775807d"] {
            assert!(text(bad).seconds(0, i64::MAX).is_err(), "{bad}");
        }
        assert!(text("1s").seconds(5, 10).is_err());
    }

    #[test]
    fn the_environment_may_give_everything_as_text() {
        assert_eq!(text("TRUE").bool(), Ok(true));
        assert_eq!(text("12").number(1_u64, 100), Ok(12));
        assert!(text("101").number(1_u64, 100).is_err());
        assert_eq!(text("10.0.0.0/8, ::1").list(), Ok(vec!["10.0.0.0/8".into(), "::1".into()]));
    }
}
