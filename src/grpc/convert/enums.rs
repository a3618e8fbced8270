//! Enums by number ↔ the domain's. Zero is "not said"; an unknown number is
//! refused, not guessed.

use crate::domain::client::{AcquisitionSource, ClientType};
use crate::domain::history::HistoryKind;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::summary::SummaryGroup;
use crate::error::Problem;
use crate::grpc::proto;

pub(super) fn client_type(given: i32) -> Result<Option<ClientType>, Problem> {
    Ok(Some(match proto::ClientType::try_from(given) {
        Ok(proto::ClientType::Unspecified) => return Ok(None),
        Ok(proto::ClientType::Individual) => ClientType::Individual,
        Ok(proto::ClientType::Company) => ClientType::Company,
        Err(_) => {
            let allowed = "CLIENT_TYPE_INDIVIDUAL (1), CLIENT_TYPE_COMPANY (2)";
            return Err(Problem::InvalidEnum { given, allowed });
        }
    }))
}

pub(super) fn to_client_type(client_type: ClientType) -> proto::ClientType {
    match client_type {
        ClientType::Individual => proto::ClientType::Individual,
        ClientType::Company => proto::ClientType::Company,
    }
}

pub(super) fn client_status(given: i32) -> Result<Option<ClientStatus>, Problem> {
    Ok(Some(match proto::ClientStatus::try_from(given) {
        Ok(proto::ClientStatus::Unspecified) => return Ok(None),
        Ok(proto::ClientStatus::Prospect) => ClientStatus::Prospect,
        Ok(proto::ClientStatus::Active) => ClientStatus::Active,
        Ok(proto::ClientStatus::Completed) => ClientStatus::Completed,
        Ok(proto::ClientStatus::Inactive) => ClientStatus::Inactive,
        Err(_) => {
            let allowed = "CLIENT_STATUS_PROSPECT (1), CLIENT_STATUS_ACTIVE (2), \
                           CLIENT_STATUS_COMPLETED (3), CLIENT_STATUS_INACTIVE (4)";
            return Err(Problem::InvalidEnum { given, allowed });
        }
    }))
}

pub(super) fn to_client_status(status: ClientStatus) -> proto::ClientStatus {
    match status {
        ClientStatus::Prospect => proto::ClientStatus::Prospect,
        ClientStatus::Active => proto::ClientStatus::Active,
        ClientStatus::Completed => proto::ClientStatus::Completed,
        ClientStatus::Inactive => proto::ClientStatus::Inactive,
    }
}

pub(super) fn acquisition_source(given: i32) -> Result<Option<AcquisitionSource>, Problem> {
    Ok(Some(match proto::AcquisitionSource::try_from(given) {
        Ok(proto::AcquisitionSource::Unspecified) => return Ok(None),
        Ok(proto::AcquisitionSource::SocialMedia) => AcquisitionSource::SocialMedia,
        Ok(proto::AcquisitionSource::Referral) => AcquisitionSource::Referral,
        Ok(proto::AcquisitionSource::Google) => AcquisitionSource::Google,
        Ok(proto::AcquisitionSource::Website) => AcquisitionSource::Website,
        Ok(proto::AcquisitionSource::Direct) => AcquisitionSource::Direct,
        Ok(proto::AcquisitionSource::Other) => AcquisitionSource::Other,
        Err(_) => {
            let allowed = "ACQUISITION_SOURCE_SOCIAL_MEDIA (1), ACQUISITION_SOURCE_REFERRAL (2), \
                           ACQUISITION_SOURCE_GOOGLE (3), ACQUISITION_SOURCE_WEBSITE (4), \
                           ACQUISITION_SOURCE_DIRECT (5), ACQUISITION_SOURCE_OTHER (6)";
            return Err(Problem::InvalidEnum { given, allowed });
        }
    }))
}

pub(super) fn to_acquisition_source(source: AcquisitionSource) -> proto::AcquisitionSource {
    match source {
        AcquisitionSource::SocialMedia => proto::AcquisitionSource::SocialMedia,
        AcquisitionSource::Referral => proto::AcquisitionSource::Referral,
        AcquisitionSource::Google => proto::AcquisitionSource::Google,
        AcquisitionSource::Website => proto::AcquisitionSource::Website,
        AcquisitionSource::Direct => proto::AcquisitionSource::Direct,
        AcquisitionSource::Other => proto::AcquisitionSource::Other,
    }
}

pub(super) fn summary_group(given: i32) -> Result<SummaryGroup, Problem> {
    Ok(match proto::SummaryGroup::try_from(given) {
        Ok(proto::SummaryGroup::Unspecified) => SummaryGroup::default(),
        Ok(proto::SummaryGroup::Source) => SummaryGroup::Source,
        Ok(proto::SummaryGroup::Status) => SummaryGroup::Status,
        Ok(proto::SummaryGroup::Type) => SummaryGroup::Type,
        Ok(proto::SummaryGroup::Assignee) => SummaryGroup::Assignee,
        Ok(proto::SummaryGroup::Month) => SummaryGroup::Month,
        Err(_) => {
            let allowed = "SUMMARY_GROUP_SOURCE (1), SUMMARY_GROUP_STATUS (2), \
                           SUMMARY_GROUP_TYPE (3), SUMMARY_GROUP_ASSIGNEE (4), \
                           SUMMARY_GROUP_MONTH (5)";
            return Err(Problem::InvalidEnum { given, allowed });
        }
    })
}

pub(super) fn to_history_kind(kind: HistoryKind) -> proto::ClientHistoryKind {
    match kind {
        HistoryKind::Created => proto::ClientHistoryKind::Created,
        HistoryKind::Updated => proto::ClientHistoryKind::Updated,
        HistoryKind::Transitioned => proto::ClientHistoryKind::Transitioned,
        HistoryKind::Deleted => proto::ClientHistoryKind::Deleted,
        HistoryKind::Undeleted => proto::ClientHistoryKind::Undeleted,
        HistoryKind::Purged => proto::ClientHistoryKind::Purged,
        HistoryKind::Reassigned => proto::ClientHistoryKind::Reassigned,
        HistoryKind::AssigneeLeft => proto::ClientHistoryKind::AssigneeLeft,
        HistoryKind::EventLinked => proto::ClientHistoryKind::EventLinked,
        HistoryKind::EventUnlinked => proto::ClientHistoryKind::EventUnlinked,
    }
}
