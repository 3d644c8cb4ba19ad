//! The types of fields: every type that the compiler accepts as an element, and any type on the host.

#![allow(unreachable_pub, dead_code, private_bounds, reason = "a test has no outside")]

use gpumem::{BufferSpec, Device, GpuBuffers};
use std::num::NonZeroU32;

/// Types of the user with names of the standard library.
mod own {
    /// See above.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Option<T>(T);
    /// See above.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Cell<T>(T);
    /// See above.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct String {
        id: u32,
    }
    // SAFETY: transparent around a type of which any bits are a value.
    unsafe impl<T: bytemuck::Zeroable> bytemuck::Zeroable for Option<T> {}
    // SAFETY: as above.
    unsafe impl<T: bytemuck::Pod> bytemuck::Pod for Option<T> {}
    // SAFETY: as above.
    unsafe impl<T: bytemuck::Zeroable> bytemuck::Zeroable for Cell<T> {}
    // SAFETY: as above.
    unsafe impl<T: bytemuck::Pod> bytemuck::Pod for Cell<T> {}
}

mod names_of_the_standard_library {
    use super::own::{Cell, Option, String};

    /// Elements of these types, and one of the standard library that is plain data.
    #[derive(gpumem::GpuBuffers, Default)]
    pub struct Named {
        /// See above.
        pub strings: Vec<String>,
        /// See above.
        #[buffer(async)]
        pub options: Vec<Option<u16>>,
        /// See above.
        pub cells: Vec<Cell<u8>>,
        /// See above.
        pub parents: Vec<std::option::Option<std::num::NonZeroU32>>,
    }
}

#[test]
fn the_trait_decides_what_an_element_is() {
    let named = names_of_the_standard_library::Named {
        parents: vec![None, NonZeroU32::new(7)],
        strings: vec![own::String::default()],
        ..Default::default()
    };
    let gpu = named.upload(&Device::host()).unwrap();
    assert_eq!(gpu.parents().download().unwrap(), [None, NonZeroU32::new(7)]);
    assert_eq!((gpu.strings().len(), gpu.options().len(), gpu.cells().len()), (1, 0, 0));
}

type Callback = Box<dyn Fn(&str)>;

/// The same type several times, under three names.
#[derive(GpuBuffers)]
pub struct Callbacks {
    /// A buffer.
    pub values: Vec<u32>,
    /// On the host.
    #[buffer(skip)]
    pub first: Box<dyn Fn(&str)>,
    /// On the host.
    #[buffer(skip)]
    pub second: Box<dyn Fn(&str)>,
    /// On the host.
    #[buffer(skip)]
    pub third: std::boxed::Box<dyn Fn(&str)>,
    /// On the host.
    #[buffer(skip)]
    pub fourth: Callback,
}

/// A tail without a size, whose type is a parameter.
#[derive(GpuBuffers)]
pub struct Tail<T: ?Sized> {
    /// A buffer.
    #[buffer(async)]
    pub values: Vec<u32>,
    /// On the host.
    #[buffer(skip)]
    pub tail: T,
}

/// A tail without a size, of a fixed type.
#[derive(GpuBuffers)]
pub struct Bytes {
    /// A buffer.
    pub values: Vec<u32>,
    /// On the host.
    #[buffer(skip)]
    pub tail: [u8],
}

#[test]
fn any_type_stays_on_the_host() {
    let device = Device::host();
    let none = || Box::new(|_: &str| {});
    let mut set = Callbacks { values: vec![1], first: none(), second: none(), third: none(), fourth: none() };
    let gpu = set.upload(&device).unwrap();
    set.values.clear();
    gpu.download_into(&mut set).unwrap();
    assert_eq!(set.values, [1]);

    let sized = Tail { values: vec![1, 2], tail: [3_u8, 4] };
    let gpu = sized.upload(&device).unwrap();
    assert_eq!(gpu.download().unwrap().tail, [0, 0]);
    let unsized_tail: &Tail<[u8]> = &sized;
    let gpu = unsized_tail.upload(&device).unwrap();
    assert_eq!(gpu.values().download().unwrap(), [1, 2]);
    let mut back = Tail { values: Vec::new(), tail: [3_u8, 4] };
    let back_unsized: &mut Tail<[u8]> = &mut back;
    gpu.download_into(back_unsized).unwrap();
    assert_eq!((back.values, back.tail), (vec![1, 2], [3, 4]));
    assert_eq!(BytesBuffers::new(&device).unwrap().lengths(), BytesLengths { values: 0 });
}

/// Borrows whose lifetimes are related by the fields of the struct alone.
#[derive(GpuBuffers)]
pub struct Borrowing<'a, 'b, T> {
    /// A buffer.
    #[buffer(async)]
    pub values: Vec<u32>,
    /// On the host.
    #[buffer(skip)]
    pub chain: &'a &'b u8,
    /// On the host.
    #[buffer(skip)]
    pub of: Option<&'b T>,
}

#[test]
fn what_the_struct_implies_is_implied_in_the_manager() {
    let mut gpu: BorrowingBuffers<'_, '_, String> = BorrowingBuffers::new(&Device::host()).unwrap();
    let text = "text".to_owned();
    gpu.upload_from(&Borrowing { values: vec![1], chain: &&5, of: Some(&text) }).unwrap();
    assert_eq!(gpu.start_download().unwrap().wait().unwrap().values(), [1]);
}

/// A shape, with its points and corners.
pub trait Shape {
    /// A point.
    type Point;
    /// The number of corners.
    const CORNERS: usize;
}

/// `Self` in elements, in fields on the host, in bounds and in the where clause.
#[derive(GpuBuffers)]
pub struct Triangle<T: PartialEq<Self>>
where
    Self: Shape<Point = [f32; 2]>,
{
    /// A buffer.
    pub points: Vec<<Self as Shape>::Point>,
    /// Another.
    #[buffer(async)]
    pub others: Vec<[f32; 2]>,
    /// On the host.
    #[buffer(skip)]
    pub next: Option<Box<Self>>,
    /// On the host.
    #[buffer(skip)]
    pub tag: Option<T>,
}

impl<T: PartialEq<Self>> Shape for Triangle<T>
where
    Triangle<T>: Sized,
{
    type Point = [f32; 2];
    const CORNERS: usize = 3;
}

/// Equal to nothing.
pub struct Tag;

impl PartialEq<Triangle<Tag>> for Tag {
    fn eq(&self, _: &Triangle<Tag>) -> bool {
        false
    }
}

/// `Self` in an element of a struct without parameters, and an associated constant of `Self`.
#[derive(GpuBuffers, Default)]
pub struct Square {
    /// A buffer.
    pub corners: Vec<[u32; Self::COUNT]>,
    /// Another.
    pub points: Vec<<Self as Shape>::Point>,
    /// On the host.
    #[buffer(skip)]
    pub next: Option<Box<Self>>,
}

impl Square {
    const COUNT: usize = <Self as Shape>::CORNERS;
}

impl Shape for Square {
    type Point = [i16; 2];
    const CORNERS: usize = 4;
}

#[test]
fn self_is_the_struct() {
    let device = Device::host();
    let triangle: Triangle<Tag> =
        Triangle { points: vec![[0.0, 1.0]], others: Vec::new(), next: None, tag: Some(Tag) };
    let gpu: TriangleBuffers<Tag> = triangle.upload(&device).unwrap();
    assert!(gpu.download().unwrap().next.is_none());
    let square = Square { corners: vec![[1, 2, 3, 4]], ..Square::default() };
    let gpu = square.upload(&device).unwrap();
    assert_eq!(gpu.download().unwrap().corners, [[1, 2, 3, 4]]);
    assert!(gpu.points().is_empty());
}

/// Settings that depend on a constant parameter.
pub struct Of<const N: usize>;

impl<const N: usize> Of<N> {
    /// See above.
    pub const SPEC: BufferSpec = BufferSpec::new("of").max(N as u64);
    /// See above.
    pub const ASYNC: BufferSpec = Self::SPEC.asynchronous();
}

const N: usize = 3;

/// An element whose length is its parameter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Row<const N: usize>([u32; N]);

// SAFETY: an array of plain numbers.
unsafe impl<const N: usize> bytemuck::Zeroable for Row<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> bytemuck::Pod for Row<N> {}

/// Types and paths with braces, which are part of messages.
#[derive(GpuBuffers)]
#[allow(unused_braces, reason = "the output repeats them")]
pub struct Braces {
    /// An element.
    #[buffer(max = "1KiB")]
    pub rows: Vec<Row<{ N }>>,
    /// An array of them.
    #[buffer(max = "1KiB")]
    pub many: Vec<[Row<3>; { N }]>,
    /// A constant.
    #[buffer(config = Of::<{ 64 }>::SPEC)]
    pub with: Vec<u8>,
    /// An async one.
    #[buffer(config = Of::<{ 64 }>::ASYNC, async)]
    pub asynchronous: Vec<u8>,
}

#[test]
fn braces_may_stand_in_types_and_paths() {
    let [rows, many, with, _] = Braces::BUFFERS else { panic!("four buffers") };
    assert_eq!((rows.element_size(), many.element_size(), with.max_bytes()), (12, 36, Some(64)));
}

macro_rules! handed_on {
    ($name:ident, $meta:meta, $growth:literal, $max:expr, $config:path, $on:literal, $ty:ty, $of_struct:meta) => {
        /// Attributes from the arguments of a macro.
        #[derive(GpuBuffers)]
        #[buffers($of_struct)]
        pub struct $name {
            /// A whole key.
            #[buffer($meta)]
            pub first: Vec<u32>,
            /// A key between others.
            #[buffer(growth = $growth, $meta, async)]
            pub second: Vec<u32>,
            /// A value.
            #[buffer(max = $max)]
            pub third: Vec<$ty>,
            /// A path.
            #[buffer(config = $config, async = $on)]
            pub fourth: Vec<$ty>,
        }
    };
}

handed_on!(Handed, max = "2KiB", 1.25, 4096, Of::<64>::SPEC, false, [u8; 2], label = "handed on");

#[test]
fn macros_may_hand_on_keys_and_values() {
    let [first, second, third, fourth] = Handed::BUFFERS else { panic!("four buffers") };
    assert_eq!((first.max_bytes(), second.max_bytes()), (Some(2048), Some(2048)));
    assert_eq!((second.growth_factor(), second.is_async()), (1.25, true));
    assert_eq!((third.max_bytes(), fourth.max_bytes(), fourth.is_async()), (Some(4096), Some(64), false));
    assert_eq!(HandedBuffers::new(&Device::host()).unwrap().stats().label, "handed on");
}
