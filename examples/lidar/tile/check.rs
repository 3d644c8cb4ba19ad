//! Checks of a file: its signature, its header, its length, its positions.

use std::{
    fs::File,
    io::Read,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
};

use anyhow::{Result, anyhow, bail, ensure};
use las::{Header, PointData};

use super::sizes;

/// The largest coordinate that makes sense, in units. The circumference of the earth has 40 million metres.
const FARTHEST: f64 = 1e9;

/// The units that an integer of a file may stand for.
const SCALES: RangeInclusive<f64> = 1e-12..=1e6;

/// Reports a file of another kind before anything else of it is read.
pub fn signature(file: &File) -> Result<()> {
    let mut signature = Vec::new();
    file.take(4).read_to_end(&mut signature)?;
    ensure!(!signature.is_empty(), "the file is empty");
    ensure!(
        signature == *b"LASF",
        "this is no LAS or LAZ file: it begins with {:?} instead of \"LASF\"",
        String::from_utf8_lossy(&signature)
    );
    Ok(())
}

/// Makes an error of a panic.
pub fn without_panic<T>(read: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        anyhow!("the file makes no sense to the reader: {text}")
    })
}

/// Reports a header that cannot be that of a tile.
pub fn header(header: &Header, file: &File) -> Result<()> {
    let count = header.number_of_points();
    ensure!(count > 0, "the file has no points");
    let returns = (1..=15).filter_map(|number| header.number_of_points_by_return(number));
    let returns = returns.fold(0, u64::saturating_add);
    ensure!(
        returns <= count,
        "the header counts {count} points, but {returns} in all by the number of their return"
    );
    let transforms = header.transforms();
    for (axis, transform) in [("x", transforms.x), ("y", transforms.y), ("z", transforms.z)] {
        let (scale, offset) = (transform.scale, transform.offset);
        ensure!(
            SCALES.contains(&scale) && offset.abs() < FARTHEST,
            "the header scales {axis} by {scale} and moves it by {offset}, which gives no coordinates"
        );
    }
    let bounds = header.bounds();
    for (axis, low, high) in [
        ("x", bounds.min.x, bounds.max.x),
        ("y", bounds.min.y, bounds.max.y),
        ("z", bounds.min.z, bounds.max.z),
    ] {
        ensure!(
            low <= high && low > -FARTHEST && high < FARTHEST,
            "the header says that {axis} is between {low} and {high}, which makes no sense"
        );
    }
    if header.point_format().is_compressed { sizes::chunks(file, header) } else { length(header, file) }
}

/// Compares the number of points with the length of a file that is not compressed.
fn length(header: &Header, file: &File) -> Result<()> {
    let (count, start, length) = (header.number_of_points(), sizes::start(file)?, file.metadata()?.len());
    let record = u64::from(header.point_format().len());
    let room = length.saturating_sub(start) / record;
    if room > count && header.evlrs().is_empty() && header.point_padding().is_empty() {
        bail!("the header counts {count} points of {record} bytes, but the file has {room}");
    }
    Ok(())
}

/// The bounds in a header, a little widened: programs round them in different ways.
pub struct Bounds([[f64; 2]; 3]);

impl Bounds {
    pub fn of(header: &Header) -> Self {
        let (bounds, transforms) = (header.bounds(), header.transforms());
        let wide = |low: f64, high: f64, scale: f64| {
            let slack = 2.0 * scale + 1e-6 * (high - low) + 1e-9 * low.abs().max(high.abs());
            [low - slack, high + slack]
        };
        Self([
            wide(bounds.min.x, bounds.max.x, transforms.x.scale),
            wide(bounds.min.y, bounds.max.y, transforms.y.scale),
            wide(bounds.min.z, bounds.max.z, transforms.z.scale),
        ])
    }

    /// Reports a point outside: where a count or the data of a compressed file are wrong, that is how it
    /// shows. `before` points came before these.
    pub fn check(&self, points: &PointData, before: u64) -> Result<()> {
        let axes = points.x().zip(points.y()).zip(points.z()).map(|((x, y), z)| [x, y, z]);
        for (index, position) in (before..).zip(axes) {
            for (axis, (at, [low, high])) in ["x", "y", "z"].iter().zip(position.into_iter().zip(self.0)) {
                ensure!(
                    (low..=high).contains(&at),
                    "point {index} has {axis} = {at}, but the header says that all are between {low:.3} and \
                     {high:.3}: the file is damaged, or its header counts too many points"
                );
            }
        }
        Ok(())
    }
}
