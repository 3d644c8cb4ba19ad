pub struct HostOnlyBuffers<T, B: ::gpumem::Backend = ::gpumem::Host> {
    __set: ::gpumem::__private::Set<B>,
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (::gpumem::__private::core::marker::PhantomData<HostOnly<T>>,),
    >,
}
impl<T, B: ::gpumem::Backend> HostOnlyBuffers<T, B> {
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
        __capacity: HostOnlyLengths,
    ) -> ::gpumem::Result<Self> {
        let __set = ::gpumem::__private::Set::new(__device, &"HostOnly");
        let __made = __set.make(<HostOnly<T> as ::gpumem::GpuBuffers>::BUFFERS, [])?;
        ::gpumem::__private::core::result::Result::Ok(Self::__from_raw(__set, __made))
    }
    pub fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: HostOnlyLengths,
    ) -> ::gpumem::Result<()> {
        let __set = ::gpumem::__private::Set::new(__device, &"HostOnly");
        __set.would_fit(<HostOnly<T> as ::gpumem::GpuBuffers>::BUFFERS, [])
    }
    fn __from_raw(
        __set: ::gpumem::__private::Set<B>,
        []: [::gpumem::__private::RawOwned<B>; 0],
    ) -> Self {
        Self {
            __marker: ::gpumem::__private::core::marker::PhantomData,
            __set,
        }
    }
    fn __raw(&self) -> [&::gpumem::__private::RawBuffer<B>; 0] {
        []
    }
    fn __raw_mut(
        &mut self,
    ) -> (&::gpumem::__private::Set<B>, [::gpumem::__private::RawMut<'_, B>; 0]) {
        (&self.__set, [])
    }
    #[inline]
    pub fn split_mut(&mut self) -> HostOnlyBuffersMut<'_, T, B> {
        HostOnlyBuffersMut {
            __marker: ::gpumem::__private::core::marker::PhantomData,
        }
    }
    pub fn lengths(&self) -> HostOnlyLengths {
        let [] = self.__set.lengths(self.__raw());
        HostOnlyLengths {}
    }
    pub fn capacities(&self) -> HostOnlyLengths {
        let [] = self.__set.capacities(self.__raw());
        HostOnlyLengths {}
    }
    pub fn reserve(&mut self, __additional: HostOnlyLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.reserve(&mut __buffers, &[])
    }
    pub fn reserve_to(&mut self, __capacities: HostOnlyLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.reserve_to(&mut __buffers, &[])
    }
    pub fn resize(&mut self, __lens: HostOnlyLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.resize(&mut __buffers, &[])
    }
    pub fn truncate(&mut self, __lengths: HostOnlyLengths) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.truncate(&mut __buffers, &[]);
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
    pub fn upload_from(&mut self, __data: &HostOnly<T>) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.refill(&mut __buffers, &[])
    }
    pub fn extend_from(&mut self, __data: &HostOnly<T>) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.extend(&mut __buffers, &[])
    }
    pub fn copy_from(&mut self, __source: &Self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.copy_from(&mut __buffers, &__source.__raw())
    }
    pub fn download(&self) -> ::gpumem::Result<HostOnly<T>>
    where
        for<'any> T: ::gpumem::__private::HostDefault<0>,
    {
        let mut __data = HostOnly {
            value: ::gpumem::__private::HostDefault::<0>::host_default(),
        };
        self.download_into(&mut __data)?;
        ::gpumem::__private::core::result::Result::Ok(__data)
    }
    pub fn download_into(&self, __data: &mut HostOnly<T>) -> ::gpumem::Result<()> {
        self.__set.fetch(&self.__raw(), &mut [])
    }
    #[doc(hidden)]
    pub fn start_download<__Download>(&self) -> ::gpumem::Result<__Download>
    where
        for<'any> ::gpumem::Blocking: ::gpumem::__private::AsyncSet,
    {
        ::gpumem::__private::core::unreachable!()
    }
    #[doc(hidden)]
    pub fn start_download_when_free<__WhenFree>(&self) -> __WhenFree
    where
        for<'any> ::gpumem::Blocking: ::gpumem::__private::AsyncSet,
    {
        ::gpumem::__private::core::unreachable!()
    }
    #[doc(hidden)]
    pub fn frame_queue<__Queue>(&self) -> __Queue
    where
        for<'any> ::gpumem::Blocking: ::gpumem::__private::AsyncSet,
    {
        ::gpumem::__private::core::unreachable!()
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
        self.__set.close(::gpumem::__private::core::convert::Into::into([]))
    }
}
#[automatically_derived]
impl<T, B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug
for HostOnlyBuffers<T, B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        self.__set.debug(__f, "HostOnlyBuffers", &self.__raw())
    }
}
pub struct HostOnlyBuffersMut<'a, T, B: ::gpumem::Backend = ::gpumem::Host> {
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (
            ::gpumem::__private::core::marker::PhantomData<HostOnly<T>>,
            &'a (),
            ::gpumem::__private::core::marker::PhantomData<B>,
        ),
    >,
}
#[automatically_derived]
impl<T, B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug
for HostOnlyBuffersMut<'_, T, B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(__f, "HostOnlyBuffersMut", &[])
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
pub struct HostOnlyLengths {}
impl HostOnlyLengths {
    #[inline]
    pub const fn all(__number: ::gpumem::__private::core::primitive::usize) -> Self {
        Self {}
    }
}
#[automatically_derived]
impl<T> ::gpumem::GpuBuffers for HostOnly<T> {
    type Manager<B: ::gpumem::Backend> = HostOnlyBuffers<T, B>;
    const BUFFERS: &'static [::gpumem::BufferSpec] = &[];
    #[track_caller]
    fn upload<B: ::gpumem::Backend>(
        &self,
        __device: &::gpumem::Device<B>,
    ) -> ::gpumem::Result<Self::Manager<B>> {
        let __set = ::gpumem::__private::Set::new(__device, &"HostOnly");
        let __made = __set.make_from(Self::BUFFERS, [])?;
        ::gpumem::__private::core::result::Result::Ok(
            HostOnlyBuffers::__from_raw(__set, __made),
        )
    }
}
#[automatically_derived]
impl<T, B: ::gpumem::Backend> ::gpumem::AnySet for HostOnlyBuffers<T, B> {
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
impl<T, B: ::gpumem::Backend> ::gpumem::BufferSet<B> for HostOnlyBuffers<T, B> {
    type Source = HostOnly<T>;
    type Lengths = HostOnlyLengths;
    fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: HostOnlyLengths,
    ) -> ::gpumem::Result<()> {
        Self::would_fit(__device, __capacity)
    }
    fn device(&self) -> &::gpumem::Device<B> {
        Self::device(self)
    }
    fn lengths(&self) -> HostOnlyLengths {
        Self::lengths(self)
    }
    fn upload_from(&mut self, __data: &HostOnly<T>) -> ::gpumem::Result<()> {
        Self::upload_from(self, __data)
    }
    fn download_into(&self, __data: &mut HostOnly<T>) -> ::gpumem::Result<()> {
        Self::download_into(self, __data)
    }
    fn close(self) -> ::gpumem::Result<()> {
        Self::close(self)
    }
}
