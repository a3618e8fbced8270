//! Who acts, and what they may do (spec §9; api.md "Permissions").

use std::fmt;
use std::sync::Arc;

use crate::domain::ids::{OrganizationId, UserId};
use crate::error::Error;

/// The role of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Runs the platform; sees every organization.
    SuperAdmin,
    /// Works for Nvito within one organization.
    PlatformAdmin,
    /// Owns an organization.
    OrgOwner,
    /// Administers an organization.
    OrgAdmin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::SuperAdmin,
        Self::PlatformAdmin,
        Self::OrgOwner,
        Self::OrgAdmin,
    ];

    /// As it stands in `x-role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuperAdmin => "SUPER_ADMIN",
            Self::PlatformAdmin => "PLATFORM_ADMIN",
            Self::OrgOwner => "ORG_OWNER",
            Self::OrgAdmin => "ORG_ADMIN",
        }
    }

    /// The role of a name of [`as_str`](Self::as_str).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a method asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Work with clients (spec §9 `AdminPanelGuard`).
    AdminPanel,
    /// Delete clients, see deleted ones, keep the directory (spec §9
    /// `SuperAdminGuard`).
    SuperAdmin,
}

/// Which roles hold which permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    admin_panel: Arc<[Role]>,
}

impl Default for Policy {
    /// Spec §9: Super and Platform Admin.
    fn default() -> Self {
        Self::new(vec![Role::SuperAdmin, Role::PlatformAdmin])
    }
}

impl Policy {
    /// The policy in which `admin_panel` are the roles that work with clients.
    pub fn new(admin_panel: Vec<Role>) -> Self {
        Self {
            admin_panel: admin_panel.into(),
        }
    }

    /// The roles that hold a permission.
    pub fn roles(&self, permission: Permission) -> &[Role] {
        match permission {
            Permission::AdminPanel => &self.admin_panel,
            Permission::SuperAdmin => &[Role::SuperAdmin],
        }
    }
}

/// Who acts in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    user: UserId,
    role: Role,
    organization: Option<OrganizationId>,
}

impl Principal {
    /// An actor of an organization. Only a Super Admin may have none: `None`
    /// is answered for anybody else.
    pub fn new(user: UserId, role: Role, organization: Option<OrganizationId>) -> Option<Self> {
        let organization = match role {
            Role::SuperAdmin => None,
            _ => Some(organization?),
        };
        Some(Self {
            user,
            role,
            organization,
        })
    }

    /// Who.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The one organization this actor sees; a Super Admin sees all.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// Fails with `ROLE_REQUIRED` unless the policy gives the role `permission`.
    pub fn require(&self, permission: Permission, policy: &Policy) -> Result<(), Error> {
        let roles = policy.roles(permission);
        if roles.contains(&self.role) {
            return Ok(());
        }
        Err(Error::RoleRequired {
            roles: roles.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_role_and_permission() {
        use Permission::{AdminPanel, SuperAdmin};
        let wide = Policy::new(Role::ALL.to_vec());
        let table = [
            // role, permission, by default, with every role in the admin panel
            (Role::SuperAdmin, AdminPanel, true, true),
            (Role::PlatformAdmin, AdminPanel, true, true),
            (Role::OrgOwner, AdminPanel, false, true),
            (Role::OrgAdmin, AdminPanel, false, true),
            (Role::SuperAdmin, SuperAdmin, true, true),
            (Role::PlatformAdmin, SuperAdmin, false, false),
            (Role::OrgOwner, SuperAdmin, false, false),
            (Role::OrgAdmin, SuperAdmin, false, false),
        ];
        for (role, permission, by_default, widened) in table {
            let organization = Some(OrganizationId(Uuid::nil()));
            let actor = Principal::new(UserId(Uuid::nil()), role, organization).expect("complete");
            let may = |policy: &Policy| actor.require(permission, policy).is_ok();
            assert_eq!(may(&Policy::default()), by_default, "{role} {permission:?}");
            assert_eq!(may(&wide), widened, "{role} {permission:?}, widened");
        }
    }

    #[test]
    fn only_a_super_admin_needs_no_organization() {
        for role in Role::ALL {
            let complete = Principal::new(UserId(Uuid::nil()), role, None).is_some();
            assert_eq!(complete, role == Role::SuperAdmin, "{role}");
        }
    }
}
