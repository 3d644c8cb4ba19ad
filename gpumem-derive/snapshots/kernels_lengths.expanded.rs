mod sums {
    pub(super) fn scale(terms: &mut [super::Term]) {
        terms.iter_mut().for_each(super::Term::double);
    }
    static __SOURCE: engine::gpumem::__private::Source = unsafe {
        engine::gpumem::__private::Source::ptx(
            "sums",
            engine::gpumem::__private::core::include_str!("snapshots/kernels.ptx"),
            &[
                engine::gpumem::__private::Entry {
                    name: "sum",
                    has_body: false,
                    block: engine::gpumem::__private::core::option::Option::None,
                    origins: &[
                        engine::gpumem::__private::ParamOrigin::Slice(0usize),
                        engine::gpumem::__private::ParamOrigin::Length32(0usize),
                        engine::gpumem::__private::ParamOrigin::Slice(1usize),
                        engine::gpumem::__private::ParamOrigin::Length64(1usize),
                        engine::gpumem::__private::ParamOrigin::Value(0usize),
                    ],
                },
                engine::gpumem::__private::Entry {
                    name: "scale",
                    has_body: true,
                    block: engine::gpumem::__private::core::option::Option::None,
                    origins: &[
                        engine::gpumem::__private::ParamOrigin::Slice(0usize),
                        engine::gpumem::__private::ParamOrigin::Length32(0usize),
                    ],
                },
            ],
        )
    };
    const _: engine::gpumem::__private::core::option::Option<
        &engine::gpumem::__private::core::primitive::str,
    > = engine::gpumem::__private::core::option_env!("GPUMEM_HEADER");
    pub(super) struct Kernels<B: engine::gpumem::KernelBackend = engine::gpumem::Host>(
        engine::gpumem::__private::KernelSet<B>,
    );
    impl<B: engine::gpumem::KernelBackend> Kernels<B> {
        #[track_caller]
        pub(super) fn load(
            __device: &engine::gpumem::Device<B>,
        ) -> engine::gpumem::Result<Self> {
            engine::gpumem::__private::core::result::Result::map(
                engine::gpumem::__private::KernelSet::load(__device, &__SOURCE),
                Self,
            )
        }
        #[track_caller]
        pub(super) fn sum(
            &self,
            __launch: impl engine::gpumem::IntoLaunch<B>,
            total: impl engine::gpumem::KernelSliceMut<f32, B>,
            terms: impl engine::gpumem::KernelSlice<super::Term, B>,
            scale: f32,
        ) -> engine::gpumem::Result<()> {
            self.0
                .launch(
                    0usize,
                    &__launch,
                    (total, terms),
                    &[engine::gpumem::__private::Value::of::<f32>(&scale)],
                    |_| engine::gpumem::__private::core::unreachable!(),
                )
        }
        #[track_caller]
        pub(super) fn scale(
            &self,
            __launch: impl engine::gpumem::IntoLaunch<B>,
            terms: impl engine::gpumem::KernelSliceMut<super::Term, B>,
        ) -> engine::gpumem::Result<()> {
            self.0
                .launch(
                    1usize,
                    &__launch,
                    (terms,),
                    &[],
                    move |(terms,)| self::scale(terms),
                )
        }
    }
    #[automatically_derived]
    impl<B: engine::gpumem::KernelBackend> engine::gpumem::__private::core::fmt::Debug
    for Kernels<B> {
        fn fmt(
            &self,
            __f: &mut engine::gpumem::__private::core::fmt::Formatter<'_>,
        ) -> engine::gpumem::__private::core::fmt::Result {
            engine::gpumem::__private::core::fmt::Debug::fmt(&self.0, __f)
        }
    }
    pub(super) const CUDA_HEADER: &engine::gpumem::__private::core::primitive::str = {
        const __PARTS: &[engine::gpumem::__private::HeaderPart] = &[
            engine::gpumem::__private::HeaderPart::Text(
                engine::gpumem::__private::core::concat!(
                    "// The kernels of `sums`, as `#[gpumem::kernels]` wrote them: `GPUMEM_HEADER=write cargo test` does it again.\n",
                    "#pragma once\n", "\n", "// The length of a slice.\n",
                    "#ifndef GPUMEM_LENGTH\n", "#define GPUMEM_LENGTH unsigned int\n",
                    "#endif\n", "\n",
                    "// `Term` stands elsewhere in Rust: declare it before this file is included.\n",
                    "static_assert(sizeof(Term) == "
                ),
            ),
            engine::gpumem::__private::HeaderPart::Number(
                engine::gpumem::__private::core::mem::size_of::<super::Term>(),
            ),
            engine::gpumem::__private::HeaderPart::Text(
                engine::gpumem::__private::core::concat!(" && alignof(Term) == "),
            ),
            engine::gpumem::__private::HeaderPart::Number(
                engine::gpumem::__private::core::mem::align_of::<super::Term>(),
            ),
            engine::gpumem::__private::HeaderPart::Text(
                engine::gpumem::__private::core::concat!(
                    ", \"Term has another layout in Rust\");\n", "\n",
                    "extern \"C\" __global__ void sum(\n", "    float* total,\n",
                    "    GPUMEM_LENGTH total_len,\n", "    const Term* terms,\n",
                    "    GPUMEM_LENGTH terms_len,\n", "    float scale);\n", "\n",
                    "extern \"C\" __global__ void scale(Term* terms, GPUMEM_LENGTH terms_len);\n"
                ),
            ),
        ];
        const __TEXT: engine::gpumem::__private::Header<
            { engine::gpumem::__private::Header::len(__PARTS) },
        > = engine::gpumem::__private::Header::of(__PARTS);
        __TEXT.text()
    };
    const _: () = {
        _ = <super::Term as engine::gpumem::__private::PlainData>::bytes;
        __assert(
            engine::gpumem::__private::core::mem::size_of::<super::Term>() % 16 == 0,
            *b"parameter 3 in the PTX, `sum_param_2` in line 27, is a 64-bit pointer to global memory, aligned to 16. A view may begin at any element, so the size of an element is a multiple of 16, and that of `super::Term` is                     ",
            engine::gpumem::__private::core::mem::size_of::<super::Term>(),
        );
    };
    const _: () = {
        _ = <super::Term as engine::gpumem::__private::PlainData>::bytes;
    };
    #[track_caller]
    const fn __assert<const N: engine::gpumem::__private::core::primitive::usize>(
        holds: engine::gpumem::__private::core::primitive::bool,
        mut text: [engine::gpumem::__private::core::primitive::u8; N],
        number: engine::gpumem::__private::core::primitive::usize,
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
                + (number / unit % 10) as engine::gpumem::__private::core::primitive::u8;
            at += 1;
            unit /= 10;
        }
        match engine::gpumem::__private::core::str::from_utf8(&text) {
            engine::gpumem::__private::core::result::Result::Ok(text) => {
                engine::gpumem::__private::core::panic!("{}", text)
            }
            engine::gpumem::__private::core::result::Result::Err(_) => {
                engine::gpumem::__private::core::unreachable!()
            }
        }
    }
}
