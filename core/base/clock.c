/* The wall clock, a clock that never jumps, and run ids, which begin with the time. */
#include <dowel/clock.h>

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

int64_t dowel_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

double dowel_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct timespec dowel_deadline(clockid_t clock, double seconds) {
    enum { LONGEST = 1000000000 }; /* also fits a tv_sec of 32 bits */
    struct timespec until;
    clock_gettime(clock, &until);
    double ahead = seconds > LONGEST ? LONGEST : seconds > 0 ? seconds : 0;
    time_t whole = (time_t)ahead;
    until.tv_sec += whole;
    until.tv_nsec += (long)((ahead - (double)whole) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

/* RFC 9562, version 7: 48 bits of milliseconds, then noise; the first 12 bits of that count microseconds, so that ids made in one
 * millisecond still sort. */
void dowel_new_run_id(char id[DOWEL_RUN_ID_SIZE]) {
    unsigned char noise[8];
    RAND_bytes(noise, sizeof noise);
    int64_t now = dowel_now(), ms = now / 1000;
    unsigned fraction = (unsigned)(now % 1000) * 4096 / 1000;
    char text[64];
    unsigned variant = (((unsigned)noise[0] << 8 | noise[1]) & 0x3fffu) | 0x8000u;
    snprintf(text, sizeof text, "%08llx-%04llx-7%03x-%04x-%02x%02x%02x%02x%02x%02x",
             (unsigned long long)(ms >> 16) & 0xffffffff, (unsigned long long)(ms & 0xffff), fraction & 0xfff, variant,
             noise[2], noise[3], noise[4], noise[5], noise[6], noise[7]);
    memcpy(id, text, DOWEL_RUN_ID_SIZE - 1);
    id[DOWEL_RUN_ID_SIZE - 1] = 0;
}
