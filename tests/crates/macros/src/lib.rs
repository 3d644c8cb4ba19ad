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

/// Uses what is generated.
///
/// # Errors
///
/// None that are expected.
pub fn run() -> gpumem::Result<usize> {
    use gpumem::GpuBuffers as _;

    let device = gpumem::Device::host();
    let made = Made { edges: vec![[0, 1]], ..Made::default() };
    let gpu = made.upload(&device)?;
    let whole = Whole { buffer: vec![[0.0, 1.0]], of: vec![1_u8] };
    let lengths = whole.upload(&device)?.lengths();
    Ok(gpu.lengths().edges + lengths.buffer + lengths.of)
}
