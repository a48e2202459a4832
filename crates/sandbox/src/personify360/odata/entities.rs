//! Rows of entities from people, lists and stored rows.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::value::Value;
use crate::personify360::lists::List;
use crate::personify360::people::Person;
use crate::personify360::sandbox::Activity;
use crate::personify360::state::Row;

fn word(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A CustomerInfo.
pub(crate) fn customer(person: &Person) -> Row {
    vec![
        word(&person.master_customer_id),
        Value::Int(person.sub_customer_id.into()),
        word("I"),
        word(&person.first_name),
        word(&person.last_name),
        word(&person.label_name),
        word(if person.member_flag { "MEMBER" } else { "NONMEMBER" }),
        Value::optional(person.email.as_deref()),
        Value::Bool(person.allow_email),
        Value::Bool(person.allow_solicitation),
        Value::optional(person.job_title.as_deref()),
        Value::optional(person.company_name.as_deref()),
        word(&person.city),
        Value::optional(person.state.as_deref()),
        word(&person.country_code),
    ]
}

/// The e-mail address of a person as a CusCommunication, if there is one.
pub(crate) fn communication(person: &Person, active: bool) -> Option<Row> {
    let email = person.email.as_deref()?;
    Some(vec![
        word(&person.master_customer_id),
        Value::Int(person.sub_customer_id.into()),
        word("EMAIL"),
        word("WORK"),
        word(email),
        word(&person.country_code),
        Value::Bool(true),
        Value::Bool(active),
    ])
}

/// A MarketingList.
pub(crate) fn marketing_list(list: &List, count: u64) -> Row {
    vec![
        word(&list.code),
        word(&list.name),
        word(&list.description),
        Value::Bool(list.active),
        word(&list.regeneration_frequency),
        if list.generated { Value::Date(list.last_refreshed.as_millisecond()) } else { Value::Null },
        Value::Date(list.modified_on.as_millisecond()),
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
    ]
}

/// A MarketingListMember.
pub(crate) fn member(code: &str, person: &Person) -> Row {
    let since = person.member_since.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    vec![
        word(code),
        word(&person.master_customer_id),
        Value::Int(person.sub_customer_id.into()),
        Value::optional(person.email.as_deref()),
        Value::Bool(person.allow_email),
        Value::Bool(person.allow_solicitation),
        word(&person.first_name),
        word(&person.last_name),
        word(&person.label_name),
        Value::optional(person.job_title.as_deref()),
        Value::optional(person.company_name.as_deref()),
        word(&person.city),
        Value::optional(person.state.as_deref()),
        word(&person.country_code),
        since.map_or(Value::Null, |zoned| Value::Date(zoned.timestamp().as_millisecond())),
        Value::Bool(person.member_flag),
        person.member_number.map_or(Value::Null, Value::Int),
        Value::Decimal(person.dues_balance_cents),
    ]
}

/// A stored CusActivity row, for tests to look at.
pub(crate) fn activity(row: &[Value]) -> Activity {
    let text = |at: usize| row.get(at).map(Value::text).unwrap_or_default();
    Activity {
        id: row.first().and_then(Value::as_int).unwrap_or_default(),
        code: text(3),
        text: text(4),
        date: match row.get(5) {
            Some(Value::Date(millis)) => Timestamp::from_millisecond(*millis).ok(),
            _ => None,
        },
    }
}

/// A stored CusOptInOption row: code and whether opted in.
pub(crate) fn opt_in(row: &[Value]) -> (String, bool) {
    let code = row.get(3).map(Value::text).unwrap_or_default();
    (code, row.get(4).and_then(Value::as_bool).unwrap_or_default())
}
