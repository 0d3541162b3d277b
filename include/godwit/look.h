/* SPDX-License-Identifier: MIT */
/*
 * look.h - what a machine looks like between two steps of whatever it is doing
 *
 * For those who tell what happened: no lock is taken, nothing is changed, and a machine that is
 * broken is shown as it is.  Nothing else may run meanwhile.
 */
#ifndef GODWIT_LOOK_H
#define GODWIT_LOOK_H

#include <godwit/types.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gw_sight_kind {
	GW_SIGHT_VMA,
	GW_SIGHT_PTE,	      /* one that is not none */
	GW_SIGHT_TRANSLATION, /* of a modelled TLB */
	GW_SIGHT_FRAME,	      /* a guest's, in use */
};

enum gw_pte_state { GW_PTE_PRESENT, GW_PTE_MIGRATION, GW_PTE_SWAP };

struct gw_sight {
	enum gw_sight_kind kind;
	unsigned long mm_id;	 /* but for a frame */
	const void *vma;	 /* of a VMA: the same one has the same pointer */
	int cpu;		 /* of a translation */
	unsigned long addr, end; /* @end of a VMA alone */
	unsigned long pgoff;	 /* of a VMA */
	char perms[5];		 /* of a VMA: "rw-p" */
	bool grows_down;	 /* of a VMA: VM_GROWSDOWN */
	bool incomplete;	 /* of a VMA: VM_STACK_INCOMPLETE_SETUP */
	enum gw_pte_state state; /* of a PTE */
	bool write;		 /* of a PTE, a migration entry and a translation */
	unsigned long pfn;	 /* but for a VMA; of a swap entry its offset */
	bool locked;		 /* of a frame, as what follows */
	int refcount, mapcount;
};

/* What an address in a machine's memory is. */
struct gw_place {
	char name[80]; /* "mmap_lock of mm 1", "flags of frame 3"; "": nothing of the machine */
	long frame;    /* the guest frame that it describes; -1: none */
	int tlb_of;    /* the CPU whose modelled TLB it belongs to; -1: none */
	unsigned long mm_id; /* of the address space that it belongs to; 0: none, or many */
	bool has_addr;	     /* it is the entry for @addr, or (@is_table) belongs to its table */
	bool is_table;
	unsigned long addr;
	bool shared_by_all; /* allocators and lists that have nothing to do with one page */
};

#ifdef __cplusplus
}
#endif
#endif
