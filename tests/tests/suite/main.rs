//! The behavioural suite: what every backend must do, run on each of them.

mod awaits;
mod cancellation;
mod contents;
mod downloads;
mod frames;
mod growth;
mod interleavings;
mod ledger;
mod limits;
mod model;
mod pressure;
mod segments;
mod sets;
mod slots;
mod tasks;
mod threads;
mod torn;
mod transfers;
mod twin;
mod uploads;

/// Makes a test of each function on each backend. A function takes the means to open devices, so that it can set limits.
macro_rules! suite {
    ($($module:ident { $($case:ident)* })*) => {
        mod host { $(mod $module { $(
            #[test]
            fn $case() {
                crate::$module::$case::<gpumem::Host>(&gpumem_tests::TestBackend::open);
            }
        )* })* }

        #[cfg(feature = "cuda")]
        mod cuda { $(mod $module { $(
            #[test]
            fn $case() {
                let _turn = gpumem_tests::cuda::turn();
                crate::wait_for_ends();
                crate::$module::$case::<gpumem::Cuda>(&gpumem_tests::TestBackend::open);
            }
        )* })* }
    };
}

/// Waits for the threads on which devices of earlier cases end: what they give back is such a call.
#[cfg(feature = "cuda")]
fn wait_for_ends() {
    let ends = |thread: std::io::Result<std::fs::DirEntry>| {
        let name = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("comm")));
        name.is_ok_and(|name| name.trim() == "gpumem-finish")
    };
    // Where there is no such folder, nobody can tell.
    while std::fs::read_dir("/proc/self/task").is_ok_and(|mut threads| threads.any(ends)) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// How a case gets a device: `None` when the machine has none.
type Open<'a, B> = &'a dyn Fn(gpumem::DeviceBuilder) -> Option<gpumem::Device<B>>;

/// Opens a device with default settings, or ends the case.
macro_rules! open {
    ($open:expr) => {
        open!($open, gpumem::Device::builder())
    };
    ($open:expr, $builder:expr) => {
        match $open($builder) {
            Some(device) => device,
            None => return,
        }
    };
}
use open;

/// Where a test is, told when it panics there.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was in {}", self.0);
        }
    }
}

suite! {
    awaits {
        an_awaited_download_wakes_once_it_is_there
        the_last_waker_is_the_one_that_is_woken
        an_earlier_download_does_not_wait_for_a_later_one
        executors_may_poll_from_many_threads
        a_wait_with_a_timeout_keeps_the_ticket
        the_poller_is_nobodys_handle
        an_awaited_download_outlives_buffer_and_device
        a_download_waits_for_a_slot
        many_threads_wait_for_two_slots
    }
    cancellation {
        futures_may_be_dropped_at_every_poll
        tasks_may_be_dropped_at_every_poll
        futures_move_between_threads
        futures_may_be_dropped_by_and_beside_their_wakers
        pending_futures_outlive_buffers_and_device
        forgotten_futures_harm_nobody
    }
    contents {
        uploads_of_every_size_come_back
        elements_of_every_size_are_filled
        resize_shows_zeros_and_never_old_data
        writes_outside_are_refused_and_change_nothing
        views_read_and_write_ranges
        copies_between_buffers_stay_on_the_device
        kernels_take_their_turn
        many_small_writes_do_not_pin_without_bound
    }
    growth {
        the_factor_decides_and_the_limit_caps
        near_the_device_limit_growth_falls_back_to_the_need
        asking_beyond_a_limit_changes_nothing
        sizes_that_overflow_are_refused
        min_is_kept_from_the_start_and_by_shrinking
        memory_of_dropped_buffers_is_used_again
        threads_never_pass_the_limit_together
        specifications_that_cannot_work_are_refused
        an_allocation_waits_for_all_that_is_retired
        the_first_memory_is_taken_once
        growing_waits_for_no_kernel
        a_factor_beyond_all_memory_falls_back_to_the_need
    }
    downloads {
        a_download_returns_before_the_work_is_done
        a_download_shows_its_point_of_the_stream
        two_slots_and_no_more
        tickets_may_be_dropped_and_forgotten
        tickets_and_guards_outlive_buffer_and_device
        ranges_and_nothing_at_all
        many_threads_download_one_buffer
        dropping_never_waits
        the_number_of_slots_is_a_setting
        snapshots_show_their_point_of_the_stream_too
        a_snapshot_without_room_changes_nothing
    }
    frames {
        a_selection_arrives_together
        a_frame_is_there_with_its_last_part
        a_selection_shows_one_point_of_the_stream
        a_frame_never_mixes_two_writes
        a_selection_is_started_whole_or_not_at_all
        a_frame_without_room_for_its_snapshots_changes_nothing
        one_buffer_may_come_up_more_than_once
        more_parts_than_slots_are_refused
        buffers_of_another_device_are_refused
        who_waits_for_slots_holds_none
        threads_wait_for_the_same_buffers_in_any_order
        frames_are_awaited_and_waited_for
        an_abandoned_part_ends_the_frame
        frames_may_be_dropped_at_any_time
        a_set_is_started_whole_or_not_at_all
        a_frame_of_a_set_is_waited_for_in_every_way
    }
    interleavings {
        downloads_under_way
        downloads_under_way_for_longer
        downloads_of_buffers_that_grow_in_place
        uploads_under_way
    }
    ledger {
        figures_are_counted
        leaks_are_reported_with_the_line_that_made_them
        a_stream_that_is_alive_is_named
        devices_close_in_order
        shadows_that_went_back_are_not_listed
    }
    limits {
        threads_get_exactly_the_limit
        what_lives_never_passes_the_limit
        what_fits_at_any_time_is_never_refused
        growth_in_place_falls_back_to_the_need
        what_is_held_stays_within_the_limit
        a_busy_stream_does_not_widen_the_limit
        no_memory_is_there_that_cannot_be_had
        memory_is_taken_freely_while_there_is_plenty
        near_the_limit_every_byte_can_be_had
        trimming_gives_back_what_is_asked_for
        keep_bounds_what_is_free
        keeping_nothing_holds_as_soon_as_the_stream_is_idle
        slabs_that_two_threads_took_at_once_go_back
        idle_memory_goes_back_after_a_while
        the_idle_thread_is_nobodys_handle
        what_is_shed_is_not_unmapped_under_a_kernel
    }
    model {
        random_operations_agree_with_vecs
    }
    pressure {
        pressure_is_told_of_once_and_may_be_relieved
        a_callback_that_allocates_does_not_call_itself
        growth_that_can_do_with_less_is_no_pressure
        what_a_download_reads_is_not_used_again
        an_allocation_that_needs_it_waits_for_what_is_read
        defragmenting_joins_and_gives_back
        a_report_knows_what_threads_have_let_go
        bad_input_is_refused_with_its_figures
    }
    segments {
        large_buffers_grow_where_they_are
        a_buffer_moves_once_on_its_way_out_of_the_pool
        stable_buffers_never_move
        shrinking_gives_memory_back_that_was_taken_at_once
        stable_buffers_take_no_segment_that_cannot_grow
        an_emptied_stable_buffer_gives_its_addresses_back
        a_max_beyond_all_addresses_still_grows_in_place
        free_segments_serve_the_next_buffer
        free_chunks_serve_the_next_growth
        pooled_blocks_waste_at_most_an_eighth
        freed_blocks_come_back_in_the_order_of_the_stream
        blocks_freed_by_another_thread_come_home
    }
    sets {
        a_set_goes_up_and_comes_down
        whole_set_operations_are_all_or_nothing
        a_frame_is_one_point_of_the_stream
        a_stolen_buffer_is_a_leak_of_its_set
    }
    slots {
        a_task_waits_for_a_slot
        a_task_that_waits_for_a_slot_may_go
        many_tasks_share_few_slots
        tasks_may_run_where_a_slot_comes_back
    }
    threads {
        a_million_operations_on_eight_threads
    }
    torn {
        no_frame_is_torn
        no_frame_is_torn_on_a_slow_bus
    }
    transfers {
        large_transfers_of_every_size_come_back
        large_uploads_take_their_turn
        memory_of_a_large_upload_is_used_again_in_order
        threads_transfer_at_the_same_time
        stages_are_sent_from_where_they_were_filled
        stages_take_their_turn
    }
    uploads {
        an_upload_is_awaited
        an_upload_wakes_whoever_awaits_it
        a_stage_shows_no_memory_as_it_was_pinned
        nothing_to_send_is_there_at_once
        a_stage_that_can_never_be_committed_pins_nothing
    }
}
