//! The demo's data folder: database, key and login.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rialto_core::Random;
use serde::{Deserialize, Serialize};

use crate::config::secret::{self, Key};

/// The demo's login, kept in the folder so that a second start has the same one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub email: String,
    pub password: String,
}

pub struct Folder(PathBuf);

impl Folder {
    /// Opens the folder, or makes it so that only its owner can look in.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self(path.to_path_buf()))
    }

    pub fn database(&self) -> String {
        format!("sqlite://{}", self.0.join("rialto.db").display())
    }

    /// The key; made by the first start.
    pub fn key(&self, random: &Random) -> anyhow::Result<Key> {
        let path = self.0.join("secrets.key");
        if path.exists() {
            return secret::read_key_file(&path).map_err(|fault| anyhow!(fault));
        }
        secret::create_key_file(&path, random).with_context(|| format!("the key file {} cannot be made", path.display()))
    }

    /// The login; made by the first start.
    pub fn login(&self, random: &Random) -> anyhow::Result<Login> {
        let path = self.0.join("login.json");
        if path.exists() {
            let text = secret::read_secret_file(&path).map_err(|fault| anyhow!(fault))?;
            return serde_json::from_str(&text)
                .map_err(|_| anyhow!("{} is no login; take the data folder away and start again", path.display()));
        }
        let login = Login { email: "admin@rialto.example".into(), password: random.hex::<10>() };
        let text = serde_json::to_string_pretty(&login)?;
        secret::write_private(&path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_finds_key_and_login_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let random = crate::clock::random();
        let open = || Folder::open(&folder.path().join("demo")).expect("a data folder");
        let (key, login) = (open().key(&random).expect("a key"), open().login(&random).expect("a login"));
        assert_eq!(open().key(&random).expect("the key").0, key.0);
        assert_eq!(open().login(&random).expect("the login").password, login.password);
    }
}
