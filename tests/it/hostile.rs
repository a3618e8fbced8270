//! Bad input of every kind: each is refused with its documented error, nothing
//! is written, and nothing is ever our fault.

mod bytes;
mod fields;
pub(crate) mod fuzz;
mod metadata;
pub(crate) mod walk;

use tonic::Code;

use crate::support::Failure;

/// Asserts that a failure is a caller's, not ours.
#[track_caller]
fn is_no_fault_of_ours(failure: &Failure) {
    let ours = [
        Code::Internal,
        Code::Unknown,
        Code::Unavailable,
        Code::DataLoss,
    ];
    assert!(!ours.contains(&failure.code), "{failure:?}");
}
