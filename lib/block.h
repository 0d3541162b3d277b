/* SPDX-License-Identifier: MIT */
/*
 * block.h - copies of whole frames
 *
 * The one place where frame contents move.  Compiled without any sanitizer or thread
 * instrumentation: the bytes of a frame are the guest's, and a guest may store into a page while
 * it is being copied to a file, as it may on Linux.
 */
#pragma once

#include "compiler.h"

void block_copy(void *to, const void *from, size_t len);
void block_zero(void *to, size_t len);
void block_fill(void *to, unsigned char byte, size_t len);

/* Does every byte of [@at, @at + @len) equal @byte? */
bool block_is_filled(const void *at, unsigned char byte, size_t len);
