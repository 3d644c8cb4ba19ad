//! Whole tiles, through the pipeline and back.

use super::{one_by_one, *};
use crate::{
    cloud::Features,
    tile::{
        chunks::Sizes,
        tests::{SIZES, landscape, plan_of, tile_of},
    },
};
use gpumem::{GpuBuffers, Host};

/// Appends features to others.
pub fn append(all: &mut Features, new: Columns<'_>) {
    all.normals.extend_from_slice(new.normals);
    let columns = [
        &mut all.curvature,
        &mut all.planarity,
        &mut all.linearity,
        &mut all.sphericity,
        &mut all.density,
        &mut all.height,
        &mut all.brightness,
        &mut all.saturation,
        &mut all.greenness,
        &mut all.ndvi,
    ];
    for (column, new) in columns.into_iter().zip(new.scalars) {
        column.extend_from_slice(new);
    }
}

/// The features of all points, in order.
pub fn computed<B: KernelBackend>(plan: &mut Plan, devices: [Device<B>; 2]) -> (Features, Outcome) {
    let (work, mut all) = (Work::of(plan), Features::default());
    let outcome = run(devices, &work, plan.chunks(), |_, features| {
        append(&mut all, features);
        Ok(())
    });
    (all, outcome.unwrap())
}

fn host() -> [Device<Host>; 2] {
    [Device::host(), Device::host()]
}

/// The bits of all features.
fn bits(features: &Features) -> Vec<u32> {
    let columns = features.columns();
    let columns = columns.scalars.into_iter().chain([columns.normals.as_flattened()]);
    columns.flatten().map(|value| value.to_bits()).collect()
}

#[test]
fn chunks_change_no_bit() {
    let (_folder, path) = landscape(5_000);
    let whole = computed(&mut plan_of(&path, Sizes { chunk: u64::MAX, ..SIZES }), host());
    assert_eq!(whole.0.normals.len() as u64, plan_of(&path, SIZES).tile.len());
    for chunk in [1, 333, 1_000, 2_500] {
        let mut plan = plan_of(&path, Sizes { chunk, ..SIZES });
        assert!(plan.count > 1);
        let (features, _) = computed(&mut plan, host());
        assert!(bits(&features) == bits(&whole.0), "chunks of {chunk} points have other features");
    }
}

#[test]
fn the_pipeline_changes_no_bit() {
    let (_folder, path) = landscape(3_000);
    let mut plan = plan_of(&path, SIZES);
    let (expected, _) = computed(&mut plan, host());
    let (work, mut all) = (Work::of(&plan), Features::default());
    let outcome = one_by_one::run(Device::host(), &work, plan.chunks(), |_, features| {
        append(&mut all, features);
        Ok(())
    });
    assert!(bits(&all) == bits(&expected));
    let overlap = outcome.unwrap().overlap;
    assert!(overlap.hidden == Duration::ZERO && overlap.at_once() <= 1.0, "{overlap}");
}

#[test]
fn memory_is_reused_and_downloads_overlap() {
    let (_folder, path) = landscape(6_000);
    let mut plan = plan_of(&path, Sizes { chunk: 300, ..SIZES });
    let (_, outcome) = computed(&mut plan, host());
    assert!(plan.count > 10);
    // Three buffers go up, eleven come down, and all have memory.
    assert_eq!((outcome.allocations, outcome.reused), (14 * plan.count as u64, 14 * plan.count as u64));
    assert_eq!((outcome.driver_calls, outcome.downloads), (0, 11 * plan.count as u64));
    let overlap = outcome.overlap;
    assert!(overlap.hidden > Duration::ZERO && overlap.downloads_hidden() <= 1.0, "{overlap}");
    assert!(overlap.busy.iter().all(|busy| *busy > Duration::ZERO), "{overlap}");
}

#[test]
fn a_limit_makes_chunks_smaller() {
    const LIMIT: u64 = 400_000;
    let (_folder, path) = landscape(12_000);
    let (expected, _) =
        computed(&mut plan_of(&path, Sizes { radius: 6.0, chunk: u64::MAX, ..SIZES }), host());
    let mut plan = plan_of(&path, Sizes { radius: 6.0, chunk: u64::MAX, room: LIMIT, ..SIZES });
    assert!(plan.count > 2, "{} chunks", plan.count);
    let limited = || Device::builder().memory_limit(LIMIT).host().unwrap();
    let (features, outcome) = computed(&mut plan, [limited(), limited()]);
    assert!(bits(&features) == bits(&expected));
    assert!(outcome.peak_bytes <= 2 * LIMIT, "{} bytes", outcome.peak_bytes);
}

#[test]
fn a_limit_below_one_chunk_is_an_error() {
    let (_folder, path) = landscape(3_000);
    let mut plan = plan_of(&path, SIZES);
    let limited = || Device::builder().memory_limit(20_000).host().unwrap();
    let work = Work::of(&plan);
    let error = run([limited(), limited()], &work, plan.chunks(), |_, _| Ok(())).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::DeviceLimit { .. })), "{error:#}");
}

#[test]
fn errors_of_each_thread_end_the_run() {
    let (_folder, path) = landscape(3_000);
    let mut plan = plan_of(&path, SIZES);
    let work = Work::of(&plan);
    let devices = host();
    let kept = devices.clone();
    let error = run(devices, &work, plan.chunks(), |_, _| Err(anyhow!("the disk is full"))).unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
    for device in kept {
        device.synchronize().unwrap();
        device.check_leaks().unwrap();
    }
    let broken = plan.chunks().take(2).chain([Err(anyhow!("the file is gone"))]);
    let error = run(host(), &work, broken, |_, _| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "the file is gone");
    let [first, second] = host();
    second.launch((), |()| panic!("a kernel before the run")).unwrap();
    let error = run([first, second], &work, plan.chunks(), |_, _| Ok(())).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::DeviceFailed { .. })), "{error:#}");
}

/// A slope with a flat roof over its middle, 8 units above the ground there.
#[test]
fn heights_normals_and_density_are_those_of_a_known_tile() {
    let mut rng = fastrand::Rng::with_seed(2);
    let slope = |x: f64| 0.2 * x;
    let points: Vec<_> = (0..8_000)
        .map(|_| {
            let [x, y] = [100.0 * rng.f64(), 60.0 * rng.f64()];
            let roof = (40.0..60.0).contains(&x) && (20.0..35.0).contains(&y);
            [x, y, if roof { 18.0 } else { slope(x) }]
        })
        .collect();
    let (_folder, path) = tile_of(points);
    let mut plan = plan_of(&path, Sizes { radius: 2.5, chunk: 1_000, ..SIZES });
    let (scale, lowest) = (plan.tile.scale(), plan.tile.lowest);
    let chunks = plan.chunks().collect::<Result<Vec<_>>>().unwrap();
    let work = Work::of(&plan);
    let mut inside = 0;
    let take = |chunk: &Chunk, features: Columns<'_>| {
        for (index, [x, y, z]) in crate::tile::positions(&chunk.records).enumerate() {
            let [x, y, z] = [x, y, z].map(f64::from);
            let [x, y, z] = [x * scale[0], y * scale[1], z * scale[2]];
            assert!(z >= f64::from(lowest[2]) * scale[2]);
            // Not near the edges of the tile and of the roof.
            if !(5.0..95.0).contains(&x) || !(5.0..55.0).contains(&y) {
                continue;
            }
            let roof = (44.0..56.0).contains(&x) && (24.0..31.0).contains(&y);
            let open = !(35.0..65.0).contains(&x) || !(15.0..40.0).contains(&y);
            if !roof && !open {
                continue;
            }
            inside += 1;
            let expected = z - slope(x);
            let height = f64::from(features.height()[index]);
            assert!((height - expected).abs() < 1.0, "{x}, {y}: {height} and not {expected}");
            let up = if roof { 1.0 } else { 1.0 / 1.04_f64.sqrt() };
            assert!(
                (f64::from(features.normals[index][2]) - up).abs() < 1e-3,
                "{:?}",
                features.normals[index]
            );
            let density = features.scalars[4][index];
            assert!((0.3..3.5).contains(&density), "{density} points per square unit, and 1.33 on average");
        }
        Ok(())
    };
    run(host(), &work, chunks.iter().map(anyhow::Ok), take).unwrap();
    assert!(inside > 4_000, "{inside} points");
}

#[test]
fn a_set_has_a_buffer_per_feature() {
    assert_eq!(Features::BUFFERS.len(), 11);
}
