//! Pages that explain; this module declares no items to use.

/// How downloads stay safe.
///
/// An async download is a copy that the device makes into host memory while the program goes on. This page
/// lists how such a copy could go wrong, and how a staged upload could, which is the same in the other
/// direction. It says how each danger is prevented, and names the tests that fail without the prevention. The
/// tests are in `tests/tests/suite` and run on every backend, unless another file is named.
///
/// # The foundations
///
/// * **The borrow checker.** The call that starts a download borrows the buffer. Every write, growth or drop
///   of the buffer needs it mutably. So each write and each download have an order, which is the same on the
///   host and on the device's streams.
/// * **Streams and events.** Work on one stream runs in the order in which it was queued. An event is done
///   when all earlier work of its stream is done. A stream that waits for an event does not run its later
///   work before. CUDA promises this; on the host, streams are threads.
/// * **Unsafe code of the program.** A kernel of a card is launched by an `unsafe` call, which has to keep
///   the conditions of the method that gave it the address. Kernels on the host have no such conditions.
///
/// The numbers below are those of the rules in `ARCHITECTURE.md`: 1, all writes of a buffer run on the
/// compute stream in order, or on a stream that the compute stream is made to wait for; 2, memory carries an
/// event for each use on another stream, and work that writes or frees the memory waits for these events; 3,
/// a transfer belongs to its stream, with the pinned memory that it uses, and a ticket is a second reference
/// only; 4, no async copy reads or writes a slice of the program; 5, memory that can be read was written
/// before; 6, all steps that can fail come before the first change; 7, a drop never waits.
///
/// # The copy
///
/// | danger | prevention |
/// | --- | --- |
/// | the copy reads before the data is written | The download stream waits for an event of the compute stream, which comes after all work that was queued there (1). <br> Tests: `a_download_returns_before_the_work_is_done`, `no_frame_is_torn` |
/// | the source is overwritten meanwhile | The buffer's memory carries the copy's event. Before every write, by a kernel too, the compute stream is made to wait for it (1, 2). A `snapshot` buffer is copied on the device, on the compute stream, and the download reads that copy. <br> Tests: `a_download_shows_its_point_of_the_stream`, `snapshots_show_their_point_of_the_stream_too`, `no_frame_is_torn_on_a_slow_bus` |
/// | the source is freed meanwhile, by a drop or by growth | Memory with such an event is parked until the event is done, and no buffer gets it before (2). <br> Tests: `memory_that_a_download_reads_is_not_used_again`, `tickets_and_guards_outlive_buffer_and_device`, `sequences_around_a_download_of_a_buffer_that_grows_in_place` |
/// | the target is read before the data is there | A ticket gives no access to its memory. [`DownloadGuard`](crate::DownloadGuard) does, and it is made after the event was seen done (3). <br> Tests: `an_awaited_download_wakes_once_it_is_there`, `every_sequence_of_operations_around_a_download`, on a bus that delivers a copy in parts |
/// | the target is freed or used again meanwhile | It is pinned memory of the runtime, never a slice of the caller (4). The stream itself keeps it until the event is done, even if all other references are gone (3). <br> Tests: `every_sequence_of_operations_around_a_download`, `longer_sequences_around_a_download`, in which later transfers fit into the memory of tickets that were dropped |
/// | the target changes while a guard shows it | The guard owns the memory until it is dropped, and gives no `&mut` to it. <br> Tests: `every_sequence_of_operations_around_a_download`, which checks each guard once more in the end; this does not compile: `tests/ui/usage/guard_is_written.rs` |
/// | the driver fails meanwhile | The end of the copy is not known then, so its memory is given up and counted ([`DeviceStats::lost_bytes`](crate::DeviceStats)), and every wait ends with the error (2, 3). <br> Tests: `a_panic_fails_the_device_and_ends_every_wait`, `a_failed_device_ends_every_await_within_a_second` (`tests/tests/host.rs`), `a_failed_operation_leaves_the_buffer_as_it_was` (`tests/tests/faults.rs`) |
///
/// # Tickets and futures
///
/// | danger | prevention |
/// | --- | --- |
/// | a ticket is dropped, forgotten or leaked | It is a second reference only, so its destructor does no more than return its slot (3). <br> Tests: `tickets_may_be_dropped_and_forgotten`, `forgotten_futures_keep_only_their_pinned_memory` |
/// | a future is cancelled, or moves to another thread | A future is a ticket, and the wake thread has a weak reference to it (3). <br> Tests: `futures_may_be_dropped_at_every_poll`, `tasks_may_be_dropped_at_every_poll`, `futures_move_between_threads` |
/// | a wake-up is lost | The event is queried again after the waker was put on the list, and the last waker counts; a woken task queries the event itself. <br> Tests: `an_awaited_download_wakes_once_it_is_there`, `the_last_waker_is_the_one_that_is_woken`, `executors_may_poll_from_many_threads` |
/// | a wake-up waits for later work | The wake thread wakes transfers in the order of their stream. <br> Tests: `an_earlier_download_does_not_wait_for_a_later_one`, `an_upload_wakes_the_task_that_awaits_it` |
/// | a waker drops the future, polls another future, or waits for its own thread | Wakers run while no lock is held. A waker that would sleep until its own thread wakes it is refused with [`Error::WouldDeadlock`](crate::Error::WouldDeadlock). <br> Tests: `futures_may_be_dropped_by_and_beside_their_wakers`, `a_waker_that_waits_for_its_own_thread_is_refused` (`tests/tests/regressions/transfers.rs`) |
/// | the device is dropped first | A transfer in flight keeps the parts of the device that it needs, and a thread waits for its end; an await keeps no part of the device alive (3, 7). <br> Tests: `pending_futures_outlive_buffers_and_device`, `an_awaited_download_outlives_buffer_and_device`, `the_wake_thread_keeps_no_device_open` |
/// | a host kernel waits for work that is queued after that kernel | The wait is refused with [`Error::WouldDeadlock`](crate::Error::WouldDeadlock). <br> Test: `a_kernel_cannot_wait_for_its_own_device` (`tests/tests/host.rs`) |
/// | a thread waits for a slot, and does not notice that a slot comes back | Each slot that comes back wakes a waiting thread, and the thread watches the running copies. <br> Tests: `a_download_waits_for_a_slot`, `many_threads_wait_for_two_slots` |
///
/// # Frames
///
/// A [`Ticket`](crate::Ticket) of several buffers, and a [`FrameQueue`](crate::FrameQueue) of tickets.
///
/// | danger | prevention |
/// | --- | --- |
/// | a frame mixes two points of the stream | Its buffers are borrowed until all copies are queued, so no write of one of them can be queued in between. The copies wait once, for one event that comes after all earlier work (1). <br> Tests: `a_frame_never_mixes_two_writes`, `a_selection_shows_one_point_of_the_stream`, `a_frame_waits_once_for_the_compute_stream` (`tests/tests/faults.rs`) |
/// | one part has arrived, and another is taken to have arrived too | All copies are on one stream and share one event, which comes after the last copy (3). <br> Tests: `a_frame_is_there_with_its_last_part`, `a_selection_arrives_together` |
/// | a part of a frame is started and another is not | Slots, pinned memory and snapshots of all parts are taken first, and given back if one is missing. If the driver fails in between, the copies that were queued run to their end unseen, and their memory is not used before (6, 3). <br> Tests: `a_selection_is_started_whole_or_not_at_all`, `a_frame_without_room_for_its_snapshots_changes_nothing`, `a_selection_that_fails_leaves_its_buffers_as_they_were` (`tests/tests/faults.rs`) |
/// | two threads that wait for slots of the same buffers wait for each other | All slots are taken in one step or none, so a waiting thread holds none. More parts of a buffer than it has slots are refused. <br> Tests: `a_thread_that_waits_for_slots_holds_none`, `threads_wait_for_the_same_buffers_in_any_order`, `more_parts_than_slots_are_refused` |
/// | a task that waits for a slot is never woken, or is woken while a lock is held | The task is woken by each slot that comes back, by each new download, and by the end of the oldest one; it looks for slots again after it has left its waker. Slots come back, and wakers run, while no lock is held. <br> Tests: `a_task_waits_for_a_slot`, `a_task_that_waits_for_a_slot_may_be_dropped`, `many_tasks_share_few_slots`, `tasks_may_run_where_a_slot_comes_back`, `a_failed_device_ends_the_wait_for_a_slot` (`tests/tests/host.rs`) |
/// | a part is abandoned, or the ticket dropped | The frame ends with an error that names the buffer; a dropped ticket gives back the slots of all parts. <br> Tests: `an_abandoned_part_ends_the_frame`, `frames_may_be_dropped_at_any_time` |
/// | a queue gives frames in another order, or loses one when a future is dropped or a download fails | It waits for the oldest ticket alone, and takes a ticket out when that has given its frame or its error. <br> Tests: `frames_come_in_the_order_of_their_starts`, `cancelled_futures_of_a_queue_lose_no_frame`, `an_error_takes_the_place_of_its_frame` |
/// | a queue has all slots, so that the next start is refused or waits for ever | After a push it holds one download less than there are slots. A frame that is kept meanwhile is refused with [`Error::SlotsBusy`](crate::Error::SlotsBusy). <br> Tests: `frames_come_in_the_order_of_their_starts`, `a_frame_that_is_kept_has_a_slot`, `another_thread_reads_the_frames` |
/// | a frame shows one buffer's bytes as another's elements | Element sizes are compared when a part is taken, in every kind of frame, and any bits are an element (5). <br> Test: `a_frame_of_other_elements_is_refused` (`gpumem/src/buffer/download/start.rs`) |
///
/// # Staged uploads
///
/// [`Stage`](crate::Stage) and [`Upload`](crate::Upload): the device reads pinned memory while the program
/// goes on.
///
/// | danger | prevention |
/// | --- | --- |
/// | the program writes the stage while the device reads it | Sending a stage consumes it, and no reference to its elements outlives it. This does not compile: `tests/ui/usage/stage_after_its_commit.rs` |
/// | its memory is freed or used again meanwhile | The compute stream keeps it until the copy is done; the ticket has none of it (3). <br> Tests: `every_sequence_of_operations_around_an_upload`, `staged_uploads_run_in_the_order_of_the_stream` |
/// | the upload overtakes a download or a kernel that uses the buffer, or is overtaken | It is queued on the compute stream, which waits for the events of all other uses before (1, 2). <br> Tests: `every_sequence_of_operations_around_an_upload`, `stages_are_sent_from_where_they_were_filled` |
/// | the buffer is used between filling and sending | The stage borrows it mutably. This does not compile: `tests/ui/usage/buffer_while_it_is_staged.rs` |
/// | memory is shown that was never written | Pinned memory is zeroed before the host first sees it (5). Later it has the bytes of an earlier transfer of this device, never of another device or process. So set all elements. <br> Test: `a_stage_shows_no_memory_as_it_was_pinned` |
/// | the ticket is dropped or forgotten, or the device fails or ends | As for downloads. <br> Tests: `an_upload_is_awaited`, `tickets_of_a_failed_device_give_its_error_when_it_is_gone` (`tests/tests/regressions/transfers.rs`) |
///
/// # Streams of your own
///
/// [`Buffer::use_on`](crate::Buffer::use_on), [`Device::launch_on`](crate::Device::launch_on), and
/// [`Bound`](crate::Bound), a buffer that is bound to one stream.
///
/// | danger | prevention |
/// | --- | --- |
/// | a kernel of the stream writes memory that a download reads | Before the stream gets the buffer mutably it is made to wait for the events of all other uses; for a bound buffer, before each kernel (2). <br> Tests: `kernels_and_downloads_follow_the_stream_alone` (`tests/tests/bound.rs`), `a_bound_buffer_follows_its_stream` (`tests/tests/card.rs`) |
/// | a download, or the compute stream, reads memory that such a kernel still writes | A download of a bound buffer waits for its stream. All other operations go through the compute stream, which is made to wait for that stream first (1, 2). <br> Tests: the same, and `kernels_on_streams_of_the_applications_own_are_waited_for` (`tests/tests/card.rs`) |
/// | a kernel of the stream overtakes a read of the bound buffer, by another thread too | A read only sets flags that make the next kernel wait. A kernel needs the binding mutably, so all reads are queued by then, and it alone clears the flags. <br> Tests: `threads_read_a_bound_buffer_at_the_same_time`, `views_of_a_bound_buffer_follow_its_stream` (`tests/tests/bound.rs`); this does not compile: `tests/ui/usage/kernel_while_a_bound_buffer_is_viewed.rs` |
/// | the buffer is used past the binding | The binding borrows it mutably, and the set that it is in. This does not compile: `tests/ui/usage/set_while_a_buffer_is_bound.rs` |
/// | the guard is forgotten, so that the end of the use is not noted | On the host each kernel is noted at its launch. On a card, to end the use is a condition of the `unsafe` launch. <br> Test: `a_forgotten_binding_is_harmless` (`tests/tests/bound.rs`) |
/// | the buffer is dropped while the stream uses it | As for downloads: its memory is parked (2). <br> Tests: the same, and `closing_waits_for_kernels_that_use_dropped_buffers` (`tests/tests/regressions/ends.rs`) |
///
/// # How it is tested
///
/// * `interleavings.rs` does every sequence of up to four of sixteen operations around a download in flight,
///   and of up to five of the nine most important ones: starting, waiting, writing, growing, dropping and
///   forgetting, other buffers that take the memory, and the end of the device. (It does so on a card too; on
///   a driver made of threads some sequences are shorter by one.) Another set of sequences is around staged
///   uploads. The data of each ticket and each guard, and the final contents of the buffer, are compared with
///   a plain `Vec`.
/// * On the host the bus is made slow for these tests ([`testing::SlowBus`](crate#features), feature
///   `testing`). A copy arrives in parts and takes its time, so a read that comes too early shows, and so
///   does a write during the copy. The tests check that the copies really were in flight.
/// * `tearing.rs` draws 10,000 frames of a buffer that a kernel writes all the time, with snapshots and
///   without.
/// * `cancellation.rs` drops, moves and forgets futures at every poll.
/// * `tests/tests/faults.rs` fails each call to the backend once, in the middle of each operation.
/// * The suite runs on the host, on a CUDA driver that is made of threads, and on a card. None of this proves
///   that a driver keeps its promises; they are assumed.
///
/// # Left to the program
///
/// * A guard that is kept, and a ticket that is forgotten, keep their slot, and a thread that waits for a
///   slot waits for them. [`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads) frees those of
///   tickets.
/// * A forgotten ticket whose buffer is gone can no longer be abandoned: its pinned memory stays, and keeps
///   the device open, for as long as the program runs. The same holds for a forgotten stage.
/// * `start_download_when_free().wait()` blocks its thread. If a task of an executor calls it and other tasks
///   of the same thread hold the guards, it never returns. A task awaits the value of
///   [`start_download_when_free`](crate::Buffer::start_download_when_free) instead, as the example `stream`
///   does.
/// * On a card, a thread waits for awaited transfers by querying the card again and again: without a pause
///   for 20 µs, then after pauses that grow to 50 µs. So an await may end that much later than a blocking
///   wait, which takes a whole core meanwhile, as CUDA's waits do.
/// * A guard keeps its slot and blocks nothing else. A picture that is drawn from it shows the moment at
///   which the download was started, not the present.
pub mod downloads {}

/// Coming from `cust` or `cudarc`.
///
/// This page has the calls of `cust` 0.3 and `cudarc` 0.19 beside those of this crate. Examples of this crate
/// run as tests, on the host: on a card, `Device::cuda(0)?` stands for `Device::host()`. Examples of the
/// others need a card, and `cudarc` is no dependency of this crate, so they are not compiled here.
///
/// | `cust` | `cudarc` | gpumem |
/// | --- | --- | --- |
/// | `cust::quick_init()?` | `CudaContext::new(0)?` | `Device::cuda(0)?` |
/// | `Stream::new(flags, None)?` | `context.default_stream()` | [`Device::stream`](crate::Device::stream), the one that all operations use; [`Device::create_stream`](crate::Device::create_stream) |
/// | `DeviceBuffer::from_slice(&data)?` | `stream.clone_htod(&data)?` | [`Buffer::from_slice`](crate::Buffer::from_slice), with a name |
/// | `DeviceBuffer::zeroed(n)?` | `stream.alloc_zeros(n)?` | [`Buffer::new`](crate::Buffer::new) and [`Buffer::resize`](crate::Buffer::resize) |
/// | `buffer.copy_from(&data)?` | `stream.memcpy_htod(&data, &mut slice)?` | [`Buffer::upload`](crate::Buffer::upload), which sets the length too; [`Buffer::write`](crate::Buffer::write) for a part |
/// | `buffer.as_host_vec()?` | `stream.clone_dtoh(&slice)?` | [`Buffer::download`](crate::Buffer::download) |
/// | `LockedBuffer`, `AsyncCopyDestination`, `Event` | `PinnedHostSlice` | [`Buffer::start_download`](crate::Buffer::start_download), [`Buffer::stage`](crate::Buffer::stage) |
/// | `buffer.index(2..4)` | `slice.slice(2..4)` | [`Buffer::view`](crate::Buffer::view) |
/// | `Module::from_ptx(text, &[])?` | `context.load_module(ptx)?` | `Device::load_ptx` |
/// | `launch!(f<<<grid, block, 0, stream>>>(..))?` | `stream.launch_builder(&f).arg(..).launch(config)?` | `cust::launch!`, with `buffer.as_device_ptr()` as an argument |
/// | `stream.synchronize()?` | `stream.synchronize()?` | [`Device::synchronize`](crate::Device::synchronize), seldom needed |
///
/// # A buffer that grows
///
/// With `cust` or `cudarc` the length is fixed: the program allocates a larger buffer, copies, and frees the
/// smaller one when no stream uses it any more.
///
/// ```ignore (needs a card)
/// // cust
/// let mut larger = unsafe { DeviceBuffer::uninitialized(2 * cells.len())? };
/// larger.index(..cells.len()).copy_from(&cells)?;
/// cells = larger; // the rest has no defined contents
///
/// // cudarc
/// let mut larger = stream.alloc_zeros::<u32>(2 * cells.len())?;
/// stream.memcpy_dtod(&cells, &mut larger.slice_mut(..cells.len()))?;
/// cells = larger;
/// ```
///
/// Here a buffer has a length and a capacity, as a `Vec` has. New elements are zero:
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let mut cells: Buffer<u32> = Buffer::from_slice(&device, "cells", &[1, 2, 3])?;
/// cells.resize(2 * cells.len())?;
/// cells.extend_from_slice(&[7])?;
/// assert_eq!(cells.download()?, [1, 2, 3, 0, 0, 0, 7]);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # A download while the device goes on
///
/// ```ignore (needs a card)
/// // cust: pinned memory, a second stream, and the order of both are the program's own
/// let mut host = LockedBuffer::new(&0, cells.len())?;
/// computed.record(&compute)?;
/// copies.wait_event(computed, StreamWaitEventFlags::DEFAULT)?;
/// unsafe { cells.async_copy_to(&mut host, &copies)? }; // `cells` and `host` have to live, unchanged
/// copied.record(&copies)?;
/// compute.wait_event(copied, StreamWaitEventFlags::DEFAULT)?; // before the next kernel writes `cells`
/// copies.synchronize()?; // before the program reads `host`
///
/// // cudarc: a second stream waits for the first by itself; `as_slice` waits for the copy
/// let mut host = unsafe { context.alloc_pinned::<u32>(cells.len())? };
/// copies.memcpy_dtoh(&cells, &mut host)?;
/// let data = host.as_slice()?;
/// ```
///
/// Here the ticket owns what the copy needs, and later writes wait on the device:
///
/// ```
/// use gpumem::{Buffer, Device};
///
/// let device = Device::host();
/// let mut cells = Buffer::from_slice(&device, "cells", &[1, 2, 3])?.into_async();
/// let ticket = cells.start_download()?;
/// cells.fill(9)?; // after the copy, without a wait here
/// let data = ticket.wait()?; // or `.await`
/// assert_eq!(*data, [1, 2, 3]);
/// # Ok::<(), gpumem::Error>(())
/// ```
///
/// # Both at once
///
/// The card is opened with its primary context, which `cust` and `cudarc` can use too, and so can libraries
/// on top of them. They get the address of a buffer (`Buffer::as_raw`, feature `cuda`).
/// Work that they queue on another stream than [`Device::stream`](crate::Device::stream) is announced with
/// [`Buffer::use_on`](crate::Buffer::use_on) or [`Buffer::bind`](crate::Buffer::bind).
pub mod coming_from {}
