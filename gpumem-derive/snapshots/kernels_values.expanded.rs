pub mod steps {
    //! Steps of a layout.
    //!
    //! # Kernels
    //!
    //! `Kernels` launches them. On a card they are those of `kernels.ptx` (PTX 8.3, for sm_75); on the host, the functions of this module.
    //!
    //! | kernel | parameter | in the PTX |
    //! | --- | --- | --- |
    //! | `advance` | `positions: &mut [[f32; 2]]` | a 64-bit pointer |
    //! |  | `velocities: &[[f32; 2]]` | a 64-bit pointer |
    //! |  | `step: super::Step` | 12 bytes aligned to 4 |
    //! |  | `damping: f32` | an `f32` |
    //! | `count` | `Steps: &mut [u64]` | a 64-bit integer (a pointer may be passed as one) |
    //!
    //! The PTX has kernels that are not declared here: `sum` and `scale`.
    /// Moves every node by its velocity.
    pub fn advance(
        positions: &mut [[f32; 2]],
        velocities: &[[f32; 2]],
        step: super::Step,
        damping: f32,
    ) {
        for (p, v) in positions.iter_mut().zip(velocities) {
            p[0] += v[0] * step.dt * damping;
            p[1] += v[1] * step.dt * damping;
        }
    }
    /// Counts the steps.
    #[cfg(feature = "count")]
    #[deprecated]
    #[allow(non_snake_case)]
    pub fn count(Steps: &mut [u64]) {
        Steps[0] += 1;
    }
    static __SOURCE: ::gpumem::__private::Source = unsafe {
        ::gpumem::__private::Source::ptx(
            "steps",
            ::gpumem::__private::core::include_str!("snapshots/kernels.ptx"),
            &[
                ::gpumem::__private::Entry {
                    name: "advance",
                    has_body: true,
                    block: ::gpumem::__private::core::option::Option::None,
                    origins: &[
                        ::gpumem::__private::ParamOrigin::Slice(0usize),
                        ::gpumem::__private::ParamOrigin::Slice(1usize),
                        ::gpumem::__private::ParamOrigin::Value(0usize),
                        ::gpumem::__private::ParamOrigin::Value(1usize),
                    ],
                },
                #[cfg(feature = "count")]
                ::gpumem::__private::Entry {
                    name: "count",
                    has_body: true,
                    block: ::gpumem::__private::core::option::Option::Some((
                        1u32,
                        1u32,
                        1u32,
                    )),
                    origins: &[::gpumem::__private::ParamOrigin::Slice(0usize)],
                },
            ],
        )
    };
    const _: ::gpumem::__private::core::option::Option<
        &::gpumem::__private::core::primitive::str,
    > = ::gpumem::__private::core::option_env!("GPUMEM_HEADER");
    #[allow(non_camel_case_types)]
    enum __Kernel {
        advance,
        #[cfg(feature = "count")]
        count,
    }
    /// The kernels of this module on a device: a method launches each.
    ///
    /// On a card they are those of `kernels.ptx` (PTX 8.3, for sm_75); on the host, the functions of this module.
    pub struct Kernels<B: ::gpumem::KernelBackend = ::gpumem::Host>(
        ::gpumem::__private::KernelSet<B>,
    );
    impl<B: ::gpumem::KernelBackend> Kernels<B> {
        /// Loads the kernels onto a device. They keep it open no longer than a module does.
        ///
        /// # Errors
        ///
        /// `BackendUnavailable` if the driver cannot compile the PTX, with its message;
        /// `KernelRefused` for a kernel that the device does not have.
        #[track_caller]
        pub fn load(__device: &::gpumem::Device<B>) -> ::gpumem::Result<Self> {
            ::gpumem::__private::core::result::Result::map(
                ::gpumem::__private::KernelSet::load(__device, &__SOURCE),
                Self,
            )
        }
        /// Moves every node by its velocity.
        ///
        /// Launches `fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]], step: super::Step, damping: f32)`. In the PTX its parameters are: a 64-bit pointer; a 64-bit pointer; 12 bytes aligned to 4; an `f32`. A block has at most 128 threads.
        ///
        /// A slice takes `&buffer` or a view, a mutable slice `&mut buffer`, a mutable view or `&mut bound`.
        ///
        /// Requires `positions . len () == velocities . len ()`.
        ///
        /// Requires `step . dt > 0.0`.
        ///
        /// # Errors
        ///
        /// `KernelRefused` for a size that the device or the kernel cannot have, or if the condition does not hold; `DifferentDevices` for a buffer of another device; `DeviceFailed`. Nothing is queued then.
        #[track_caller]
        pub fn advance(
            &self,
            __launch: impl ::gpumem::IntoLaunch<B>,
            positions: impl ::gpumem::KernelSliceMut<[f32; 2], B>,
            velocities: impl ::gpumem::KernelSlice<[f32; 2], B>,
            step: super::Step,
            damping: f32,
        ) -> ::gpumem::Result<()> {
            let __holds: ::gpumem::__private::core::primitive::bool = {
                let positions = ::gpumem::__private::Length::of(&positions);
                let velocities = ::gpumem::__private::Length::of(&velocities);
                positions.len() == velocities.len()
            };
            if !__holds {
                return ::gpumem::__private::core::result::Result::Err(
                    self
                        .0
                        .refused(
                            __Kernel::advance
                                as ::gpumem::__private::core::primitive::usize,
                            ::gpumem::__private::core::stringify!(
                                positions.len() == velocities.len()
                            ),
                        ),
                );
            }
            let __holds: ::gpumem::__private::core::primitive::bool = {
                let step = step;
                step.dt > 0.0
            };
            if !__holds {
                return ::gpumem::__private::core::result::Result::Err(
                    self
                        .0
                        .refused(
                            __Kernel::advance
                                as ::gpumem::__private::core::primitive::usize,
                            ::gpumem::__private::core::stringify!(step.dt > 0.0),
                        ),
                );
            }
            self.0
                .launch(
                    __Kernel::advance as ::gpumem::__private::core::primitive::usize,
                    &__launch,
                    (positions, velocities),
                    &[
                        ::gpumem::__private::Value::of::<super::Step>(&step),
                        ::gpumem::__private::Value::of::<f32>(&damping),
                    ],
                    move |(positions, velocities)| self::advance(
                        positions,
                        velocities,
                        step,
                        damping,
                    ),
                )
        }
        #[cfg(feature = "count")]
        /// Counts the steps.
        #[deprecated]
        ///
        /// Launches `fn count(Steps: &mut [u64])`. In the PTX its parameters are: a 64-bit integer (a pointer may be passed as one). A block has 1 thread.
        ///
        /// A slice takes `&buffer` or a view, a mutable slice `&mut buffer`, a mutable view or `&mut bound`.
        ///
        /// # Errors
        ///
        /// `KernelRefused` for a size that the device or the kernel cannot have; `DifferentDevices` for a buffer of another device; `DeviceFailed`. Nothing is queued then.
        #[allow(deprecated)]
        #[allow(non_snake_case)]
        #[track_caller]
        pub fn count(
            &self,
            __launch: impl ::gpumem::IntoLaunch<B>,
            Steps: impl ::gpumem::KernelSliceMut<u64, B>,
        ) -> ::gpumem::Result<()> {
            self.0
                .launch(
                    __Kernel::count as ::gpumem::__private::core::primitive::usize,
                    &__launch,
                    (Steps,),
                    &[],
                    move |(Steps,)| self::count(Steps),
                )
        }
    }
    #[automatically_derived]
    impl<B: ::gpumem::KernelBackend> ::gpumem::__private::core::fmt::Debug
    for Kernels<B> {
        fn fmt(
            &self,
            __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
        ) -> ::gpumem::__private::core::fmt::Result {
            ::gpumem::__private::core::fmt::Debug::fmt(&self.0, __f)
        }
    }
    /// The kernels as declarations of CUDA C++, for a file that `kernels.cu` includes. With `GPUMEM_HEADER` in the environment, the module compiles without its PTX, so that a test can write the file.
    #[allow(deprecated)]
    #[allow(non_snake_case)]
    pub const CUDA_HEADER: &::gpumem::__private::core::primitive::str = {
        const __PARTS: &[::gpumem::__private::HeaderPart] = &[
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    "// The kernels of `steps`, as `#[gpumem::kernels]` wrote them: `GPUMEM_HEADER=write cargo test` does it again.\n",
                    "#pragma once\n", "\n",
                    "// `Step` stands elsewhere in Rust: declare it before this file is included.\n",
                    "static_assert(sizeof(Step) == "
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::size_of::<super::Step>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(" && alignof(Step) == "),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::align_of::<super::Step>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    ", \"Step has another layout in Rust\");\n", "\n",
                    "// Moves every node by its velocity.\n",
                    "extern \"C\" __global__ void advance(\n",
                    "    float2* positions,\n", "    const float2* velocities,\n",
                    "    Step step,\n", "    float damping);\n"
                ),
            ),
            #[cfg(feature = "count")]
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    "\n", "// Counts the steps.\n",
                    "extern \"C\" __global__ void count(unsigned long long* Steps);\n"
                ),
            ),
        ];
        const __TEXT: ::gpumem::__private::Header<
            { ::gpumem::__private::Header::len(__PARTS) },
        > = ::gpumem::__private::Header::of(__PARTS);
        __TEXT.text()
    };
    const _: () = {
        _ = ::gpumem::__private::Value::of::<super::Step>;
        __assert(
            ::gpumem::__private::core::mem::size_of::<super::Step>() == 12,
            *b"parameter 3 in the PTX, `advance_param_2` in line 8, is 12 bytes aligned to 4, and the size of `super::Step` is                     ",
            ::gpumem::__private::core::mem::size_of::<super::Step>(),
        );
        __assert(
            ::gpumem::__private::core::mem::align_of::<super::Step>() <= 4,
            *b"parameter 3 in the PTX, `advance_param_2` in line 8, is 12 bytes aligned to 4, and the alignment of `super::Step` is                     ",
            ::gpumem::__private::core::mem::align_of::<super::Step>(),
        );
    };
    /// Fails with a text, and a number in place of the blanks at its end.
    #[track_caller]
    const fn __assert<const N: ::gpumem::__private::core::primitive::usize>(
        holds: ::gpumem::__private::core::primitive::bool,
        mut text: [::gpumem::__private::core::primitive::u8; N],
        number: ::gpumem::__private::core::primitive::usize,
    ) {
        if holds {
            return;
        }
        let (mut at, mut unit) = (N - 20usize, 1);
        while number / unit > 9 {
            unit *= 10;
        }
        while unit > 0 {
            text[at] = b'0'
                + (number / unit % 10) as ::gpumem::__private::core::primitive::u8;
            at += 1;
            unit /= 10;
        }
        match ::gpumem::__private::core::str::from_utf8(&text) {
            ::gpumem::__private::core::result::Result::Ok(text) => {
                ::gpumem::__private::core::panic!("{}", text)
            }
            ::gpumem::__private::core::result::Result::Err(_) => {
                ::gpumem::__private::core::unreachable!()
            }
        }
    }
}
