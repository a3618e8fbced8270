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
    MaybeUuids(Vec<Option<Uuid>>),
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
            Self::Bools(value) => Value::Bools(value),
            Self::MaybeUuids(value) => Value::MaybeUuids(value),
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
                Value::Bools(value) => out.push_bind_param::<Array<Bool>, _>(value),
                Value::MaybeUuids(value) => {
                    out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(value)
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
