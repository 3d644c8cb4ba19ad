//! The behavioural suite: what every backend must do, run on each of them.

mod contents;
mod downloads;
mod growth;
mod ledger;
mod model;
mod sets;

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
                // One at a time: they share a card, and a driver call that frees memory waits for the work of all of them,
                // which would spoil those cases that check what does not wait.
                let _turn = crate::TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                crate::$module::$case::<gpumem::Cuda>(&gpumem_tests::TestBackend::open);
            }
        )* })* }
    };
}

/// Whose turn it is on the card.
#[cfg(feature = "cuda")]
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

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

suite! {
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
    ledger {
        figures_are_counted
        leaks_are_reported_with_the_line_that_made_them
        devices_close_in_order
    }
    model {
        random_operations_agree_with_vecs
    }
    sets {
        a_set_goes_up_and_comes_down
        whole_set_operations_are_all_or_nothing
        a_frame_is_one_point_of_the_stream
        a_stolen_buffer_is_a_leak_of_its_set
    }
}
