// A CUDA driver made of threads: enough of libcuda to run the CUDA half of the tests where there is no card.
//
// Every CUDA stream is a thread with a queue, events really order them, device memory is heap memory (so that a memory
// checker sees what the backend does with it), and the calls that wait for running kernels on a card wait here too. It is
// strict where the real driver is lenient: what the backend must not do ends the program. It knows the kernels of the
// tests by name (`add_one`, `occupy`) and compiles nothing. A kernel that is given the address 0 fails the context for
// good, as an illegal access does.
//
// Functions that are not here come from the stand-in, whose answers are "not initialised" (see cuda-stub.sh).
//
// FAKE_CUDA_SLOW=N in the environment lets each piece of work begin N microseconds late; with FAKE_CUDA_NO_POOLS the device has
// no stream-ordered memory.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int Code;
typedef void *Handle;
typedef uint64_t Address;

enum {
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_CONTEXT = 201, INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700,
};

static void insist(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "fake-cuda: the backend must not do this: %s\n", what);
  abort();
}

// -- Contexts: a stack a thread, one primary context, which is counted.

static __thread Handle stack[16];
static __thread int depth;
static char primary;
static int retained;
static volatile int failed;

static Handle current(void) { return depth ? stack[depth - 1] : NULL; }

// What every call on a context asks first.
#define NEEDS_CONTEXT          \
  if (!current()) return INVALID_CONTEXT; \
  if (failed) return ILLEGAL_ADDRESS;

Code cuInit(unsigned flags) { (void)flags; return SUCCESS; }
Code cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
Code cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
Code cuDeviceGet(int *device, int number) { *device = number; return number == 0 ? SUCCESS : INVALID_DEVICE; }
Code cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device;
  insist(attribute == 115, "to ask for an attribute that is not known here");
  *value = getenv("FAKE_CUDA_NO_POOLS") == NULL; // Stream-ordered memory.
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
  *context = &primary;
  return SUCCESS;
}
Code cuDevicePrimaryCtxRelease_v2(int device) {
  (void)device;
  insist(__sync_sub_and_fetch(&retained, 1) >= 0, "to release the primary context more often than it retained it");
  return SUCCESS;
}
Code cuDevicePrimaryCtxReset_v2(int device) { (void)device; return SUCCESS; }

Code cuCtxGetCurrent(Handle *context) { *context = current(); return SUCCESS; }
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

// -- Codes in words. Most have none here, which a driver may answer for a code that it does not know.

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

// -- Streams and events. One lock for everything: this is for tests.

typedef struct Point { int done; } Point; // What an event stands for; recording makes a new one. Never freed.
typedef struct { Point *point; } Event;

typedef struct Work {
  enum { COPY, BYTES, HALVES, WORDS, ADD_ONE, OCCUPY, FREE, WAIT, RECORD } kind;
  Address to, from;
  size_t count;
  unsigned value;
  Point *point;
  struct Work *next;
} Work;

typedef struct { Work *first, *last; int closed; } Stream;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int unfinished; // Pieces of work on all streams.

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
      if (!to) failed = 1;
      for (size_t i = 0; to && i < work->count; i++) ((uint32_t *)to)[i]++;
      break;
    case OCCUPY: {
      struct timespec time = {(time_t)(work->to / 1000000000), (long)(work->to % 1000000000)};
      nanosleep(&time, NULL);
      break;
    }
    case FREE: free(to); break;
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
  pthread_mutex_unlock(&lock);
  free(stream);
  return NULL;
}

static Code queue(Stream *stream, Work content) {
  Work *work = malloc(sizeof *work);
  *work = content;
  pthread_mutex_lock(&lock);
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
  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, *stream)) return OUT_OF_MEMORY;
  pthread_detach(thread);
  return SUCCESS;
}
Code cuStreamDestroy_v2(Stream *stream) { // Does not wait; what is queued is still done.
  NEEDS_CONTEXT
  pthread_mutex_lock(&lock);
  stream->closed = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

Code cuStreamSynchronize(Stream *stream) {
  NEEDS_CONTEXT
  pthread_mutex_lock(&lock);
  while (stream->first && !failed) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return failed ? ILLEGAL_ADDRESS : SUCCESS;
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
  NEEDS_CONTEXT
  pthread_mutex_lock(&lock);
  int done = !event->point || event->point->done;
  pthread_mutex_unlock(&lock);
  return done ? SUCCESS : NOT_READY;
}
Code cuEventSynchronize(Event *event) {
  NEEDS_CONTEXT
  Point *point = point_of(event);
  pthread_mutex_lock(&lock);
  while (point && !point->done && !failed) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return failed ? ILLEGAL_ADDRESS : SUCCESS;
}

// -- Memory. Freeing waits for everything that runs, as the real driver does.

static void wait_for_everything(void) {
  pthread_mutex_lock(&lock);
  while (unfinished && !failed) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

Code cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  NEEDS_CONTEXT
  *free_bytes = 1u << 30;
  *total = 2u << 30;
  return SUCCESS;
}
Code cuMemAlloc_v2(Address *address, size_t bytes) {
  NEEDS_CONTEXT
  if (bytes > 1ul << 40) return OUT_OF_MEMORY;
  *address = (Address)aligned_alloc(512, (bytes + 511) & ~511ul);
  return *address ? SUCCESS : OUT_OF_MEMORY;
}
// Ordered with the stream; waits for nothing else.
Code cuMemAllocAsync(Address *address, size_t bytes, Stream *stream) { (void)stream; return cuMemAlloc_v2(address, bytes); }
Code cuMemFreeAsync(Address address, Stream *stream) {
  NEEDS_CONTEXT
  return queue(stream, (Work){.kind = FREE, .to = address});
}
Code cuMemFree_v2(Address address) { NEEDS_CONTEXT wait_for_everything(); free((Handle)address); return SUCCESS; }
Code cuMemHostAlloc(Handle *address, size_t bytes, unsigned flags) {
  NEEDS_CONTEXT
  insist(flags == 1, "to pin memory that is write-combined or not portable");
  *address = aligned_alloc(4096, (bytes + 4095) & ~4095ul);
  return *address ? SUCCESS : OUT_OF_MEMORY;
}
Code cuMemFreeHost(Handle address) { NEEDS_CONTEXT wait_for_everything(); free(address); return SUCCESS; }

static Code copy(Address to, Address from, size_t bytes, Stream *stream) {
  NEEDS_CONTEXT
  return queue(stream, (Work){.kind = COPY, .to = to, .from = from, .count = bytes});
}
Code cuMemcpyHtoDAsync_v2(Address to, Address from, size_t bytes, Stream *s) { return copy(to, from, bytes, s); }
Code cuMemcpyDtoHAsync_v2(Address to, Address from, size_t bytes, Stream *s) { return copy(to, from, bytes, s); }
Code cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream *s) { return copy(to, from, bytes, s); }

static Code fill(int kind, Address to, unsigned value, size_t count, size_t width, Stream *stream) {
  NEEDS_CONTEXT
  if (to % width) return INVALID_VALUE;
  return queue(stream, (Work){.kind = kind, .to = to, .value = value, .count = count});
}
Code cuMemsetD8Async(Address to, unsigned char v, size_t n, Stream *s) { return fill(BYTES, to, v, n, 1, s); }
Code cuMemsetD16Async(Address to, unsigned short v, size_t n, Stream *s) { return fill(HALVES, to, v, n, 2, s); }
Code cuMemsetD32Async(Address to, unsigned v, size_t n, Stream *s) { return fill(WORDS, to, v, n, 4, s); }

// -- Modules and kernels.

Code cuModuleLoadDataEx(Handle *module, const char *ptx, unsigned count, unsigned *options, Handle *values) {
  NEEDS_CONTEXT
  insist(!count || (count == 2 && options[0] == 5 && options[1] == 6), "to load with options that are not known here");
  if (strstr(ptx, "99.0")) return UNSUPPORTED_PTX_VERSION;
  if (!strstr(ptx, ".version") || strstr(ptx, "u31")) {
    if (count) snprintf(values[0], (size_t)values[1], "ptxas fatal: bad\nline 2\n");
    return INVALID_PTX;
  }
  *module = malloc(1);
  return SUCCESS;
}
Code cuModuleUnload(Handle module) { NEEDS_CONTEXT wait_for_everything(); free(module); return SUCCESS; }
Code cuModuleGetFunction(Handle *function, Handle module, const char *name) {
  NEEDS_CONTEXT
  (void)module;
  if (!*name) return INVALID_VALUE;
  *function = (Handle)(intptr_t)(!strcmp(name, "add_one") ? ADD_ONE : !strcmp(name, "occupy") ? OCCUPY : 0);
  return *function ? SUCCESS : NOT_FOUND;
}
Code cuLaunchKernel(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                    unsigned block_z, unsigned shared, Stream *stream, Handle *arguments, Handle *extra) {
  NEEDS_CONTEXT
  (void)shared, (void)extra;
  if (!grid_x || !grid_y || !grid_z || !block_x || block_x * block_y * block_z > 1024) return INVALID_VALUE;
  Work work = {.kind = (int)(intptr_t)function, .to = *(Address *)arguments[0]};
  if (work.kind == ADD_ONE) work.count = *(uint32_t *)arguments[1];
  return queue(stream, work);
}
