//! Pages that explain; nothing is declared here.

/// How downloads stay safe.
///
/// An async download is a copy that a device makes by itself, into host memory, while the program goes on. This page lists what can
/// go wrong with such a copy, and with staged uploads, which are the same in the other direction; what prevents each; and the tests
/// that are there to fail without it. They are in `tests/tests/suite`, and run on every backend, where no other file is named.
///
/// # What it rests on
///
/// * **The borrow checker.** To start a download borrows the buffer for as long as the call lasts; whatever writes, grows or
///   drops it needs it mutably. So for each write and each download there is an order, the same on the host and on the device's queues.
/// * **Streams and events.** What is queued on one stream runs in order. An event is done when all is done that was on its stream before
///   it, and a stream that waits for an event does nothing that is queued behind the wait until then. CUDA promises this; on the host
///   streams are threads.
/// * **Unsafe code of the program.** A kernel of a card is launched by an `unsafe` call, which has to keep the conditions of the
///   method that gave it the address. Kernels on the host have none to keep.
///
/// The numbers below are those of the rules in `ARCHITECTURE.md`: 1, all that writes a buffer takes its turn on the compute stream, or on one that
/// the compute stream is put behind; 2, memory carries an event for each use on another stream, and whatever writes or frees it comes behind these; 3, a transfer belongs to its
/// stream with the pinned memory that it uses, and a ticket is a second reference only; 4, nothing is copied by itself into or from a slice that
/// the program has; 5, what can be read was written before; 6, what can fail is done before anything changes; 7, a drop never waits.
///
/// # The copy
///
/// | what could go wrong | what prevents it |
/// | --- | --- |
/// | it reads before the data is written | The download stream waits for an event behind all that was queued on the compute stream (1). <br> Tests: `a_download_returns_before_the_work_is_done`, `no_frame_is_torn` |
/// | the source is overwritten meanwhile | The buffer's memory carries the copy's event, and every write puts the compute stream behind it first, kernels included (1, 2). A `snapshot` buffer is copied on the device, in the compute stream, and the download reads that copy. <br> Tests: `a_download_shows_its_point_of_the_stream`, `snapshots_show_their_point_of_the_stream_too`, `no_frame_is_torn_on_a_slow_bus` |
/// | the source is freed meanwhile, by a drop or by growth | Memory with such an event is parked until the event is past, and belongs to nobody (2). <br> Tests: `memory_that_a_download_reads_is_not_used_again`, `tickets_and_guards_outlive_buffer_and_device`, `sequences_around_a_download_of_a_buffer_that_grows_in_place` |
/// | the target is read before the data is there | A ticket has no way to its memory. Only [`DownloadGuard`](crate::DownloadGuard) has, and it is made when the event was seen done (3). <br> Tests: `an_awaited_download_wakes_once_it_is_there`, `every_sequence_of_operations_around_a_download`, on a bus that brings a copy in parts |
/// | the target is freed or used again meanwhile | It is pinned memory of the runtime's, never a slice of the caller's (4). The stream itself keeps it until the event is done, whoever else lets go (3). <br> Tests: `every_sequence_of_operations_around_a_download`, `longer_sequences_around_a_download`, in which later transfers fit into the memory of tickets that were dropped |
/// | the target changes while a guard shows it | The guard owns the memory until it is dropped, and gives no `&mut` to it. <br> Tests: `every_sequence_of_operations_around_a_download`, which looks at each guard once more in the end; it does not compile: `tests/ui/usage/guard_is_written.rs` |
/// | the driver fails meanwhile | Nobody can tell when the copy ends, so its memory is given up and counted ([`DeviceStats::lost_bytes`](crate::DeviceStats)), and every wait ends with the error (2, 3). <br> Tests: `a_panic_fails_the_device_and_ends_every_wait`, `a_failed_device_ends_every_await_within_a_second` (`tests/tests/host.rs`), `a_failed_operation_leaves_the_buffer_as_it_was` (`tests/tests/faults.rs`) |
///
/// # Tickets and futures
///
/// | what could go wrong | what prevents it |
/// | --- | --- |
/// | a ticket is dropped, forgotten or leaked | It is a second reference only, so its destructor is needed for nothing but its slot (3). <br> Tests: `tickets_may_be_dropped_and_forgotten`, `forgotten_futures_keep_only_their_pinned_memory` |
/// | a future is cancelled, or moves to another thread | A future is a ticket; the thread that wakes has a weak reference to it (3). <br> Tests: `futures_may_be_dropped_at_every_poll`, `tasks_may_be_dropped_at_every_poll`, `futures_move_between_threads` |
/// | a wake-up is lost | The event is looked at again after it was put on the list, and the last waker is the one that counts; a wake-up is only a reason to look at the event again. <br> Tests: `an_awaited_download_wakes_once_it_is_there`, `the_last_waker_is_the_one_that_is_woken`, `executors_may_poll_from_many_threads` |
/// | a wake-up waits for later work | Transfers are woken in the order of their stream. <br> Tests: `an_earlier_download_does_not_wait_for_a_later_one`, `an_upload_wakes_the_task_that_awaits_it` |
/// | a waker drops the future, polls another one, or waits for its own thread | Wakers run while nothing is locked. One that would sleep until its own thread wakes it is refused with [`Error::WouldDeadlock`](crate::Error::WouldDeadlock). <br> Tests: `futures_may_be_dropped_by_and_beside_their_wakers`, `a_waker_that_waits_for_its_own_thread_is_refused` (`tests/tests/regressions/transfers.rs`) |
/// | the device is dropped first | What is in flight keeps what it needs of the device, and a thread waits for its end; awaiting keeps nothing of it alive (3, 7). <br> Tests: `pending_futures_outlive_buffers_and_device`, `an_awaited_download_outlives_buffer_and_device`, `the_wake_thread_keeps_no_device_open` |
/// | a wait inside a host kernel, for what is queued behind that kernel | It is refused with [`Error::WouldDeadlock`](crate::Error::WouldDeadlock). <br> Test: `a_kernel_cannot_wait_for_its_own_device` (`tests/tests/host.rs`) |
/// | no slot ever comes back to one who waits for it | A waiter is woken by each slot that comes back, and watches the copies that run. <br> Tests: `a_download_waits_for_a_slot`, `many_threads_wait_for_two_slots` |
///
/// # Frames
///
/// [`Downloads`](crate::Downloads): several buffers with one ticket.
///
/// | what could go wrong | what prevents it |
/// | --- | --- |
/// | a frame mixes two points of the stream | Its buffers are borrowed until all copies are queued, so nothing that writes one of them can be queued in between; and the copies wait once, for one event behind all that was queued before (1). <br> Tests: `a_frame_never_mixes_two_writes`, `a_selection_shows_one_point_of_the_stream`, `a_frame_waits_once_for_the_compute_stream` (`tests/tests/faults.rs`) |
/// | a part is taken for arrived when another is | All copies are in one stream and share one event, behind the last (3). <br> Tests: `a_frame_is_there_with_its_last_part`, `a_selection_arrives_together` |
/// | a frame is started in part | Slots, pinned memory and snapshots of all parts are taken first, and given back where one is missing. Copies that were queued before the driver failed run to their end unseen, and nobody gets their memory before (6, 3). <br> Tests: `a_selection_is_started_whole_or_not_at_all`, `a_frame_without_room_for_its_snapshots_changes_nothing`, `a_selection_that_fails_leaves_its_buffers_as_they_were` (`tests/tests/faults.rs`) |
/// | two that wait for slots of the same buffers wait for each other | All slots are taken in one step or none, so who waits holds none; more parts of a buffer than it has slots are refused. <br> Tests: `a_thread_that_waits_for_slots_holds_none`, `threads_wait_for_the_same_buffers_in_any_order`, `more_parts_than_slots_are_refused` |
/// | a task waits for a slot, and nobody wakes it, or where something is locked | It is told of each slot that comes back, of each new download, and of the end of the oldest; it looks for slots again after it has left its waker. Slots come back, and wakers run, only where nothing is locked. <br> Tests: `a_task_waits_for_a_slot`, `a_task_that_waits_for_a_slot_may_be_dropped`, `many_tasks_share_few_slots`, `tasks_may_run_where_a_slot_comes_back`, `a_failed_device_ends_the_wait_for_a_slot` (`tests/tests/host.rs`) |
/// | a part is given up, or the ticket dropped | The frame ends with an error that names the buffer; a dropped ticket gives back the slots of all parts. <br> Tests: `an_abandoned_part_ends_the_frame`, `frames_may_be_dropped_at_any_time` |
/// | a frame takes one buffer's bytes for another's elements | Element sizes are compared when a part is taken, whoever put the frame together, and any bits are an element (5). <br> Test: `a_frame_of_other_elements_is_refused` (`gpumem/src/buffer/download/frame.rs`) |
///
/// # Staged uploads
///
/// [`Stage`](crate::Stage) and [`Upload`](crate::Upload): the device reads pinned memory while the program goes on.
///
/// | what could go wrong | what prevents it |
/// | --- | --- |
/// | the program writes the stage while the device reads it | To send a stage takes it, and no reference to its elements outlives it. It does not compile: `tests/ui/usage/stage_after_its_commit.rs` |
/// | its memory is freed or used again meanwhile | The compute stream keeps it until the copy is done; the ticket has none of it (3). <br> Tests: `every_sequence_of_operations_around_an_upload`, `staged_uploads_run_in_the_order_of_the_stream` |
/// | the upload overtakes a download or a kernel that uses the buffer, or is overtaken | It is queued on the compute stream, behind the events of all other uses (1, 2). <br> Tests: `every_sequence_of_operations_around_an_upload`, `stages_are_sent_from_where_they_were_filled` |
/// | the buffer is used between filling and sending | The stage borrows it mutably. It does not compile: `tests/ui/usage/buffer_while_it_is_staged.rs` |
/// | memory is shown that nobody has written | Pinned memory is zeroed before the host first sees it (5). Later it holds what an earlier transfer of this device has left: of no other device and no other process, but set all elements. <br> Test: `a_stage_shows_no_memory_as_it_was_pinned` |
/// | the ticket is dropped or forgotten, or the device fails or goes | As for downloads. <br> Tests: `an_upload_is_awaited`, `tickets_of_a_failed_device_give_its_error_when_it_is_gone` (`tests/tests/regressions/transfers.rs`) |
///
/// # Streams of your own
///
/// [`Buffer::use_on`](crate::Buffer::use_on), [`Device::launch_on`](crate::Device::launch_on), and [`Bound`](crate::Bound), a buffer that is bound to one stream.
///
/// | what could go wrong | what prevents it |
/// | --- | --- |
/// | a kernel of the stream writes what a download reads | The stream is put behind the events of all other uses before it is given the buffer mutably, each time for a bound one (2). <br> Tests: `kernels_and_downloads_follow_the_stream_alone` (`tests/tests/bound.rs`), `a_bound_buffer_follows_its_stream` (`tests/tests/card.rs`) |
/// | a download, or the compute stream, reads what such a kernel still writes | A download of a bound buffer waits for its stream; all else goes by way of the compute stream, which is put behind that stream first (1, 2). <br> Tests: the same, and `kernels_on_streams_of_the_applications_own_are_waited_for` (`tests/tests/card.rs`) |
/// | the buffer is used past the binding | The binding borrows it mutably, and the set that it is in. It does not compile: `tests/ui/usage/set_while_a_buffer_is_bound.rs` |
/// | the guard is forgotten, so that the end of the use is not noted | On the host each kernel is noted at its launch. On a card, to end the use is a condition of the `unsafe` launch. <br> Test: `a_forgotten_binding_is_harmless` (`tests/tests/bound.rs`) |
/// | the buffer is dropped while the stream uses it | As for downloads: its memory is parked (2). <br> Tests: the same, and `closing_waits_for_kernels_that_use_dropped_buffers` (`tests/tests/regressions/ends.rs`) |
///
/// # How it is tested
///
/// * `interleavings.rs` does every sequence of up to four of sixteen operations around a download that is under way, and up to five of
///   the nine that matter most: starting, waiting, writing, growing, dropping and forgetting, other buffers that take the memory, and the end of
///   the device (on a card too; on a driver that is made of threads some are one shorter). Another set of sequences is around staged uploads. What each ticket and each guard shows, and
///   what the buffer holds in the end, is compared with a plain `Vec`.
/// * On the host the bus is made slow for that ([`testing::SlowBus`](crate#features), feature `testing`): a copy arrives in parts and takes its
///   time, so what is read too early, or written while it is copied, shows. The tests check that the copies really were under way.
/// * `tearing.rs` draws 10,000 frames of a buffer that a kernel writes all the time, with snapshots and without.
/// * `cancellation.rs` drops, moves and forgets futures at every poll.
/// * `tests/tests/faults.rs` fails each call to the backend once, in the middle of each operation.
/// * The suite runs on the host, on a CUDA driver that is made of threads, and on a card. None of this proves anything of a driver: it is taken
///   at its word.
///
/// # What is left to the program
///
/// * A guard that is kept, and a ticket that is forgotten, keep their slot. A waiter for a slot waits for them;
///   [`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads) frees those of tickets.
/// * A ticket that is forgotten, and whose buffer has gone, can no longer be given up: its pinned memory stays, and keeps the device open, for as
///   long as the program runs. The same holds for a forgotten stage.
/// * `start_download_wait` keeps the thread, so a task of an executor that waits in it for guards which other tasks of the same thread hold waits for
///   ever. A task awaits [`start_download_when_free`](crate::Buffer::start_download_when_free), or has as many places in a channel as there are slots, as
///   the example `stream` does.
/// * What is awaited on a card is waited for by a thread that asks the card again and again: for 20 µs all the time, then after pauses that grow to
///   50 µs. So an await may be that much later than a blocking wait, which takes a whole core meanwhile, as CUDA's waits do.
/// * A guard blocks nothing but its slot. What is drawn from it shows the moment at which the download was started, not the present.
pub mod downloads {}
