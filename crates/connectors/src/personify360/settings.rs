//! The settings of a bridge to Personify360.

use std::num::NonZeroU32;

use rialto_core::writeback::WritebackKind;
use secrecy::SecretString;
use url::Url;

use crate::FieldError;
use crate::catalogue;
use crate::form::{Entered, FormField, Input, plain_address};

pub(super) const BASE_URL: &str = "base_url";

/// What can be written back to this kind.
pub(super) const WRITEBACKS: &[WritebackKind] = &[
    WritebackKind::Unsubscribe,
    WritebackKind::Resubscribe,
    WritebackKind::InvalidEmail,
    WritebackKind::Interests,
    WritebackKind::MailingActivity,
];

const REQUIRED: FormField =
    FormField { key: "", label: "", help: "", input: Input::Text, required: true, default: "", options: &[], advanced: false };

const fn name(key: &'static str, label: &'static str, default: &'static str) -> FormField {
    FormField {
        key,
        label,
        help: "Letters, digits and underscores. Change it only if the administrator chose another name.",
        input: Input::Text,
        required: false,
        default,
        options: &[],
        advanced: true,
    }
}

const fn code(key: &'static str, label: &'static str, default: &'static str) -> FormField {
    FormField { help: "Up to 24 capital letters, digits and underscores, beginning with RIALTO_.", ..name(key, label, default) }
}

const fn number(key: &'static str, label: &'static str, help: &'static str, default: &'static str) -> FormField {
    FormField { key, label, help, input: Input::Number, required: false, default, options: &[], advanced: true }
}

pub(super) static FORM: &[FormField] = &[
    FormField {
        key: BASE_URL,
        label: "Service root",
        help: "The address of the data services, for example https://crm.example.org/PersonifyDataServices/PersonifyData.svc",
        input: Input::Url,
        ..REQUIRED
    },
    FormField {
        key: "lists_via",
        label: "Read lists through",
        help: "Stored procedures are made by the set-up script; entity sets are made in the Web Service Designer.",
        input: Input::Choice,
        required: false,
        default: "procedures",
        options: &["procedures", "entity_set"],
        advanced: true,
    },
    name("procedure_lists", "Procedure: lists", "usr_Rialto_Lists"),
    name("procedure_fields", "Procedure: fields", "usr_Rialto_Fields"),
    name("procedure_list_members", "Procedure: list members", "usr_Rialto_ListMembers"),
    name("procedure_activities", "Procedure: activities", "usr_Rialto_Activities"),
    name("procedure_codes", "Procedure: activity codes", "usr_Rialto_Codes"),
    name("procedure_interests", "Procedure: interests", "usr_Rialto_Interests"),
    name("procedure_interests_of", "Procedure: interests of a person", "usr_Rialto_InterestsOf"),
    name("procedure_interest_members", "Procedure: people of an interest", "usr_Rialto_InterestMembers"),
    name("entity_set_lists", "Entity set: lists", "MarketingLists"),
    name("entity_set_list_members", "Entity set: list members", "MarketingListMembers"),
    name("entity_set_customers", "Entity set: constituents", "CustomerInfos"),
    name("entity_set_opt_ins", "Entity set: opt-in answers", "CusOptInOptions"),
    name("entity_set_demographics", "Entity set: demographics", "CusDemographics"),
    name("entity_customer", "Entity: constituent", "CustomerInfo"),
    name("entity_activity", "Entity: activity", "CusActivity"),
    name("entity_opt_in", "Entity: opt-in answer", "CusOptInOption"),
    name("entity_demographic", "Entity: demographic", "CusDemographic"),
    code("code_unsubscribe", "Activity code: unsubscribed", "RIALTO_UNSUB"),
    code("code_resubscribe", "Activity code: subscribed again", "RIALTO_RESUB"),
    code("code_invalid_email", "Activity code: invalid email address", "RIALTO_BADEMAIL"),
    code("code_mailing", "Activity code: mailing", "RIALTO_MAILING"),
    code("code_interest", "Activity code: interests", "RIALTO_INTEREST"),
    number("page_rows", "Rows per page", "How many people one request reads: 100 to 20,000.", "5000"),
    number("requests_per_second", "Requests per second", "At most so many requests each second: 1 to 5,000.", "20"),
];

pub(super) static SECRETS: &[FormField] = &[
    FormField {
        key: "username",
        label: "User name",
        help: "A Personify user that Rialto signs in with.",
        input: Input::Secret,
        ..REQUIRED
    },
    FormField { key: "password", label: "Password", help: "The password of that user.", input: Input::Secret, ..REQUIRED },
];

/// How lists and their members are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListsVia {
    Procedures,
    EntitySet,
}

/// Settings that passed the check.
pub(super) struct Settings {
    /// Service root without a slash at its end.
    pub base: Url,
    pub lists_via: ListsVia,
    pub procedures: Procedures,
    pub entity_sets: EntitySets,
    pub entities: Entities,
    pub codes: Codes,
    pub page_rows: u32,
    pub requests_per_second: NonZeroU32,
    pub username: String,
    pub password: SecretString,
}

pub(super) struct Procedures {
    pub lists: String,
    pub fields: String,
    pub list_members: String,
    pub activities: String,
    pub codes: String,
    pub interests: String,
    pub interests_of: String,
    pub interest_members: String,
}

/// Names of entities, which are written one by one.
pub(super) struct Entities {
    pub customer: String,
    pub activity: String,
    pub opt_in: String,
    pub demographic: String,
}

/// Activity codes, one for each kind of writeback.
pub(super) struct Codes {
    pub unsubscribe: String,
    pub resubscribe: String,
    pub invalid_email: String,
    pub mailing: String,
    pub interest: String,
}

impl Codes {
    pub(super) fn of(&self, kind: WritebackKind) -> &str {
        match kind {
            WritebackKind::Unsubscribe => &self.unsubscribe,
            WritebackKind::Resubscribe => &self.resubscribe,
            WritebackKind::InvalidEmail => &self.invalid_email,
            WritebackKind::Interests => &self.interest,
            WritebackKind::MailingActivity => &self.mailing,
            // Refused before any code is asked for.
            WritebackKind::Persona => "",
        }
    }
}

pub(super) struct EntitySets {
    pub lists: String,
    pub list_members: String,
    pub customers: String,
    pub opt_ins: String,
    pub demographics: String,
}

/// Every fault of the settings with its key.
pub(super) fn check(settings: &catalogue::Settings, secrets: &catalogue::Secrets) -> Vec<FieldError> {
    read(settings, secrets).err().unwrap_or_default()
}

/// Reads the settings, or lists all their faults.
pub(super) fn read(settings: &catalogue::Settings, secrets: &catalogue::Secrets) -> Result<Settings, Vec<FieldError>> {
    let mut form = Entered { form: FORM, settings, secrets, faults: Vec::new() };
    let base = form.address(BASE_URL, "Enter the address of the data services.", service_root);
    let lists_via = lists_via(&mut form);
    let procedures = Procedures {
        lists: named(&mut form, "procedure_lists"),
        fields: named(&mut form, "procedure_fields"),
        list_members: named(&mut form, "procedure_list_members"),
        activities: named(&mut form, "procedure_activities"),
        codes: named(&mut form, "procedure_codes"),
        interests: named(&mut form, "procedure_interests"),
        interests_of: named(&mut form, "procedure_interests_of"),
        interest_members: named(&mut form, "procedure_interest_members"),
    };
    let entity_sets = EntitySets {
        lists: named(&mut form, "entity_set_lists"),
        list_members: named(&mut form, "entity_set_list_members"),
        customers: named(&mut form, "entity_set_customers"),
        opt_ins: named(&mut form, "entity_set_opt_ins"),
        demographics: named(&mut form, "entity_set_demographics"),
    };
    let entities = Entities {
        customer: named(&mut form, "entity_customer"),
        activity: named(&mut form, "entity_activity"),
        opt_in: named(&mut form, "entity_opt_in"),
        demographic: named(&mut form, "entity_demographic"),
    };
    let codes = Codes {
        unsubscribe: activity_code(&mut form, "code_unsubscribe"),
        resubscribe: activity_code(&mut form, "code_resubscribe"),
        invalid_email: activity_code(&mut form, "code_invalid_email"),
        mailing: activity_code(&mut form, "code_mailing"),
        interest: activity_code(&mut form, "code_interest"),
    };
    let page_rows = form.number("page_rows", 100..=20_000);
    let per_second = form.number("requests_per_second", 1..=5_000);
    let username = username(&mut form);
    let password = form.secret("password").map(|p| SecretString::from(p.to_owned()));
    match (base, NonZeroU32::new(per_second), username, password) {
        (Some(base), Some(requests_per_second), Some(username), Some(password)) if form.faults.is_empty() => {
            Ok(Settings { base, lists_via, procedures, entity_sets, entities, codes, page_rows, requests_per_second, username, password })
        }
        _ => Err(form.faults),
    }
}

fn lists_via(form: &mut Entered<'_>) -> ListsVia {
    match form.value("lists_via") {
        "procedures" => ListsVia::Procedures,
        "entity_set" => ListsVia::EntitySet,
        _ => {
            form.fault("lists_via", "Choose procedures or entity_set.");
            ListsVia::Procedures
        }
    }
}

fn named(form: &mut Entered<'_>, key: &str) -> String {
    let fits = |name: &str| (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    form.text(key, fits, "Use 1 to 128 letters, digits and underscores.")
}

/// Read-before-write finds activities by the beginning of their code, and so must every name of one.
fn activity_code(form: &mut Entered<'_>, key: &str) -> String {
    let plain = |code: &str| code.len() <= 24 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let fits = |code: &str| plain(code) && code.strip_prefix("RIALTO_").is_some_and(|rest| !rest.is_empty());
    form.text(key, fits, "Use up to 24 capital letters, digits and underscores, beginning with RIALTO_.")
}

fn username(form: &mut Entered<'_>) -> Option<String> {
    let name = form.secret("username")?;
    if name.contains(':') || name.chars().any(char::is_control) {
        form.fault("username", "A user name holds no colon and no control characters.");
        return None;
    }
    Some(name.to_owned())
}

fn service_root(text: &str) -> Result<Url, &'static str> {
    let mut url = plain_address(text)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Vec<String> {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let secrets = secrets.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from((*v).to_owned()))).collect();
        check(&settings, &secrets).into_iter().map(|f| f.field).collect()
    }

    const SIGN_IN: &[(&str, &str)] = &[("username", "u"), ("password", "p")];

    #[test]
    fn the_address_and_the_sign_in_are_enough() {
        assert!(faults(&[("base_url", "https://crm.example/x.svc/")], SIGN_IN).is_empty());
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_keys() {
        let bad = [
            ("base_url", "ftp://crm.example/"),
            ("lists_via", "carrier pigeon"),
            ("procedure_lists", "a b"),
            ("procedure_activities", "x;--"),
            ("page_rows", "99"),
            ("requests_per_second", "0"),
            ("entity_set_lists", "Käse"),
            ("code_interest", "INTEREST"),
            ("code_mailing", "RIALTO_"),
        ];
        let found = faults(&bad, &[("username", "a:b")]);
        let expected = [
            "base_url",
            "lists_via",
            "procedure_lists",
            "procedure_activities",
            "entity_set_lists",
            "code_mailing",
            "code_interest",
            "page_rows",
            "requests_per_second",
            "username",
            "password",
        ];
        assert_eq!(found, expected);
        assert_eq!(faults(&[], &[]), ["base_url", "username", "password"]);
    }

    #[test]
    fn addresses_that_are_no_service_root_are_refused() {
        for url in [
            "crm.example",
            "https://",
            "https://u:p@crm.example/",
            "https://crm.example/?a=1",
            "https://crm.example/#x",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert_eq!(faults(&[("base_url", url)], SIGN_IN), ["base_url"], "{url}");
        }
    }
}
