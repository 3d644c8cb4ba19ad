//! Structs in a module with nothing in scope, with items under all names that generated code might use
//! without a path, and with the strictest lints.

#![no_implicit_prelude]
#![allow(unreachable_pub, reason = "a test has no outside")]
#![deny(missing_docs, warnings, clippy::pedantic, clippy::nursery, unsafe_code)]

/// Every name that a careless expansion would use by accident.
#[allow(
    dead_code,
    non_camel_case_types,
    clippy::upper_case_acronyms,
    reason = "they are there to be in the way"
)]
mod shadows {
    macro_rules! shadow {
        ($($name:ident)*) => { $(
            /// In the way.
            #[derive(::std::prelude::v1::Default)]
            pub struct $name;
        )* };
    }
    shadow! {
        Option Some None Result Ok Err Vec Box String Default Clone Copy Debug PartialEq Eq Hash Into From Deref Send Sync Sized
        u8 u32 u64 usize f32 f64 bool str Backend Host Device Buffer BufferSpec Element Async Blocking Download DownloadGuard
        SetStats PhantomData B PlainData
    }
}

#[allow(unused_imports, reason = "as above")]
use self::shadows::*;

/// A crate name that is taken.
#[allow(dead_code, reason = "as above")]
mod core {}
/// Another one.
#[allow(dead_code, reason = "as above")]
mod std {}

/// All kinds of fields.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
pub struct Strict {
    /// Async.
    #[buffer(growth = 1.5, max = "4KiB", min = 16, async)]
    pub first: ::std::vec::Vec<::std::primitive::u32>,
    /// Blocking.
    pub second: ::std::vec::Vec<[::std::primitive::f32; 2]>,
    /// On the host, of a type of this module.
    #[buffer(skip)]
    pub host: Option,
    /// With the name of the parameter that the derive would add.
    #[buffer(skip)]
    pub b: B,
}

/// A constant of settings.
const SPEC: ::gpumem::BufferSpec = ::gpumem::BufferSpec::new("spec").asynchronous();

/// All keys that the other structs leave out.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
#[buffers(name = "Everything", lengths = "Counts", label = "everything", limit = "1GiB")]
#[buffers(growth = 1.25, max = "1MiB", min = "1KiB", async(slots = 3))]
pub struct Every {
    /// A constant.
    #[buffer(config = SPEC, async(snapshot), stable = false)]
    pub first: ::std::vec::Vec<::std::primitive::u32>,
    /// A preset and a name.
    #[buffer(preset = "grid_cells", name = "second", async = false)]
    pub stats: ::std::vec::Vec<Secret>,
    /// With the defaults of the struct, and at one address.
    #[buffer(stable)]
    pub third: ::std::vec::Vec<::std::primitive::u32>,
    /// On the host, with a default.
    #[buffer(skip(default))]
    pub host: Option,
}

/// A struct without async buffers, with generic fields.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
pub struct Blocked<'a, T>
where
    T: ::bytemuck::Pod + ::std::marker::Send + ::std::marker::Sync,
{
    /// With a parameter as element.
    pub values: ::std::vec::Vec<T>,
    /// On the host.
    #[buffer(skip)]
    pub name: &'a ::std::primitive::str,
}

/// A private struct. Most of its items are never used.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
struct Private {
    #[buffer(async)]
    r#type: ::std::vec::Vec<Secret>,
}

/// A type that only this module uses.
#[repr(C)]
#[derive(::std::prelude::v1::Clone, ::std::prelude::v1::Copy, ::bytemuck::Pod, ::bytemuck::Zeroable)]
pub struct Secret {
    value: ::std::primitive::u64,
}

/// A public struct with a private field of a private type.
#[::std::prelude::v1::derive(::gpumem::GpuBuffers)]
pub struct Mixed {
    #[buffer(async)]
    secrets: ::std::vec::Vec<Secret>,
}

#[::std::prelude::v1::test]
fn works() {
    use ::gpumem::GpuBuffers as _;

    let device = ::gpumem::Device::host();
    let strict = Strict { first: ::std::vec![1, 2], second: ::std::vec![[0.5; 2]], host: Option, b: B };
    let gpu = strict.upload(&device).unwrap();
    ::std::assert_eq!(gpu.start_download().unwrap().wait().unwrap().first(), [1, 2]);
    let _: (Option, B) = {
        let Strict { host, b, .. } = gpu.download().unwrap();
        (host, b)
    };
    let secret = Secret { value: 7 };
    let every =
        Every { first: ::std::vec![1], stats: ::std::vec![secret], third: ::std::vec![2], host: Option };
    let gpu = every.upload(&device).unwrap();
    ::std::assert_eq!(gpu.second().len(), 1);
    ::std::assert_eq!(gpu.lengths(), Counts { first: 1, second: 1, third: 1 });
    let Every { host: Option, .. } = gpu.download().unwrap();
    let blocked = Blocked { values: ::std::vec![1.5_f32], name: "" };
    let gpu = blocked.upload(&device).unwrap();
    ::std::assert_eq!((gpu.values().len(), gpu.download().unwrap().name), (1, ""));
    let private = Private { r#type: ::std::vec![secret] };
    let gpu = private.upload(&device).unwrap();
    ::std::assert_eq!(gpu.r#type().download().unwrap()[0].value, 7);
    let gpu = Mixed { secrets: ::std::vec![secret] }.upload(&device).unwrap();
    ::std::assert_eq!(gpu.lengths(), MixedLengths { secrets: 1 });
}
