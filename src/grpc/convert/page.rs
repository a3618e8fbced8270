//! Pages by number.

use super::check::Check;
use crate::domain::page::{Page, PageMeta};
use crate::grpc::proto;

/// The page of a request; 0 stands for "not said".
pub(super) fn page(check: &mut Check, page: i32, limit: i32) -> Page {
    Page::parse(page, limit).unwrap_or_else(|problems| {
        for (field, problem) in problems {
            check.refuse(field, problem);
        }
        Page {
            number: 1,
            limit: 1,
        }
    })
}

/// `meta` of an answer.
pub(super) fn meta(meta: &PageMeta) -> proto::PageMeta {
    // Page numbers and limits are bounded far below what an int32 holds.
    let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    proto::PageMeta {
        total: meta.total,
        page: small(meta.page),
        limit: small(meta.limit),
        total_pages: meta.total_pages,
    }
}
