//! The pickle and the trace, read by Python.

use crate::recording::{Folder, everything};
use gpumem_tests::AllocationLog;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a script with arguments. `None` without Python.
fn python(script: &str, arguments: &[&Path]) -> Option<Output> {
    let run = Command::new("python3").arg("-c").arg(script).args(arguments).output();
    let run = run.ok();
    if run.is_none() {
        println!("skipped: there is no `python3`");
    }
    run
}

/// The output of a script. A script that prints "skipped" lacks a package.
fn passes(script: &str, arguments: &[&Path]) {
    let Some(output) = python(script, arguments) else { return };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    print!("{out}");
}

const PICKLE: &str = r#"
import pickle, sys
data = open(sys.argv[1], "rb").read()
snapshot = pickle.loads(data)
assert data[:2] == b"\x80\x02"
assert set(snapshot) >= {"segments", "device_traces"}, set(snapshot)
live = {}
actions = set()
times = []
for entry in snapshot["device_traces"][0]:
    actions.add(entry["action"])
    times.append(entry["time_us"])
    assert entry["stream"] == 0 and isinstance(entry["frames"], list)
    if entry["action"] == "alloc":
        assert entry["addr"] not in live, entry
        live[entry["addr"]] = entry["size"]
    elif entry["action"] == "free_completed":
        assert live.pop(entry["addr"]) == entry["size"], entry
assert times == sorted(times)
assert actions == {"alloc", "free_requested", "free_completed", "segment_map", "segment_unmap", "oom"}, actions
blocks = {}
for segment in snapshot["segments"]:
    address = segment["address"]
    for block in segment["blocks"]:
        assert block["address"] == address
        address += block["size"]
        if block["state"] == "active_allocated":
            blocks[block["address"]] = block["size"]
    assert address == segment["address"] + segment["total_size"]
assert blocks == live, (len(blocks), len(live))
names = {frame["name"] for entry in snapshot["device_traces"][0] for frame in entry["frames"]}
assert "buffer `Points.positions`" in names and "buffer `tile_7`" in names, names
lines = {(frame["filename"].rsplit("/", 1)[-1], frame["line"] > 0) for entry in snapshot["device_traces"][0] if entry["action"] == "alloc" for frame in entry["frames"]}
assert lines == {("recording.rs", True)}, lines
print(len(times), "entries,", len(snapshot["segments"]), "segments")
"#;

const MEMORY_VIZ: &str = r#"
import importlib.util, os, pickle, sys
path = os.environ.get("GPUMEM_MEMORY_VIZ")
found = importlib.util.find_spec("torch")
if not path and found:
    path = os.path.join(found.submodule_search_locations[0], "cuda", "_memory_viz.py")
if not path:
    print("skipped: neither PyTorch nor GPUMEM_MEMORY_VIZ is there")
    sys.exit()
spec = importlib.util.spec_from_file_location("memory_viz", path)
viz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(viz)
snapshot = pickle.load(open(sys.argv[1], "rb"))
summary = viz.segsum(snapshot)  # it checks that the sizes add up
assert f"segments: {len(snapshot['segments'])}" in summary, summary
trace = viz.trace(snapshot)
assert " 60.0MiB requested" in trace, [line for line in trace.splitlines() if "Error" in line]
assert "MemoryViz.js" in viz.trace_plot(snapshot)
lines = viz.memory(snapshot, lambda lines: lines)
assert "buffer `Points.edges`" in lines, lines
print("read by", path)
"#;

const PERFETTO: &str = r#"
import sys
try:
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema
except ImportError:
    print("skipped: there is no package `perfetto`")
    sys.exit()
trace = schema.Trace()
data = open(sys.argv[1], "rb").read()
assert trace.ParseFromString(data) == len(data)
assert trace.SerializeToString(deterministic=True) and not trace.FindInitializationErrors()
tracks, open_slices, counters, instants, slices = {}, {}, {}, [], []
for packet in trace.packet:
    assert packet.trusted_packet_sequence_id == 1
    kind = packet.WhichOneof("data")
    assert kind in ("track_descriptor", "track_event"), kind
    if kind == "track_descriptor":
        track = packet.track_descriptor
        assert track.uuid not in tracks and (not track.HasField("parent_uuid") or track.parent_uuid in tracks)
        tracks[track.uuid] = track
        continue
    event = packet.track_event
    assert event.track_uuid in tracks
    name = tracks[event.track_uuid].name
    if event.type == event.TYPE_COUNTER:
        assert tracks[event.track_uuid].counter.unit == schema.CounterDescriptor.UNIT_SIZE_BYTES
        counters.setdefault(name, []).append((packet.timestamp, event.counter_value))
    elif event.type == event.TYPE_SLICE_BEGIN:
        assert event.track_uuid not in open_slices, (name, "two slices overlap")
        open_slices[event.track_uuid] = packet.timestamp
        slices.append((name, event.name))
    elif event.type == event.TYPE_SLICE_END:
        assert open_slices.pop(event.track_uuid) <= packet.timestamp
    else:
        assert event.type == event.TYPE_INSTANT
        instants.append((name, event.name))
assert not open_slices
assert {"live bytes", "held bytes", "Points.positions", "Points.edges"} <= set(counters), set(counters)
for line in counters.values():
    assert line == sorted(line) and all(value >= 0 for _, value in line)
assert ("downloads", "Points.positions") in slices and ("uploads", "Points.edges") in slices
assert ("events", "pressure callback") in slices
assert ("launches", "kernel") in instants and ("events", "no memory for too_large") in instants
assert ("events", "trim") in instants
assert any(name.startswith("Points.positions grew") for _, name in instants), instants

# Nothing that the schema does not know.
def unknown(message):
    from google.protobuf import unknown_fields
    assert len(unknown_fields.UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
        if field.message_type:
            for inner in value if repeated else [value]:
                unknown(inner)
unknown(trace)
print(len(trace.packet), "packets")
"#;

#[test]
fn python_reads_the_pickle() {
    let folder = Folder::new("pickle");
    let path = folder.file("run.pickle");
    everything().write_to(&path).unwrap();
    passes(PICKLE, &[&path]);
    passes(MEMORY_VIZ, &[&path]);
}

#[test]
fn the_schema_of_perfetto_knows_the_trace() {
    let folder = Folder::new("perfetto");
    let path = folder.file("run.pftrace");
    everything().write_to(&path).unwrap();
    passes(PERFETTO, &[&path]);
}

#[test]
fn the_log_of_everything_is_in_order() {
    let folder = Folder::new("csv");
    let path = folder.file("run.csv");
    everything().write_to(&path).unwrap();
    let log = AllocationLog::read(&std::fs::read_to_string(path).unwrap());
    assert_eq!(log.failed, 1);
    assert!(log.taken > 240 && log.live.len() > 100, "{log:?}");
}
