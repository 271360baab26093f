// What a launch costs a program in C: nanoseconds of the calling thread for one that is given to a stream, on stdout. Needs the driver alone.
// The yardstick of the row "launch given to the stream", which does the same from Java: batches that the stream's queue takes without waiting, the median batch.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 500, BATCHES = 40 };

static const char* const NOTHING =
    ".version 7.0\n.target sm_80\n.address_size 64\n"
    ".visible .entry nothing(.param .u64 a, .param .u32 b, .param .u32 c, .param .u64 d) { ret; }\n";

static void* driver;

static void* find(const char* name) {
  void* function = dlsym(driver, name);
  if (!function) {
    fprintf(stderr, "launch: the driver has no %s\n", name);
    exit(7);
  }
  return function;
}

static void check(const char* what, int status) {
  if (status != 0) {
    fprintf(stderr, "launch: %s failed with status %d\n", what, status);
    exit(7);
  }
}

static int ascending(const void* a, const void* b) {
  double left = *(const double*)a, right = *(const double*)b;
  return left < right ? -1 : left > right;
}

int main(void) {
  driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (!driver) {
    fprintf(stderr, "launch: no libcuda.so.1\n");
    return 7;
  }
  int (*init)(unsigned) = find("cuInit");
  int (*retain)(void**, int) = find("cuDevicePrimaryCtxRetain");
  int (*setCurrent)(void*) = find("cuCtxSetCurrent");
  int (*load)(void**, const void*) = find("cuModuleLoadData");
  int (*getFunction)(void**, void*, const char*) = find("cuModuleGetFunction");
  int (*createStream)(void**, unsigned) = find("cuStreamCreate");
  int (*synchronize)(void*) = find("cuStreamSynchronize");
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**) =
      find("cuLaunchKernel");
  void *context, *module, *function, *stream;
  check("cuInit", init(0));
  check("cuDevicePrimaryCtxRetain", retain(&context, 0));
  check("cuCtxSetCurrent", setCurrent(context));
  check("cuModuleLoadData", load(&module, NOTHING));
  check("cuModuleGetFunction", getFunction(&function, module, "nothing"));
  check("cuStreamCreate", createStream(&stream, 1));
  uint64_t pointer = 0;
  int number = 0;
  void* arguments[] = {&pointer, &number, &number, &pointer};
  double nanoseconds[BATCHES];
  for (int batch = -1; batch < BATCHES; batch++) {
    struct timespec start, end;
    check("cuStreamSynchronize", synchronize(stream));
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < BATCH; i++) {
      check("cuLaunchKernel", launch(function, 1, 1, 1, 256, 1, 1, 0, stream, arguments, 0));
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (batch >= 0) {
      nanoseconds[batch] = ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / BATCH;
    }
  }
  check("cuStreamSynchronize", synchronize(stream));
  qsort(nanoseconds, BATCHES, sizeof *nanoseconds, ascending);
  printf("%.1f\n", nanoseconds[BATCHES / 2]);
  return 0;
}
