//! Field masks (AIP-134, AIP-161).

use prost_types::FieldMask;

use super::check::Check;
use crate::error::Problem;
use crate::grpc::proto::ClientPatch;

/// The fields of `ClientPatch`, which are those a caller may write.
pub(super) const FIELDS: [&str; 12] = [
    "name",
    "email",
    "phone",
    "type",
    "status",
    "rfc",
    "business_name",
    "billing_address",
    "acquisition_source",
    "acquisition_detail",
    "notes",
    "assigned_to_id",
];

const ALLOWED: &str = "name, email, phone, type, status, rfc, business_name, billing_address, \
                       acquisition_source, acquisition_detail, notes, assigned_to_id";

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

/// Which fields an update writes: those of the mask or, without one, those
/// that are populated.
pub(super) fn fields(
    check: &mut Check,
    mask: Option<&FieldMask>,
    patch: &ClientPatch,
) -> Vec<&'static str> {
    match mask.filter(|mask| !mask.paths.is_empty()) {
        None => FIELDS
            .into_iter()
            .filter(|field| is_populated(patch, field))
            .collect(),
        Some(mask) => mask
            .paths
            .iter()
            .enumerate()
            .filter_map(|(index, path)| {
                let path = snake_case(path);
                let field = FIELDS.into_iter().find(|field| *field == path);
                if field.is_none() {
                    let problem = if READ_ONLY.contains(&path.as_str()) {
                        Problem::ReadOnlyField
                    } else {
                        Problem::UnknownField { allowed: ALLOWED }
                    };
                    check.refuse(format!("update_mask.paths[{index}]"), problem);
                }
                field
            })
            .collect(),
    }
}

fn is_populated(patch: &ClientPatch, field: &str) -> bool {
    match field {
        "name" => patch.name.is_some(),
        "email" => patch.email.is_some(),
        "phone" => patch.phone.is_some(),
        "type" => patch.r#type.is_some(),
        "status" => patch.status.is_some(),
        "rfc" => patch.rfc.is_some(),
        "business_name" => patch.business_name.is_some(),
        "billing_address" => patch.billing_address.is_some(),
        "acquisition_source" => patch.acquisition_source.is_some(),
        "acquisition_detail" => patch.acquisition_detail.is_some(),
        "notes" => patch.notes.is_some(),
        "assigned_to_id" => patch.assigned_to_id.is_some(),
        _ => false,
    }
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
    use super::*;
    use crate::error::{Error, Reason};

    fn read(
        paths: &[&str],
        patch: &ClientPatch,
    ) -> Result<Vec<&'static str>, Vec<(String, Reason)>> {
        let mask = FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        };
        let mut check = Check::default();
        let fields = fields(&mut check, Some(&mask), patch);
        check.finish(fields).map_err(|error| match error {
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
        for field in FIELDS {
            assert_eq!(read(&[field], &none), Ok(vec![field]));
            assert!(ALLOWED.split(", ").any(|allowed| allowed == field));
        }
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
