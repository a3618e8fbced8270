//! The rules: pure, synchronous, without a word of gRPC or SQL.

pub mod client;
pub mod directory;
pub mod email;
pub mod ids;
pub mod lifecycle;
pub mod page;
pub mod phone;
pub mod principal;
pub mod rfc;
pub mod search;
pub mod text;
