//! Links to a person's preference page (`docs/adr/0090`): who may act is whoever holds the link, so it cannot be guessed, tells nothing
//! by itself, and does not expire.
//!
//! Layout, 33 bytes, written as 44 characters of base64url: version 1, then 16 bytes that hide subscriber id and mailing id, then the
//! seal, an HMAC cut to 128 bits. The ids are hidden by a pad made of the seal: two links of one person have nothing in common.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

const VERSION: u8 = 1;
const IDS: usize = 16;
const SEAL: usize = 16;
const BYTES: usize = 1 + IDS + SEAL;

/// Characters of a token.
pub const LENGTH: usize = BYTES / 3 * 4;

/// Whose page it is, and which mailing held the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    pub subscriber_id: i64,
    /// 0 for a link that was in no mailing: one that an administrator gave out.
    pub mailing_id: i64,
}

/// The token of a link; `mac` is HMAC-SHA-256 under a key for this purpose alone.
pub fn write(link: Link, mac: impl Fn(&[u8]) -> [u8; 32]) -> String {
    let mut ids = [0; IDS];
    ids[..8].copy_from_slice(&link.subscriber_id.to_be_bytes());
    ids[8..].copy_from_slice(&link.mailing_id.to_be_bytes());
    let seal = seal(&ids, &mac);
    let mut token = [VERSION; BYTES];
    token[1..=IDS].copy_from_slice(&hidden(ids, seal, &mac));
    token[1 + IDS..].copy_from_slice(&seal);
    URL_SAFE_NO_PAD.encode(token)
}

/// Reads a token. `None` for one that was not made with this key. Takes the same time for every text of the right length, and does the
/// same work for any other.
pub fn read(token: &str, mac: impl Fn(&[u8]) -> [u8; 32]) -> Option<Link> {
    let mut bytes = [0; BYTES];
    let whole = token.len() == LENGTH && URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) == Ok(BYTES);
    let (mut ids, mut given) = ([0; IDS], [0; SEAL]);
    ids.copy_from_slice(&bytes[1..=IDS]);
    given.copy_from_slice(&bytes[1 + IDS..]);
    let ids = hidden(ids, given, &mac);
    let genuine = bool::from(seal(&ids, &mac).ct_eq(&given));
    let number = |at: usize| ids[at..at + 8].iter().fold(0, |n: i64, b| (n << 8) | i64::from(*b));
    let link = Link { subscriber_id: number(0), mailing_id: number(8) };
    (whole && genuine && bytes[0] == VERSION).then_some(link)
}

fn seal(ids: &[u8; IDS], mac: &impl Fn(&[u8]) -> [u8; 32]) -> [u8; SEAL] {
    let mut message = [0; 2 + IDS];
    message[..2].copy_from_slice(&[VERSION, b's']);
    message[2..].copy_from_slice(ids);
    cut(mac(&message))
}

/// Hides the ids, or shows them again.
fn hidden(mut ids: [u8; IDS], seal: [u8; SEAL], mac: &impl Fn(&[u8]) -> [u8; 32]) -> [u8; IDS] {
    let mut message = [0; 2 + SEAL];
    message[..2].copy_from_slice(&[VERSION, b'h']);
    message[2..].copy_from_slice(&seal);
    let pad: [u8; IDS] = cut(mac(&message));
    ids.iter_mut().zip(pad).for_each(|(byte, p)| *byte ^= p);
    ids
}

fn cut(whole: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

/// An address of which only its owner knows which it is: `ann@mail.example` becomes `a•••@m•••.example`. Empty for no address.
pub fn masked(address: &str) -> String {
    let Some((local, domain)) = address.trim().rsplit_once('@') else { return String::new() };
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let end = domain.rsplit_once('.').map(|(_, end)| format!(".{end}")).unwrap_or_default();
    format!("{}•••@{}•••{end}", first(local), first(domain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn under(key: u8) -> impl Fn(&[u8]) -> [u8; 32] {
        move |message| crate::hash::keyed(&[key; 32], message)
    }

    proptest! {
        #[test]
        fn a_token_reads_back_under_its_key_only(subscriber_id: i64, mailing_id: i64, key: u8, other: u8) {
            let link = Link { subscriber_id, mailing_id };
            let token = write(link, under(key));
            prop_assert_eq!(token.len(), LENGTH);
            prop_assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            prop_assert_eq!(read(&token, under(key)), Some(link));
            prop_assert_eq!(read(&token, under(other)).is_some(), key == other);
        }

        /// Every one of its bits counts, and so does its length.
        #[test]
        fn a_token_changed_anywhere_is_none(subscriber_id: i64, mailing_id: i64, at in 0..LENGTH, with in "[A-Za-z0-9_=./-]", cut in 0..LENGTH) {
            let token = write(Link { subscriber_id, mailing_id }, under(1));
            let mut changed = token.clone();
            changed.replace_range(at..=at, &with);
            prop_assert_eq!(read(&changed, under(1)).is_some(), changed == token);
            prop_assert_eq!(read(&token[..cut], under(1)), None);
            let longer = format!("{token}{with}");
            prop_assert_eq!(read(&longer, under(1)), None);
        }

        #[test]
        fn nothing_made_up_is_a_token(text in "\\PC{0,60}", made in "[A-Za-z0-9_-]{44}") {
            prop_assert_eq!(read(&text, under(1)), None);
            prop_assert_eq!(read(&made, under(1)), None);
        }

        /// What a masked address shows: two first letters and the last label.
        #[test]
        fn a_mask_hides_all_but_the_ends(local in "[a-z]{2,12}", domain in "[a-z]{2,12}") {
            let shown = masked(&format!("{local}@{domain}.example"));
            prop_assert_eq!(shown, format!("{}•••@{}•••.example", &local[..1], &domain[..1]));
        }
    }

    #[test]
    fn links_of_neighbours_have_nothing_in_common() {
        let token = |subscriber_id, mailing_id| write(Link { subscriber_id, mailing_id }, under(1));
        let all = [token(1, 0), token(2, 0), token(1, 1)];
        for (n, a) in all.iter().enumerate() {
            for b in &all[n + 1..] {
                let same = a.chars().zip(b.chars()).skip(2).filter(|(a, b)| a == b).count();
                assert!(same < 12, "{a} and {b}");
            }
        }
        assert_eq!(masked("none"), "");
        assert_eq!(masked("ö@localhost"), "ö•••@l•••");
    }
}
