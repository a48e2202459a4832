//! Passwords: Argon2id, at most two hashes at once, the same work whether or not the user exists.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use rialto_core::Random;
use tokio::sync::Semaphore;

use crate::error::{Error, FieldError};

/// Longest password in bytes; longer ones are refused before any hashing.
pub const LONGEST: usize = 1_024;
/// Shortest password in characters.
pub const SHORTEST: usize = 8;

/// One hash takes about 20 MB and a core: more at once would only make sign-ins a way to stop the server.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What is verified when there is no such user.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_with_salt("nobody has this password", [7; 16]).unwrap_or_default());

const COMMON: [&str; 12] = [
    "password",
    "passwort",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyuiop",
    "iloveyou",
    "password1",
    "password123",
    "administrator",
    "welcome1",
    "letmein123",
];

/// The fault of a password that is being set, if it has one.
pub fn fault(password: &str, email: &str) -> Option<FieldError> {
    let lower = password.to_lowercase();
    let detail = if password.chars().count() < SHORTEST {
        format!("Use at least {SHORTEST} characters; 15 or more are better.")
    } else if password.len() > LONGEST {
        format!("Use at most {LONGEST} bytes.")
    } else if COMMON.contains(&lower.as_str()) || lower == email.trim().to_lowercase() {
        "This password is among the first that others would try. Choose another.".to_owned()
    } else {
        return None;
    };
    Some(FieldError { field: "password".into(), detail })
}

/// Hashes on this thread (takes some 20 ms): for the command line.
pub fn hash_now(password: &str, random: &Random) -> Result<String, Error> {
    hash_with_salt(password, random.bytes())
}

fn hash_with_salt(password: &str, salt: [u8; 16]) -> Result<String, Error> {
    let hash: argon2::password_hash::phc::PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| Error::internal(e.to_string()))?;
    Ok(hash.to_string())
}

/// Hashes a password to a PHC string on a thread of its own.
pub async fn hash(password: String, random: &Random) -> Result<String, Error> {
    let salt = random.bytes();
    apart(move || hash_with_salt(&password, salt)).await?
}

/// True when the password is the stored one. `None` (no such user) takes the same time and is never true.
pub async fn verify(password: String, stored: Option<String>) -> Result<bool, Error> {
    apart(move || {
        let known = stored.is_some();
        let text = stored.unwrap_or_else(|| NOBODY.clone());
        let right = PasswordHash::new(&text).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && right
    })
    .await
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let _permit = AT_ONCE.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
