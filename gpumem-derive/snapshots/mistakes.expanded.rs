pub struct GraphBuffers<B: ::gpumem::Backend = ::gpumem::Host> {
    __set: ::gpumem::__private::Set<B>,
    positions: ::gpumem::Buffer<[f32; 2], B, ::gpumem::Async>,
    edges: ::gpumem::Buffer<[u32; 2usize], B>,
    weights: ::gpumem::Buffer<f32, B>,
}
impl<B: ::gpumem::Backend> GraphBuffers<B> {
    #[track_caller]
    pub fn new(__device: &::gpumem::Device<B>) -> ::gpumem::Result<Self> {
        Self::with_capacity(
            __device,
            ::gpumem::__private::core::default::Default::default(),
        )
    }
    #[track_caller]
    pub fn with_capacity(
        __device: &::gpumem::Device<B>,
        __capacity: GraphLengths,
    ) -> ::gpumem::Result<Self> {
        let __set = ::gpumem::__private::Set::new(__device, &"Graph");
        let __made = __set
            .make(
                <Graph as ::gpumem::GpuBuffers>::BUFFERS,
                [__capacity.positions, __capacity.edges, __capacity.weights],
            )?;
        ::gpumem::__private::core::result::Result::Ok(Self::__from_raw(__set, __made))
    }
    pub fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: GraphLengths,
    ) -> ::gpumem::Result<()> {
        let __set = ::gpumem::__private::Set::new(__device, &"Graph");
        __set
            .would_fit(
                <Graph as ::gpumem::GpuBuffers>::BUFFERS,
                [__capacity.positions, __capacity.edges, __capacity.weights],
            )
    }
    fn __from_raw(
        __set: ::gpumem::__private::Set<B>,
        [__0,
        __1,
        __2,
        ]: [::gpumem::__private::RawOwned<B>; 3],
    ) -> Self {
        use ::gpumem::__private::PlainData as __PlainData;
        Self {
            positions: <[f32; 2] as __PlainData>::typed(__0),
            edges: <[u32; 2usize] as __PlainData>::typed(__1),
            weights: <f32 as __PlainData>::typed(__2),
            __set,
        }
    }
    fn __raw(&self) -> [&::gpumem::__private::RawBuffer<B>; 3] {
        [self.positions.__raw(), self.edges.__raw(), self.weights.__raw()]
    }
    fn __raw_mut(
        &mut self,
    ) -> (&::gpumem::__private::Set<B>, [::gpumem::__private::RawMut<'_, B>; 3]) {
        (
            &self.__set,
            [
                self.positions.__raw_mut(),
                self.edges.__raw_mut(),
                self.weights.__raw_mut(),
            ],
        )
    }
    #[inline]
    pub fn positions(&self) -> &::gpumem::Buffer<[f32; 2], B, ::gpumem::Async> {
        &self.positions
    }
    #[inline]
    pub fn positions_mut(
        &mut self,
    ) -> &mut ::gpumem::Buffer<[f32; 2], B, ::gpumem::Async> {
        &mut self.positions
    }
    #[inline]
    pub fn edges(&self) -> &::gpumem::Buffer<[u32; 2usize], B> {
        &self.edges
    }
    #[inline]
    pub fn edges_mut(&mut self) -> &mut ::gpumem::Buffer<[u32; 2usize], B> {
        &mut self.edges
    }
    #[inline]
    pub fn weights(&self) -> &::gpumem::Buffer<f32, B> {
        &self.weights
    }
    #[inline]
    pub fn weights_mut(&mut self) -> &mut ::gpumem::Buffer<f32, B> {
        &mut self.weights
    }
    #[inline]
    pub fn split_mut(&mut self) -> GraphBuffersMut<'_, B> {
        GraphBuffersMut {
            positions: &mut self.positions,
            edges: &mut self.edges,
            weights: &mut self.weights,
        }
    }
    pub fn lengths(&self) -> GraphLengths {
        let [__0, __1, __2] = self.__set.lengths(self.__raw());
        GraphLengths {
            positions: __0,
            edges: __1,
            weights: __2,
        }
    }
    pub fn capacities(&self) -> GraphLengths {
        let [__0, __1, __2] = self.__set.capacities(self.__raw());
        GraphLengths {
            positions: __0,
            edges: __1,
            weights: __2,
        }
    }
    pub fn reserve(&mut self, __additional: GraphLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .reserve(
                &mut __buffers,
                &[__additional.positions, __additional.edges, __additional.weights],
            )
    }
    pub fn reserve_to(&mut self, __capacities: GraphLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .reserve_to(
                &mut __buffers,
                &[__capacities.positions, __capacities.edges, __capacities.weights],
            )
    }
    pub fn resize(&mut self, __lens: GraphLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.resize(&mut __buffers, &[__lens.positions, __lens.edges, __lens.weights])
    }
    pub fn truncate(&mut self, __lengths: GraphLengths) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .truncate(
                &mut __buffers,
                &[__lengths.positions, __lengths.edges, __lengths.weights],
            );
    }
    pub fn swap_remove(
        &mut self,
        __index: ::gpumem::__private::core::primitive::usize,
    ) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.swap_remove(&mut __buffers, __index)
    }
    pub fn clear(&mut self) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.clear(&mut __buffers);
    }
    pub fn shrink_to_fit(&mut self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.shrink_to_fit(&mut __buffers)
    }
    pub fn upload_from(&mut self, __data: &Graph) -> ::gpumem::Result<()> {
        ::gpumem::__private::core::unreachable!()
    }
    pub fn extend_from(&mut self, __data: &Graph) -> ::gpumem::Result<()> {
        ::gpumem::__private::core::unreachable!()
    }
    pub fn copy_from(&mut self, __source: &Self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.copy_from(&mut __buffers, &__source.__raw())
    }
    pub fn download(&self) -> ::gpumem::Result<Graph> {
        ::gpumem::__private::core::unreachable!()
    }
    pub fn download_into(&self, __data: &mut Graph) -> ::gpumem::Result<()> {
        ::gpumem::__private::core::unreachable!()
    }
    #[track_caller]
    pub fn start_download(&self) -> ::gpumem::Result<GraphDownload<B>> {
        self.__set.start_downloads(&[self.positions.__raw()])
    }
    #[track_caller]
    pub fn start_download_when_free(&self) -> ::gpumem::WhenFree<'_, GraphFrame<B>, B> {
        self.__set.start_downloads_when_free(&[self.positions.__raw()])
    }
    pub fn frame_queue(&self) -> ::gpumem::FrameQueue<GraphFrame<B>, B> {
        self.__set.frame_queue(&[self.positions.__raw()])
    }
    pub fn stats(&self) -> ::gpumem::SetStats {
        self.__set.stats(&self.__raw())
    }
    pub fn reset_peak(&self) {
        self.__set.reset_peak(&self.__raw());
    }
    #[inline]
    pub fn device(&self) -> &::gpumem::Device<B> {
        self.__set.device()
    }
    pub fn check_leaks(&self) -> ::gpumem::Result<()> {
        self.__set.check_leaks(&self.__raw())
    }
    pub fn close(self) -> ::gpumem::Result<()> {
        self.__set
            .close(
                ::gpumem::__private::core::convert::Into::into([
                    self.positions.__into_raw(),
                    self.edges.__into_raw(),
                    self.weights.__into_raw(),
                ]),
            )
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug for GraphBuffers<B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        self.__set.debug(__f, "GraphBuffers", &self.__raw())
    }
}
pub struct GraphBuffersMut<'a, B: ::gpumem::Backend = ::gpumem::Host> {
    pub positions: &'a mut ::gpumem::Buffer<[f32; 2], B, ::gpumem::Async>,
    pub edges: &'a mut ::gpumem::Buffer<[u32; 2usize], B>,
    pub weights: &'a mut ::gpumem::Buffer<f32, B>,
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug
for GraphBuffersMut<'_, B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(
            __f,
            "GraphBuffersMut",
            &[
                ("positions", &self.positions),
                ("edges", &self.edges),
                ("weights", &self.weights),
            ],
        )
    }
}
#[derive(
    ::gpumem::__private::core::clone::Clone,
    ::gpumem::__private::core::marker::Copy,
    ::gpumem::__private::core::fmt::Debug,
    ::gpumem::__private::core::default::Default,
    ::gpumem::__private::core::cmp::PartialEq,
    ::gpumem::__private::core::cmp::Eq,
    ::gpumem::__private::core::hash::Hash,
)]
pub struct GraphLengths {
    pub positions: ::gpumem::__private::core::primitive::usize,
    pub edges: ::gpumem::__private::core::primitive::usize,
    pub weights: ::gpumem::__private::core::primitive::usize,
}
impl GraphLengths {
    #[inline]
    pub const fn all(__number: ::gpumem::__private::core::primitive::usize) -> Self {
        Self {
            positions: __number,
            edges: __number,
            weights: __number,
        }
    }
}
pub type GraphDownload<B = ::gpumem::Host> = ::gpumem::Ticket<GraphFrame<B>, B>;
pub struct GraphFrame<B: ::gpumem::Backend = ::gpumem::Host> {
    pub positions: ::gpumem::DownloadGuard<[f32; 2], B>,
}
impl<B: ::gpumem::Backend> GraphFrame<B> {
    #[inline]
    pub fn positions(&self) -> &[[f32; 2]] {
        &self.positions
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::Frame<B> for GraphFrame<B> {
    fn __arrive(
        __parts: &mut ::gpumem::__private::Arrived<'_, B>,
    ) -> ::gpumem::Result<Self> {
        use ::gpumem::__private::PlainData as __PlainData;
        ::gpumem::__private::core::result::Result::Ok(Self {
            positions: <[f32; 2] as __PlainData>::arrive(__parts)?,
        })
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug for GraphFrame<B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(
            __f,
            "GraphFrame",
            &[("positions", &self.positions().len())],
        )
    }
}
#[automatically_derived]
impl ::gpumem::GpuBuffers for Graph {
    type Manager<B: ::gpumem::Backend> = GraphBuffers<B>;
    const BUFFERS: &'static [::gpumem::BufferSpec] = &[
        ::gpumem::BufferSpec::new("positions").element::<[f32; 2]>().asynchronous(),
        ::gpumem::BufferSpec::new("edges").element::<[u32; 2usize]>(),
        ::gpumem::BufferSpec::new("weights").element::<f32>(),
    ];
    #[track_caller]
    fn upload<B: ::gpumem::Backend>(
        &self,
        __device: &::gpumem::Device<B>,
    ) -> ::gpumem::Result<Self::Manager<B>> {
        ::gpumem::__private::core::unreachable!()
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::AnySet for GraphBuffers<B> {
    fn label(&self) -> &::gpumem::__private::core::primitive::str {
        self.__set.label()
    }
    fn stats(&self) -> ::gpumem::SetStats {
        Self::stats(self)
    }
    fn lengths_by_name(
        &self,
    ) -> ::gpumem::__private::Vec<
        (
            &::gpumem::__private::core::primitive::str,
            ::gpumem::__private::core::primitive::usize,
        ),
    > {
        self.__set.lengths_by_name(&self.__raw())
    }
    fn check_leaks(&self) -> ::gpumem::Result<()> {
        Self::check_leaks(self)
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::BufferSet<B> for GraphBuffers<B> {
    type Source = Graph;
    type Lengths = GraphLengths;
    fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: GraphLengths,
    ) -> ::gpumem::Result<()> {
        Self::would_fit(__device, __capacity)
    }
    fn device(&self) -> &::gpumem::Device<B> {
        Self::device(self)
    }
    fn lengths(&self) -> GraphLengths {
        Self::lengths(self)
    }
    fn upload_from(&mut self, __data: &Graph) -> ::gpumem::Result<()> {
        Self::upload_from(self, __data)
    }
    fn download_into(&self, __data: &mut Graph) -> ::gpumem::Result<()> {
        Self::download_into(self, __data)
    }
    fn close(self) -> ::gpumem::Result<()> {
        Self::close(self)
    }
}
::core::compile_error! {
    "unknown key `grwoth`: did you mean `growth`?"
}
::core::compile_error! {
    "`growth` needs a value: write `growth = 1.5`"
}
::core::compile_error! {
    "the layout of a tuple is not fixed: write `[u32; 2]`"
}
#[allow(unexpected_cfgs)]
const _: () = {
    #[cfg(rust_analyzer)]
    {
        mod keys {
            pub fn growth() {}
            pub fn max() {}
            pub fn min() {}
            pub fn r#async() {}
            pub fn stable() {}
            pub fn preset() {}
            pub fn config() {}
            pub fn name() {}
            pub fn skip() {}
        }
        use keys::grwoth as _;
    }
};
