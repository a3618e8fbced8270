//! Proto ↔ domain: the only place that reads or builds messages.
//!
//! A message becomes a command of the domain with every violation collected;
//! the rules themselves are the domain's.

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
