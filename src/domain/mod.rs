//! The rules: pure, synchronous, without a word of gRPC or SQL.

pub mod client;
pub mod directory;
pub mod email;
pub mod event;
pub mod history;
pub mod ids;
pub mod lifecycle;
mod names;
pub mod page;
pub mod phone;
pub mod principal;
pub mod rfc;
pub mod search;
pub mod summary;
pub mod text;
pub mod token;
