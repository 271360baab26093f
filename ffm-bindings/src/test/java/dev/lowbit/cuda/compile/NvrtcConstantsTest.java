package dev.lowbit.cuda.compile;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.cuda.global.nvrtc;
import org.junit.jupiter.api.Test;

/** As {@code ConstantsTest}, for the compiler's status codes. */
class NvrtcConstantsTest {
    @Test
    void status() {
        assertThat(Nvrtc.SUCCESS).isEqualTo(nvrtc.NVRTC_SUCCESS);
    }
}
