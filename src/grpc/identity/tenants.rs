//! How many calls one organization may have in flight.
//!
//! The database is shared out in the repository, when a call is read whole.
//! Before that it takes up a place among all calls in flight, and its caller
//! may take as long as the deadline to say it: so there is a bound here too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::OrganizationId;
use crate::error::{Error, Reason, Result};
use crate::grpc::layers::Class;
use crate::metrics::{Metrics, Why};

/// Whose call it is; a Super Admin's is nobody's.
type Tenant = Option<OrganizationId>;

/// The calls in flight of each organization.
#[derive(Clone)]
pub(super) struct Tenants {
    most: usize,
    calls: Arc<Mutex<HashMap<Tenant, usize>>>,
    metrics: Metrics,
}

impl Tenants {
    /// Three eighths of all places for one organization: what is left are lists
    /// of others, which are refused from half on.
    pub(super) fn new(in_flight: usize, metrics: Metrics) -> Self {
        Self {
            most: (in_flight * 3).div_ceil(8),
            calls: Arc::default(),
            metrics,
        }
    }

    /// `SERVER_OVERLOADED` where the organization has its share in flight.
    pub(super) fn admit(&self, tenant: Tenant, class: Option<Class>) -> Result<Place> {
        let mut calls = self.calls();
        let count = calls.entry(tenant).or_default();
        if *count >= self.most {
            if let Some(class) = class {
                self.metrics.shed(class, Why::Share);
            }
            return Err(Error::System {
                reason: Reason::ServerOverloaded,
                cause: "too many calls of the organization in flight".into(),
            });
        }
        *count += 1;
        Ok(Place {
            tenants: self.clone(),
            tenant,
        })
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Tenant, usize>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call in flight.
pub(super) struct Place {
    tenants: Tenants,
    tenant: Tenant,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.tenants.calls();
        if let Some(count) = calls.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_has_three_eighths_and_gives_them_back() {
        let tenants = Tenants::new(16, Metrics::default());
        let organization = |number| Tenant::from(OrganizationId(Uuid::from_u128(number)));
        let admit = |number| tenants.admit(organization(number), Some(Class::Write));
        let places: Vec<_> = (0..6).map(|_| admit(1).expect("its share")).collect();
        let refused = admit(1).err().map(|error| error.reason());
        assert_eq!(refused, Some(Reason::ServerOverloaded));
        let other = admit(2).expect("another's");
        assert!(tenants.admit(None, None).is_ok(), "nobody's");
        drop((places, other));
        assert!(tenants.calls().is_empty());
        assert!(admit(1).is_ok());
    }
}
