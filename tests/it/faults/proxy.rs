//! A network between the service and PostgreSQL that can go wrong.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What the network does to all connections, old and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Ends connections in order.
    Cut,
    /// Ends connections with RST.
    Reset,
    /// Takes what it is sent and hands nothing on, until it passes again.
    Hold,
    /// Hands everything on this much later.
    Delay(Duration),
    /// Hands on so many bytes a second.
    Throttle(u32),
}

/// Where a connection is cut: at the first message to PostgreSQL that carries out
/// a statement with `words` in its text or its values, handed on or not; its
/// answer is not. What is handed on is carried out before the cut: until no
/// transaction is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snare {
    /// What the connection has said before; others pass.
    pub(crate) after: String,
    pub(crate) words: String,
    pub(crate) hand_on: bool,
    /// How many connections it cuts.
    pub(crate) times: u32,
}

/// ReadyForQuery, outside of any transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

struct Shared {
    mode: watch::Sender<Mode>,
    server: Mutex<PathBuf>,
    snare: Mutex<Option<Snare>>,
}

/// A port on the loopback interface that leads to the socket of a PostgreSQL,
/// for the role of the service only.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Pass),
            server: Mutex::new(socket.to_owned()),
            snare: Mutex::new(None),
        });
        let of = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&of);
                tokio::spawn(async move {
                    let _ = carry(client, &shared).await;
                });
            }
        });
        Self {
            port,
            shared,
            accepting,
        }
    }

    /// What `DATABASE_URL` says of it.
    pub(crate) fn url(&self) -> String {
        let port = self.port;
        format!("host=127.0.0.1 port={port} user=nvito_clients dbname=nvito_clients")
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// Leads new connections to another server.
    pub(crate) fn lead_to(&self, socket: &Path) {
        socket.clone_into(&mut lock(&self.shared.server));
    }

    pub(crate) fn lay(&self, snare: Snare) {
        *lock(&self.shared.snare) = Some(snare);
    }

    /// How often the snare would still cut.
    pub(crate) fn left(&self) -> u32 {
        let snare = lock(&self.shared.snare);
        snare.as_ref().map_or(0, |snare| snare.times)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Mode::Cut);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn carry(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut mode = shared.mode.subscribe();
    let held = mode
        .wait_for(|mode| *mode != Mode::Hold)
        .await
        .map(|mode| *mode);
    match held {
        Ok(Mode::Cut) | Err(_) => return Ok(()),
        Ok(Mode::Reset) => return client.set_zero_linger(),
        Ok(_) => {}
    }
    let server = lock(&shared.server).clone();
    let mut server = UnixStream::connect(server).await?;
    let (mut asked, mut answered) = (Messages::default(), vec![0; 16 * 1024]);
    // What is answered to the messages in the snare.
    let mut snared: Option<Vec<u8>> = None;
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Cut => return Ok(()),
            Mode::Reset => return client.set_zero_linger(),
            Mode::Hold => {
                if mode.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
            Mode::Pass | Mode::Delay(_) | Mode::Throttle(_) => {}
        }
        tokio::select! {
            changed = mode.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            read = client.read_buf(&mut asked.bytes) => {
                if read? == 0 {
                    return Ok(());
                }
                let whole = asked.whole();
                if !asked.of_the_service(whole) {
                    return Ok(());
                }
                if snared.is_none() && let Some(hand_on) = asked.trip(whole, shared) {
                    if !hand_on {
                        return client.set_zero_linger();
                    }
                    snared = Some(Vec::new());
                }
                pace(now, whole).await;
                server.write_all(&asked.bytes[..whole]).await?;
                asked.bytes.drain(..whole);
            }
            read = server.read(&mut answered) => {
                let read = read?;
                if let Some(unheard) = &mut snared {
                    unheard.extend_from_slice(&answered[..read]);
                    if read == 0 || has(unheard, READY) {
                        return client.set_zero_linger();
                    }
                    continue;
                }
                if read == 0 {
                    return Ok(());
                }
                pace(now, read).await;
                client.write_all(&answered[..read]).await?;
            }
        }
    }
}

async fn pace(mode: Mode, bytes: usize) {
    match mode {
        Mode::Delay(time) => sleep(time).await,
        Mode::Throttle(rate) => {
            let bytes = u32::try_from(bytes).expect("few");
            sleep(Duration::from_secs(1) * bytes / rate).await;
        }
        _ => {}
    }
}

/// What came from the service and was not yet handed on.
#[derive(Default)]
struct Messages {
    bytes: Vec<u8>,
    begun: bool,
    /// Whether the snare is meant for this connection.
    meant: bool,
    /// Prepared statements by name, with their texts.
    prepared: HashMap<Vec<u8>, Vec<u8>>,
}

impl Messages {
    /// The length of the messages that are there completely.
    fn whole(&self) -> usize {
        let mut at = 0;
        // The first message has no letter in front.
        let mut letter = usize::from(self.begun);
        while let Some(length) = self.bytes.get(at + letter..at + letter + 4) {
            let length = u32::from_be_bytes(length.try_into().expect("four"));
            let end = at + letter + usize::try_from(length).expect("small");
            if end > self.bytes.len() {
                break;
            }
            (at, letter) = (end, 1);
        }
        at
    }

    /// Whether the first message names the role of the service.
    fn of_the_service(&mut self, whole: usize) -> bool {
        if self.begun || whole == 0 {
            return true;
        }
        self.begun = true;
        has(&self.bytes[..whole], b"user\0nvito_clients\0")
    }

    /// Whether the messages are to be handed on, if they are in the snare.
    fn trip(&mut self, whole: usize, shared: &Shared) -> Option<bool> {
        let carried_out = self.carried_out(whole);
        let mut laid = lock(&shared.snare);
        let snare = laid.as_mut()?;
        self.meant |= has(&self.bytes[..whole], snare.after.as_bytes());
        let words = snare.words.as_bytes();
        let tripped = carried_out.iter().any(|said| has(said, words));
        if snare.times == 0 || !self.meant || !tripped {
            return None;
        }
        snare.times -= 1;
        Some(snare.hand_on)
    }

    /// Text and values of the statements that the messages carry out; those that
    /// are prepared only are kept in mind.
    fn carried_out(&mut self, whole: usize) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        let mut rest = &self.bytes[..whole];
        // A first message is shorter than its first four bytes say as one with a
        // letter, and carries nothing out.
        while let [kind, length @ ..] = rest
            && let Some(length) = length.first_chunk::<4>()
        {
            let end = 1 + usize::try_from(u32::from_be_bytes(*length)).expect("small");
            let Some(body) = rest.get(5..end) else { break };
            let mut texts = body.split(|byte| *byte == 0);
            match kind {
                b'Q' => said.push(body.to_vec()),
                b'P' => {
                    let name = texts.next().unwrap_or_default().to_vec();
                    let text = texts.next().unwrap_or_default().to_vec();
                    self.prepared.insert(name, text);
                }
                b'B' => {
                    let name = texts.nth(1).unwrap_or_default();
                    let text = self.prepared.get(name).cloned().unwrap_or_default();
                    said.push([text, body.to_vec()].concat());
                }
                _ => {}
            }
            rest = &rest[end..];
        }
        said
    }
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|part| part == words)
}
