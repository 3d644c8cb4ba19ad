//! What stands beside kernels in their module stays as it is: every kind of item, with all that could be
//! taken for the end of one. The kernel between two items is found.

#![allow(unreachable_pub, dead_code, reason = "a test has no outside")]
#![allow(clippy::mixed_attributes_style, reason = "the module has attributes of both kinds")]

use gpumem::{Buffer, Device, Launch};

/// Makes items, for the kernels below.
macro_rules! double {
    ($name:ident) => {
        pub(super) const fn $name(x: u32) -> u32 {
            2 * x
        }
    };
}

use double;

/// Of all kinds.
#[gpumem::kernels]
#[allow(clippy::needless_pass_by_value, reason = "an attribute behind the macro stays too")]
mod items {
    #![allow(unused_braces, reason = "an inner attribute: the braces are not the ends of items")]
    //! Documentation inside.

    use std::fmt::{self, Debug};
    use std::num::Wrapping as Wrapped;

    const ZERO: u32 = { 0 };
    const LIST: [u32; { 2 }] = { [1, 2] };
    pub const PAIR: Pair = Pair { left: 1, right: 2 };
    const FUNCTION: fn(u32) -> u32 = {
        fn inner(x: u32) -> u32 {
            x
        }
        inner
    };
    static NAMES: &[&str] = &["fn", "pub fn x() {}"];
    pub(crate) static mut COUNTER: u32 = { 7 };

    pub fn first(out: &mut [u32]) {
        out[0] = ZERO + LIST[1] + PAIR.left + FUNCTION(3);
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Pair {
        pub left: u32,
        pub right: u32,
    }
    #[derive(Debug)]
    struct Tuple<const N: usize = { 3 }>(pub [u32; N], ());
    struct Unit;
    pub struct Braces;
    union Bits {
        float: f32,
        bits: u32,
    }
    enum Either<L, R = u8> {
        Left(L),
        Right { right: R },
    }
    type Row = [u32; { 1 + 1 }];
    pub type Rows = [Row; 2];

    pub fn second(out: &mut [u32]) {
        let tuple: Tuple = Tuple([4; 3], ());
        let rows: Rows = [[tuple.0[0]; 2]; 2];
        let either: Either<u32> =
            if out.is_empty() { Either::Right { right: 0 } } else { Either::Left(rows[1][1]) };
        match either {
            Either::Left(left) => out[0] = left,
            Either::Right { right } => out[0] = right.into(),
        }
    }

    trait Scaled<const BY: u32 = { 2 }> {
        const NAME: &'static str;
        type Of;
        fn scaled(&self) -> u32;
        fn named(&self) -> &'static str {
            Self::NAME
        }
    }

    impl Scaled<{ 1 + 2 }> for Pair {
        const NAME: &'static str = "pair";
        type Of = u32;
        fn scaled(&self) -> u32 {
            self.left * 3
        }
    }
    impl Pair {
        pub fn sum(&self) -> u32 {
            self.left + self.right
        }
        pub const fn new() -> Self {
            Self { left: 5, right: 6 }
        }
    }
    // SAFETY: it has no contents.
    unsafe impl Send for Braces {}
    impl fmt::Debug for Unit {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Unit")
        }
    }

    pub fn third(out: &mut [u32]) {
        out[0] = Pair::new().sum() + Pair::new().scaled() + u32::from(format!("{Unit:?}") == "Unit");
    }

    macro_rules! triple {
        ($x:expr) => {
            3 * $x
        };
        (pub fn $name:ident) => {
            pub fn $name() {}
        };
    }
    macro_rules! paren( ($x:expr) => ( $x + 1 ); );
    double!(doubled);
    std::thread_local! {
        static LOCAL: u32 = const { 1 };
    }
    super::double! { doubled_too }
    double![tripled];

    pub fn fourth(out: &mut [u32]) {
        out[0] = triple!(doubled(1)) + paren!(doubled_too(2)) + tripled(0) + LOCAL.with(|local| *local);
    }

    mod nested {
        pub fn no_kernel(x: u32) -> u32 {
            x + super::helper::<2, _>(1_u8)
        }
        pub(super) mod deeper {
            pub const fn neither() {}
        }
    }
    pub mod shown {
        pub use super::nested::no_kernel;
    }

    extern crate std as standard;
    unsafe extern "C" {
        safe fn abs(x: i32) -> i32;
    }
    extern "C" fn called_by_c(x: i32) -> i32 {
        abs(x)
    }
    const fn constant() -> u32 {
        1
    }
    const unsafe fn daring() -> u32 {
        1
    }
    async fn later() {}
    unsafe fn dangerous() {}
    const extern "C" fn both() {}
    /// # Safety
    ///
    /// None: there is nothing to keep.
    pub unsafe trait Promise {
        fn keep(&self) {}
    }
    // SAFETY: there is nothing to keep.
    unsafe impl Promise for Unit {}
    pub const CONSTANT: fn() = nested::deeper::neither;

    /// A helper, with parameters and a clause.
    fn helper<const N: u32, T>(x: T) -> u32
    where
        T: Into<u32> + Copy,
        [T; { 2 }]: Sized,
        Wrapped<u32>: Debug,
    {
        N * x.into() + u32::try_from(called_by_c(-1)).unwrap()
    }

    /// The last one.
    #[inline]
    #[track_caller]
    #[allow(clippy::unused_unit, reason = "the result of a kernel may be written")]
    pub fn fifth(out: &mut [u32], of: Pair_) -> ()
    where
        u32: Copy,
    {
        nested::deeper::neither();
        // SAFETY: every float is a number.
        let bits = unsafe { Bits { float: 0.0 }.bits };
        out[0] = shown::no_kernel(0) + of.0 + bits + constant();
    }

    #[repr(transparent)]
    #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Pair_(pub u32);
}

#[test]
fn every_item_of_the_module_survives() {
    let device = Device::host();
    let kernels = items::Kernels::load(&device).unwrap();
    let mut out = Buffer::<u32>::zeroed(&device, "out", 1).unwrap();
    let mut run = |launch: &dyn Fn(&mut Buffer<u32>) -> gpumem::Result<()>| {
        launch(&mut out).unwrap();
        out.download().unwrap()[0]
    };
    let one = Launch::over(1);
    assert_eq!(run(&|out| kernels.first(one, out)), 6);
    assert_eq!(run(&|out| kernels.second(one, out)), 4);
    assert_eq!(run(&|out| kernels.third(one, out)), 11 + 15 + 1);
    assert_eq!(run(&|out| kernels.fourth(one, out)), 6 + 5 + 1);
    assert_eq!(run(&|out| kernels.fifth(one, out, items::Pair_(10))), 3 + 10 + 1);
    assert_eq!(
        format!("{kernels:?}"),
        "items { kernels: [\"first\", \"second\", \"third\", \"fourth\", \"fifth\"], .. }"
    );
    assert_eq!((items::PAIR, items::Pair::new().sum()), (items::Pair { left: 1, right: 2 }, 11));
}

/// Writes modules of kernels: whole items, parts of signatures, and a body from outside.
macro_rules! written {
    ($(#[$outer:meta])* $vis:vis mod $module:ident {
        $($item:item)*
    }
    $fn_vis:vis fn $name:ident($slice:ident: $ty:ty, $value:ident: $of:ty) where $condition:expr; $body:block) => {
        $(#[$outer])*
        #[gpumem::kernels]
        $vis mod $module {
            $($item)*

            /// From outside.
            #[requires($condition)]
            $fn_vis fn $name($slice: $ty, mut $value: $of) {
                $value *= 2;
                $body
            }

            /// Of the macro's own.
            #[requires(n > 0 && !elements.is_empty())]
            $fn_vis fn own(elements: &mut [u32], n: u32) {
                elements[0] += n + constant();
            }
        }
    };
}

written! {
    /// Written by a macro.
    pub(crate) mod by_a_macro {
        const fn constant() -> u32 { 100 }
        /// A kernel as a whole item.
        pub fn whole(elements: &mut [u32]) { elements.fill(constant()); }
        pub struct Beside { pub field: u32 }
    }
    pub(crate) fn scale(elements: &mut [u32], factor: u32) where elements.len() == 2 && factor != 0; {
        elements.iter_mut().for_each(|element| *element *= factor);
    }
}

#[test]
fn modules_may_be_written_by_macros() {
    let device = Device::host();
    let kernels = by_a_macro::Kernels::load(&device).unwrap();
    let mut elements = Buffer::<u32>::zeroed(&device, "elements", 2).unwrap();
    kernels.whole(Launch::over(2), &mut elements).unwrap();
    kernels.scale(Launch::over(2), &mut elements, 3).unwrap();
    kernels.own(Launch::over(2), &mut elements, 1).unwrap();
    assert_eq!(elements.download().unwrap(), [701, 600]);
    assert!(kernels.scale(Launch::over(2), &mut elements, 0).is_err());
    assert!(kernels.own(Launch::over(2), &mut elements, 0).is_err());
    assert_eq!(by_a_macro::Beside { field: 1 }.field, 1);
}
