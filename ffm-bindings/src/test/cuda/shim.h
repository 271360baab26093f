// CUDA on the CPU: included before a .cu file that g++ compiles as C++20, so that a kernel's own source is what runs.
//
//   g++ -std=c++20 -O2 -fPIC -shared -ffp-contract=off -fno-gnu-unique -include shim.h kernel.cpp -o kernel.so
//
// -ffp-contract=off: fused operations only where the source asks for them. -fno-gnu-unique: shared variables belong to one library.
//
// One fiber for each CUDA thread of a block, blocks one after the other, all on the calling OS thread: deterministic. A fiber runs until it waits
// (barrier, shuffle) or ends; when no fiber can go on, those who wait are released if they wait for the same thing. Threads that wait at different
// barriers, or for threads that have ended, are an error and not a hang.
#pragma once

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <source_location>
#include <tuple>
#include <utility>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define CUDA_SHIM 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(n) alignas(n)
#define __restrict__ __restrict

struct uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace shim {

struct Index {
    unsigned x, y, z;
};

constexpr int WARP = 32;
// no power of two: the tops of the stacks would all want the same lines of the cache
constexpr size_t STACK_BYTES = 64 * 1024 + 5 * 64;

/** CUDA_ERROR_LAUNCH_FAILED: what a driver answers when a kernel breaks off. */
constexpr int LAUNCH_FAILED = 719;
constexpr int INVALID_VALUE = 1;

enum class State { READY, AT_BARRIER, AT_WARP, ENDED };

/** Where a thread waits: two threads wait for the same thing when these are equal. */
struct Site {
    const char* file;
    unsigned line, column;
    bool operator==(const Site& other) const {
        return line == other.line && column == other.column && std::strcmp(file, other.file) == 0;
    }
};

struct Fiber {
    void* stackPointer;
    State state;
    Site site;
    Index thread;
    uint64_t generation;
#if !defined(__x86_64__)
    ucontext_t context;
#endif
};

/** What the lanes of a warp give one another, twice: a lane may be one exchange ahead of those that still read. */
struct Warp {
    uint64_t slots[2][WARP];
};

struct Machine {
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    std::vector<unsigned char> stacks;
    std::vector<uint64_t> dynamicShared;
    Fiber scheduler;
    Fiber* running;
    void (*entry)(void**);
    void** params;
    char error[512];
};

static Machine machine;

}  // namespace shim

static shim::Index threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = shim::WARP;

namespace shim {

#if defined(__x86_64__)
// Saves what a called function must keep, exchanges the stacks, returns on the other one.
extern "C" __attribute__((visibility("hidden"))) void shim_switch(void** from, void** to);
asm(R"(
.text
.hidden shim_switch
.globl shim_switch
.type shim_switch,@function
shim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size shim_switch,.-shim_switch
)");
#endif

static void exchange(Fiber& from, Fiber& to) {
#if defined(__x86_64__)
    shim_switch(&from.stackPointer, &to.stackPointer);
#else
    swapcontext(&from.context, &to.context);
#endif
}

static void fiberMain() {
    machine.entry(machine.params);
    machine.running->state = State::ENDED;
    exchange(*machine.running, machine.scheduler);
    std::abort();
}

static void prepare(Fiber& fiber, unsigned char* stack) {
    fiber.state = State::READY;
    fiber.generation = 0;
#if defined(__x86_64__)
    auto top = reinterpret_cast<uintptr_t>(stack + STACK_BYTES) & ~uintptr_t(15);
    auto* words = reinterpret_cast<uint64_t*>(top);
    *--words = 0;  // the stack of a function that was called is 8 bytes off a multiple of 16
    *--words = reinterpret_cast<uint64_t>(&fiberMain);
    for (int i = 0; i < 6; i++) {
        *--words = 0;
    }
    fiber.stackPointer = words;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = stack;
    fiber.context.uc_stack.ss_size = STACK_BYTES;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiberMain, 0);
#endif
}

static void wait(State state, std::source_location at) {
    Fiber& self = *machine.running;
    self.state = state;
    self.site = {at.file_name(), at.line(), at.column()};
    exchange(self, machine.scheduler);
}

static bool fail(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(machine.error, sizeof machine.error, format, arguments);
    va_end(arguments);
    std::fprintf(stderr, "shim: %s\n", machine.error);
    return false;
}

/** Releases fibers [from, to) when all of them wait in this state at one place. False after an error. */
static bool release(size_t from, size_t to, State state, const char* what, bool& released) {
    Fiber* first = nullptr;
    size_t waiting = 0;
    for (size_t i = from; i < to; i++) {
        Fiber& fiber = machine.fibers[i];
        if (fiber.state == state) {
            first = first ? first : &fiber;
            waiting++;
        }
    }
    if (waiting < to - from) {
        return true;
    }
    for (size_t i = from; i < to; i++) {
        if (!(machine.fibers[i].site == first->site)) {
            return fail("divergent %s: thread %zu waits at line %u, thread %zu at line %u of %s", what, from,
                        first->site.line, i, machine.fibers[i].site.line, first->site.file);
        }
    }
    for (size_t i = from; i < to; i++) {
        machine.fibers[i].state = State::READY;
    }
    released = true;
    return true;
}

static bool runBlock() {
    size_t threads = machine.fibers.size();
    for (size_t i = 0; i < threads; i++) {
        prepare(machine.fibers[i], machine.stacks.data() + i * STACK_BYTES);
    }
    // all bits set is no number: what is read before it is written shows
    std::memset(machine.dynamicShared.data(), 0xff, machine.dynamicShared.size() * sizeof(uint64_t));
    for (;;) {
        bool ran = false;
        size_t ended = 0;
        for (Fiber& fiber : machine.fibers) {
            if (fiber.state == State::READY) {
                ran = true;
                machine.running = &fiber;
                threadIdx = fiber.thread;
                exchange(machine.scheduler, fiber);
            }
            ended += fiber.state == State::ENDED;
        }
        if (ended == threads) {
            return true;
        }
        bool released = false;
        for (size_t from = 0; from < threads; from += WARP) {
            size_t to = from + WARP < threads ? from + WARP : threads;
            if (!release(from, to, State::AT_WARP, "exchange in a warp", released)) {
                return false;
            }
        }
        if (!released && !release(0, threads, State::AT_BARRIER, "barrier", released)) {
            return false;
        }
        if (!ran && !released) {
            for (Fiber& fiber : machine.fibers) {
                if (fiber.state != State::ENDED) {
                    return fail("divergent %s: thread %u of block %u waits at line %u of %s for threads that do not come",
                                fiber.state == State::AT_BARRIER ? "barrier" : "exchange in a warp", fiber.thread.x,
                                blockIdx.x, fiber.site.line, fiber.site.file);
                }
            }
        }
    }
}

static unsigned lane() { return threadIdx.x % WARP; }

/** What the lane `from` gave to this exchange; all lanes of the warp take part. */
template <typename T>
static T exchangeInWarp(T value, unsigned from, std::source_location at) {
    static_assert(sizeof(T) <= sizeof(uint64_t));
    unsigned linear = threadIdx.x;  // blocks have one dimension
    unsigned parity = machine.running->generation++ & 1;
    Warp& warp = machine.warps[linear / WARP];
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    warp.slots[parity][linear % WARP] = bits;
    wait(State::AT_WARP, at);
    T result;
    std::memcpy(&result, &warp.slots[parity][from % WARP], sizeof(T));
    return result;
}

static void requireFullMask(unsigned mask) {
    if (mask != 0xffffffffu) {
        std::fprintf(stderr, "shim: a mask of %08x; only whole warps exchange values here\n", mask);
        std::abort();
    }
}

/** Calls a kernel with arguments as a launch passes them: a pointer to each. */
template <typename... A, size_t... I>
static void call(void (*kernel)(A...), void** params, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<A>*>(params[I])...);
}
template <typename... A>
static void call(void (*kernel)(A...), void** params) {
    call(kernel, params, std::index_sequence_for<A...>());
}

static unsigned char* dynamicShared() { return reinterpret_cast<unsigned char*>(machine.dynamicShared.data()); }

}  // namespace shim

/** Makes a kernel of this file known to shim_run's callers. */
#define SHIM_ENTRY(NAME) \
    extern "C" __attribute__((visibility("default"))) void shim_entry_##NAME(void** params) { shim::call(NAME, params); }

/** Runs a kernel to its end; 0, or a CUresult. Not for two OS threads at a time. */
extern "C" __attribute__((visibility("default"))) int shim_run(
    void (*entry)(void**), unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
    size_t sharedBytes, void** params) {
    using namespace shim;
    if (gx == 0 || gy == 0 || gz == 0 || bx == 0 || bx > 1024 || by != 1 || bz != 1) {
        fail("a launch of %u x %u x %u blocks of %u x %u x %u threads", gx, gy, gz, bx, by, bz);
        return INVALID_VALUE;
    }
    machine.entry = entry;
    machine.params = params;
    machine.fibers.resize(bx);
    machine.warps.resize((bx + WARP - 1) / WARP);
    if (machine.stacks.size() < bx * STACK_BYTES) {
        machine.stacks.resize(bx * STACK_BYTES);
    }
    machine.dynamicShared.resize((sharedBytes + 15) / 16 * 2);
    gridDim = {gx, gy, gz};
    blockDim = {bx, by, bz};
    for (unsigned i = 0; i < bx; i++) {
        machine.fibers[i].thread = {i, 0, 0};
    }
    for (blockIdx.z = 0; blockIdx.z < gz; blockIdx.z++) {
        for (blockIdx.y = 0; blockIdx.y < gy; blockIdx.y++) {
            for (blockIdx.x = 0; blockIdx.x < gx; blockIdx.x++) {
                if (!runBlock()) {
                    return LAUNCH_FAILED;
                }
            }
        }
    }
    return 0;
}

/** What the last failed run said. */
extern "C" __attribute__((visibility("default"))) const char* shim_error() { return shim::machine.error; }

inline void __syncthreads(std::source_location at = std::source_location::current()) {
    shim::wait(shim::State::AT_BARRIER, at);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, std::source_location at = std::source_location::current()) {
    shim::requireFullMask(mask);
    shim::wait(shim::State::AT_WARP, at);
}
template <typename T>
inline T __shfl_sync(unsigned mask, T value, int from, std::source_location at = std::source_location::current()) {
    shim::requireFullMask(mask);
    return shim::exchangeInWarp(value, unsigned(from), at);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int flip, std::source_location at = std::source_location::current()) {
    shim::requireFullMask(mask);
    return shim::exchangeInWarp(value, shim::lane() ^ unsigned(flip), at);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned by, std::source_location at = std::source_location::current()) {
    shim::requireFullMask(mask);
    unsigned from = shim::lane() + by;
    return shim::exchangeInWarp(value, from < shim::WARP ? from : shim::lane(), at);
}

// threads take turns only where they wait, so what they do between is atomic
inline unsigned atomicAdd(unsigned* at, unsigned value) {
    unsigned before = *at;
    *at = before + value;
    return before;
}
inline void __threadfence() {}

template <typename T>
inline T __ldg(const T* at) {
    return *at;
}
template <typename T>
inline T __ldcg(const T* at) {
    return *at;
}
inline int __clz(unsigned value) { return value == 0 ? 32 : __builtin_clz(value); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
/** The 32 bits of high:low from bit shift % 32 on. */
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return unsigned(((uint64_t(high) << 32) | low) >> (shift & 31));
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    uint64_t bytes = (uint64_t(y) << 32) | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        result |= unsigned((bytes >> (8 * ((selector >> (4 * i)) & 7))) & 0xff) << (8 * i);
    }
    return result;
}
inline int __dp4a(int a, int b, int c) {
    for (int i = 0; i < 4; i++) {
        c += int(int8_t(a >> (8 * i))) * int(int8_t(b >> (8 * i)));
    }
    return c;
}
template <typename T>
inline T min(T a, T b) {
    return b < a ? b : a;
}
template <typename T>
inline T max(T a, T b) {
    return a < b ? b : a;
}
