//! The content hash: xxh3-64 over length-prefixed fields of what would be stored (`membership.md` section 7).

use xxhash_rust::xxh3::Xxh3Default;

/// Number of the hash's own format; a change rewrites everybody once.
const FORMAT: u8 = 1;

pub struct ContentHash(Xxh3Default);

impl Default for ContentHash {
    fn default() -> Self {
        let mut inner = Xxh3Default::new();
        inner.update(&[FORMAT]);
        Self(inner)
    }
}

impl ContentHash {
    /// Adds one field. Null and absent fields are left out by the caller.
    pub fn field(&mut self, id: u32, bytes: &[u8]) {
        self.0.update(&id.to_le_bytes());
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub fn finish(&self) -> i64 {
        // 0 means "write again", so no content may hash to it.
        match self.0.digest() as i64 {
            0 => 1,
            n => n,
        }
    }
}

/// Hash of a key for sets in memory.
pub fn key(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// HMAC-SHA-256: keyed hashes that do not give away what was hashed.
pub fn keyed(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};
    // A key of 32 bytes is always accepted.
    let mut mac = match hmac::Hmac::<sha2::Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => return [0; 32],
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}
