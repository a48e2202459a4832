//! From the bytes of a text file to its lines.

use encoding_rs::{CoderResult, Decoder};

use super::csv::Cutter;
use super::{Line, Shape};

/// Reads a text file whose bytes come in pieces of any size.
pub struct Reader {
    decoder: Decoder,
    cutter: Cutter,
    text: String,
}

impl Reader {
    pub fn new(shape: &Shape) -> Self {
        let separator = if shape.separator.is_ascii() { shape.separator as u8 } else { b',' };
        Self {
            // A mark of the byte order at the beginning is taken off.
            decoder: shape.encoding.codec().new_decoder_with_bom_removal(),
            cutter: Cutter::new(separator),
            text: String::with_capacity(64 << 10),
        }
    }

    /// Takes the next bytes; adds the lines that end in them.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Line>) {
        self.decode(bytes, false, out);
    }

    /// Adds what is left.
    pub fn finish(&mut self, out: &mut Vec<Line>) {
        self.decode(&[], true, out);
        self.cutter.finish(out);
    }

    fn decode(&mut self, mut bytes: &[u8], last: bool, out: &mut Vec<Line>) {
        loop {
            self.text.clear();
            let (result, read, _) = self.decoder.decode_to_string(bytes, &mut self.text, last);
            bytes = &bytes[read..];
            self.cutter.push(&self.text, out);
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }
}
