pub mod steps {
    use super::Step;
    pub fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]], step: Step) {
        for (p, v) in positions.iter_mut().zip(velocities) {
            p[0] += v[0] * step.dt;
            p[1] += v[1] * step.dt;
        }
    }
    #[repr(C)]
    #[derive(Clone, Copy, bytemuck::NoUninit)]
    pub(crate) struct Area {
        low: [f32; 2],
        high: [f32; SIDES],
    }
    const SIDES: usize = 2;
    pub(crate) fn clear(mut colors: &mut [super::Color], area: Area) {
        colors.fill(background(area));
    }
    fn background(_: Area) -> super::Color {
        super::Color::default()
    }
    static __SOURCE: ::gpumem::__private::Source = ::gpumem::__private::Source::host(
        "steps",
        &[
            ::gpumem::__private::Entry {
                name: "advance",
                has_body: true,
                block: ::gpumem::__private::core::option::Option::None,
                origins: &[
                    ::gpumem::__private::ParamOrigin::Slice(0usize),
                    ::gpumem::__private::ParamOrigin::Slice(1usize),
                    ::gpumem::__private::ParamOrigin::Value(0usize),
                ],
            },
            ::gpumem::__private::Entry {
                name: "clear",
                has_body: true,
                block: ::gpumem::__private::core::option::Option::None,
                origins: &[
                    ::gpumem::__private::ParamOrigin::Slice(0usize),
                    ::gpumem::__private::ParamOrigin::Value(0usize),
                ],
            },
        ],
    );
    pub struct Kernels<B: ::gpumem::KernelBackend = ::gpumem::Host>(
        ::gpumem::__private::KernelSet<B>,
    );
    impl<B: ::gpumem::KernelBackend> Kernels<B> {
        #[track_caller]
        pub fn load(__device: &::gpumem::Device<B>) -> ::gpumem::Result<Self> {
            ::gpumem::__private::core::result::Result::map(
                ::gpumem::__private::KernelSet::load(__device, &__SOURCE),
                Self,
            )
        }
        #[track_caller]
        pub fn advance(
            &self,
            __launch: impl ::gpumem::IntoLaunch<B>,
            positions: impl ::gpumem::KernelSliceMut<[f32; 2], B>,
            velocities: impl ::gpumem::KernelSlice<[f32; 2], B>,
            step: Step,
        ) -> ::gpumem::Result<()> {
            self.0
                .launch(
                    0usize,
                    &__launch,
                    (positions, velocities),
                    &[::gpumem::__private::Value::of::<Step>(&step)],
                    move |(positions, velocities)| self::advance(
                        positions,
                        velocities,
                        step,
                    ),
                )
        }
        #[track_caller]
        pub(crate) fn clear(
            &self,
            __launch: impl ::gpumem::IntoLaunch<B>,
            colors: impl ::gpumem::KernelSliceMut<super::Color, B>,
            area: Area,
        ) -> ::gpumem::Result<()> {
            self.0
                .launch(
                    1usize,
                    &__launch,
                    (colors,),
                    &[::gpumem::__private::Value::of::<Area>(&area)],
                    move |(colors,)| self::clear(colors, area),
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
    pub const CUDA_HEADER: &::gpumem::__private::core::primitive::str = {
        const __PARTS: &[::gpumem::__private::HeaderPart] = &[
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    "// The kernels of `steps`, as `#[gpumem::kernels]` wrote them: `GPUMEM_HEADER=write cargo test` does it again.\n",
                    "#pragma once\n", "\n", "// A rectangle.\n", "struct Area {\n",
                    "    // The lower left corner.\n", "    float low[2];\n",
                    "    float high["
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::size_of::<
                    [::gpumem::__private::core::primitive::u8; SIDES],
                >(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    "];\n", "};\n", "static_assert(sizeof(Area) == "
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::size_of::<Area>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(" && alignof(Area) == "),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::align_of::<Area>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    ", \"Area has another layout in Rust\");\n",
                    "static_assert(__builtin_offsetof(Area, low) == "
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::offset_of!(Area, low),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    ", \"Area::low has another place in Rust\");\n",
                    "static_assert(__builtin_offsetof(Area, high) == "
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::offset_of!(Area, high),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    ", \"Area::high has another place in Rust\");\n", "\n",
                    "// `Step` stands elsewhere in Rust: declare it before this file is included.\n",
                    "static_assert(sizeof(Step) == "
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::size_of::<Step>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(" && alignof(Step) == "),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::align_of::<Step>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    ", \"Step has another layout in Rust\");\n", "\n",
                    "// Moves every node by its velocity.\n",
                    "extern \"C\" __global__ void advance(float2* positions, const float2* velocities, Step step);\n",
                    "\n",
                    "// `Color` stands elsewhere in Rust: declare it before this file is included.\n",
                    "static_assert(sizeof(Color) == "
                ),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::size_of::<super::Color>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(" && alignof(Color) == "),
            ),
            ::gpumem::__private::HeaderPart::Number(
                ::gpumem::__private::core::mem::align_of::<super::Color>(),
            ),
            ::gpumem::__private::HeaderPart::Text(
                ::gpumem::__private::core::concat!(
                    ", \"Color has another layout in Rust\");\n", "\n",
                    "// Clears the colors.\n",
                    "extern \"C\" __global__ void clear(Color* colors, Area area);\n"
                ),
            ),
        ];
        const __TEXT: ::gpumem::__private::Header<
            { ::gpumem::__private::Header::len(__PARTS) },
        > = ::gpumem::__private::Header::of(__PARTS);
        __TEXT.text()
    };
    const _: () = {
        _ = <super::Color as ::gpumem::__private::PlainData>::bytes;
    };
}
