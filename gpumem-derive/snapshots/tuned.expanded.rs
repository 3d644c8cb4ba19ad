struct Gpu<B: crate::gpu::Backend = crate::gpu::Host> {
    __set: crate::gpu::__private::Set<B>,
    inherits: crate::gpu::Buffer<f32, B, crate::gpu::Async>,
    links: crate::gpu::Buffer<[u32; 2], B>,
    field: crate::gpu::Buffer<[f32; 4], B, crate::gpu::Async>,
    overrides: crate::gpu::Buffer<Cell, B>,
}
impl<B: crate::gpu::Backend> Gpu<B> {
    #[track_caller]
    fn new(__device: &crate::gpu::Device<B>) -> crate::gpu::Result<Self> {
        Self::with_capacity(
            __device,
            crate::gpu::__private::core::default::Default::default(),
        )
    }
    #[track_caller]
    fn with_capacity(
        __device: &crate::gpu::Device<B>,
        __capacity: Counts,
    ) -> crate::gpu::Result<Self> {
        let __set = crate::gpu::__private::Set::limited(
            __device,
            &"a simulation",
            4294967296,
        );
        let __made = __set
            .make(
                <Simulation as crate::gpu::GpuBuffers>::BUFFERS,
                [
                    __capacity.inherits,
                    __capacity.links,
                    __capacity.field,
                    __capacity.overrides,
                ],
            )?;
        crate::gpu::__private::core::result::Result::Ok(Self::__from_raw(__set, __made))
    }
    fn would_fit(
        __device: &crate::gpu::Device<B>,
        __capacity: Counts,
    ) -> crate::gpu::Result<()> {
        let __set = crate::gpu::__private::Set::limited(
            __device,
            &"a simulation",
            4294967296,
        );
        __set
            .would_fit(
                <Simulation as crate::gpu::GpuBuffers>::BUFFERS,
                [
                    __capacity.inherits,
                    __capacity.links,
                    __capacity.field,
                    __capacity.overrides,
                ],
            )
    }
    fn __from_raw(
        __set: crate::gpu::__private::Set<B>,
        [__0,
        __1,
        __2,
        __3,
        ]: [crate::gpu::__private::RawOwned<B>; 4],
    ) -> Self {
        use crate::gpu::__private::PlainData as __PlainData;
        Self {
            inherits: <f32 as __PlainData>::typed(__0),
            links: <[u32; 2] as __PlainData>::typed(__1),
            field: <[f32; 4] as __PlainData>::typed(__2),
            overrides: <Cell as __PlainData>::typed(__3),
            __set,
        }
    }
    fn __raw(&self) -> [&crate::gpu::__private::RawBuffer<B>; 4] {
        [
            self.inherits.__raw(),
            self.links.__raw(),
            self.field.__raw(),
            self.overrides.__raw(),
        ]
    }
    fn __raw_mut(
        &mut self,
    ) -> (&crate::gpu::__private::Set<B>, [crate::gpu::__private::RawMut<'_, B>; 4]) {
        (
            &self.__set,
            [
                self.inherits.__raw_mut(),
                self.links.__raw_mut(),
                self.field.__raw_mut(),
                self.overrides.__raw_mut(),
            ],
        )
    }
    #[inline]
    fn inherits(&self) -> &crate::gpu::Buffer<f32, B, crate::gpu::Async> {
        &self.inherits
    }
    #[inline]
    fn inherits_mut(&mut self) -> &mut crate::gpu::Buffer<f32, B, crate::gpu::Async> {
        &mut self.inherits
    }
    #[inline]
    fn links(&self) -> &crate::gpu::Buffer<[u32; 2], B> {
        &self.links
    }
    #[inline]
    fn links_mut(&mut self) -> &mut crate::gpu::Buffer<[u32; 2], B> {
        &mut self.links
    }
    #[inline]
    fn field(&self) -> &crate::gpu::Buffer<[f32; 4], B, crate::gpu::Async> {
        &self.field
    }
    #[inline]
    fn field_mut(&mut self) -> &mut crate::gpu::Buffer<[f32; 4], B, crate::gpu::Async> {
        &mut self.field
    }
    #[inline]
    fn overrides(&self) -> &crate::gpu::Buffer<Cell, B> {
        &self.overrides
    }
    #[inline]
    fn overrides_mut(&mut self) -> &mut crate::gpu::Buffer<Cell, B> {
        &mut self.overrides
    }
    #[inline]
    fn split_mut(&mut self) -> GpuMut<'_, B> {
        GpuMut {
            inherits: &mut self.inherits,
            links: &mut self.links,
            field: &mut self.field,
            overrides: &mut self.overrides,
        }
    }
    fn lengths(&self) -> Counts {
        let [__0, __1, __2, __3] = self.__set.lengths(self.__raw());
        Counts {
            inherits: __0,
            links: __1,
            field: __2,
            overrides: __3,
        }
    }
    fn capacities(&self) -> Counts {
        let [__0, __1, __2, __3] = self.__set.capacities(self.__raw());
        Counts {
            inherits: __0,
            links: __1,
            field: __2,
            overrides: __3,
        }
    }
    fn reserve(&mut self, __additional: Counts) -> crate::gpu::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .reserve(
                &mut __buffers,
                &[
                    __additional.inherits,
                    __additional.links,
                    __additional.field,
                    __additional.overrides,
                ],
            )
    }
    fn reserve_to(&mut self, __capacities: Counts) -> crate::gpu::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .reserve_to(
                &mut __buffers,
                &[
                    __capacities.inherits,
                    __capacities.links,
                    __capacities.field,
                    __capacities.overrides,
                ],
            )
    }
    fn resize(&mut self, __lens: Counts) -> crate::gpu::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .resize(
                &mut __buffers,
                &[__lens.inherits, __lens.links, __lens.field, __lens.overrides],
            )
    }
    fn truncate(&mut self, __lengths: Counts) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .truncate(
                &mut __buffers,
                &[
                    __lengths.inherits,
                    __lengths.links,
                    __lengths.field,
                    __lengths.overrides,
                ],
            );
    }
    fn swap_remove(
        &mut self,
        __index: crate::gpu::__private::core::primitive::usize,
    ) -> crate::gpu::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.swap_remove(&mut __buffers, __index)
    }
    fn clear(&mut self) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.clear(&mut __buffers);
    }
    fn shrink_to_fit(&mut self) -> crate::gpu::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.shrink_to_fit(&mut __buffers)
    }
    fn upload_from(&mut self, __data: &Simulation) -> crate::gpu::Result<()> {
        use crate::gpu::__private::PlainData as __PlainData;
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .refill(
                &mut __buffers,
                &[
                    <f32 as __PlainData>::bytes(&__data.inherits),
                    <[u32; 2] as __PlainData>::bytes(&__data.pairs),
                    <[f32; 4] as __PlainData>::bytes(&__data.field),
                    <Cell as __PlainData>::bytes(&__data.overrides),
                ],
            )
    }
    fn extend_from(&mut self, __data: &Simulation) -> crate::gpu::Result<()> {
        use crate::gpu::__private::PlainData as __PlainData;
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .extend(
                &mut __buffers,
                &[
                    <f32 as __PlainData>::bytes(&__data.inherits),
                    <[u32; 2] as __PlainData>::bytes(&__data.pairs),
                    <[f32; 4] as __PlainData>::bytes(&__data.field),
                    <Cell as __PlainData>::bytes(&__data.overrides),
                ],
            )
    }
    fn copy_from(&mut self, __source: &Self) -> crate::gpu::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.copy_from(&mut __buffers, &__source.__raw())
    }
    fn download(&self) -> crate::gpu::Result<Simulation> {
        let mut __data = Simulation {
            inherits: crate::gpu::__private::Vec::new(),
            pairs: crate::gpu::__private::Vec::new(),
            field: crate::gpu::__private::Vec::new(),
            overrides: crate::gpu::__private::Vec::new(),
            settings: <Settings as crate::gpu::__private::core::default::Default>::default(),
        };
        self.download_into(&mut __data)?;
        crate::gpu::__private::core::result::Result::Ok(__data)
    }
    fn download_into(&self, __data: &mut Simulation) -> crate::gpu::Result<()> {
        use crate::gpu::__private::PlainData as __PlainData;
        self.__set
            .fetch(
                &self.__raw(),
                &mut [
                    <f32 as __PlainData>::target(&mut __data.inherits),
                    <[u32; 2] as __PlainData>::target(&mut __data.pairs),
                    <[f32; 4] as __PlainData>::target(&mut __data.field),
                    <Cell as __PlainData>::target(&mut __data.overrides),
                ],
            )
    }
    #[track_caller]
    fn start_download(&self) -> crate::gpu::Result<SimulationDownload<B>> {
        self.__set.start_downloads(&[self.inherits.__raw(), self.field.__raw()])
    }
    #[track_caller]
    fn start_download_when_free(
        &self,
    ) -> crate::gpu::WhenFree<'_, SimulationFrame<B>, B> {
        self.__set
            .start_downloads_when_free(&[self.inherits.__raw(), self.field.__raw()])
    }
    fn frame_queue(&self) -> crate::gpu::FrameQueue<SimulationFrame<B>, B> {
        self.__set.frame_queue(&[self.inherits.__raw(), self.field.__raw()])
    }
    fn stats(&self) -> crate::gpu::SetStats {
        self.__set.stats(&self.__raw())
    }
    fn reset_peak(&self) {
        self.__set.reset_peak(&self.__raw());
    }
    #[inline]
    fn device(&self) -> &crate::gpu::Device<B> {
        self.__set.device()
    }
    fn check_leaks(&self) -> crate::gpu::Result<()> {
        self.__set.check_leaks(&self.__raw())
    }
    fn close(self) -> crate::gpu::Result<()> {
        self.__set
            .close(
                crate::gpu::__private::core::convert::Into::into([
                    self.inherits.__into_raw(),
                    self.links.__into_raw(),
                    self.field.__into_raw(),
                    self.overrides.__into_raw(),
                ]),
            )
    }
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::__private::core::fmt::Debug for Gpu<B> {
    fn fmt(
        &self,
        __f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        self.__set.debug(__f, "Gpu", &self.__raw())
    }
}
struct GpuMut<'a, B: crate::gpu::Backend = crate::gpu::Host> {
    inherits: &'a mut crate::gpu::Buffer<f32, B, crate::gpu::Async>,
    links: &'a mut crate::gpu::Buffer<[u32; 2], B>,
    field: &'a mut crate::gpu::Buffer<[f32; 4], B, crate::gpu::Async>,
    overrides: &'a mut crate::gpu::Buffer<Cell, B>,
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::__private::core::fmt::Debug for GpuMut<'_, B> {
    fn fmt(
        &self,
        __f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        crate::gpu::__private::debug(
            __f,
            "GpuMut",
            &[
                ("inherits", &self.inherits),
                ("links", &self.links),
                ("field", &self.field),
                ("overrides", &self.overrides),
            ],
        )
    }
}
#[derive(
    crate::gpu::__private::core::clone::Clone,
    crate::gpu::__private::core::marker::Copy,
    crate::gpu::__private::core::fmt::Debug,
    crate::gpu::__private::core::default::Default,
    crate::gpu::__private::core::cmp::PartialEq,
    crate::gpu::__private::core::cmp::Eq,
    crate::gpu::__private::core::hash::Hash,
)]
struct Counts {
    inherits: crate::gpu::__private::core::primitive::usize,
    links: crate::gpu::__private::core::primitive::usize,
    field: crate::gpu::__private::core::primitive::usize,
    overrides: crate::gpu::__private::core::primitive::usize,
}
impl Counts {
    #[inline]
    const fn all(__number: crate::gpu::__private::core::primitive::usize) -> Self {
        Self {
            inherits: __number,
            links: __number,
            field: __number,
            overrides: __number,
        }
    }
}
type SimulationDownload<B = crate::gpu::Host> = crate::gpu::Ticket<
    SimulationFrame<B>,
    B,
>;
struct SimulationFrame<B: crate::gpu::Backend = crate::gpu::Host> {
    inherits: crate::gpu::DownloadGuard<f32, B>,
    field: crate::gpu::DownloadGuard<[f32; 4], B>,
}
impl<B: crate::gpu::Backend> SimulationFrame<B> {
    #[inline]
    fn inherits(&self) -> &[f32] {
        &self.inherits
    }
    #[inline]
    fn field(&self) -> &[[f32; 4]] {
        &self.field
    }
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::Frame<B> for SimulationFrame<B> {
    fn __arrive(
        __parts: &mut crate::gpu::__private::Arrived<'_, B>,
    ) -> crate::gpu::Result<Self> {
        use crate::gpu::__private::PlainData as __PlainData;
        crate::gpu::__private::core::result::Result::Ok(Self {
            inherits: <f32 as __PlainData>::arrive(__parts)?,
            field: <[f32; 4] as __PlainData>::arrive(__parts)?,
        })
    }
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::__private::core::fmt::Debug
for SimulationFrame<B> {
    fn fmt(
        &self,
        __f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        crate::gpu::__private::debug(
            __f,
            "SimulationFrame",
            &[("inherits", &self.inherits().len()), ("field", &self.field().len())],
        )
    }
}
#[automatically_derived]
impl crate::gpu::GpuBuffers for Simulation {
    type Manager<B: crate::gpu::Backend> = Gpu<B>;
    const BUFFERS: &'static [crate::gpu::BufferSpec] = &[
        crate::gpu::BufferSpec::new("inherits")
            .element::<f32>()
            .growth(2.0)
            .max(1073741824)
            .min(4096)
            .asynchronous()
            .slots(3)
            .stable(),
        crate::gpu::BufferSpec::new("links")
            .element::<[u32; 2]>()
            .growth(2.0)
            .max(2147483648)
            .min(4096)
            .stable(),
        crate::gpu::BufferSpec::__named(LARGE, "field")
            .element::<[f32; 4]>()
            .max(2147483648)
            .snapshot()
            .__movable(),
        crate::gpu::BufferSpec::new("overrides")
            .element::<Cell>()
            .growth(1.25)
            .max(16777216),
    ];
    #[track_caller]
    fn upload<B: crate::gpu::Backend>(
        &self,
        __device: &crate::gpu::Device<B>,
    ) -> crate::gpu::Result<Self::Manager<B>> {
        use crate::gpu::__private::PlainData as __PlainData;
        let __set = crate::gpu::__private::Set::limited(
            __device,
            &"a simulation",
            4294967296,
        );
        let __made = __set
            .make_from(
                Self::BUFFERS,
                [
                    <f32 as __PlainData>::bytes(&self.inherits),
                    <[u32; 2] as __PlainData>::bytes(&self.pairs),
                    <[f32; 4] as __PlainData>::bytes(&self.field),
                    <Cell as __PlainData>::bytes(&self.overrides),
                ],
            )?;
        crate::gpu::__private::core::result::Result::Ok(Gpu::__from_raw(__set, __made))
    }
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::AnySet for Gpu<B> {
    fn label(&self) -> &crate::gpu::__private::core::primitive::str {
        self.__set.label()
    }
    fn stats(&self) -> crate::gpu::SetStats {
        Self::stats(self)
    }
    fn lengths_by_name(
        &self,
    ) -> crate::gpu::__private::Vec<
        (
            &crate::gpu::__private::core::primitive::str,
            crate::gpu::__private::core::primitive::usize,
        ),
    > {
        self.__set.lengths_by_name(&self.__raw())
    }
    fn check_leaks(&self) -> crate::gpu::Result<()> {
        Self::check_leaks(self)
    }
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::BufferSet<B> for Gpu<B> {
    type Source = Simulation;
    type Lengths = Counts;
    fn would_fit(
        __device: &crate::gpu::Device<B>,
        __capacity: Counts,
    ) -> crate::gpu::Result<()> {
        Self::would_fit(__device, __capacity)
    }
    fn device(&self) -> &crate::gpu::Device<B> {
        Self::device(self)
    }
    fn lengths(&self) -> Counts {
        Self::lengths(self)
    }
    fn upload_from(&mut self, __data: &Simulation) -> crate::gpu::Result<()> {
        Self::upload_from(self, __data)
    }
    fn download_into(&self, __data: &mut Simulation) -> crate::gpu::Result<()> {
        Self::download_into(self, __data)
    }
    fn close(self) -> crate::gpu::Result<()> {
        Self::close(self)
    }
}
const _: () = crate::gpu::__private::core::assert!(
    crate ::gpu::__private::core::mem::size_of:: < Cell > () != 0, "{}",
    "an element must have a size: a `Cell` has none, so `overrides` would hold no bytes"
);
const _: () = crate::gpu::__private::core::assert!(
    crate ::gpu::__private::core::mem::size_of:: < Cell > () as crate
    ::gpu::__private::core::primitive::u64 <= 16777216, "{}",
    "`max` of `overrides` is 16 MiB, less than one element, a `Cell`"
);
const _: () = crate::gpu::__private::core::assert!(
    crate ::gpu::BufferSpec::__named(LARGE, "field").__is_async(), "{}",
    "`LARGE` is for blocking downloads: remove `async` beside `config = LARGE`, or add `.asynchronous()` to the constant"
);
