//! Traces, as a collector gets them (feature `otlp`).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::Signal;
use nvito_clients::grpc::proto::ListClientsRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::canaries::silent;
use crate::support::{Folder, Service, nobody};

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().expect("whole").push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    let number = bytes
        .iter()
        .fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    format!("{number:0width$x}", width = 2 * bytes.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_span_below_its_callers_and_says_nothing() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(serving);

    let folder = Folder::used();
    let settings = [
        ("CLIENTS_LOG", "trace"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
    ];
    let mut service = Service::start(&folder, &settings);
    let root = service.super_admin().await;
    let list = ListClientsRequest {
        search: "canario".to_owned(),
        ..ListClientsRequest::default()
    };
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let said = |id: &str, parent: &str| {
        root.clone()
            .saying("x-request-id", id)
            .saying("traceparent", parent)
            .saying("x-canario", "canario")
    };
    let listed = said("traced", &parent).list(list.clone()).await;
    listed.expect("listed");
    for malformed in ["00-canario", "00-0-0-01", "ff"] {
        let listed = said("malformed", malformed).list(list.clone()).await;
        listed.expect("listed");
    }
    let absent = said("absent", &parent).get(&nobody()).await;
    absent.expect_err("absent");
    let unknown = root.raw("canario.Service/Canario", Vec::new()).await;
    unknown.expect_err("none");
    // The rest is sent at the end.
    service.tell(Signal::SIGTERM);
    assert!(service.ends(Duration::from_secs(15)).await.success());

    let sent = collector.0.lock().expect("whole").clone();
    let sent = sent.iter().flat_map(|request| &request.resource_spans);
    let spans: Vec<Span> = sent
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| scope.spans.clone())
        .collect();
    assert_eq!(spans.len(), 6, "{spans:#?}");
    silent("a trace", &format!("{spans:#?}"));
    let of = |id: &str| -> Vec<&Span> {
        let needle = format!("StringValue(\"{id}\")");
        let has = |span: &&Span| format!("{:?}", span.attributes).contains(&needle);
        spans.iter().filter(has).collect()
    };
    for (id, name, code) in [
        ("traced", "nvito.clients.v1.ClientService/ListClients", 0),
        ("absent", "nvito.clients.v1.ClientService/GetClient", 5),
    ] {
        let [span] = of(id)[..] else {
            panic!("{spans:#?}");
        };
        assert_eq!((span.name.as_str(), span.kind), (name, 2));
        assert_eq!(
            (hex(&span.trace_id), hex(&span.parent_span_id)),
            (TRACE.into(), PARENT.into())
        );
        let attributes = format!("{:?}", span.attributes);
        assert!(attributes.contains("rpc.grpc.status_code"), "{attributes}");
        assert!(
            attributes.contains(&format!("IntValue({code})")),
            "{attributes}"
        );
    }
    let malformed = of("malformed");
    assert_eq!(malformed.len(), 3);
    for span in malformed {
        assert!(
            span.parent_span_id.is_empty() && hex(&span.trace_id) != TRACE,
            "{span:?}"
        );
    }
}
