//! Statements of our own SQL, prepared once on each connection.
//!
//! `diesel::sql_query` is prepared anew at each call, which takes PostgreSQL as
//! long as a short answer. These are kept by their text, as diesel's own are.

use std::borrow::Cow;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

/// SQL with a `?` for each value, which answers rows of the SQL types `Row`.
pub(super) struct Statement<'a, Row> {
    sql: &'a str,
    values: Vec<Value<'a>>,
    row: PhantomData<Row>,
}

/// A value of a [`Statement`].
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    BigInt(i64),
    Bytes(Cow<'a, [u8]>),
    Text(Cow<'a, str>),
    MaybeText(Option<Cow<'a, str>>),
    Time(DateTime<Utc>),
    Uuid(Uuid),
    MaybeUuid(Option<Uuid>),
    Json(serde_json::Value),
    Bools(Vec<bool>),
    BigInts(Vec<Option<i64>>),
    ByteStrings(Vec<Cow<'a, [u8]>>),
    MaybeTexts(Vec<Option<Cow<'a, str>>>),
    MaybeUuids(Vec<Option<Uuid>>),
    Times(Vec<DateTime<Utc>>),
    Jsons(Vec<serde_json::Value>),
}

impl Value<'_> {
    /// Rows of as many values each, of the same types: a list for each column, as
    /// `unnest` takes them apart again. No rows, no columns.
    pub(super) fn columns(rows: Vec<Vec<Self>>) -> Vec<Self> {
        let mut rows = rows.into_iter();
        let first = rows.next().unwrap_or_default();
        let mut columns: Vec<Self> = first.into_iter().map(Self::list).collect();
        for row in rows {
            debug_assert_eq!(row.len(), columns.len());
            for (column, value) in columns.iter_mut().zip(row) {
                column.append(value);
            }
        }
        columns
    }

    /// A list of this value alone; a list stays what it is.
    fn list(self) -> Self {
        match self {
            Self::BigInt(value) => Self::BigInts(vec![Some(value)]),
            Self::Bytes(value) => Self::ByteStrings(vec![value]),
            Self::Text(value) => Self::MaybeTexts(vec![Some(value)]),
            Self::MaybeText(value) => Self::MaybeTexts(vec![value]),
            Self::Time(value) => Self::Times(vec![value]),
            Self::Uuid(value) => Self::MaybeUuids(vec![Some(value)]),
            Self::MaybeUuid(value) => Self::MaybeUuids(vec![value]),
            Self::Json(value) => Self::Jsons(vec![value]),
            list => list,
        }
    }

    /// Adds what is in another list of this kind.
    fn append(&mut self, other: Self) {
        match (self, other.list()) {
            (Self::BigInts(all), Self::BigInts(more)) => all.extend(more),
            (Self::ByteStrings(all), Self::ByteStrings(more)) => all.extend(more),
            (Self::MaybeTexts(all), Self::MaybeTexts(more)) => all.extend(more),
            (Self::MaybeUuids(all), Self::MaybeUuids(more)) => all.extend(more),
            (Self::Times(all), Self::Times(more)) => all.extend(more),
            (Self::Jsons(all), Self::Jsons(more)) => all.extend(more),
            _ => unreachable!("a column has values of one type"),
        }
    }
}

impl Value<'_> {
    /// The same, for a statement that is kept for later.
    pub(super) fn owned(self) -> Value<'static> {
        match self {
            Self::Bytes(value) => Value::Bytes(value.into_owned().into()),
            Self::Text(value) => Value::Text(value.into_owned().into()),
            Self::MaybeText(value) => Value::MaybeText(value.map(|text| text.into_owned().into())),
            Self::BigInt(value) => Value::BigInt(value),
            Self::Time(value) => Value::Time(value),
            Self::Uuid(value) => Value::Uuid(value),
            Self::MaybeUuid(value) => Value::MaybeUuid(value),
            Self::Json(value) => Value::Json(value),
            Self::Bools(values) => Value::Bools(values),
            Self::BigInts(values) => Value::BigInts(values),
            Self::ByteStrings(values) => {
                let owned = |value: Cow<'_, [u8]>| value.into_owned().into();
                Value::ByteStrings(values.into_iter().map(owned).collect())
            }
            Self::MaybeTexts(values) => {
                let owned =
                    |value: Option<Cow<'_, str>>| value.map(|text| text.into_owned().into());
                Value::MaybeTexts(values.into_iter().map(owned).collect())
            }
            Self::MaybeUuids(values) => Value::MaybeUuids(values),
            Self::Times(values) => Value::Times(values),
            Self::Jsons(values) => Value::Jsons(values),
        }
    }
}

impl<'a, Row> Statement<'a, Row> {
    /// As many values as there are `?`.
    pub(super) fn new(sql: &'a str, values: Vec<Value<'a>>) -> Self {
        debug_assert_eq!(sql.matches('?').count(), values.len(), "{sql}");
        Self {
            sql,
            values,
            row: PhantomData,
        }
    }
}

impl Statement<'static, ()> {
    /// One without values, which answers nothing.
    pub(super) fn plain(sql: &'static str) -> Self {
        Self::new(sql, Vec::new())
    }
}

impl<Row> QueryFragment<Pg> for Statement<'_, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.sql.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        for (value, piece) in self.values.iter().zip(pieces) {
            match value {
                Value::BigInt(value) => out.push_bind_param::<BigInt, _>(value),
                Value::Bytes(value) => out.push_bind_param::<Binary, _>(value),
                Value::Text(value) => out.push_bind_param::<Text, _>(value),
                Value::Time(value) => out.push_bind_param::<Timestamptz, _>(value),
                Value::MaybeText(value) => out.push_bind_param::<Nullable<Text>, _>(value),
                Value::Uuid(value) => out.push_bind_param::<SqlUuid, _>(value),
                Value::MaybeUuid(value) => out.push_bind_param::<Nullable<SqlUuid>, _>(value),
                Value::Json(value) => out.push_bind_param::<Jsonb, _>(value),
                Value::Bools(values) => out.push_bind_param::<Array<Bool>, _>(values),
                Value::BigInts(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values),
                Value::ByteStrings(values) => out.push_bind_param::<Array<Binary>, _>(values),
                Value::MaybeTexts(values) => {
                    out.push_bind_param::<Array<Nullable<Text>>, _>(values)
                }
                Value::Times(values) => out.push_bind_param::<Array<Timestamptz>, _>(values),
                Value::Jsons(values) => out.push_bind_param::<Array<Jsonb>, _>(values),
                Value::MaybeUuids(values) => {
                    out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(values)
                }
            }?;
            out.push_sql(piece);
        }
        Ok(())
    }
}

/// Known by its text: one Rust type stands for many statements.
impl<Row> QueryId for Statement<'_, Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> Query for Statement<'_, Row> {
    type SqlType = Row;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_and_keep_their_order() {
        let row = |number: u8, text: Option<&'static str>| {
            vec![
                Value::Uuid(Uuid::from_u128(number.into())),
                Value::MaybeText(text.map(Into::into)),
                Value::Bytes(vec![1].into()),
                Value::Json(serde_json::json!([number])),
                Value::Time(DateTime::UNIX_EPOCH),
                Value::BigInt(7),
            ]
        };
        let mut rows = vec![row(1, Some("uno")), row(2, None)];
        rows.push(row(3, None));
        rows[2][1] = Value::Text("tres".into());
        let columns = Value::columns(rows);
        let ids = [1, 2, 3].map(|number| Some(Uuid::from_u128(number)));
        let texts = [Some("uno"), None, Some("tres")].map(|text| text.map(Cow::from));
        assert!(matches!(&columns[0], Value::MaybeUuids(all) if all[..] == ids));
        assert!(matches!(&columns[1], Value::MaybeTexts(all) if all[..] == texts));
        assert!(matches!(&columns[2], Value::ByteStrings(all) if all.len() == 3));
        assert!(matches!(&columns[3], Value::Jsons(all) if all[2] == serde_json::json!([3])));
        assert!(matches!(&columns[4], Value::Times(all) if all.len() == 3));
        assert!(matches!(&columns[5], Value::BigInts(all) if all[..] == [Some(7); 3]));
        assert!(Value::columns(Vec::new()).is_empty());
    }
}
