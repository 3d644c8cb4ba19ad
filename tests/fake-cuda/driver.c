// A CUDA driver made of threads: the part of libcuda that the CUDA half of the tests needs on a machine
// without a card.
//
// Every CUDA stream is a thread with a queue, and events order these threads. Device memory is heap memory,
// so that a memory checker sees how the backend uses it. Calls that wait for running kernels on a card wait
// here too. This driver is strict where the real one is lenient: a call that the backend must not make ends
// the program. It knows the kernels of the tests by name (`add_one`, `occupy`, and `pair`, whose blocks come
// in clusters of two) and compiles nothing. A kernel with the address 0 fails the context for good, as an
// illegal access does. Calls in a forked child or in a context that has ended are refused. So are calls that
// a capture forbids, and each of these also spoils the capture. Captures can be begun and ended, but record
// nothing.
//
// Functions that are missing here come from the stand-in, which answers "not initialised" (see
// xtask/src/cuda.rs).
//
// Environment variables:
//
//   FAKE_CUDA_SLOW=N            each piece of work begins N microseconds late
//   FAKE_CUDA_NO_POOLS=1        the device has no stream-ordered memory
//   FAKE_CUDA_NO_VMM=1          the device has no virtual memory
//   FAKE_CUDA_NO_BATCHES=1      the library has no cuMemcpyBatchAsync, as before CUDA 12.8
//   FAKE_CUDA_MEMORY=N          the device has N MiB; by default it reports 2 GiB, half of them in use
//                               by other processes, and never runs out
//   FAKE_CUDA_REFUSE_ACCESS=1   cuMemSetAccess fails
//   FAKE_CUDA_VERSION=N         the version that the driver reports
//
// The driver's data is gone once its destructor has run, as it is with the real driver.
//
// A test that finds `fake_cuda_refuse` in the library can make calls fail.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef int Code;
typedef void *Handle;
typedef uint64_t Address;

enum {
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
  INVALID_PTX = 218, UNSUPPORTED_PTX_VERSION = 222, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700,
  CONTEXT_IS_DESTROYED = 709, NOT_PERMITTED = 800, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_WRONG_THREAD = 908,
  INVALID_CLUSTER_SIZE = 912,
};

static void insist(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "fake-cuda: the backend must not do this: %s\n", what);
  abort();
}

static int is_set(const char *variable) {
  const char *value = getenv(variable);
  return value && strcmp(value, "0") != 0;
}

// -- Contexts: one stack per thread, and one primary context, which is reference-counted.

static __thread Handle stack[16];
static __thread int depth;
static char primary;
static int retained;
static volatile int failed;

static void wait_for_everything(void);
static Handle current(void) { return depth ? stack[depth - 1] : NULL; }

// A forked child has neither the threads of this driver nor the state of a real one.
static volatile int forked;
static void note_fork(void) { forked = 1; }
__attribute__((constructor)) static void begin(void) { pthread_atfork(NULL, NULL, note_fork); }

// The destructor runs while other threads go on, so it gives them time for a call that is too late.
static volatile int gone;
__attribute__((destructor)) static void end(void) { gone = 1; usleep(30000); }

// How many of the next calls of this thread are refused, and the code that they answer.
static __thread int refusals;
static __thread Code refusal;
void fake_cuda_refuse(Code code, int calls) { refusal = code; refusals = calls; }

// Like fake_cuda_refuse, but refuses one call, after `calls` calls that are answered. Returns whether the
// call that was chosen last has been made.
static __thread int answered;
int fake_cuda_refuse_after(Code code, int calls) {
  int made = !refusals;
  refusal = code, answered = calls, refusals = calls >= 0;
  return made;
}

// How many of the next event queries and event waits are refused. The thread that sets this is exempt.
static int wait_refusals;
static Code wait_refusal;
static pthread_t exempt;
void fake_cuda_refuse_waits(Code code, int calls) { exempt = pthread_self(); wait_refusal = code; wait_refusals = calls; }
static int refuses_wait(void) {
  return wait_refusals > 0 && !pthread_equal(exempt, pthread_self()) && __sync_fetch_and_sub(&wait_refusals, 1) > 0;
}

static volatile int reset; // Since the context was last retained.

static Code usable(void) {
  insist(!gone, "to call the driver after its end");
  if (forked) return NOT_INITIALIZED;
  if (!current()) return INVALID_CONTEXT;
  if (current() == (Handle)&primary && reset) return CONTEXT_IS_DESTROYED;
  if (current() == (Handle)&primary && !retained) return CONTEXT_IS_DESTROYED;
  if (failed) return ILLEGAL_ADDRESS;
  if (!refusals || (answered > 0 && answered--)) return SUCCESS;
  refusals--;
  return refusal;
}

// The first check of every call on a context.
#define NEEDS_CONTEXT       \
  Code usable_ = usable(); \
  if (usable_) return usable_;

// The real driver dereferences a stream that was destroyed with its context.
#define INSIST_ALIVE insist(!reset, "to use a stream of a context that was reset");

// -- Captures. A capture of mode 0 (global) forbids calls to all threads, one of mode 1 to the capturing
// thread, and one of mode 2 to no thread. A thread in mode 0 obeys all of these captures, a thread in mode 1
// only its own, and a thread in mode 2 none.

static int global_captures;       // Running captures of mode 0.
static unsigned spoilt;           // How many calls a capture has forbidden.
static __thread int own_captures; // Running captures of modes 0 and 1 of this thread.
static __thread unsigned mode;

static int forbidden(void) {
  if (mode == 2 || !((mode == 0 && global_captures) || own_captures)) return 0;
  __sync_fetch_and_add(&spoilt, 1);
  return 1;
}
#define FORBIDDEN_IN_CAPTURE NEEDS_CONTEXT if (forbidden()) return CAPTURE_UNSUPPORTED;

Code cuThreadExchangeStreamCaptureMode(unsigned *exchanged) {
  if (forked) return NOT_INITIALIZED;
  unsigned former = mode;
  insist(*exchanged <= 2, "to ask for a mode of capture that there is not");
  mode = *exchanged;
  *exchanged = former;
  return SUCCESS;
}

Code cuInit(unsigned flags) { (void)flags; return forked ? NOT_INITIALIZED : SUCCESS; }
Code cuDriverGetVersion(int *version) {
  const char *set = getenv("FAKE_CUDA_VERSION");
  *version = set ? atoi(set) : 13000;
  return SUCCESS;
}
Code cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
Code cuDeviceGet(int *device, int number) { *device = number; return number == 0 ? SUCCESS : INVALID_DEVICE; }
Code cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device;
  switch (attribute) {
    case 2: case 3: *value = 1024; break; // The most threads of a block along x and y,
    case 4: *value = 64; break;           // and along z.
    case 5: *value = 0x7fffffff; break;   // The most blocks of a grid along x,
    case 6: case 7: *value = 65535; break; // and along y and z.
    case 97: *value = 227 << 10; break; // The most dynamic shared memory.
    case 102: *value = !is_set("FAKE_CUDA_NO_VMM"); break;   // Virtual memory.
    case 115: *value = !is_set("FAKE_CUDA_NO_POOLS"); break; // Stream-ordered memory.
    default: insist(0, "to ask for an attribute that is not known here");
  }
  return SUCCESS;
}
Code cuDeviceGetName(char *name, int room, int device) {
  (void)device;
  snprintf(name, (size_t)room, "Threads as a card");
  return SUCCESS;
}

Code cuDevicePrimaryCtxRetain(Handle *context, int device) {
  (void)device;
  __sync_fetch_and_add(&retained, 1);
  reset = 0;
  *context = &primary;
  return SUCCESS;
}
Code cuDevicePrimaryCtxRelease_v2(int device) {
  (void)device;
  if (forked) return NOT_INITIALIZED;
  if (retained == 1) wait_for_everything(); // The last release ends the context.
  insist(__sync_sub_and_fetch(&retained, 1) >= 0, "to release the primary context more often than it retained it");
  return SUCCESS;
}
Code cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
  (void)device;
  *flags = 0;
  *active = retained > 0;
  return SUCCESS;
}
Code cuDevicePrimaryCtxReset_v2(int device) { (void)device; reset = 1; return SUCCESS; }
Code cuCtxGetApiVersion(Handle context, unsigned *version) {
  if (forked) return NOT_INITIALIZED;
  if (context == (Handle)&primary && (reset || !retained)) return INVALID_CONTEXT;
  *version = 3020;
  return SUCCESS;
}

Code cuCtxGetCurrent(Handle *context) { *context = current(); return forked ? NOT_INITIALIZED : SUCCESS; }
Code cuCtxSetCurrent(Handle context) {
  if (!depth) depth = 1;
  stack[depth - 1] = context;
  return SUCCESS;
}
Code cuCtxPushCurrent_v2(Handle context) {
  insist(depth < 16, "to push contexts without popping them");
  stack[depth++] = context;
  return SUCCESS;
}
Code cuCtxPopCurrent_v2(Handle *context) {
  if (!depth) return INVALID_CONTEXT;
  *context = stack[--depth];
  return SUCCESS;
}
Code cuCtxCreate_v2(Handle *context, unsigned flags, int device) {
  (void)flags, (void)device;
  *context = malloc(1);
  return cuCtxPushCurrent_v2(*context);
}
Code cuCtxDestroy_v2(Handle context) {
  if (current() == context) depth--;
  free(context);
  return SUCCESS;
}

// -- Codes as text. Most codes have no text here. A driver may answer so for a code that it does not know.

static Code word(Code code, const char **text, const char *illegal, const char *invalid) {
  *text = code == ILLEGAL_ADDRESS ? illegal : code == INVALID_VALUE ? invalid : NULL;
  return *text ? SUCCESS : INVALID_VALUE;
}
Code cuGetErrorName(Code code, const char **name) {
  return word(code, name, "CUDA_ERROR_ILLEGAL_ADDRESS", "CUDA_ERROR_INVALID_VALUE");
}
Code cuGetErrorString(Code code, const char **text) {
  return word(code, text, "an illegal memory access was encountered", "invalid argument");
}

// -- Streams and events. One lock protects everything, since this is for tests.

typedef struct Point { int done; } Point; // One per recording of an event. Never freed.
typedef struct { Point *point; } Event;

typedef struct Work {
  enum { COPY, BYTES, HALVES, WORDS, ADD_ONE, OCCUPY, FREE, WAIT, RECORD, PAIR } kind;
  Address to, from;
  size_t count;
  unsigned value;
  Point *point;
  struct Work *next;
} Work;

typedef struct Stream {
  Work *first, *last;
  int closed;
  int capture; // The mode of its capture plus 1, or 0.
  pthread_t capturing;
  unsigned spoilt; // The global `spoilt` when the capture began.
  struct Stream *next;
} Stream;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int unfinished; // Pieces of work on all streams.
static Stream *streams; // All streams that have not ended.

static int overlap(Address a, size_t bytes_a, Address b, size_t bytes_b) {
  return bytes_a && bytes_b && a < b + bytes_b && b < a + bytes_a;
}

// The number of bytes that a piece of work uses from `to` on, and from `from` on if it has a source.
static size_t extent(const Work *work) {
  switch (work->kind) {
    case COPY: case BYTES: return work->count;
    case HALVES: return 2 * work->count;
    case WORDS: case ADD_ONE: return 4 * work->count;
    default: return 0;
  }
}

// Memory that is freed or unmapped must not be in use by running or queued work, on any stream. Under the
// lock.
static void insist_unused(Address address, size_t bytes, const char *what) {
  static const char *const names[] = {"a copy", "a fill of bytes", "a fill of halves", "a fill of words", "`add_one`"};
  for (const Stream *stream = streams; stream && !failed; stream = stream->next) {
    for (const Work *work = stream->first; work; work = work->next) {
      size_t touched = extent(work);
      int used = overlap(work->to, touched, address, bytes);
      if (work->kind == COPY) used |= overlap(work->from, touched, address, bytes);
      if (!used) continue;
      char text[256];
      snprintf(text, sizeof text, "%s (%#lx, %zu bytes) while %s uses it, which is %s (to %#lx, from %#lx, %zu bytes)", what,
               (unsigned long)address, bytes, names[work->kind], work == stream->first ? "next or running" : "queued",
               (unsigned long)work->to, (unsigned long)work->from, touched);
      insist(0, text);
    }
  }
}

// -- Memory. One list per kind; under the lock.

// Heap memory that stands for device memory, or pinned memory.
typedef struct Block { Address address; size_t bytes; int pinned, freed; struct Block *next; } Block;
static Block *blocks;
static size_t used; // Bytes of device memory.

// Physical memory: a file, so that its bytes survive an unmapping. The address of this struct is the handle.
// The struct is never freed, so that a released handle is recognised.
typedef struct Chunk { int file; size_t bytes; struct Chunk *next; } Chunk;
static Chunk *chunks;

typedef struct Range { Address address; size_t bytes; struct Range *next; } Range; // Reserved addresses.
static Range *ranges;

typedef struct Mapping { Address address; size_t bytes; Chunk *chunk; int accessible; struct Mapping *next; } Mapping;
static Mapping *mappings;

enum { UNIT = 2 << 20 };

static void device_memory(size_t *free_bytes, size_t *total) {
  const char *set = getenv("FAKE_CUDA_MEMORY");
  *total = set ? (size_t)strtoull(set, NULL, 10) << 20 : 2ul << 30;
  size_t ours = set ? *total : 1ul << 30;
  *free_bytes = ours > used ? ours - used : 0;
}

// Takes `bytes` of the device's memory, or returns 0 if there are too few.
static int account(size_t bytes) {
  size_t free_bytes, total;
  device_memory(&free_bytes, &total);
  if (bytes > 1ul << 40 || (getenv("FAKE_CUDA_MEMORY") && bytes > free_bytes)) return 0;
  used += bytes;
  return 1;
}

static Block **block_at(Address address, int pinned) {
  Block **link = &blocks;
  while (*link && ((*link)->address != address || (*link)->pinned != pinned)) link = &(*link)->next;
  insist(*link && !(*link)->freed, "to free what was not taken, or is freed already");
  return link;
}

static void give_back(Block **link) {
  Block *block = *link;
  *link = block->next;
  if (!block->pinned) used -= block->bytes;
  free((Handle)block->address);
  free(block);
}

static Code take(Address *address, size_t bytes, size_t alignment, int pinned) {
  insist(bytes > 0, "to take no memory");
  if (bytes > 1ul << 40) return OUT_OF_MEMORY;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  pthread_mutex_lock(&lock);
  Handle memory = pinned || account(bytes) ? aligned_alloc(alignment, bytes) : NULL;
  if (memory) {
    Block *block = malloc(sizeof *block);
    *block = (Block){.address = *address = (Address)memory, .bytes = bytes, .pinned = pinned, .next = blocks};
    blocks = block;
  }
  pthread_mutex_unlock(&lock);
  return memory ? SUCCESS : OUT_OF_MEMORY;
}

// The mapping that `address` lies in.
static Mapping *mapping_of(Address address) {
  Mapping *mapping = mappings;
  while (mapping && !overlap(address, 1, mapping->address, mapping->bytes)) mapping = mapping->next;
  return mapping;
}

// Reserved addresses must have memory when work on them is queued. Other addresses are not checked.
static void insist_mapped(Address address, size_t bytes) {
  const Range *range = ranges;
  while (range && !overlap(address, bytes, range->address, range->bytes)) range = range->next;
  if (!range) return;
  for (Address end = address + bytes; address < end;) {
    const Mapping *mapping = mapping_of(address);
    insist(mapping != NULL, "to queue work on addresses where nothing is mapped");
    insist(mapping->accessible, "to queue work on mapped memory without access to it");
    address = mapping->address + mapping->bytes;
  }
}

static void run(const Work *work) {
  const char *slow = getenv("FAKE_CUDA_SLOW");
  if (slow) usleep((useconds_t)atoi(slow));
  if (failed) return;
  Handle to = (Handle)work->to;
  switch (work->kind) {
    case COPY: memcpy(to, (Handle)work->from, work->count); break;
    case BYTES: memset(to, (int)work->value, work->count); break;
    case HALVES: for (size_t i = 0; i < work->count; i++) ((uint16_t *)to)[i] = (uint16_t)work->value; break;
    case WORDS: for (size_t i = 0; i < work->count; i++) ((uint32_t *)to)[i] = work->value; break;
    case ADD_ONE:
      if (!to && work->count) failed = 1;
      for (size_t i = 0; to && i < work->count; i++) ((uint32_t *)to)[i]++;
      break;
    case OCCUPY: {
      struct timespec time = {(time_t)(work->to / 1000000000), (long)(work->to % 1000000000)};
      nanosleep(&time, NULL);
      break;
    }
    case FREE: // The block is found by its address. It is marked as freed, so no other call frees it.
      pthread_mutex_lock(&lock);
      for (Block **link = &blocks; *link; link = &(*link)->next) {
        if ((*link)->address != work->to) continue;
        give_back(link);
        break;
      }
      pthread_mutex_unlock(&lock);
      break;
    default: break;
  }
}

static void *serve(void *argument) {
  Stream *stream = argument;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (!stream->first && !stream->closed) pthread_cond_wait(&changed, &lock);
    Work *work = stream->first;
    if (!work) break;
    if (work->kind == WAIT) {
      while (!work->point->done && !failed) pthread_cond_wait(&changed, &lock);
    } else if (work->kind == RECORD) {
      work->point->done = 1;
    } else {
      pthread_mutex_unlock(&lock);
      run(work);
      pthread_mutex_lock(&lock);
    }
    stream->first = work->next;
    if (!stream->first) stream->last = NULL;
    free(work);
    unfinished--;
    pthread_cond_broadcast(&changed);
  }
  Stream **link = &streams;
  while (*link != stream) link = &(*link)->next;
  *link = stream->next;
  pthread_mutex_unlock(&lock);
  free(stream);
  return NULL;
}

static pthread_mutex_t queueing = PTHREAD_MUTEX_INITIALIZER;

static Code queue(Stream *stream, Work content) {
  INSIST_ALIVE
  Work *work = malloc(sizeof *work);
  *work = content;
  pthread_mutex_lock(&queueing);
  pthread_mutex_unlock(&queueing);
  pthread_mutex_lock(&lock);
  insist_mapped(work->to, extent(work));
  if (work->kind == COPY) insist_mapped(work->from, extent(work));
  if (stream->last) stream->last->next = work; else stream->first = work;
  stream->last = work;
  unfinished++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

Code cuStreamCreate(Stream **stream, unsigned flags) {
  NEEDS_CONTEXT
  insist(flags == 1, "to open a stream that waits for the legacy stream");
  *stream = calloc(1, sizeof **stream);
  pthread_mutex_lock(&lock);
  (*stream)->next = streams;
  streams = *stream;
  pthread_mutex_unlock(&lock);
  pthread_t thread;
  insist(!pthread_create(&thread, NULL, serve, *stream), "to open more streams than there can be threads");
  pthread_detach(thread);
  return SUCCESS;
}
Code cuStreamDestroy_v2(Stream *stream) { // Does not wait; queued work still runs.
  INSIST_ALIVE
  NEEDS_CONTEXT
  pthread_mutex_lock(&lock);
  stream->closed = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

Code cuStreamBeginCapture_v2(Stream *stream, unsigned capture) {
  NEEDS_CONTEXT
  pthread_mutex_lock(&lock);
  stream->capture = (int)capture + 1;
  stream->capturing = pthread_self();
  stream->spoilt = spoilt;
  global_captures += capture == 0;
  own_captures += capture < 2;
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}
Code cuStreamEndCapture(Stream *stream, Handle *graph) {
  NEEDS_CONTEXT
  if (!stream->capture) return INVALID_VALUE;
  if (stream->capture < 3 && !pthread_equal(stream->capturing, pthread_self())) return CAPTURE_WRONG_THREAD;
  pthread_mutex_lock(&lock);
  global_captures -= stream->capture == 1;
  own_captures -= stream->capture < 3;
  stream->capture = 0;
  int whole = stream->spoilt == spoilt;
  pthread_mutex_unlock(&lock);
  *graph = NULL;
  return whole ? SUCCESS : CAPTURE_INVALIDATED;
}

Code cuStreamSynchronize(Stream *stream) {
  INSIST_ALIVE
  FORBIDDEN_IN_CAPTURE
  pthread_mutex_lock(&lock);
  while (stream->first && !failed) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return failed ? ILLEGAL_ADDRESS : SUCCESS;
}

Code cuStreamQuery(Stream *stream) {
  INSIST_ALIVE
  FORBIDDEN_IN_CAPTURE
  pthread_mutex_lock(&lock);
  Code answer = stream->first ? NOT_READY : SUCCESS;
  pthread_mutex_unlock(&lock);
  return failed ? ILLEGAL_ADDRESS : answer;
}

Code cuEventCreate(Event **event, unsigned flags) {
  NEEDS_CONTEXT
  insist(flags == 2, "to make events that take the time");
  *event = calloc(1, sizeof **event);
  return SUCCESS;
}
Code cuEventDestroy_v2(Event *event) { NEEDS_CONTEXT free(event); return SUCCESS; }

static Point *point_of(Event *event) {
  pthread_mutex_lock(&lock);
  Point *point = event->point;
  pthread_mutex_unlock(&lock);
  return point;
}
Code cuEventRecord(Event *event, Stream *stream) {
  NEEDS_CONTEXT
  Point *point = calloc(1, sizeof *point);
  pthread_mutex_lock(&lock);
  event->point = point;
  pthread_mutex_unlock(&lock);
  return queue(stream, (Work){.kind = RECORD, .point = point});
}
Code cuStreamWaitEvent(Stream *stream, Event *event, unsigned flags) {
  NEEDS_CONTEXT
  (void)flags;
  Point *point = point_of(event);
  return point ? queue(stream, (Work){.kind = WAIT, .point = point}) : SUCCESS;
}
Code cuEventQuery(Event *event) {
  FORBIDDEN_IN_CAPTURE
  if (refuses_wait()) return wait_refusal;
  pthread_mutex_lock(&lock);
  int done = !event->point || event->point->done;
  pthread_mutex_unlock(&lock);
  return done ? SUCCESS : NOT_READY;
}
Code cuEventSynchronize(Event *event) {
  FORBIDDEN_IN_CAPTURE
  if (refuses_wait()) return wait_refusal;
  Point *point = point_of(event);
  pthread_mutex_lock(&lock);
  while (point && !point->done && !failed) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return failed ? ILLEGAL_ADDRESS : SUCCESS;
}

// -- Memory in blocks. Freeing waits for all running work, as with the real driver, but the backend must not
// rely on it.

static void wait_for_everything(void) {
  pthread_mutex_lock(&lock);
  while (unfinished && !failed) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

Code cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  NEEDS_CONTEXT
  pthread_mutex_lock(&lock);
  device_memory(free_bytes, total);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

// Marks a block as freed. It stays in the list until it is given back.
static void begin_to_free(Address address, int pinned, const char *what) {
  pthread_mutex_lock(&lock);
  Block *block = *block_at(address, pinned);
  insist_unused(block->address, block->bytes, what);
  block->freed = 1;
  pthread_mutex_unlock(&lock);
}
static Code free_now(Address address, int pinned, const char *what) {
  begin_to_free(address, pinned, what);
  // To free pinned memory, the real driver waits while it holds a lock that queueing work needs.
  if (pinned) pthread_mutex_lock(&queueing);
  wait_for_everything();
  if (pinned) pthread_mutex_unlock(&queueing);
  run(&(Work){.kind = FREE, .to = address});
  return SUCCESS;
}

Code cuMemAlloc_v2(Address *address, size_t bytes) { FORBIDDEN_IN_CAPTURE return take(address, bytes, 512, 0); }

// Pools that the application made. The default pool is shared by the whole process, and the backend must not
// use it.
typedef struct { unsigned kind, handle_types; struct { unsigned kind; int id; } location; Handle security; char reserved[64]; } PoolProperties;
typedef struct { int alive; } Pool;
Code cuMemPoolCreate(Pool **pool, const PoolProperties *properties) {
  NEEDS_CONTEXT
  static const PoolProperties plain = {.kind = 1, .location = {.kind = 1, .id = 0}};
  insist(!is_set("FAKE_CUDA_NO_POOLS"), "to make a pool on a device that has none");
  insist(!memcmp(properties, &plain, sizeof plain), "to ask for a pool that is not plain memory of device 0");
  *pool = malloc(sizeof **pool); // Never freed, so that a destroyed pool is recognised.
  (*pool)->alive = 1;
  return SUCCESS;
}
Code cuMemPoolDestroy(Pool *pool) {
  NEEDS_CONTEXT
  insist(pool->alive, "to destroy a pool twice");
  pool->alive = 0;
  return SUCCESS;
}
// Ordered on the stream; waits for no other work.
Code cuMemAllocFromPoolAsync(Address *address, size_t bytes, Pool *pool, Stream *stream) {
  NEEDS_CONTEXT
  (void)stream;
  insist(pool->alive, "to take memory from a pool that was destroyed");
  return take(address, bytes, 512, 0);
}
Code cuMemFreeAsync(Address address, Stream *stream) {
  NEEDS_CONTEXT
  begin_to_free(address, 0, "to free memory");
  return queue(stream, (Work){.kind = FREE, .to = address});
}
Code cuMemFree_v2(Address address) { FORBIDDEN_IN_CAPTURE return free_now(address, 0, "to free memory"); }
Code cuMemHostAlloc(Handle *address, size_t bytes, unsigned flags) {
  FORBIDDEN_IN_CAPTURE
  insist(flags == 1, "to pin memory that is write-combined or not portable");
  Address pinned = 0;
  Code code = take(&pinned, bytes, 4096, 1);
  *address = (Handle)pinned;
  return code;
}
Code cuMemFreeHost(Handle address) { FORBIDDEN_IN_CAPTURE return free_now((Address)address, 1, "to free pinned memory"); }

// -- Virtual memory: reserved addresses that cannot be read, and files that are mapped into them. No call
// here waits.

typedef struct { unsigned kind; int id; } Location;
typedef struct {
  unsigned kind, handle_types;
  Location location;
  Handle win32;
  unsigned char compression, rdma;
  unsigned short usage;
  unsigned char reserved[4];
} Properties;
typedef struct { Location location; unsigned flags; } Access;

static void insist_virtual(void) {
  insist(!is_set("FAKE_CUDA_NO_VMM"), "to use virtual memory on a device that has none");
}
static void insist_units(uint64_t number, const char *what) { insist(number % UNIT == 0, what); }
static void insist_plain(const Properties *properties) {
  static const Properties plain = {.kind = 1, .location = {.kind = 1, .id = 0}};
  insist(!memcmp(properties, &plain, sizeof plain), "to ask for memory that is not plain memory of device 0");
}

static Chunk **chunk_of(const Chunk *chunk) {
  Chunk **link = &chunks;
  while (*link && *link != chunk) link = &(*link)->next;
  insist(*link != NULL, "to use a handle that was not created, or is released already");
  return link;
}

Code cuMemGetAllocationGranularity(size_t *granularity, const Properties *properties, unsigned option) {
  NEEDS_CONTEXT
  insist_virtual();
  insist_plain(properties);
  insist(option == 0, "to ask for another granularity than the minimum");
  *granularity = UNIT;
  return SUCCESS;
}

Code cuMemAddressReserve(Address *address, size_t bytes, size_t alignment, Address place, unsigned long long flags) {
  NEEDS_CONTEXT
  insist_virtual();
  insist(bytes > 0, "to reserve no addresses");
  insist_units(bytes, "to reserve a range that is not whole units");
  insist((alignment & (alignment - 1)) == 0, "to ask for an alignment that is not a power of two");
  insist(place == 0 && flags == 0, "to ask for a certain place, or with flags");
  if (alignment < UNIT) alignment = UNIT;
  if (bytes > 1ul << 47 || alignment > 1ul << 47) return OUT_OF_MEMORY;
  pthread_mutex_lock(&lock);
  Handle memory = mmap(NULL, bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED) {
    // Only the aligned part is kept.
    Address begin = ((Address)memory + alignment - 1) / alignment * alignment;
    Address end = (Address)memory + bytes + alignment;
    if (begin > (Address)memory) munmap(memory, begin - (Address)memory);
    if (end > begin + bytes) munmap((Handle)(begin + bytes), end - begin - bytes);
    Range *range = malloc(sizeof *range);
    *range = (Range){.address = *address = begin, .bytes = bytes, .next = ranges};
    ranges = range;
  }
  pthread_mutex_unlock(&lock);
  return memory == MAP_FAILED ? OUT_OF_MEMORY : SUCCESS;
}

Code cuMemAddressFree(Address address, size_t bytes) {
  NEEDS_CONTEXT
  insist_virtual();
  pthread_mutex_lock(&lock);
  Range **link = &ranges;
  while (*link && ((*link)->address != address || (*link)->bytes != bytes)) link = &(*link)->next;
  insist(*link != NULL, "to give addresses back that are not reserved exactly so");
  for (const Mapping *mapping = mappings; mapping; mapping = mapping->next)
    insist(!overlap(mapping->address, mapping->bytes, address, bytes), "to give addresses back where memory is mapped");
  insist_unused(address, bytes, "to give addresses back");
  Range *range = *link;
  *link = range->next;
  free(range);
  munmap((Handle)address, bytes);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

// One file per handle. The usual limit on open files would allow only a few handles.
static int open_file(size_t bytes) {
  struct rlimit limit;
  if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  int file = memfd_create("fake-cuda", MFD_CLOEXEC);
  insist(file >= 0 && !ftruncate(file, (off_t)bytes), "to create more handles than there can be files");
  // New memory is not zero, so that no caller relies on zeros. A little junk per unit is enough, and the
  // files stay sparse.
  char junk[4096];
  memset(junk, 0xdb, sizeof junk);
  for (size_t unit = 0; unit < bytes; unit += UNIT)
    insist(pwrite(file, junk, sizeof junk, (off_t)unit) == (ssize_t)sizeof junk, "to use more memory than this machine has");
  return file;
}

Code cuMemCreate(Chunk **chunk, size_t bytes, const Properties *properties, unsigned long long flags) {
  NEEDS_CONTEXT
  insist_virtual();
  insist_plain(properties);
  insist(bytes > 0 && flags == 0, "to create nothing, or with flags");
  insist_units(bytes, "to create memory that is not whole units");
  pthread_mutex_lock(&lock);
  int enough = account(bytes);
  if (enough) {
    *chunk = malloc(sizeof **chunk);
    **chunk = (Chunk){.file = open_file(bytes), .bytes = bytes, .next = chunks};
    chunks = *chunk;
  }
  pthread_mutex_unlock(&lock);
  return enough ? SUCCESS : OUT_OF_MEMORY;
}

// The real driver releases a handle that is mapped, and keeps its memory until it is unmapped. Here that ends
// the program.
Code cuMemRelease(Chunk *chunk) {
  NEEDS_CONTEXT
  insist_virtual();
  pthread_mutex_lock(&lock);
  Chunk **link = chunk_of(chunk);
  for (const Mapping *mapping = mappings; mapping; mapping = mapping->next)
    insist(mapping->chunk != chunk, "to release a handle that is mapped");
  *link = chunk->next;
  used -= chunk->bytes;
  close(chunk->file);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

// The real driver maps a handle in many places. Here that ends the program.
Code cuMemMap(Address address, size_t bytes, size_t offset, Chunk *chunk, unsigned long long flags) {
  NEEDS_CONTEXT
  insist_virtual();
  insist(bytes > 0 && flags == 0, "to map nothing, or with flags");
  insist_units(address | bytes, "to map what is not whole units");
  pthread_mutex_lock(&lock);
  chunk_of(chunk);
  insist(offset == 0 && bytes == chunk->bytes, "to map a part of a handle, or more than it has");
  const Range *range = ranges;
  while (range && (address < range->address || address + bytes > range->address + range->bytes)) range = range->next;
  insist(range != NULL, "to map where nothing is reserved");
  for (const Mapping *mapping = mappings; mapping; mapping = mapping->next) {
    insist(!overlap(mapping->address, mapping->bytes, address, bytes), "to map where something is mapped");
    insist(mapping->chunk != chunk, "to map a handle that is mapped");
  }
  Handle memory = mmap((Handle)address, bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, chunk->file, 0);
  insist(memory == (Handle)address, "to map more than this machine can");
  Mapping *mapping = malloc(sizeof *mapping);
  *mapping = (Mapping){.address = address, .bytes = bytes, .chunk = chunk, .next = mappings};
  mappings = mapping;
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

Code cuMemSetAccess(Address address, size_t bytes, const Access *access, size_t count) {
  NEEDS_CONTEXT
  insist_virtual();
  insist(count == 1 && access->location.kind == 1 && access->location.id == 0 && access->flags == 3,
         "to give other access than to read and write, by device 0");
  insist(bytes > 0, "to give access to nothing");
  if (is_set("FAKE_CUDA_REFUSE_ACCESS")) return NOT_PERMITTED;
  pthread_mutex_lock(&lock);
  Address end = address + bytes;
  for (Address next = address; next < end;) {
    Mapping *mapping = mapping_of(next);
    insist(mapping && mapping->address == next && next + mapping->bytes <= end, "to give access to what is not mapped so");
    mapping->accessible = 1;
    next += mapping->bytes;
  }
  insist(!mprotect((Handle)address, bytes, PROT_READ | PROT_WRITE), "to give access to more than this machine can");
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

Code cuMemUnmap(Address address, size_t bytes) {
  NEEDS_CONTEXT
  insist_virtual();
  pthread_mutex_lock(&lock);
  Mapping **link = &mappings;
  while (*link && ((*link)->address != address || (*link)->bytes != bytes)) link = &(*link)->next;
  insist(*link != NULL, "to unmap what is not mapped exactly so");
  insist_unused(address, bytes, "to unmap memory");
  Mapping *mapping = *link;
  *link = mapping->next;
  free(mapping);
  Handle memory = mmap((Handle)address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  insist(memory == (Handle)address, "to unmap more than this machine can");
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

// -- Copies and fills.

static Code copy(Address to, Address from, size_t bytes, Stream *stream) {
  NEEDS_CONTEXT
  return queue(stream, (Work){.kind = COPY, .to = to, .from = from, .count = bytes});
}
Code cuMemcpyHtoDAsync_v2(Address to, Address from, size_t bytes, Stream *s) { return copy(to, from, bytes, s); }
Code cuMemcpyDtoHAsync_v2(Address to, Address from, size_t bytes, Stream *s) { return copy(to, from, bytes, s); }
Code cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream *s) { return copy(to, from, bytes, s); }

// The layout and the meaning of the parameters are those of CUDA 12.8. Copies of a batch are in no order, so
// none may write what another one reads or writes; here they run from the last to the first. Nothing says
// that a refused batch has queued nothing: here it has queued half of its copies.
typedef struct { unsigned order; Location from, to; unsigned flags; } CopyAttributes;
static __thread int batches; // Of this thread.
int fake_cuda_batches(void) { return batches; }

static Code copy_batch(Address *to, Address *from, size_t *bytes, size_t count, CopyAttributes *attributes, size_t *firsts,
                       size_t kinds, size_t *failed, Stream *stream) {
  int refusals_before = refusals;
  Code code = usable();
  if (code && refusals == refusals_before) return code;
  insist(count > 0 && kinds == 1 && firsts[0] == 0 && failed, "to queue an empty batch, or one of several kinds");
  insist(attributes->order == 1 && attributes->flags == 0, "to read the sources out of the stream's order, or with flags");
  for (size_t i = 0; i < count; i++) {
    insist(bytes[i] > 0, "to copy nothing");
    for (size_t j = 0; j < count; j++)
      insist((i == j || !overlap(to[i], bytes[i], to[j], bytes[j])) && !overlap(to[i], bytes[i], from[j], bytes[j]),
             "to let copies of a batch depend on each other");
  }
  batches++;
  size_t stop = code ? count / 2 : 0;
  for (size_t i = count; i-- > stop;) queue(stream, (Work){.kind = COPY, .to = to[i], .from = from[i], .count = bytes[i]});
  if (code) *failed = stop;
  return code;
}
// Runs when the loader looks the function up: null is "not found".
static __typeof__(&copy_batch) find_batch(void) { return is_set("FAKE_CUDA_NO_BATCHES") ? NULL : copy_batch; }
Code cuMemcpyBatchAsync(Address *, Address *, size_t *, size_t, CopyAttributes *, size_t *, size_t, size_t *, Stream *)
    __attribute__((ifunc("find_batch")));

// To and from pageable memory, on no stream.
static Code copy_now(Address to, Address from, size_t bytes) {
  NEEDS_CONTEXT
  memcpy((Handle)to, (Handle)from, bytes);
  return SUCCESS;
}
Code cuMemcpyHtoD_v2(Address to, Address from, size_t bytes) { return copy_now(to, from, bytes); }
Code cuMemcpyDtoH_v2(Address to, Address from, size_t bytes) { return copy_now(to, from, bytes); }

static Code fill(int kind, Address to, unsigned value, size_t count, size_t width, Stream *stream) {
  NEEDS_CONTEXT
  if (to % width) return INVALID_VALUE;
  return queue(stream, (Work){.kind = kind, .to = to, .value = value, .count = count});
}
Code cuMemsetD8Async(Address to, unsigned char v, size_t n, Stream *s) { return fill(BYTES, to, v, n, 1, s); }
Code cuMemsetD16Async(Address to, unsigned short v, size_t n, Stream *s) { return fill(HALVES, to, v, n, 2, s); }
Code cuMemsetD32Async(Address to, unsigned v, size_t n, Stream *s) { return fill(WORDS, to, v, n, 4, s); }

// -- Modules and kernels.

static int loaded; // Modules.
int fake_cuda_modules(void) { return loaded; }

Code cuModuleLoadDataEx(Handle *module, const char *ptx, unsigned count, unsigned *options, Handle *values) {
  FORBIDDEN_IN_CAPTURE
  insist(!count || (count == 2 && options[0] == 5 && options[1] == 6), "to load with options that are not known here");
  if (strstr(ptx, "99.0")) return UNSUPPORTED_PTX_VERSION;
  if (!strstr(ptx, ".version") || strstr(ptx, "u31")) {
    if (count) snprintf(values[0], (size_t)values[1], "ptxas fatal: bad\nline 2\n");
    return INVALID_PTX;
  }
  *module = malloc(1);
  __sync_fetch_and_add(&loaded, 1);
  return SUCCESS;
}
// Refused in every mode of the thread: the call would wait for the captured work.
Code cuCtxSynchronize(void) {
  NEEDS_CONTEXT
  if (global_captures || own_captures) {
    __sync_fetch_and_add(&spoilt, 1);
    return CAPTURE_UNSUPPORTED;
  }
  wait_for_everything(); return failed ? ILLEGAL_ADDRESS : SUCCESS;
}
Code cuModuleUnload(Handle module) {
  FORBIDDEN_IN_CAPTURE
  wait_for_everything();
  __sync_fetch_and_sub(&loaded, 1);
  free(module);
  return SUCCESS;
}
Code cuModuleGetFunction(Handle *function, Handle module, const char *name) {
  NEEDS_CONTEXT
  (void)module;
  if (!*name) return INVALID_VALUE;
  *function = (Handle)(intptr_t)(!strcmp(name, "add_one") ? ADD_ONE : !strcmp(name, "occupy") ? OCCUPY : !strcmp(name, "pair") ? PAIR : 0);
  return *function ? SUCCESS : NOT_FOUND;
}
static unsigned allowed_shared[PAIR + 1]; // Dynamic shared memory, where more than 48 KiB are allowed.
Code cuFuncGetAttribute(int *value, int attribute, Handle function) {
  NEEDS_CONTEXT
  (void)function;
  insist(attribute == 0 || attribute == 1, "to ask for an attribute of a kernel that is not known here");
  *value = attribute == 0 ? 1024 : 0; // The most threads of a block; shared memory of its own.
  return SUCCESS;
}
Code cuFuncSetAttribute(Handle function, unsigned attribute, int value) {
  NEEDS_CONTEXT
  insist(attribute == 8, "to set an attribute that is not known here");
  if (value < 0 || value > 227 << 10) return INVALID_VALUE;
  allowed_shared[(int)(intptr_t)function] = (unsigned)value;
  return SUCCESS;
}
Code cuLaunchKernel(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                    unsigned block_z, unsigned shared, Stream *stream, Handle *arguments, Handle *extra) {
  NEEDS_CONTEXT
  (void)extra;
  int kind = (int)(intptr_t)function;
  if (kind != ADD_ONE && kind != OCCUPY && kind != PAIR) return INVALID_HANDLE;
  uint64_t threads = (uint64_t)block_x * block_y * block_z; // Overflows only if a factor is too large.
  if (!grid_x || grid_x >> 31 || !grid_y || grid_y > 65535 || !grid_z || grid_z > 65535) return INVALID_VALUE;
  if (block_x > 1024 || block_y > 1024 || block_z > 64 || !threads || threads > 1024) return INVALID_VALUE;
  if (shared > allowed_shared[kind] && shared > 48 << 10) return INVALID_VALUE;
  if (kind == PAIR) return grid_x % 2 ? INVALID_CLUSTER_SIZE : SUCCESS;
  Work work = {.kind = kind, .to = *(Address *)arguments[0]};
  if (work.kind == ADD_ONE) work.count = *(uint32_t *)arguments[1];
  return queue(stream, work);
}
