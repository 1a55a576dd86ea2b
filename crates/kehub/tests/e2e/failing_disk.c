/* Lets every sync fail while a file is there, as a disk does that is going. To be loaded before the C library. */

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void) {
    const char *sign = getenv("FAILING_DISK");
    return sign != NULL && access(sign, F_OK) == 0;
}

static int sync_with(long call, int file) {
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, file);
}

int fdatasync(int file) {
    return sync_with(SYS_fdatasync, file);
}

int fsync(int file) {
    return sync_with(SYS_fsync, file);
}
