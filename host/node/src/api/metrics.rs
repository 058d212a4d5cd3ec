//! The node in figures, for Prometheus to scrape.

use std::fmt;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::peers::{self, NetworkView};
use super::{Problem, blocking};
use crate::error::NodeError;
use crate::node::Node;

/// One figure: its name, what it is, the label that tells several apart, its values.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    help: &'static str,
    counts_up: bool,
    label: &'static str,
    values: Vec<(String, u64)>,
}

#[derive(Debug)]
struct Figures(Vec<Figure>);

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for figure in &self.0 {
            let kind = match figure.counts_up {
                true => ConstCounter::new(0_u64).metric_type(),
                false => ConstGauge::new(0_i64).metric_type(),
            };
            let mut metric = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
            for (label, value) in &figure.values {
                let labels = [(figure.label, label.as_str())];
                let labels: &[(&str, &str)] = if figure.label.is_empty() { &[] } else { &labels };
                let one = metric.encode_family(&labels)?;
                match figure.counts_up {
                    true => ConstCounter::new(*value).encode(one)?,
                    false => ConstGauge::new(signed(*value)).encode(one)?,
                }
            }
        }
        Ok(())
    }
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { name, help, counts_up: false, label: "", values: vec![(String::new(), value)] }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { counts_up: true, ..gauge(name, help, value) }
}

fn by(label: &'static str, figure: Figure, values: Vec<(String, u64)>) -> Figure {
    Figure { label, values, ..figure }
}

fn of_store(node: &Node) -> Result<Vec<Figure>, NodeError> {
    let store = node.store().stats();
    let (mut records, mut headers) = (Vec::new(), Vec::new());
    for space in node.spaces().all() {
        let counts = node.store().counts(&space.id)?;
        records.push((space.name.clone(), counts.iter().map(|of| of.counts.visible).sum()));
        headers.push((space.name.clone(), counts.iter().map(|of| of.counts.total).sum()));
    }
    Ok(vec![
        counter("atlas_records", "Records ever stored", node.store().watermark()),
        by("space", gauge("atlas_space_records", "Records that queries show", 0), records),
        by("space", gauge("atlas_space_headers", "Headers of the replicated set", 0), headers),
        gauge("atlas_store_bytes", "Bytes on disk, blob files aside", store.disk_bytes),
        gauge("atlas_blobs", "Blobs", store.blobs),
        gauge("atlas_blob_bytes", "Bytes of blobs", store.blob_bytes),
        gauge("atlas_parked", "Records that wait to be admitted", store.parked),
        gauge("atlas_pending", "Records that wait to be judged", store.pending),
        counter("atlas_commits", "Commits since the start", store.commits),
        gauge("atlas_live_queries", "Live queries under way", node.live().subscribers() as u64),
        gauge("atlas_modules_running", "Modules that run", node.modules().running().len() as u64),
        gauge("atlas_modules_quarantined", "Modules in quarantine", node.modules().engine().quarantined().len() as u64),
    ])
}

fn of_network(network: &NetworkView) -> Vec<Figure> {
    let spaces = |value: fn(&peers::SyncView) -> u64| {
        network.spaces.iter().map(|it| (it.name.clone().unwrap_or_else(|| it.space.clone()), value(it))).collect()
    };
    vec![
        gauge("atlas_peers", "Connected peers", network.peers.len() as u64),
        gauge("atlas_peers_left", "Peers that were left for a while, or blocked", network.left.len() as u64),
        counter("atlas_network_received_bytes", "Bytes that came", network.bytes_in),
        counter("atlas_network_sent_bytes", "Bytes that went out", network.bytes_out),
        gauge("atlas_reachable", "1 if strangers can reach this node", u64::from(network.reachability == "public")),
        by("space", gauge("atlas_space_peers", "Peers that share a space", 0), spaces(|it| it.peers)),
        by("space", gauge("atlas_space_in_sync_with", "Peers with the same sets", 0), spaces(|it| it.in_sync_with)),
        by("space", gauge("atlas_space_wanted", "Members that are known to be lacking", 0), spaces(|it| it.wanted)),
    ]
}

/// The node, its spaces and its peers in figures, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "application/openmetrics-text"), (status = 401, body = Problem)))]
pub async fn metrics(State(node): State<Node>) -> Result<impl IntoResponse, Problem> {
    let network = peers::view(&node).await?;
    let text = blocking(move || {
        let mut figures = of_store(&node)?;
        figures.extend(network.iter().flat_map(of_network));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Figures(figures)));
        let mut text = String::new();
        text::encode(&mut text, &registry).expect("writing to memory does not fail");
        Ok(text)
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
