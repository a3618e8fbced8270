//! Lists: whose clients, in which order, how many, and whether they are what was
//! looked for.

use nvito_clients::domain::search::Search;
use nvito_clients::grpc::proto::{Client, ListClientsRequest, ListClientsResponse};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{Seen, Verdict, some};

/// Rows of a page that is not asked for by size.
const PAGE: u8 = 10;

impl Seen<'_> {
    pub(super) fn list(
        &self,
        request: &ListClientsRequest,
        answer: &ListClientsResponse,
    ) -> Verdict {
        let meta = some(answer.meta.as_ref())?;
        let (rows, total) = (answer.clients.len(), meta.total);
        answer
            .clients
            .iter()
            .try_for_each(|client| self.own(client))?;
        sure!(rows <= usize::from(PAGE), "{rows} rows");
        let pages = u64::try_from(total).unwrap_or(0).div_ceil(PAGE.into());
        sure!(
            u64::try_from(meta.total_pages).ok() == Some(pages),
            "{} pages",
            meta.total_pages
        );
        if request.page_token.is_empty() {
            let expected = usize::try_from(total).unwrap_or(0).min(usize::from(PAGE));
            sure!(rows == expected, "{rows} rows of {total}");
            let more = total > PAGE.into();
            sure!(
                more != answer.next_page_token.is_empty(),
                "a next page, or none, of {total}"
            );
        }
        if request.order_by.is_empty() {
            let key = |client: &Client| {
                let at = client.created_at.as_ref();
                (at.map(|at| (at.seconds, at.nanos)), client.id.clone())
            };
            let keys: Vec<_> = answer.clients.iter().map(key).collect();
            sure!(keys.is_sorted_by(|one, next| one > next), "out of order");
        }
        if request.status != 0 {
            let all = answer
                .clients
                .iter()
                .all(|client| client.status == request.status);
            sure!(all, "another status");
        } else if request.search.is_empty() {
            sure!(total >= self.least(), "{total} of {}", self.least());
        }
        if !request.search.is_empty() {
            self.found(&request.search, total, &answer.clients)?;
        }
        Ok(())
    }

    fn found(&self, search: &str, total: i64, clients: &[Client]) -> Verdict {
        let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
        let number = Search::parse(search).ok().flatten();
        let number = number.and_then(|search| search.digits);
        let term = folded(search);
        for client in clients {
            let phone = client.phone.as_deref().unwrap_or_default();
            let email = client.email.as_deref().unwrap_or_default();
            let e164 = client.phone_e164.as_deref().unwrap_or_default();
            let texts = [&client.name, email, phone, &digits(phone), e164].map(folded);
            // The digits of a number are looked for in all of them as well.
            let holds = |fragment: &String| texts.iter().any(|text| text.contains(fragment));
            let held = holds(&term) || number.as_ref().is_some_and(holds);
            sure!(held, "{:?} is found for {search:?}", client.id);
        }
        let id = self
            .rows
            .size
            .client_id(some(self.asked.client)?)
            .to_string();
        let there = clients.iter().any(|client| client.id == id);
        sure!(
            there || total > PAGE.into(),
            "{search:?} does not find its client"
        );
        Ok(())
    }
}

/// Without accents and case.
pub(super) fn folded(text: &str) -> String {
    let plain = text.nfd().filter(|&c| !is_combining_mark(c));
    plain.flat_map(char::to_lowercase).collect()
}
