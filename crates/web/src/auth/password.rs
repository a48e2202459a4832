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

/// Characters of a password that are judged: what follows only makes it stronger, and the judgement takes time by length.
const JUDGED: usize = 64;

/// True for what others would try early: common passwords, patterns, what can be told from the e-mail address.
fn weak(password: &str, email: &str) -> bool {
    let judged: String = password.chars().take(JUDGED).collect();
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    zxcvbn::zxcvbn(&judged, &[email, local, domain, "rialto"]).score() < zxcvbn::Score::Two
}

/// The fault of a password that is being set, if it has one.
pub fn fault(password: &str, email: &str) -> Option<FieldError> {
    let detail = if password.chars().count() < SHORTEST {
        format!("Use at least {SHORTEST} characters; 15 or more are better.")
    } else if password.len() > LONGEST {
        format!("Use at most {LONGEST} bytes.")
    } else if weak(password, &email.trim().to_lowercase()) {
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

/// The permit stays with the work: whoever hangs up meanwhile ends the waiting, not the hashing.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let permit = AT_ONCE.acquire().await.map_err(Error::internal)?;
    let held = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(held).await.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_hangs_up_does_not_make_room_for_more_hashes() {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (started, mut ready) = tokio::sync::mpsc::unbounded_channel();
        let waiting = tokio::spawn(apart(move || {
            let _ = started.send(());
            let _ = gone.recv();
        }));
        ready.recv().await.unwrap();
        let before = AT_ONCE.available_permits();
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert!(AT_ONCE.available_permits() <= before, "the work goes on and still counts");
        go.send(()).unwrap();
        while AT_ONCE.available_permits() < 2 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn passwords_that_others_would_try_are_refused() {
        for bad in
            ["password", "Passw0rd", "12345678", "qwertyuiop", "ann.moser", "Ann.Moser@mail.example", "aaaaaaaaaaaa", "letmein1", "short"]
        {
            assert!(fault(bad, "ann.moser@mail.example").is_some(), "{bad}");
        }
        let long: String = (0..90).map(|n| format!("{} ", n * n * 7_919)).collect();
        for good in ["correct horse battery staple", "kV7-plum-tram", &long] {
            assert!(fault(good, "ann.moser@mail.example").is_none(), "{good}");
        }
        assert!(fault(&long.repeat(2), "a@mail.example").is_some());
    }
}
