//! Randomness as a parameter. Everything takes a [`Random`]; only the binary makes the real one.

use std::fmt;
use std::sync::Arc;

/// Fills buffers with bytes fit for keys, salts and tokens.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        (self.0)(&mut out);
        out
    }

    /// `N` random bytes in lower-case hexadecimal.
    pub fn hex<const N: usize>(&self) -> String {
        self.bytes::<N>().iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
