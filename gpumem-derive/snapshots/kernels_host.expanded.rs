pub mod steps {
    use super::Step;
    pub fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]], step: Step) {
        for (p, v) in positions.iter_mut().zip(velocities) {
            p[0] += v[0] * step.dt;
            p[1] += v[1] * step.dt;
        }
    }
    pub(crate) fn clear(mut colors: &mut [super::Color]) {
        colors.fill(background());
    }
    fn background() -> super::Color {
        super::Color::default()
    }
    static __SOURCE: ::gpumem::__private::Source = ::gpumem::__private::Source::host(
        "steps",
        &[
            ::gpumem::__private::Entry {
                name: "advance",
                has_body: true,
                block: ::gpumem::__private::core::option::Option::None,
                slots: &[
                    ::gpumem::__private::Slot::Slice(0usize),
                    ::gpumem::__private::Slot::Slice(1usize),
                    ::gpumem::__private::Slot::Value(0usize),
                ],
            },
            ::gpumem::__private::Entry {
                name: "clear",
                has_body: true,
                block: ::gpumem::__private::core::option::Option::None,
                slots: &[::gpumem::__private::Slot::Slice(0usize)],
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
        ) -> ::gpumem::Result<()> {
            self.0
                .launch(
                    1usize,
                    &__launch,
                    (colors,),
                    &[],
                    move |(colors,)| self::clear(colors),
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
    const _: () = {
        _ = <super::Color as ::gpumem::__private::PlainData>::bytes;
    };
}
