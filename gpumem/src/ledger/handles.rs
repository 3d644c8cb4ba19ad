//! What an application has of a device besides buffers: streams, and modules of kernels.

use super::LiveHandle;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The handles of one device that are alive. They are few, and not made in a hurry: one list, one lock.
#[derive(Debug, Default)]
pub(crate) struct Handles(Arc<List>);

type List = Mutex<Vec<(u64, LiveHandle)>>;

/// A place in the list, for as long as it lives. It keeps no device.
#[derive(Debug)]
pub(crate) struct Listed {
    number: u64,
    list: Arc<List>,
}

impl Handles {
    /// Lists a handle: of which `kind`, as messages call it, and the line that made it.
    pub(crate) fn add(&self, kind: &'static str, made_at: &'static Location<'static>) -> Listed {
        let mut list = locked(&self.0);
        let number = list.last().map_or(0, |(last, _)| last + 1);
        list.push((number, LiveHandle { kind, made_at }));
        Listed { number, list: self.0.clone() }
    }

    /// The handles that are alive, in the order in which they were made.
    pub(crate) fn list(&self) -> Vec<LiveHandle> {
        locked(&self.0).iter().map(|(_, handle)| handle.clone()).collect()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut list = locked(&self.list);
        if let Ok(index) = list.binary_search_by_key(&self.number, |(number, _)| *number) {
            list.remove(index);
        }
    }
}

/// Nothing in here can panic half way, so a poisoned list is whole.
fn locked(list: &List) -> MutexGuard<'_, Vec<(u64, LiveHandle)>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leaves_its_own_place() {
        let handles = Handles::default();
        let here = Location::caller();
        let kinds = || handles.list().iter().map(|handle| handle.kind).collect::<Vec<_>>();
        let [first, second, third] = ["first", "second", "third"].map(|kind| handles.add(kind, here));
        drop(second);
        assert_eq!(kinds(), ["first", "third"]);
        drop(third);
        let fourth = handles.add("fourth", here);
        drop(first);
        assert_eq!(kinds(), ["fourth"]);
        drop(handles);
        drop(fourth);
    }
}
