//! What is read at a scrape: the connections, and what the repository counts.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::repository::{Database, Standbys, counts};

/// The databases, once there are any.
#[derive(Clone, Default)]
pub(super) struct Stores(Arc<OnceLock<Database>>, Arc<OnceLock<Standbys>>);

impl Stores {
    /// The first one stays.
    pub(super) fn watch(&self, database: Database) {
        let _ = self.0.set(database);
    }

    pub(super) fn watch_standbys(&self, standbys: Standbys) {
        let _ = self.1.set(standbys);
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stores")
    }
}

impl Collector for Stores {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = [
            (
                "tenant_wall_alarms",
                "Statements that row-level security or a missing privilege refused; must stay 0",
                counts::WALL_ALARMS.read(),
            ),
            (
                "transaction_retries",
                "Transactions begun again after a conflict or a COMMIT without an answer",
                counts::RETRIES.read(),
            ),
            (
                "writes_grouped",
                "Writes that went with those of other callers in one transaction",
                counts::GROUPED.read(),
            ),
            (
                "write_groups_failed",
                "Transactions of several callers that failed, after which each write goes alone",
                counts::UNGROUPED.read(),
            ),
            (
                "commits_unknown",
                "COMMITs that got no answer: the write may have happened",
                counts::COMMITS_UNKNOWN.read(),
            ),
        ];
        for (name, help, number) in counters {
            let counter = ConstCounter::new(number);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        let mut staleness = encoder.encode_descriptor(
            "standby_staleness",
            "How far a standby is behind at most; of one that is away, how far it would be; none of a server that is no standby",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for (standby, behind) in self.1.get().iter().flat_map(|all| all.staleness()) {
            let gauge = ConstGauge::new(behind.as_secs_f64());
            gauge.encode(staleness.encode_family(&[("standby", standby)])?)?;
        }
        let Some(database) = self.0.get() else {
            return Ok(());
        };
        let pool = database.pool_status();
        let gauges = [
            (
                "pool_connections_max",
                "Most connections to PostgreSQL",
                pool.most,
            ),
            ("pool_connections", "Connections that are open", pool.open),
            (
                "pool_connections_idle",
                "Connections that nobody works on",
                pool.idle,
            ),
            (
                "pool_waiting",
                "Calls that wait for their turn",
                pool.waiting,
            ),
        ];
        for (name, help, number) in gauges {
            let gauge = ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
