/* clock.c - the only clock. */
#include "base/clock.h"

static uint64_t turn_ms;
static uint64_t moved_ms;

static uint64_t
read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u + moved_ms * 1000u;
}

uint64_t
clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t
clock_ms(void)
{
	return turn_ms != 0 ? turn_ms : clock_us() / 1000u;
}

int64_t
clock_wall_us(void)
{
	return (int64_t)read_us(CLOCK_REALTIME);
}

int64_t
clock_wall(void)
{
	return clock_wall_us() / 1000000;
}

void
clock_turn(void)
{
	turn_ms = clock_us() / 1000u;
}

void
clock_advance(uint64_t ms)
{
	moved_ms += ms;
	if (turn_ms != 0)
		turn_ms += ms;
}

/* Bounds that the compiler can see, too. */
#define TWO(n)  ((unsigned)(n) % 100u)
#define FOUR(n) ((unsigned)(n) % 10000u)

const char *
clock_rfc3339(int64_t us, char out[CLOCK_RFC3339_SIZE])
{
	time_t s = us / 1000000;
	struct tm t;

	gmtime_r(&s, &t);
	snprintf(out, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    FOUR(t.tm_year + 1900), TWO(t.tm_mon + 1), TWO(t.tm_mday), TWO(t.tm_hour),
	    TWO(t.tm_min), TWO(t.tm_sec), (unsigned)(us / 1000 % 1000) % 1000u);
	return out;
}

const char *
clock_rfc5322(int64_t s, char out[CLOCK_RFC5322_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t at = s;
	struct tm t;

	gmtime_r(&at, &t);
	snprintf(out, CLOCK_RFC5322_SIZE, "%s, %02u %s %04u %02u:%02u:%02u +0000", days[t.tm_wday],
	    TWO(t.tm_mday), months[t.tm_mon], FOUR(t.tm_year + 1900), TWO(t.tm_hour), TWO(t.tm_min),
	    TWO(t.tm_sec));
	return out;
}
