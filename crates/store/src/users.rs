//! People who use Rialto. Deactivating or giving a new password ends a user's sessions in the same transaction.

use rialto_core::permissions::{Access, Permission, Role};
use rialto_core::{Instant, address};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    LIST = sql!("SELECT * FROM app_user WHERE id > $1 ORDER BY id LIMIT $2");
    COUNT = sql!("SELECT COUNT(*) FROM app_user");
    GET = sql!("SELECT * FROM app_user WHERE id = $1");
    BY_EMAIL = sql!("SELECT * FROM app_user WHERE email_canonical = $1");
    INSERT = sql!("INSERT INTO app_user (id, created_at, email, email_canonical, password_hash, role, granted, denied, timezone)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    UPDATE = sql!("UPDATE app_user SET role = $2, granted = $3, denied = $4, timezone = $5, disabled = $6 WHERE id = $1");
    SET_PASSWORD = sql!("UPDATE app_user SET password_hash = $2 WHERE id = $1");
    SET_TIMEZONE = sql!("UPDATE app_user SET timezone = $2 WHERE id = $1");
    SIGNED_IN = sql!("UPDATE app_user SET last_login_at = $2 WHERE id = $1");
    END_SESSIONS = sql!("DELETE FROM web_session WHERE user_id = $1");
    END_OTHER_SESSIONS = sql!("DELETE FROM web_session WHERE user_id = $1 AND id_hash <> $2");
    CHANGE_PASSWORD = sql!("UPDATE app_user SET password_hash = $2 WHERE id = $1 AND password_hash = $3");
    // A row of the table is locked for the rest of the transaction, so that two last administrators cannot leave at once.
    LOCK_ADMINS = sql!(
        sqlite "SELECT * FROM app_user WHERE disabled = FALSE ORDER BY id",
        postgres "SELECT * FROM app_user WHERE disabled = FALSE ORDER BY id FOR UPDATE"
    );
}

#[derive(Clone, sqlx::FromRow)]
pub struct User {
    pub id: i64,
    pub created_at: i64,
    pub email: String,
    pub email_canonical: String,
    /// A PHC string; never leaves the server.
    pub password_hash: String,
    pub role: String,
    /// JSON lists of permission names.
    granted: String,
    denied: String,
    /// IANA name; empty for the installation's zone.
    pub timezone: String,
    pub disabled: bool,
    pub last_login_at: Option<i64>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({}, {})", self.id, self.email)
    }
}

impl User {
    pub fn access(&self) -> Access {
        access(&self.role, &self.granted, &self.denied)
    }
}

/// Reads stored access. Names that this version does not know grant nothing; an unknown role reads as viewer.
pub(crate) fn access(role: &str, granted: &str, denied: &str) -> Access {
    let names = |text: &str| -> Vec<Permission> {
        let names: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        names.iter().filter_map(|n| Permission::from_name(n)).collect()
    };
    Access { role: Role::from_name(role).unwrap_or(Role::Viewer), granted: names(granted), denied: names(denied) }
}

fn names(permissions: &[Permission]) -> String {
    let names: Vec<&str> = permissions.iter().map(|p| p.name()).collect();
    serde_json::json!(names).to_string()
}

/// What is entered for a new user; the password is hashed already.
#[derive(Clone)]
pub struct NewUser {
    pub email: String,
    pub password_hash: String,
    pub access: Access,
    pub timezone: String,
}

/// What may be changed; everything is replaced.
#[derive(Clone, Debug)]
pub struct Change {
    pub access: Access,
    pub timezone: String,
    pub disabled: bool,
}

/// Users after id `after` (0 for the first page), in the order they were made.
pub async fn page(mut read: Read<'_>, after: i64, limit: i64) -> Result<Vec<User>, StoreError> {
    read.all(LIST, args![after, limit]).await
}

pub async fn count(mut read: Read<'_>) -> Result<i64, StoreError> {
    read.one::<(i64,)>(COUNT, args![]).await.map(|(n,)| n)
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<User>, StoreError> {
    read.opt(GET, args![id]).await
}

pub async fn by_email(mut read: Read<'_>, email: &str) -> Result<Option<User>, StoreError> {
    read.opt(BY_EMAIL, args![address::canonical(email)]).await
}

/// Makes a user. `Conflict` when the address is taken.
pub async fn create(tx: &mut Tx, new: &NewUser, who: &Actor) -> Result<i64, StoreError> {
    let canonical = address::canonical(&new.email);
    if tx.opt::<User>(BY_EMAIL, args![&canonical]).await?.is_some() {
        return Err(StoreError::Conflict("A user with this e-mail address exists already.".into()));
    }
    let id = ids::next(tx, "app_user").await?;
    tx.run(
        INSERT,
        args![
            id,
            who.at,
            &new.email,
            canonical,
            &new.password_hash,
            new.access.role.name(),
            names(&new.access.granted),
            names(&new.access.denied),
            &new.timezone
        ],
    )
    .await?;
    let detail = serde_json::json!({"email": new.email, "role": new.access.role.name()});
    audit::write(tx, who, "user.create", "user", Some(id), detail).await?;
    Ok(id)
}

/// Changes role, grants, zone and whether the user may sign in; sessions read them anew with every request. `Conflict` when nobody
/// would be left who may manage users, or when somebody would shut themselves out.
pub async fn update(tx: &mut Tx, id: i64, change: &Change, who: &Actor) -> Result<(), StoreError> {
    let manages = |access: &Access| access.allows(Permission::UsersAdmin);
    let managers: Vec<User> = tx.all(LOCK_ADMINS, args![]).await?;
    let before: User = tx.one(GET, args![id]).await?;
    let own = who.name == format!("user:{}", before.email);
    if own && (change.disabled || (manages(&before.access()) && !manages(&change.access))) {
        return Err(StoreError::Conflict(
            "Nobody disables themselves or gives up managing users. Another user who may manage users can do it.".into(),
        ));
    }
    let leaves = managers.iter().any(|u| u.id == id && manages(&u.access())) && (change.disabled || !manages(&change.access));
    if leaves && !managers.iter().any(|u| u.id != id && manages(&u.access())) {
        return Err(StoreError::Conflict("This is the last user who may manage users. Give another user that permission first.".into()));
    }
    let a = &change.access;
    tx.run(UPDATE, args![id, a.role.name(), names(&a.granted), names(&a.denied), &change.timezone, change.disabled]).await?;
    if change.disabled {
        tx.run(END_SESSIONS, args![id]).await?;
    }
    let detail = serde_json::json!({
        "email": before.email, "role": a.role.name(), "granted": a.granted, "denied": a.denied,
        "timezone": change.timezone, "disabled": change.disabled,
    });
    audit::write(tx, who, "user.update", "user", Some(id), detail).await
}

/// Sets a new password and ends every session of the user.
pub async fn set_password(tx: &mut Tx, id: i64, password_hash: &str, who: &Actor) -> Result<(), StoreError> {
    let user: User = tx.one(GET, args![id]).await?;
    tx.run(SET_PASSWORD, args![id, password_hash]).await?;
    tx.run(END_SESSIONS, args![id]).await?;
    audit::write(tx, who, "user.password", "user", Some(id), serde_json::json!({"email": user.email})).await
}

/// A user's own change of the password whose hash is `before`. Ends their sessions but the one with this hash. False when the password is
/// another one by now: nothing was done.
pub async fn change_password(tx: &mut Tx, user: &User, before: &str, after: &str, session: &str, who: &Actor) -> Result<bool, StoreError> {
    if tx.run(CHANGE_PASSWORD, args![user.id, after, before]).await? == 0 {
        return Ok(false);
    }
    tx.run(END_OTHER_SESSIONS, args![user.id, session]).await?;
    audit::write(tx, who, "user.password", "user", Some(user.id), serde_json::json!({"email": user.email, "own": true})).await?;
    Ok(true)
}

/// The zone in which a user sees times: an IANA name, or empty for the installation's.
pub async fn set_timezone(tx: &mut Tx, id: i64, timezone: &str, who: &Actor) -> Result<(), StoreError> {
    let user: User = tx.one(GET, args![id]).await?;
    tx.run(SET_TIMEZONE, args![id, timezone]).await?;
    let detail = serde_json::json!({"email": user.email, "timezone": timezone});
    audit::write(tx, who, "user.timezone", "user", Some(id), detail).await
}

pub async fn signed_in(tx: &mut Tx, id: i64, now: Instant) -> Result<(), StoreError> {
    tx.run(SIGNED_IN, args![id, now]).await.map(drop)
}
