//! A connection as tonic takes it.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, BufWriter, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::answers::Answers;
use super::frames::Frames;
use super::places::Place;
use super::turn::{Share, Turn};

/// What every HTTP/2 client says first.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The two kinds of sockets.
#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is written together at most: a whole frame of HTTP/2 with its head.
const TOGETHER: usize = 17 * 1024;
/// What is read together at most, as h2 does to begin with.
const READ: usize = 8 * 1024;

/// A connection whose preface has been read, and is read again by tonic. It
/// ends when its place is needed.
///
/// Short answers that are ready at the same time go out in one write: calls that
/// shared a statement are answered in the same moment, and a write for each
/// would cost more than anything else that is done for it here. (h2 flushes after
/// each frame of a kilobyte or more.)
#[derive(Debug)]
pub struct Connection {
    socket: BufReader<BufWriter<Socket>>,
    /// Others have had time to add their answer to what is written next.
    gathered: bool,
    replayed: usize,
    frames: Frames,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
    answers: Arc<Answers>,
    turn: Arc<Turn>,
    share: Share,
    place: Place,
}

impl Connection {
    pub(super) fn new(
        socket: Socket,
        place: Place,
        answers: Arc<Answers>,
        turn: Arc<Turn>,
    ) -> Self {
        Self {
            socket: BufReader::with_capacity(READ, BufWriter::with_capacity(TOGETHER, socket)),
            gathered: false,
            replayed: 0,
            frames: Frames::default(),
            left: Box::pin(place.left()),
            answers,
            turn,
            share: Share::default(),
            place,
        }
    }

    /// An error once its place is needed. Asked on both ways: a peer that does
    /// not read keeps tonic from reading, too.
    fn stays(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.left.as_mut().poll(cx).is_ready() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// The connection that a request came on, in its extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) answers: Arc<Answers>,
    /// Cancelled, it closes the connection.
    pub(super) left: CancellationToken,
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller {
            answers: Arc::clone(&self.answers),
            left: self.place.leave(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let unread = &PREFACE[self.replayed..];
        if !unread.is_empty() {
            let unread = &unread[..unread.len().min(buffer.remaining())];
            buffer.put_slice(unread);
            self.replayed += unread.len();
            return Poll::Ready(Ok(()));
        }
        self.stays(cx)?;
        let Self {
            socket,
            frames,
            turn,
            share,
            place,
            ..
        } = &mut *self;
        ready!(turn.poll_admits(share, cx));
        let mut socket = Pin::new(socket);
        let bytes = ready!(socket.as_mut().poll_fill_buf(cx))?;
        let bytes = &bytes[..bytes.len().min(buffer.remaining())];
        let piece = frames.next(bytes);
        buffer.put_slice(&bytes[..piece.length]);
        socket.consume(piece.length);
        if piece.is_of_a_call {
            place.called();
        }
        if piece.begins_a_call {
            turn.bring(share);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stays(cx)?;
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    /// Writes when it is asked for the second time: h2 asks again once tasks that
    /// are ready have had their turn, or at once where new calls came meanwhile.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stays(cx)?;
        if !self.gathered && !self.socket.get_ref().buffer().is_empty() {
            self.gathered = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.gathered = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::task::Waker;
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::places::Places;
    use super::super::turn::FEW;
    use super::*;

    /// A peer, and what it is connected to.
    async fn connect() -> (std::net::TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let peer = std::net::TcpStream::connect(address).expect("it listens");
        let (socket, _) = listener.accept().await.expect("somebody comes");
        let place = Places::new(1, Duration::ZERO).take().await;
        let connection =
            Connection::new(Socket::Plain(socket), place, Arc::default(), Arc::default());
        (peer, connection)
    }

    #[tokio::test]
    async fn where_there_are_many_a_connection_brings_few_and_writes_all_the_same() {
        const CALLS: usize = 20;
        let call = [0, 0, 1, 1, 5, 0, 0, 0, 1, b'x'];
        for many in [false, true] {
            let (mut peer, mut connection) = connect().await;
            peer.write_all(&call.repeat(CALLS)).expect("sent");
            peer.shutdown(Shutdown::Write).expect("that was all");
            let mut preface = [0; PREFACE.len()];
            connection.read_exact(&mut preface).await.expect("replayed");
            connection.socket.fill_buf().await.expect("all is there");

            let (mut read, mut turns) = (Vec::new(), Vec::new());
            poll_fn(|cx| {
                if many {
                    connection.turn.fill();
                }
                let before = read.len();
                let ended = loop {
                    let mut bytes = [0; 1024];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    match Pin::new(&mut connection).poll_read(cx, &mut buffer) {
                        Poll::Ready(read) => read.expect("no error"),
                        Poll::Pending => break false,
                    }
                    if buffer.filled().is_empty() {
                        break true;
                    }
                    read.extend_from_slice(buffer.filled());
                };
                turns.push((read.len() - before).div_ceil(call.len()));
                let written = Pin::new(&mut connection).poll_write(cx, b"answer");
                assert!(matches!(written, Poll::Ready(Ok(6))), "{written:?}");
                let _ = Pin::new(&mut connection).poll_flush(cx);
                let flushed = Pin::new(&mut connection).poll_flush(cx);
                assert!(
                    flushed.is_ready(),
                    "others wait for the calls, not for answers"
                );
                if ended {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
            .await;
            assert_eq!(read, call.repeat(CALLS), "nothing is lost");
            if many {
                let most = turns.iter().max().expect("one at least");
                assert!(
                    *most <= FEW + 1,
                    "the last one's head ends a turn: {turns:?}"
                );
            } else {
                assert_eq!(turns[0], CALLS, "as if there were no turns");
            }
            let mut heard = vec![0; turns.len() * 6];
            peer.read_exact(&mut heard).expect("all that was written");
        }
    }

    #[tokio::test]
    async fn what_is_ready_at_the_same_time_is_written_together() {
        let (mut peer, mut connection) = connect().await;
        peer.set_nonblocking(true).expect("a socket");
        let mut cx = Context::from_waker(Waker::noop());

        connection.write_all(b"one").await.expect("kept");
        let flush = Pin::new(&mut connection).poll_flush(&mut cx);
        assert!(flush.is_pending(), "others may be ready");
        connection.write_all(b"two").await.expect("kept");
        assert!(peer.read(&mut [0; 6]).is_err(), "nothing is sent yet");
        connection.flush().await.expect("sent");
        let mut read = [0; 8];
        assert_eq!(peer.read(&mut read).expect("at once"), 6, "in one piece");
        assert_eq!(&read[..6], b"onetwo");
        // Nobody waits where there is nothing to send.
        let flush = Pin::new(&mut connection).poll_flush(&mut cx);
        assert!(flush.is_ready());
        connection.write_all(b"three").await.expect("kept");
        let flush = Pin::new(&mut connection).poll_flush(&mut cx);
        assert!(flush.is_pending(), "the next ones wait again");
    }
}
