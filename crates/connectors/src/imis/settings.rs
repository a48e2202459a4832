//! The settings of a bridge to iMIS.

use std::num::NonZeroU32;

use rialto_core::timing::{Timing, When};
use rialto_core::writeback::WritebackKind;
use secrecy::SecretString;
use url::Url;

use crate::FieldError;
use crate::catalogue;
use crate::form::{Entered, FormField, Input, plain_address};
use crate::names;

pub(super) const BASE_URL: &str = "base_url";

/// What can be written back to this kind.
pub(super) const WRITEBACKS: &[WritebackKind] =
    &[WritebackKind::Unsubscribe, WritebackKind::Resubscribe, WritebackKind::InvalidEmail, WritebackKind::Persona];

/// Longest path of a folder or a query, in characters.
pub(super) const PATH: usize = 255;

const REQUIRED: FormField =
    FormField { key: "", label: "", help: "", input: Input::Text, required: true, default: "", options: &[], advanced: false };

const fn text(key: &'static str, label: &'static str, help: &'static str, default: &'static str) -> FormField {
    FormField { key, label, help, input: Input::Text, required: false, default, options: &[], advanced: true }
}

const fn number(key: &'static str, label: &'static str, help: &'static str, default: &'static str) -> FormField {
    FormField { input: Input::Number, ..text(key, label, help, default) }
}

const fn choice(key: &'static str, label: &'static str, help: &'static str, options: &'static [&'static str]) -> FormField {
    FormField { input: Input::Choice, options, ..text(key, label, help, options[0]) }
}

const TYPE_HELP: &str = "Up to 20 letters, digits and underscores; the type has to be defined in iMIS.";

pub(super) static FORM: &[FormField] = &[
    FormField {
        key: BASE_URL,
        label: "Site root",
        help: "The address of the site, with its path if it has one, for example https://imis.example.org/Asi.Scheduler_Main",
        input: Input::Url,
        ..REQUIRED
    },
    FormField { advanced: false, ..choice("generation", "Generation", "ems for 20.3 and later, 2017 for 20.2.", &["ems", "2017"]) },
    FormField {
        advanced: false,
        ..text("lists_folder", "Folder of mailing lists", "Every IQA query in this folder is a list.", "$/HigherLogic/MailingLists")
    },
    text("column_email", "Column: e-mail address", "The alias under which queries show the address.", "Email"),
    text("communication_type", "Communication type", "Its name as iMIS shows it. Opting out of it means Do Not Email.", "Email"),
    choice(
        "without_preference",
        "Without a preference",
        "Whether people who chose nothing about that type may be mailed: as the site's own setting has it.",
        &["allowed", "refused"],
    ),
    choice(
        "unsubscribe_as",
        "A person's no is told as",
        "unsubscribe: once a day, as the activity of unsubscribing; opt_out: at once, as that of opting out. The preference is set either way.",
        &["unsubscribe", "opt_out"],
    ),
    text("activity_unsubscribe", "Activity type: unsubscribed", TYPE_HELP, "iUnsub"),
    text("activity_opt_out", "Activity type: opted out", TYPE_HELP, "iOptout"),
    text("activity_resubscribe", "Activity type: subscribed again", TYPE_HELP, "iResub"),
    text("activity_invalid_email", "Activity type: invalid email address", TYPE_HELP, "iBadEmail"),
    text("activity_types_table", "General table of activity types", "Where the types that exist are listed.", "ACTIVITY_TYPE"),
    text("persona_table", "Table of personas", "The user-defined table, by its exact name.", "INFORMZ_PERSONA"),
    number("page_rows", "Rows per page", "How many people one request reads: 1 to 500.", "500"),
    number("requests_per_second", "Requests per second", "At most so many requests each second: 1 to 5,000.", "20"),
];

pub(super) static SECRETS: &[FormField] = &[
    FormField { key: "username", label: "User name", help: "An iMIS user that Rialto signs in as.", input: Input::Secret, ..REQUIRED },
    FormField { key: "password", label: "Password", help: "The password of that user.", input: Input::Secret, ..REQUIRED },
];

/// The generation of the product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Generation {
    Ems,
    Y2017,
}

/// Settings that passed the check.
pub(super) struct Settings {
    /// Site root without a slash at its end.
    pub base: Url,
    pub generation: Generation,
    pub lists_folder: String,
    pub column_email: String,
    pub communication_type: String,
    /// Whether people without a preference may be mailed.
    pub allowed_without: bool,
    pub activities: ActivityTypes,
    pub activity_types_table: String,
    pub persona_table: String,
    pub page_rows: usize,
    pub requests_per_second: NonZeroU32,
    pub username: String,
    pub password: SecretString,
}

/// Activity types, one for each kind of writeback that leaves an activity.
pub(super) struct ActivityTypes {
    pub unsubscribe: String,
    pub resubscribe: String,
    pub invalid_email: String,
}

impl ActivityTypes {
    /// The type of a kind; `None` for kinds that leave no activity.
    pub(super) fn of(&self, kind: WritebackKind) -> Option<&str> {
        match kind {
            WritebackKind::Unsubscribe => Some(&self.unsubscribe),
            WritebackKind::Resubscribe => Some(&self.resubscribe),
            WritebackKind::InvalidEmail => Some(&self.invalid_email),
            WritebackKind::Interests | WritebackKind::MailingActivity | WritebackKind::Persona => None,
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> [&str; 3] {
        [&self.unsubscribe, &self.resubscribe, &self.invalid_email]
    }
}

const OPT_OUT: &str = "opt_out";

/// Once a day at one in the morning, Eastern; opting out at once (WB-18).
pub(super) fn timing(settings: &catalogue::Settings) -> Timing {
    let opt_out = settings.get("unsubscribe_as").is_some_and(|how| how.trim() == OPT_OUT);
    let kinds = [
        (WritebackKind::Unsubscribe, if opt_out { When::AtOnce } else { When::Daily }),
        (WritebackKind::Resubscribe, When::Daily),
        (WritebackKind::InvalidEmail, When::Daily),
    ];
    Timing { kinds: kinds.into(), at: "01:00".into(), timezone: "America/New_York".into() }
}

/// Every fault of the settings with its key.
pub(super) fn check(settings: &catalogue::Settings, secrets: &catalogue::Secrets) -> Vec<FieldError> {
    read(settings, secrets).err().unwrap_or_default()
}

/// Reads the settings, or lists all their faults.
pub(super) fn read(settings: &catalogue::Settings, secrets: &catalogue::Secrets) -> Result<Settings, Vec<FieldError>> {
    let mut form = Entered { form: FORM, settings, secrets, faults: Vec::new() };
    let base = form.address(BASE_URL, "Enter the address of the site.", site_root);
    let generation = if chosen(&mut form, "generation") == "2017" { Generation::Y2017 } else { Generation::Ems };
    let lists_folder = folder(&mut form, "lists_folder");
    let column_email = column(&mut form, "column_email");
    let communication_type = column(&mut form, "communication_type");
    let allowed_without = chosen(&mut form, "without_preference") == "allowed";
    let (unsubscribed, opted_out) = (named(&mut form, "activity_unsubscribe", 20), named(&mut form, "activity_opt_out", 20));
    let activities = ActivityTypes {
        unsubscribe: if chosen(&mut form, "unsubscribe_as") == OPT_OUT { opted_out } else { unsubscribed },
        resubscribe: named(&mut form, "activity_resubscribe", 20),
        invalid_email: named(&mut form, "activity_invalid_email", 20),
    };
    let activity_types_table = named(&mut form, "activity_types_table", 100);
    let persona_table = named(&mut form, "persona_table", 100);
    let page_rows = form.number("page_rows", 1..=500);
    let per_second = form.number("requests_per_second", 1..=5_000);
    let username = username(&mut form);
    let password = form.secret("password").map(|p| SecretString::from(p.to_owned()));
    match (base, NonZeroU32::new(per_second), username, password) {
        (Some(base), Some(requests_per_second), Some(username), Some(password)) if form.faults.is_empty() => Ok(Settings {
            base,
            generation,
            lists_folder,
            column_email,
            communication_type,
            allowed_without,
            activities,
            activity_types_table,
            persona_table,
            page_rows: usize::try_from(page_rows).unwrap_or(500),
            requests_per_second,
            username,
            password,
        }),
        _ => Err(form.faults),
    }
}

fn chosen<'a>(form: &mut Entered<'a>, key: &str) -> &'a str {
    let options = FORM.iter().find(|f| f.key == key).map_or(&[][..], |f| f.options);
    let value = form.value(key);
    if !options.contains(&value) {
        form.fault(key, &format!("Choose {}.", options.join(" or ")));
    }
    value
}

fn folder(form: &mut Entered<'_>, key: &str) -> String {
    let path = form.value(key).trim_end_matches('/');
    if !path.starts_with("$/") || names::key(path, PATH).is_none() {
        form.fault(key, "Enter the folder's path; it begins with $/ and has at most 255 characters.");
    }
    path.to_owned()
}

fn column(form: &mut Entered<'_>, key: &str) -> String {
    form.text(key, |name| names::key(name, 100).is_some(), "Use 1 to 100 characters, none of them a control character.")
}

fn named(form: &mut Entered<'_>, key: &str, most: usize) -> String {
    let fits = |name: &str| (1..=most).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    form.text(key, fits, &format!("Use 1 to {most} letters, digits and underscores."))
}

fn username(form: &mut Entered<'_>) -> Option<String> {
    let name = form.secret("username")?;
    if name.chars().any(char::is_control) {
        form.fault("username", "A user name holds no control characters.");
        return None;
    }
    Some(name.to_owned())
}

fn site_root(text: &str) -> Result<Url, &'static str> {
    let mut url = plain_address(text)?;
    let path = url.path().trim_end_matches('/').to_owned();
    if path.to_ascii_lowercase().ends_with("/api") || path.to_ascii_lowercase().ends_with("/token") {
        return Err("Enter the site root alone: /api and /token are added to it.");
    }
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

    const SIGN_IN: &[(&str, &str)] = &[("username", "u:v"), ("password", "p")];

    #[test]
    fn the_site_root_and_the_sign_in_are_enough() {
        for root in ["https://imis.example.org", "https://imis.example.org/", "https://imis.example.org/Asi.Scheduler_Main/"] {
            assert!(faults(&[("base_url", root)], SIGN_IN).is_empty(), "{root}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_keys() {
        let bad = [
            ("base_url", "https://imis.example.org/api"),
            ("generation", "10"),
            ("lists_folder", "Lists"),
            ("column_email", "a\u{7}b"),
            ("without_preference", "perhaps"),
            ("activity_resubscribe", "far too long for an activity"),
            ("persona_table", "A B"),
            ("page_rows", "501"),
            ("requests_per_second", "0"),
        ];
        let expected = [
            "base_url",
            "generation",
            "lists_folder",
            "column_email",
            "without_preference",
            "activity_resubscribe",
            "persona_table",
            "page_rows",
            "requests_per_second",
            "username",
            "password",
        ];
        assert_eq!(faults(&bad, &[("username", "a\u{0}")]), expected);
        assert_eq!(faults(&[], &[]), ["base_url", "username", "password"]);
    }

    #[test]
    fn addresses_that_are_no_site_root_are_refused() {
        for url in ["imis.example.org", "https://", "https://u:p@imis.example.org/", "https://imis.example.org/?a=1", "file:///etc/passwd"]
        {
            assert_eq!(faults(&[("base_url", url)], SIGN_IN), ["base_url"], "{url}");
        }
    }
}
