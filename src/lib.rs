//! Nvito Clients: the gRPC service that owns the clients of an event company.
#![doc = "TODO map"]

pub mod domain;
pub mod error;
pub mod postgres;
pub mod repository;
