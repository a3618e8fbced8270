//! Which of the bytes that a peer sends belong to a call.

/// The head of every HTTP/2 frame: length, type, flags, stream.
const HEAD: usize = 9;
/// Types of the frames that begin a call or carry its message.
const DATA: u8 = 0;
const HEADERS: u8 = 1;

/// Follows the frames of a connection. Only their heads are looked at: whether
/// they are right is for tonic to say.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// Bytes of the head that are there.
    filled: usize,
    /// Bytes of the payload that are still to come.
    payload: usize,
}

impl Frames {
    /// Whether a frame of a call begins in these bytes, the next ones that came.
    pub(super) fn bring_a_call(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEAD {
                let [high, middle, low, kind, ..] = self.head;
                self.filled = 0;
                self.payload = u32::from_be_bytes([0, high, middle, low]) as usize;
                // Nobody needs empty DATA frames but to keep a place.
                found |= kind == HEADERS || (kind == DATA && self.payload > 0);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("short");
        [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn calls_are_found_however_the_bytes_are_cut() {
        // Payloads that look like heads of frames of a call.
        let quiet = [
            frame(4, &[]),
            frame(6, &[0, 0, 1, 1, 0, 0, 0, 1]),
            frame(8, &[0, 0, 0, 1]),
            frame(DATA, &[]),
        ]
        .concat();
        let call = [&quiet[..], &frame(HEADERS, b"x"), &quiet].concat();
        let data = [&quiet[..], &frame(DATA, b"x")].concat();
        for size in 1..=call.len() {
            let any = |bytes: &[u8]| {
                let mut frames = Frames::default();
                let cut = bytes.chunks(size);
                cut.fold(false, |found, part| frames.bring_a_call(part) | found)
            };
            assert!(!any(&quiet), "{size}");
            assert!(any(&call) && any(&data), "{size}");
        }
    }
}
