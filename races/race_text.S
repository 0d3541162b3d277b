/* SPDX-License-Identifier: MIT */
/*
 * race_text.S - a text of one race, as data of the program
 *
 * RACE_SYMBOL and RACE_FILE are given by the build; explore/scenario_list.h names the symbols.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

	.section .rodata, "a"
	.globl	RACE_SYMBOL, JOIN(RACE_SYMBOL, _end)
	.hidden	RACE_SYMBOL, JOIN(RACE_SYMBOL, _end)
RACE_SYMBOL:
	.incbin	RACE_FILE
JOIN(RACE_SYMBOL, _end):
	.section .note.GNU-stack, "", @progbits
