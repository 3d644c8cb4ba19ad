//! Pages that explain; nothing is declared here.

/// How downloads stay safe.
///
/// An async download is a copy that a device makes by itself, into host memory, while the program goes on. This page lists what can
/// go wrong with such a copy, what prevents each, the rule of `ARCHITECTURE.md` that it rests on and the test that would fail without
/// it (in `tests/tests/suite`, where no other file is named).
///
/// | what could go wrong | what prevents it | rule | test |
/// | --- | --- | --- | --- |
/// | the copy reads before the data is written | the download stream waits for an event behind all that was queued on the compute stream | 1, order | `a_download_returns_before_the_work_is_done` |
/// | the source is overwritten during the copy | the buffer's memory carries the copy's event, and every write puts it in front of the compute stream first; a `snapshot` buffer is copied on the device | 1 and 2, pending uses | `a_download_shows_its_point_of_the_stream`, `snapshots_show_their_point_of_the_stream_too` |
/// | the source is freed during the copy, by a drop or by growth | memory with such an event is parked until the event is past, and belongs to nobody | 2 | `what_a_download_reads_is_not_used_again`, `tickets_and_guards_outlive_buffer_and_device` |
/// | the target is read before the data is there | a ticket has no way to its memory; only [`DownloadGuard`](crate::DownloadGuard) has, and it is made when the event was seen done | 3, in flight | `an_awaited_download_wakes_once_it_is_there` |
/// | the target is freed or used again during the copy | it is pinned memory of the runtime's, never a slice of the caller's; the stream itself keeps it until the event is done, whoever else lets go | 3 and 4 | `tickets_may_be_dropped_and_forgotten` |
/// | the ticket is dropped, forgotten or leaked | it is a second reference only, so its destructor is not needed for anything but its slot | 3 | `tickets_may_be_dropped_and_forgotten` |
/// | a future is cancelled, or its waker goes | a future is a ticket; the thread that wakes has a weak reference, and a wake-up is only a reason to look at the event again | 3 | `futures_may_be_dropped_at_every_poll`, `the_last_waker_is_the_one_that_is_woken` |
/// | a wake-up is lost | the event is looked at again after it was put on the list, and ends in the order of its stream | 3 | `an_awaited_download_wakes_once_it_is_there`, `executors_may_poll_from_many_threads`, `an_earlier_download_does_not_wait_for_a_later_one` |
/// | the device is dropped first | what is in flight keeps what it needs of the device, and a thread waits for its end | 7, drop | `an_awaited_download_outlives_buffer_and_device`, `the_poller_is_nobodys_handle` |
/// | the driver fails during the copy | nobody can tell when the copy ends, so its memory is given up and counted ([`DeviceStats::lost_bytes`](crate::DeviceStats)); every wait ends with the error | 3 | `a_failed_device_ends_every_await_within_a_second` (`tests/tests/host.rs`) |
/// | a wait inside a host kernel, for what is queued behind that kernel | it is refused with [`Error::WouldDeadlock`](crate::Error::WouldDeadlock) | | `a_kernel_cannot_wait_for_its_own_device` (`tests/tests/host.rs`) |
/// | no slot ever comes back to one who waits for it | a waiter is woken by each slot that comes back, and watches the copies that run | | `a_download_waits_for_a_slot`, `many_threads_wait_for_two_slots` |
/// | a frame mixes two points of the stream | its buffers are borrowed until all copies are queued, so nothing that writes one of them can be queued in between, and the copies wait once, for one event behind all that was queued before | 1 | `a_frame_never_mixes_two_writes`, `a_selection_shows_one_point_of_the_stream`, `a_frame_waits_once_for_the_compute_stream` (`tests/tests/faults.rs`) |
/// | a part of a frame is taken for arrived when another is | all copies are in one stream and share one event, behind the last | 3 | `a_selection_arrives_together` |
/// | a frame is started in part | slots, pinned memory and snapshots of all parts are taken first, and given back where one is missing; copies that were queued before the driver failed run to their end unseen, and nobody gets their memory before | 6, all or nothing | `a_selection_is_started_whole_or_not_at_all`, `a_frame_without_room_for_its_snapshots_changes_nothing`, `a_selection_that_fails_leaves_its_buffers_as_they_were` (`tests/tests/faults.rs`) |
/// | two that wait for slots of the same buffers wait for each other | all slots are taken in one step or none, so who waits holds none; more parts of a buffer than it has slots are refused | | `who_waits_for_slots_holds_none`, `threads_wait_for_the_same_buffers_in_any_order`, `more_parts_than_slots_are_refused` |
/// | a frame takes one buffer's bytes for another's elements | element sizes are compared when a part is taken, whoever put the frame together, and any bits are an element | 5, initialised | `a_frame_of_other_elements_is_refused` (`gpumem/src/buffer/frame.rs`) |
///
/// What is left to the program: a guard that is kept, and a ticket that is forgotten, keep their slot. A waiter for a slot waits for
/// them; [`Buffer::abandon_downloads`](crate::Buffer::abandon_downloads) frees those of tickets.
pub mod downloads {}
