// Package document has the commands and queries about documents: texts with a history, an access list and a lock.
//
//	Create ──▶ revision 1 ──Update──▶ 2 ──Update──▶ 3 ──Restore 1──▶ 4, …
//	             whole        delta        delta        delta
//
// A revision is never changed. It is kept whole, or as what differs from an earlier one; servers find the difference,
// Apply puts the content together and compares its SHA-256. The writer shows the live fence of the document's
// lock, or his login's own is taken: a document is written by who holds its lock, or by nobody while somebody else does.
//
// # Reading order
//
//	delta.go    what differs, as bytes: MakeDelta and the way back
//	content.go  a revision's content, and how it is kept
//	write.go    Create, Update and Restore, and what they ask of the lock
//	own.go      Delete, Undelete and Configure
//	share.go    the access list
//	show.go     Show and History
//	list.go     List, and Inspect for admins of the cluster
package document
