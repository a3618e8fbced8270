//! An issuer of tokens, with a key server of its own and a time of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nvito_clients::domain::principal::Role;
use nvito_clients::jwt::{Clock, Names, Settings, Source};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// The issuer in every token.
pub(crate) const ISSUER: &str = "https://clerk.nvito.test";
/// Whom tokens are for.
pub(crate) const AUDIENCE: &str = "https://app.nvito.test";

/// A key that signs; made for these tests and used nowhere else.
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) pair: RsaKeyPair,
}

impl Key {
    pub(crate) fn first() -> Self {
        Self::of("first", include_str!("../../data/jwt/first.pem"))
    }

    pub(crate) fn second() -> Self {
        Self::of("second", include_str!("../../data/jwt/second.pem"))
    }

    /// One that the issuer has never had.
    pub(crate) fn stranger() -> Self {
        Self::of("stranger", include_str!("../../data/jwt/stranger.pem"))
    }

    fn of(kid: &'static str, pem: &str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).expect("PEM")).expect("a key");
        Self { kid, pair }
    }

    pub(crate) fn components(&self) -> RsaPublicKeyComponents<Vec<u8>> {
        self.pair.public().into()
    }

    /// What others may know of it.
    pub(crate) fn public(&self) -> Value {
        let RsaPublicKeyComponents { n, e } = self.components();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
        })
    }

    /// The signature of a text.
    pub(crate) fn signature(&self, text: &str, encoding: &'static dyn RsaEncoding) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                encoding,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .expect("signed");
        signature
    }

    /// A token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.kid});
        sign(&header, claims, |text| {
            self.signature(text, &RSA_PKCS1_SHA256)
        })
    }
}

/// A token with whatever header and signature.
pub(crate) fn sign(header: &Value, claims: &Value, by: impl Fn(&str) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(by(&signed));
    format!("{signed}.{signature}")
}

/// What the key server answers.
#[derive(Clone)]
pub(crate) enum Says {
    /// These keys.
    Keys(Vec<Value>),
    /// This status and body.
    Answer(&'static str, String),
    /// Nothing, and stays on the line.
    Nothing,
}

/// An issuer and its key server on loopback.
pub(crate) struct Issuer {
    pub(crate) clock: Clock,
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    pub(crate) async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let says = Arc::new(Mutex::new(says));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::clone(&says), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let says = answer
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(reply(connection, says));
            }
        });
        Self {
            clock: Clock::default(),
            address,
            says,
            asked,
        }
    }

    /// What it answers from now on.
    pub(crate) fn says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Moves the time until the service has asked for the keys again.
    pub(crate) async fn until_asked(&self, by: Duration) {
        let before = self.asked();
        self.clock.advance(by);
        super::until(async || self.asked() > before).await;
    }

    /// What a service has to be told of it.
    pub(crate) fn settings(&self) -> Settings {
        let url = format!("http://{}/.well-known/jwks.json", self.address);
        self.settings_with(Source::parse(&url).expect("a source"))
    }

    /// As [`settings`](Self::settings), with keys from elsewhere.
    pub(crate) fn settings_with(&self, keys: Source) -> Settings {
        Settings {
            keys,
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            names: Names::default(),
            clock: self.clock.clone(),
        }
    }

    /// What a token says of somebody, good for a minute from now.
    pub(crate) fn claims(&self, role: Role, organization: Option<&str>) -> Value {
        let now = self.clock.since_1970().as_secs();
        json!({
            "iss": ISSUER, "azp": AUDIENCE, "sub": "user_2x", "sid": "sess_2x",
            "iat": now, "nbf": now - 10, "exp": now + 60,
            "metadata": {
                "user_id": Uuid::now_v7().to_string(),
                "organization_id": organization,
                "role": role.as_str(),
            },
        })
    }

    /// A Super Admin's token, signed by `key`.
    pub(crate) fn root(&self, key: &Key) -> String {
        key.token(&self.claims(Role::SuperAdmin, None))
    }
}

async fn reply(mut connection: TcpStream, says: Says) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let (status, body) = match says {
        Says::Keys(keys) => ("200 OK", json!({ "keys": keys }).to_string()),
        Says::Answer(status, body) => (status, body),
        Says::Nothing => std::future::pending().await,
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    // The service may have hung up, as it should on a body without end.
    connection.write_all(answer.as_bytes()).await.ok();
}
