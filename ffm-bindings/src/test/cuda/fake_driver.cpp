// A CUDA driver without a GPU, for tests: device memory is host memory, a module is a shared library of kernels that were compiled with shim.h, a launch runs them on
// the CPU before it returns. It refuses what the real one refuses (no context, ranges that no allocation holds, shapes and shared memory beyond the limits), counts
// what is alive, and can be told to run out of memory or to lose its device. Functions that begin with fake_ are for the tests.

#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr int SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
              INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719,
              CAPTURE_UNSUPPORTED = 900;
constexpr size_t GUARD = 64;  // bytes behind every allocation that nobody may change
constexpr unsigned char GUARD_VALUE = 0xA5, FRESH_VALUE = 0xCD;
constexpr size_t DEFAULT_MEMORY = size_t{1} << 30;
constexpr unsigned LARGEST_SHARED = 232448, SHARED_WITHOUT_ASKING = 48 << 10;

using Entry = void (*)(void**);
using Error = const char* (*)();
using Run = int (*)(Entry, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, size_t, void**);

struct Module {
    void* library;
    std::string file;
};
struct Function {
    Module* module;
    Run run;
    Entry entry;
    int parameters;
    unsigned allowedShared;
};
struct Launch {
    Function* function;
    unsigned grid[3], block[3];
    size_t shared;
    std::vector<uint64_t> values;
};
struct Graph {
    std::vector<Launch> launches;
};

std::recursive_mutex mutex;
std::map<uint64_t, size_t> memory;
std::map<uint64_t, size_t> pinned;
std::vector<Function*> functions;
size_t limit = DEFAULT_MEMORY, liveBytes = 0;
long liveObjects = 0, contexts = 0, overruns = 0, launches = 0;
int devices = 1, initStatus = SUCCESS, nextStatus = SUCCESS, lostStatus = SUCCESS;
std::string launchError = "no more is known";
Graph* capture = nullptr;
thread_local uint64_t current = 0;

using Lock = std::lock_guard<std::recursive_mutex>;

/** What every call on a context asks first. */
int ready() {
    if (lostStatus != SUCCESS) return lostStatus;
    if (current == 0 || contexts == 0) return INVALID_CONTEXT;
    if (nextStatus != SUCCESS) {
        int status = nextStatus;
        nextStatus = SUCCESS;
        if (status == ILLEGAL_ADDRESS || status == LAUNCH_FAILED || status == 999) lostStatus = status;
        return status;
    }
    return SUCCESS;
}

bool holds(uint64_t address, size_t bytes) {
    auto next = memory.upper_bound(address);
    if (next == memory.begin()) return false;
    auto found = std::prev(next);
    return address - found->first <= found->second && bytes <= found->second - (address - found->first);
}

int lose(int status) { return lostStatus = status; }

int run(const Launch& launch) {
    std::vector<uint64_t> values = launch.values;
    std::vector<void*> pointers;
    for (auto& value : values) pointers.push_back(&value);
    ++launches;
    int failed = launch.function->run(launch.function->entry, launch.grid[0], launch.grid[1], launch.grid[2],
                                      launch.block[0], launch.block[1], launch.block[2], launch.shared, pointers.data());
    if (!failed) return SUCCESS;
    auto error = reinterpret_cast<Error>(dlsym(launch.function->module->library, "shim_error"));
    launchError = error ? error() : "no more is known";
    return lose(LAUNCH_FAILED);
}

}  // namespace

extern "C" {

long fake_live_bytes() { return liveBytes; }
long fake_live_objects() { return liveObjects; }
long fake_pinned_blocks() { return pinned.size(); }
long fake_contexts() { return contexts; }
long fake_overruns() { return overruns; }
long fake_launches() { return launches; }
void fake_set_memory(long bytes) { limit = bytes; }
void fake_set_devices(int count) { devices = count; }
void fake_set_init_status(int status) { initStatus = status; }
void fake_fail_next(int status) { nextStatus = status; }
void fake_reset() {
    limit = DEFAULT_MEMORY;
    devices = 1;
    initStatus = nextStatus = lostStatus = SUCCESS;
    overruns = 0;
}

int cuInit(unsigned) { return initStatus; }
int cuDriverGetVersion(int* version) { return *version = 12090, SUCCESS; }

int cuGetErrorName(int status, const char** text) {
    switch (status) {
        case INVALID_VALUE: *text = "CUDA_ERROR_INVALID_VALUE"; return SUCCESS;
        case OUT_OF_MEMORY: *text = "CUDA_ERROR_OUT_OF_MEMORY"; return SUCCESS;
        case NO_DEVICE: *text = "CUDA_ERROR_NO_DEVICE"; return SUCCESS;
        case INVALID_IMAGE: *text = "CUDA_ERROR_INVALID_IMAGE"; return SUCCESS;
        case NOT_FOUND: *text = "CUDA_ERROR_NOT_FOUND"; return SUCCESS;
        case ILLEGAL_ADDRESS: *text = "CUDA_ERROR_ILLEGAL_ADDRESS"; return SUCCESS;
        case LAUNCH_FAILED: *text = "CUDA_ERROR_LAUNCH_FAILED"; return SUCCESS;
        default: *text = nullptr; return INVALID_VALUE;
    }
}
int cuGetErrorString(int status, const char** text) {
    const char* name;
    int known = cuGetErrorName(status, &name);
    *text = status == LAUNCH_FAILED ? launchError.c_str() : known == SUCCESS ? "said by the fake driver" : nullptr;
    return known;
}

int cuDeviceGetCount(int* count) { return *count = devices, SUCCESS; }
int cuDeviceGet(int* device, int ordinal) {
    if (ordinal < 0 || ordinal >= devices) return INVALID_DEVICE;
    return *device = ordinal, SUCCESS;
}
int cuDeviceGetName(char* name, int length, int) { return std::snprintf(name, length, "fake device"), SUCCESS; }
int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = limit, SUCCESS; }
int cuDeviceGetAttribute(int* value, int attribute, int) {
    switch (attribute) {
        case 16: *value = 2; return SUCCESS;               // multiprocessors
        case 38: *value = 1 << 20; return SUCCESS;         // L2 cache
        case 75: *value = 9; return SUCCESS;               // compute capability
        case 76: *value = 0; return SUCCESS;
        case 97: *value = LARGEST_SHARED; return SUCCESS;  // shared memory of a block
        default: return INVALID_VALUE;
    }
}

int cuDevicePrimaryCtxRetain(uint64_t* context, int device) {
    Lock lock(mutex);
    ++contexts;
    return *context = device + 1, SUCCESS;
}
int cuDevicePrimaryCtxRelease_v2(int) {
    Lock lock(mutex);
    if (contexts == 0) return INVALID_CONTEXT;
    --contexts;
    return SUCCESS;
}
int cuCtxSetCurrent(uint64_t context) { return current = context, SUCCESS; }

int cuMemGetInfo_v2(size_t* free, size_t* total) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    *free = limit - liveBytes;
    *total = limit;
    return SUCCESS;
}
int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (bytes == 0) return INVALID_VALUE;
    if (bytes > limit || liveBytes > limit - bytes) return OUT_OF_MEMORY;
    auto* block = static_cast<unsigned char*>(std::aligned_alloc(256, (bytes + GUARD + 255) / 256 * 256));
    if (!block) return OUT_OF_MEMORY;
    std::memset(block, FRESH_VALUE, bytes);
    std::memset(block + bytes, GUARD_VALUE, GUARD);
    *address = reinterpret_cast<uint64_t>(block);
    memory[*address] = bytes;
    liveBytes += bytes;
    return SUCCESS;
}
int cuMemFree_v2(uint64_t address) {
    Lock lock(mutex);
    if (current == 0) return INVALID_CONTEXT;
    auto found = memory.find(address);
    if (found == memory.end()) return INVALID_VALUE;
    auto* block = reinterpret_cast<unsigned char*>(address);
    for (size_t i = 0; i < GUARD; i++) {
        if (block[found->second + i] != GUARD_VALUE) {
            ++overruns;
            break;
        }
    }
    liveBytes -= found->second;
    memory.erase(found);
    std::free(block);
    return SUCCESS;
}
int cuMemHostAlloc(uint64_t* address, size_t bytes, unsigned) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    void* block = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!block) return OUT_OF_MEMORY;
    *address = reinterpret_cast<uint64_t>(block);
    pinned[*address] = bytes;
    return SUCCESS;
}
int cuMemFreeHost(uint64_t address) {
    Lock lock(mutex);
    if (!pinned.erase(address)) return INVALID_VALUE;
    std::free(reinterpret_cast<void*>(address));
    return SUCCESS;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (capture) return CAPTURE_UNSUPPORTED;
    if (!holds(to, bytes)) return lose(ILLEGAL_ADDRESS);
    std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}
int cuMemcpyDtoHAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (capture) return CAPTURE_UNSUPPORTED;
    if (!holds(from, bytes)) return lose(ILLEGAL_ADDRESS);
    std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (capture) return CAPTURE_UNSUPPORTED;
    if (!holds(from, bytes) || !holds(to, bytes)) return lose(ILLEGAL_ADDRESS);
    std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}
int cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (capture) return CAPTURE_UNSUPPORTED;
    if (!holds(address, bytes)) return lose(ILLEGAL_ADDRESS);
    std::memset(reinterpret_cast<void*>(address), value, bytes);
    return SUCCESS;
}

int cuStreamCreate(uint64_t* stream, unsigned) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    ++liveObjects;
    return *stream = 1, SUCCESS;
}
int cuStreamDestroy_v2(uint64_t) {
    Lock lock(mutex);
    --liveObjects;
    return SUCCESS;
}
int cuStreamSynchronize(uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    return capture ? CAPTURE_UNSUPPORTED : SUCCESS;
}
int cuStreamBeginCapture_v2(uint64_t, int) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (capture) return CAPTURE_UNSUPPORTED;
    capture = new Graph;
    ++liveObjects;
    return SUCCESS;
}
int cuStreamEndCapture(uint64_t, Graph** graph) {
    Lock lock(mutex);
    if (!capture) return INVALID_VALUE;
    *graph = capture;
    capture = nullptr;
    return SUCCESS;
}

int cuEventCreate(uint64_t* event, unsigned) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    ++liveObjects;
    return *event = 1, SUCCESS;
}
int cuEventDestroy_v2(uint64_t) {
    Lock lock(mutex);
    --liveObjects;
    return SUCCESS;
}
int cuEventRecord(uint64_t, uint64_t) {
    Lock lock(mutex);
    return ready();
}
int cuEventSynchronize(uint64_t) {
    Lock lock(mutex);
    return ready();
}
int cuEventElapsedTime(float* milliseconds, uint64_t, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    return *milliseconds = 1, SUCCESS;
}

int cuModuleLoadDataEx(Module** module, const void* image, unsigned, const int*, void* const*) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    auto* header = static_cast<const Elf64_Ehdr*>(image);
    if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return INVALID_IMAGE;
    size_t bytes = header->e_shoff + size_t{header->e_shnum} * header->e_shentsize;  // linkers write the section headers last
    char file[] = "/tmp/lowbit-fake-cuda-XXXXXX";
    int descriptor = mkstemp(file);
    if (descriptor < 0) return INVALID_IMAGE;
    bool written = write(descriptor, image, bytes) == static_cast<ssize_t>(bytes);
    close(descriptor);
    void* library = written ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (!library) std::fprintf(stderr, "fake driver: %s\n", dlerror());
    unlink(file);
    if (!library) return INVALID_IMAGE;
    ++liveObjects;
    *module = new Module{library, file};
    return SUCCESS;
}
int cuModuleUnload(Module* module) {
    Lock lock(mutex);
    for (auto& function : functions) {
        if (function && function->module == module) {
            delete function;
            function = nullptr;
        }
    }
    std::erase(functions, nullptr);
    dlclose(module->library);
    delete module;
    --liveObjects;
    return SUCCESS;
}
int cuModuleGetFunction(Function** function, Module* module, const char* name) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    std::string kernel = name;
    auto entry = reinterpret_cast<Entry>(dlsym(module->library, ("shim_entry_" + kernel).c_str()));
    auto parameters = static_cast<const int*>(dlsym(module->library, ("shim_parameters_" + kernel).c_str()));
    auto run = reinterpret_cast<Run>(dlsym(module->library, "shim_run"));
    if (!entry || !parameters || !run) return NOT_FOUND;
    *function = new Function{module, run, entry, *parameters, SHARED_WITHOUT_ASKING};
    functions.push_back(*function);
    return SUCCESS;
}
int cuFuncGetAttribute(int* value, int attribute, Function*) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    return *value = attribute == 4 ? 32 : 0, SUCCESS;
}
int cuFuncSetAttribute(Function* function, int attribute, int value) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (attribute != 8 || value < 0 || static_cast<unsigned>(value) > LARGEST_SHARED) return INVALID_VALUE;
    function->allowedShared = value;
    return SUCCESS;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function*, int blockSize, size_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    return *blocks = 2048 / blockSize < 32 ? 2048 / blockSize : 32, SUCCESS;
}

int cuLaunchKernel(Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, uint64_t, void** parameters, void**) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    if (!gx || !gy || !gz || gx > 0x7FFFFFFF || gy > 65535 || gz > 65535) return INVALID_VALUE;
    if (!bx || !by || !bz || uint64_t{bx} * by * bz > 1024 || shared > function->allowedShared) return INVALID_VALUE;
    Launch launch{function, {gx, gy, gz}, {bx, by, bz}, shared, {}};
    for (int i = 0; i < function->parameters; i++) {
        launch.values.push_back(*static_cast<uint64_t*>(parameters[i]));
    }
    if (capture) {
        capture->launches.push_back(launch);
        return SUCCESS;
    }
    return run(launch);
}

int cuGraphInstantiateWithFlags(Graph** executable, Graph* graph, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    ++liveObjects;
    return *executable = new Graph(*graph), SUCCESS;
}
int cuGraphLaunch(Graph* executable, uint64_t) {
    Lock lock(mutex);
    if (int status = ready()) return status;
    for (const auto& launch : executable->launches) {
        if (int status = run(launch)) return status;
    }
    return SUCCESS;
}
int cuGraphExecDestroy(Graph* executable) {
    Lock lock(mutex);
    delete executable;
    --liveObjects;
    return SUCCESS;
}
int cuGraphDestroy(Graph* graph) {
    Lock lock(mutex);
    delete graph;
    --liveObjects;
    return SUCCESS;
}

}  // extern "C"
