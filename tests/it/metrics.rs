//! /metrics as Prometheus sees it.

use std::time::Duration;

use nix::sys::signal::Signal;
use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest};
use tokio::time::timeout;
use tonic::Code;

use crate::faults::server::Site;
use crate::service::a_client;
use crate::support::{Folder, Service, client, nobody, until};

/// The value of a series, named with its labels.
fn value(text: &str, series: &str) -> f64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(series));
    let value = lines.next().unwrap_or_else(|| panic!("{series}: {text}"));
    value.trim().parse().expect("a number")
}

fn calls(method: &str, code: &str) -> String {
    format!(
        r#"nvito_clients_calls_total{{service="nvito.clients.v1.ClientService",method="{method}",code="{code}"}}"#
    )
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let folder = Folder::used();
    let settings = [
        ("CLIENTS_METRICS_LISTEN", "127.0.0.1:0"),
        ("CLIENTS_DATABASE_CONNECTIONS", "7"),
    ];
    let service = Service::start(&folder, &settings);
    let root = service.super_admin().await;
    let before = service.http("GET /metrics");
    assert_eq!(value(&before, &calls("ListClients", "OK")).to_bits(), 0);
    for _ in 0..3 {
        let list = root.list(ListClientsRequest::default()).await;
        list.expect("listed");
    }
    let absent = root.get(&nobody()).await.expect_err("absent");
    absent.is(Code::NotFound, "CLIENT_NOT_FOUND");
    root.raw("no.Service/Method", Vec::new())
        .await
        .expect_err("none");

    let answer = service.http("GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(answer.contains(kind), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    for (series, expected) in [
        (calls("ListClients", "OK"), 3),
        (calls("GetClient", "NOT_FOUND"), 1),
        (
            r#"nvito_clients_calls_total{service="unknown",method="unknown",code="UNIMPLEMENTED"}"#
                .to_owned(),
            1,
        ),
        (
            r#"nvito_clients_call_duration_seconds_count{service="nvito.clients.v1.ClientService",method="ListClients"}"#
                .to_owned(),
            3,
        ),
        ("nvito_clients_calls_in_flight ".to_owned(), 0),
        ("nvito_clients_tenant_wall_alarms_total ".to_owned(), 0),
        ("nvito_clients_pool_connections_max ".to_owned(), 7),
        ("nvito_clients_pool_waiting ".to_owned(), 0),
    ] {
        assert_eq!(value(&answer, &series).to_bits(), f64::from(expected).to_bits(), "{series}");
    }
    assert!(value(&answer, "nvito_clients_pool_connections ") >= 1.0);
    assert!(value(&answer, "process_start_time_seconds ") > 1.7e9);
}

/// As with gRPC's C core, which sends a longer `grpc-timeout` than it waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_at_his_deadline_ran_out_of_time() {
    let folder = Folder::used();
    let service = Service::start(&folder, &[("CLIENTS_METRICS_LISTEN", "127.0.0.1:0")]);
    let root = service.super_admin().await;
    a_client(&root).await;
    let superuser = folder.superuser().await;
    let slow = "CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(9); RETURN true; END $$;
        CREATE POLICY slow ON clients AS RESTRICTIVE FOR SELECT USING (slow())";
    superuser.batch_execute(slow).await.expect("slow");
    let hang_up = async |request_id: &str, after| {
        let caller = root.clone().saying("x-request-id", request_id);
        let caller = caller.saying("grpc-timeout", "5S");
        let answer = timeout(
            Duration::from_millis(after),
            caller.list(ListClientsRequest::default()),
        )
        .await;
        answer.expect_err("no answer");
    };
    tokio::join!(hang_up("impatient", 1000), hang_up("late", 4750));
    until(async || {
        let metrics = service.http("GET /metrics");
        value(&metrics, "nvito_clients_calls_in_flight ").to_bits() == 0
    })
    .await;
    let metrics = service.http("GET /metrics");
    for code in ["CANCELLED", "DEADLINE_EXCEEDED"] {
        let counted = value(&metrics, &calls("ListClients", code));
        assert_eq!(counted.to_bits(), 1_f64.to_bits(), "{code}: {metrics}");
    }
    let log = service.log();
    let told = |request_id: &str| {
        let of_call = format!(r#""message":"call","request_id":"{request_id}""#);
        log.lines().find(|line| line.contains(&of_call))
    };
    assert_eq!(told("impatient"), None);
    let late = told("late").unwrap_or_else(|| panic!("no line: {log}"));
    assert!(late.contains(r#""code":"DeadlineExceeded""#), "{late}");
}

/// What an alert is about: PostgreSQL has not said whether a write is there.
#[tokio::test]
async fn a_commit_without_an_answer_is_told_and_counted() {
    let folder = Folder::used();
    let service = Service::start(&folder, &[("CLIENTS_METRICS_LISTEN", "127.0.0.1:0")]);
    let root = service.super_admin().await;
    let known = root.get(&a_client(&root).await).await.expect("found");
    let superuser = folder.superuser().await;
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(6); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON clients
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()";
    superuser.batch_execute(slow).await.expect("slow");
    let new = CreateClientRequest {
        organization_id: known.organization_id,
        ..client("Eva")
    };
    let unknown = root.create(new).await.expect_err("nobody knows");
    unknown.is(Code::Unavailable, "COMMIT_OUTCOME_UNKNOWN");
    let counted = "nvito_clients_commits_unknown_total ";
    assert!(value(&service.http("GET /metrics"), counted) >= 1.0);
}

#[tokio::test]
async fn nothing_but_the_metrics_is_served_there() {
    let folder = Folder::used();
    let mut service = Service::start(&folder, &[("CLIENTS_METRICS_LISTEN", "127.0.0.1:0")]);
    for (request, status) in [
        ("GET /", "404 Not Found"),
        ("GET /metrics/x", "404 Not Found"),
        ("POST /metrics", "405 Method Not Allowed"),
        ("GET /metrics?x=y", "200 OK"),
    ] {
        let answer = service.http(request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{request}: {answer}"
        );
    }
    // Connections that say nothing hold up neither a scrape nor the end.
    let address = service.metrics_address();
    let idle: Vec<_> = (0..6)
        .map(|_| std::net::TcpStream::connect(&address).expect("it accepts"))
        .collect();
    assert!(service.http("GET /metrics").contains("# EOF"));
    service.tell(Signal::SIGTERM);
    assert!(service.ends(Duration::from_secs(5)).await.success());
    drop(idle);
}

/// Probes of health, which come all the time and succeed, would hide what fails.
#[test]
fn no_rule_and_no_panel_takes_probes_for_calls() {
    let calls =
        regex::Regex::new(r"\bnvito_clients_call(?:s_total|_duration_seconds\w*)(\{[^}]*\})?");
    let calls = calls.expect("a pattern");
    let dashboard = include_str!("../../ops/grafana-dashboard.json").replace(r#"\""#, "\"");
    for (text, least) in [(include_str!("../../ops/alerts.yaml"), 3), (&dashboard, 9)] {
        let selectors: Vec<_> = calls.captures_iter(text).collect();
        assert!(selectors.len() >= least, "{selectors:?}");
        for selector in selectors {
            let of_ours = selector
                .get(1)
                .is_some_and(|labels| labels.as_str().contains(r#"service=~"nvito.*"#));
            assert!(of_ours, "{}", &selector[0]);
        }
    }
}

/// With callers that heed health, an outage of the database moves nothing else.
#[tokio::test]
async fn whether_it_serves_is_told() {
    let mut site = Site::start(&[]).await;
    let settings = [
        ("CLIENTS_METRICS_LISTEN", "127.0.0.1:0"),
        ("CLIENTS_LOG", "info"),
    ];
    let service = site.service(&site.url(), &settings).process;
    let becomes = async |expected: f64| {
        until(async || {
            let serving = value(&service.http("GET /metrics"), "nvito_clients_serving ");
            serving.to_bits() == expected.to_bits()
        })
        .await;
    };
    becomes(1.0).await;
    let again = "the database answers again";
    assert!(!service.log().contains(again));
    site.crash(Signal::SIGQUIT).await;
    becomes(0.0).await;
    site.up().await;
    becomes(1.0).await;
    assert_eq!(service.log().matches(again).count(), 1);
}

#[tokio::test]
async fn what_is_counted_is_on_the_dashboard_and_nothing_else() {
    use std::collections::BTreeSet;

    let folder = Folder::used();
    let service = Service::start(&folder, &[("CLIENTS_METRICS_LISTEN", "127.0.0.1:0")]);
    let answer = service.http("GET /metrics");
    let mut names = BTreeSet::new();
    let mut families = BTreeSet::new();
    for line in answer.lines().filter(|line| line.starts_with("# TYPE ")) {
        let mut words = line.split(' ').skip(2);
        let (name, kind) = (words.next().expect("a name"), words.next());
        families.insert(name.to_owned());
        let suffixes: &[&str] = match kind.expect("a kind") {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        names.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    assert!(families.len() >= 12, "{families:?}");
    let named = regex::Regex::new(r"\b(?:nvito_clients|process)_[a-z_]+\b").expect("a pattern");
    let named = |text: &str| -> BTreeSet<String> {
        named
            .find_iter(text)
            .map(|found| found.as_str().to_owned())
            .collect()
    };
    let dashboard = include_str!("../../ops/grafana-dashboard.json");
    serde_json::from_str::<serde_json::Value>(dashboard).expect("JSON");
    let shown = named(dashboard);
    let alerts = named(include_str!("../../ops/alerts.yaml"));
    let unknown: Vec<_> = shown
        .union(&alerts)
        .filter(|name| !names.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "nobody counts {unknown:?}");
    let unseen: Vec<_> = families
        .iter()
        .filter(|family| !shown.iter().any(|name| name.starts_with(*family)))
        .collect();
    assert!(unseen.is_empty(), "nobody sees {unseen:?}");
}
