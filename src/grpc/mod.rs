//! Transport: metadata → `Principal`, proto ↔ domain, `Error` → `Status`.

mod call;
mod clients;
pub mod context;
mod convert;
mod directory;
mod events;
mod identity;
pub mod layers;
mod messages;
mod read;
mod services;
mod span;
mod staleness;
pub mod status;

use clients::Clients;
use directory::Directory;
use events::Events;

pub use call::Gate;
pub use convert::mask::names as mask_names;
pub use identity::{Identity, IdentityLayer};
pub use layers::Class;
pub use services::Services;

/// The contract as Rust types.
#[allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "generated from proto/"
)]
pub mod proto {
    tonic::include_proto!("nvito.clients.v1");

    /// The contract as descriptors, for reflection and for tests that iterate it.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/nvito_clients.bin"));
}
