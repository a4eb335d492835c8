//! The plot: each figure as a multiple of socketioxide's, on a logarithmic scale.

use std::io;
use std::path::Path;

use plotters::prelude::*;

use crate::report::Figures;
use crate::rows::{Goal, Row};
use crate::servers::Kind;

/// Draws the rows whose figures can be compared.
pub(crate) fn draw(path: &Path, rows: &[&Row], figures: &Figures) -> io::Result<()> {
    let rows: Vec<(&Row, f64)> = rows
        .iter()
        .filter(|row| !matches!(row.goal, Goal::Most(_)))
        .filter_map(|row| {
            let peer = figures.median(row.name, Kind::Socketioxide)?;
            (peer > 0.0).then_some((*row, peer))
        })
        .collect();
    draw_rows(path, &rows, figures).map_err(|error| io::Error::other(error.to_string()))
}

fn draw_rows(
    path: &Path,
    rows: &[(&Row, f64)],
    figures: &Figures,
) -> Result<(), Box<dyn std::error::Error>> {
    let height = 90 + 34 * u32::try_from(rows.len())?;
    let area = SVGBackend::new(path, (980, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let lines = i32::try_from(rows.len())?;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "cost as a multiple of socketioxide's: further left is cheaper",
            ("sans-serif", 15),
        )
        .margin(10)
        .x_label_area_size(24)
        .y_label_area_size(390)
        .build_cartesian_2d((0.02..20.0).log_scale(), (0..lines).into_segmented())?;
    let name = |place: &SegmentValue<i32>| match place {
        SegmentValue::CenterOf(at) => usize::try_from(lines - 1 - at)
            .ok()
            .and_then(|at| rows.get(at))
            .map_or("", |row| row.0.name),
        _ => "",
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len())
        .y_label_formatter(&|place| name(place).to_owned())
        .x_label_formatter(&|multiple| format!("{multiple}"))
        .draw()?;
    for (at, kind) in Kind::ALL.iter().copied().enumerate() {
        let colour = COLOURS[at];
        let dots = rows.iter().zip((0..lines).rev()).filter_map(|((row, peer), line)| {
            let figure = figures.median(row.name, kind)?;
            Some(Circle::new(
                ((figure / peer).clamp(0.021, 19.6), SegmentValue::CenterOf(line)),
                if kind == Kind::Socketio { 7 } else { 5 },
                colour.filled(),
            ))
        });
        chart
            .draw_series(dots)?
            .label(kind.name())
            .legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

/// One for each server, in their order.
const COLOURS: [RGBColor; 8] = [
    RGBColor(120, 120, 120),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(240, 180, 200),
    RGBColor(0, 90, 170),
    RGBColor(200, 60, 60),
    RGBColor(0, 158, 115),
    RGBColor(150, 110, 180),
];
