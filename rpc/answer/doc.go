// Package answer makes the texts of assistance on a node: it asks the LLM server, and where that has no answer it
// makes one of what stands in the texts themselves.
//
//	Job ──▶ cached? ──▶ may it leave? ──▶ LLM server ──▶ has it the form? ──▶ Made
//	                                          │ dead, slow, full, wrong            ▲
//	                                          └──▶ offline, marked so ─────────────┘
//
//	maker.go     the way above
//	model.go     the connection to the LLM server, and what its failures mean
//	cache.go     answers that were made already
//	external.go  the backends for which texts can leave the machine
//	limits.go    every bound, with the reason for its number
//
// Whether somebody may read what is in a job was decided before there was one. Whether it may leave the machine is
// decided by the job's Consult, each time, before a byte goes to an external backend; and the LLM server itself refuses what
// does not name its backend, so that one that was exchanged meanwhile gets nothing.
package answer
