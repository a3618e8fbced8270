//! Lines of the log that go out together.
//!
//! A write to standard error for each line costs short calls some hundredths of what
//! there can be a second (docs/performance.md). A thread that tells when it is about
//! to rest ([`rest`]) keeps its lines until then, for a tenth of a second at most
//! while it goes on logging. Whatever is as grave as a warning goes at once, with all that
//! the thread has kept; so does every line of another thread. A process that is
//! killed (SIGKILL) takes what was kept with it.

use std::cell::RefCell;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// What is kept at most: what a pipe takes in one piece (POSIX, `PIPE_BUF` of
/// Linux), so that lines of several threads or processes do not mix.
const TOGETHER: usize = 4096;
/// How old a kept line may be when the next one comes.
const AGE: Duration = Duration::from_millis(100);

thread_local! {
    /// `None` on a thread that has never said that it rests.
    static KEPT: RefCell<Option<Kept<io::Stderr>>> = const { RefCell::new(None) };
}

/// For tokio's `on_thread_park`: what this thread has kept is written, and from
/// now on it keeps its lines.
pub fn rest() {
    KEPT.with_borrow_mut(|kept| match kept {
        Some(kept) => kept.send(),
        None => *kept = Some(Kept::new(io::stderr())),
    });
}

/// Standard error, as this module says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines;

/// A line on its way.
pub(super) struct Line {
    at_once: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { at_once: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        let at_once = *meta.level() <= Level::WARN;
        Line { at_once }
    }
}

impl Write for Line {
    /// Takes a whole line, as `fmt` hands it over.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let keep = |kept: &RefCell<Option<Kept<_>>>| {
            let mut kept = kept.borrow_mut();
            let kept = kept.as_mut()?;
            kept.add(line);
            if self.at_once {
                kept.send();
            }
            Some(())
        };
        // Not there any more where a thread ends.
        if KEPT.try_with(keep).ok().flatten().is_none() {
            io::stderr().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that wait for their thread to rest, or to end.
struct Kept<W: Write> {
    lines: Vec<u8>,
    /// When the oldest of them came.
    since: Instant,
    out: W,
}

impl<W: Write> Kept<W> {
    fn new(out: W) -> Self {
        Self {
            lines: Vec::with_capacity(TOGETHER),
            since: Instant::now(),
            out,
        }
    }

    fn add(&mut self, line: &[u8]) {
        if self.lines.len() + line.len() > TOGETHER {
            self.send();
        }
        if self.lines.is_empty() {
            self.since = Instant::now();
        }
        self.lines.extend_from_slice(line);
        if self.lines.len() > TOGETHER || self.since.elapsed() >= AGE {
            self.send();
        }
    }

    fn send(&mut self) {
        if !self.lines.is_empty() {
            // There is nowhere else to say that nobody reads the log.
            let _ = self.out.write_all(&self.lines);
            self.lines.clear();
            self.lines.shrink_to(TOGETHER);
        }
    }
}

impl<W: Write> Drop for Kept<W> {
    fn drop(&mut self) {
        self.send();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Each write as it comes.
    struct Writes(Sender<String>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(written).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn kept() -> (Kept<Writes>, Receiver<String>) {
        let (sender, writes) = channel();
        (Kept::new(Writes(sender)), writes)
    }

    #[test]
    fn lines_wait_for_rest_and_for_no_more_than_a_pipe_takes() {
        let (mut kept, writes) = kept();
        kept.add(b"one\n");
        kept.add(b"two\n");
        assert!(writes.try_recv().is_err(), "not yet");
        kept.send();
        assert_eq!(writes.recv().as_deref(), Ok("one\ntwo\n"));
        kept.send();
        assert!(writes.try_recv().is_err(), "nothing is left");

        let line = [b'a'; TOGETHER / 2];
        kept.add(&line);
        kept.add(&line);
        assert!(writes.try_recv().is_err(), "that much fits");
        kept.add(b"more\n");
        assert_eq!(writes.recv().map(|lines| lines.len()), Ok(TOGETHER));
        kept.add(&[b'a'; 2 * TOGETHER]);
        assert_eq!(writes.recv().as_deref(), Ok("more\n"));
        assert_eq!(writes.recv().map(|lines| lines.len()), Ok(2 * TOGETHER));

        kept.add(b"old\n");
        kept.since = kept.since.checked_sub(AGE).expect("earlier");
        kept.add(b"new\n");
        assert_eq!(writes.recv().as_deref(), Ok("old\nnew\n"));
        kept.add(b"more\n");
        drop(kept);
        assert_eq!(writes.recv().as_deref(), Ok("more\n"), "at the latest");
    }

    #[test]
    fn a_thread_that_never_rests_keeps_nothing() {
        let kept = || KEPT.with_borrow(|kept| kept.as_ref().map(|kept| kept.lines.len()));
        let write = |at_once| Line { at_once }.write(b"{}\n").expect("taken");
        let thread = std::thread::spawn(move || {
            write(false);
            assert_eq!(kept(), None);
            rest();
            write(false);
            assert_eq!(kept(), Some(3));
            rest();
            assert_eq!(kept(), Some(0));
            write(false);
            write(true);
            assert_eq!(kept(), Some(0), "a warning takes along what was before it");
        });
        thread.join().expect("no panic");
    }
}
