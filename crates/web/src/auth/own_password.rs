//! A user's own change of their password (`docs/adr/0105`).

use rialto_store::{throttle, users};

use super::{Session, password};
use crate::api::extract::Faults;
use crate::error::Error;
use crate::state::App;

/// Wrong current passwords before the next try must wait: whoever finds an open session must not guess it.
const FREE: i64 = 5;

/// Changes the password of whoever is signed in and ends their other sessions. `Error::Invalid` names `current_password`, `password` or `password_again`.
pub async fn change(app: &App, session: &Session, current: String, new: String, again: &str) -> Result<(), Error> {
    let user = users::get(app.db.read(), session.user_id).await?.ok_or(Error::NotFound)?;
    let mut faults = Faults::default();
    faults.0.extend(password::fault(&new, &user.email));
    if new != again {
        faults.add("password_again", "This is not the same as above.");
    }
    if current.is_empty() || current.len() > password::LONGEST {
        faults.add("current_password", "Enter the password with which you signed in.");
    }
    faults.none_or()?;
    let now = app.clock.now();
    let subject = format!("own:{}", user.id);
    let mut tx = app.db.write().await?;
    let wait = throttle::attempt(&mut tx, &subject, FREE, now).await?;
    tx.commit().await?;
    let wrong = |detail: &str| Err(Error::field("current_password", detail));
    if let Some(seconds) = wait {
        return wrong(&format!("Too many tries. Wait {seconds} seconds, then try again."));
    }
    if !password::verify(current, Some(user.password_hash.clone())).await? {
        return wrong("This is not your password.");
    }
    let hash = password::hash(new, &app.random).await?;
    let mut tx = app.db.write().await?;
    if !users::change_password(&mut tx, &user, &user.password_hash, &hash, &session.id_hash, &session.actor(app)).await? {
        return wrong("Your password was changed elsewhere meanwhile.");
    }
    throttle::succeeded(&mut tx, &subject, &subject).await?;
    tx.commit().await?;
    Ok(())
}
