//! Tests of the kernels on a card.

use super::{Kernels, Step};
use crate::{
    cloud::{CloudBuffers, CloudLengths, Colours, Features, FeaturesBuffers},
    pipeline::tests::computed,
    tile::{
        chunks::Sizes,
        tests::{SIZES, landscape, plan_of},
    },
};
use gpumem::{Buffer, Cuda, Device, Launch};

#[path = "../../gpumem/tests/cuda/card.rs"]
mod card;

/// The most that a feature of the card may differ from that of the host. Both round each operation in the
/// same way, so they should not differ at all; this is what the program promises.
const TOLERANCE: f32 = 1e-4;

fn card() -> Option<Device<Cuda>> {
    card::found(Device::cuda(0))
}

/// The features of a landscape, on the host and on a card.
fn both(chunk: u64) -> Option<[Features; 2]> {
    let devices = [card()?, card()?];
    let (_folder, path) = landscape(60_000);
    let mut plan = plan_of(&path, Sizes { radius: 4.0, chunk, ..SIZES });
    let (here, _) = computed(&mut plan, [Device::host(), Device::host()]);
    let (there, outcome) = computed(&mut plan, devices);
    assert_eq!(outcome.driver_calls, 0, "the pool has all memory before the first chunk");
    Some([here, there])
}

#[test]
fn the_card_computes_what_the_host_does() {
    let Some([here, there]) = both(9_000) else { return };
    let (here, there) = (here.columns(), there.columns());
    let columns = |columns: crate::cloud::Columns<'_>| {
        let columns = columns.scalars.into_iter().chain([columns.normals.as_flattened()]);
        columns.map(<[f32]>::to_vec).collect::<Vec<_>>()
    };
    let (mut others, mut worst) = (0, 0.0_f32);
    for (column, (here, there)) in columns(here).iter().zip(&columns(there)).enumerate() {
        assert_eq!(here.len(), there.len());
        for (here, there) in here.iter().zip(there) {
            others += usize::from(here.to_bits() != there.to_bits());
            assert_eq!(here.is_nan(), there.is_nan(), "column {column}");
            worst = worst.max((here - there).abs() / here.abs().max(1.0));
        }
    }
    println!("{others} values differ, by at most {worst}");
    assert!(worst <= TOLERANCE, "{others} values differ, by at most {worst}");
}

#[test]
fn chunks_change_no_bit_on_a_card() {
    let (Some([_, small]), Some([_, whole])) = (both(9_000), both(u64::MAX)) else { return };
    let bits = |features: &Features| {
        let columns = features.columns();
        let columns = columns.scalars.into_iter().chain([columns.normals.as_flattened()]);
        columns.flatten().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    assert!(bits(&small) == bits(&whole));
}

/// Fills a buffer with bits that are no index, and a third of the numbers with any bits.
macro_rules! nonsense {
    ($buffer:expr, $rng:expr) => {{
        let buffer = $buffer;
        let mut elements = buffer.download().unwrap();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut elements);
        for number in bytes.chunks_exact_mut(4) {
            let bits = if $rng.u8(..3) == 0 { $rng.u32(..) } else { u32::MAX - $rng.u32(..9) };
            number.copy_from_slice(&bits.to_ne_bytes());
        }
        buffer.write(0, &elements).unwrap();
    }};
}

/// For `compute-sanitizer`: that the kernels keep what `unsafe(ptx = ..)` promises.
#[test]
fn kernels_stay_within_their_slices_whatever_these_hold() {
    let Some(device) = card() else { return };
    let kernels = Kernels::load(&device).unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    let colours = Colours { rgb: true, infrared: true };
    for round in 0..24 {
        let mut step = Step {
            total: 700,
            first: 37,
            count: 611,
            rows: 9,
            row_height: 1,
            infrared: 1,
            ..Step::default()
        };
        step.raster = [13, 11];
        (step.first_row, step.reach) = (rng.u32(..), rng.u32(..));
        if round % 2 == 0 {
            // Everything is in reach.
            (step.first_row, step.reach, step.row_height) = (0, u32::MAX, u32::MAX);
        }
        let mut number = || f32::from_bits(rng.u32(..));
        (step.scale, step.cells) = ([(); 3].map(|()| number()), [(); 2].map(|()| number()));
        let mut cloud = CloudBuffers::new(&device).unwrap();
        let rows = step.rows as usize + 1;
        cloud.resize(CloudLengths { positions: 700, row_starts: rows, colours: 611 }).unwrap();
        let mut features = FeaturesBuffers::new(&device).unwrap();
        features.resize(colours.lengths(611)).unwrap();
        let mut ground = Buffer::<f32, Cuda>::zeroed(&device, "ground", 13 * 11).unwrap();
        let mut times = Buffer::<u64, Cuda>::zeroed(&device, "times", 2).unwrap();
        let filled = cloud.split_mut();
        nonsense!(filled.positions, rng);
        nonsense!(filled.row_starts, rng);
        nonsense!(filled.colours, rng);
        nonsense!(&mut ground, rng);
        for launch in
            [Launch::over(611), Launch::grid(1).block(1_024), Launch::grid((3, 2)).block((24, 2, 3))]
        {
            queue(&kernels, launch, step, (&cloud, &ground), &mut features).unwrap();
            kernels.note_time(launch, 1, &mut times).unwrap();
            device.synchronize().unwrap();
        }
    }
}

fn queue(
    kernels: &Kernels<Cuda>,
    launch: Launch,
    step: Step,
    (cloud, ground): (&CloudBuffers<Cuda>, &Buffer<f32, Cuda>),
    features: &mut FeaturesBuffers<Cuda>,
) -> gpumem::Result<()> {
    let to = features.split_mut();
    kernels.shape(
        launch,
        step,
        cloud.positions(),
        cloud.row_starts(),
        to.normals,
        to.curvature,
        to.planarity,
        to.linearity,
        to.sphericity,
        to.density,
    )?;
    kernels.heights(launch, step, cloud.positions(), ground, to.height)?;
    kernels.colours(launch, step, cloud.colours(), to.brightness, to.saturation, to.greenness, to.ndvi)
}
