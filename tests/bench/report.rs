//! Figures, each beside the limit or the aim that it is to be read against.

use serde::Serialize;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// The part of the benchmark, as `ingest`.
    pub part: &'static str,
    /// What was measured.
    pub what: String,
    /// The figure: the median where there were several runs.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is to be read against.
    pub beside: String,
    /// The runs behind the median, in order; empty where there was one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<f64>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Cores that this process may use.
    pub cores: usize,
    /// Whether the program was optimised; figures of a debug build mean nothing.
    pub optimised: bool,
    /// What the records are, and how many.
    pub corpus: String,
    /// Records in it.
    pub records: u64,
    /// The figures.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Of a corpus.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, optimised: !cfg!(debug_assertions), corpus: String::new(), records: 0, figures: Vec::new() }
    }

    /// Adds a figure.
    pub fn add(
        &mut self,
        part: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        beside: impl Into<String>,
    ) {
        self.figures.push(Figure { part, what: what.into(), value, unit, beside: beside.into(), runs: Vec::new() });
    }

    /// Adds the median of several runs.
    pub fn add_runs(
        &mut self,
        part: &'static str,
        what: impl Into<String>,
        runs: Vec<f64>,
        unit: &'static str,
        beside: impl Into<String>,
    ) {
        let value = median(&runs);
        let runs = if runs.len() > 1 { runs } else { Vec::new() };
        self.figures.push(Figure { part, what: what.into(), value, unit, beside: beside.into(), runs });
    }

    /// As a table.
    pub fn print(&self) {
        println!("corpus: {} ({} records); {} cores", self.corpus, self.records, self.cores);
        if !self.optimised {
            println!("this is a debug build: its figures mean nothing");
        }
        let width = self.figures.iter().map(|figure| figure.what.chars().count()).max().unwrap_or(0);
        let mut part = "";
        for figure in &self.figures {
            if figure.part != part {
                part = figure.part;
                println!("\n{part}");
            }
            let value = rounded(figure.value);
            println!("  {:width$}  {value:>10} {:10}  {}", figure.what, figure.unit, figure.beside);
        }
    }
}

/// Three significant digits, and no more than are needed.
fn rounded(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle one; the lower of two.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of all lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
