/* SPDX-License-Identifier: MIT */
/*
 * compiler.h - the few words that C lacks
 *
 * Nothing here knows of memory management, tasks or machines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define BUILD_ASSERT(cond) _Static_assert(cond, #cond)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define __must_check __attribute__((warn_unused_result))
#define __noreturn   __attribute__((noreturn))
/* Code that runs while nothing else does: its accesses are not watched. */
#define __unwatched __attribute__((no_sanitize("thread")))
#define __pure __attribute__((pure))
#define __printf(f, a) __attribute__((format(printf, f, a)))

/* Exported from a library built with hidden visibility: the entry tables alone. */
#define __export __attribute__((visibility("default")))

#define min(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define max(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

/* @align is a power of two. */
#define ALIGN_DOWN(x, align) ((x) & ~((__typeof__(x))(align)-1))
#define ALIGN_UP(x, align)   ALIGN_DOWN((x) + (align)-1, align)
#define IS_ALIGNED(x, align) (((x) & ((__typeof__(x))(align)-1)) == 0)
