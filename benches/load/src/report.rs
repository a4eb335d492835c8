//! The report: a table and a plot between two marks of `docs/BENCHMARKS.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::rows::{Goal, Row};
use crate::servers::{self, Kind};
use crate::through::Fact;

/// Figures of each row and server, one per round.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(&'static str, Kind), Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, row: &'static str, kind: Kind, figure: f64) {
        self.0.entry((row, kind)).or_default().push(figure);
    }

    pub(crate) fn median(&self, row: &'static str, kind: Kind) -> Option<f64> {
        middle(&sorted(self.0.get(&(row, kind))?.iter().copied()))
    }

    /// The ratios of `socketio` to socketioxide in each round, measured one right after the other.
    fn ratios(&self, row: &'static str) -> Option<Vec<f64>> {
        let [ours, theirs] = [Kind::Socketio, Kind::Socketioxide]
            .map(|kind| self.0.get(&(row, kind)).map(Vec::as_slice));
        let ratios = ours?.iter().zip(theirs?);
        let ratios =
            sorted(ratios.filter(|(_, peer)| **peer > 0.0).map(|(ours, peer)| ours / peer));
        (!ratios.is_empty()).then_some(ratios)
    }

    /// The largest deviation of one round from the median, among rows of processor time.
    fn spread(&self, rows: &[&Row]) -> f64 {
        let mut spread: f64 = 0.0;
        for row in rows.iter().filter(|row| row.unit.starts_with("CPU")) {
            for kind in Kind::COLUMNS {
                let Some(median) = self.median(row.name, kind) else { continue };
                let rounds = self.0.get(&(row.name, kind)).into_iter().flatten();
                spread = rounds.fold(spread, |most, one| most.max((one / median - 1.0).abs()));
            }
        }
        spread
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.filter(|figure| figure.is_finite()).collect();
    figures.sort_by(f64::total_cmp);
    figures
}

fn middle(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

/// The text between the marks.
pub(crate) fn text(rows: &[&Row], figures: &Figures, facts: &[Fact], rounds: u32) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}\n", conditions(rows, figures, rounds));
    text.push_str("| work | unit |");
    for kind in Kind::COLUMNS {
        let _ = write!(text, " {} |", kind.name());
    }
    text.push_str(" `socketio` / socketioxide | goal | |\n|---|---|");
    text.push_str(&"---|".repeat(Kind::COLUMNS.len() + 3));
    text.push('\n');
    for row in rows {
        let _ = write!(text, "| {} | {} |", row.name, row.unit);
        for kind in Kind::COLUMNS {
            let figure = figures.median(row.name, kind);
            let _ = write!(text, " {} |", figure.map_or_else(|| "-".to_owned(), number));
        }
        let (ratio, goal, met) = verdict(row, figures);
        let _ = writeln!(text, " {ratio} | {goal} | {met} |");
    }
    text.push_str("\n![Each figure compared with that of socketioxide](benchmarks.svg)\n");
    if !facts.is_empty() {
        text.push_str(
            "\n| through `openhands` | unit | | compared with | goal | |\n|---|---|---|---|---|---|\n",
        );
        for Fact { name, unit, value, beside, met } in facts {
            let (goal, met) = match met {
                Some((goal, met)) => (goal.as_str(), word(*met)),
                None => ("", ""),
            };
            let _ = writeln!(
                text,
                "| {name} | {unit} | {} | {beside} | {goal} | {met} |",
                number(*value)
            );
        }
    }
    text
}

/// The ratio, the goal, and whether it is met.
fn verdict(row: &Row, figures: &Figures) -> (String, String, &'static str) {
    let Some(ours) = figures.median(row.name, Kind::Socketio) else {
        return (String::new(), String::new(), "");
    };
    let ratios = figures.ratios(row.name).unwrap_or_default();
    let ratio = middle(&ratios);
    let said = match (ratio, &*ratios) {
        (Some(ratio), [least, .., most]) => format!("{ratio:.2} ({least:.2} to {most:.2})"),
        (Some(ratio), _) => format!("{ratio:.2}"),
        (None, _) => "-".to_owned(),
    };
    let (goal, met) = match (row.goal, ratio) {
        (Goal::Part(part), Some(ratio)) => (format!("{part:.2}"), Some(ratio <= part)),
        (Goal::Less, Some(ratio)) => ("below 1".to_owned(), Some(ratio < 1.0)),
        (Goal::Most(most), _) => (format!("at most {most}"), Some(ours <= most)),
        (Goal::Part(_) | Goal::Less, None) => (String::new(), None),
    };
    (said, goal, met.map_or("", word))
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "**not met**" }
}

/// With three significant digits.
fn number(figure: f64) -> String {
    match figure {
        _ if figure >= 1_000.0 => {
            let digits = format!("{figure:.0}");
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|group| {
                    // Digits are one byte each.
                    std::str::from_utf8(group).unwrap_or_default()
                })
                .collect();
            groups.join(",")
        }
        _ if figure == 0.0 || figure.fract() == 0.0 => format!("{figure:.0}"),
        _ if figure >= 100.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

fn conditions(rows: &[&Row], figures: &Figures, rounds: u32) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let crates = ["socketioxide", "engineioxide", "tokio-tungstenite", "hyper"];
    let crates = crates.iter().filter_map(|name| Some(format!("{name} {}", version(name)?)));
    let foreign = Kind::ALL.iter().filter(|kind| kind.is_foreign());
    let foreign = foreign.map(|kind| {
        servers::version(*kind).unwrap_or_else(|| format!("not measured: {}", kind.name()))
    });
    let versions: Vec<String> = crates.chain(foreign).collect();
    format!(
        "Medians of {rounds} {} in one run; largest deviation of one round's processor time from \
         the median: {:.0} %. {}; {}; {}; system allocator.",
        if rounds == 1 { "round" } else { "rounds" },
        figures.spread(rows) * 100.0,
        model.map_or("unknown processor", |(_, model)| model),
        rustc.unwrap_or_default(),
        versions.join(", "),
    )
}

/// The version that the lock file names.
fn version(name: &str) -> Option<&'static str> {
    let lock = include_str!("../../../Cargo.lock");
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
}

/// Replaces the previous report by the text.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let path = docs().join("BENCHMARKS.md");
    let old = std::fs::read_to_string(&path)?;
    let parts = old
        .split_once(BEGIN)
        .and_then(|(before, rest)| rest.split_once(END).map(|(_, after)| (before, after)));
    let Some((before, after)) = parts else {
        return Err(io::Error::other(format!("no {BEGIN} … {END} in {}", path.display())));
    };
    std::fs::write(path, format!("{before}{BEGIN}\n{text}{END}{after}"))
}

/// The folder that the report is written to.
pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

const BEGIN: &str = "<!-- load: begin -->";
const END: &str = "<!-- load: end -->";
