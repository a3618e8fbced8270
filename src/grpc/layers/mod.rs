//! Around every call, in this order, from the outside in:
//!
//! 1. request id, log and metrics by code ([`call`]): whatever refuses the call
//!    further in is told and counted under its id;
//! 2. panic ([`mod@panic`]): INTERNAL, for the one call only;
//! 3. deadline ([`deadline`]): it bounds waiting for everything further in;
//! 4. in-flight limit ([`admission`]): a refused call costs neither identity
//!    nor message;
//! 5. size limits: the services decode at most [`MESSAGE_MOST`] bytes.
//!
//! `tests/it/layers.rs` holds the order.

pub mod admission;
pub mod call;
pub mod deadline;
pub mod panic;
mod penalty;

pub use admission::{Admission, Class, Drain};
pub use call::CallLayer;
pub use deadline::DeadlineLayer;
pub use panic::catch_panic;

/// Most bytes of a message from a caller (errors.md).
pub const MESSAGE_MOST: usize = 64 * 1024;
