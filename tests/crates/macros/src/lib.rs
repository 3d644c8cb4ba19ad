//! Structs that macros write: names, types, visibilities, documentation and attributes come from other places than the struct.
#![deny(warnings, missing_docs, clippy::pedantic, clippy::nursery)]

/// A struct of everything that can be handed in.
macro_rules! set {
    (
        $(#[$outer:meta])*
        $vis:vis struct $name:ident {
            $($(#[$inner:meta])* $field_vis:vis $field:ident: [$ty:ty] $(, growth = $growth:literal)? ;)*
        }
    ) => {
        $(#[$outer])*
        #[derive(Default, gpumem::GpuBuffers)]
        $vis struct $name {
            $(
                $(#[$inner])*
                $(#[buffer(growth = $growth)])?
                $field_vis $field: Vec<$ty>,
            )*
            /// From the macro's own side, beside one of the same name from outside.
            #[buffer(skip)]
            pub own: String,
        }
    };
}

set! {
    /// Made by a macro.
    pub struct Made {
        /// Positions.
        #[buffer(async, max = "1MiB")]
        pub positions: [[f32; 2]], growth = 1.3;
        /// Edges.
        pub edges: [[u32; 2]];
        /// A path.
        pub weights: [::core::primitive::f32];
    }
}

/// A whole field type by `ty`, a limit by `expr` of a literal, a whole struct by `item`.
macro_rules! whole {
    ($name:ident, $ty:ty, $max:literal) => {
        whole! { @item
            /// Of a type that was handed in.
            #[derive(gpumem::GpuBuffers)]
            pub struct $name<T: Copy> {
                /// The buffer.
                #[buffer(max = $max)]
                pub buffer: $ty,
                /// A parameter.
                pub of: Vec<T>,
            }
        }
    };
    (@item $item:item) => {
        $item
    };
}

whole!(Whole, Vec<[f32; 2]>, "4KiB");

/// A module of kernels: whole items, names, types and conditions come from outside.
macro_rules! kernels {
    (
        $(#[$outer:meta])*
        $vis:vis mod $module:ident { $($item:item)* }
        $(#[$inner:meta])*
        $fn_vis:vis fn $name:ident($slice:ident: $ty:ty, $value:ident: $of:ty) where $condition:expr, $body:block
    ) => {
        $(#[$outer])*
        #[gpumem::kernels(
            unsafe(ptx = "../../../src/kernels.ptx"),
            slices = "pointer, length"
        )]
        $vis mod $module {
            $($item)*

            /// From the macro's own side, with a parameter that is called as one from outside.
            #[requires(nanoseconds > 0)]
            pub fn occupy(nanoseconds: u64) {
                std::thread::sleep(std::time::Duration::from_nanos(nanoseconds));
            }
        }

        $(#[$inner])*
        #[gpumem::kernels]
        $vis mod of_the_host {
            $(#[$inner])*
            #[requires($condition && $slice.len() > 1)]
            $fn_vis fn $name($slice: $ty, $value: $of) $body
        }
    };
}

kernels! {
    /// Made by a macro.
    pub mod made {
        /// A kernel as a whole item.
        pub fn add_one(elements: &mut [u32]) {
            for element in elements {
                *element += 1;
            }
        }
    }
    /// Scales.
    pub fn scale(elements: &mut [f32], factor: f32) where factor > 0.0, {
        for element in elements {
            *element *= factor;
        }
    }
}

/// Uses the generated items.
///
/// # Errors
///
/// None that are expected.
pub fn run() -> gpumem::Result<usize> {
    use gpumem::GpuBuffers as _;

    let device = gpumem::Device::host();
    let made = Made { edges: vec![[0, 1]], ..Made::default() };
    let mut elements = gpumem::Buffer::from_slice(&device, "elements", &[1_u32])?;
    made::Kernels::load(&device)?.add_one(gpumem::Launch::over(1), &mut elements)?;
    let gpu = made.upload(&device)?;
    let whole = Whole { buffer: vec![[0.0, 1.0]], of: vec![1_u8] };
    let lengths = whole.upload(&device)?.lengths();
    Ok(gpu.lengths().edges + lengths.buffer + lengths.of)
}
