pub struct HostOnlyBuffers<T, B: ::gpumem::Backend = ::gpumem::Host> {
    __set: ::gpumem::__private::Set<B>,
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (::gpumem::__private::core::marker::PhantomData<T>,),
    >,
}
impl<T, B: ::gpumem::Backend> HostOnlyBuffers<T, B> {
    #[track_caller]
    pub fn new(device: &::gpumem::Device<B>) -> ::gpumem::Result<Self> {
        Self::with_capacity(
            device,
            ::gpumem::__private::core::default::Default::default(),
        )
    }
    #[track_caller]
    pub fn with_capacity(
        device: &::gpumem::Device<B>,
        capacity: HostOnlyLens,
    ) -> ::gpumem::Result<Self> {
        let set = ::gpumem::__private::Set::new(device, "HostOnly");
        ::gpumem::__private::core::result::Result::Ok(Self {
            __marker: ::gpumem::__private::core::marker::PhantomData,
            __set: set,
        })
    }
    #[inline]
    pub fn split_mut(&mut self) -> HostOnlyBuffersMut<'_, T, B> {
        HostOnlyBuffersMut {
            __marker: ::gpumem::__private::core::marker::PhantomData,
        }
    }
    pub fn lens(&self) -> HostOnlyLens {
        HostOnlyLens {}
    }
    pub fn capacities(&self) -> HostOnlyLens {
        HostOnlyLens {}
    }
    pub fn reserve(&mut self, additional: HostOnlyLens) -> ::gpumem::Result<()> {
        self.__set.reserve(&mut [], &[])
    }
    pub fn resize(&mut self, lens: HostOnlyLens) -> ::gpumem::Result<()> {
        self.__set.resize(&mut [], &[])
    }
    pub fn clear(&mut self) {}
    pub fn shrink_to_fit(&mut self) -> ::gpumem::Result<()> {
        ::gpumem::__private::core::result::Result::Ok(())
    }
    pub fn upload_from(&mut self, data: &HostOnly<T>) -> ::gpumem::Result<()> {
        self.__set.refill(&mut [], &[])
    }
    pub fn download(&self) -> ::gpumem::Result<HostOnly<T>>
    where
        for<'any> T: ::gpumem::__private::core::default::Default,
    {
        ::gpumem::__private::core::result::Result::Ok(HostOnly {
            value: ::gpumem::__private::core::default::Default::default(),
        })
    }
    pub fn download_into(&self, data: &mut HostOnly<T>) -> ::gpumem::Result<()> {
        ::gpumem::__private::core::result::Result::Ok(())
    }
    #[doc(hidden)]
    pub fn start_download<__Download>(&self) -> ::gpumem::Result<__Download>
    where
        for<'any> ::gpumem::Blocking: ::gpumem::AsyncMode,
    {
        ::gpumem::__private::core::unreachable!()
    }
    pub fn stats(&self) -> ::gpumem::SetStats {
        self.__set.stats(&[])
    }
    #[inline]
    pub fn device(&self) -> &::gpumem::Device<B> {
        self.__set.device()
    }
    pub fn check_leaks(&self) -> ::gpumem::Result<()> {
        self.__set.check_leaks(&[])
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
        f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        self.__set.debug(f, "HostOnlyBuffers", &[])
    }
}
pub struct HostOnlyBuffersMut<'a, T, B: ::gpumem::Backend = ::gpumem::Host> {
    __marker: ::gpumem::__private::core::marker::PhantomData<
        fn() -> (
            ::gpumem::__private::core::marker::PhantomData<T>,
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
        f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        f.debug_struct("HostOnlyBuffersMut").finish()
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
pub struct HostOnlyLens {}
#[automatically_derived]
impl<T> ::gpumem::GpuBuffers for HostOnly<T> {
    type Manager<B: ::gpumem::Backend> = HostOnlyBuffers<T, B>;
    const BUFFERS: &'static [::gpumem::BufferSpec] = &[];
    #[track_caller]
    fn upload<B: ::gpumem::Backend>(
        &self,
        device: &::gpumem::Device<B>,
    ) -> ::gpumem::Result<Self::Manager<B>> {
        let set = ::gpumem::__private::Set::new(device, "HostOnly");
        ::gpumem::__private::core::result::Result::Ok(HostOnlyBuffers {
            __marker: ::gpumem::__private::core::marker::PhantomData,
            __set: set,
        })
    }
}
const _: () = {
    trait AnyThread: ::gpumem::__private::core::marker::Send + ::gpumem::__private::core::marker::Sync {}
    impl<T, B: ::gpumem::Backend> AnyThread for HostOnlyBuffers<T, B> {}
};
