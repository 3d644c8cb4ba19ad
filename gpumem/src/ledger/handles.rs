//! The handles that an application has of a device besides buffers: streams, and modules of kernels.

use super::LiveHandle;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The live handles of one device. They are few and are made rarely, so one list with one lock is enough.
#[derive(Debug, Default)]
pub(crate) struct Handles(Arc<List>);

type List = Mutex<Vec<(u64, LiveHandle)>>;

/// A place in the list while this lives. It keeps no device alive.
#[derive(Debug)]
pub(crate) struct Listed {
    number: u64,
    list: Arc<List>,
}

impl Handles {
    /// Lists a handle, with its `kind` as messages name it and the line that made it.
    pub(crate) fn add(&self, kind: &'static str, made_at: &'static Location<'static>) -> Listed {
        let mut list = locked(&self.0);
        let number = list.last().map_or(0, |(last, _)| last + 1);
        list.push((number, LiveHandle { kind, made_at }));
        Listed { number, list: self.0.clone() }
    }

    /// The live handles, in the order in which they were made.
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

/// No code under this lock can panic half way, so a poisoned list is whole.
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
