/* SPDX-License-Identifier: MIT */
/*
 * memfd.h - a memfd whose contents may be executed
 */
#pragma once

/* => a descriptor, or -errno and why */
int memfd_create_exec(const char *name, const char **why);
