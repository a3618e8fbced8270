//! Proto ↔ domain: what a caller says and what the domain knows become each other here
//! and nowhere else.
//!
//! A message becomes a command of the domain with every violation collected;
//! the rules themselves are the domain's. The services only put what is made here into
//! their answers.

pub(super) mod answer;
mod check;
pub(super) mod client;
pub(super) mod directory;
mod enums;
pub(super) mod event;
pub(super) mod fiscal;
pub(super) mod history;
pub(super) mod list;
pub(super) mod mask;
mod page;
pub(super) mod reassign;
pub(super) mod suggest;
pub(super) mod summary;
mod time;
