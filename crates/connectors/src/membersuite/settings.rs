//! The settings of a bridge to MemberSuite.

use std::num::NonZeroU32;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::sign;
use crate::FieldError;
use crate::catalogue;
use crate::form::{Entered, FormField, Input, plain_address};

pub(super) const BASE_URL: &str = "base_url";

const REQUIRED: FormField =
    FormField { key: "", label: "", help: "", input: Input::Text, required: true, default: "", options: &[], advanced: false };

const fn more(key: &'static str, label: &'static str, help: &'static str, input: Input, default: &'static str) -> FormField {
    FormField { key, label, help, input, required: false, default, options: &[], advanced: true }
}

pub(super) static FORM: &[FormField] = &[
    FormField {
        key: BASE_URL,
        label: "Address of the API",
        help: "The address of the Concierge API, for example https://soap.membersuite.com/",
        input: Input::Url,
        ..REQUIRED
    },
    FormField {
        key: "association_id",
        label: "Association ID",
        help: "The ID of your association, as MemberSuite shows it beside the access keys.",
        ..REQUIRED
    },
    FormField { key: "access_key_id", label: "Access key ID", help: "The name of the access key that Rialto signs with.", ..REQUIRED },
    FormField {
        advanced: false,
        ..more(
            "individual_fields",
            "Fields of individuals",
            "Names of fields to use in mailings, with commas between them, as the API names them: your own end in __c. EmailAddress is always there.",
            Input::Text,
            "FirstName, LastName, Nickname, Title, LocalID",
        )
    },
    FormField {
        options: &["no", "yes"],
        ..more(
            NEW_PEOPLE,
            "New people start opted in to all",
            "MemberSuite keeps who opted out of a message category, not who wants it. With no, an interest gets only people who chose it themselves: \
             consent has to be given, and not having said no is no consent. With yes, everybody who did not opt out has it, as MemberSuite's own \
             pages show. Going back to no takes nobody out who is in.",
            Input::Choice,
            "no",
        )
    },
    more("activity_type", "Activity type", "Code or name of the type of the activities that are written back.", Input::Text, "Rialto"),
    more("activity_status", "Activity status", "Code or name of the status of these activities.", Input::Text, "Complete"),
    more("page_rows", "Rows per page", "How many people one request reads: 50 to 400.", Input::Number, "400"),
    more("requests_per_second", "Requests per second", "At most so many requests each second: 1 to 5,000.", Input::Number, "10"),
];

pub(super) static SECRETS: &[FormField] = &[FormField {
    key: "secret_access_key",
    label: "Secret access key",
    help: "The key itself, in Base64, as MemberSuite showed it once.",
    input: Input::Secret,
    ..REQUIRED
}];

const NEW_PEOPLE: &str = "new_people_opted_in";

/// Whether whoever did not opt out of a category has it.
pub(super) fn opts_new_people_in(settings: &catalogue::Settings) -> bool {
    settings.get(NEW_PEOPLE).is_some_and(|value| value.trim() == "yes")
}

/// Longest name of a field, type or status.
const NAME: usize = 100;
/// Most fields: a page holds so many cells for each of its rows.
const FIELDS: usize = 100;

/// Columns that every read has, whichever fields are named.
pub(super) const ID: &str = "ID";
pub(super) const ADDRESS: &str = "EmailAddress";
pub(super) const DO_NOT_EMAIL: &str = "DoNotEmail";

/// Settings that passed the check.
pub(super) struct Settings {
    pub base: Url,
    pub association_id: String,
    pub access_key_id: String,
    /// The address first, then those that were named.
    pub fields: Vec<String>,
    pub activity_type: String,
    pub activity_status: String,
    pub page_rows: usize,
    pub requests_per_second: NonZeroU32,
    pub secret: SecretString,
    pub key: Zeroizing<Vec<u8>>,
}

/// Every fault of the settings with its key.
pub(super) fn check(settings: &catalogue::Settings, secrets: &catalogue::Secrets) -> Vec<FieldError> {
    read(settings, secrets).err().unwrap_or_default()
}

/// Reads the settings, or lists all their faults.
pub(super) fn read(settings: &catalogue::Settings, secrets: &catalogue::Secrets) -> Result<Settings, Vec<FieldError>> {
    let mut form = Entered { form: FORM, settings, secrets, faults: Vec::new() };
    let base = form.address(BASE_URL, "Enter the address of the API.", plain_address);
    let association_id = id(&mut form, "association_id");
    let access_key_id = id(&mut form, "access_key_id");
    let fields = fields(&mut form);
    let activity_type = named(&mut form, "activity_type");
    let activity_status = named(&mut form, "activity_status");
    form.text(NEW_PEOPLE, |value| matches!(value, "yes" | "no"), "Choose yes or no.");
    let page_rows = form.number("page_rows", 50..=400);
    let per_second = form.number("requests_per_second", 1..=5_000);
    let secret = secrets.get("secret_access_key").filter(|s| !s.expose_secret().trim().is_empty());
    let key = secret.and_then(sign::key);
    match (secret, &key) {
        (None, _) => form.fault("secret_access_key", "Enter a value."),
        (Some(_), None) => form.fault("secret_access_key", "This is no key: it has to be Base64, as MemberSuite showed it."),
        _ => {}
    }
    match (base, NonZeroU32::new(per_second), secret, key) {
        (Some(base), Some(requests_per_second), Some(secret), Some(key)) if form.faults.is_empty() => Ok(Settings {
            base,
            association_id,
            access_key_id,
            fields,
            activity_type,
            activity_status,
            page_rows: usize::try_from(page_rows).unwrap_or(400),
            requests_per_second,
            secret: secret.clone(),
            key,
        }),
        _ => Err(form.faults),
    }
}

/// It stands in the header of every call.
fn id(form: &mut Entered<'_>, key: &str) -> String {
    let id = form.value(key);
    if id.is_empty() {
        form.fault(key, "Enter a value.");
    } else if id.len() > NAME || !id.bytes().all(|b| b.is_ascii_graphic()) {
        form.fault(key, "Use up to 100 letters, digits and signs, without spaces.");
    }
    id.to_owned()
}

fn named(form: &mut Entered<'_>, key: &str) -> String {
    form.text(key, |name| name.chars().count() <= NAME && !name.chars().any(char::is_control), "Use up to 100 characters.")
}

fn fields(form: &mut Entered<'_>) -> Vec<String> {
    let mut fields = vec![ADDRESS.to_owned()];
    for name in form.value("individual_fields").split([',', '\n', ';']).map(str::trim).filter(|name| !name.is_empty()) {
        if name.len() > NAME || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            form.fault("individual_fields", "Names of fields are up to 100 letters, digits and underscores, with commas between them.");
            return fields;
        }
        if !fields.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            fields.push(name.to_owned());
        }
    }
    if fields.len() > FIELDS {
        form.fault("individual_fields", "Name at most 99 fields.");
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Vec<String> {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let secrets = secrets.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from((*v).to_owned()))).collect();
        check(&settings, &secrets).into_iter().map(|f| f.field).collect()
    }

    const GOOD: &[(&str, &str)] = &[("base_url", "https://soap.example/"), ("association_id", "a-1"), ("access_key_id", "K")];
    const KEY: &[(&str, &str)] = &[("secret_access_key", "AAAA")];

    #[test]
    fn address_association_and_key_are_enough() {
        assert!(faults(GOOD, KEY).is_empty());
        let with = |fields: &str| {
            let settings = GOOD.iter().chain(&[("individual_fields", fields)]).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            read(&settings, &[("secret_access_key".to_owned(), SecretString::from("AAAA".to_owned()))].into()).map(|s| s.fields)
        };
        assert_eq!(with("LastName,emailaddress, Region__c,LASTNAME").unwrap_or_default(), ["EmailAddress", "LastName", "Region__c"]);
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_keys() {
        let bad = [
            ("base_url", "ftp://soap.example/"),
            ("association_id", "a b"),
            ("access_key_id", ""),
            ("individual_fields", "FirstName, Käse"),
            ("activity_type", "a\u{7}b"),
            ("new_people_opted_in", "maybe"),
            ("page_rows", "401"),
            ("requests_per_second", "0"),
        ];
        let expected = [
            "base_url",
            "association_id",
            "access_key_id",
            "individual_fields",
            "activity_type",
            "new_people_opted_in",
            "page_rows",
            "requests_per_second",
            "secret_access_key",
        ];
        assert_eq!(faults(&bad, &[("secret_access_key", "no base64 at all")]), expected);
        assert_eq!(faults(&[], &[]), ["base_url", "association_id", "access_key_id", "secret_access_key"]);
    }

    #[test]
    fn addresses_that_are_no_service_are_refused() {
        for url in ["soap.example", "https://", "https://u:p@soap.example/", "https://soap.example/?a=1", "javascript:alert(1)"] {
            let settings: Vec<_> = GOOD.iter().map(|(k, v)| if *k == "base_url" { (*k, url) } else { (*k, *v) }).collect();
            assert_eq!(faults(&settings, KEY), ["base_url"], "{url}");
        }
    }
}
