//! A connection as tonic takes it.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::answers::Answers;
use super::frames::Frames;
use super::places::Place;

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

/// A connection whose preface has been read, and is read again by tonic. It
/// ends when its place is needed.
///
/// Short answers that are ready at the same time go out in one write: calls that
/// shared a statement are answered in the same moment, and a write for each
/// would cost more than anything else that is done for it here. (h2 flushes after
/// each frame of a kilobyte or more.)
#[derive(Debug)]
pub struct Connection {
    socket: BufWriter<Socket>,
    /// Others have had time to add their answer to what is written next.
    gathered: bool,
    replayed: usize,
    frames: Frames,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
    answers: Arc<Answers>,
    place: Place,
}

impl Connection {
    pub(super) fn new(socket: Socket, place: Place, answers: Arc<Answers>) -> Self {
        Self {
            socket: BufWriter::with_capacity(TOGETHER, socket),
            gathered: false,
            replayed: 0,
            frames: Frames::default(),
            left: Box::pin(place.left()),
            answers,
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
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        if self.frames.bring_a_call(&buffer.filled()[before..]) {
            self.place.called();
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
        if !self.gathered && !self.socket.buffer().is_empty() {
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
    use std::io::Read;
    use std::task::Waker;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::super::places::Places;
    use super::*;

    #[tokio::test]
    async fn what_is_ready_at_the_same_time_is_written_together() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut peer = std::net::TcpStream::connect(address).expect("it listens");
        peer.set_nonblocking(true).expect("a socket");
        let (socket, _) = listener.accept().await.expect("somebody comes");
        let place = Places::new(1, Duration::ZERO).take().await;
        let mut connection = Connection::new(Socket::Plain(socket), place, Arc::default());
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
