//! Statements: one text for both databases wherever possible, two where lists or locks are spelled differently.

use crate::error::StoreError;

/// One statement. `sqlite` and `postgres` are the same text unless a dialect fragment stands in it.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A value bound to a statement.
#[derive(Clone, Debug)]
pub enum Arg {
    Int(i64),
    OptInt(Option<i64>),
    Float(f64),
    Text(String),
    OptText(Option<String>),
    Bool(bool),
    OptBool(Option<bool>),
    Bytes(Vec<u8>),
}

impl Arg {
    /// Whether PostgreSQL could not store it.
    fn holds_nul(&self) -> bool {
        match self {
            Arg::Text(text) | Arg::OptText(Some(text)) => text.contains('\0'),
            _ => false,
        }
    }
}

/// The values, when both databases can take each of them.
pub(crate) fn storable(args: Vec<Arg>) -> Result<Vec<Arg>, StoreError> {
    if args.iter().any(Arg::holds_nul) { Err(StoreError::NulInText) } else { Ok(args) }
}

macro_rules! arg_from {
    ($($t:ty => |$v:ident| $e:expr),+ $(,)?) => { $(impl From<$t> for Arg { fn from($v: $t) -> Self { $e } })+ };
}

arg_from! {
    i64 => |v| Arg::Int(v),
    i32 => |v| Arg::Int(v.into()),
    i16 => |v| Arg::Int(v.into()),
    Option<i64> => |v| Arg::OptInt(v),
    f64 => |v| Arg::Float(v),
    rialto_core::Instant => |v| Arg::Int(v.0),
    Option<rialto_core::Instant> => |v| Arg::OptInt(v.map(|i| i.0)),
    &str => |v| Arg::Text(v.to_owned()),
    String => |v| Arg::Text(v),
    &String => |v| Arg::Text(v.clone()),
    Option<String> => |v| Arg::OptText(v),
    Option<&str> => |v| Arg::OptText(v.map(str::to_owned)),
    bool => |v| Arg::Bool(v),
    Option<bool> => |v| Arg::OptBool(v),
    Vec<u8> => |v| Arg::Bytes(v),
}

/// `args![a, b]`: the values of `$1`, `$2`, … in order.
#[macro_export]
macro_rules! args {
    ($($v:expr),* $(,)?) => { vec![$($crate::sql::Arg::from($v)),*] };
}

/// Declares a module's statements as constants and lists them in `ALL`, so that a test prepares each on both databases.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* const $name: $crate::sql::Sql = $sql;)+
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, $crate::sql::Sql)] = &[$((stringify!($name), $name)),+];
    };
}

/// `sql!("…")`: the same text on both databases. `sql!("… IN ", ids 2, " …")`: a JSON list of whole numbers bound as `$2`
/// becomes a bracketed subquery; `texts 2` the same for a JSON list of texts. `sql!("… id ", among 2, "…")`: is one of such a list, looked up by an
/// index on PostgreSQL too, which would rather read a whole table of which it has no statistics yet.
/// `sql!(text …)`: the same for a text put together by macros. `sql!(sqlite "…", postgres "…")`: two texts. `sql!(join "…", "…")`: one text of two parts, for statements that share a beginning.
macro_rules! sql {
    ($text:literal) => {
        $crate::sql::Sql { sqlite: $text, postgres: $text }
    };
    (text $text:expr) => {
        $crate::sql::Sql { sqlite: $text, postgres: $text }
    };
    (join $a:literal, $b:literal) => {
        $crate::sql::Sql { sqlite: concat!($a, $b), postgres: concat!($a, $b) }
    };
    (sqlite $a:literal, postgres $b:literal) => {
        $crate::sql::Sql { sqlite: $a, postgres: $b }
    };
    ($a:literal, ids $n:literal, $b:literal) => {
        $crate::sql::Sql {
            sqlite: concat!($a, "(SELECT value FROM json_each($", $n, "))", $b),
            postgres: concat!($a, "(SELECT value::bigint AS value FROM json_array_elements_text($", $n, "::json))", $b),
        }
    };
    ($a:literal, among $n:literal, $b:literal) => {
        $crate::sql::Sql {
            sqlite: concat!($a, "IN (SELECT value FROM json_each($", $n, "))", $b),
            postgres: concat!($a, "= ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text($", $n, "::json)))", $b),
        }
    };
    ($a:literal, among texts $n:literal, $b:literal) => {
        $crate::sql::Sql {
            sqlite: concat!($a, "IN (SELECT value FROM json_each($", $n, "))", $b),
            postgres: concat!($a, "= ANY (ARRAY(SELECT json_array_elements_text($", $n, "::json)))", $b),
        }
    };
    ($a:literal, texts $n:literal, $b:literal) => {
        $crate::sql::Sql {
            sqlite: concat!($a, "(SELECT value FROM json_each($", $n, "))", $b),
            postgres: concat!($a, "(SELECT value FROM json_array_elements_text($", $n, "::json))", $b),
        }
    };
}

pub(crate) use {sql, statements};
