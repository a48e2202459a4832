//! Bridge secrets at rest: XChaCha20-Poly1305 with a random nonce; the key comes from file or environment, never from here.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rialto_core::Random;
use rialto_core::preference::{self, Link};

use crate::error::StoreError;

const NONCE: usize = 24;

/// Seals and opens secrets. `Debug` shows nothing.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    key_id: String,
    mac_key: [u8; 32],
    link_key: [u8; 32],
    random: Random,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.key_id)
    }
}

impl Vault {
    pub fn new(key: [u8; 32], random: Random) -> Self {
        let derive = |purpose: &str| rialto_core::hash::keyed(&key, purpose.as_bytes());
        let key_id = derive("key id").iter().take(4).map(|b| format!("{b:02x}")).collect();
        let cipher = XChaCha20Poly1305::new(&Key::from(derive("secrets")));
        Self { cipher, key_id, mac_key: derive("address keys"), link_key: derive("preference links"), random }
    }

    /// Seals a text; `context` (such as `bridge 7`) must be the same at opening. Answers `v1:<key id>:<hex>`.
    pub fn seal(&self, context: &str, secret: &str) -> Result<String, StoreError> {
        let nonce: [u8; NONCE] = self.random.bytes();
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.as_bytes(), aad: context.as_bytes() })
            .map_err(|_| StoreError::Corrupt("a secret could not be sealed".into()))?;
        let hex: String = nonce.iter().chain(&sealed).map(|b| format!("{b:02x}")).collect();
        Ok(format!("v1:{}:{hex}", self.key_id))
    }

    pub fn open(&self, context: &str, sealed: &str) -> Result<String, StoreError> {
        let mut parts = sealed.splitn(3, ':');
        let (Some("v1"), Some(key_id), Some(hex)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(StoreError::Corrupt("a sealed secret has an unknown form".into()));
        };
        if key_id != self.key_id {
            return Err(StoreError::Unsupported(format!(
                "A secret was sealed with another key ({key_id}); this installation has key {}. Restore the key file, or enter the secret again.",
                self.key_id
            )));
        }
        let bytes = unhex(hex).filter(|b| b.len() > NONCE).ok_or_else(|| StoreError::Corrupt("a sealed secret is cut".into()))?;
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&bytes[..NONCE]);
        let plain = self
            .cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: &bytes[NONCE..], aad: context.as_bytes() })
            .map_err(|_| StoreError::Corrupt("a sealed secret does not open; it was changed or moved".into()))?;
        String::from_utf8(plain).map_err(|_| StoreError::Corrupt("a sealed secret is no text".into()))
    }

    /// Keyed hash of a canonical address, in hex: how the consent ledger speaks of an address.
    pub fn address_key(&self, canonical: &str) -> String {
        rialto_core::hash::keyed(&self.mac_key, canonical.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The token of a person's preference page, for `/u/{token}`.
    pub fn preference_token(&self, link: Link) -> String {
        preference::write(link, |message| rialto_core::hash::keyed(&self.link_key, message))
    }

    /// Whose page a token opens; `None` when it was not made here.
    pub fn read_preference_token(&self, token: &str) -> Option<Link> {
        preference::read(token, |message| rialto_core::hash::keyed(&self.link_key, message))
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(key: u8) -> Vault {
        Vault::new([key; 32], Random::new(|out| out.fill(7)))
    }

    #[test]
    fn a_preference_link_is_of_this_installation() {
        let link = Link { subscriber_id: 7, mailing_id: 3 };
        let token = vault(1).preference_token(link);
        assert_eq!(vault(1).read_preference_token(&token), Some(link));
        assert_eq!(vault(2).read_preference_token(&token), None);
    }

    #[test]
    fn a_secret_opens_with_its_key_and_context_only() {
        let sealed = vault(1).seal("bridge 1", "hush").unwrap();
        assert!(!sealed.contains("hush"));
        assert_eq!(vault(1).open("bridge 1", &sealed).unwrap(), "hush");
        assert!(vault(1).open("bridge 2", &sealed).is_err());
        assert!(vault(2).open("bridge 1", &sealed).unwrap_err().to_string().contains("another key"));
        assert!(vault(1).open("bridge 1", &sealed[..sealed.len() - 2]).is_err());
    }
}
