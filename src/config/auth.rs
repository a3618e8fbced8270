//! How callers say who they are: what may be set.

use std::net::SocketAddr;

use clap::Args;

use crate::jwt::{Clock, Names, Settings, Source};

/// Flags and variables.
#[derive(Debug, Args)]
pub(super) struct AuthArgs {
    /// How callers say who they are: metadata (x-user-id, x-organization-id,
    /// x-role), which is for loopback only, or jwt (authorization: Bearer).
    #[arg(
        long,
        global = true,
        env = "CLIENTS_AUTH",
        default_value = "metadata",
        hide_env_values = true
    )]
    auth: String,

    /// With jwt: https URL of the issuer's keys (JWKS), or a file with them.
    #[arg(long, global = true, env = "CLIENTS_JWT_KEYS", hide_env_values = true)]
    jwt_keys: Option<String>,

    /// With jwt: the issuer (iss), as it stands in the tokens.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_JWT_ISSUER",
        hide_env_values = true
    )]
    jwt_issuer: Option<String>,

    /// With jwt: whom tokens may be meant for (azp, aud), separated by commas.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_JWT_AUDIENCES",
        hide_env_values = true
    )]
    jwt_audiences: Option<String>,

    /// With jwt: the claim that holds the user's UUID. [default: metadata.user_id]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_JWT_USER_CLAIM",
        hide_env_values = true
    )]
    jwt_user_claim: Option<String>,

    /// With jwt: the claim that holds the organization's UUID. [default: metadata.organization_id]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_JWT_ORGANIZATION_CLAIM",
        hide_env_values = true
    )]
    jwt_organization_claim: Option<String>,

    /// With jwt: the claim that holds the role. [default: metadata.role]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_JWT_ROLE_CLAIM",
        hide_env_values = true
    )]
    jwt_role_claim: Option<String>,
}

/// How callers say who they are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// In plain keys, which are believed.
    Metadata,
    /// In a token.
    Jwt(Box<Settings>),
}

impl AuthArgs {
    /// Checks all of it; `None` when there is a mistake.
    pub(super) fn check(
        self,
        listen: SocketAddr,
        knows_its_callers: bool,
        mistakes: &mut Vec<String>,
    ) -> Option<Auth> {
        match self.auth.as_str() {
            "metadata" => {
                for name in self.given() {
                    mistakes.push(format!("{name}: is for CLIENTS_AUTH=jwt"));
                }
                if !knows_its_callers {
                    reachable_by_us_alone(listen, mistakes);
                }
                Some(Auth::Metadata)
            }
            "jwt" => self.jwt(mistakes).map(Box::new).map(Auth::Jwt),
            other => {
                mistakes.push(format!(
                    "CLIENTS_AUTH: {other:?} is not supported; write metadata or jwt"
                ));
                None
            }
        }
    }

    /// The variables of jwt mode that are set.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("CLIENTS_JWT_KEYS", &self.jwt_keys),
            ("CLIENTS_JWT_ISSUER", &self.jwt_issuer),
            ("CLIENTS_JWT_AUDIENCES", &self.jwt_audiences),
            ("CLIENTS_JWT_USER_CLAIM", &self.jwt_user_claim),
            (
                "CLIENTS_JWT_ORGANIZATION_CLAIM",
                &self.jwt_organization_claim,
            ),
            ("CLIENTS_JWT_ROLE_CLAIM", &self.jwt_role_claim),
        ];
        let given = all.map(|(name, value)| value.as_ref().map(|_| name));
        given.into_iter().flatten()
    }

    fn jwt(self, mistakes: &mut Vec<String>) -> Option<Settings> {
        let mut needed = |name: &str, value: Option<String>, example: &str| {
            let value = value.filter(|value| !value.trim().is_empty());
            if value.is_none() {
                mistakes.push(format!(
                    "{name}: CLIENTS_AUTH=jwt needs it; write for example {example}"
                ));
            }
            value
        };
        let keys = needed(
            "CLIENTS_JWT_KEYS",
            self.jwt_keys,
            "https://clerk.example.com/.well-known/jwks.json",
        );
        let issuer = needed(
            "CLIENTS_JWT_ISSUER",
            self.jwt_issuer,
            "https://clerk.example.com",
        );
        let audiences = needed(
            "CLIENTS_JWT_AUDIENCES",
            self.jwt_audiences,
            "https://app.example.com",
        );
        let audiences: Vec<String> = audiences
            .iter()
            .flat_map(|all| all.split(','))
            .map(|one| one.trim().to_owned())
            .collect();
        if audiences.iter().any(String::is_empty) {
            mistakes.push("CLIENTS_JWT_AUDIENCES: one of them is empty".to_owned());
        }
        let keys = keys.and_then(|keys| match Source::parse(&keys) {
            Ok(keys) => Some(keys),
            Err(mistake) => {
                mistakes.push(format!("CLIENTS_JWT_KEYS: {mistake}"));
                None
            }
        });
        let mut claim = |name: &str, value: Option<String>, default: String| {
            let value = value.unwrap_or(default);
            if value.split('.').any(str::is_empty) {
                mistakes.push(format!("{name}: {value:?} names no claim"));
            }
            value
        };
        let Names {
            user,
            organization,
            role,
        } = Names::default();
        let names = Names {
            user: claim("CLIENTS_JWT_USER_CLAIM", self.jwt_user_claim, user),
            organization: claim(
                "CLIENTS_JWT_ORGANIZATION_CLAIM",
                self.jwt_organization_claim,
                organization,
            ),
            role: claim("CLIENTS_JWT_ROLE_CLAIM", self.jwt_role_claim, role),
        };
        Some(Settings {
            keys: keys?,
            issuer: issuer?,
            audiences,
            names,
            clock: Clock::default(),
        })
    }
}

/// Plain keys are believed, so nobody else may reach the listener.
fn reachable_by_us_alone(listen: SocketAddr, mistakes: &mut Vec<String>) {
    if !listen.ip().is_loopback() {
        mistakes.push(format!(
            "CLIENTS_LISTEN: with CLIENTS_AUTH=metadata anyone who reaches {listen} could \
             claim to be anyone; listen on a loopback address such as 127.0.0.1:50051, let in \
             only known clients (CLIENTS_TLS_CERTIFICATE, CLIENTS_TLS_KEY, \
             CLIENTS_TLS_CLIENT_CA and CLIENTS_TLS_CLIENT_NAMES), or use CLIENTS_AUTH=jwt"
        ));
    }
}
