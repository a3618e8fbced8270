//! Collects what is wrong with a message.

use crate::domain::ids::{OrganizationId, RequestId};
use crate::domain::search::Search;
use crate::domain::text::{self, Lines};
use crate::error::{Error, Problem, Result, Violation};

/// The violations found so far.
///
/// A field that breaks its rule stands in as its type's default until
/// [`finish`](Self::finish), which lets none of them out.
#[derive(Default)]
pub(super) struct Check {
    violations: Vec<Violation>,
}

impl Check {
    /// The value of a field, or its violation.
    pub(super) fn field<T: Default>(
        &mut self,
        path: impl Into<String>,
        parsed: Result<T, Problem>,
    ) -> T {
        parsed.unwrap_or_else(|problem| {
            self.refuse(path, problem);
            T::default()
        })
    }

    /// The value of a field that must have one.
    pub(super) fn required<T: Default>(
        &mut self,
        path: impl Into<String>,
        parsed: Result<Option<T>, Problem>,
    ) -> T {
        self.field(
            path,
            parsed.and_then(|value| value.ok_or(Problem::Required)),
        )
    }

    /// Notes a violation.
    pub(super) fn refuse(&mut self, path: impl Into<String>, problem: Problem) {
        self.violations.push(Violation::new(path, problem));
    }

    /// `value` when nothing was refused, else every violation.
    pub(super) fn finish<T>(self, value: T) -> Result<T> {
        self.violations(value).map_err(Error::violations)
    }

    /// As [`finish`](Self::finish), with the violations as they are.
    pub(super) fn violations<T>(self, value: T) -> std::result::Result<T, Vec<Violation>> {
        if self.violations.is_empty() {
            Ok(value)
        } else {
            Err(self.violations)
        }
    }

    /// The `organization_id` of a request that needs one, unless `own` is
    /// known already: the caller's own or, behind a Scope, the one named here.
    pub(super) fn organization(&mut self, given: &str, own: Option<OrganizationId>) {
        let named = self.field("organization_id", optional(given, OrganizationId::parse));
        if named.or(own).is_none() && given.is_empty() {
            self.refuse("organization_id", Problem::Required);
        }
    }

    /// The `request_id` of a write.
    pub(super) fn request_id(&mut self, given: &str) -> Option<RequestId> {
        self.field("request_id", optional(given, RequestId::parse))
    }

    /// The `search` of a list.
    pub(super) fn search(&mut self, given: &str) -> Option<Search> {
        self.field("search", Search::parse(given))
    }
}

/// Nothing of an empty text, else what `parse` makes of it.
pub(super) fn optional<T>(
    given: &str,
    parse: impl FnOnce(&str) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    if given.is_empty() {
        Ok(None)
    } else {
        parse(given).map(Some)
    }
}

/// Nothing of an absent field, else what `parse` makes of it.
pub(super) fn given<T>(
    given: Option<&String>,
    parse: impl FnOnce(&str) -> Result<Option<T>, Problem>,
) -> Result<Option<T>, Problem> {
    given.map_or(Ok(None), |text| parse(text))
}

/// A text of one line.
pub(super) fn line(most: usize) -> impl Fn(&str) -> Result<Option<String>, Problem> {
    move |text| text::parse(text, most, Lines::One)
}

/// A text of several lines.
pub(super) fn lines(most: usize) -> impl Fn(&str) -> Result<Option<String>, Problem> {
    move |text| text::parse(text, most, Lines::Many)
}
