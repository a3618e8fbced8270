//! Field masks (AIP-134, AIP-161).

use std::sync::LazyLock;

use prost_types::FieldMask;

use super::check::Check;
use crate::error::{Problem, Violation};
use crate::grpc::proto::ClientPatch;

macro_rules! fields {
    ($($variant:ident = $name:literal, $member:ident;)+) => {
        /// The fields of `ClientPatch`, which are those a caller may write.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($variant),+ }

        impl Field {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it stands in the proto and in a mask.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            fn is_populated(self, patch: &ClientPatch) -> bool {
                match self { $(Self::$variant => patch.$member.is_some()),+ }
            }
        }
    };
}

fields! {
    Name = "name", name;
    Email = "email", email;
    Phone = "phone", phone;
    Type = "type", r#type;
    Status = "status", status;
    Rfc = "rfc", rfc;
    BusinessName = "business_name", business_name;
    BillingAddress = "billing_address", billing_address;
    AcquisitionSource = "acquisition_source", acquisition_source;
    AcquisitionDetail = "acquisition_detail", acquisition_detail;
    Notes = "notes", notes;
    AssignedToId = "assigned_to_id", assigned_to_id;
}

static ALLOWED: LazyLock<String> = LazyLock::new(|| {
    Field::ALL
        .iter()
        .map(|field| field.name())
        .collect::<Vec<_>>()
        .join(", ")
});

/// The fields of `Client` that only the service writes.
const READ_ONLY: [&str; 13] = [
    "id",
    "organization_id",
    "phone_e164",
    "rfc_assessment",
    "assigned_to",
    "created_by",
    "created_at",
    "updated_at",
    "deleted_at",
    "etag",
    "event_count",
    "events",
    "allowed_transitions",
];

/// Which fields an update writes, each once: those of the mask or, without
/// one, those that are populated.
pub(super) fn fields(
    check: &mut Check,
    mask: Option<&FieldMask>,
    patch: &ClientPatch,
) -> Vec<Field> {
    let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
        return Field::ALL
            .iter()
            .copied()
            .filter(|field| field.is_populated(patch))
            .collect();
    };
    let mut fields = Vec::new();
    for (index, path) in mask.paths.iter().enumerate() {
        let path = snake_case(path);
        match Field::ALL.iter().find(|field| field.name() == path) {
            Some(field) if fields.contains(field) => {}
            Some(field) => fields.push(*field),
            None => {
                let problem = if READ_ONLY.contains(&path.as_str()) {
                    Problem::ReadOnlyField
                } else {
                    Problem::UnknownField { allowed: &ALLOWED }
                };
                check.refuse(format!("update_mask.paths[{index}]"), problem);
            }
        }
    }
    fields
}

/// The fields that the paths of a mask name, each once, as they stand in the
/// proto, or every violation.
pub fn names(paths: &[String]) -> Result<Vec<&'static str>, Vec<Violation>> {
    let mask = FieldMask {
        paths: paths.to_vec(),
    };
    let mut check = Check::default();
    let fields = fields(&mut check, Some(&mask), &ClientPatch::default());
    let names = fields.iter().map(|field| field.name()).collect();
    check.violations(names)
}

/// JSON writes paths in lowerCamel.
fn snake_case(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for character in path.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::error::{Error, Reason};
    use crate::grpc::proto::FILE_DESCRIPTOR_SET;

    fn names_in_proto(message: &str) -> Vec<String> {
        let compiled = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
        let messages = compiled.file.iter().flat_map(|file| &file.message_type);
        let message = messages
            .into_iter()
            .find(|found| found.name() == message)
            .expect("known");
        message
            .field
            .iter()
            .map(|field| field.name().to_owned())
            .collect()
    }

    #[test]
    fn every_field_of_the_proto_is_writable_or_read_only() {
        let writable: Vec<_> = Field::ALL
            .iter()
            .map(|field| field.name().to_owned())
            .collect();
        assert_eq!(names_in_proto("ClientPatch"), writable);
        for name in names_in_proto("Client") {
            assert_ne!(
                writable.contains(&name),
                READ_ONLY.contains(&name.as_str()),
                "{name}"
            );
        }
    }

    fn read(
        paths: &[&str],
        patch: &ClientPatch,
    ) -> Result<Vec<&'static str>, Vec<(String, Reason)>> {
        let mask = FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        };
        let mut check = Check::default();
        let fields = fields(&mut check, Some(&mask), patch);
        let names = fields.iter().map(|field| field.name()).collect();
        check.finish(names).map_err(|error| match error {
            Error::Invalid { violations, .. } => violations
                .into_iter()
                .map(|v| (v.field, v.problem.reason()))
                .collect(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn paths_are_read_in_both_cases() {
        let none = ClientPatch::default();
        assert_eq!(
            read(&["name", "businessName"], &none),
            Ok(vec!["name", "business_name"])
        );
        assert_eq!(read(&["assigned_to_id"], &none), Ok(vec!["assigned_to_id"]));
        assert_eq!(
            read(&["notes", "name", "notes"], &none),
            Ok(vec!["notes", "name"])
        );
    }

    #[test]
    fn without_a_mask_the_populated_fields_count() {
        let patch = ClientPatch {
            notes: Some(String::new()),
            status: Some(0),
            ..ClientPatch::default()
        };
        assert_eq!(read(&[], &patch), Ok(vec!["status", "notes"]));
    }

    #[test]
    fn unknown_and_read_only_paths_are_told_apart() {
        let refused = read(
            &[
                "name",
                "nmae",
                "created_at",
                "*",
                "client.name",
                "eventCount",
            ],
            &ClientPatch::default(),
        );
        let at = |index: usize, reason| (format!("update_mask.paths[{index}]"), reason);
        assert_eq!(
            refused,
            Err(vec![
                at(1, Reason::UnknownField),
                at(2, Reason::ReadOnlyField),
                at(3, Reason::UnknownField),
                at(4, Reason::UnknownField),
                at(5, Reason::ReadOnlyField),
            ])
        );
    }
}
