//! Who is there, and what they may do: sessions for people, tokens for programs.

mod again;
mod caller;
pub mod csrf;
pub mod own_password;
pub mod password;
mod peer;
mod session;
mod sign_in;

use axum::Router;
use axum::routing::{get, post};
use sha2::{Digest, Sha256};

use crate::state::App;

pub use caller::Caller;
pub use csrf::Form;
pub(crate) use peer::Peer;
pub use session::Session;
pub(crate) use session::local;
pub use sign_in::SignInView;

pub fn router() -> Router<App> {
    Router::new().route("/sign-in", get(sign_in::show).post(sign_in::submit)).route("/sign-out", post(sign_in::sign_out))
}

/// How an API token begins, so that a leaked one is recognised.
pub const TOKEN_PREFIX: &str = "rialto_";

/// A new API token and the hash to store of it.
pub fn new_token(random: &rialto_core::Random) -> (String, String) {
    let token = format!("{TOKEN_PREFIX}{}", random.hex::<32>());
    let hash = secret_hash(&token);
    (token, hash)
}

/// SHA-256 in hexadecimal: how session ids and tokens (256 random bits each) are stored.
pub fn secret_hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
