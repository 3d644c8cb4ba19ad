/// The buffers of a [`Scene`] on a device: one [`Buffer`](::gpumem::Buffer) per field, each with its own type.
///
/// | buffer | element | bytes | growth | max | downloads |
/// | --- | --- | ---: | ---: | ---: | --- |
/// | [`vertices`](Self::vertices) | `Vertex` | – | 2, stable | 1 GiB | blocking |
/// | [`path`](Self::path) | `[f32; 3]` | 12 | 1.5 | none | async |
///
/// [`upload`](::gpumem::GpuBuffers::upload) creates the set from a `Scene`, [`new`](Self::new) creates an empty set, and [`with_capacity`](Self::with_capacity) creates an empty set with the capacities of a [`SceneLengths`]. [`close`](Self::close) gives all memory back, and reports buffers that are alive outside the set. Dropping the set gives the memory back too, and reports nothing.
///
/// # Example
///
/// ```no_run
/// use gpumem::{Device, GpuBuffers};
///
/// # #[derive(GpuBuffers, Default)]
/// # #[buffers(crate = ::gpumem)]
/// # struct Scene {
/// #     vertices: Vec<u32>,
/// #     #[buffer(async)] path: Vec<[f32; 3]>,
/// # }
/// # let scene = Scene::default();
/// let device = Device::host();
/// let mut gpu = scene.upload(&device)?; // SceneBuffers, with the contents of a Scene
/// gpu.path_mut().resize(1000)?; // new elements are zero
/// let download = gpu.start_download()?; // more work can be queued while the copies run
/// let frame = download.wait()?;
/// assert_eq!(frame.path().len(), 1000);
/// gpu.close()?; // gives all memory back, or reports a leak
/// # Ok::<(), gpumem::Error>(())
/// ```
pub struct SceneBuffers<B: ::gpumem::Backend = ::gpumem::Host> {
    __set: ::gpumem::__private::Set<B>,
    vertices: ::gpumem::Buffer<Vertex, B>,
    path: ::gpumem::Buffer<[f32; 3], B, ::gpumem::Async>,
}
impl<B: ::gpumem::Backend> SceneBuffers<B> {
    /// Creates an empty set on `device`. It takes memory for the `min` of its buffers only.
    ///
    /// # Errors
    ///
    /// If the device does not have that memory.
    #[track_caller]
    pub fn new(__device: &::gpumem::Device<B>) -> ::gpumem::Result<Self> {
        Self::with_capacity(
            __device,
            ::gpumem::__private::core::default::Default::default(),
        )
    }
    /// Creates an empty set on `device`, with room for `capacity` elements in each buffer.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers.
    #[track_caller]
    pub fn with_capacity(
        __device: &::gpumem::Device<B>,
        __capacity: SceneLengths,
    ) -> ::gpumem::Result<Self> {
        let __set = ::gpumem::__private::Set::new(__device, &"Scene");
        let __made = __set
            .make(
                <Scene as ::gpumem::GpuBuffers>::BUFFERS,
                [__capacity.vertices, __capacity.path],
            )?;
        ::gpumem::__private::core::result::Result::Ok(Self::__from_raw(__set, __made))
    }
    /// Whether `with_capacity` would succeed now. Nothing is taken.
    ///
    /// # Errors
    ///
    /// Those of `with_capacity`: the limit of the buffer, of the set or of the device, or the memory of the driver, with the figures.
    pub fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: SceneLengths,
    ) -> ::gpumem::Result<()> {
        let __set = ::gpumem::__private::Set::new(__device, &"Scene");
        __set
            .would_fit(
                <Scene as ::gpumem::GpuBuffers>::BUFFERS,
                [__capacity.vertices, __capacity.path],
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
            vertices: <Vertex as __PlainData>::typed(__0),
            path: <[f32; 3] as __PlainData>::typed(__1),
            __set,
        }
    }
    fn __raw(&self) -> [&::gpumem::__private::RawBuffer<B>; 2] {
        [self.vertices.__raw(), self.path.__raw()]
    }
    fn __raw_mut(
        &mut self,
    ) -> (&::gpumem::__private::Set<B>, [::gpumem::__private::RawMut<'_, B>; 2]) {
        (&self.__set, [self.vertices.__raw_mut(), self.path.__raw_mut()])
    }
    /// Corners of triangles.
    ///
    /// `Vertex`. Grows by a factor of 2, up to 1 GiB, at a stable address. Blocking downloads.
    #[inline]
    pub fn vertices(&self) -> &::gpumem::Buffer<Vertex, B> {
        &self.vertices
    }
    /// Corners of triangles.
    ///
    /// Borrowed mutably, and the set with it: [`split_mut`](Self::split_mut) borrows several buffers at once. `Vertex`. Grows by a factor of 2, up to 1 GiB, at a stable address. Blocking downloads.
    #[inline]
    pub fn vertices_mut(&mut self) -> &mut ::gpumem::Buffer<Vertex, B> {
        &mut self.vertices
    }
    /// Where the camera has been.
    ///
    /// `[f32; 3]`, 12 bytes per element. Grows by a factor of 1.5, without a limit of its own. Async downloads.
    #[inline]
    pub fn path(&self) -> &::gpumem::Buffer<[f32; 3], B, ::gpumem::Async> {
        &self.path
    }
    /// Where the camera has been.
    ///
    /// Borrowed mutably, and the set with it: [`split_mut`](Self::split_mut) borrows several buffers at once. `[f32; 3]`, 12 bytes per element. Grows by a factor of 1.5, without a limit of its own. Async downloads.
    #[inline]
    pub fn path_mut(&mut self) -> &mut ::gpumem::Buffer<[f32; 3], B, ::gpumem::Async> {
        &mut self.path
    }
    /// Borrows all buffers mutably at once, for a kernel or a call that takes several of them. (Two
    /// accessors in one call would borrow the whole set twice, which the compiler refuses: E0499 and
    /// E0502.)
    #[inline]
    pub fn split_mut(&mut self) -> SceneBuffersMut<'_, B> {
        SceneBuffersMut {
            vertices: &mut self.vertices,
            path: &mut self.path,
        }
    }
    /// The number of elements in each buffer.
    pub fn lengths(&self) -> SceneLengths {
        let [__0, __1] = self.__set.lengths(self.__raw());
        SceneLengths {
            vertices: __0,
            path: __1,
        }
    }
    /// The number of elements that each buffer has room for.
    pub fn capacities(&self) -> SceneLengths {
        let [__0, __1] = self.__set.capacities(self.__raw());
        SceneLengths {
            vertices: __0,
            path: __1,
        }
    }
    /// Makes room for `additional` more elements in each buffer: in all buffers, or in none.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers.
    pub fn reserve(&mut self, __additional: SceneLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.reserve(&mut __buffers, &[__additional.vertices, __additional.path])
    }
    /// Makes room for `capacities` elements in all in each buffer: in all buffers, or in none. A capacity
    /// that is larger stays.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers.
    pub fn reserve_to(&mut self, __capacities: SceneLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.reserve_to(&mut __buffers, &[__capacities.vertices, __capacities.path])
    }
    /// Sets the length of each buffer: of all buffers, or of none. New elements are zero.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers.
    pub fn resize(&mut self, __lens: SceneLengths) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.resize(&mut __buffers, &[__lens.vertices, __lens.path])
    }
    /// Shortens each buffer that has more elements than its number in `lengths`. The buffers keep their
    /// memory.
    pub fn truncate(&mut self, __lengths: SceneLengths) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.truncate(&mut __buffers, &[__lengths.vertices, __lengths.path]);
    }
    /// Removes the element at `index` from each buffer, on the device. The last element of the buffer
    /// takes its place.
    ///
    /// # Errors
    ///
    /// If a buffer has no such element: then no buffer has changed. If the device fails.
    pub fn swap_remove(
        &mut self,
        __index: ::gpumem::__private::core::primitive::usize,
    ) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.swap_remove(&mut __buffers, __index)
    }
    /// Removes all elements of every buffer. The buffers keep their memory.
    pub fn clear(&mut self) {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.clear(&mut __buffers);
    }
    /// Gives back the memory that no element uses.
    ///
    /// # Errors
    ///
    /// If the device fails, or does not have the smaller memory in addition to the larger. Then the
    /// buffers after the one that failed keep their memory.
    pub fn shrink_to_fit(&mut self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.shrink_to_fit(&mut __buffers)
    }
    /// Replaces the contents of every buffer with the fields of a [`Scene`].
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers: then no buffer has changed. If the device fails.
    pub fn upload_from(&mut self, __data: &Scene) -> ::gpumem::Result<()> {
        use ::gpumem::__private::PlainData as __PlainData;
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .refill(
                &mut __buffers,
                &[
                    <Vertex as __PlainData>::bytes(&__data.vertices),
                    <[f32; 3] as __PlainData>::bytes(&__data.path),
                ],
            )
    }
    /// Appends the fields of a [`Scene`] to the buffers, each to its own.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers: then no buffer has changed. If the device fails.
    pub fn extend_from(&mut self, __data: &Scene) -> ::gpumem::Result<()> {
        use ::gpumem::__private::PlainData as __PlainData;
        let (__set, mut __buffers) = self.__raw_mut();
        __set
            .extend(
                &mut __buffers,
                &[
                    <Vertex as __PlainData>::bytes(&__data.vertices),
                    <[f32; 3] as __PlainData>::bytes(&__data.path),
                ],
            )
    }
    /// Replaces the contents of every buffer by those of another set on the same device. The copies run on the device.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded, or the device does not have the memory for all buffers: then no buffer has changed. If the device fails.
    pub fn copy_from(&mut self, __source: &Self) -> ::gpumem::Result<()> {
        let (__set, mut __buffers) = self.__raw_mut();
        __set.copy_from(&mut __buffers, &__source.__raw())
    }
    /// Waits for the device and copies every buffer into a new [`Scene`].
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn download(&self) -> ::gpumem::Result<Scene> {
        let mut __data = Scene {
            vertices: ::gpumem::__private::Vec::new(),
            path: ::gpumem::__private::Vec::new(),
        };
        self.download_into(&mut __data)?;
        ::gpumem::__private::core::result::Result::Ok(__data)
    }
    /// Waits for the device and copies every buffer into a [`Scene`], whose memory it reuses.
    ///
    /// # Errors
    ///
    /// If the device fails. Then the field of the buffer that failed is empty, and the fields after it are unchanged.
    pub fn download_into(&self, __data: &mut Scene) -> ::gpumem::Result<()> {
        use ::gpumem::__private::PlainData as __PlainData;
        self.__set
            .fetch(
                &self.__raw(),
                &mut [
                    <Vertex as __PlainData>::target(&mut __data.vertices),
                    <[f32; 3] as __PlainData>::target(&mut __data.path),
                ],
            )
    }
    /// Starts to copy `path` to the host, and returns at once. More work can be queued while the copies run.
    ///
    /// The frame shows all buffers at one point: after the work that was queued before this call.
    ///
    /// `gpu.start_download()?.wait()?` waits for the copies, and `gpu.start_download()?.await?` awaits them. Both return a [`SceneFrame`].
    ///
    /// # Errors
    ///
    /// If a buffer has no free slot (`SlotsBusy`), or there is no pinned memory for the copies. Then no copy was started.
    #[track_caller]
    pub fn start_download(&self) -> ::gpumem::Result<SceneDownload<B>> {
        self.__set.start_downloads(&[self.path.__raw()])
    }
    /// Like [`start_download`](Self::start_download), but first waits until every buffer has a free slot. The value that it returns has `wait()`, which blocks the thread, and can be awaited, which does not. Both give the download.
    ///
    /// Until then it borrows the set, and holds no slot. It can be dropped at any time. If the program never drops the downloads and frames that have the slots, the wait never ends.
    #[track_caller]
    pub fn start_download_when_free(&self) -> ::gpumem::WhenFree<'_, SceneFrame<B>, B> {
        self.__set.start_downloads_when_free(&[self.path.__raw()])
    }
    /// A queue for downloads of a [`SceneBuffers`], for as many as its buffers have slots: while one frame is read, the next ones come down.
    ///
    /// `if let Some(frame) = frames.push(gpu.start_download()?)? { .. }` adds a download, and returns the oldest frame when the queue is full. `for frame in frames.drain() { .. }` takes the rest at the end.
    pub fn frame_queue(&self) -> ::gpumem::FrameQueue<SceneFrame<B>, B> {
        self.__set.frame_queue(&[self.path.__raw()])
    }
    /// Lengths, capacities and bytes, peaks and transfers, per buffer and in total. Its text is a table.
    pub fn stats(&self) -> ::gpumem::SetStats {
        self.__set.stats(&self.__raw())
    }
    /// Makes the peaks of the set and of its buffers what they hold now.
    pub fn reset_peak(&self) {
        self.__set.reset_peak(&self.__raw());
    }
    /// The device that the buffers are on.
    #[inline]
    pub fn device(&self) -> &::gpumem::Device<B> {
        self.__set.device()
    }
    /// Checks that no buffer of the set is alive outside the set.
    ///
    /// # Errors
    ///
    /// If there is such a buffer: the error lists it, with the place in the code that made it.
    pub fn check_leaks(&self) -> ::gpumem::Result<()> {
        self.__set.check_leaks(&self.__raw())
    }
    /// Waits for the work that uses the buffers, and gives all their memory back.
    ///
    /// # Errors
    ///
    /// If a buffer of the set is alive outside the set: the error lists it. If the device has failed.
    pub fn close(self) -> ::gpumem::Result<()> {
        self.__set
            .close(
                ::gpumem::__private::core::convert::Into::into([
                    self.vertices.__into_raw(),
                    self.path.__into_raw(),
                ]),
            )
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug for SceneBuffers<B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        self.__set.debug(__f, "SceneBuffers", &self.__raw())
    }
}
/// Mutable borrows of all buffers of a [`SceneBuffers`], returned by [`split_mut`](SceneBuffers::split_mut).
pub struct SceneBuffersMut<'a, B: ::gpumem::Backend = ::gpumem::Host> {
    /// Corners of triangles.
    ///
    /// `Vertex`. Grows by a factor of 2, up to 1 GiB, at a stable address. Blocking downloads.
    pub vertices: &'a mut ::gpumem::Buffer<Vertex, B>,
    /// Where the camera has been.
    ///
    /// `[f32; 3]`, 12 bytes per element. Grows by a factor of 1.5, without a limit of its own. Async downloads.
    pub path: &'a mut ::gpumem::Buffer<[f32; 3], B, ::gpumem::Async>,
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug
for SceneBuffersMut<'_, B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(
            __f,
            "SceneBuffersMut",
            &[("vertices", &self.vertices), ("path", &self.path)],
        )
    }
}
/// One number per buffer of [`SceneBuffers`]: lengths, capacities, or numbers of additional elements.
///
/// With `..Default::default()`, the other buffers get zero; [`all`](Self::all) gives each the same.
#[derive(
    ::gpumem::__private::core::clone::Clone,
    ::gpumem::__private::core::marker::Copy,
    ::gpumem::__private::core::fmt::Debug,
    ::gpumem::__private::core::default::Default,
    ::gpumem::__private::core::cmp::PartialEq,
    ::gpumem::__private::core::cmp::Eq,
    ::gpumem::__private::core::hash::Hash,
)]
pub struct SceneLengths {
    /// The number of elements of `vertices`.
    pub vertices: ::gpumem::__private::core::primitive::usize,
    /// The number of elements of `path`.
    pub path: ::gpumem::__private::core::primitive::usize,
}
impl SceneLengths {
    /// The same number for every buffer.
    #[inline]
    pub const fn all(__number: ::gpumem::__private::core::primitive::usize) -> Self {
        Self {
            vertices: __number,
            path: __number,
        }
    }
}
/// A download of a [`SceneBuffers`] in flight, returned by [`start_download`](SceneBuffers::start_download).
///
/// To wait for it, or to `.await` it, gives a [`SceneFrame`]. Dropping it is harmless: the copies end on their own, and the memory that they fill is used again.
pub type SceneDownload<B = ::gpumem::Host> = ::gpumem::Ticket<SceneFrame<B>, B>;
/// The result of a download of a [`SceneBuffers`]: the elements of `path`, in pinned memory.
///
/// Its fields are the guards, and can be taken out. Dropping the frame, or the guards, frees that memory for the next download.
pub struct SceneFrame<B: ::gpumem::Backend = ::gpumem::Host> {
    /// Where the camera has been.
    ///
    /// `[f32; 3]`, 12 bytes per element. Grows by a factor of 1.5, without a limit of its own. Async downloads.
    pub path: ::gpumem::DownloadGuard<[f32; 3], B>,
}
impl<B: ::gpumem::Backend> SceneFrame<B> {
    /// Where the camera has been.
    ///
    /// `[f32; 3]`, 12 bytes per element. Grows by a factor of 1.5, without a limit of its own. Async downloads.
    #[inline]
    pub fn path(&self) -> &[[f32; 3]] {
        &self.path
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::Frame<B> for SceneFrame<B> {
    fn __arrive(
        __parts: &mut ::gpumem::__private::Arrived<'_, B>,
    ) -> ::gpumem::Result<Self> {
        use ::gpumem::__private::PlainData as __PlainData;
        ::gpumem::__private::core::result::Result::Ok(Self {
            path: <[f32; 3] as __PlainData>::arrive(__parts)?,
        })
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::__private::core::fmt::Debug for SceneFrame<B> {
    fn fmt(
        &self,
        __f: &mut ::gpumem::__private::core::fmt::Formatter<'_>,
    ) -> ::gpumem::__private::core::fmt::Result {
        ::gpumem::__private::debug(__f, "SceneFrame", &[("path", &self.path().len())])
    }
}
#[automatically_derived]
impl ::gpumem::GpuBuffers for Scene {
    type Manager<B: ::gpumem::Backend> = SceneBuffers<B>;
    const BUFFERS: &'static [::gpumem::BufferSpec] = &[
        ::gpumem::BufferSpec::new("vertices")
            .element::<Vertex>()
            .growth(2.0)
            .max(1073741824)
            .stable(),
        ::gpumem::BufferSpec::new("path").element::<[f32; 3]>().asynchronous(),
    ];
    #[track_caller]
    fn upload<B: ::gpumem::Backend>(
        &self,
        __device: &::gpumem::Device<B>,
    ) -> ::gpumem::Result<Self::Manager<B>> {
        use ::gpumem::__private::PlainData as __PlainData;
        let __set = ::gpumem::__private::Set::new(__device, &"Scene");
        let __made = __set
            .make_from(
                Self::BUFFERS,
                [
                    <Vertex as __PlainData>::bytes(&self.vertices),
                    <[f32; 3] as __PlainData>::bytes(&self.path),
                ],
            )?;
        ::gpumem::__private::core::result::Result::Ok(
            SceneBuffers::__from_raw(__set, __made),
        )
    }
}
#[automatically_derived]
impl<B: ::gpumem::Backend> ::gpumem::AnySet for SceneBuffers<B> {
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
impl<B: ::gpumem::Backend> ::gpumem::BufferSet<B> for SceneBuffers<B> {
    type Source = Scene;
    type Lengths = SceneLengths;
    fn would_fit(
        __device: &::gpumem::Device<B>,
        __capacity: SceneLengths,
    ) -> ::gpumem::Result<()> {
        Self::would_fit(__device, __capacity)
    }
    fn device(&self) -> &::gpumem::Device<B> {
        Self::device(self)
    }
    fn lengths(&self) -> SceneLengths {
        Self::lengths(self)
    }
    fn upload_from(&mut self, __data: &Scene) -> ::gpumem::Result<()> {
        Self::upload_from(self, __data)
    }
    fn download_into(&self, __data: &mut Scene) -> ::gpumem::Result<()> {
        Self::download_into(self, __data)
    }
    fn close(self) -> ::gpumem::Result<()> {
        Self::close(self)
    }
}
const _: () = ::gpumem::__private::core::assert!(
    ::gpumem::__private::core::mem::size_of:: < Vertex > () != 0, "{}",
    "an element must have a size: a `Vertex` has none, so `vertices` would hold no bytes"
);
const _: () = ::gpumem::__private::core::assert!(
    ::gpumem::__private::core::mem::size_of:: < Vertex > () as
    ::gpumem::__private::core::primitive::u64 <= 1073741824, "{}",
    "`max` of `vertices` is 1 GiB, less than one element, a `Vertex`"
);
