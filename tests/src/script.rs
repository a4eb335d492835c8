//! Clients in other languages, as processes that talk in JSON lines.
//!
//! A script reports on its standard output, one `[name, value]` a line, and takes orders on its
//! standard input, one JSON array a line. It ends by itself when its work is done, and at once
//! when its input ends, so no script outlives its test.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::install::{Tool, install, tests};
use crate::within;

/// One running script. Dropping it kills the process.
#[derive(Debug)]
pub struct Script {
    name: String,
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    complaints: JoinHandle<String>,
}

impl Script {
    /// Runs a script of `tests/js` with node.
    pub fn node(script: &str, args: &[&str]) -> Self {
        Self::run(Tool::Node, &tests().join("js").join(script), args)
    }

    /// Runs a script of `tests/python` with python.
    pub fn python(script: &str, args: &[&str]) -> Self {
        Self::run(Tool::Python, &tests().join("python").join(script), args)
    }

    fn run(tool: Tool, script: &Path, args: &[&str]) -> Self {
        let program = install(tool);
        let spawned = Command::new(&program)
            .arg(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => panic!("{} does not start: {error}", program.display()),
        };
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(orders), Some(reports), Some(mut stderr)) = pipes else {
            unreachable!("all three are piped");
        };
        Self {
            name: script.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            child,
            orders,
            reports: BufReader::new(reports).lines(),
            complaints: tokio::spawn(async move {
                let mut said = String::new();
                let _ = stderr.read_to_string(&mut said).await;
                said
            }),
        }
    }

    /// Gives an order.
    pub async fn tell(&mut self, order: &Value) {
        let line = format!("{order}\n");
        if let Err(error) = self.orders.write_all(line.as_bytes()).await {
            let why = self.end().await;
            panic!("{} takes no orders: {error}; {why}", self.name);
        }
    }

    /// The next report; `None` when the script is done.
    pub async fn report(&mut self) -> Option<(String, Value)> {
        let awaited = format!("report of {}", self.name);
        let line = within(awaited, self.reports.next_line()).await.ok().flatten()?;
        match serde_json::from_str(&line) {
            Ok(report) => Some(report),
            Err(_) => panic!("{} says {line:?}, which is no report", self.name),
        }
    }

    /// The value of the next report, which must have this name.
    pub async fn expect(&mut self, name: &str) -> Value {
        match self.report().await {
            Some((reported, value)) if reported == name => value,
            Some((reported, value)) => {
                panic!("{} reports {reported} {value}, not {name}", self.name)
            }
            None => {
                let why = self.end().await;
                panic!("{} ends before it reports {name}: {why}", self.name)
            }
        }
    }

    /// Waits for the end, which must come without another report and be a success.
    pub async fn finish(mut self) {
        if let Some((name, value)) = self.report().await {
            panic!("{} reports {name} {value} when it should be done", self.name);
        }
        let awaited = format!("end of {}", self.name);
        let status = within(awaited, self.child.wait()).await;
        if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
            let why = self.end().await;
            panic!("{} fails with {status:?}: {why}", self.name);
        }
    }

    /// What a finished script printed about its end.
    pub(crate) async fn end(&mut self) -> String {
        let _ = self.child.kill().await;
        (&mut self.complaints).await.unwrap_or_default().trim().to_owned()
    }
}
