package dev.lowbit.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.ValueLayout;
import org.bytedeco.cuda.global.cudart;
import org.junit.jupiter.api.Test;

/**
 * Our numbers against those of another binding, made from the same headers by a generator. They are constants of the compiler: no class of that binding is loaded, so no driver is needed. We pass
 * no structure to the driver, only handles and numbers.
 */
class ConstantsTest {
    @Test
    void attributes() {
        assertThat(Constants.DEVICE_MULTIPROCESSOR_COUNT).isEqualTo(cudart.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        assertThat(Constants.DEVICE_L2_CACHE_SIZE).isEqualTo(cudart.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
        assertThat(Constants.DEVICE_COMPUTE_CAPABILITY_MAJOR)
                .isEqualTo(cudart.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        assertThat(Constants.DEVICE_COMPUTE_CAPABILITY_MINOR)
                .isEqualTo(cudart.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        assertThat(Constants.DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
                .isEqualTo(cudart.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        assertThat(Constants.FUNC_SHARED_SIZE_BYTES).isEqualTo(cudart.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
        assertThat(Constants.FUNC_LOCAL_SIZE_BYTES).isEqualTo(cudart.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
        assertThat(Constants.FUNC_NUM_REGS).isEqualTo(cudart.CU_FUNC_ATTRIBUTE_NUM_REGS);
        assertThat(Constants.FUNC_MAX_DYNAMIC_SHARED_SIZE_BYTES)
                .isEqualTo(cudart.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
    }

    @Test
    void options() {
        assertThat(Constants.JIT_ERROR_LOG_BUFFER).isEqualTo(cudart.CU_JIT_ERROR_LOG_BUFFER);
        assertThat(Constants.JIT_ERROR_LOG_BUFFER_SIZE_BYTES).isEqualTo(cudart.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
        assertThat(Constants.MEMHOSTALLOC_PORTABLE).isEqualTo(cudart.CU_MEMHOSTALLOC_PORTABLE);
        assertThat(Constants.STREAM_NON_BLOCKING).isEqualTo(cudart.CU_STREAM_NON_BLOCKING);
        assertThat(Constants.STREAM_CAPTURE_MODE_THREAD_LOCAL).isEqualTo(cudart.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
        assertThat(Constants.EVENT_DEFAULT).isEqualTo(cudart.CU_EVENT_DEFAULT);
    }

    @Test
    void status() {
        assertThat(Status.SUCCESS).isEqualTo(cudart.CUDA_SUCCESS);
        assertThat(Status.OUT_OF_MEMORY).isEqualTo(cudart.CUDA_ERROR_OUT_OF_MEMORY);
        assertThat(Status.NO_DEVICE).isEqualTo(cudart.CUDA_ERROR_NO_DEVICE);
        assertThat(Status.DEINITIALIZED).isEqualTo(cudart.CUDA_ERROR_DEINITIALIZED);
        assertThat(Status.DEVICE_UNAVAILABLE).isEqualTo(cudart.CUDA_ERROR_DEVICE_UNAVAILABLE);
        assertThat(Status.ECC_UNCORRECTABLE).isEqualTo(cudart.CUDA_ERROR_ECC_UNCORRECTABLE);
        assertThat(Status.NVLINK_UNCORRECTABLE).isEqualTo(cudart.CUDA_ERROR_NVLINK_UNCORRECTABLE);
        assertThat(Status.CONTAINED).isEqualTo(cudart.CUDA_ERROR_CONTAINED);
        assertThat(Status.ILLEGAL_ADDRESS).isEqualTo(cudart.CUDA_ERROR_ILLEGAL_ADDRESS);
        assertThat(Status.LAUNCH_TIMEOUT).isEqualTo(cudart.CUDA_ERROR_LAUNCH_TIMEOUT);
        assertThat(Status.CONTEXT_IS_DESTROYED).isEqualTo(cudart.CUDA_ERROR_CONTEXT_IS_DESTROYED);
        assertThat(Status.ASSERT).isEqualTo(cudart.CUDA_ERROR_ASSERT);
        assertThat(Status.HARDWARE_STACK_ERROR).isEqualTo(cudart.CUDA_ERROR_HARDWARE_STACK_ERROR);
        assertThat(Status.ILLEGAL_INSTRUCTION).isEqualTo(cudart.CUDA_ERROR_ILLEGAL_INSTRUCTION);
        assertThat(Status.MISALIGNED_ADDRESS).isEqualTo(cudart.CUDA_ERROR_MISALIGNED_ADDRESS);
        assertThat(Status.INVALID_ADDRESS_SPACE).isEqualTo(cudart.CUDA_ERROR_INVALID_ADDRESS_SPACE);
        assertThat(Status.INVALID_PC).isEqualTo(cudart.CUDA_ERROR_INVALID_PC);
        assertThat(Status.LAUNCH_FAILED).isEqualTo(cudart.CUDA_ERROR_LAUNCH_FAILED);
        assertThat(Status.TENSOR_MEMORY_LEAK).isEqualTo(cudart.CUDA_ERROR_TENSOR_MEMORY_LEAK);
        assertThat(Status.UNKNOWN).isEqualTo(cudart.CUDA_ERROR_UNKNOWN);
    }

    /** Handles, device addresses and sizes are 64-bit integers to us, whatever the header calls them. */
    @Test
    void widths() {
        AddressLayout pointer = ValueLayout.ADDRESS;
        assertThat(pointer.byteSize()).isEqualTo(ValueLayout.JAVA_LONG.byteSize());
        assertThat(pointer.byteAlignment()).isEqualTo(ValueLayout.JAVA_LONG.byteAlignment());
    }
}
