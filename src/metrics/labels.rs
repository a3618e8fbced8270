//! The labels, of which there are only so many.

use std::collections::HashMap;
use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::grpc::Class;
use crate::grpc::proto::FILE_DESCRIPTOR_SET;

/// A method that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct MethodLabels {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
}

/// Every method that does not.
pub(super) const UNKNOWN: MethodLabels = MethodLabels {
    service: "unknown",
    method: "unknown",
};

/// What the service answers to, by path: its own methods, health and reflection.
pub(super) static METHODS: LazyLock<HashMap<&'static str, MethodLabels>> = LazyLock::new(|| {
    static FILES: LazyLock<Vec<FileDescriptorSet>> = LazyLock::new(|| {
        let sets = [
            FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        sets.into_iter()
            .filter_map(|set| FileDescriptorSet::decode(set).ok())
            .collect()
    });
    static NAMES: LazyLock<Vec<(String, String, &str)>> = LazyLock::new(|| {
        let mut names = Vec::new();
        for file in FILES.iter().flat_map(|set| &set.file) {
            for service in &file.service {
                let full = format!("{}.{}", file.package(), service.name());
                for method in &service.method {
                    let path = format!("/{full}/{}", method.name());
                    names.push((path, full.clone(), method.name()));
                }
            }
        }
        names
    });
    let labels = |(path, service, method): &'static (String, String, &'static str)| {
        (path.as_str(), MethodLabels { service, method })
    };
    NAMES.iter().map(labels).collect()
});

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    service: &'static str,
    pub(super) method: &'static str,
    code: &'static str,
}

impl CallLabels {
    pub(super) fn of(method: MethodLabels, code: Code) -> Self {
        Self {
            service: method.service,
            method: method.method,
            code: code_name(code),
        }
    }
}

/// As the gRPC specification spells it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Calls in flight, for its class.
    InFlight,
    /// Calls of its organization that work or wait.
    Share,
}

/// Which server answered a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The one that takes the writes.
    Primary,
    /// A copy of it.
    Standby,
}

impl Source {
    /// In metrics and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SourceLabels {
    source: &'static str,
}

impl SourceLabels {
    pub(super) fn of(source: Source) -> Self {
        let source = source.as_str();
        Self { source }
    }
}

/// Why a read that a standby could have answered went to the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// None was there that is as new as the caller asks.
    Stale,
    /// It failed, went away or took too long.
    Failed,
    /// The row was not there, and may be by now.
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ElsewhereLabels {
    why: &'static str,
}

impl ElsewhereLabels {
    pub(super) fn of(why: Elsewhere) -> Self {
        let why = match why {
            Elsewhere::Stale => "stale",
            Elsewhere::Failed => "failed",
            Elsewhere::Absent => "absent",
        };
        Self { why }
    }
}

/// A call that was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ShedLabels {
    class: &'static str,
    why: &'static str,
}

impl ShedLabels {
    pub(super) fn of(class: Class, why: Why) -> Self {
        let class = match class {
            Class::Write => "write",
            Class::Get => "get",
            Class::List => "list",
            Class::Public => "public",
            Class::Health => "health",
        };
        let why = match why {
            Why::InFlight => "in_flight",
            Why::Share => "share",
        };
        Self { class, why }
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        let classes = [Class::Write, Class::Get, Class::List, Class::Public].into_iter();
        classes.flat_map(|class| [Why::InFlight, Why::Share].map(|why| Self::of(class, why)))
    }
}
