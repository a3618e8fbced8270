//! Nvito Clients: the gRPC service that owns the clients of an event company.
//!
//! Three storeys; a request walks straight down and straight back up.
//!
//! ```text
//! main ── server, commands ─ the only wiring: runtime, listener, layers, services, shutdown
//!           │
//!         grpc ───────────── transport: metadata → Principal, proto ↔ domain, Error → Status
//!           │
//!         repository ─────── PostgreSQL: scoped queries, transactions, rows ↔ domain
//!           │
//!         domain ─────────── the rules: pure, no async, no tonic, no diesel
//! ```
//!
//! Beside them: [`error`] (what can go wrong, pure), [`jwt`] (who acts, by a
//! token; below `grpc`), [`config`] and [`telemetry`], [`metrics`] (what `grpc` counts, by
//! its own methods and classes, and how the others stand), [`listener`] (sockets in,
//! connections out), [`postgres`] (the embedded default: a private PostgreSQL) and
//! [`seed`] (demonstration and bulk data, above `repository`).
//!
//! The walls between the storeys are held by `tests/it/layering.rs`.

pub mod commands;
pub mod config;
pub mod domain;
pub mod error;
pub mod grpc;
pub mod jwt;
pub mod listener;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod postgres;
pub mod repository;
pub mod seed;
pub mod server;
pub mod telemetry;
