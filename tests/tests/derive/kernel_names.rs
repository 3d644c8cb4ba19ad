//! Kernels and parameters of every name, in every visibility, and kernels that `#[cfg]` removes.

#![allow(unreachable_pub, dead_code, reason = "a test has no outside")]

use gpumem::{Buffer, Device, Launch};

/// A device with a buffer of one `1`.
fn one(device: &Device) -> Buffer<u32> {
    Buffer::from_slice(device, "one", &[1]).unwrap()
}

/// A keyword as a name of the module, of a kernel and of a parameter.
#[gpumem::kernels]
mod r#mod {
    #[requires(!r#type.is_empty() && r#fn > 0)]
    pub fn r#match(r#type: &mut [u32], r#fn: u32) {
        r#type[0] += r#fn;
    }
}

#[test]
fn names_may_be_raw() {
    let device = Device::host();
    let kernels = r#mod::Kernels::load(&device).unwrap();
    let mut buffer = one(&device);
    kernels.r#match(Launch::over(1), &mut buffer, 2).unwrap();
    assert_eq!(buffer.download().unwrap(), [3]);
    assert_eq!(format!("{kernels:?}"), "mod { kernels: [\"match\"], .. }");
    let error = kernels.r#match(Launch::over(1), &mut buffer, 0).unwrap_err();
    assert!(
        error.to_string().contains("`mod`: `match` requires `!r#type.is_empty() && r#fn > 0`"),
        "{error}"
    );
}

/// Parameters with the names of locals, functions, fields and modules of the generated code.
#[gpumem::kernels]
mod shadows {
    pub fn shadow(shadow: &mut [u32], self_: &[u32], device: u32, launch: u32, core: u32, mut name: u32) {
        name += device + launch + core;
        shadow[0] = self_[0] + name;
    }

    #[requires(len > 0 && len.len() as usize == index.len())]
    pub fn lengths(index: &mut [u32], len: Long, args: u32) {
        index[0] = len.0 + args;
    }

    /// A value with a method that slices have too.
    #[derive(Clone, Copy, PartialEq, PartialOrd, bytemuck::NoUninit)]
    #[repr(transparent)]
    pub struct Long(pub u32);

    impl Long {
        fn len(self) -> u32 {
            self.0
        }
    }

    impl PartialEq<i32> for Long {
        fn eq(&self, other: &i32) -> bool {
            i64::from(self.0) == i64::from(*other)
        }
    }

    impl PartialOrd<i32> for Long {
        fn partial_cmp(&self, other: &i32) -> Option<std::cmp::Ordering> {
            i64::from(self.0).partial_cmp(&i64::from(*other))
        }
    }

    pub fn debug(fmt: &mut [u32], value: u32, source: u32) {
        fmt[0] = value + source;
    }

    pub fn nothing() {}
}

#[test]
fn parameters_may_have_any_name() {
    let device = Device::host();
    let kernels = shadows::Kernels::load(&device).unwrap();
    let (mut buffer, other) = (one(&device), one(&device));
    kernels.shadow(Launch::over(1), &mut buffer, &other, 10, 100, 1_000, 10_000).unwrap();
    assert_eq!(buffer.download().unwrap(), [11_111]);
    kernels.lengths(Launch::over(1), &mut buffer, shadows::Long(1), 5).unwrap();
    assert_eq!(buffer.download().unwrap(), [6]);
    kernels.lengths(Launch::over(1), &mut buffer, shadows::Long(2), 5).unwrap_err();
    kernels.debug(Launch::over(1), &mut buffer, 1, 2).unwrap();
    kernels.nothing(Launch::over(1)).unwrap();
    assert_eq!(buffer.download().unwrap(), [3]);
}

/// An element, a value and a constant with the name of the type parameter.
#[gpumem::kernels]
mod backends {
    #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    #[repr(transparent)]
    pub struct B(pub u32);
    pub const B1: usize = 1;
    const K: usize = 1;

    #[requires(of.len() == B1 && more.0 != 7)]
    pub fn add(of: &mut [B], more: B) {
        of[K - 1].0 += more.0;
    }
}

#[test]
fn the_parameter_of_the_backend_takes_a_free_name() {
    let device = Device::host();
    let kernels = backends::Kernels::load(&device).unwrap();
    let mut buffer = Buffer::from_slice(&device, "buffer", &[backends::B(1)]).unwrap();
    kernels.add(Launch::over(1), &mut buffer, backends::B(2)).unwrap();
    assert_eq!(buffer.download().unwrap()[0].0, 3);
    assert!(kernels.add(Launch::over(1), &mut buffer, backends::B(7)).is_err());
}

/// Kernels that are there in one configuration: alternatives of one name, and one that would not compile.
#[gpumem::kernels]
mod configured {
    #[cfg(any())]
    pub fn gone(of: &mut [NoSuchType], value: NoSuchType) -> NoSuchType {}

    #[cfg(any())]
    pub fn step(out: &mut [u32], by: f64) {
        out.iter_mut().for_each(|out| *out *= by as u32);
    }

    #[cfg(not(any()))]
    #[requires(by > 0)]
    pub fn step(out: &mut [u32], by: u32) {
        out.iter_mut().for_each(|out| *out += by);
    }

    #[cfg_attr(all(), cfg(any()))]
    pub fn gone_too(out: &mut [u32]);

    #[cfg_attr(all(), allow(clippy::needless_range_loop))]
    pub fn last(out: &mut [u32]) {
        for index in 0..out.len() {
            out[index] = 0;
        }
    }
}

#[test]
fn kernels_may_be_conditional() {
    let device = Device::host();
    let kernels = configured::Kernels::load(&device).unwrap();
    assert_eq!(format!("{kernels:?}"), "configured { kernels: [\"step\", \"last\"], .. }");
    let mut buffer = one(&device);
    kernels.step(Launch::over(1), &mut buffer, 4).unwrap();
    let error = kernels.step(Launch::over(1), &mut buffer, 0).unwrap_err();
    assert!(error.to_string().contains("`step` requires `by > 0`"), "{error}");
    assert_eq!(buffer.download().unwrap(), [5]);
    kernels.last(Launch::over(1), &mut buffer).unwrap();
    assert_eq!(buffer.download().unwrap(), [0]);
}

/// A module that is not there, with mistakes in it and a file that is not there.
#[gpumem::kernels(unsafe(ptx = "no_such_file.ptx"))]
#[cfg(any())]
mod absent {
    pub fn wrong(out: *mut u32) -> u32;
}

/// The visibilities of the struct and of the methods are those of the kernels.
mod outer {
    #[gpumem::kernels]
    pub(super) mod near {
        pub(in crate::kernel_names) fn add(out: &mut [u32]) {
            out[0] += 1;
        }
        pub(super) fn hidden(out: &mut [u32]) {
            out[0] += 10;
        }
    }

    #[gpumem::kernels]
    pub(super) mod same {
        pub(in crate::kernel_names) fn add(out: &mut [u32]) {
            out[0] += 100;
        }
    }

    pub(super) fn hidden(device: &gpumem::Device, out: &mut gpumem::Buffer<u32>) -> gpumem::Result<()> {
        near::Kernels::load(device)?.hidden(gpumem::Launch::over(1), out)
    }
}

#[test]
fn kernels_may_have_any_visibility() {
    let device = Device::host();
    let mut buffer = one(&device);
    outer::near::Kernels::load(&device).unwrap().add(Launch::over(1), &mut buffer).unwrap();
    outer::same::Kernels::load(&device).unwrap().add(Launch::over(1), &mut buffer).unwrap();
    outer::hidden(&device, &mut buffer).unwrap();
    assert_eq!(buffer.download().unwrap(), [112]);
    // A private method does not hide one of an extension trait.
    trait Elsewhere {
        fn hidden(&self) -> &'static str {
            "not the kernel"
        }
    }
    impl Elsewhere for outer::near::Kernels {}
    assert_eq!(outer::near::Kernels::load(&device).unwrap().hidden(), "not the kernel");
}

/// The crate under another path, and PTX from a path that is made of pieces.
#[gpumem::kernels(
    // SAFETY: the kernel adds 1 to each element below the length.
    unsafe(ptx = concat!(env!("CARGO_MANIFEST_DIR"), "/src/", "kernels.ptx",)),
    slices = "pointer,length",
    crate = crate::renamed::memory,
)]
mod renamed {
    pub fn add_one(elements: &mut [u32]) {
        elements.iter_mut().for_each(|element| *element += 1);
    }
}

#[test]
fn the_crate_may_be_renamed_and_the_path_be_composed() {
    let device = Device::host();
    let mut buffer = one(&device);
    renamed::Kernels::load(&device).unwrap().add_one(Launch::over(1), &mut buffer).unwrap();
    assert_eq!(buffer.download().unwrap(), [2]);
}

#[test]
fn a_module_may_stand_in_a_function() {
    #[gpumem::kernels]
    mod inner {
        pub fn set(out: &mut [[u32; 2]], values: [u32; 2], flag: bool, letter: char, of: numbers::Of) {
            out[0] = if flag { values } else { [u32::from(letter); 2] };
            out[0][0] += u32::try_from(of).unwrap();
        }
        pub mod numbers {
            pub type Of = usize;
        }
    }
    let device = Device::host();
    let mut buffer = Buffer::from_slice(&device, "buffer", &[[0_u32; 2]]).unwrap();
    let kernels = inner::Kernels::load(&device).unwrap();
    kernels.set(Launch::over(1), &mut buffer, [1, 2], true, 'a', 5).unwrap();
    assert_eq!(buffer.download().unwrap(), [[6, 2]]);
}
