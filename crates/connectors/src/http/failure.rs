//! From statuses and broken connections to errors that say what to do, without repeating what a remote should not tell.

use std::error::Error;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use super::guard::Denied;
use super::retry::retry_after;
use super::shape::without_bom;
use crate::ConnectorError;
use rialto_core::Instant;

/// Longest part of a remote's own message that is shown, in characters.
const SNIPPET: usize = 200;

/// No answer, or not all of it. One text for all failures to connect: it does not tell open ports from closed ones.
pub(super) fn broken(error: &reqwest::Error, host: &str) -> ConnectorError {
    if let Some(denied) = denied(error) {
        return blocked(denied);
    }
    let detail = if error.is_connect() {
        format!("no connection to {host} could be made")
    } else if error.is_timeout() {
        format!("{host} did not answer in time")
    } else {
        format!("the connection to {host} broke before the answer was complete")
    };
    ConnectorError::Transient { detail }
}

/// The host may not be reached from this installation.
pub(super) fn blocked(denied: &Denied) -> ConnectorError {
    ConnectorError::Blocked { detail: denied.to_string() }
}

fn denied<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Denied> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(denied) = error.downcast_ref::<Denied>() {
            return Some(denied);
        }
        at = error.source();
    }
    None
}

/// The error for a status that is not a success. `body` is the beginning of the answer.
pub(super) fn refused(status: StatusCode, retry: Option<&str>, body: &[u8], secrets: &[SecretString], now: Instant) -> ConnectorError {
    let detail = describe(status, body, secrets);
    match status.as_u16() {
        400..=499 if is_bad_sign_in(body) => ConnectorError::Auth { detail },
        401 | 403 | 407 => ConnectorError::Auth { detail },
        // SOAP has one status for all faults; what the message was at fault for is no trouble that passes.
        500 if is_fault_of_the_message(body) => ConnectorError::Rejected { detail },
        429 => ConnectorError::Limited { retry_after: retry.and_then(|r| retry_after(r, now)) },
        408 | 425 | 500..=599 => ConnectorError::Transient { detail },
        300..=399 => ConnectorError::Protocol { detail: format!("a redirect (status {}), which is not followed", status.as_u16()) },
        400..=499 => ConnectorError::Rejected { detail },
        _ => ConnectorError::Protocol { detail: format!("status {}", status.as_u16()) },
    }
}

fn describe(status: StatusCode, body: &[u8], secrets: &[SecretString]) -> String {
    match message(body) {
        Some(text) => format!("status {}: {}", status.as_u16(), tidy(&text, secrets)),
        None => format!("status {}", status.as_u16()),
    }
}

/// The remote's own message out of an error document of a data service (XML or JSON), or a short plain text.
fn message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(without_bom(body));
    let text = text.trim();
    if text.starts_with('{') {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        if let Some(words) = plain_message(&value) {
            return Some(words);
        }
        let error = value.get("error").or_else(|| value.get("odata.error"))?;
        let message = error.get("message")?;
        let words = message.get("value").unwrap_or(message);
        return words.as_str().map(str::to_owned);
    }
    if text.starts_with('<') {
        let (_, rest) = text.split_once("<message").or_else(|| text.split_once("<faultstring"))?;
        let (inner, _) = rest.split_once('>')?.1.split_once('<')?;
        return quick_xml::escape::unescape(inner).ok().map(|t| t.into_owned());
    }
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether a SOAP fault says that the message is to blame, or asks for what the service does not do.
fn is_fault_of_the_message(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<faultcode").and_then(|(_, rest)| rest.split_once('>')?.1.split_once('<'));
    let code = code.map_or("", |(code, _)| code.rsplit(':').next().unwrap_or_default().trim());
    matches!(code, "Client" | "ActionNotSupported" | "DeserializationFailed" | "MustUnderstand" | "VersionMismatch")
}

/// A token service's refusal of who asks (RFC 6749 section 5.2), which has the status 400.
fn is_bad_sign_in(body: &[u8]) -> bool {
    let error =
        serde_json::from_slice::<serde_json::Value>(without_bom(body)).ok().and_then(|v| v.get("error")?.as_str().map(str::to_owned));
    error.is_some_and(|e| matches!(e.as_str(), "invalid_grant" | "invalid_client" | "unauthorized_client"))
}

/// The message of a token service, of validation results, or of a web API.
fn plain_message(value: &serde_json::Value) -> Option<String> {
    let validation = || value.get("Errors")?.get("$values")?.get(0)?.get("Message");
    let words = value.get("error_description").or_else(validation).or_else(|| value.get("Message"))?;
    words.as_str().map(str::to_owned)
}

/// One line of printable text, bounded, without what was used to sign in.
fn tidy(text: &str, secrets: &[SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().map(|s| s.expose_secret()).filter(|s| s.len() >= 4) {
        text = text.replace(secret, "…");
    }
    let plain: String = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split(' ').filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(SNIPPET).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> ConnectorError {
        let secrets = ["hunter22".to_owned().into()];
        refused(StatusCode::from_u16(status).unwrap(), None, body.as_bytes(), &secrets, Instant::default())
    }

    #[test]
    fn statuses_become_classes() {
        let cases = [
            (401, "auth"),
            (403, "auth"),
            (429, "limited"),
            (400, "rejected"),
            (404, "rejected"),
            (409, "rejected"),
            (422, "rejected"),
            (408, "transient"),
            (500, "transient"),
            (503, "transient"),
            (302, "protocol"),
        ];
        for (status, kind) in cases {
            assert_eq!(error(status, "").kind(), kind, "{status}");
        }
    }

    #[test]
    fn the_remotes_own_words_are_kept_short_clean_and_without_secrets() {
        let xml = "<error xmlns=\"x\"><code/><message xml:lang=\"en-US\">Could not find &apos;usr_X&apos;.</message></error>";
        assert!(error(404, xml).to_string().ends_with("status 404: Could not find 'usr_X'."));
        let json = r#"{"error":{"code":"","message":{"lang":"en-US","value":"bad\u0007 hunter22\nfilter"}}}"#;
        assert!(error(400, json).to_string().ends_with("status 400: bad … filter"));
        let fault = |code: &str| {
            format!(
                "<s:Envelope><s:Fault><faultcode xmlns:a=\"x\">{code}</faultcode><faultstring xml:lang=\"en\">No &lt;such&gt;</faultstring></s:Fault></s:Envelope>"
            )
        };
        assert!(error(500, &fault("a:ActionNotSupported")).to_string().ends_with("refused the request: status 500: No <such>"));
        assert_eq!(error(500, &fault("s:Server")).kind(), "transient");
        let validation = r#"{"$type":"x","Errors":{"$type":"y","$values":[{"Message":"Too long."}]}}"#;
        assert!(error(400, validation).to_string().ends_with("status 400: Too long."));
        let sign_in = error(400, r#"{"error":"invalid_grant","error_description":"Wrong."}"#);
        assert!(sign_in.kind() == "auth" && sign_in.to_string().ends_with("status 400: Wrong."));
        assert!(error(503, &"x".repeat(9_000)).to_string().len() < 300);
        assert!(error(500, "<html><body>secret page</body></html>").to_string().ends_with("status 500"));
    }
}
