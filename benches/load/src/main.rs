//! Load over loopback: our servers, others', and a hand-written bound do the same work in one
//! interleaved run; the figure is the server's processor time. Linux only: it reads `/proc`.
//!
//! `cargo run --release -p load` measures everything in about twenty minutes and writes the table and
//! the plot into `docs/`; `-- --only TEXT` measures rows whose name contains the text, and writes nothing.

mod client;
mod plot;
mod process;
mod report;
mod rows;
mod servers;
mod session;
mod through;
mod wire;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use report::Figures;
use rows::{Often, Row, Scale, Work};
use servers::Kind;

/// Measures servers over loopback, and writes docs/BENCHMARKS.md.
#[derive(Debug, Parser)]
struct CommandLine {
    /// Do a little of everything to see whether it works; print only, write nothing
    #[arg(long)]
    quick: bool,
    /// Measure only rows whose name contains this text; print only, write nothing
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How often to measure everything, the foreign servers at most three times; figures are the
    /// medians
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    rounds: usize,
    /// Start no round that would end later than this, judged by the previous rounds
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    minutes: u32,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The roles in which the program starts itself.
#[derive(Debug, Subcommand)]
enum Part {
    /// Run one server until its input ends
    #[command(hide = true)]
    Serve {
        kind: Kind,
        #[arg(long)]
        room: Option<usize>,
    },
    /// Append to an event log
    #[command(hide = true)]
    Appends { seconds: u64, folder: PathBuf },
}

/// They are several times as far away as rounds are from one another, and take most of the time.
const FOREIGN_ROUNDS: usize = 3;

fn main() -> ExitCode {
    // Started under this name, it acts as that program.
    if std::env::args().next().as_deref() == Some(through::OPENHANDS) {
        return openhands::main();
    }
    let line = CommandLine::parse();
    let ended = match line.part {
        Some(Part::Serve { kind, room }) => servers::serve(kind, room),
        Some(Part::Appends { seconds, ref folder }) => through::child(seconds, folder),
        None => measure(&line),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(line: &CommandLine) -> io::Result<()> {
    process::raise_descriptors()?;
    process::pin_client()?;
    let scale = if line.quick { Scale::Quick } else { Scale::Full };
    let rounds = if line.quick { 1 } else { line.rounds.max(1) };
    let only = |name: &str| line.only.as_ref().is_none_or(|text| name.contains(text.as_str()));
    let works: Vec<Work> =
        rows::all().into_iter().filter(|work| work.rows.iter().any(|row| only(row.name))).collect();
    if works.is_empty() {
        let text = line.only.as_deref().unwrap_or_default();
        let known: Vec<_> =
            rows::all().iter().flat_map(|work| work.rows).map(|row| row.name).collect();
        return Err(io::Error::other(format!(
            "no row holds {text:?}; those through openhands come with {:?}; the rows are:\n{}",
            rows::REPLAY,
            known.join("\n")
        )));
    }
    let there: Vec<Kind> = Kind::COLUMNS
        .into_iter()
        .filter(|kind| !kind.is_foreign() || servers::is_there(*kind))
        .collect();
    for kind in Kind::COLUMNS.into_iter().filter(|kind| !there.contains(kind)) {
        eprintln!("not measured: {}; benches/load/peers/install installs it", kind.name());
    }
    let mut figures = Figures::default();
    let limit = Duration::from_secs(60) * line.minutes;
    let began = Instant::now();
    let mut done: u32 = 0;
    for round in 0..rounds {
        if done > 0 && began.elapsed() * (done + 1) / done > limit {
            eprintln!("{done} rounds are what there is time for");
            break;
        }
        let passes = works.iter().flat_map(|work| match work.often {
            Often::Once => std::iter::repeat_n(work, usize::from(round == 0)).enumerate(),
            Often::Round => std::iter::repeat_n(work, 1).enumerate(),
            Often::Passes(passes) => std::iter::repeat_n(work, passes).enumerate(),
        });
        for (pass, work) in passes {
            for kind in work.kinds.iter().copied().filter(|kind| there.contains(kind)) {
                if kind.is_foreign() && (pass > 0 || round >= FOREIGN_ROUNDS) {
                    continue;
                }
                let name = work.rows[0].name;
                eprintln!("round {} of {rounds}: {name}: {}", round + 1, kind.name());
                let scale =
                    if kind.is_foreign() && scale == Scale::Full { Scale::Part } else { scale };
                let got = (work.run)(kind, scale).map_err(|error| {
                    io::Error::other(format!("{name}: {}: {error}", kind.name()))
                })?;
                for (row, figure) in work.rows.iter().zip(got) {
                    figures.add(row.name, kind, figure);
                }
            }
        }
        done += 1;
    }
    let rows: Vec<&Row> = works.iter().flat_map(|work| work.rows).collect();
    let replay = |kind| figures.median(rows::REPLAY, kind);
    let facts = match (replay(Kind::Socketio), replay(Kind::Bound)) {
        (Some(bare), Some(bound)) => {
            eprintln!("through openhands");
            through::facts(scale, bare, bound)?
        }
        _ => Vec::new(),
    };
    let text = report::text(&rows, &figures, &facts, done);
    io::stdout().write_all(text.as_bytes())?;
    if line.quick || line.only.is_some() {
        return Ok(());
    }
    plot::draw(&report::docs().join("benchmarks.svg"), &rows, &figures)?;
    report::write(&text)
}
