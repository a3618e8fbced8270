//! What can be called, and in which mixture.

use std::str::FromStr;

use nvito_clients::seed::Dice;

/// A call that can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operation {
    Get,
    BatchGet,
    List,
    ListStatus,
    ListName,
    ListKeyset,
    Search,
    Suggest,
    Create,
    Update,
    Transition,
    History,
    Summarize,
    GetEvent,
    Link,
    Unlink,
    Fiscal,
    Members,
}

use Operation::{
    BatchGet, Create, Fiscal, Get, GetEvent, History, Link, List, ListKeyset, ListName, ListStatus,
    Members, Search, Suggest, Summarize, Transition, Unlink, Update,
};

impl Operation {
    pub(crate) const ALL: [Self; 18] = [
        Get, BatchGet, List, ListStatus, ListName, ListKeyset, Search, Suggest, Create, Update,
        Transition, History, Summarize, GetEvent, Link, Unlink, Fiscal, Members,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Get => "get",
            BatchGet => "batch_get",
            List => "list",
            ListStatus => "list_status",
            ListName => "list_name",
            ListKeyset => "list_keyset",
            Search => "search",
            Suggest => "suggest",
            Create => "create",
            Update => "update",
            Transition => "transition",
            History => "history",
            Summarize => "summarize",
            GetEvent => "get_event",
            Link => "link",
            Unlink => "unlink",
            Fiscal => "fiscal",
            Members => "members",
        }
    }

    /// Service and method, as they stand in the path.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Get => "ClientService/GetClient",
            BatchGet => "ClientService/BatchGetClients",
            List | ListStatus | ListName | ListKeyset | Search => "ClientService/ListClients",
            Suggest => "ClientService/SuggestClients",
            Create => "ClientService/CreateClient",
            Update => "ClientService/UpdateClient",
            Transition => "ClientService/TransitionClient",
            History => "ClientService/ListClientHistory",
            Summarize => "ClientService/SummarizeClients",
            GetEvent => "EventService/GetEvent",
            Link => "EventService/LinkEvent",
            Unlink => "EventService/UnlinkEvent",
            Fiscal => "ClientService/ValidateFiscalData",
            Members => "DirectoryService/ListMembers",
        }
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is none of {names}")
        })
    }
}

/// Operations and how often each is called, relative to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mix(Vec<(Operation, u64)>);

impl Mix {
    /// One alone.
    pub(crate) fn of(operation: Operation) -> Self {
        Self(vec![(operation, 1)])
    }

    pub(crate) fn roll(&self, dice: &mut Dice) -> Operation {
        let sum = self.0.iter().map(|(_, weight)| weight).sum();
        let mut left = dice.below(sum);
        for &(operation, weight) in &self.0 {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return operation,
            }
        }
        self.0[0].0
    }
}

impl FromStr for Mix {
    type Err = String;

    /// `get=70,list=20,create=10`; a name alone weighs 1, and `all` is every operation.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Operation::ALL.map(|one| (one, 1)).into()));
        }
        let part = |part: &str| {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let weight: u32 = weight
                .parse()
                .map_err(|_| format!("{weight:?} is no whole number"))?;
            if weight == 0 {
                return Err(format!("{name} weighs nothing"));
            }
            Ok((name.parse()?, u64::from(weight)))
        };
        text.split(',')
            .map(part)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_rolled_by_its_weights() {
        let mix: Mix = "get=70,list=20,create=10".parse().expect("well written");
        let mut dice = Dice::seeded(1);
        let rolled: Vec<_> = (0..10_000).map(|_| mix.roll(&mut dice)).collect();
        let count = |one| rolled.iter().filter(|&&other| other == one).count();
        assert!((6800..7200).contains(&count(Get)));
        assert!((1800..2200).contains(&count(List)));
        assert!((850..1150).contains(&count(Create)));
        for wrong in ["", "get=", "get=0", "get=x", "got", "get,,list"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
        assert_eq!("all".parse::<Mix>().map(|mix| mix.0.len()), Ok(18));
    }
}
