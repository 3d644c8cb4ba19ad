struct Gpu<B: crate::gpu::Backend = crate::gpu::Host> {
    __set: crate::gpu::__private::Set<B>,
    inherits: crate::gpu::Buffer<f32, B, crate::gpu::Async>,
    links: crate::gpu::Buffer<[u32; 2], B>,
    field: crate::gpu::Buffer<[f32; 4], B, crate::gpu::Async>,
    overrides: crate::gpu::Buffer<Cell, B>,
}
impl<B: crate::gpu::Backend> Gpu<B> {
    #[track_caller]
    fn new(device: &crate::gpu::Device<B>) -> crate::gpu::Result<Self> {
        Self::with_capacity(
            device,
            crate::gpu::__private::core::default::Default::default(),
        )
    }
    #[track_caller]
    fn with_capacity(
        device: &crate::gpu::Device<B>,
        capacity: Counts,
    ) -> crate::gpu::Result<Self> {
        use crate::gpu::__private::PlainData as __PlainData;
        let specs = <Simulation as crate::gpu::GpuBuffers>::BUFFERS;
        let set = crate::gpu::__private::Set::limited(
            device,
            "a simulation",
            4294967296,
        );
        crate::gpu::__private::core::result::Result::Ok(Self {
            inherits: <f32 as __PlainData>::make(&set, specs[0], capacity.inherits)?,
            links: <[u32; 2] as __PlainData>::make(&set, specs[1], capacity.links)?,
            field: <[f32; 4] as __PlainData>::make(&set, specs[2], capacity.field)?,
            overrides: <Cell as __PlainData>::make(&set, specs[3], capacity.overrides)?,
            __set: set,
        })
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
    fn lens(&self) -> Counts {
        Counts {
            inherits: self.inherits.len(),
            links: self.links.len(),
            field: self.field.len(),
            overrides: self.overrides.len(),
        }
    }
    fn capacities(&self) -> Counts {
        Counts {
            inherits: self.inherits.capacity(),
            links: self.links.capacity(),
            field: self.field.capacity(),
            overrides: self.overrides.capacity(),
        }
    }
    fn reserve(&mut self, additional: Counts) -> crate::gpu::Result<()> {
        self.__set
            .reserve(
                &mut [
                    self.inherits.__raw_mut(),
                    self.links.__raw_mut(),
                    self.field.__raw_mut(),
                    self.overrides.__raw_mut(),
                ],
                &[
                    additional.inherits,
                    additional.links,
                    additional.field,
                    additional.overrides,
                ],
            )
    }
    fn resize(&mut self, lens: Counts) -> crate::gpu::Result<()> {
        self.__set
            .resize(
                &mut [
                    self.inherits.__raw_mut(),
                    self.links.__raw_mut(),
                    self.field.__raw_mut(),
                    self.overrides.__raw_mut(),
                ],
                &[lens.inherits, lens.links, lens.field, lens.overrides],
            )
    }
    fn clear(&mut self) {
        self.inherits.clear();
        self.links.clear();
        self.field.clear();
        self.overrides.clear();
    }
    fn shrink_to_fit(&mut self) -> crate::gpu::Result<()> {
        self.inherits.shrink_to_fit()?;
        self.links.shrink_to_fit()?;
        self.field.shrink_to_fit()?;
        self.overrides.shrink_to_fit()?;
        crate::gpu::__private::core::result::Result::Ok(())
    }
    fn upload_from(&mut self, data: &Simulation) -> crate::gpu::Result<()> {
        use crate::gpu::__private::PlainData as __PlainData;
        self.__set
            .refill(
                &mut [
                    self.inherits.__raw_mut(),
                    self.links.__raw_mut(),
                    self.field.__raw_mut(),
                    self.overrides.__raw_mut(),
                ],
                &[
                    <f32 as __PlainData>::bytes(&data.inherits),
                    <[u32; 2] as __PlainData>::bytes(&data.pairs),
                    <[f32; 4] as __PlainData>::bytes(&data.field),
                    <Cell as __PlainData>::bytes(&data.overrides),
                ],
            )
    }
    fn download(&self) -> crate::gpu::Result<Simulation> {
        use crate::gpu::__private::PlainData as __PlainData;
        crate::gpu::__private::core::result::Result::Ok(Simulation {
            inherits: <f32 as __PlainData>::fetch(&self.inherits)?,
            pairs: <[u32; 2] as __PlainData>::fetch(&self.links)?,
            field: <[f32; 4] as __PlainData>::fetch(&self.field)?,
            overrides: <Cell as __PlainData>::fetch(&self.overrides)?,
            settings: <Settings as crate::gpu::__private::core::default::Default>::default(),
        })
    }
    fn download_into(&self, data: &mut Simulation) -> crate::gpu::Result<()> {
        use crate::gpu::__private::PlainData as __PlainData;
        <f32 as __PlainData>::fetch_to(&self.inherits, &mut data.inherits)?;
        <[u32; 2] as __PlainData>::fetch_to(&self.links, &mut data.pairs)?;
        <[f32; 4] as __PlainData>::fetch_to(&self.field, &mut data.field)?;
        <Cell as __PlainData>::fetch_to(&self.overrides, &mut data.overrides)?;
        crate::gpu::__private::core::result::Result::Ok(())
    }
    fn start_download(&self) -> crate::gpu::Result<SimulationDownload<B>> {
        use crate::gpu::__private::PlainData as __PlainData;
        crate::gpu::__private::core::result::Result::Ok(SimulationDownload {
            inherits: <f32 as __PlainData>::start_fetch(&self.inherits)?,
            field: <[f32; 4] as __PlainData>::start_fetch(&self.field)?,
        })
    }
    fn stats(&self) -> crate::gpu::SetStats {
        self.__set
            .stats(
                &[
                    self.inherits.__raw(),
                    self.links.__raw(),
                    self.field.__raw(),
                    self.overrides.__raw(),
                ],
            )
    }
    #[inline]
    fn device(&self) -> &crate::gpu::Device<B> {
        self.__set.device()
    }
    fn check_leaks(&self) -> crate::gpu::Result<()> {
        self.__set
            .check_leaks(
                &[
                    self.inherits.__raw(),
                    self.links.__raw(),
                    self.field.__raw(),
                    self.overrides.__raw(),
                ],
            )
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
        f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        self.__set
            .debug(
                f,
                "Gpu",
                &[
                    self.inherits.__raw(),
                    self.links.__raw(),
                    self.field.__raw(),
                    self.overrides.__raw(),
                ],
            )
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
        f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        f.debug_struct("GpuMut")
            .field("inherits", &self.inherits)
            .field("links", &self.links)
            .field("field", &self.field)
            .field("overrides", &self.overrides)
            .finish()
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
struct SimulationDownload<B: crate::gpu::Backend = crate::gpu::Host> {
    inherits: crate::gpu::Download<f32, B>,
    field: crate::gpu::Download<[f32; 4], B>,
}
impl<B: crate::gpu::Backend> SimulationDownload<B> {
    fn is_ready(
        &self,
    ) -> crate::gpu::Result<crate::gpu::__private::core::primitive::bool> {
        crate::gpu::__private::core::result::Result::Ok(
            self.inherits.is_ready()? && self.field.is_ready()?,
        )
    }
    fn wait(self) -> crate::gpu::Result<SimulationFrame<B>> {
        crate::gpu::__private::core::result::Result::Ok(SimulationFrame {
            inherits: self.inherits.wait()?,
            field: self.field.wait()?,
        })
    }
}
#[automatically_derived]
impl<B: crate::gpu::Backend> crate::gpu::__private::core::fmt::Debug
for SimulationDownload<B> {
    fn fmt(
        &self,
        f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        f.debug_struct("SimulationDownload")
            .field("inherits", &self.inherits)
            .field("field", &self.field)
            .finish()
    }
}
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
impl<B: crate::gpu::Backend> crate::gpu::__private::core::fmt::Debug
for SimulationFrame<B> {
    fn fmt(
        &self,
        f: &mut crate::gpu::__private::core::fmt::Formatter<'_>,
    ) -> crate::gpu::__private::core::fmt::Result {
        f.debug_struct("SimulationFrame")
            .field("inherits", &self.inherits().len())
            .field("field", &self.field().len())
            .finish()
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
            .slots(3),
        crate::gpu::BufferSpec::new("links")
            .element::<[u32; 2]>()
            .growth(2.0)
            .max(2147483648)
            .min(4096),
        crate::gpu::BufferSpec::named(LARGE, "field")
            .element::<[f32; 4]>()
            .max(2147483648)
            .snapshot(),
        crate::gpu::BufferSpec::new("overrides")
            .element::<Cell>()
            .growth(1.25)
            .max(16777216),
    ];
    #[track_caller]
    fn upload<B: crate::gpu::Backend>(
        &self,
        device: &crate::gpu::Device<B>,
    ) -> crate::gpu::Result<Self::Manager<B>> {
        use crate::gpu::__private::PlainData as __PlainData;
        let set = crate::gpu::__private::Set::limited(
            device,
            "a simulation",
            4294967296,
        );
        crate::gpu::__private::core::result::Result::Ok(Gpu {
            inherits: <f32 as __PlainData>::make_from(
                &set,
                Self::BUFFERS[0],
                &self.inherits,
            )?,
            links: <[u32; 2] as __PlainData>::make_from(
                &set,
                Self::BUFFERS[1],
                &self.pairs,
            )?,
            field: <[f32; 4] as __PlainData>::make_from(
                &set,
                Self::BUFFERS[2],
                &self.field,
            )?,
            overrides: <Cell as __PlainData>::make_from(
                &set,
                Self::BUFFERS[3],
                &self.overrides,
            )?,
            __set: set,
        })
    }
}
const _: () = crate::gpu::__private::core::assert!(
    crate ::gpu::__private::core::mem::size_of:: < Cell > () as crate
    ::gpu::__private::core::primitive::u64 <= 16777216,
    "`max` of `overrides` is 16 MiB, less than one element, a `Cell`"
);
const _: () = crate::gpu::__private::core::assert!(
    crate ::gpu::BufferSpec::named(LARGE, "field").is_async(),
    "`LARGE` is for blocking downloads: remove `async` beside `config = LARGE`, or add `.asynchronous()` to the constant"
);
const _: () = {
    trait AnyThread: crate::gpu::__private::core::marker::Send + crate::gpu::__private::core::marker::Sync {}
    impl<B: crate::gpu::Backend> AnyThread for Gpu<B> {}
};
