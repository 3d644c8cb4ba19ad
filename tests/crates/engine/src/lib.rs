//! A crate that hands `gpumem` on to its own users.
#![deny(warnings)]

pub use gpumem;

/// A module deeper down.
pub mod gpu {
    pub use gpumem as memory;
}

/// A module of kernels for this crate's users. The PTX lies beside this file, wherever the module is written.
#[macro_export]
macro_rules! engine_kernels {
    ($vis:vis mod $name:ident) => {
        #[$crate::gpumem::kernels(unsafe(ptx = "engine.ptx"), crate = $crate::gpumem)]
        $vis mod $name {
            /// Turns.
            #[requires(!wheels.is_empty())]
            pub fn turn(wheels: &mut [f32], by: f32) {
                for wheel in wheels {
                    *wheel += by;
                }
            }
        }
    };
}
