//! Proto ↔ domain: the only place that reads or builds messages.
//!
//! A message becomes a command of the domain with every violation collected;
//! the rules themselves are the domain's.

pub(super) mod answer;
mod check;
pub(super) mod client;
pub(super) mod directory;
mod enums;
mod mask;
mod page;
mod time;
