//! The signature that every call bears.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

/// Most bytes of a key; a real one has 64.
const KEY: usize = 256;

/// The key behind a secret access key, which is Base64.
pub(super) fn key(secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(STANDARD.decode(secret.expose_secret().trim()).ok()?);
    (1..=KEY).contains(&key.len()).then_some(key)
}

/// Base64 of HMAC-SHA1 over the action, the association's id, and the session's id where there is one.
pub(super) fn signature(key: &[u8], action: &str, association: &str, session: &str) -> String {
    // A key of any length is one: longer ones are hashed first.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return String::new() };
    for part in [action, association, session] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "http://membersuite.com/contracts/IConciergeAPIService/WhoAmI";
    const ASSOCIATION: &str = "00000000-0000-0000-0000-000000000000";

    /// The vendor's own example: 64 zero bytes as the key.
    #[test]
    fn the_published_test_vector_is_met() {
        let key = key(&SecretString::from(["A".repeat(86).as_str(), "=="].concat())).unwrap();
        assert_eq!(key.len(), 64);
        let with = signature(&key, ACTION, ASSOCIATION, "11111111-1111-1111-1111-111111111111");
        assert_eq!(with, "2zsMYdHb/MJUeTjv5cQl5pBuIqU=");
        assert_eq!(signature(&key, ACTION, ASSOCIATION, ""), "3ASonLeAEjuwUQFRvJGj2knPJlI=");
    }

    #[test]
    fn what_is_no_base64_is_no_key() {
        for bad in ["", "???", "abc", &"AAAA".repeat(100)] {
            assert!(key(&SecretString::from(bad.to_owned())).is_none(), "{bad}");
        }
    }
}
