//! `#[gpumem::kernels]` on the host: the generated modules, and refused launches. The suite
//! (`suite/typed_kernels.rs`) has the launches on every backend.

use gpumem::{Buffer, Device, Error, KernelBackend, Launch};

#[gpumem::kernels]
mod plain {
    /// Adds `more` to each element.
    #[requires(!elements.is_empty())]
    pub(super) fn add(elements: &mut [u32], more: u32) {
        elements.iter_mut().for_each(|element| *element += one() * more);
    }

    /// Adds two slices.
    #[requires(sum.len() == left.len() && left.len() == right.len())]
    pub(crate) fn sum(sum: &mut [f32], left: &[f32], right: &[f32]) {
        for (index, sum) in sum.iter_mut().enumerate() {
            *sum = left[index] + right[index];
        }
    }

    fn one() -> u32 {
        1
    }
}

#[gpumem::kernels(
    // SAFETY: `add_one` touches elements below the length, `occupy` touches no memory.
    unsafe(ptx = "../src/kernels.ptx"),
    slices = "pointer, length"
)]
mod with_ptx {
    pub(super) fn add_one(elements: &mut [u32]) {
        elements.iter_mut().for_each(|element| *element += 1);
    }
    pub(super) fn occupy(nanoseconds: u64) {
        std::thread::sleep(std::time::Duration::from_nanos(nanoseconds));
    }
}

#[gpumem::kernels(
    // SAFETY: `add_one` touches elements below the length, `occupy` touches no memory.
    unsafe(ptx = "../src/kernels.ptx"),
    slices = "pointer, length"
)]
mod on_cards {
    pub(super) fn add_one(elements: &mut [u32]);
}

fn add_twice<B: KernelBackend>(device: &Device<B>) -> gpumem::Result<Vec<u32>> {
    let kernels = plain::Kernels::load(device)?;
    let mut elements = Buffer::<u32, B>::from_slice(device, "elements", &[1, 2, 3])?;
    let launch = Launch::over(elements.len());
    kernels.add(launch, &mut elements, 10)?;
    kernels.add(launch, elements.view_mut(1..)?, 100)?;
    elements.download()
}

#[test]
fn a_kernel_is_a_method_and_a_function() {
    assert_eq!(add_twice(&Device::host()), Ok(vec![11, 112, 113]));
    let mut plain = [1, 2];
    plain::add(&mut plain, 3);
    assert_eq!(plain, [4, 5]);
}

#[test]
fn slices_are_buffers_views_and_bound_buffers() {
    let device = Device::host();
    let stream = device.create_stream().unwrap();
    let kernels = plain::Kernels::load(&device).unwrap();
    let left = Buffer::from_slice(&device, "left", &[1.0_f32, 2.0]).unwrap().into_async();
    let right = Buffer::from_slice(&device, "right", &[5.0_f32, 10.0, 20.0]).unwrap();
    let mut sum = Buffer::zeroed(&device, "sum", 2).unwrap().into_async();
    kernels.sum(Launch::over(2), &mut sum, &left, right.view(1..).unwrap()).unwrap();
    assert_eq!(sum.download().unwrap(), [11.0, 22.0]);
    let mut bound = sum.bind(&stream).unwrap();
    kernels.sum(Launch::over(2).on(&stream), &mut bound, right.view(..2).unwrap(), &left).unwrap();
    assert_eq!(bound.start_download().unwrap().wait().unwrap(), [6.0, 12.0]);
    kernels.sum(Launch::over(2), &mut bound, &left, &left).unwrap();
    assert_eq!(bound.view(..).unwrap().download().unwrap(), [2.0, 4.0]);
}

#[test]
fn conditions_are_checked_before_the_launch() {
    let device = Device::host();
    let kernels = plain::Kernels::load(&device).unwrap();
    let mut sum = Buffer::<f32>::zeroed(&device, "sum", 2).unwrap();
    let [two, three] = [2, 3].map(|len| Buffer::<f32>::zeroed(&device, "part", len).unwrap());
    let error = kernels.sum(Launch::over(2), &mut sum, &two, &three).unwrap_err();
    let Error::KernelRefused { backend: "host", reason } = error else { panic!("{error}") };
    assert_eq!(
        reason,
        "`plain`: `sum` requires `sum.len() == left.len() && left.len() == right.len()`, which does not hold"
    );
    sum.truncate(0);
    let mut empty = Buffer::<u32>::new(&device, "empty").unwrap();
    assert!(kernels.add(Launch::over(1), &mut empty, 1).is_err());
}

#[test]
fn a_launch_of_no_threads_does_nothing() {
    let device = Device::host();
    let kernels = plain::Kernels::load(&device).unwrap();
    let mut elements = Buffer::from_slice(&device, "elements", &[1_u32]).unwrap();
    for none in [Launch::over(0), Launch::grid(0), Launch::grid(1).block((0, 4))] {
        kernels.add(none, &mut elements, 1).unwrap();
    }
    kernels.add(Launch::grid(1), &mut elements, 1).unwrap();
    assert_eq!(elements.download().unwrap(), [2]);
}

#[test]
fn kernels_without_a_body_are_not_on_the_host() {
    let error = on_cards::Kernels::load(&Device::host()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the host backend refuses the kernel: `on_cards`: `add_one` has no body, so it is there on a card alone"
    );
    let device = Device::host();
    let kernels = with_ptx::Kernels::load(&device).unwrap();
    let mut elements = Buffer::from_slice(&device, "elements", &[1_u32]).unwrap();
    kernels.occupy(Launch::grid(1), 1_000_000).unwrap();
    kernels.add_one(Launch::over(1), &mut elements).unwrap();
    assert_eq!(elements.download().unwrap(), [2]);
    assert_eq!(format!("{kernels:?}"), "with_ptx { kernels: [\"add_one\", \"occupy\"], .. }");
}

#[test]
fn kernels_keep_no_device_open_and_belong_to_one() {
    let (device, other) = (Device::host(), Device::host());
    let kernels = plain::Kernels::load(&device).unwrap();
    let mut elsewhere = Buffer::from_slice(&other, "elsewhere", &[1_u32]).unwrap();
    let error = kernels.add(Launch::over(1), &mut elsewhere, 1).unwrap_err();
    assert!(matches!(&error, Error::DifferentDevices { buffer: Some(_), .. }), "{error}");
    let stream = other.create_stream().unwrap();
    let mut here = Buffer::from_slice(&device, "here", &[1_u32]).unwrap();
    let error = kernels.add(Launch::over(1).on(&stream), &mut here, 1).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the stream is of another device, and the kernel `add` is loaded on device `"),
        "{text}"
    );
    drop(here);
    device.close().unwrap();
    let error = kernels.add(Launch::over(1), &mut elsewhere, 1).unwrap_err();
    assert!(error.to_string().contains("the device of `add` is closed"), "{error}");
}

#[test]
fn a_kernel_that_panics_is_named_by_its_launch() {
    let device = Device::host();
    let kernels = plain::Kernels::load(&device).unwrap();
    let mut elements = Buffer::from_slice(&device, "elements", &[u32::MAX]).unwrap();
    kernels.add(Launch::over(1), &mut elements, 1).unwrap();
    let line = line!() - 1;
    let error = elements.download().unwrap_err();
    assert!(error.to_string().contains(&format!("kernels.rs:{line}:")), "{error}");
}
