//! The signature that every call bears.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// Base64 of HMAC-SHA1 over the action, the association and the session, if there is one, by the decoded secret. `None` when the
/// secret is no Base64.
pub(crate) fn signature(secret: &str, action: &str, association: &str, session: &str) -> Option<String> {
    let key = STANDARD.decode(secret).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).ok()?;
    mac.update([action, association, session].concat().as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_published_vector_holds() {
        let secret = ["A".repeat(86).as_str(), "=="].concat();
        let action = "http://membersuite.com/contracts/IConciergeAPIService/WhoAmI";
        let (association, session) = ("00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111");
        assert_eq!(signature(&secret, action, association, session).as_deref(), Some("2zsMYdHb/MJUeTjv5cQl5pBuIqU="));
        assert_eq!(signature(&secret, action, association, "").as_deref(), Some("3ASonLeAEjuwUQFRvJGj2knPJlI="));
        assert_eq!(signature("?", action, association, ""), None);
    }
}
