pub(crate) struct MeshBuffers<
    'a,
    S: Shape = Plane,
    const N: usize = 4,
    B: ::gpumem::Backend = ::gpumem::Host,
>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    __set: ::gpumem::__private::Set<B>,
    points: ::gpumem::Buffer<S::Point, B, ::gpumem::Async>,
    r#type: ::gpumem::Buffer<[u32; N], B>,
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (::gpumem::__private::core::marker::PhantomData<Mesh<'a, S, N>>,),
    >,
}
impl<'a, S: Shape, const N: usize, B: ::gpumem::Backend> MeshBuffers<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    #[track_caller]
    pub(crate) fn new(__device: &::gpumem::Device<B>) -> ::gpumem::Result<Self> {
        Self::with_capacity(
            __device,
            ::gpumem::__private::core::default::Default::default(),
        )
    }
    #[track_caller]
    pub(crate) fn with_capacity(
        __device: &::gpumem::Device<B>,
        __capacity: MeshLengths,
    ) -> ::gpumem::Result<Self> {
        let __set = ::gpumem::__private::Set::new(__device, &"Mesh");
        let __made = __set
            .make(
                <Mesh<'a, S, N> as ::gpumem::GpuBuffers>::BUFFERS,
                [__capacity.points, __capacity.r#type],
            )?;
        ::gpumem::__private::core::result::Result::Ok(Self::__from_raw(__set, __made))
    }
    pub(crate) fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: MeshLengths,
    ) -> ::gpumem::Result<()> {
        let __set = ::gpumem::__private::Set::new(__device, &"Mesh");
        __set
            .would_fit(
                <Mesh<'a, S, N> as ::gpumem::GpuBuffers>::BUFFERS,
                [__capacity.points, __capacity.r#type],
            )
    }
    fn __from_raw(
        __set: ::gpumem::__private::Set<B>,
        [__0,
        __1,
        ]: [::gpumem::__private::RawOwned<B>; 2],
    ) -> Self {
        use ::gpumem::__private::PlainData as __PlainData;
        Self {
            points: <S::Point as __PlainData>::typed(__0),
            r#type: <[u32; N] as __PlainData>::typed(__1),
            __marker: ::gpumem::__private::core::marker::PhantomData,
            __set,
        }
    }
    fn __raw(&self) -> [&::gpumem::__private::RawBuffer<B>; 2] {
        [self.points.__raw(), self.r#type.__raw()]
    }
    fn __raw_mut(
        &mut self,
    ) -> (&::gpumem::__private::Set<B>, [::gpumem::__private::RawMut<'_, B>; 2]) {
        (&self.__set, [self.points.__raw_mut(), self.r#type.__raw_mut()])
    }
    #[inline]
    pub(crate) fn points(&self) -> &::gpumem::Buffer<S::Point, B, ::gpumem::Async> {
        &self.points
    }
    #[inline]
    pub(crate) fn points_mut(
        &mut self,
    ) -> &mut ::gpumem::Buffer<S::Point, B, ::gpumem::Async> {
        &mut self.points
    }
    #[deprecated(note = "use `points`")]
    #[inline]
    fn r#type(&self) -> &::gpumem::Buffer<[u32; N], B> {
        &self.r#type
    }
    #[deprecated(note = "use `points`")]
    #[inline]
    fn type_mut(&mut self) -> &mut ::gpumem::Buffer<[u32; N], B> {
        &mut self.r#type
    }
    #[inline]
    pub(crate) fn split_mut(&mut self) -> MeshBuffersMut<'_, 'a, S, N, B> {
        MeshBuffersMut {
            points: &mut self.points,
            r#type: &mut self.r#type,
            __marker: ::gpumem::__private::core::marker::PhantomData,
        }
    }
    pub(crate) fn lengths(&self) -> MeshLengths {
        let [__0, __1] = self.__set.lengths(self.__raw());
        MeshLengths {
            points: __0,
            r#type: __1,
        }
    }
    pub(crate) fn capacities(&self) -> MeshLengths {
        let [__0, __1] = self.__set.capacities(self.__raw());
        MeshLengths {
            points: __0,
            r#type: __1,
        }
    }
    pub(crate) fn reserve(&mut self, __additional: MeshLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.reserve(&mut __buffers, &[__additional.points, __additional.r#type])
    }
    pub(crate) fn reserve_to(
        &mut self,
        __capacities: MeshLengths,
    ) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.reserve_to(&mut __buffers, &[__capacities.points, __capacities.r#type])
    }
    pub(crate) fn resize(&mut self, __lens: MeshLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.resize(&mut __buffers, &[__lens.points, __lens.r#type])
    }
    pub(crate) fn truncate(&mut self, __lengths: MeshLengths) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.truncate(&mut __buffers, &[__lengths.points, __lengths.r#type]);
    }
    pub(crate) fn swap_remove(
        &mut self,
        __index: ::gpumem::__private::core::primitive::usize,
    ) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.swap_remove(&mut __buffers, __index)
    }
    pub(crate) fn clear(&mut self) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.clear(&mut __buffers);
    }
    pub(crate) fn shrink_to_fit(&mut self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.shrink_to_fit(&mut __buffers)
    }
    pub(crate) fn upload_from(
        &mut self,
        __data: &Mesh<'a, S, N>,
    ) -> ::gpumem::Result<()> {
        use ::gpumem::__private::PlainData as __PlainData;
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .refill(
                &mut __buffers,
                &[
                    <S::Point as __PlainData>::bytes(&__data.points),
                    <[u32; N] as __PlainData>::bytes(&__data.r#type),
                ],
            )
    }
    pub(crate) fn extend_from(
        &mut self,
        __data: &Mesh<'a, S, N>,
    ) -> ::gpumem::Result<()> {
        use ::gpumem::__private::PlainData as __PlainData;
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .extend(
                &mut __buffers,
                &[
                    <S::Point as __PlainData>::bytes(&__data.points),
                    <[u32; N] as __PlainData>::bytes(&__data.r#type),
                ],
            )
    }
    pub(crate) fn copy_from(&mut self, __source: &Self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.copy_from(&mut __buffers, &__source.__raw())
    }
    pub(crate) fn download(&self) -> ::gpumem::Result<Mesh<'a, S, N>>
    where
        for<'any> &'a str: ::gpumem::__private::HostDefault<0>,
    {
        let mut __data = Mesh {
            points: ::gpumem::__private::Vec::new(),
            r#type: ::gpumem::__private::Vec::new(),
            name: ::gpumem::__private::HostDefault::<0>::host_default(),
        };
        self.download_into(&mut __data)?;
        ::gpumem::__private::core::result::Result::Ok(__data)
    }
    pub(crate) fn download_into(
        &self,
        __data: &mut Mesh<'a, S, N>,
    ) -> ::gpumem::Result<()> {
        use ::gpumem::__private::PlainData as __PlainData;
        self.__set
            .fetch(
                &self.__raw(),
                &mut [
                    <S::Point as __PlainData>::target(&mut __data.points),
                    <[u32; N] as __PlainData>::target(&mut __data.r#type),
                ],
            )
    }
    #[track_caller]
    pub(crate) fn start_download(&self) -> ::gpumem::Result<MeshDownload<'a, S, N, B>> {
        self.__set.start_downloads(&[self.points.__raw()])
    }
    #[track_caller]
    pub(crate) fn start_download_when_free(
        &self,
    ) -> ::gpumem::WhenFree<'_, MeshFrame<'a, S, N, B>, B> {
        self.__set.start_downloads_when_free(&[self.points.__raw()])
    }
    pub(crate) fn frame_queue(&self) -> ::gpumem::FrameQueue<MeshFrame<'a, S, N, B>, B> {
        self.__set.frame_queue(&[self.points.__raw()])
    }
    pub(crate) fn stats(&self) -> ::gpumem::SetStats {
        self.__set.stats(&self.__raw())
    }
    pub(crate) fn reset_peak(&self) {
        self.__set.reset_peak(&self.__raw());
    }
    #[inline]
    pub(crate) fn device(&self) -> &::gpumem::Device<B> {
        self.__set.device()
    }
    pub(crate) fn check_leaks(&self) -> ::gpumem::Result<()> {
        self.__set.check_leaks(&self.__raw())
    }
    pub(crate) fn close(self) -> ::gpumem::Result<()> {
        self.__set
            .close(
                ::gpumem::__private::core::convert::Into::into([
                    self.points.__into_raw(),
                    self.r#type.__into_raw(),
                ]),
            )
    }
}
#[automatically_derived]
impl<
    'a,
    S: Shape,
    const N: usize,
    B: ::gpumem::Backend,
> ::gpumem::__private::core::fmt::Debug for MeshBuffers<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        self.__set.debug(__f, "MeshBuffers", &self.__raw())
    }
}
pub(crate) struct MeshBuffersMut<
    'a1,
    'a,
    S: Shape = Plane,
    const N: usize = 4,
    B: ::gpumem::Backend = ::gpumem::Host,
>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    pub(crate) points: &'a1 mut ::gpumem::Buffer<S::Point, B, ::gpumem::Async>,
    #[deprecated(note = "use `points`")]
    r#type: &'a1 mut ::gpumem::Buffer<[u32; N], B>,
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (::gpumem::__private::core::marker::PhantomData<Mesh<'a, S, N>>,),
    >,
}
#[automatically_derived]
impl<
    'a,
    S: Shape,
    const N: usize,
    B: ::gpumem::Backend,
> ::gpumem::__private::core::fmt::Debug for MeshBuffersMut<'_, 'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(
            __f,
            "MeshBuffersMut",
            &[("points", &self.points), ("type", &self.r#type)],
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
pub(crate) struct MeshLengths {
    pub(crate) points: ::gpumem::__private::core::primitive::usize,
    #[deprecated(note = "use `points`")]
    r#type: ::gpumem::__private::core::primitive::usize,
}
impl MeshLengths {
    #[inline]
    pub(crate) const fn all(
        __number: ::gpumem::__private::core::primitive::usize,
    ) -> Self {
        Self {
            points: __number,
            r#type: __number,
        }
    }
}
pub(crate) type MeshDownload<'a, S = Plane, const N: usize = 4, B = ::gpumem::Host> = ::gpumem::Ticket<
    MeshFrame<'a, S, N, B>,
    B,
>;
pub(crate) struct MeshFrame<
    'a,
    S: Shape = Plane,
    const N: usize = 4,
    B: ::gpumem::Backend = ::gpumem::Host,
>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    pub(crate) points: ::gpumem::DownloadGuard<S::Point, B>,
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (::gpumem::__private::core::marker::PhantomData<Mesh<'a, S, N>>,),
    >,
}
impl<'a, S: Shape, const N: usize, B: ::gpumem::Backend> MeshFrame<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    #[inline]
    pub(crate) fn points(&self) -> &[S::Point] {
        &self.points
    }
}
#[automatically_derived]
impl<'a, S: Shape, const N: usize, B: ::gpumem::Backend> ::gpumem::Frame<B>
for MeshFrame<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    fn __arrive(
        __parts: &mut ::gpumem::__private::Arrived<'_, B>,
    ) -> ::gpumem::Result<Self> {
        use ::gpumem::__private::PlainData as __PlainData;
        ::gpumem::__private::core::result::Result::Ok(Self {
            points: <S::Point as __PlainData>::arrive(__parts)?,
            __marker: ::gpumem::__private::core::marker::PhantomData,
        })
    }
}
#[automatically_derived]
impl<
    'a,
    S: Shape,
    const N: usize,
    B: ::gpumem::Backend,
> ::gpumem::__private::core::fmt::Debug for MeshFrame<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(__f, "MeshFrame", &[("points", &self.points().len())])
    }
}
#[automatically_derived]
impl<'a, S: Shape, const N: usize> ::gpumem::GpuBuffers for Mesh<'a, S, N>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    type Manager<B: ::gpumem::Backend> = MeshBuffers<'a, S, N, B>;
    const BUFFERS: &'static [::gpumem::BufferSpec] = &[
        ::gpumem::BufferSpec::new("points").element::<S::Point>().asynchronous(),
        ::gpumem::BufferSpec::new("type").element::<[u32; N]>(),
    ];
    #[track_caller]
    fn upload<B: ::gpumem::Backend>(
        &self,
        __device: &::gpumem::Device<B>,
    ) -> ::gpumem::Result<Self::Manager<B>> {
        use ::gpumem::__private::PlainData as __PlainData;
        let __set = ::gpumem::__private::Set::new(__device, &"Mesh");
        let __made = __set
            .make_from(
                Self::BUFFERS,
                [
                    <S::Point as __PlainData>::bytes(&self.points),
                    <[u32; N] as __PlainData>::bytes(&self.r#type),
                ],
            )?;
        ::gpumem::__private::core::result::Result::Ok(
            MeshBuffers::__from_raw(__set, __made),
        )
    }
}
#[automatically_derived]
impl<'a, S: Shape, const N: usize, B: ::gpumem::Backend> ::gpumem::AnySet
for MeshBuffers<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
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
impl<'a, S: Shape, const N: usize, B: ::gpumem::Backend> ::gpumem::BufferSet<B>
for MeshBuffers<'a, S, N, B>
where
    S::Point: PartialEq,
    S::Point: ::gpumem::Element,
    [u32; N]: ::gpumem::Element,
{
    type Source = Mesh<'a, S, N>;
    type Lengths = MeshLengths;
    fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: MeshLengths,
    ) -> ::gpumem::Result<()> {
        Self::would_fit(__device, __capacity)
    }
    fn device(&self) -> &::gpumem::Device<B> {
        Self::device(self)
    }
    fn lengths(&self) -> MeshLengths {
        Self::lengths(self)
    }
    fn upload_from(&mut self, __data: &Mesh<'a, S, N>) -> ::gpumem::Result<()> {
        Self::upload_from(self, __data)
    }
    fn download_into(&self, __data: &mut Mesh<'a, S, N>) -> ::gpumem::Result<()> {
        Self::download_into(self, __data)
    }
    fn close(self) -> ::gpumem::Result<()> {
        Self::close(self)
    }
}
