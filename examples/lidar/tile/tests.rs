//! Bad files, and neighbourhoods.

use std::fs;

use las::{Builder, Point, Reader, Writer, point::Format};
use tempfile::TempDir;

use super::{
    chunks::{Plan, Sizes},
    *,
};

pub const SIZES: Sizes = Sizes { radius: 12.0, chunk: 700, room: u64::MAX, widest: 40.0 };

/// A tile of the program's own, in a new folder.
pub fn landscape(count: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tile.laz");
    terrain::write(&path, count, 3).unwrap();
    (folder, path)
}

/// A tile of these points in steps of a millimetre, which is not compressed.
pub fn tile_of(points: impl IntoIterator<Item = [f64; 3]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tile.las");
    let mut builder = Builder::from((1, 2));
    builder.point_format = Format::new(0).unwrap();
    let mut writer = Writer::from_path(&path, builder.into_header().unwrap()).unwrap();
    for [x, y, z] in points {
        writer
            .write_point(Point { x, y, z, return_number: 1, number_of_returns: 1, ..Point::default() })
            .unwrap();
    }
    writer.close().unwrap();
    (folder, path)
}

pub fn plan_of(path: &Path, sizes: Sizes) -> Plan {
    let folder = path.parent().unwrap();
    Plan::new(Tile::read(path, folder, |_| {}).unwrap(), folder, sizes).unwrap()
}

/// The message about a file that is `bytes`.
fn message(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.laz");
    fs::write(&path, bytes).unwrap();
    let result = Tile::read(&path, folder.path(), |_| {});
    format!("{:#}", result.err().expect("the file is bad"))
}

/// The same points as LAZ and as LAS.
fn both_kinds() -> [Vec<u8>; 2] {
    let (_folder, path) = landscape(2_000);
    let mut reader = Reader::from_path(&path).unwrap();
    let plain = path.with_extension("las");
    let mut builder = Builder::from(reader.header().clone());
    builder.point_format.is_compressed = false;
    builder.vlrs.clear();
    let mut writer = Writer::from_path(&plain, builder.into_header().unwrap()).unwrap();
    writer.write_points(&reader.read_all().unwrap()).unwrap();
    writer.close().unwrap();
    [path, plain].map(|path| fs::read(path).unwrap())
}

/// A file with other bytes at a place.
fn changed(file: &[u8], place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[place..place + bytes.len()].copy_from_slice(bytes);
    file
}

const OLD_COUNT: usize = 107;
const COUNT: usize = 247;
const SCALE: usize = 131;
const OFFSET: usize = 155;
const HIGHEST: usize = 179;

#[test]
fn files_of_another_kind_are_told() {
    assert!(message(b"").contains("empty"));
    assert!(message(b"PNG, or so").contains("no LAS or LAZ file: it begins with \"PNG,\""));
    assert!(message(b"LASF").contains("the header cannot be read"));
    let folder = tempfile::tempdir().unwrap();
    let none = Tile::read(&folder.path().join("none.laz"), folder.path(), |_| {}).err().unwrap();
    assert!(format!("{none:#}").contains("cannot be opened"), "{none:#}");
}

#[test]
fn truncated_files_are_told() {
    let [packed, plain] = both_kinds();
    for part in [200, 380, packed.len() / 2, packed.len() - 100] {
        let message = message(&packed[..part]);
        assert!(
            ["header cannot be read", "the file is incomplete", "has room for"]
                .iter()
                .any(|told| message.contains(told)),
            "{part}: {message}"
        );
    }
    let message = message(&plain[..plain.len() / 2]);
    assert!(message.contains(" points of 38 bytes, but the file has room for "), "{message}");
}

/// A file whose header counts `count` points, in the old field and in that of LAS 1.4.
fn counting(file: &[u8], count: u64) -> Vec<u8> {
    let old = u32::try_from(count).unwrap_or(0);
    changed(&changed(file, COUNT, &count.to_le_bytes()), OLD_COUNT, &old.to_le_bytes())
}

#[test]
fn counts_that_lie_are_told() {
    let [packed, plain] = both_kinds();
    let right = u64::from_le_bytes(plain[COUNT..COUNT + 8].try_into().unwrap());
    for file in [&packed, &plain] {
        for count in [right + 1, 3_000, 1 << 40] {
            let told = message(&counting(file, count));
            assert!(told.contains(&format!("the header counts {count} points")), "{told}");
        }
        let told = message(&counting(file, 1_500));
        assert!(told.contains(&format!("the header counts 1500 points, but {right} in all")), "{told}");
        // The counts by return are 0 too.
        let silent = changed(&changed(file, COUNT + 8, &[0; 120]), OLD_COUNT + 4, &[0; 20]);
        let told = message(&counting(&silent, 1_500));
        assert!(told.contains("the header counts 1500 points"), "{told}");
        let told = message(&changed(file, COUNT, &1_500_u64.to_le_bytes()));
        assert!(told.contains(&format!("counts {right} points in one place, and 1500 in another")), "{told}");
    }
}

#[test]
fn coordinates_that_make_no_sense_are_told() {
    let [packed, plain] = both_kinds();
    for file in [&packed, &plain] {
        for scale in [f64::NAN, 0.0, -0.01, f64::INFINITY, 1e-50, 1e-160, 1e50] {
            let message = message(&changed(file, SCALE, &scale.to_le_bytes()));
            assert!(message.contains(&format!("scales x by {scale}")), "{message}");
        }
        let offset = message(&changed(file, OFFSET, &f64::NAN.to_le_bytes()));
        assert!(offset.contains("moves it by NaN"), "{offset}");
        for highest in [f64::NAN, -1e300, 1e300] {
            let message = message(&changed(file, HIGHEST, &highest.to_le_bytes()));
            assert!(message.contains("which makes no sense"), "{message}");
        }
        let outside = message(&changed(file, SCALE, &1.0_f64.to_le_bytes()));
        assert!(outside.contains("point 0 has x ="), "{outside}");
    }
}

#[test]
fn sizes_that_would_overflow_are_told() {
    let [packed, plain] = both_kinds();
    for file in [&packed, &plain] {
        let returns = [1_u64 << 63; 2].map(u64::to_le_bytes);
        let file = changed(file, COUNT + 8, returns.as_flattened());
        let told = message(&changed(&file, OLD_COUNT, &[0; 24]));
        assert!(told.contains("in all by the number of their return"), "{told}");
    }
    // The same bytes as a format without layers, whose lengths would not be checked.
    let told = message(&changed(&packed, 104, &[0x80]));
    assert!(told.contains("disagree about the format of the points"), "{told}");
}

#[test]
fn no_points_are_told() {
    let (_folder, path) = tile_of([]);
    assert!(message(&fs::read(path).unwrap()).contains("the file has no points"));
}

#[test]
fn any_damage_is_an_error_or_a_tile() {
    let [packed, plain] = both_kinds();
    let mut rng = fastrand::Rng::with_seed(11);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.laz");
    let mut errors = 0;
    for round in 0..300 {
        let file = if round % 2 == 0 { &packed } else { &plain };
        let mut file = file.clone();
        // Most of the damage is in the header.
        let end = if round % 3 == 0 { file.len() } else { 700 };
        (0..rng.usize(1..6)).for_each(|_| file[rng.usize(4..end)] = rng.u8(..));
        fs::write(&path, file).unwrap();
        errors += u32::from(Tile::read(&path, folder.path(), |_| {}).is_err());
    }
    assert!(errors > 30, "{errors} errors");
}

/// The tile in chunks has each point once, and each chunk has all points around its own.
#[test]
fn chunks_have_all_neighbours() {
    let (_folder, path) = landscape(3_000);
    let mut plan = plan_of(&path, SIZES);
    assert!(plan.count > 3, "{} chunks", plan.count);
    let scale = plan.tile.scale().map(|scale| scale / SIZES.radius);
    let chunks = plan.chunks().collect::<Result<Vec<_>>>().unwrap();
    let own = |chunk: &chunks::Chunk| {
        let first = chunk.step.first as usize;
        chunk.cloud.positions[first..first + chunk.step.count as usize].to_vec()
    };
    let all: Vec<[u32; 3]> = chunks.iter().flat_map(own).collect();
    assert_eq!(all.len() as u64, plan.tile.len());
    for chunk in &chunks {
        let (cloud, first) = (&chunk.cloud, chunk.step.first as usize);
        for (index, centre) in own(chunk).iter().enumerate() {
            let sums =
                crate::shape::Sums::around(chunk.step, &cloud.positions, &cloud.row_starts, first + index);
            let near = |axes: usize, point: &[u32; 3]| {
                let square =
                    |axis: usize| ((f64::from(point[axis]) - f64::from(centre[axis])) * scale[axis]).powi(2);
                (0..axes).map(square).sum::<f64>() <= 1.0
            };
            let count = |axes| all.iter().filter(|point| near(axes, point)).count();
            assert_eq!([sums.in_ball, sums.in_circle].map(|count| count as usize), [count(3), count(2)]);
        }
    }
}
