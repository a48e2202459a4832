//! The key that seals secrets: 32 bytes in hexadecimal. `Debug` shows nothing of it.

use std::path::Path;

use rialto_core::Random;

/// The key.
#[derive(Clone)]
pub struct Key(pub [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Reads 64 hexadecimal digits.
pub fn read_key(text: &str) -> Result<Key, String> {
    let text = text.trim();
    let fault = || "must be 32 bytes as 64 hexadecimal digits".to_owned();
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(fault());
    }
    let mut key = [0; 32];
    for (n, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| fault())?;
    }
    if key.iter().all(|b| *b == 0) {
        return Err("must be random; make one with: openssl rand -hex 32".into());
    }
    Ok(Key(key))
}

/// Reads the key from a file. The fault is a sentence without the file's content.
pub fn read_key_file(path: &Path) -> Result<Key, String> {
    let text = read_secret_file(path)?;
    read_key(&text).map_err(|fault| format!("the key in {} {fault}", path.display()))
}

/// Reads a small text file without the line end at its end.
pub fn read_secret_file(path: &Path) -> Result<String, String> {
    let told = |e: std::io::Error| format!("{} cannot be read: {e}", path.display());
    let size = std::fs::metadata(path).map_err(told)?.len();
    if size > 64 * 1024 {
        return Err(format!("{} is larger than 64 KiB", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(told)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Makes a new key in a new file that only its owner can read.
pub fn create_key_file(path: &Path, random: &Random) -> std::io::Result<Key> {
    let key = random.bytes::<32>();
    let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
    write_private(path, &format!("{hex}\n"))?;
    Ok(Key(key))
}

/// Writes a new file that only its owner can read; fails if it exists.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_64_hexadecimal_digits_and_random() {
        assert!(read_key(&"0123456789abcdef".repeat(4)).is_ok());
        for bad in ["", "abc", &"00".repeat(32), &"zz".repeat(32), &"ä".repeat(32)] {
            assert!(read_key(bad).is_err(), "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_key_file_is_private_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let made = create_key_file(&path, &crate::clock::random()).expect("a key");
        assert_eq!(read_key_file(&path).expect("it reads back").0, made.0);
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(create_key_file(&path, &crate::clock::random()).is_err());
    }
}
