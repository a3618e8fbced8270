//! The service as its callers see it: the real server on a real socket, on a
//! real PostgreSQL.

mod abuse;
mod batch;
mod canaries;
mod clients;
mod corpora;
mod deleted;
mod directory;
mod errors;
mod events;
mod faults;
mod fiscal;
mod gateway;
mod handover;
mod health;
mod history;
mod hostile;
mod instances;
mod jwt;
mod layering;
mod layers;
mod life;
mod lifecycle;
mod listener;
mod lists;
mod matrix;
mod metrics;
mod model;
mod people;
mod plans;
mod postgres;
mod races;
mod reflection;
mod rehearsals;
mod repeats;
mod schema;
mod service;
mod standby;
mod strangers;
mod suggest;
mod summaries;
mod support;
mod tenants;
#[cfg(feature = "otlp")]
mod traces;
mod twins;
