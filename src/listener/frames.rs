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
    /// How many of these bytes, the next ones that came, are to be read together:
    /// up to where the next call begins, with the head of its first frame.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Piece {
        let mut piece = Piece::default();
        while piece.length < bytes.len() && !piece.begins_a_call {
            let rest = &bytes[piece.length..];
            let skipped = self.payload.min(rest.len());
            self.payload -= skipped;
            let rest = &rest[skipped..];
            let taken = (HEAD - self.filled).min(rest.len());
            self.head[self.filled..self.filled + taken].copy_from_slice(&rest[..taken]);
            self.filled += taken;
            piece.length += skipped + taken;
            if self.filled == HEAD {
                let [high, middle, low, kind, ..] = self.head;
                self.filled = 0;
                self.payload = u32::from_be_bytes([0, high, middle, low]) as usize;
                piece.begins_a_call = kind == HEADERS;
                // Nobody needs empty DATA frames but to keep a place.
                piece.is_of_a_call |= kind == HEADERS || (kind == DATA && self.payload > 0);
            }
        }
        piece
    }
}

/// Bytes that are read together.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) length: usize,
    /// It ends with the head of a frame that begins a call (or ends one with trailers,
    /// which callers of unary methods do not send).
    pub(super) begins_a_call: bool,
    /// A frame of a call begins in it.
    pub(super) is_of_a_call: bool,
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
            // What is of a call, and where calls begin.
            let found = |bytes: &[u8]| {
                let (mut frames, mut read) = (Frames::default(), 0);
                let (mut any, mut begin) = (false, Vec::new());
                for part in bytes.chunks(size) {
                    let end = read + part.len();
                    while read < end {
                        let piece = frames.next(&bytes[read..end]);
                        read += piece.length;
                        any |= piece.is_of_a_call;
                        begin.extend(piece.begins_a_call.then_some(read));
                    }
                }
                (any, begin)
            };
            let head = quiet.len() + HEAD;
            assert_eq!(found(&quiet), (false, vec![]), "{size}");
            assert_eq!(found(&data), (true, vec![]), "{size}");
            let twice = [&call[..], &call].concat();
            let heads = vec![head, call.len() + head];
            assert_eq!(found(&twice), (true, heads), "{size}");
        }
    }
}
