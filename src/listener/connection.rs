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

/// What is written together at most.
const TOGETHER: usize = 16 * 1024;

/// A connection whose preface has been read, and is read again by tonic. It
/// ends when its place is needed.
///
/// Answers that are ready at the same time go out in one write: calls that
/// shared a statement are answered in the same moment, and a write for each
/// would cost more than anything else that is done for it here.
#[derive(Debug)]
pub struct Connection {
    socket: BufWriter<Socket>,
    /// Whoever is ready has had time to add an answer to what is written next.
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

    /// Lets other tasks run once before it writes.
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
    use std::task::Waker;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::places::Places;
    use super::*;

    #[tokio::test]
    async fn what_is_ready_at_the_same_time_is_written_together() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut peer = TcpStream::connect(address).await.expect("it listens");
        let (socket, _) = listener.accept().await.expect("somebody comes");
        let place = Places::new(1, Duration::ZERO).take().await;
        let mut connection = Connection::new(Socket::Plain(socket), place, Arc::default());
        let mut cx = Context::from_waker(Waker::noop());

        connection.write_all(b"one").await.expect("kept");
        let flush = Pin::new(&mut connection).poll_flush(&mut cx);
        assert!(flush.is_pending(), "others may be ready");
        connection.write_all(b"two").await.expect("kept");
        assert!(peer.try_read(&mut [0; 1]).is_err(), "nothing is sent yet");
        connection.flush().await.expect("sent");
        let mut read = [0; 6];
        peer.read_exact(&mut read).await.expect("sent");
        assert_eq!(&read, b"onetwo");
        // Nobody waits where there is nothing to send.
        let flush = Pin::new(&mut connection).poll_flush(&mut cx);
        assert!(flush.is_ready());
        connection.write_all(b"three").await.expect("kept");
        let flush = Pin::new(&mut connection).poll_flush(&mut cx);
        assert!(flush.is_pending(), "the next ones wait again");
    }
}
