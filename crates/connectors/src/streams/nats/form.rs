//! What is asked for a connection to NATS, and how it is read.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::FieldError;
use crate::catalogue::{Secrets, Settings};
use crate::form::{Entered, FormField, Input, plain_address};

const NAME: usize = 200;

const fn text(key: &'static str, label: &'static str, help: &'static str, required: bool, advanced: bool) -> FormField {
    FormField { key, label, help, input: Input::Text, required, default: "", options: &[], advanced }
}

const fn secret(key: &'static str, label: &'static str, help: &'static str, input: Input) -> FormField {
    FormField { key, label, help, input, required: false, default: "", options: &[], advanced: false }
}

pub(super) const SETTINGS: &[FormField] = &[
    text("address", "Address", "Such as nats://broker.example.org:4222, or tls:// where the connection is encrypted.", true, false),
    text("stream", "Stream", "The JetStream stream that holds the events.", true, false),
    text(
        "subjects",
        "Subjects",
        "Only messages of these subjects, with commas between them, such as loyalty.north. Empty: all of the stream.",
        false,
        false,
    ),
    text("user", "User name", "Where the broker asks for one.", false, false),
    text("consumer", "Consumer", "Name of the durable consumer that keeps Rialto's place. Empty: one of Rialto's own.", false, true),
    FormField {
        key: "monitor",
        label: "Monitoring address",
        help: "The broker's HTTP monitoring, such as http://broker.example.org:8222: it tells whether the broker syncs before it acknowledges.",
        input: Input::Url,
        required: false,
        default: "",
        options: &[],
        advanced: true,
    },
];

pub(super) const SECRETS: &[FormField] = &[
    secret("password", "Password", "Goes with the user name.", Input::Secret),
    secret("token", "Token", "Where the broker is opened by a token.", Input::Secret),
    secret("creds", "Credentials", "The content of a .creds file.", Input::SecretLines),
];

/// Settings that make sense together.
pub(super) struct Read {
    /// `nats` or `tls`.
    pub url: Url,
    pub stream: String,
    pub subjects: Vec<String>,
    /// Empty for Rialto's own.
    pub consumer: String,
    pub user: String,
    pub password: Option<SecretString>,
    pub token: Option<SecretString>,
    pub creds: Option<SecretString>,
    pub monitor: Option<Url>,
}

pub(super) fn read(settings: &Settings, secrets: &Secrets) -> Result<Read, Vec<FieldError>> {
    let mut entered = Entered { form: SETTINGS, settings, secrets, faults: Vec::new() };
    let url = entered.address("address", "Enter the broker's address.", broker);
    let stream = entered.text("stream", is_name, "Enter the stream's name: letters, digits and signs other than . * > / \\ and spaces.");
    let consumer = entered.text("consumer", |n| n.is_empty() || is_name(n), "A consumer's name has no . * > / \\ and no spaces.");
    let subjects: Vec<String> = entered.value("subjects").split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    if subjects.len() > 50 || !subjects.iter().all(|s| is_subject(s)) {
        entered.fault(
            "subjects",
            "Enter at most 50 subjects, with commas between them: words joined by dots, * for one word, > for the rest.",
        );
    }
    let monitor = match entered.value("monitor") {
        "" => None,
        _ => entered.address("monitor", "", plain_address),
    };
    let of = |key: &str| secrets.get(key).filter(|s| !s.expose_secret().is_empty()).cloned();
    let (password, token, creds) = (of("password"), of("token"), of("creds"));
    let user = entered.text("user", |u| u.len() <= NAME, "Enter at most 200 characters.");
    if user.is_empty() && password.is_some() {
        entered.fault("user", "A password goes with a user name.");
    }
    if [password.is_some() || !user.is_empty(), token.is_some(), creds.is_some()].into_iter().filter(|set| *set).count() > 1 {
        entered.fault("token", "Sign in one way: by user name and password, by a token, or by credentials.");
    }
    match (url, entered.faults) {
        (Some(url), faults) if faults.is_empty() => Ok(Read { url, stream, subjects, consumer, user, password, token, creds, monitor }),
        (_, faults) => Err(faults),
    }
}

fn broker(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "Enter an address such as nats://broker.example.org:4222.")?;
    if !matches!(url.scheme(), "nats" | "tls") {
        return Err("The address begins with nats:// or tls://.");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("The address names no host.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Leave user names, passwords and tokens out of the address; they have fields of their own.");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("The address ends with the host and its port.");
    }
    Ok(url)
}

fn is_name(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    (1..=NAME).contains(&name.len()) && !name.contains(odd)
}

fn is_subject(subject: &str) -> bool {
    let words: Vec<&str> = subject.split('.').collect();
    let last = words.len().saturating_sub(1);
    let fits = |(at, word): (usize, &&str)| match *word {
        "" => false,
        "*" => true,
        ">" => at == last,
        word => !word.contains(|c: char| c.is_whitespace() || c.is_control() || "*>".contains(c)),
    };
    subject.len() <= NAME && words.iter().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Vec<String> {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let secrets = secrets.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from(*v))).collect();
        read(&settings, &secrets).map_or_else(|all| all.into_iter().map(|f| f.field).collect(), |_| Vec::new())
    }

    #[test]
    fn what_cannot_be_is_told_by_its_field() {
        let good = [("address", "nats://broker.example.org:4222"), ("stream", "LOYALTY"), ("subjects", "loyalty.north, loyalty.*.x,a.>")];
        assert!(faults(&good, &[]).is_empty());
        assert!(faults(&[good[0], good[1], ("user", "u")], &[("password", "p")]).is_empty());
        assert_eq!(faults(&[], &[]), ["address", "stream"]);
        for address in ["http://b", "nats://", "nats://u:p@b", "nats://b/x", "b:4222", "nats://b?x=1"] {
            assert_eq!(faults(&[("address", address), good[1]], &[]), ["address"], "{address}");
        }
        for subjects in ["a..b", "a.>.b", "a b", ".", &"a,".repeat(51), "a*"] {
            assert_eq!(faults(&[good[0], good[1], ("subjects", subjects)], &[]), ["subjects"], "{subjects}");
        }
        assert_eq!(
            faults(&[good[0], ("stream", "a.b"), ("consumer", "x y"), ("monitor", "ftp://b")], &[]),
            ["stream", "consumer", "monitor"]
        );
        assert_eq!(faults(&good, &[("password", "p")]), ["user"]);
        assert_eq!(faults(&good, &[("token", "t"), ("creds", "c")]), ["token"]);
    }
}
